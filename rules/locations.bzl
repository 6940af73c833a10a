"""`$(location LABEL)`, `$(SRCS)` and `$@` in command lines, as Bazel's genrule knows them."""

def expand_locations(ctx, text, targets, outputs):
    """Replaces the placeholders of a text by paths in the action's working folder.

    `$(location X)` is the one file of a dependency (written as `:x`, `x` or `//package:x`), or an output by its name;
    `$(locations X)` are all files of one; `$(SRCS)` are all files of `targets`; `$@` is the one output.

    Args:
        ctx: the context of the rule whose action it is.
        text: a word or a line of a command.
        targets: the dependencies whose files `$(SRCS)` are, such as `ctx.attr.srcs`.
        outputs: files by the names that it may use, such as those of `attr.output_list`.

    Returns:
        the text with paths.
    """
    text = ctx.expand_location(text, targets)
    if "$@" in text:
        if len(outputs) != 1:
            fail("'$@' needs exactly one output, there are %d" % len(outputs))
        text = text.replace("$@", "out/" + outputs.values()[0].path)
    if "$(SRCS)" in text:
        text = text.replace("$(SRCS)", " ".join([file.path for target in targets for file in target.files.to_list()]))
    return text
