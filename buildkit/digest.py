"""The two identities: sha256 names bytes, blake3 names work.

In: bytes, or typed values. Out: `Digest` (of bytes, with their size) and `Key` (of a definition). The canonical
encoding is typed and length-prefixed, and sorts what has no order, so that no two definitions share an encoding.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Mapping, Sequence, Set

from blake3 import blake3

from buildkit.errors import BuildError, InternalError
from buildkit.records import dataclass

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, order=True)
class Digest:
    """sha256 and size in bytes of some content. Printed as an OCI digest (image-spec, descriptor.md)."""

    hex: str
    size: int

    def __str__(self) -> str:
        return f"sha256:{self.hex}"

    @classmethod
    def of(cls, data: bytes) -> Digest:
        """The digest of bytes at hand."""
        return cls(hashlib.sha256(data).hexdigest(), len(data))

    @classmethod
    def parse(cls, text: str, size: int) -> Digest:
        """Read `sha256:<64 lower-case hex digits>`; raises BuildError for anything else."""
        algorithm, _, digits = text.partition(":")
        if algorithm != "sha256" or not _HEX.fullmatch(digits):
            raise BuildError(f"{text!r} is not a digest", hint="write 'sha256:' and 64 lower-case hexadecimal digits")
        return cls(digits, size)


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """blake3 of a definition: of an action, a package or a parsed file."""

    hex: str

    def __str__(self) -> str:
        return self.hex

    @classmethod
    def of(cls, domain: str, *fields: object) -> Key:
        """The key of `fields` in `domain`; a domain names one kind of definition and its format's version."""
        return cls(blake3(encode((domain, *fields))).hexdigest())


def encode(value: object) -> bytes:
    """The canonical encoding of a value: a type's letter, a length, the content.

    Known are None, bool, int, float, str, bytes, `Digest`, `Key`, sequences, sets (sorted) and mappings (sorted by
    encoded key). Raises InternalError for anything else, since an encoding that is not exact is not an identity.
    """
    out: list[bytes] = []
    _encode(value, out)
    return b"".join(out)


def _encode(value: object, out: list[bytes]) -> None:
    match value:
        case None:
            out.append(b"n")
        case bool():
            out.append(b"T" if value else b"F")
        case int():
            _framed(b"i", b"%d" % value, out)
        case float():
            out.append(b"f" + struct.pack(">d", value))
        case str():
            _framed(b"s", value.encode("utf-8", "surrogatepass"), out)
        case bytes():
            _framed(b"b", value, out)
        case Digest():
            out.append(b"d" + bytes.fromhex(value.hex) + struct.pack(">q", value.size))
        case Key():
            out.append(b"k" + bytes.fromhex(value.hex))
        case Mapping():
            items = sorted((encode(key), encode(item)) for key, item in value.items())
            out.append(b"m%d:" % len(items))
            out.extend(part for item in items for part in item)
        case Set():
            members = sorted(encode(item) for item in value)
            out.append(b"u%d:" % len(members))
            out.extend(members)
        case Sequence():
            out.append(b"l%d:" % len(value))
            for item in value:
                _encode(item, out)
        case _:
            raise InternalError(f"no canonical encoding for {type(value).__name__}: {value!r}")


def _framed(letter: bytes, content: bytes, out: list[bytes]) -> None:
    out.append(letter + b"%d:" % len(content))
    out.append(content)


def size_text(size: int) -> str:
    """A size to read, in decimal units: '999 B', '1.5 MB'."""
    amount, units = float(size), iter(("kB", "MB", "GB", "TB"))
    unit = "B"
    while amount >= 999.95 and (following := next(units, None)):
        amount, unit = amount / 1000, following
    return f"{size} B" if unit == "B" else f"{amount:.1f} {unit}"
