"""What images say of themselves: the standard keys of image-spec, as labels of the config and annotations of the manifest."""

_KEY = "org.opencontainers.image."

# From `--stamp` and SOURCE_DATE_EPOCH, which are nothing of a target's own: they go where no layer sees them.
_STAMPED = ["revision", "source"]

def labels_of(ctx, models):
    """The standard labels of an image of models, and those that the target adds.

    Args:
        ctx: the context of the image's rule, which may have an attribute `labels`.
        models: the ModelInfo of each.

    Returns:
        a dict: title, version and licences as far as they are known; with `--stamp`, revision and source.
    """
    labels = {_KEY + "title": ctx.label.name}
    versions = [model.version for model in models if model.version]
    if len(models) == 1 and versions:
        labels[_KEY + "version"] = versions[0]
    licenses = licenses_of(models)
    if licenses:
        labels[_KEY + "licenses"] = " AND ".join(licenses)
    labels.update(stamps_of(ctx))
    labels.update(getattr(ctx.attr, "labels", {}))
    return labels

def stamps_of(ctx):
    """What `--stamp` says, under the standard keys."""
    return {_KEY + name: ctx.stamp[name] for name in _STAMPED if name in ctx.stamp}

def annotations_of(ctx, labels):
    """The manifest's annotations: the labels, the time of a stamped build, and those that the target adds."""
    created = {_KEY + "created": ctx.stamp["created"]} if "created" in ctx.stamp else {}
    return labels | created | getattr(ctx.attr, "annotations", {})

def created_of(ctx):
    """The setting `created` of an image's config: SOURCE_DATE_EPOCH's time, or nothing: the beginning of 1970."""
    return {"created": ctx.stamp["created"]} if "created" in ctx.stamp else {}

def licenses_of(models):
    """The licences of models, each once, in order."""
    return sorted({model.license: None for model in models if model.license})
