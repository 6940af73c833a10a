"""Wheels, packages and tars made from text, the honest and the hostile ones."""

import base64
import gzip
import hashlib
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping

import zstandard

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.store import MemoryStore

METADATA = "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def record_row(path: str, data: bytes, algorithm: str = "sha256") -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    return f"{path},{algorithm}={digest},{len(data)}\n"


def wheel_files(files: Mapping[str, bytes], project: str = "demo-1.0") -> dict[str, bytes]:
    """The members of a correct wheel, RECORD last."""
    info = f"{project}.dist-info"
    members = dict(files)
    members.setdefault(f"{info}/METADATA", METADATA.encode())
    members.setdefault(f"{info}/WHEEL", WHEEL.encode())
    rows = "".join(record_row(path, data) for path, data in members.items())
    members.setdefault(f"{info}/RECORD", f"{rows}{info}/RECORD,,\n".encode())
    return members


def zipped(
    members: Iterable[tuple[str, bytes]], modes: Mapping[str, int] | None = None, method: int = zipfile.ZIP_DEFLATED
) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in members:
            info = zipfile.ZipInfo(path, (2024, 1, 2, 3, 4, 6))
            info.external_attr = (modes or {}).get(path, 0o100644) << 16
            info.compress_type = method
            archive.writestr(info, data)
    return out.getvalue()


def only(store: MemoryStore, made: Mapping[str, Digest]) -> dict[str, Digest]:
    """The one layer of a tool's folders of layers."""
    found = {name: Blob(digest, tree=True).parts(store.read) for name, digest in made.items()}
    assert {len(parts) for parts in found.values()} == {1}
    return {name: parts[0] for name, parts in found.items()}


def wheel(files: Mapping[str, bytes], project: str = "demo-1.0", modes: Mapping[str, int] | None = None) -> bytes:
    return zipped(wheel_files(files, project).items(), modes)


def tarred(*members: tuple[str, str | bytes | None], modes: Mapping[str, int] | None = None) -> bytes:
    """A tar: bytes are a file, None a directory, '-> x' a symlink, '= x' a hard link, 'dev' a device."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in members:
            info = tarfile.TarInfo(path)
            info.mode = (modes or {}).get(path, 0o644)
            info.mtime = 1700000000
            data = content if isinstance(content, bytes) else b""
            info.size = len(data)
            if content is None:
                info.type = tarfile.DIRTYPE
            elif isinstance(content, str):
                marks = {"->": tarfile.SYMTYPE, "=": tarfile.LNKTYPE, "dev": tarfile.CHRTYPE}
                mark, _, info.linkname = content.partition(" ")
                info.type = marks[mark]
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def control(package: str, version: str = "1.0") -> bytes:
    return f"Package: {package}\nVersion: {version}\nArchitecture: amd64\nDescription: a test\n".encode()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "zst": zstandard.compress,
    "gz": gzip.compress,
    "": bytes,
}


def ar(*parts: tuple[str, bytes]) -> bytes:
    out = b"!<arch>\n"
    for name, data in parts:
        out += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
    return out


def deb(package: str, data: bytes, packing: str = "xz") -> bytes:
    suffix = f".{packing}" if packing else ""
    return ar(
        ("debian-binary", b"2.0\n"),
        (f"control.tar{suffix}", PACKERS[packing](tarred(("./", None), ("./control", control(package))))),
        (f"data.tar{suffix}", PACKERS[packing](data)),
    )


def blob(store: MemoryStore, data: bytes) -> Blob:
    return Blob(store.put(data))


def unpacked(data: bytes) -> dict[str, tuple[str, int, bytes | str]]:
    """What a layer holds, as Python's own tar reader sees it: path → (kind, mode, content or target)."""
    if data[:4] == b"\x28\xb5\x2f\xfd":
        data = zstandard.ZstdDecompressor().decompress(data)
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    found: dict[str, tuple[str, int, bytes | str]] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            assert member.name not in found, f"{member.name} is there twice"
            assert (member.uid, member.gid, member.uname, member.gname, member.mtime) == (0, 0, "", "", 0)
            if member.isfile():
                found[member.name] = "file", member.mode, archive.extractfile(member).read()  # type: ignore[union-attr]
            else:
                kind = "symlink" if member.issym() else "directory" if member.isdir() else "other"
                found[member.name] = kind, member.mode, member.linkname
    assert list(found) == sorted(found, key=str.encode)
    return found
