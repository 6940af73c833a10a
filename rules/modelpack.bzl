"""`model_artifact`: models as a ModelPack artifact, over the very layers that images of them have."""

load(":annotations.bzl", "annotations_of", "labels_of", "licenses_of")
load(":layers.bzl", "blobs", "descriptors", "trees")
load(":model.bzl", "ModelInfo", "models_of")

_TYPE = "application/vnd.cncf.model."

# A layer's role → its media type; how it is packed is added to it. What says no role holds weights.
_LAYER_TYPES = {
    "": _TYPE + "weight.v1",
    "code": _TYPE + "code.v1",
    "doc": _TYPE + "doc.v1",
    "weights": _TYPE + "weight.v1",
    "weights.config": _TYPE + "weight.config.v1",
}

def _shared(models, name):
    """What all models say of themselves, if they say the same; else nothing."""
    values = [(getattr(model, "facts", None) or {}).get(name) for model in models]
    return values[0] if values and all([value == values[0] for value in values]) else None

def _filled(fields):
    return {name: value for name, value in fields.items() if value}

def _descriptor(ctx, models):
    """Who made it and where it comes from; empty fields are left out."""
    one = models[0] if len(models) == 1 else None
    return _filled({
        "authors": ctx.attr.authors,
        "createdAt": ctx.stamp.get("created"),
        "datasetsURL": ctx.attr.datasets_urls,
        "description": ctx.attr.description,
        "docURL": ctx.attr.doc_url,
        "family": _shared(models, "family"),
        "licenses": licenses_of(models),
        "name": one.name if one else ctx.label.name,
        "revision": ctx.attr.revision or ctx.stamp.get("revision"),
        "sourceURL": ctx.attr.source_url or ctx.stamp.get("source"),
        "title": ctx.attr.title,
        "vendor": ctx.attr.vendor,
        "version": one.version if one else None,
    })

def _told(ctx):
    """What the target says, under the standard keys too."""
    said = {
        "authors": ", ".join(ctx.attr.authors),
        "description": ctx.attr.description,
        "documentation": ctx.attr.doc_url,
        "revision": ctx.attr.revision,
        "source": ctx.attr.source_url,
        "title": ctx.attr.title,
        "vendor": ctx.attr.vendor,
    }
    return {"org.opencontainers.image." + name: text for name, text in said.items() if text}

def _model_artifact(ctx):
    models = models_of(ctx)
    layers = []
    for model in models:
        layers += model.layers
    config = ctx.actions.declare_file(ctx.label.name + "/config.json")
    manifest = ctx.actions.declare_file(ctx.label.name + "/manifest.json")
    ctx.actions.tool(
        "model_config",
        arguments = {
            "descriptors": descriptors(layers),
            "trees": trees(layers),
            "descriptor": _descriptor(ctx, models),
            "config": _filled({
                "architecture": _shared(models, "architecture"),
                "capabilities": _shared(models, "capabilities"),
                "format": _shared(models, "format"),
                "paramSize": _shared(models, "param_size"),
                "precision": _shared(models, "precision"),
                "quantization": _shared(models, "quantization"),
            }),
        },
        outputs = {"config": config, "warnings": ctx.actions.declare_file(ctx.label.name + "/warnings.json")},
        mnemonic = "config",
    )
    ctx.actions.tool(
        "image_manifest",
        arguments = {
            "annotations": annotations_of(ctx, labels_of(ctx, models) | _told(ctx)),
            "artifact_type": _TYPE + "manifest.v1+json",
            "config": config,
            "config_type": _TYPE + "config.v1+json",
            "descriptors": descriptors(layers),
            "layer_types": _LAYER_TYPES,
            "path_annotation": "org.cncf.model.filepath",
            "file_annotation": "org.cncf.model.file.metadata+json",
            "trees": trees(layers),
        },
        outputs = {"manifest": manifest},
        mnemonic = "manifest",
    )
    return [
        DefaultInfo(files = [manifest]),
        ImageInfo(manifest = manifest, config = config, layers = blobs(layers), platform = ""),
    ]

model_artifact = rule(
    implementation = _model_artifact,
    doc = """A ModelPack artifact (CNCF): models for tools that know models, such as modctl, kit and model registries.

    Its layers are those of a model_image and a model_volume of the same models, under other media types: a store and a
    registry keep the weights once for all three. What is true of the models themselves (format, precision and so on)
    stands at the models.

    Example:
        ```python
        model_artifact(
            name = "fraud_pack",
            authors = ["risk@acme.example"],
            description = "Scores card transactions",
            models = [":fraud_model"],
            title = "Fraud",
            vendor = "Acme",
        )
        ```
    """,
    attrs = {
        "models": attr.label_list(
            mandatory = True,
            allow_empty = False,
            providers = [ModelInfo],
            doc = "What it holds.",
        ),
        "title": attr.string(doc = "The model's name for people."),
        "description": attr.string(doc = "What it is for."),
        "authors": attr.string_list(doc = "Who made it."),
        "vendor": attr.string(doc = "The organization that distributes it."),
        "doc_url": attr.string(doc = "Where more is said of it."),
        "source_url": attr.string(doc = "Where its source is; by default, with --stamp, the checkout's."),
        "datasets_urls": attr.string_list(doc = "What it was trained with."),
        "revision": attr.string(doc = "The source's revision; by default, with --stamp, the checkout's."),
        "annotations": attr.string_dict(doc = "More annotations of the manifest."),
    },
)
