import io
import tarfile
from collections.abc import Callable

import pytest

from buildkit.errors import BuildFailure
from buildkit.oci.tar_reader import Member, Type, members


def made(*infos: tuple[str, bytes, bytes, str], format: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=format) as archive:
        for name, kind, data, target in infos:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname, info.mtime, info.uid = kind, len(data), target, 1700000000, 1000
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def read(data: bytes) -> list[Member]:
    return list(members(io.BytesIO(data), "a.tar"))


@pytest.mark.parametrize("format", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_archives_of_each_format_are_read(format: int) -> None:
    name = "d/" * 60 + "n"
    data = made(
        ("d", tarfile.DIRTYPE, b"", ""),
        (name, tarfile.REGTYPE, b"x" * 600, ""),
        ("s", tarfile.SYMTYPE, b"", "to/there"),
        ("h", tarfile.LNKTYPE, b"", name[:90]),
        format=format,
    )
    found = read(data)
    assert [(m.path, m.type, m.size, m.target) for m in found] == [
        ("d" if found[0].path == "d" else "d/", Type.DIRECTORY, 0, ""),
        (name, Type.FILE, 600, ""),
        ("s", Type.SYMLINK, 0, "to/there"),
        ("h", Type.HARD_LINK, 0, name[:90]),
    ]
    assert data[found[1].offset : found[1].offset + 600] == b"x" * 600


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_and_foreign_names_are_read(format: int) -> None:
    data = made(("ü" * 120, tarfile.SYMTYPE, b"", "t" * 200), ("plain", tarfile.REGTYPE, b"1", ""), format=format)
    assert [(m.path, m.target) for m in read(data)] == [("ü" * 120, "t" * 200), ("plain", "")]


def spoilt(change: Callable[[bytearray], object]) -> bytes:
    data = bytearray(made(("a", tarfile.REGTYPE, b"x" * 600, ""), format=tarfile.USTAR_FORMAT)[: 3 * 512 + 1024])
    change(data)
    return bytes(data)


def rechecked(data: bytearray, at: int, field: bytes) -> None:
    data[at : at + len(field)] = field
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "a.tar is damaged: expected a tar header at byte 0"),
        (b"not a tar", "a.tar is damaged: expected a tar header at byte 0"),
        (spoilt(lambda d: d.__setitem__(0, 66)), "a.tar is damaged: the tar header at byte 0 fails its checksum"),
        (
            spoilt(lambda d: rechecked(d, 124, b"77777777777")),
            "a.tar is damaged: a member claims 8589934591 bytes, but 2048 are left",
        ),
        (
            spoilt(lambda d: rechecked(d, 124, b"no number!!")),
            "a.tar is damaged: a tar header holds 'no number!!\\x00' where a number belongs",
        ),
        (
            spoilt(lambda d: rechecked(d, 124, b"-0000001000")),
            "a.tar is damaged: a tar header holds '-0000001000\\x00' where a number belongs",
        ),
        (spoilt(lambda d: rechecked(d, 156, b"S")), "a.tar: 'a' has the unknown type 'S'"),
        (spoilt(lambda d: rechecked(d, 0, b"\xff")), "a.tar: the name '\\xff' is not valid UTF-8"),
        (
            spoilt(lambda d: rechecked(d, 156, b"x")),
            "a.tar is damaged: a PAX record is not 'length key=value'",
        ),
        (
            spoilt(lambda d: d.__delitem__(slice(900, None))),
            "a.tar is damaged: a member claims 600 bytes, but 388 are left",
        ),
    ],
)
def test_damaged_and_lying_archives_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(BuildFailure) as caught:
        read(data)
    assert caught.value.message == message


def extended(records: bytes, times: int = 1) -> bytes:
    """An archive of one file that is preceded by PAX headers of these records."""
    data = bytearray(made(("a", tarfile.REGTYPE, b"", ""), format=tarfile.USTAR_FORMAT)[:1024])
    head = bytearray(data[:512])
    rechecked(head, 124, b"%011o" % len(records))
    rechecked(head, 156, b"x")
    return (bytes(head) + records + bytes(-len(records) % 512)) * times + bytes(data)


def test_a_header_of_a_great_many_records_is_read_at_once() -> None:
    """Cut off one by one, the records of each take ten seconds; a compressed layer has room for thousands of such."""
    assert [m.path for m in read(extended(b"5 a=\n" * 200_000, 4))] == ["a"]


@pytest.mark.parametrize(
    ("records", "message"),
    [
        (b"22 GNU.sparse.name=a\n\0\0", "a.tar is damaged: a PAX record is not 'length key=value'"),
        (b"21 GNU.sparse.name=a\n" * 2, "a.tar: 'a' is a sparse file, which is not supported"),
        (b"9" * 30 + b" path=a\n", "a.tar is damaged: a PAX record is not 'length key=value'"),
        (b"9 path=a\n" + b"9" * 30 + b" path=a\n", "a.tar is damaged: a PAX record is not 'length key=value'"),
        (b"3 path=a\n", "a.tar is damaged: a PAX record is not 'length key=value'"),
        (b"0 path=a\n", "a.tar is damaged: a PAX record is not 'length key=value'"),
        (b"5008 path=" + b"a/" * 2498 + b"a\n", f"a.tar holds a path of 4997 characters: '{'a/' * 30}'…"),
        (b"5011 linkpath=" + b"a/" * 2498 + b"\n", f"a.tar holds a path of 4996 characters: '{'a/' * 30}'…"),
    ],
)
def test_records_that_lie_are_refused(records: bytes, message: str) -> None:
    with pytest.raises(BuildFailure) as caught:
        read(extended(records))
    assert caught.value.message == message
