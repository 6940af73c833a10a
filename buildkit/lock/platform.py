"""The platform that a lock is for: never the host's, always the one that its request names.

In: "linux/amd64", "3.11", "2.36". Out: `PythonPlatform`: what uv is told, and the tags of wheels that fit, best first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Self

from packaging.tags import Tag, compatible_tags, cpython_tags

from buildkit.errors import BuildError
from buildkit.records import dataclass

# The machine's name in wheels' tags, and the oldest glibc minor that PEP 600 gives it.
_MACHINES: Mapping[str, tuple[str, int]] = {"linux/amd64": ("x86_64", 5), "linux/arm64": ("aarch64", 17)}
_LEGACY = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True, slots=True)
class PythonPlatform:
    """CPython of one version on one processor with one glibc."""

    python: str
    machine: str
    glibc: tuple[int, int]
    oldest_minor: int

    @classmethod
    def of(cls, request: Mapping[str, object]) -> Self:
        """Read `python`, `platform` and `glibc` of a request. Raises BuildError for what no wheel is made for."""
        python, platform, glibc = str(request["python"]), str(request["platform"]), str(request["glibc"])
        if not re.fullmatch(r"3\.\d+(\.\d+)?", python):
            raise BuildError(f"'python' must be a version such as '3.11', found {python!r}")
        if platform not in _MACHINES:
            raise BuildError(
                f"no wheels can be locked for the platform {platform!r}",
                hint=f"the platforms are: {', '.join(_MACHINES)}",
            )
        if not re.fullmatch(r"2\.\d+", glibc):
            raise BuildError(f"'glibc' must be a version such as '2.36', found {glibc!r}")
        machine, oldest = _MACHINES[platform]
        return cls(python, machine, (2, int(glibc.partition(".")[2])), oldest)

    @property
    def uv_name(self) -> str:
        """What uv calls the platform."""
        return f"{self.machine}-manylinux_{self.glibc[0]}_{self.glibc[1]}"

    @property
    def full_python(self) -> str:
        """The version with its last part, '0' where the request names none, as uv takes it."""
        return self.python if self.python.count(".") == 2 else f"{self.python}.0"

    def tags(self) -> dict[Tag, int]:
        """Every tag that fits → its rank; 0 fits best."""
        minor = int(self.python.split(".")[1])
        platforms = list(self._platforms())
        abi = f"cp3{minor}"
        ordered = [
            *cpython_tags((3, minor), abis=[abi], platforms=platforms),
            *compatible_tags((3, minor), interpreter=abi, platforms=platforms),
        ]
        return {tag: rank for rank, tag in reversed(list(enumerate(ordered)))}

    def _platforms(self) -> Iterator[str]:
        for minor in range(self.glibc[1], self.oldest_minor - 1, -1):
            yield f"manylinux_{self.glibc[0]}_{minor}_{self.machine}"
            if minor in _LEGACY:
                yield f"{_LEGACY[minor]}_{self.machine}"
        yield f"linux_{self.machine}"
