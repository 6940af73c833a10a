"""What a model says of itself beside its signature: format, precision, size and so on, in the words of ModelPack."""

_FORMATS = {
    ".gguf": "gguf",
    ".joblib": "joblib",
    ".onnx": "onnx",
    ".pkl": "pickle",
    ".pt": "pt",
    ".pth": "pt",
    ".safetensors": "safetensors",
}

_MODALITIES = ["text", "image", "audio", "video", "embedding", "other"]
_LISTS = ["inputTypes", "outputTypes", "languages"]
_SWITCHES = ["reasoning", "toolUsage", "reward"]
_CUTOFF = "knowledgeCutoff"

FACTS = {
    "family": attr.string(doc = "The family that it belongs to, such as llama3."),
    "architecture": attr.string(doc = "How it is built: transformer, cnn, gradient boosting and so on."),
    "format": attr.string(doc = "The files' format; by default told by their names: safetensors, onnx, gguf, pt, joblib."),
    "param_size": attr.string(doc = "How many parameters it has, such as 8b."),
    "precision": attr.string(doc = "The type of its numbers, such as float16."),
    "quantization": attr.string(doc = "How it was quantized, such as awq."),
    "capabilities": attr.data(
        default = {},
        doc = "What it can do, in ModelPack's words: inputTypes, outputTypes, languages, knowledgeCutoff, reasoning, " +
              "toolUsage, reward.",
    ),
}

def facts_of(ctx, files):
    """A model's facts by the names of their attributes; what it does not say is left out.

    Args:
        ctx: the context of a rule with the attributes FACTS.
        files: the model's files.

    Returns:
        a dict.
    """
    _check(ctx.attr.capabilities)
    facts = {name: getattr(ctx.attr, name) for name in FACTS}
    facts["format"] = ctx.attr.format or _format(files)
    return {name: value for name, value in facts.items() if value}

def _format(files):
    """The one format that names of files tell, or nothing."""
    found = {}
    for file in files:
        for end in _FORMATS:
            if file.basename.endswith(end):
                found[_FORMATS[end]] = None
    return list(found)[0] if len(found) == 1 else ""

def _check(capabilities):
    if type(capabilities) != "dict":
        fail("'capabilities' must be a dict, found " + type(capabilities))
    for name, value in capabilities.items():
        if name in _LISTS:
            _check_list(name, value)
        elif name in _SWITCHES:
            if type(value) != "bool":
                fail("'%s' in 'capabilities' must be True or False, found %r" % (name, value))
        elif name == _CUTOFF:
            _check_time(value)
        else:
            known = ", ".join(sorted(_LISTS + _SWITCHES + [_CUTOFF]))
            fail("'capabilities' has no '%s': a model's are %s" % (name, known))

def _check_list(name, value):
    if type(value) != "list" or not all([type(item) == "string" for item in value]):
        fail("'%s' in 'capabilities' must be a list of strings, found %r" % (name, value))
    for item in value:
        if name != "languages" and item not in _MODALITIES:
            fail("'%s' in 'capabilities' has no '%s': expected some of %s" % (name, item, ", ".join(_MODALITIES)))
        if name == "languages" and not (len(item) == 2 and item.isalpha() and item.islower()):
            fail("'languages' in 'capabilities' holds '%s', expected two letters such as en (ISO 639)" % item)

def _check_time(value):
    shape = "".join(["0" if letter.isdigit() else letter for letter in (value if type(value) == "string" else "").elems()])
    if shape != "0000-00-00T00:00:00Z":
        fail("'knowledgeCutoff' in 'capabilities' must be a time such as 2024-12-31T00:00:00Z, found %r" % value)
