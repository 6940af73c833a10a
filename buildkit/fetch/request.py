"""What is wanted from outside, as a plain value: who serves it, its name, and the digest that it must have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Self

from buildkit.digest import Digest
from buildkit.errors import InternalError
from buildkit.records import dataclass


class Source(StrEnum):
    """Where files of a kind come from: package indexes, a Debian mirror, or addresses that a target names."""

    PYTHON = "python"
    DEBIAN = "debian"
    HTTP = "http"


@dataclass(frozen=True, slots=True)
class FetchRequest:
    """One file. For `debian`, `filename` is the path in the archive's pool; `size` -1 is unknown."""

    source: Source
    name: str
    version: str
    filename: str
    urls: tuple[str, ...]
    sha256: str
    size: int = -1

    @classmethod
    def of(cls, arguments: Mapping[str, object]) -> Self:
        """Read the arguments of a fetch action."""
        urls = arguments.get("urls") or ()
        size = arguments.get("size", -1)
        if not isinstance(urls, Sequence) or not isinstance(size, int):
            raise InternalError(f"fetch action with unfit arguments: {arguments!r}")
        return cls(
            Source(str(arguments["source"])),
            str(arguments.get("name", "")),
            str(arguments.get("version", "")),
            str(arguments["filename"]),
            tuple(str(url) for url in urls),
            str(arguments["sha256"]),
            size,
        )

    @property
    def digest(self) -> Digest:
        """The digest that the file's bytes must have; its size is -1 where that is unknown."""
        return Digest(self.sha256, self.size)

    @property
    def subject(self) -> str:
        """The file's name without folders, for messages."""
        return self.filename.rpartition("/")[2]
