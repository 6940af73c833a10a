"""What `platform` attributes of the standard rules come to."""

def platform_name(ctx):
    """The platform that a target says it is for, else the configuration's: such as linux/amd64."""
    return ctx.attr.platform or "%s/%s" % (ctx.platform.os, ctx.platform.arch)
