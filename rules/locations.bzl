"""`$(location LABEL)`, `$(SRCS)` and `$@` in command lines, as Bazel's genrule knows them."""

def expand_locations(ctx, text, targets, outputs):
    """Replaces the placeholders of a text by paths in the action's working folder.

    `$(location X)` is the one file of a target in `targets` (written as `:x`, `x` or `//package:x`), or an output by its
    name; `$(SRCS)` are all files of `targets`; `$@` is the one output.

    Args:
        ctx: the context of the rule whose action it is.
        text: a word or a line of a command.
        targets: the dependencies that it may name, such as `ctx.attr.srcs`.
        outputs: files by the names that it may use, such as those of `attr.output_list`.

    Returns:
        the text with paths.
    """
    for target in targets:
        for form in _forms(ctx, target.label):
            placeholder = "$(location " + form + ")"
            if placeholder in text:
                files = target.files.to_list()
                if len(files) != 1:
                    fail("%s: %s has %d files, expected one" % (placeholder, target.label, len(files)))
                text = text.replace(placeholder, files[0].path)
    for name, output in outputs.items():
        text = text.replace("$(location " + name + ")", "out/" + output.path)
    if "$@" in text:
        if len(outputs) != 1:
            fail("'$@' needs exactly one output, there are %d" % len(outputs))
        text = text.replace("$@", "out/" + outputs.values()[0].path)
    if "$(SRCS)" in text:
        text = text.replace("$(SRCS)", " ".join([file.path for target in targets for file in target.files.to_list()]))
    if "$(location" in text:
        fail("cannot expand %r: it names neither a dependency nor an output" % text)
    return text

def _forms(ctx, label):
    forms = [str(label)]
    if label.package == ctx.label.package:
        forms += [":" + label.name, label.name]
    if label.package.split("/")[-1] == label.name:
        forms.append("//" + label.package)
    return forms
