"""Whether packages fit the base that they are laid on: its platform, its Python and its C library."""

load(":base.bzl", "BaseInfo")
load(":debian.bzl", "DebianInfo")
load(":python.bzl", "PackagesInfo")
load(":wheels.bzl", "minor_of")

def check_packages(ctx, base, platform):
    """All packages must be for one Python, which is the base's, and for the platform and C library of the base.

    Args:
        ctx: a runtime's, with `packages`, and with `python` where it is another than the base's.
        base: the base's target.
        platform: the runtime's, such as linux/amd64.

    Returns:
        what could not be checked, since nothing tells it: a list of sentences.
    """
    if BaseInfo in base and base[BaseInfo].platform != platform:
        fail("'base' is for %s, the runtime is for %s" % (base[BaseInfo].platform, platform))
    packages = [target for target in ctx.attr.packages if PackagesInfo in target]
    versions = sorted({target[PackagesInfo].python: None for target in packages})
    if len(versions) > 1:
        fail("'packages' are for several Pythons: " + ", ".join(versions))
    for target in packages:
        if target[PackagesInfo].platform != platform:
            fail("'packages' are for %s, the runtime is for %s" % (target[PackagesInfo].platform, platform))
    pythons = _pythons(base, ctx.attr.python)
    libc = _libc(base)
    for target in packages:
        if pythons:
            _check_python(target, base.label, pythons)
        if libc:
            _check_libc(target, base.label, libc)
    return _unchecked(ctx, base, packages, pythons, libc)

def python_of(base):
    """The first two numbers of the version of a base's Python, or '' where nothing tells it."""
    if BaseInfo in base:
        return _minor(base[BaseInfo].python_version)
    pythons = [name for name in _debian(base) if name.startswith("python3.") and name.endswith("-minimal")]
    return pythons[0][len("python"):-len("-minimal")] if len(pythons) == 1 else ""

def _debian(base):
    """The versions of a base's Debian packages, by their names."""
    return base[DebianInfo].versions if DebianInfo in base else {}

def _minor(version):
    return ".".join(version.split(".")[:2])

def _pythons(base, path):
    """The Pythons that a base has, such as ["3.11"]; none where nothing tells them, or where another one is named."""
    if BaseInfo in base:
        version = base[BaseInfo].python_version
        return [_minor(version)] if version and not path else []
    names = [name.removeprefix("python").removesuffix("-minimal") for name in _debian(base) if name.startswith("python3.")]
    return sorted({version: None for version in names if version[2:].isdigit()})

def _libc(base):
    if BaseInfo in base:
        return base[BaseInfo].libc
    return _debian(base).get("libc6", "").split("-")[0]

def _check_python(packages, base, pythons):
    wanted = packages[PackagesInfo].python
    if wanted not in pythons:
        fail("packages '%s' are for Python %s, base '%s' has %s" % (packages.label, wanted, base, ", ".join(pythons)))

def _check_libc(packages, base, libc):
    info = packages[PackagesInfo]
    if not info.glibc:
        return
    what = "'%s' of packages '%s' needs glibc %s" % (info.glibc_for, packages.label, info.glibc)
    if libc == "musl":
        fail("%s, base '%s' has musl in its place: choose a base with glibc, such as one of Debian" % (what, base))
    if minor_of(info.glibc) > minor_of(libc):
        fail("%s, base '%s' has %s" % (what, base, libc))

def _unchecked(ctx, base, packages, pythons, libc):
    """What an image of others does not say of itself, and packages need. Of Debian's packages all is known."""
    if BaseInfo not in base or not packages:
        return []
    remarks = []
    if not pythons:
        remarks.append((
            "nothing tells which Python base '%s' has, so it is not known whether packages for Python %s work: " +
            "name its version with 'python_version' there%s"
        ) % (
            base.label,
            packages[0][PackagesInfo].python,
            ", and its path with 'python' there in place of here" if ctx.attr.python else "",
        ))
    needing = [target for target in packages if target[PackagesInfo].glibc]
    if needing and not libc:
        info = needing[0][PackagesInfo]
        remarks.append((
            "nothing tells which C library base '%s' has, so it is not known whether '%s' works, which needs " +
            "glibc %s: name its version with 'glibc' there"
        ) % (base.label, info.glibc_for, info.glibc))
    return remarks
