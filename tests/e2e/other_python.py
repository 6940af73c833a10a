"""A Python of another version than this one, and mbuild installed in it as users install it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from mbuild_command import ROOT

WANTED = ((3, 13), (3, 12), (3, 11))


def other_python() -> str | None:
    """An interpreter of another minor version, from the PATH or from pyenv."""
    for version in WANTED:
        if version != sys.version_info[:2]:
            for candidate in _candidates("{}.{}".format(*version)):
                if _works(candidate, version):
                    return candidate
    return None


def _candidates(version: str) -> Iterator[str]:
    if found := shutil.which(f"python{version}"):
        yield found
    program = shutil.which("pyenv")
    roots = [
        os.environ.get("PYENV_ROOT"),
        str(Path.home() / ".pyenv"),
        str(Path(program).parents[1]) if program else None,
    ]
    for root in dict.fromkeys(root for root in roots if root and os.access(root, os.R_OK | os.X_OK)):
        yield from sorted(str(path) for path in Path(root).glob(f"versions/{version}.*/bin/python3"))


def _works(program: str, version: tuple[int, int]) -> bool:
    """Whether it starts, is what its name says, and can make environments; pyenv has names for what is not chosen."""
    code = "import ensurepip, sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([program, "-c", code], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.split() == [str(number) for number in version]


def install(python: str, folder: Path) -> tuple[str, ...]:
    """mbuild's wheel, built and installed in an empty environment; its command."""
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*pip, str(ROOT)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return (str(folder / "bin" / "mbuild"),)
