"""`python_packages`: wheels of a lock, as layers."""

load(":layers.bzl", "COMPRESSION", "LayersInfo", "blobs", "descriptors", "make_layer")
load(":platform.bzl", "platform_name")

# A wheel of this size or more is a layer by itself. The others are spread over a fixed number of layers by their
# names alone, so that adding one package makes one layer anew and leaves the rest as they are.
_ALONE = 4 * 1024 * 1024
_SHARED_LAYERS = 6

PackagesInfo = provider(
    doc = "Locked Python packages.",
    fields = {
        "python": "the version that they are for, such as 3.11",
        "platform": "the platform that they are for, such as linux/amd64",
    },
)

def _python_packages(ctx):
    groups = {}
    for entry in ctx.attr.lock.entries:
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
        groups.setdefault(_group(entry), []).append((entry.filename, wheel))
    layers = []
    for group in sorted(groups):
        wheels = sorted(groups[group], key = lambda pair: pair[0])
        layers.append(make_layer(ctx, group, "wheel_layer", {
            "wheels": [wheel for _, wheel in wheels],
            "names": [name for name, _ in wheels],
            "python": ctx.attr.python,
        }))
    return [
        DefaultInfo(files = blobs(layers) + descriptors(layers)),
        LayersInfo(layers = layers),
        PackagesInfo(python = ctx.attr.python, platform = platform_name(ctx)),
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

def _group(entry):
    if entry.size >= _ALONE:
        return entry.name
    return "shared-%d" % (hash(entry.name) % _SHARED_LAYERS)

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
        "glibc": attr.string(default = "2.36", doc = "The C library's version in the base; Debian 12 has 2.36."),
    },
)
