"""Layers and an image's platform → nothing, if what the layers hold can run there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from buildkit.errors import BuildFailure
from buildkit.oci.elf import foreign
from buildkit.oci.layer import Layer

_MOST_NOTES = 5


def check_machines(
    layers: Sequence[Layer], names: Sequence[str], platform: Mapping[str, Any], allowed: Sequence[str]
) -> None:
    """Raise BuildFailure, which names file, layer and both processors, for a program or library for another processor.

    Files whose paths match one of the `allowed` patterns (`*` stands for anything, '/' too) may be for any.
    """
    architecture = str(platform["architecture"])
    found = [thing for thing in _foreign(layers, names, architecture) if not _allowed(thing[0], allowed)]
    if not found:
        return
    path, machine, name = found[0]
    raise BuildFailure(
        f"'{path}' in {name} is for {machine}, the image is for {platform['os']}/{architecture}",
        notes=[f"so is '{path}' in {name}, for {machine}" for path, machine, name in found[1:_MOST_NOTES]],
        hint=f"lock or build for {platform['os']}/{architecture}, or name files that nothing runs in 'foreign_files'",
    )


def _foreign(layers: Sequence[Layer], names: Sequence[str], architecture: str) -> Iterator[tuple[str, str, str]]:
    for layer, name in zip(layers, names, strict=True):
        for path, machine in foreign(layer.elf, architecture):
            yield path, machine, name


def _allowed(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)
