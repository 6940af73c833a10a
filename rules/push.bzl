"""`image_push`: where an image goes, written down."""

_PLACEHOLDERS = ["revision"]

def _filled(ctx, text):
    for name in _PLACEHOLDERS:
        if name in ctx.stamp:
            text = text.replace("{%s}" % name, ctx.stamp[name])
    return text

def _image_push(ctx):
    image = ctx.attr.image[ImageInfo]
    return [
        DefaultInfo(files = [image.manifest]),
        PushInfo(
            image = image.manifest,
            reference = _filled(ctx, ctx.attr.reference),
            tags = [_filled(ctx, tag) for tag in ctx.attr.remote_tags],
        ),
    ]

image_push = rule(
    implementation = _image_push,
    doc = """An image and the repository that `mbuild push` brings it to.

    To build the target is to build the image. A tag may hold `{revision}`: the git revision of a build with `--stamp`.

    Example:
        ```python
        image_push(
            name = "push",
            image = ":fraud",
            reference = "registry.acme.example/ml/fraud",
            remote_tags = [
                "latest",
                "{revision}",
            ],
        )
        ```
    """,
    attrs = {
        "image": attr.label(mandatory = True, providers = [ImageInfo], doc = "A model_image, model_volume and so on."),
        "reference": attr.string(mandatory = True, doc = "HOST/REPOSITORY, and if wanted one :TAG."),
        "remote_tags": attr.string_list(doc = "More tags. All are written when the image is there."),
    },
)
