"""Which C library an image of others has, as far as its config tells: its history begins with its distribution's."""

# The glibc of releases, and how they are named in the history of the distribution's image and of all built on that.
_DEBIAN = {"buster": "2.28", "bullseye": "2.31", "bookworm": "2.36", "trixie": "2.41"}
_UBUNTU = {"18.04": "2.27", "20.04": "2.31", "22.04": "2.35", "24.04": "2.39", "25.04": "2.41"}
_STEPS = {"ADD alpine-minirootfs-": "musl"} | {
    "# debian.sh --arch '%s' out/ '%s' " % (arch, release): glibc
    for release, glibc in _DEBIAN.items()
    for arch in ("amd64", "arm64")
} | {
    "LABEL org.opencontainers.image.version=" + release: glibc
    for release, glibc in _UBUNTU.items()
}

# Red Hat's universal base images have no such history, but a label `name`: ubi9, ubi9-minimal, ubi9/python-311.
_RED_HAT = {"ubi8": "2.28", "ubi9": "2.34", "ubi10": "2.39"}

def libc_of(config):
    """The C library that an image is built on.

    Args:
        config: the image's config, as a dict (image-spec, config.md).

    Returns:
        glibc's version such as "2.36", "musl", or "" where nothing tells it.
    """
    for entry in config.get("history") or []:
        for step, libc in _STEPS.items():
            if step in (entry.get("created_by") or ""):
                return libc
    labels = (config.get("config") or {}).get("Labels") or {}
    name = (labels.get("name") or "").partition("/")[0].partition("-")[0]
    return _RED_HAT.get(name, "") if labels.get("vendor") == "Red Hat, Inc." else ""
