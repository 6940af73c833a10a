"""What `platform` attributes of the standard rules come to, and the configurations that images are built in."""

_PLATFORMS = "//command_line_option:platforms"
_HOST = "//command_line_option:host_platform"

def platform_name(ctx):
    """The platform that a target says it is for, else the configuration's: such as linux/amd64."""
    return ctx.attr.platform or "%s/%s" % (ctx.platform.os, ctx.platform.arch)

def with_variant(ctx, platform):
    """The same platform with its processor's variant, where it is the configuration's and that has one."""
    own = "%s/%s" % (ctx.platform.os, ctx.platform.arch)
    return "%s/%s" % (own, ctx.platform.variant) if platform == own and ctx.platform.variant else platform

def _per_platform(settings, attr):
    return {str(platform): {_PLATFORMS: platform} for platform in attr.platforms}

# A dependency in the configuration of each of the target's `platforms`.
per_platform = transition(implementation = _per_platform, inputs = [], outputs = [_PLATFORMS])

def _with_exec(settings, attr):
    both = {"target": {_PLATFORMS: settings[_PLATFORMS]}}
    return both | {"exec": {_PLATFORMS: settings[_HOST]}} if attr.bytecode != False else both

# A dependency that ships, and whose programs also run while the image is built; where they do: see `bytecode`.
target_and_exec = transition(implementation = _with_exec, inputs = [_PLATFORMS, _HOST], outputs = [_PLATFORMS])
