import gzip
import hashlib
import io
import lzma
import random
from collections.abc import Callable

import pytest
import zstandard

from buildkit.errors import BuildFailure, InternalError
from buildkit.oci import compression

DATA = random.Random(7).randbytes(300_000) + b"compressible " * 400_000


def compressed(data: bytes, step: int) -> tuple[str, bytes]:
    out = bytearray()
    chunks = (data[at : at + step] for at in range(0, len(data), step))
    return compression.zstd(chunks, len(data), out.extend), bytes(out)


def test_the_compressor_is_pinned() -> None:
    # If this changes, layers' digests change for everybody.
    diff_id, packed = compressed(DATA, 1 << 20)
    assert compression.VERSION == "zstd-1.5.7-3-checksum-workers"
    assert diff_id == f"sha256:{hashlib.sha256(DATA).hexdigest()}"
    assert hashlib.sha256(packed).hexdigest() == "f2da070aa991756093c067d63bd72ab72a4b709c820691c642cb4ce3be27b7eb"
    assert zstandard.ZstdDecompressor().decompress(packed) == DATA


def test_neither_the_number_of_cores_nor_the_size_of_chunks_changes_a_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    first = compressed(DATA, 1 << 20)
    for cores, step in ((1, 1000), (2, 1 << 16), (3, 1 << 22), (64, 77_777)):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        assert compressed(DATA, step) == first


def test_a_stream_that_is_not_as_long_as_announced_is_our_own_fault() -> None:
    with pytest.raises(InternalError, match="a layer of 3 bytes was announced with 4"):
        compression.zstd([b"abc"], 4, lambda _: None)


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
