import gzip
import hashlib
import io
import lzma
import random
import subprocess
import zlib
from collections.abc import Callable

import pytest
import zstandard

from buildkit.errors import BuildFailure, InternalError
from buildkit.oci import compression, gzip_blocks
from buildkit.oci.sink import compressing_threads

DATA = random.Random(7).randbytes(300_000) + b"compressible " * 400_000


# zstd gives a worker 8 MiB at a time: enough for each of three to work twice.
LONG = b"".join(b"%d times %d\n" % (number * number, number % 977) for number in range(2_600_000))
COMPRESS = {"zstd": compression.zstd, "gzip": gzip_blocks.gzip}


def compressed(kind: str, data: bytes, step: int, workers: int = 0) -> tuple[str, bytes]:
    out = bytearray()
    chunks = (data[at : at + step] for at in range(0, len(data), step))
    return COMPRESS[kind](chunks, len(data), out.extend, workers), bytes(out)


@pytest.mark.parametrize(
    ("kind", "packed"),
    [
        ("zstd", "f2da070aa991756093c067d63bd72ab72a4b709c820691c642cb4ce3be27b7eb"),
        ("gzip", "572f208731f1571f72222e1d14643897d0b637d4b97757bd6956e52c203d679b"),
    ],
)
def test_the_compressors_are_pinned(kind: str, packed: str) -> None:
    # If this changes, layers' digests change for everybody.
    diff_id, data = compressed(kind, DATA, 1 << 20)
    assert diff_id == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    assert b"".join(compression.decompressed(io.BytesIO(data), "x")) == DATA
    assert hashlib.sha256(data).hexdigest() == packed


def test_versions_say_all_that_bytes_depend_on() -> None:
    assert compression.VERSION == "zstd-1.5.7-3-checksum-workers"
    assert gzip_blocks.VERSION == "zlib-ng-2.3.3-5-blocks-of-1048576"


@pytest.mark.parametrize("kind", COMPRESS)
def test_neither_the_number_of_workers_nor_the_size_of_chunks_changes_a_byte(kind: str) -> None:
    assert len(LONG) > 6 * (8 << 20)
    first = compressed(kind, LONG, 1 << 18, workers=1)
    for workers, step in ((2, len(LONG)), (3, 77_777), (8, 1 << 22)):
        assert compressed(kind, LONG, step, workers) == first


@pytest.mark.parametrize("kind", COMPRESS)
def test_the_number_of_cores_changes_nothing(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = compressed(kind, DATA, 1 << 20)
    for cores in (1, 2, 64, None):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert compressed(kind, DATA, 1 << 20) == first


@pytest.mark.parametrize("kind", COMPRESS)
def test_what_was_compressed_before_or_broke_off_changes_nothing(kind: str) -> None:
    texts = [DATA, b"", LONG, DATA[:7], LONG[: 9 << 20], DATA[::-1]]
    first = [compressed(kind, data, 1 << 18, workers=2) for data in texts]
    with pytest.raises(InternalError):
        COMPRESS[kind]([DATA, LONG], 1 << 40, lambda _: None, 2)
    assert [compressed(kind, data, 1 << 18, workers=2) for data in reversed(texts)] == first[::-1]


def test_layers_that_are_compressed_at_once_share_the_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    with compressing_threads() as alone, compressing_threads() as second, compressing_threads() as third:
        assert (alone, second, third) == (4, 2, 1)
        with compressing_threads(3) as wanted:
            assert wanted == 3
    with compressing_threads() as later:
        assert later == 4


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_gzip_of_any_size_is_one_member_that_others_read(size: int) -> None:
    _, packed = compressed("gzip", DATA[:size], 1 << 18)
    assert packed[:10] == bytes.fromhex("1f8b08000000000000ff")
    reader = zlib.decompressobj(31)
    assert (reader.decompress(packed), reader.eof, reader.unused_data) == (DATA[:size], True, b"")
    assert subprocess.run(["gzip", "-dc"], input=packed, capture_output=True, check=True).stdout == DATA[:size]


@pytest.mark.parametrize("kind", COMPRESS)
def test_a_stream_that_is_not_as_long_as_announced_is_our_own_fault(kind: str) -> None:
    with pytest.raises(InternalError, match="a layer of 3 bytes was announced with 4"):
        COMPRESS[kind]([b"abc"], 4, lambda _: None)


PACKED = {
    "gzip": gzip.compress(DATA),
    "two gzip members": gzip.compress(DATA[:1000]) + gzip.compress(DATA[1000:]),
    "xz": lzma.compress(DATA),
    "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(DATA),
    "two zstd frames": zstandard.compress(DATA[:1000]) + zstandard.compress(DATA[1000:]),
    "plain": DATA,
}


@pytest.mark.parametrize("kind", PACKED)
def test_every_usual_compression_is_read(kind: str) -> None:
    assert b"".join(compression.decompressed(io.BytesIO(PACKED[kind]), "x")) == DATA


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_a_bomb_does_not_go_off_in_memory(kind: str) -> None:
    zeros = bytes(256 << 20)
    pack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda data: gzip.compress(data, 9),
        "xz": lambda data: lzma.compress(data, preset=0),
        "zstd": zstandard.ZstdCompressor(19).compress,
    }
    chunks = [len(chunk) for chunk in compression.decompressed(io.BytesIO(pack[kind](zeros)), "x")]
    assert (sum(chunks), max(chunks) <= 1 << 26) == (len(zeros), True)


def test_an_empty_stream_is_empty() -> None:
    assert list(compression.decompressed(io.BytesIO(b""), "x")) == []


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_a_truncated_stream_is_refused(kind: str) -> None:
    with pytest.raises(BuildFailure) as caught:
        list(compression.decompressed(io.BytesIO(PACKED[kind][:-5]), "data.tar"))
    assert caught.value.message == "data.tar is damaged: its compressed stream ends early"


@pytest.mark.parametrize("kind", ["gzip", "xz", "zstd"])
def test_a_damaged_stream_is_refused(kind: str) -> None:
    damaged = PACKED[kind][:20] + b"\xff" * 40 + PACKED[kind][60:]
    with pytest.raises(BuildFailure, match=r"data\.tar is damaged: "):
        list(compression.decompressed(io.BytesIO(damaged), "data.tar"))


class Dripping(io.BytesIO):
    """A network that brings a byte at a time."""

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(1)


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress, bytes])
def test_a_stream_is_told_by_its_first_bytes_however_few_come_at_once(pack: Callable[[bytes], bytes]) -> None:
    assert b"".join(compression.decompressed(Dripping(pack(b"a layer")), "x")) == b"a layer"
