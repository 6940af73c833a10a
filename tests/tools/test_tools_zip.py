"""Members whose last bytes come after the decoder has read all."""

import io
import zipfile

import pytest

from buildkit.errors import BuildFailure
from buildkit.oci.gzip_members import data_of
from buildkit.tools import zip_reader


@pytest.mark.parametrize("more", [-3, 0, 1, 3, 6, 258, 1000, 60_000])
def test_a_member_a_little_longer_than_a_step_is_read_to_its_end(more: int) -> None:
    size = (1 << 22) + more
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as written:
        written.writestr("zeros", bytes(size))
    (member,) = zip_reader.members(archive.getvalue(), "w.whl")
    assert b"".join(map(data_of, zip_reader.content(archive.getvalue(), member, "w.whl"))) == bytes(size)


def test_a_name_that_no_system_can_open_is_refused() -> None:
    """A folder is known for each slash of it: from 64 KB of name follow a gigabyte of folders' names."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("a/" * 30_000 + "a", b"")
    with pytest.raises(BuildFailure) as caught:
        zip_reader.members(archive.getvalue(), "w.whl")
    assert caught.value.message == f"w.whl: a member's name has 60001 characters: '{'a/' * 30}'…"
