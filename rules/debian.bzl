"""`debian_packages`: packages of a Debian lock, as one layer."""

load(":layers.bzl", "COMPRESSION", "LayersInfo", "MAX_LAYER_SIZE", "check_limits", "compression_of", "make_layers")

DebianInfo = provider(
    doc = "Locked Debian packages.",
    fields = {"versions": "their versions, by name"},
)

def _debian_packages(ctx):
    check_limits(ctx, ["max_layer_size"])
    packages = []
    for entry in ctx.attr.lock.entries:
        filename = entry.filename.split("/")[-1]
        package = ctx.actions.declare_file(ctx.label.name + "/packages/" + filename)
        ctx.actions.fetch(
            package,
            source = "debian",
            name = entry.name,
            version = entry.version,
            filename = entry.filename,
            sha256 = entry.sha256,
            size = entry.size,
        )
        packages.append((filename, package))
    layer = make_layers(ctx, "root", "debian_layers", {
        "debs": [package for _, package in packages],
        "names": [name for name, _ in packages],
        "compression": compression_of(ctx),
        "max_layer_size": ctx.attr.max_layer_size,
        "about": {
            "name": "system packages",
            "role": "system",
            "why": "the packages of %s change together" % ctx.attr.lock.path,
        },
    })
    return [
        DefaultInfo(files = [layer.layer]),
        LayersInfo(layers = [layer]),
        DebianInfo(versions = {entry.name: entry.version for entry in ctx.attr.lock.entries}),
        LockInfo(
            kind = "debian",
            file = ctx.attr.lock.path,
            request = {
                "suite": ctx.attr.suite,
                "components": ctx.attr.components,
                "architecture": ctx.attr.architecture or ctx.platform.arch,
                "packages": ctx.attr.packages,
                "omit": ctx.attr.omit,
            },
        ),
    ]

debian_packages = rule(
    implementation = _debian_packages,
    doc = """Debian packages, exactly as a lock names them, unpacked into one layer.

    Maintainer scripts are not run; what they would have done that matters is done by mbuild: merged /usr, the CA
    bundle, /tmp, users and groups, and the package list that scanners read.

    Example:
        ```python
        debian_packages(
            name = "debian_python",
            lock = "debian.lock",
            packages = [
                "ca-certificates",
                "libpython3.11-stdlib",
                "python3.11-minimal",
            ],
        )
        ```
    """,
    attrs = {
        "packages": attr.string_list(
            mandatory = True,
            allow_empty = False,
            doc = "Packages by name; the lock holds their closure.",
        ),
        "omit": attr.string_list(doc = "Packages of the closure that are left out."),
        "lock": attr.lock(mandatory = True, doc = "The lock file that answers them."),
        "suite": attr.string(default = "bookworm", doc = "A release, frozen between its point releases."),
        "components": attr.string_list(default = ["main"], doc = "The parts of the archive that are searched."),
        "compression": COMPRESSION,
        "max_layer_size": attr.int(
            default = MAX_LAYER_SIZE,
            doc = "How many bytes, uncompressed, a layer has at most; what is larger is split by file.",
        ),
        "architecture": attr.string(doc = "The processor, as Debian calls it; by default the configuration's."),
    },
)
