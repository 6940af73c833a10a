"""RECORD: what a wheel promises of its files, and what an installation tells of them.

In: a wheel's archive. Out: `Recorded` facts by path, once RECORD and the archive agree on what there is; contents that
are checked against them while they stream; the text of a new RECORD. ("Recording installed projects".)
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping

from buildkit.errors import BuildFailure
from buildkit.oci.gzip_members import Chunk, data_of
from buildkit.records import dataclass
from buildkit.tools import zip_reader
from buildkit.tools.zip_reader import Buffer, Member

_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")  # RECORD cannot list itself, nor what signs it
_LARGEST_TEXT = 1 << 26
_ALGORITHMS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class Source:
    """A wheel as it came: its file name, its bytes, its members by path."""

    name: str
    archive: Buffer
    members: Mapping[str, Member]

    @classmethod
    def of(cls, archive: Buffer, name: str) -> Source:
        """Read an archive's directory."""
        return cls(name, archive, {member.path: member for member in zip_reader.members(archive, name)})

    def content(self, path: str) -> Iterator[Chunk]:
        """A member's bytes as they are, and as they are compressed."""
        if path not in self.members:
            raise BuildFailure(f"{self.name}: '{path}' is missing")
        return zip_reader.content(self.archive, self.members[path], self.name)

    def verified(self, path: str, recorded: Recorded) -> Iterator[Chunk]:
        """A member's bytes; BuildFailure at their end unless they are what RECORD says."""
        hasher = hashlib.new(recorded.algorithm)
        for chunk in self.content(path):
            hasher.update(data_of(chunk))
            yield chunk
        found = _encoded(hasher.digest())
        if found != recorded.hash:
            raise BuildFailure(
                f"{self.name}: '{path}' is not what RECORD says: "
                f"expected {recorded.algorithm}={recorded.hash}, found {recorded.algorithm}={found}"
            )

    def text(self, path: str, recorded: Recorded | None) -> str:
        """A metadata file; verified, if there is anything to verify it against."""
        if path in self.members and self.members[path].size > _LARGEST_TEXT:
            size = self.members[path].size
            raise BuildFailure(f"{self.name}: '{path}' has {size} bytes: no wheel's is so long")
        chunks = self.verified(path, recorded) if recorded else self.content(path)
        try:
            return b"".join(map(data_of, chunks)).decode()
        except UnicodeDecodeError:
            raise BuildFailure(f"{self.name}: '{path}' is not valid UTF-8") from None


@dataclass(frozen=True, slots=True)
class Recorded:
    """What RECORD says of a file: the hash's name, the hash as RECORD writes it, and the size."""

    algorithm: str
    hash: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> Recorded:
        """What RECORD would say of bytes at hand."""
        return cls("sha256", _encoded(hashlib.sha256(data).digest()), len(data))

    @property
    def hex(self) -> str:
        """The hash in hexadecimal digits."""
        return base64.urlsafe_b64decode(self.hash + "=" * (-len(self.hash) % 4)).hex()


def read_record(source: Source, path: str) -> dict[str, Recorded]:
    """RECORD's rows. BuildFailure unless each member is listed, each row has its member, and sizes agree."""
    unlisted = {path.removesuffix("RECORD") + name for name in _SIGNATURES}
    record: dict[str, Recorded] = {}
    for row in _rows(source, path):
        if row and row[0] not in unlisted:
            listed, digest, size, *_ = (*row, "", "")
            if listed in record:
                raise BuildFailure(f"{source.name}: '{listed}' is listed in RECORD twice")
            record[listed] = _recorded(source, listed, digest, size)
    missing = sorted(set(source.members) - set(record) - unlisted)
    if missing:
        raise BuildFailure(f"{source.name}: '{missing[0]}' is not listed in RECORD")
    return record


def write_record(rows: Iterable[tuple[str, Recorded]], own: str) -> bytes:
    """The text of a RECORD at `own`: sorted, the same on every machine."""
    table = [(path, f"{recorded.algorithm}={recorded.hash}", str(recorded.size)) for path, recorded in rows]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(sorted([*table, (own, "", "")]))
    return text.getvalue().encode()


def _rows(source: Source, path: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(source.text(path, None), newline=""), strict=True)
    except csv.Error as error:
        raise BuildFailure(f"{source.name}: '{path}' is damaged: {error}") from None


def _recorded(source: Source, path: str, digest: str, size: str) -> Recorded:
    member = source.members.get(path)
    if member is None:
        raise BuildFailure(f"{source.name}: '{path}' is listed in RECORD, but missing")
    algorithm, _, value = digest.partition("=")
    if algorithm not in _ALGORITHMS or not value:
        raise BuildFailure(f"{source.name}: RECORD has no hash for '{path}' that can be trusted: found '{digest}'")
    if size and size != str(member.size):
        raise BuildFailure(f"{source.name}: '{path}' has {member.size} bytes, RECORD says {size}")
    return Recorded(algorithm, value.rstrip("="), member.size)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
