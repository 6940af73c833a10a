"""Streams hashed together with the files that they hold."""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import hash_stream_with_sources
from buildkit.store.hashing import BUFFER, Range, hash_file, measure

PARTS = st.lists(
    st.one_of(st.binary(max_size=700), st.tuples(st.integers(0, 3 * BUFFER), st.integers(0, 255))), max_size=6
)


def content(size: int, seed: int) -> bytes:
    return (bytes(range(256)) * (size // 256 + 2))[seed : seed + size]


@settings(deadline=None, max_examples=40)
@given(PARTS)
def test_every_digest_is_that_of_the_bytes(parts: list[bytes | tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stream, segments, expected = b"", list[bytes | Path](), {}
        for number, part in enumerate(parts):
            data = part if isinstance(part, bytes) else content(*part)
            stream += data
            if isinstance(part, bytes):
                segments.append(data)
            else:
                path = Path(folder, str(number))
                path.write_bytes(data)
                segments.append(path)
                expected[path] = Digest.of(data)
        assert hash_stream_with_sources(segments) == (Digest.of(stream), expected)


def test_one_file_may_be_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(BUFFER * 3 + 5, 3))
    stream = path.read_bytes() * 2
    assert hash_stream_with_sources([path, path]) == (Digest.of(stream), {path: Digest.of(path.read_bytes())})


def test_ranges_are_read_from_their_offset_and_only_whole_files_are_measured(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(content(6 * BUFFER, 1))
    two.write_bytes(content(5 * BUFFER, 2))
    measured = measure(
        [b"<", Range(one, 7, 5 * BUFFER), Range(two, 0, 5 * BUFFER, measured=True), Range(one, 1, 2), b">"]
    )
    stream = b"<" + one.read_bytes()[7 : 7 + 5 * BUFFER] + two.read_bytes() + one.read_bytes()[1:3] + b">"
    assert measured.stream == Digest.of(stream)
    assert measured.files == {two: Digest.of(two.read_bytes())}
    assert set(measured.stamps) == {one, two}


def test_the_stamp_is_that_of_the_file_as_it_was_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"hello")
    digest, stamp = hash_file(path)
    assert digest == Digest.of(b"hello")
    assert (stamp.size, stamp.inode, stamp.mtime_ns) == (5, path.stat().st_ino, path.stat().st_mtime_ns)


@pytest.mark.parametrize("size", [10, 5 * BUFFER])
def test_a_file_shorter_than_promised_is_one_that_changed(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size - 1))
    with pytest.raises(BuildFailure) as failure:
        measure([Range(path, 0, size)])
    assert failure.value.message == f"file changed while being read: '{path}'"


def test_memory_stays_flat_however_large_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(300_000_000)
    script = (
        "import resource, sys; from pathlib import Path; from buildkit.store import hash_stream_with_sources;"
        "hash_stream_with_sources([b'head', Path(sys.argv[1]), b'tail']);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    # A child starts with its parent's peak until it has become another program, so it is measured from a small shell.
    command = ["/bin/sh", "-c", 'exec "$0" -c "$1" "$2"', sys.executable, script, str(path)]
    peak = int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert peak < max(80_000, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + 20_000)
