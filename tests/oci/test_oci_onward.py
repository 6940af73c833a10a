"""A stream as a file that is read from front to end."""

import os
import sys

import pytest

from buildkit.errors import BuildFailure, InternalError
from buildkit.oci.onward import Onward


def stream() -> Onward:
    return Onward(iter([b"abc", b"def", b"ghi"]), "the layer")


def test_bytes_are_read_and_skipped_across_chunks() -> None:
    onward = stream()
    assert onward.read(2) == b"ab"
    assert onward.seek(4) == 4
    assert onward.read(4) == b"efgh"
    assert onward.read(4) == b"i"
    assert onward.read(4) == b""
    assert onward.seek(9) == 9


def test_the_end_is_nowhere_before_it_is_reached() -> None:
    onward = stream()
    assert onward.seek(0, os.SEEK_END) == sys.maxsize
    assert onward.read(1) == b"a"


def test_a_place_behind_the_end_is_a_damaged_stream() -> None:
    with pytest.raises(BuildFailure) as raised:
        stream().seek(12)
    assert str(raised.value) == "error: the layer is damaged: it ends 3 bytes before its last member does"


def test_it_does_not_go_back() -> None:
    onward = stream()
    onward.seek(5)
    with pytest.raises(InternalError):
        onward.seek(4)
