"""`model` and `trained_model`: a model's files, its version and its signature."""

load(":layers.bzl", "LayersInfo", "MAX_LAYER_SIZE", "blobs", "check_limits", "descriptors", "make_layers", "trees")
load(":locations.bzl", "expand_locations")
load(":model_facts.bzl", "FACTS", "facts_of")
load(":runtime.bzl", "RuntimeInfo", "root_of")

ModelInfo = provider(
    doc = "A model, ready to be put into an image.",
    fields = {
        "name": "its name, and its folder's below /models",
        "framework": "what made it: sklearn, custom, ...",
        "implementation": "the class that loads it, for custom ones",
        "layers": "the layers with its files",
        "uri": "the file (or '' for the folder) that the server is told of",
        "version": "its version",
        "inputs": "the tensors that it takes",
        "outputs": "the tensors that it gives",
        "license": "its licence, an SPDX expression",
        "facts": "what model_facts.bzl tells of it: format, precision and so on",
    },
)

def models_of(ctx):
    """The ModelInfo of each of a target's `models`, which must differ in name: it is their folder's below /models."""
    owners = {}
    for target in ctx.attr.models:
        name = target[ModelInfo].name
        if name in owners:
            fail("'%s' and '%s' would share the folder 'models/%s': rename one of them" % (owners[name], target.label, name))
        owners[name] = target.label
    return [target[ModelInfo] for target in ctx.attr.models]

def tensor(name, datatype, shape):
    """One input or output of a model, as the Open Inference Protocol names it.

    Args:
        name: the tensor's name.
        datatype: `FP64`, `INT64`, `BOOL`, `BYTES` and so on.
        shape: its dimensions; -1 is a free one.

    Returns:
        a dict, for `inputs` and `outputs` of a model.

    Example:
        ```python
        _FEATURES = [tensor(
            "features",
            "FP64",
            [
                -1,
                30,
            ],
        )]
        ```
    """
    return {"name": name, "datatype": datatype, "shape": shape}

_SIGNATURE = {
    "framework": attr.string(
        mandatory = True,
        values = ["sklearn", "xgboost", "lightgbm", "catboost", "custom"],
        doc = "What made it; a server knows by this how to load it.",
    ),
    "implementation": attr.string(doc = "The class that loads a custom model, as module.Class."),
    "version": attr.string(doc = "The model's version."),
    "inputs": attr.data(default = [], doc = "Tensors that it takes."),
    "outputs": attr.data(default = [], doc = "Tensors that it gives."),
    "card": attr.label(allow_single_file = [".md"], doc = "The model card, shipped beside the model."),
    "license": attr.string(doc = "The model's licence, an SPDX expression."),
    "max_layer_size": attr.int(
        default = MAX_LAYER_SIZE,
        doc = "How many bytes of several files a layer holds at most; a larger file is a layer by itself.",
    ),
    "max_layers": attr.int(
        default = 30,
        doc = "How many layers big files (64 MiB or more) have at most, one each; of more, the smallest share some.",
    ),
} | FACTS

# What files are for, by the ends of their names: the roles of CNCF's ModelPack. Weights are what nothing else fits.
_WEIGHTS = {"": "weights"}
_BESIDE = {
    end: "weights.config"
    for end in [
        ".jinja",
        ".json",
        ".tiktoken",
        ".toml",
        ".txt",
        ".yaml",
        ".yml",
        "tokenizer.model",
    ]
}
_OTHERS = {end: "doc" for end in [
    ".md",
    ".pdf",
    ".rst",
    "LICENSE",
    "LICENSE.txt",
    "NOTICE",
    "NOTICE.txt",
    "README",
    "README.txt",
]} | {end: "code" for end in [
    ".ipynb",
    ".py",
    ".pyi",
]}

# So many files are each read by an action of their own; more of them share these.
_MOST_ACTIONS = 100

def _is_any(name, ends):
    return any([name.endswith(end) for end in ends])

def _model_layers(ctx, placed):
    """The layers of a model's files: weights one each if they are big, the others together by what they are for."""
    weights = [path for path in placed if not _is_any(path, _OTHERS) and not _is_any(path, _BESIDE)]
    roles = _WEIGHTS | _BESIDE | _OTHERS
    if not weights:  # such as xgboost's model.json
        weights = [path for path in placed if not _is_any(path, _OTHERS)]
        roles = _WEIGHTS | _OTHERS
    check_limits(ctx, ["max_layers", "max_layer_size"])

    # An action for each file, or for a few of very many: whoever exchanges one shard has these read anew, no others.
    weights = sorted(weights)
    actions = {}
    for path in weights:
        group = path if len(weights) <= _MOST_ACTIONS else hash(path) % _MOST_ACTIONS
        actions.setdefault(group, {})[path] = placed[path]
    limits = {
        "roles": roles,
        "max_layers": ctx.attr.max_layers,
        "max_layer_size": ctx.attr.max_layer_size,
    }
    layers = []
    rests = []
    for number, files in enumerate(actions.values()):
        name = "weights-%d" % number
        rest = ctx.actions.declare_tree("%s/%s.rest" % (ctx.label.name, name))
        rests.append(rest)
        layers.append(make_layers(ctx, name, "big_file_layers", {"files": files} | limits, {"rest": rest}))
    if len(weights) > ctx.attr.max_layers:
        layers = [make_layers(ctx, "weights", "fewer_layers", {
            "layers": blobs(layers),
            "descriptors": descriptors(layers),
            "trees": trees(layers),
        } | limits)]
    taken = {path: None for path in weights}  # a dict, for models of thousands of files
    layers.append(make_layers(ctx, "files", "small_file_layers", {
        "name": ctx.label.name,
        "files": {path: file for path, file in placed.items() if path not in taken},
        "trees": rests,
        "roles": roles,
        "max_layer_size": ctx.attr.max_layer_size,
    }))
    return layers

def _model_info(ctx, files):
    if ctx.attr.framework == "custom" and not ctx.attr.implementation:
        fail("a custom model needs implementation = \"module.Class\"")
    folder = "models/" + ctx.label.name + "/"
    placed = {}
    for file in files + ([ctx.file.card] if ctx.attr.card else []):
        if folder + file.basename in placed:
            fail("'%s' and '%s' would both be '%s': a model's files lie side by side, so rename one" % (
                placed[folder + file.basename].short_path,
                file.short_path,
                folder + file.basename,
            ))
        placed[folder + file.basename] = file
    layers = _model_layers(ctx, placed)
    return [
        DefaultInfo(files = files),
        LayersInfo(layers = layers),
        ModelInfo(
            name = ctx.label.name,
            framework = ctx.attr.framework,
            implementation = ctx.attr.implementation,
            layers = layers,
            uri = files[0].basename if len(files) == 1 and not files[0].is_tree else "",
            version = ctx.attr.version,
            inputs = ctx.attr.inputs,
            outputs = ctx.attr.outputs,
            license = ctx.attr.license,
            facts = facts_of(ctx, files),
        ),
    ]

def _model(ctx):
    return _model_info(ctx, list(ctx.files.srcs))

model = rule(
    implementation = _model,
    doc = """A model whose files lie in the repository or are made by other targets.

    Example:
        ```python
        _FEATURES = [tensor(
            "features",
            "FP64",
            [
                -1,
                30,
            ],
        )]

        _PREDICTION = [tensor(
            "predict",
            "INT64",
            [-1],
        )]

        model(
            name = "fraud_model",
            srcs = ["fraud.joblib"],
            card = "fraud.md",
            framework = "sklearn",
            inputs = _FEATURES,
            license = "Apache-2.0",
            outputs = _PREDICTION,
            version = "3.1.0",
        )

        model(
            name = "rules_model",
            srcs = ["rules.json"],
            framework = "custom",
            implementation = "features.Rules",
        )
        ```
    """,
    attrs = {
        "srcs": attr.label_list(mandatory = True, allow_empty = False, allow_files = True, doc = "The model's files."),
    } | _SIGNATURE,
)

def _trained_model(ctx):
    outputs = {name: ctx.actions.declare_file(name) for name in ctx.attr.outs}
    runtime = ctx.attr.runtime[RuntimeInfo]
    sources = [ctx.attr.script] + list(ctx.attr.srcs)
    ctx.actions.run(
        outputs = list(outputs.values()),
        inputs = [ctx.file.script] + list(ctx.files.srcs),
        command = [runtime.python, ctx.file.script] +
                  [expand_locations(ctx, word, sources, outputs) for word in ctx.attr.args],
        environment = runtime.environment | ctx.attr.environment,
        root = root_of(ctx.attr.runtime),
        mnemonic = "train",
    )
    return _model_info(ctx, list(outputs.values()))

trained_model = rule(
    implementation = _trained_model,
    doc = """A model that an action trains.

    The script runs in the runtime's layers, with its declared inputs and no network, one thread and fixed seeds.

    Example:
        ```python
        trained_model(
            name = "fraud_model",
            srcs = ["//data:transactions"],
            outs = ["fraud.joblib"],
            args = [
                "--data=$(location //data:transactions)",
                "--out=$@",
            ],
            framework = "sklearn",
            runtime = "//third_party:training",
            script = "train.py",
        )
        ```
    """,
    attrs = {
        "script": attr.label(mandatory = True, allow_single_file = [".py"], doc = "The Python program that trains."),
        "srcs": attr.label_list(allow_files = True, doc = "The data, and modules that lie beside the script."),
        "args": attr.string_list(doc = "Its arguments; $(location X) stands for a path."),
        "outs": attr.output_list(mandatory = True, allow_empty = False, doc = "The files that it makes."),
        "environment": attr.string_dict(doc = "More variables that it sees."),
        "runtime": attr.label(cfg = "exec", mandatory = True, providers = [RuntimeInfo], doc = "Where it runs."),
    } | _SIGNATURE,
)
