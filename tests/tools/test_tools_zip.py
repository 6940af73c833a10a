"""Members whose last bytes come after the decoder has read all."""

import io
import zipfile

import pytest

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
