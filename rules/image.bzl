"""`model_image` and `model_volume`: images of models, runnable or data only."""

load(":annotations.bzl", "annotations_of", "created_of", "labels_of")
load(":layers.bzl", "blobs", "compression_attribute", "descriptors", "make_layer", "trees")
load(":model.bzl", "ModelInfo", "models_of")
load(":platform.bzl", "platform_name", "with_variant")
load(":runtime.bzl", "InterpreterInfo", "RuntimeInfo", "command_of")

_FOREIGN_FILES = attr.string_list(
    doc = "Patterns of paths, such as \"*/attach_linux_x86.so\", of programs for other processors that the image may " +
          "hold since nothing in it runs them. Any other one is an error.",
)

def _image(ctx, layers, settings, annotations, remarks = []):
    """Declares config and manifest over layers; settings go into the config, annotations into the manifest."""
    config = ctx.actions.declare_file(ctx.label.name + "/config.json")
    manifest = ctx.actions.declare_file(ctx.label.name + "/manifest.json")
    ctx.actions.tool(
        "image_config",
        arguments = {
            "descriptors": descriptors(layers),
            "trees": trees(layers),
            "settings": settings | {"foreign_files": ctx.attr.foreign_files},
            "remarks": remarks,
        },
        outputs = {"config": config, "warnings": ctx.actions.declare_file(ctx.label.name + "/warnings.json")},
        mnemonic = "config",
    )
    ctx.actions.tool(
        "image_manifest",
        arguments = {"config": config, "descriptors": descriptors(layers), "annotations": annotations},
        outputs = {"manifest": manifest},
        mnemonic = "manifest",
    )
    return struct(config = config, manifest = manifest)

def _platform(text):
    return dict(zip(["os", "architecture", "variant"], text.split("/")))

def _served_name(ctx, models, model):
    if ctx.attr.served_name and len(models) > 1:
        fail("'served_name' names one model, this image holds %d" % len(models))
    return ctx.attr.served_name or (ctx.label.name if len(models) == 1 else model.name)

def _model_image(ctx):
    runtime = ctx.attr.runtime[RuntimeInfo]
    server = runtime.server
    if not server:
        fail("runtime '%s' has no server" % ctx.attr.runtime.label)
    models = models_of(ctx)
    layers = list(runtime.stable)
    settings_files = {}
    requests = {}
    for model in models:
        layers += model.layers
        served = _served_name(ctx, models, model)
        file = ctx.actions.declare_file("%s/%s/%s" % (ctx.label.name, model.name, server.settings_file))
        ctx.actions.write(file, server.settings(model, served))
        settings_files["models/%s/%s" % (model.name, server.settings_file)] = file
        requests["predict" if len(models) == 1 else "predict:" + served] = server.predict(served)
    layers += runtime.code
    layers.append(make_layer(ctx, "settings", "files_layer", {
        "files": settings_files,
        "about": {"name": "settings", "role": "config", "why": "what the image tells its server of its models"},
    }))
    labels = labels_of(ctx, models)
    base = runtime.base
    command = command_of(runtime)
    platform = with_variant(ctx, runtime.platform)
    made = _image(ctx, layers, {
        "platform": _platform(platform),
        "user": runtime.user,
        "entrypoint": command,
        "environment": runtime.environment | ctx.attr.environment,
        "ports": list(server.ports.values()) + (base.ports if base else []),
        "working_dir": "/tmp",
        "labels": (base.labels if base else {}) | labels,
    } | ({"stop_signal": base.stop_signal} if base and base.stop_signal else {}) | created_of(ctx), (
        annotations_of(ctx, labels | (base.annotations if base else {}))
    ), runtime.remarks)
    return [
        DefaultInfo(files = [made.manifest]),
        ImageInfo(
            manifest = made.manifest,
            config = made.config,
            layers = blobs(layers),
            platform = platform,
        ),
        InterpreterInfo(python = runtime.python),
        RunInfo(
            root = blobs(layers),
            command = command,
            environment = runtime.environment | ctx.attr.environment | server.local,
            ports = server.ports,
            readiness = server.readiness,
            requests = requests,
        ),
    ]

model_image = rule(
    implementation = _model_image,
    doc = """An image that serves one or several models.

    A model is served under the image's name when the image holds one model, else under its own; `served_name` decides
    otherwise.

    Example:
        ```python
        model_image(
            name = "fraud",
            labels = {"org.opencontainers.image.description": "Scores card transactions"},
            models = [":fraud_model"],
            runtime = "//third_party:sklearn_server",
        )
        ```
    """,
    attrs = {
        "models": attr.label_list(
            mandatory = True,
            allow_empty = False,
            providers = [ModelInfo],
            doc = "What it serves.",
        ),
        "runtime": attr.label(mandatory = True, providers = [RuntimeInfo], doc = "What they run on."),
        "served_name": attr.string(doc = "The name that the one model is served under."),
        "environment": attr.string_dict(doc = "More variables."),
        "labels": attr.string_dict(doc = "Labels of the image, such as org.opencontainers.image.source."),
        "annotations": attr.string_dict(doc = "More annotations of the manifest."),
        "compression": compression_attribute(
            "the layer with its server's settings is compressed, and no other (runtime, packages and sources say it of " +
            "theirs; `--define=compression=gzip` or mbuild.toml say it for all)",
        ),
        "foreign_files": _FOREIGN_FILES,
    },
)

def _model_volume(ctx):
    models = models_of(ctx)
    layers = []
    for model in models:
        layers += model.layers
    labels = labels_of(ctx, models)
    platform = with_variant(ctx, platform_name(ctx))
    settings = {"platform": _platform(platform), "labels": labels} | created_of(ctx)
    made = _image(ctx, layers, settings, annotations_of(ctx, labels))
    return [
        DefaultInfo(files = [made.manifest]),
        ImageInfo(
            manifest = made.manifest,
            config = made.config,
            layers = blobs(layers),
            platform = platform,
        ),
    ]

model_volume = rule(
    implementation = _model_volume,
    doc = """A data-only image: models below /models, for Kubernetes image volumes and KServe's oci:// URIs.

    Example:
        ```python
        model_volume(
            name = "fraud_volume",
            models = [":fraud_model"],
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
        "platform": attr.string(
            values = ["", "linux/amd64", "linux/arm64"],
            doc = "The platform that its config names; by default the configuration's.",
        ),
        "labels": attr.string_dict(doc = "Labels of the image."),
        "foreign_files": _FOREIGN_FILES,
        "annotations": attr.string_dict(doc = "More annotations of the manifest."),
    },
)
