"""gzip around deflate streams that are there already."""

import gzip
import hashlib
import random
import subprocess
import zlib
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.errors import InternalError
from buildkit.oci import gzip_members
from buildkit.oci.gzip_members import Chunk, Deflated, data_of

DATA = random.Random(7).randbytes(100_000) + b"compressible " * 100_000


def deflated(data: bytes, parts: int = 1, level: int = 6) -> list[Chunk]:
    """A file as its archive has it, cut into parts at places that have nothing to do with each other."""
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15)
    packed = compressor.compress(data) + compressor.flush()
    return [
        Deflated(
            data[len(data) * n // parts : len(data) * (n + 1) // parts],
            packed[len(packed) * n // parts : len(packed) * (n + 1) // parts],
            last=n == parts - 1,
        )
        for n in range(parts)
    ]


def written(chunks: list[Chunk]) -> tuple[str, bytes]:
    out = bytearray()
    diff_id = gzip_members.gzip(chunks, sum(map(len, chunks)), out.extend)
    return diff_id, bytes(out)


def members(packed: bytes) -> list[bytes]:
    found = []
    while packed:
        reader = zlib.decompressobj(31)
        found.append(reader.decompress(packed))
        assert reader.eof
        packed = reader.unused_data
    return found


HEADER = b"usr/lib/x.py".ljust(100, b"\0") + b"0000644\0" + bytes(404)


def test_each_file_ends_a_member_that_begins_with_what_stands_before_it() -> None:
    chunks = [HEADER, *deflated(b"one\n"), bytes(508), HEADER, *deflated(DATA, parts=7), bytes(1024)]
    _, packed = written(chunks)
    assert members(packed) == [HEADER + b"one\n", bytes(508) + HEADER + DATA, bytes(1024)]


def test_the_files_own_stream_stands_in_it_unchanged() -> None:
    file = deflated(DATA)
    assert isinstance(file[0], Deflated)
    assert file[0].packed in written([HEADER, *file])[1]


def test_the_bytes_are_pinned() -> None:
    # If this changes, the digests of gzip layers of wheels change for everybody.
    diff_id, packed = written([HEADER, *deflated(DATA, level=0), bytes(700), DATA, bytes(1024)])
    assert diff_id == f"sha256:{hashlib.sha256(HEADER + DATA + bytes(700) + DATA + bytes(1024)).hexdigest()}"
    assert hashlib.sha256(packed).hexdigest() == "0d5765288ef5fd214be0dac3b52d65946c0b1be11632d3f6c538f38a39b54f06"


def test_gzip_itself_reads_it() -> None:
    chunks = [HEADER, *deflated(DATA, parts=3), bytes(200), HEADER, *deflated(b""), HEADER, DATA, bytes(1024)]
    unpacked = subprocess.run(["gzip", "-dc"], input=written(chunks)[1], capture_output=True, check=True).stdout
    assert unpacked == b"".join(map(data_of, chunks))


def test_a_large_file_that_nobody_has_compressed_is_not_kept_in_memory() -> None:
    out, lengths = bytearray(), []

    def chunks() -> Iterator[Chunk]:
        for number in range(64):
            lengths.append(len(out))
            yield random.Random(number).randbytes(1 << 18)

    gzip_members.gzip(chunks(), 1 << 24, out.extend)
    assert [number << 18 < length + (1 << 21) for number, length in enumerate(lengths)] == [True] * 64
    assert len(members(bytes(out))[0]) == 1 << 24


def test_nothing_at_all_is_one_empty_member() -> None:
    assert members(written([])[1]) == [b""]


def test_headers_take_little_room() -> None:
    _, packed = written([HEADER, *deflated(b"")] * 100)
    assert len(packed) < 100 * 90


def test_a_stream_that_is_not_as_long_as_announced_is_our_own_fault() -> None:
    with pytest.raises(InternalError, match="a layer of 3 bytes was announced with 4"):
        gzip_members.gzip([b"abc"], 4, lambda _: None)


PLAIN = st.binary(max_size=300) | st.integers(0, 40_000).map(bytes) | st.just(DATA[:150_000])
FILES = st.tuples(PLAIN, st.integers(1, 5), st.integers(0, 9))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(PLAIN, st.none() | FILES), max_size=6), st.integers(1, 20_000))
def test_whatever_comes_is_read_back_and_the_cuts_between_plain_chunks_change_nothing(
    things: list[tuple[bytes, tuple[bytes, int, int] | None]], step: int
) -> None:
    whole: list[Chunk] = []
    cut: list[Chunk] = []
    for plain, file in things:
        parts = deflated(*file) if file else []
        whole += [plain, *parts]
        cut += [*(plain[at : at + step] for at in range(0, len(plain), step)), *parts]
    diff_id, packed = written(whole)
    data = b"".join(map(data_of, whole))
    assert (gzip.decompress(packed), diff_id) == (data, f"sha256:{hashlib.sha256(data).hexdigest()}")
    assert written(cut) == (diff_id, packed)
