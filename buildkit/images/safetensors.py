"""A safetensors file's header → its tensors: dtype, shape, and where their bytes lie.

In: a way to read parts of the file. Out: `Tensor`s by name; the bytes themselves are not read. The format: eight bytes
with the header's length, little-endian; the header, JSON; the data.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from buildkit.errors import BuildFailure
from buildkit.records import dataclass

LARGEST_HEADER = 100_000_000  # bytes; what the format's own reader takes
_LENGTH = 8

Read = Callable[[int, int], bytes]  # (offset, length) in the file


class NotSafetensors(BuildFailure):
    """The file's header lies; whatever holds the file is sound."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; `begin` and `end` are in the file."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int


def tensors(read: Read, size: int, what: str) -> Mapping[str, Tensor]:
    """The tensors of a file of `size` bytes. NotSafetensors, which names it, for a header that lies."""
    head = read(0, min(_LENGTH, size))
    length = int.from_bytes(head, "little")
    if len(head) < _LENGTH or not 2 <= length <= min(LARGEST_HEADER, size - _LENGTH):
        raise NotSafetensors(f"'{what}' is no safetensors file: its header claims {length} bytes of {size}")
    try:
        header = json.loads(read(_LENGTH, length))
    except (ValueError, RecursionError):
        raise NotSafetensors(f"'{what}' is no safetensors file: its header is not JSON") from None
    if not isinstance(header, dict):
        raise NotSafetensors(f"'{what}' is no safetensors file: its header is not an object")
    start = _LENGTH + length
    return {name: _tensor(name, row, start, size, what) for name, row in header.items() if name != "__metadata__"}


def _tensor(name: str, row: object, start: int, size: int, what: str) -> Tensor:
    fault = NotSafetensors(f"'{what}': the tensor {name[:80]!r} is not described as safetensors are")
    if not isinstance(row, dict):
        raise fault
    dtype, shape, offsets = row.get("dtype"), row.get("shape"), row.get("data_offsets")
    if not isinstance(dtype, str) or not _are_counts(shape) or not _are_counts(offsets):
        raise fault
    assert isinstance(shape, list)
    assert isinstance(offsets, list)
    if len(offsets) != 2 or not offsets[0] <= offsets[1] <= size - start:
        raise fault
    return Tensor(dtype, tuple(shape), start + offsets[0], start + offsets[1])


def _are_counts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)
