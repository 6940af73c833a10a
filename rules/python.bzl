"""`python_packages`: wheels of a lock, as layers."""

load(
    ":layers.bzl",
    "COMPRESSION",
    "LayersInfo",
    "MAX_LAYER_SIZE",
    "blobs",
    "check_limits",
    "compression_of",
    "descriptors",
    "make_layers",
)
load(":platform.bzl", "platform_name")
load(":wheels.bzl", "minor_of", "needed_glibc", "wheel_fault")

# What decides where a wheel goes is its own size and name, so that one more package makes one layer anew and leaves the
# rest as they are: big wheels are layers by themselves, the others are spread over a fixed number of layers by a hash.
# Only where big wheels are more than layers do the smallest of them join the others: one for each that is added.
_SHARED_LAYERS = 6
_MIB = 1024 * 1024

PackagesInfo = provider(
    doc = "Locked Python packages.",
    fields = {
        "python": "the version that they are for, such as 3.11",
        "platform": "the platform that they are for, such as linux/amd64",
        "big": "the layers of big wheels: structs of name (unique in the target), title and layer",
        "other": "the layers that the other wheels share: the same",
        "glibc": "the least C library that they need, such as 2.28; '' where any will do",
        "glibc_for": "the wheel that needs it",
    },
)

def _python_packages(ctx):
    entries = ctx.attr.lock.entries  # read here, so that a lock that is missing is told of at the target
    _check_wheels(ctx)
    plan = _plan(ctx)
    big = {}
    other = {}
    for entry in entries:
        wheel = ctx.actions.declare_file(ctx.label.name + "/wheels/" + entry.filename)
        ctx.actions.fetch(
            wheel,
            source = "python",
            name = entry.name,
            version = entry.version,
            filename = entry.filename,
            sha256 = entry.sha256,
            size = entry.size,
        )
        if entry.name in plan.alone:
            big[entry.name] = [(entry, wheel)]
        else:
            other.setdefault("shared-%d" % (hash(entry.name) % plan.shared), []).append((entry, wheel))
    big = [_layer(ctx, name, big[name], plan) for name in sorted(big)]
    other = [_layer(ctx, name, other[name], plan) for name in sorted(other)]
    layers = [one.layer for one in big + other]
    glibc, glibc_for = _needed_glibc(ctx)
    return [
        DefaultInfo(files = blobs(layers) + descriptors(layers)),
        LayersInfo(layers = layers),
        PackagesInfo(
            python = ctx.attr.python,
            platform = platform_name(ctx),
            big = big,
            other = other,
            glibc = glibc,
            glibc_for = glibc_for,
        ),
        LockInfo(
            kind = "python",
            file = ctx.attr.lock.path,
            request = {
                "requirements": ctx.attr.requirements,
                "constraints": ctx.attr.constraints,
                "python": ctx.attr.python,
                "platform": platform_name(ctx),
                "glibc": ctx.attr.glibc,
            },
        ),
    ]

def _plan(ctx):
    """Which wheels are layers by themselves, and how many layers the others share."""
    most = ctx.attr.layers
    check_limits(ctx, ["layers", "own_layer_size", "max_layer_size"])
    names = [entry.name for entry in ctx.attr.lock.entries]
    for name in ctx.attr.own_layer:
        if names and name not in names:
            normal = name.lower().replace("_", "-").replace(".", "-")  # as PEP 503 spells names, and locks
            advice = ": write %r" % normal if normal in names else ""
            fail("'own_layer' names %r, which is not in the lock '%s'%s" % (name, ctx.attr.lock.path, advice))
    shared = min(_SHARED_LAYERS, max(most // 3, 1))
    named = len(ctx.attr.own_layer)
    if named + shared > most:
        fail("'own_layer' names %d packages, %d layers are shared: more than the %d of 'layers'" % (named, shared, most))
    big = [entry for entry in ctx.attr.lock.entries if entry.size >= ctx.attr.own_layer_size and entry.name not in ctx.attr.own_layer]
    big = sorted(big, key = lambda entry: (-entry.size, entry.name))[:most - shared - named]
    alone = {name: None for name in ctx.attr.own_layer + [entry.name for entry in big]}
    return struct(alone = alone, shared = shared)

def _layer(ctx, name, wheels, plan):
    """The layer of some wheels (more than one only where it would be too large)."""
    wheels = sorted(wheels, key = lambda pair: pair[0].filename)
    first = wheels[0][0]
    if first.name in ctx.attr.own_layer:
        why = "named in 'own_layer'"
    elif first.name in plan.alone:
        why = "a wheel of %s or more is a layer by itself" % _shown(ctx.attr.own_layer_size)
    else:
        why = "wheels below %s%s share %d layers by their names" % (
            _shown(ctx.attr.own_layer_size),
            ", and the smallest of more big ones than 'layers' has room for," if _has_big(ctx, wheels) else "",
            plan.shared,
        )
    title = _named([entry for entry, _ in wheels])
    layer = make_layers(ctx, name, "wheel_layers", {
        "wheels": [wheel for _, wheel in wheels],
        "names": [entry.filename for entry, _ in wheels],
        "python": ctx.attr.python,
        "compression": compression_of(ctx),
        "max_layer_size": ctx.attr.max_layer_size,
        "about": {"name": title, "role": "packages", "why": why},
    })
    return struct(name = name, title = title, layer = layer)

def _has_big(ctx, wheels):
    return any([entry.size >= ctx.attr.own_layer_size for entry, _ in wheels])

def _named(entries):
    """What a layer of wheels is called: by its first one."""
    first = "%s %s" % (entries[0].name, entries[0].version)
    return first if len(entries) == 1 else "%s and %d more" % (first, len(entries) - 1)

def _shown(size):
    return "%d MiB" % (size // _MIB) if size % _MIB == 0 else "%d bytes" % size

def _check_wheels(ctx):
    """Every wheel of the lock must be for the target's Python, platform and C library."""
    platform = platform_name(ctx)
    for entry in ctx.attr.lock.entries:
        wanted = "Python %s, %s, glibc %s" % (ctx.attr.python, platform, ctx.attr.glibc)
        fault = wheel_fault(entry.filename, ctx.attr.python, platform)
        if not fault and needed_glibc(entry.filename, platform) > minor_of(ctx.attr.glibc):
            fault = "needs glibc 2.%d" % needed_glibc(entry.filename, platform)
        if fault:
            fail("'%s' of lock '%s' %s: expected one for %s" % (entry.filename, ctx.attr.lock.path, fault, wanted))

def _needed_glibc(ctx):
    """The least C library that the wheels need, and one that needs it."""
    found = [(needed_glibc(entry.filename, platform_name(ctx)), entry.filename) for entry in ctx.attr.lock.entries]
    most, filename = max(found) if found else (0, "")
    return ("2.%d" % most, filename) if most else ("", "")

python_packages = rule(
    implementation = _python_packages,
    doc = """Python packages, exactly as a lock names them.

    `mbuild lock` resolves `requirements` for the target's Python and platform, to wheels only, and writes the lock. A
    build fetches these wheels and turns them into layers; it never resolves anything and never runs their code. Every
    wheel's files are checked against its RECORD. `.pth` files, whose code Python runs whenever it starts, are listed
    under `pth` in the layers' descriptors: built by name, the target leaves these in `mbuild-out/`.

    Example:
        ```python
        python_packages(
            name = "training_packages",
            constraints = ["numpy<3"],
            lock = "training.lock",
            requirements = [
                "joblib",
                "scikit-learn==1.9.1",
            ],
        )
        ```
    """,
    attrs = {
        "requirements": attr.string_list(
            mandatory = True,
            allow_empty = False,
            doc = "What is asked for, as pip writes it.",
        ),
        "constraints": attr.string_list(doc = "Bounds for packages that nothing asks for by name."),
        "lock": attr.lock(mandatory = True, doc = "The lock file that answers them."),
        "python": attr.string(default = "3.11", doc = "The Python that the packages are for."),
        "platform": attr.string(
            values = ["", "linux/amd64", "linux/arm64"],
            doc = "The platform that the packages are for; by default the configuration's.",
        ),
        "compression": COMPRESSION,
        "layers": attr.int(
            default = 30,
            doc = "How many layers the packages have at most; others share six of them. Where big wheels are more than " +
                  "the rest of them, the smallest of them join the others.",
        ),
        "own_layer": attr.string_list(doc = "Packages that are a layer by themselves, whatever their size."),
        "own_layer_size": attr.int(
            default = 4 * _MIB,
            doc = "A wheel of so many bytes or more is a layer by itself, the same one in every image that has it.",
        ),
        "max_layer_size": attr.int(
            default = MAX_LAYER_SIZE,
            doc = "How many bytes, uncompressed, a layer has at most; what is larger is split by file.",
        ),
        "glibc": attr.string(default = "2.36", doc = "The C library's version in the base; Debian 12 has 2.36."),
    },
)
