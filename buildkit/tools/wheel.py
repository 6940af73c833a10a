"""A wheel → where each of its files goes in an image, with everything that its RECORD promises.

In: the bytes of a wheel and its file name. Out: `Wheel`: installed files sorted by nothing but declared facts, so that
sizes and RECORD are known before anything is unpacked; contents are checked against RECORD as they stream.
(Binary distribution format; "Recording installed projects".)
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.parser import HeaderParser
from typing import Any

from buildkit.errors import BuildFailure
from buildkit.tools import zip_reader
from buildkit.tools.zip_reader import Buffer, Member

INTERPRETER = "/usr/bin/python3"
_SIGNATURES = ("RECORD", "RECORD.jws", "RECORD.p7s")
_ALGORITHMS = ("sha256", "sha384", "sha512")
_ENTRY_POINT = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[[^\]]*\])?")


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where the kinds of files of a wheel go in an image, for one Python."""

    python: str

    @property
    def packages(self) -> str:
        """Where importable files go: on the default search path of Debian's Python, and nobody else's folder."""
        return f"usr/local/lib/python{self.python}/dist-packages"

    def folder(self, key: str, project: str) -> str | None:
        """The folder for a key of `NAME.data/`, or None for an unknown key."""
        return {
            "purelib": self.packages,
            "platlib": self.packages,
            "scripts": "usr/local/bin",
            "data": "usr/local",
            "headers": f"usr/local/include/python{self.python}/{project}",
        }.get(key)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What RECORD says of a file: the hash's name, the hash as RECORD writes it, and the size."""

    algorithm: str
    hash: str
    size: int

    @classmethod
    def of(cls, data: bytes) -> Recorded:
        """What RECORD would say of bytes at hand."""
        return cls("sha256", encoded(hashlib.sha256(data).digest()), len(data))


@dataclass(frozen=True, slots=True)
class Installed:
    """A file of the image: from a member as it is, or from `data` that was made anew."""

    path: str
    executable: bool
    recorded: Recorded
    member: Member | None = None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel and what it installs."""

    name: str
    archive: Buffer
    files: tuple[Installed, ...]

    def content(self, file: Installed) -> Iterator[bytes]:
        """A file's bytes; raises BuildFailure at their end unless they are what RECORD says."""
        if file.member is None:
            yield file.data
            return
        yield from _verified(self.archive, file.member, file.recorded, self.name)


def read(archive: Buffer, name: str, scheme: Scheme) -> Wheel:
    """Read a wheel's directory and metadata. Raises BuildFailure, which names wheel and member, for what is wrong."""
    members = {member.path: member for member in zip_reader.members(archive, name)}
    info = _info_folder(members, name)
    record = _record(archive, members, f"{info}/RECORD", name)
    _check_metadata(_text(archive, members, record, f"{info}/WHEEL", name), name)
    project = info.removesuffix(".dist-info").rpartition("-")[0]
    data_folder = info.removesuffix(".dist-info") + ".data"
    files = [
        _placed(archive, member, record[path], scheme, data_folder, project, name)
        for path, member in members.items()
        if path in record and path != f"{info}/RECORD" and not _is_bytecode(path)
    ]
    files += _entry_points(archive, members, record, info, name)
    files.append(_made(f"{scheme.packages}/{info}/INSTALLER", b"mbuild\n"))
    _refuse_repeated(files, name)
    files.append(_installed_record(files, scheme, info))
    return Wheel(name, archive, tuple(files))


def encoded(raw: bytes) -> str:
    """A hash as RECORD writes it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """The hash that `encoded` wrote."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _verified(archive: Buffer, member: Member, recorded: Recorded, name: str) -> Iterator[bytes]:
    hasher = hashlib.new(recorded.algorithm)
    for chunk in zip_reader.content(archive, member, name):
        hasher.update(chunk)
        yield chunk
    found = encoded(hasher.digest())
    if found != recorded.hash:
        raise BuildFailure(
            f"{name}: '{member.path}' is not what RECORD says: "
            f"expected {recorded.algorithm}={recorded.hash}, found {recorded.algorithm}={found}"
        )


def _info_folder(members: Mapping[str, Member], name: str) -> str:
    found = sorted({path.split("/")[0] for path in members if path.split("/")[0].endswith(".dist-info")})
    if len(found) != 1:
        raise BuildFailure(f"{name}: expected one .dist-info folder, found {', '.join(found) or 'none'}")
    if _project(found[0]) != _project(name):
        raise BuildFailure(f"{name}: its metadata is that of another project: '{found[0]}'")
    return found[0]


def _project(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text.partition("-")[0]).lower()


def _text(archive: Buffer, members: Mapping[str, Member], record: Mapping[str, Recorded], path: str, name: str) -> str:
    """A metadata file, verified."""
    if path not in members:
        raise BuildFailure(f"{name}: '{path}' is missing")
    return _as_text(b"".join(_verified(archive, members[path], record[path], name)), path, name)


def _as_text(data: bytes, path: str, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise BuildFailure(f"{name}: '{path}' is not valid UTF-8") from None


def _record(archive: Buffer, members: Mapping[str, Member], path: str, name: str) -> dict[str, Recorded]:
    """RECORD's rows, once it is sure that they and the archive tell of the same files and sizes."""
    if path not in members:
        raise BuildFailure(f"{name}: '{path}' is missing")
    text = _as_text(b"".join(zip_reader.content(archive, members[path], name)), path, name)
    folder = path.removesuffix("RECORD")
    record: dict[str, Recorded] = {}
    for row in _rows(text, path, name):
        if row and row[0] not in {folder + signature for signature in _SIGNATURES}:
            _add_row(record, row, members, name)
    unlisted = sorted(set(members) - set(record) - {folder + signature for signature in _SIGNATURES})
    if unlisted:
        raise BuildFailure(f"{name}: '{unlisted[0]}' is not listed in RECORD")
    return record


def _rows(text: str, path: str, name: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), strict=True)
    except csv.Error as error:
        raise BuildFailure(f"{name}: '{path}' is damaged: {error}") from None


def _add_row(record: dict[str, Recorded], row: list[str], members: Mapping[str, Member], name: str) -> None:
    path, (algorithm, _, digest), size = row[0], _hash(row), row[2] if len(row) > 2 else ""
    if path not in members:
        raise BuildFailure(f"{name}: '{path}' is listed in RECORD, but missing")
    if path in record:
        raise BuildFailure(f"{name}: '{path}' is listed in RECORD twice")
    if algorithm not in _ALGORITHMS or not digest:
        raise BuildFailure(f"{name}: RECORD has no hash for '{path}' that can be trusted: found '{''.join(row[1:2])}'")
    if size and size != str(members[path].size):
        raise BuildFailure(f"{name}: '{path}' has {members[path].size} bytes, RECORD says {size}")
    record[path] = Recorded(algorithm, digest.rstrip("="), members[path].size)


def _hash(row: list[str]) -> tuple[str, str, str]:
    return (row[1] if len(row) > 1 else "").partition("=")


def _check_metadata(text: str, name: str) -> None:
    headers = HeaderParser().parsestr(text)
    version = str(headers.get("Wheel-Version", ""))
    if not version.startswith("1."):
        raise BuildFailure(f"{name}: wheel format '{version}' is not known: expected 1.x")


def _is_bytecode(path: str) -> bool:
    # Bytecode is compiled by the image's own interpreter, if at all.
    return "__pycache__" in path.split("/")[:-1]


def _placed(
    archive: Buffer, member: Member, recorded: Recorded, scheme: Scheme, data_folder: str, project: str, name: str
) -> Installed:
    """Where a member goes. `Root-Is-Purelib` makes no difference: both roots are one folder on Debian."""
    if not member.path.startswith(f"{data_folder}/"):
        return Installed(f"{scheme.packages}/{member.path}", member.executable, recorded, member)
    key, _, rest = member.path.removeprefix(f"{data_folder}/").partition("/")
    folder = scheme.folder(key, project)
    if folder is None or not rest:
        raise BuildFailure(f"{name}: '{member.path}' is data of an unknown kind: '{key}'")
    if key == "scripts":
        return _script(archive, member, recorded, f"{folder}/{rest}", name)
    return Installed(f"{folder}/{rest}", member.executable, recorded, member)


def _script(archive: Buffer, member: Member, recorded: Recorded, path: str, name: str) -> Installed:
    """A script; the interpreter's place is filled in where it was left open."""
    data = b"".join(zip_reader.content(archive, member, name)) if member.size < 1 << 20 else b""
    if not data.startswith(b"#!python"):
        return Installed(path, True, recorded, member)
    b"".join(_verified(archive, member, recorded, name))
    first, newline, rest = data.partition(b"\n")
    arguments = first.removeprefix(b"#!pythonw").removeprefix(b"#!python")
    return _made(path, b"#!" + INTERPRETER.encode() + arguments.rstrip(b"\r") + newline + rest, executable=True)


def _entry_points(
    archive: Buffer, members: Mapping[str, Member], record: Mapping[str, Recorded], info: str, name: str
) -> list[Installed]:
    path = f"{info}/entry_points.txt"
    if path not in members:
        return []
    found: list[Installed] = []
    for script, target in _scripts(_text(archive, members, record, path, name)):
        match = _ENTRY_POINT.fullmatch(target)
        if not match or "/" in script or script in ("", ".", ".."):
            raise BuildFailure(f"{name}: entry point '{script} = {target}' is not 'name = module:function'")
        found.append(_made(f"usr/local/bin/{script}", _launcher(match[1], match[2]), executable=True))
    return found


def _scripts(text: str) -> Iterator[tuple[str, str]]:
    """The pairs of an entry_points.txt's sections of commands."""
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif line and line[0] not in "#;" and section in ("console_scripts", "gui_scripts"):
            script, _, target = line.partition("=")
            yield script.strip(), target.strip()


def _launcher(module: str, function: str) -> bytes:
    first = function.partition(".")[0]
    return (
        f"#!{INTERPRETER}\nimport sys\n\nfrom {module} import {first}\n\n"
        f'if __name__ == "__main__":\n    sys.exit({function}())\n'
    ).encode()


def _made(path: str, data: bytes, executable: bool = False) -> Installed:
    return Installed(path, executable, Recorded.of(data), None, data)


def _refuse_repeated(files: list[Installed], name: str) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise BuildFailure(f"{name}: two of its files would be installed as '{file.path}'")
        seen.add(file.path)


def _installed_record(files: list[Installed], scheme: Scheme, info: str) -> Installed:
    """RECORD of what is installed: the same rows on every machine, sorted, relative to the packages' folder."""
    own = f"{info}/RECORD"
    rows: list[tuple[Any, ...]] = [
        (_relative(file.path, scheme), f"{file.recorded.algorithm}={file.recorded.hash}", file.recorded.size)
        for file in files
    ]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(sorted([*rows, (own, "", "")]))
    return _made(f"{scheme.packages}/{own}", text.getvalue().encode())


def _relative(path: str, scheme: Scheme) -> str:
    inside = path.removeprefix(f"{scheme.packages}/")
    return inside if inside != path else "../../../" + path.removeprefix("usr/local/")
