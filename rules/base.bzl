"""`base_image`: an image of others that runtimes begin with; what it is stands in a lock, and its layers stay where
they are until something runs in them.
"""

load(":distribution.bzl", "libc_of")
load(":layers.bzl", "LayersInfo", "blobs")
load(":platform.bzl", "platform_name")

BaseInfo = provider(
    doc = "What an image of others says of itself; whatever is built on it inherits these.",
    fields = {
        "annotations": "the annotations that name it",
        "platform": "such as linux/amd64",
        "python": "its interpreter's path",
        "python_version": "that interpreter's version, or '' where nothing tells it",
        "libc": "its C library: glibc's version such as 2.36, musl, or '' where nothing tells it",
        "environment": "variables",
        "user": "who its containers run as, or '' for root",
        "entrypoint": "the words that start it",
        "command": "the words after these",
        "working_dir": "the folder that it is started in",
        "labels": "labels",
        "ports": "ports that it listens on, such as 8080/tcp",
        "stop_signal": "the signal that stops it",
    },
)

_ROOT = ("", "0", "root")

def _base_image(ctx):
    lock = ctx.attr.lock
    info = LockInfo(
        kind = "image",
        file = lock.path,
        request = {"image": ctx.attr.image, "digest": ctx.attr.digest, "platforms": ctx.attr.platforms},
    )
    if not lock.entries or not lock.digest:
        # It is about to be locked, or the lock is of another kind, which is told as soon as its kind is known.
        missing = ctx.actions.declare_file(ctx.label.name + "/missing")
        ctx.actions.write(missing, "")
        layers = [struct(layer = missing, descriptor = missing, tree = None)]
        return [LayersInfo(layers = layers), _info(ctx, {}, ""), info]
    digest = ctx.attr.digest or (ctx.attr.image.partition("@")[2])
    if digest and digest != lock.digest:
        fail("the lock '%s' is of %s, the image is %s: run 'mbuild lock %s'" % (
            lock.path,
            lock.digest,
            digest,
            ctx.label,
        ))
    entry = _entry(ctx)
    config = json.decode(entry.config)
    histories = _histories(config, len(entry.layers))
    layers = [
        _layer(ctx, "layer-%d" % number, layer, histories[number - 1], "%s, layer %d of %d" % (
            ctx.attr.image,
            number,
            len(entry.layers),
        ))
        for number, layer in enumerate(entry.layers, 1)
    ]
    manifest = ctx.actions.declare_file(ctx.label.name + "/manifest.json")
    written = ctx.actions.declare_file(ctx.label.name + "/config.json")
    ctx.actions.tool(
        "foreign_image",
        arguments = {"manifest": entry.manifest, "config": entry.config},
        outputs = {"manifest": manifest, "config": written},
        mnemonic = "base",
    )
    return [
        DefaultInfo(files = [manifest]),
        ImageInfo(manifest = manifest, config = written, layers = blobs(layers), platform = platform_name(ctx)),
        LayersInfo(layers = layers),
        _info(ctx, config, lock.digest),
        info,
    ]

def _entry(ctx):
    """What the lock holds for the platform."""
    platform = platform_name(ctx)
    for entry in ctx.attr.lock.entries:
        if entry.platform == platform:
            return entry
    known = ", ".join([entry.platform for entry in ctx.attr.lock.entries])
    return fail(
        ("'%s' is not locked for %s, only for %s: name it in 'platforms' and run 'mbuild lock %s', or choose one " +
         "of these with 'platform' (a runtime for another platform compiles bytecode on the host platform, which needs " +
         "the base too, unless it has 'bytecode = False')") % (ctx.attr.image, platform, known, ctx.label),
    )

def _repository(image):
    """Host and repository of an image's name."""
    name = image.partition("@")[0]
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(":")[0]

def _layer(ctx, name, layer, history, about):
    """Declares a layer's document, and where its bytes are to be had when something asks for them."""
    blob = ctx.actions.declare_file(ctx.label.name + "/" + name + ".layer")
    ctx.actions.fetch(
        blob,
        source = "registry",
        name = _repository(ctx.attr.image),
        filename = "sha256:" + layer.sha256,
        sha256 = layer.sha256,
        size = layer.size,
    )
    descriptor = ctx.actions.declare_file(ctx.label.name + "/" + name + ".descriptor.json")
    ctx.actions.tool(
        "foreign_layer",
        arguments = {
            "media_type": layer.media_type,
            "sha256": layer.sha256,
            "size": layer.size,
            "diff_id": layer.diff_id,
            "about": {"name": about, "role": "base"},
            "history": history,
        },
        outputs = {"descriptor": descriptor},
        mnemonic = "base",
    )
    return struct(layer = blob, descriptor = descriptor, tree = None)

def _histories(config, count):
    """The entries of the config's history that led to each layer; none where the history does not fit the layers."""
    groups = []
    pending = []
    for entry in config.get("history") or []:
        pending.append(entry)
        if not entry.get("empty_layer"):
            groups.append(pending)
            pending = []
    if len(groups) != count:
        return [[] for _ in range(count)]
    groups[-1] += pending
    return groups

def _info(ctx, config, digest):
    settings = config.get("config") or {}
    environment = {}
    for variable in settings.get("Env") or []:
        name, _, value = variable.partition("=")
        if name:  # a variable without a name is none that a process could have
            environment[name] = value
    user = settings.get("User") or ""
    version = environment.get("PYTHON_VERSION", "")
    return BaseInfo(
        annotations = {
            "org.opencontainers.image.base.name": ctx.attr.image.partition("@")[0],
            "org.opencontainers.image.base.digest": digest,
        },
        platform = platform_name(ctx),
        # Images that say which Python they have are those of Docker's library, which compile it themselves.
        python = ctx.attr.python or ("/usr/local/bin/python3" if version else "/usr/bin/python3"),
        python_version = ctx.attr.python_version or version,
        libc = ctx.attr.glibc or libc_of(config),
        environment = environment,
        user = "" if user.partition(":")[0] in _ROOT else user,
        entrypoint = settings.get("Entrypoint") or [],
        command = settings.get("Cmd") or [],
        working_dir = settings.get("WorkingDir") or "",
        labels = settings.get("Labels") or {},
        ports = sorted(settings.get("ExposedPorts") or {}),
        stop_signal = settings.get("StopSignal") or "",
    )

base_image = rule(
    implementation = _base_image,
    doc = """An image of others, from a registry, which runtimes can have as their base.

    `mbuild lock` asks the registry which image the name stands for now, and writes its manifests and configs into the
    lock. Nothing is asked after that until something runs in the layers (training, tests, bytecode): building an image
    needs the lock only, and pushing it mounts the base's layers where they are in the same registry, or streams them
    from one registry to the other.

    Example:
        ```python
        base_image(
            name = "python",
            image = "registry.acme.example/library/python:3.11-slim",
            lock = "python.lock",
        )
        ```
    """,
    attrs = {
        "image": attr.string(mandatory = True, doc = "Its name: host/repository:tag."),
        "digest": attr.string(doc = "The digest that it must have, such as sha256:9e2f…: that of its index, if any."),
        "lock": attr.lock(mandatory = True, doc = "The lock file that holds its manifests and configs."),
        "platforms": attr.string_list(
            doc = "The platforms that are locked; by default linux/amd64 and linux/arm64, as far as it is for these.",
        ),
        "platform": attr.string(
            values = ["", "linux/amd64", "linux/arm64"],
            doc = "The platform that is used; by default the configuration's.",
        ),
        "python": attr.string(
            doc = "The path of its Python; by default /usr/local/bin/python3 where PYTHON_VERSION is set in it, " +
                  "else /usr/bin/python3.",
        ),
        "python_version": attr.string(doc = "Its Python's version, such as 3.11; by default what PYTHON_VERSION says."),
        "glibc": attr.string(
            doc = "Its C library's version, such as 2.36; by default that of the Debian, Ubuntu or UBI that its " +
                  "history or labels name. On musl, as in Alpine, no wheel with compiled code works.",
        ),
    },
)
