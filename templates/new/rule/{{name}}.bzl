"""`{{name}}`: says which files it was given."""

{{camel}}Info = provider(
    doc = "What {{name}} found.",
    fields = {"report": "the file that lists its sources"},
)

def _{{name}}(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".txt")
    lines = [ctx.attr.title] + [file.path for file in ctx.files.srcs]
    ctx.actions.write(report, "\n".join(lines) + "\n")
    return [
        DefaultInfo(files = [report]),
        {{camel}}Info(report = report),
    ]

{{name}} = rule(
    implementation = _{{name}},
    doc = """Lists files under a title.

    Example:
        ```python
        load("{{label}}", "{{name}}")

        {{name}}(
            name = "listed",
            srcs = ["a.txt"],
            title = "All of them",
        )
        ```
    """,
    attrs = {
        "srcs": attr.label_list(
            mandatory = True,
            allow_files = True,
            doc = "The files that are listed.",
        ),
        "title": attr.string(
            default = "Files:",
            doc = "The first line.",
        ),
    },
)
