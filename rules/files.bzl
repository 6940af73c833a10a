"""Files: `filegroup`, `genrule`, `http_file`, `python_sources`."""

load(":layers.bzl", "COMPRESSION", "LayersInfo", "make_layer")
load(":locations.bzl", "expand_locations")
load(":runtime.bzl", "RuntimeInfo", "root_of")

def _filegroup(ctx):
    return [DefaultInfo(files = ctx.files.srcs)]

filegroup = rule(
    implementation = _filegroup,
    doc = """Gives several files one name.

    Example:
        ```python
        filegroup(
            name = "documents",
            srcs = [
                "card.md",
                "//legal:terms",
            ],
        )
        ```
    """,
    attrs = {
        "srcs": attr.label_list(allow_files = True, doc = "Files and targets."),
    },
)

def _genrule(ctx):
    if (ctx.attr.runtime == None) == (not ctx.attr.host_tools):
        fail("say where the command runs: either 'runtime', or 'host_tools = True' " +
             "(whose results depend on the machine)")
    if bool(ctx.attr.cmd) == bool(ctx.attr.command):
        fail("give either 'cmd', a line for the shell, or 'command', a list of words")
    outputs = {name: ctx.actions.declare_file(name) for name in ctx.attr.outs}
    words = ["/bin/sh", "-eu", "-c", ctx.attr.cmd] if ctx.attr.cmd else ctx.attr.command
    ctx.actions.run(
        outputs = list(outputs.values()),
        inputs = ctx.files.srcs,
        command = [expand_locations(ctx, word, ctx.attr.srcs, outputs) for word in words],
        environment = ctx.attr.environment,
        root = root_of(ctx.attr.runtime),
        mnemonic = "genrule",
    )
    return [DefaultInfo(files = list(outputs.values()))]

genrule = rule(
    implementation = _genrule,
    doc = """Runs a command that makes files.

    It runs in the layers of a `runtime`, or (`host_tools = True`) with the programs of the machine that builds; the
    latter's results are never shared between machines.

    In both, these stand for paths: `$(location LABEL)` and `$(locations LABEL)`; `$(SRCS)` and `$(OUTS)`; `$<` and `$@`,
    the only source and output; `$(RULEDIR)` and `$(@D)`, the folders of the package's outputs and of the only one.
    `$(NAME)` is what `--define=NAME=…` says. `$$` is `$`: write `$$(date)` for what the shell runs; `$name` needs none.

    Example:
        ```python
        genrule(
            name = "transactions",
            srcs = ["generate.py"],
            outs = ["transactions.csv"],
            command = [
                "/usr/bin/python3",
                "$(location generate.py)",
                "--out=$@",
            ],
            runtime = "//third_party:training",
        )
        ```
    """,
    attrs = {
        "srcs": attr.label_list(allow_files = True, doc = "What the command reads."),
        "outs": attr.output_list(mandatory = True, allow_empty = False, doc = "The files that it makes."),
        "cmd": attr.string(doc = "A line for /bin/sh."),
        "command": attr.string_list(doc = "The words of a command, run without a shell."),
        "environment": attr.string_dict(doc = "Variables that it sees."),
        "runtime": attr.label(cfg = "exec", providers = [RuntimeInfo], doc = "The root that it runs in."),
        "host_tools": attr.bool(default = False, doc = "Run it with the machine's own programs."),
    },
)

def _http_file(ctx):
    file = ctx.actions.declare_file(ctx.attr.filename or ctx.attr.urls[0].split("/")[-1])
    ctx.actions.fetch(
        file,
        source = "http",
        name = ctx.label.name,
        filename = file.basename,
        urls = ctx.attr.urls,
        sha256 = ctx.attr.sha256,
        size = ctx.attr.size,
    )
    return [DefaultInfo(files = [file])]

http_file = rule(
    implementation = _http_file,
    doc = """A file from the web, pinned by its sha256.

    Example:
        ```python
        http_file(
            name = "licence",
            size = 11358,
            filename = "LICENSE.txt",
            sha256 = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
            urls = ["https://www.apache.org/licenses/LICENSE-2.0.txt"],
        )
        ```
    """,
    attrs = {
        "urls": attr.string_list(mandatory = True, allow_empty = False, doc = "Where it is found; tried in order."),
        "sha256": attr.string(mandatory = True, doc = "The sha256 of its bytes, in hexadecimal."),
        "size": attr.int(default = -1, doc = "Its size in bytes, if known."),
        "filename": attr.string(doc = "Its name here; by default the last part of the first URL."),
    },
)

def _python_sources(ctx):
    prefix = ctx.label.package + "/" if ctx.label.package else ""
    strip = prefix + ctx.attr.strip_prefix + "/" if ctx.attr.strip_prefix else prefix
    files = {}
    for file in ctx.files.srcs:
        if not file.short_path.startswith(strip):
            fail("'%s' does not lie below '%s'" % (file.short_path, strip))
        files["opt/app/" + file.short_path[len(strip):]] = file
    layer = make_layer(ctx, "sources", "files_layer", {
        "files": files,
        "about": {"name": str(ctx.label), "role": "code", "why": "code of this repository changes most often"},
    })
    return [DefaultInfo(files = ctx.files.srcs), LayersInfo(layers = [layer])]

python_sources = rule(
    implementation = _python_sources,
    doc = """Python modules of this repository, as a layer below /opt/app, which runtimes put on the module path.

    Example:
        ```python
        python_sources(
            name = "features",
            srcs = ["lib/features.py"],
            strip_prefix = "lib",
        )
        ```
    """,
    attrs = {
        "srcs": attr.label_list(
            mandatory = True,
            allow_empty = False,
            allow_files = [".py", ".pyi", ".json", ".txt", ".toml", ".yaml"],
            doc = "Modules, and small files that they read.",
        ),
        "compression": COMPRESSION,
        "strip_prefix": attr.string(doc = "A folder of this package that is left out of the modules' paths."),
    },
)
