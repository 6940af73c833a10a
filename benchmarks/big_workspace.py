"""A workspace of many packages, the same for mbuild and Bazel: `big_workspace.py FOLDER [PACKAGES [TARGETS]]`.

Each target is a filegroup with one file, and with two dependencies: one in its own package and one elsewhere.
"""

from __future__ import annotations

import sys
from pathlib import Path


def write(root: Path, packages: int = 1000, targets: int = 10) -> None:
    """Make the workspace."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "mbuild.toml").write_text('[workspace]\nname = "big"\n')
    (root / "WORKSPACE").write_text("")
    for package in range(packages):
        folder = root / folder_of(package)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "BUILD").write_text(build_file(package, targets))
        for target in range(targets):
            (folder / f"data{target}.txt").write_text("x")


def folder_of(package: int) -> str:
    """The path of a package, by its number."""
    return f"team{package // 50}/pkg{package}"


def build_file(package: int, targets: int) -> str:
    """The text of a package's BUILD file."""
    parts = ['package(default_visibility = ["//visibility:public"])\n']
    for target in range(targets):
        needed = [f'":t{target - 1}"'] if target else []
        needed += [f'"//{folder_of((package * 7 + target * 13) % package)}:t{target}"'] if package else []
        sources = ", ".join([*needed, f'"data{target}.txt"'])
        parts.append(
            f'filegroup(\n    name = "t{target}",\n    srcs = [\n        {sources},\n    ],\n'
            f'    tags = ["team{package // 50}", "tier{target % 3}"],\n)\n'
        )
    return "\n".join(parts)


if __name__ == "__main__":
    write(Path(sys.argv[1]), *map(int, sys.argv[2:]))
