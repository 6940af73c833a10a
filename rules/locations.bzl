"""`$(location LABEL)`, `$(SRCS)`, `$@` and the like in command lines, as Bazel's genrule knows them."""

_LOCATIONS = ["location", "locations", "execpath", "execpaths", "rootpath", "rootpaths"]

def expand_locations(ctx, text, targets, outputs):
    """Replaces the placeholders of a text by paths in the action's working folder.

    `$(location X)` is the one file of a dependency (written as `:x`, `x` or `//package:x`), or an output by its name;
    `$(locations X)` are all files of one; `$(execpath X)` and `$(rootpath X)` are the same. `$(SRCS)` are all files of
    `targets`, `$<` is the one; `$(OUTS)` are all outputs, `$@` is the one; `$(RULEDIR)` is the folder of the package's
    outputs, `$(@D)` that of the one output (of several: of the package's). `$(NAME)` is what `--define` says, and `$$`
    is `$`. Any other `$(` is an error; any other `$` is left as it is, for the shell.

    Args:
        ctx: the context of the rule whose action it is.
        text: a word or a line of a command.
        targets: the dependencies whose files `$(SRCS)` are, such as `ctx.attr.srcs`.
        outputs: files by the names that it may use, such as those of `attr.output_list`.

    Returns:
        the text with paths.
    """
    parts = []
    rest = text
    for _ in range(text.count("$")):
        if "$" not in rest:
            break
        before, _, after = rest.partition("$")
        word = _word(after)
        rest = after[len(word):]
        parts += [before, _value(ctx, "$" + word, targets, outputs)]
    return "".join(parts) + rest

def _word(text):
    if not text.startswith("("):
        return text[:1] if text[:1] in ("$", "@", "<") else ""
    if ")" not in text:
        fail("'$(' has no ')'; write '$$(' for the shell's own")
    return text[:text.find(")") + 1]

def _value(ctx, word, targets, outputs):
    made = ["out/" + file.path for file in outputs.values()]
    folder = "out/" + ctx.label.package if ctx.label.package else "out"
    if word in ("$", "$$"):
        return "$"
    if word == "$@":
        return _only(word, "output", made)
    if word == "$(OUTS)":
        return " ".join(made)
    if word == "$(RULEDIR)":
        return folder
    if word == "$(@D)":
        return made[0].rpartition("/")[0] if len(made) == 1 else folder
    if word in ("$<", "$(SRCS)"):
        paths = [file.path for target in targets for file in target.files.to_list()]
        return _only(word, "source file", paths) if word == "$<" else " ".join(paths)
    name = word[2:-1]
    if len(name.split()) > 1 and name.split()[0] in _LOCATIONS:
        return ctx.expand_location(word, targets)
    if name in ctx.var:
        return ctx.var[name]
    fail("'%s' is no variable that mbuild knows; write '$%s' for the shell's own" % (word, word))

def _only(word, kind, paths):
    if len(paths) != 1:
        fail("'%s' needs exactly one %s, there are %d" % (word, kind, len(paths)))
    return paths[0]
