"""`model` and `trained_model`: a model's files, its version and its signature."""

load(":layers.bzl", "LayersInfo", "make_layer")
load(":locations.bzl", "expand_locations")
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
    },
)

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
}

def _model_info(ctx, files):
    if ctx.attr.framework == "custom" and not ctx.attr.implementation:
        fail("a custom model needs implementation = \"module.Class\"")
    folder = "models/" + ctx.label.name + "/"
    placed = {}
    for file in files + ([ctx.file.card] if ctx.attr.card else []):
        if folder + file.basename in placed:
            fail("two files of the model are called '%s'" % file.basename)
        placed[folder + file.basename] = file
    layer = make_layer(ctx, "model", "files_layer", {"files": placed, "compression": "none", "weights": True})
    return [
        DefaultInfo(files = files),
        LayersInfo(layers = [layer]),
        ModelInfo(
            name = ctx.label.name,
            framework = ctx.attr.framework,
            implementation = ctx.attr.implementation,
            layers = [layer],
            uri = files[0].basename if len(files) == 1 and not files[0].is_tree else "",
            version = ctx.attr.version,
            inputs = ctx.attr.inputs,
            outputs = ctx.attr.outputs,
            license = ctx.attr.license,
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
        "runtime": attr.label(mandatory = True, providers = [RuntimeInfo], doc = "Where it runs."),
    } | _SIGNATURE,
)
