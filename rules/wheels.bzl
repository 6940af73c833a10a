"""Names of wheels: which Python, processor and C library a wheel is for."""

_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}

# The C library that PEP 513, 571 and 599 stand for.
_OLD_NAMES = {"manylinux1": 5, "manylinux2010": 12, "manylinux2014": 17}

def minor_of(version):
    """The second number of a version such as 3.11 or 2.36."""
    number = version.split(".")[1] if "." in version else ""
    if not number.isdigit():
        fail("%r is no version: expected two numbers, such as 3.11" % version)
    return int(number)

def wheel_fault(filename, python, platform):
    """Why a wheel cannot be used.

    Args:
        filename: the wheel's, whose last three parts are its tags.
        python: the Python that it is wanted for, such as 3.11.
        platform: the platform, such as linux/amd64.

    Returns:
        a sentence's end such as "is for CPython 3.12", or None where it can be used.
    """
    parts = filename.removesuffix(".whl").split("-")
    if not filename.endswith(".whl") or len(parts) < 5:
        return "is no wheel's name: expected NAME-VERSION-PYTHON-ABI-PLATFORM.whl"
    pythons, abis, _ = [part.split(".") for part in parts[-3:]]
    minor = minor_of(python)
    if not any([_runs(tag, abi, minor) for tag in pythons for abi in abis]):
        return "is for %s (%s)" % (" or ".join(pythons), " or ".join(abis))
    if needed_glibc(filename, platform) == None:
        return "is for " + " or ".join(parts[-1].split("."))
    return None

def _runs(tag, abi, minor):
    """Whether CPython 3.`minor` loads what has a Python and an ABI tag."""
    version = tag[2:]
    if version != "3" and not (version.startswith("3") and version[1:].isdigit()):
        return False
    wanted = int(version[1:]) if len(version) > 1 else 0
    if tag.startswith("py"):
        return abi == "none" and wanted <= minor
    if not tag.startswith("cp"):
        return False
    if abi == "abi3":
        return wanted <= minor
    return wanted == minor and abi in ("none", tag)

def needed_glibc(filename, platform):
    """The least C library that a wheel asks for.

    Args:
        filename: the wheel's.
        platform: the platform, such as linux/amd64.

    Returns:
        the second number of glibc's version; 0 where any will do, None where the wheel is for other platforms only.
    """
    machine = _MACHINES[platform]
    needed = [_glibc_of_tag(tag, machine) for tag in filename.removesuffix(".whl").split("-")[-1].split(".")]
    needed = [minor for minor in needed if minor != None]
    return min(needed) if needed else None

def _glibc_of_tag(tag, machine):
    if tag in ("any", "linux_" + machine):
        return 0
    name = tag.removesuffix("_" + machine)
    if name == tag:
        return None
    if name in _OLD_NAMES:
        return _OLD_NAMES[name]
    numbers = name.removeprefix("manylinux_2_")
    return int(numbers) if numbers.isdigit() else None
