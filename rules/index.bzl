"""`image_index`: one image for several platforms, or several images under one name."""

load(":annotations.bzl", "annotations_of", "stamps_of")
load(":platform.bzl", "per_platform")

def _image_index(ctx):
    if bool(ctx.attr.image) != bool(ctx.attr.platforms):
        fail("'image' and 'platforms' belong together: give both, or only 'images'")
    targets = list(ctx.attr.image) + list(ctx.attr.images)
    if not targets:
        fail("an index of nothing: give 'image' and 'platforms', or 'images'")
    for target in ctx.attr.image[1:]:
        if target[ImageInfo].platform in ("", "unknown/unknown"):
            fail("'%s' is for no platform, being an artifact or an index: name it in 'images'" % target.label)
    images = [target[ImageInfo] for target in targets]
    _check_platforms(ctx, targets)
    index = ctx.actions.declare_file(ctx.label.name + "/index.json")
    ctx.actions.tool(
        "image_index",
        arguments = {
            "manifests": [image.manifest for image in images],
            "platforms": [image.platform for image in images],
            "annotations": annotations_of(ctx, stamps_of(ctx)),
        },
        outputs = {"index": index},
        mnemonic = "index",
    )
    layers = {layer: None for image in images for layer in image.layers}
    return [
        DefaultInfo(files = [index]),
        ImageInfo(manifest = index, config = None, layers = list(layers), platform = ""),
    ]

def _check_platforms(ctx, targets):
    """A machine takes the first manifest for its platform: a second one would never be taken."""
    seen = {}
    for target in targets:
        platform = target[ImageInfo].platform
        if platform in ("", "unknown/unknown"):
            continue
        if platform in seen:
            if target.label == seen[platform]:
                fail("'%s' is for %s on two of the 'platforms'; does it, or its runtime, say 'platform' itself?" % (
                    target.label,
                    platform,
                ))
            fail("'%s' and '%s' are both for %s" % (seen[platform], target.label, platform))
        seen[platform] = target.label

image_index = rule(
    implementation = _image_index,
    doc = """One image for several platforms: an OCI index of its manifests.

    `image` is built once for each of `platforms`, from one machine: nothing of another platform runs there. Or `images` are
    images that are put side by side as they are, each with its own platform; other indexes and artifacts may be
    among them. The order is kept, those of `platforms` first: where several would do, a machine takes the first.

    Example:
        ```python
        image_index(
            name = "fraud_everywhere",
            image = ":fraud",
            platforms = [
                "@mbuild//platforms:linux_amd64",
                "@mbuild//platforms:linux_arm64",
            ],
        )
        ```
    """,
    attrs = {
        "image": attr.label(cfg = per_platform, providers = [ImageInfo], doc = "The image that is built for each platform."),
        "platforms": attr.label_list(doc = "The platforms, those preferred first."),
        "images": attr.label_list(providers = [ImageInfo], doc = "Images that are taken as they are."),
        "annotations": attr.string_dict(doc = "Annotations of the index."),
    },
)
