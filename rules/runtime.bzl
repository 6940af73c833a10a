"""`runtime`: what models run on: a base, packages, a model server, and the environment that it needs."""

load(":layers.bzl", "COMPRESSION", "LayersInfo", "blobs", "make_layer")
load(":mlserver.bzl", "mlserver")
load(":platform.bzl", "platform_name")
load(":python.bzl", "PackagesInfo")

RuntimeInfo = provider(
    doc = "Everything that an image has but its models.",
    fields = {
        "layers": "layers, lowest first",
        "python": "the interpreter's path",
        "environment": "variables",
        "server": "how models are served: a struct as mlserver.bzl describes it, or None",
        "user": "uid:gid",
        "platform": "such as linux/amd64",
    },
)

_SERVERS = {"mlserver": mlserver}
_PYTHON = "/usr/bin/python3"

def root_of(target):
    """The root of an action: a runtime's layers, or the machine's own programs where there is none.

    Args:
        target: a target with RuntimeInfo, or None.

    Returns:
        what `root` of `ctx.actions.run` takes.
    """
    return blobs(target[RuntimeInfo].layers) if target != None else "host"

def _runtime(ctx):
    _check_packages(ctx)
    base = ctx.attr.base[LayersInfo].layers
    layers = list(base)
    for target in ctx.attr.packages:
        layers += target[LayersInfo].layers
    if ctx.attr.bytecode:
        for index, layer in enumerate(layers[len(base):]):
            layers.append(_bytecode(ctx, "bytecode-%d" % index, base, layer))
    for target in ctx.attr.sources:
        layers += target[LayersInfo].layers
    server = _SERVERS[ctx.attr.server] if ctx.attr.server else None
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "HOME": "/tmp",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt",
    }
    if ctx.attr.sources:
        environment["PYTHONPATH"] = "/opt/app"
    if server:
        environment.update(server.environment)
    environment.update(ctx.attr.environment)
    return [
        DefaultInfo(files = blobs(layers)),
        LayersInfo(layers = layers),
        RuntimeInfo(
            layers = layers,
            python = _PYTHON,
            environment = environment,
            server = server,
            user = ctx.attr.user,
            platform = platform_name(ctx),
        ),
    ]

def _check_packages(ctx):
    """All packages must be for one Python, and for the runtime's platform."""
    packages = [target[PackagesInfo] for target in ctx.attr.packages if PackagesInfo in target]
    pythons = {package.python: None for package in packages}
    if len(pythons) > 1:
        fail("'packages' are for several Pythons: " + ", ".join(sorted(pythons)))
    for package in packages:
        if package.platform != platform_name(ctx):
            fail("'packages' are for %s, the runtime is for %s" % (package.platform, platform_name(ctx)))

def _bytecode(ctx, name, base, layer):
    """Compiles one layer's modules with the base's own interpreter, in a root of just these two."""
    archive = ctx.actions.declare_file(ctx.label.name + "/" + name + ".tar")
    ctx.actions.run(
        outputs = [archive],
        command = [_PYTHON, "-I", "-S", ctx.file._compiler, "/usr/local/lib", archive],
        root = blobs(base + [layer]),
        mnemonic = "bytecode",
    )
    return make_layer(ctx, name, "tar_layer", {"archive": archive, "prefix": ""})

runtime = rule(
    implementation = _runtime,
    doc = """A base, Python packages and a model server: what one or many images share.

    Without a `server` it is an environment for actions, such as training.

    Example:
        ```python
        runtime(
            name = "sklearn_server",
            base = ":debian_python",
            packages = [":serving_packages"],
            server = "mlserver",
        )
        ```
    """,
    attrs = {
        "base": attr.label(mandatory = True, providers = [LayersInfo], doc = "Layers that hold a Python."),
        "packages": attr.label_list(providers = [LayersInfo], doc = "python_packages, lowest layer first."),
        "sources": attr.label_list(providers = [LayersInfo], doc = "python_sources of this repository."),
        "server": attr.string(values = ["", "mlserver"], doc = "The model server."),
        "environment": attr.string_dict(doc = "More variables; they win over the standard ones."),
        "user": attr.string(default = "1000:1000", doc = "The user and group that run the server."),
        "platform": attr.string(
            values = ["", "linux/amd64", "linux/arm64"],
            doc = "The platform of all its layers; by default the configuration's.",
        ),
        "bytecode": attr.bool(default = True, doc = "Compile the packages, so that containers start faster."),
        "compression": COMPRESSION,
        "_compiler": attr.label(default = "@mbuild//rules:compile_bytecode.py", allow_single_file = True),
    },
)
