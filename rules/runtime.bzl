"""`runtime`: what models run on: a base, packages, a model server, and the environment that it needs."""

load(":base.bzl", "BaseInfo")
load(":fitting.bzl", "check_packages", "python_of")
load(":layers.bzl", "LayersInfo", "blobs", "compression_attribute", "make_layer", "own_blobs")
load(":mlserver.bzl", "mlserver")
load(":platform.bzl", "platform_name", "target_and_exec")
load(":python.bzl", "PackagesInfo")

RuntimeInfo = provider(
    doc = "Everything that an image has but its models.",
    fields = {
        "layers": "all its layers, lowest first: what a command that runs in it sees",
        "stable": "its layers without code of this repository: base, packages, bytecode",
        "code": "the layers of its sources",
        "python": "the interpreter's path",
        "environment": "variables",
        "server": "how models are served: a struct as mlserver.bzl describes it, or None",
        "user": "uid:gid",
        "platform": "such as linux/amd64",
        "base": "the BaseInfo of an image of others that it begins with, or None",
        "remarks": "what users of its images are to be warned of: a list of sentences",
    },
)

InterpreterInfo = provider(
    doc = "The Python of an image.",
    fields = {"python": "its path"},
)

_SERVERS = {"mlserver": mlserver}
_PYTHON = "/usr/bin/python3"

# Folders whose modules are not compiled: packages ship their own tests, which no server imports.
_TESTS = ["test", "tests"]

def root_of(target):
    """The root of an action: a runtime's layers, or the machine's own programs where there is none.

    Args:
        target: a target with RuntimeInfo, or None.

    Returns:
        what `root` of `ctx.actions.run` takes.
    """
    return blobs(target[RuntimeInfo].layers) if target != None else "host"

def command_of(runtime):
    """The words that start a runtime's server. Scripts of wheels name Debian's Python; another one is named here."""
    return ([] if runtime.python == _PYTHON else [runtime.python]) + runtime.server.command

def _runtime(ctx):
    if ctx.attr.bytecode not in (None, True, False):
        fail("'bytecode' is True or False, found %r" % ctx.attr.bytecode)
    own = ctx.split_attr.base["target"]
    foreign = own[BaseInfo] if BaseInfo in own else None
    remarks = check_packages(ctx, own, platform_name(ctx))
    python = ctx.attr.python or (foreign.python if foreign else _PYTHON)
    base = own[LayersInfo].layers
    packages = _package_layers(ctx)
    stable = base + [package.layer for package in packages]
    if ctx.attr.bytecode if ctx.attr.bytecode != None else not foreign:
        folder = "/usr/local/lib" if python == _PYTHON else _packages_folder(ctx)
        compiler = _compiler(ctx, own, python)
        stable += [_bytecode(ctx, compiler, folder, package) for package in packages]
    code = []
    for target in ctx.attr.sources:
        code += target[LayersInfo].layers
    layers = stable + code
    server = _SERVERS[ctx.attr.server] if ctx.attr.server else None
    environment = _environment(ctx, foreign, python)
    if server:
        environment.update(server.environment)
    environment.update(ctx.attr.environment)
    return [
        DefaultInfo(files = own_blobs(layers)),
        LayersInfo(layers = layers),
        RuntimeInfo(
            layers = layers,
            stable = stable,
            code = code,
            python = python,
            environment = environment,
            server = server,
            user = ctx.attr.user or (foreign.user if foreign else "") or "1000:1000",
            platform = platform_name(ctx),
            base = foreign,
            remarks = remarks,
        ),
    ]

def _environment(ctx, foreign, python):
    """The variables that every image has. Those of a base stay, but for what our layers and users need."""
    standard = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    if foreign:
        standard.update(foreign.environment)
    else:
        standard["SSL_CERT_FILE"] = "/etc/ssl/certs/ca-certificates.crt"
    standard.update({"HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"})
    paths = ["/opt/app"] if ctx.attr.sources else []
    if python != _PYTHON and ctx.attr.packages:
        paths.append(_packages_folder(ctx))  # where Debian's Python looks, and no other
    if "PYTHONPATH" in standard:
        paths.append(standard["PYTHONPATH"])
    if paths:
        standard["PYTHONPATH"] = ":".join(paths)
    return standard

def _packages_folder(ctx):
    versions = [target[PackagesInfo].python for target in ctx.attr.packages if PackagesInfo in target]
    return "/usr/local/lib/python%s/dist-packages" % (versions[0] if versions else "3")

def _package_layers(ctx):
    """The layers of all packages, as structs of name, title and layer: big wheels first, since they change least."""
    big, other = [], []
    for index, target in enumerate(ctx.attr.packages):
        known = target[PackagesInfo] if PackagesInfo in target else None
        if known != None and hasattr(known, "big"):
            big += [_of_target(index, package) for package in known.big]
            other += [_of_target(index, package) for package in known.other]
        else:
            for number, layer in enumerate(target[LayersInfo].layers):
                made = struct(name = "layer-%d" % number, title = str(target.label), layer = layer)
                big.append(_of_target(index, made))
    return big + other

def _of_target(index, package):
    return struct(name = "%d-%s" % (index, package.name), title = package.title, layer = package.layer)

def _compiler(ctx, own, python):
    """The Python that compiles: the base's, as it is for the build machine; bytecode is the same on all processors."""
    base = ctx.split_attr.base["exec"]
    here, there = python_of(base), python_of(own)
    if here and there and here != there:
        fail("'base' has Python %s, but as configured for the build machine, where it compiles bytecode, %s" % (there, here))
    if BaseInfo in base and not ctx.attr.python:
        python = base[BaseInfo].python
    return struct(python = python, layers = base[LayersInfo].layers)

def _bytecode(ctx, compiler, folder, package):
    """Compiles one layer's modules with the base's own interpreter, in the base: the modules are an input."""
    name = "bytecode-" + package.name
    modules = ctx.actions.declare_file(ctx.label.name + "/" + name + ".modules.tar")
    ctx.actions.tool(
        "modules",
        arguments = {"layer": package.layer.layer, "folder": folder, "without": _TESTS},
        outputs = {"archive": modules},
    )
    archive = ctx.actions.declare_file(ctx.label.name + "/" + name + ".tar")
    ctx.actions.run(
        outputs = [archive],
        command = [compiler.python, "-I", "-S", ctx.file._compiler, modules, archive],
        root = blobs(compiler.layers),
        mnemonic = "bytecode",
    )
    return make_layer(ctx, name, "tar_layer", {
        "archive": archive,
        "prefix": "",
        "about": {
            "name": "bytecode of " + package.title,
            "role": "bytecode",
            "why": "made by the base's Python of the packages below it, so that containers start faster",
        },
    })

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
        "base": attr.label(
            cfg = target_and_exec,
            mandatory = True,
            providers = [LayersInfo],
            doc = "Layers that hold a Python: debian_packages, or a base_image.",
        ),
        "python": attr.string(doc = "The path of its Python; by default the base's, which is /usr/bin/python3 in Debian's."),
        "packages": attr.label_list(providers = [LayersInfo], doc = "python_packages, lowest layer first."),
        "sources": attr.label_list(providers = [LayersInfo], doc = "python_sources of this repository."),
        "server": attr.string(values = ["", "mlserver"], doc = "The model server."),
        "environment": attr.string_dict(doc = "More variables; they win over the standard ones."),
        "user": attr.string(
            doc = "The user and group that run the server; by default a base_image's own, unless that is root, or " +
                  "1000:1000.",
        ),
        "platform": attr.string(
            values = ["", "linux/amd64", "linux/arm64"],
            doc = "The platform of all its layers; by default the configuration's.",
        ),
        "bytecode": attr.data(
            doc = "True: compile the packages, so that containers start faster. The base's own Python does it: a " +
                  "base_image is downloaded for it. What lies in folders called test or tests is left out: Python " +
                  "compiles it where it is imported after all. By default True, but False on a base_image.",
        ),
        "compression": compression_attribute(
            "the layers of bytecode are compressed, and no others (base, packages and sources say it of theirs; " +
            "`--define=compression=gzip` or mbuild.toml say it for all)",
        ),
        "_compiler": attr.label(default = "@mbuild//rules:compile_bytecode.py", allow_single_file = True),
    },
)
