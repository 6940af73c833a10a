"""A wheel → where each of its files goes in an image.

In: the bytes of a wheel and its file name. Out: `Wheel`. All that it installs is known before anything is unpacked,
sizes and the new RECORD included, since names, sizes and hashes are declared; contents are checked as they stream.
("Binary distribution format".)
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from buildkit.errors import BuildFailure
from buildkit.oci.gzip_members import Chunk, data_of
from buildkit.records import dataclass
from buildkit.tools.wheel_commands import launchers, with_interpreter
from buildkit.tools.wheel_record import Recorded, Source, read_record, write_record
from buildkit.tools.zip_reader import Buffer

_LARGEST_SCRIPT = 1 << 20


@dataclass(frozen=True, slots=True)
class Scheme:
    """Where the kinds of files of a wheel go in an image, for one Python."""

    python: str

    @property
    def packages(self) -> str:
        """Where importable files go: on the default search path of Debian's Python, and nobody else's folder."""
        return f"usr/local/lib/python{self.python}/dist-packages"

    def is_pth(self, path: str) -> bool:
        """Whether Python reads a file as it starts, to extend its search path or to run lines of it."""
        return path.endswith(".pth") and path.rpartition("/")[0] == self.packages

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
class Installed:
    """A file of the image: the wheel's member as it is, or (no member) `data` that was made anew."""

    path: str
    executable: bool
    recorded: Recorded
    member: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel and what it installs."""

    source: Source
    files: tuple[Installed, ...]

    @property
    def name(self) -> str:
        """The wheel's file name."""
        return self.source.name

    def content(self, file: Installed) -> Iterator[Chunk]:
        """A file's bytes, deflated ones as they are deflated; BuildFailure at their end unless RECORD says the same."""
        return self.source.verified(file.member, file.recorded) if file.member else iter((file.data,))


def read(archive: Buffer, name: str, scheme: Scheme) -> Wheel:
    """Read a wheel's directory and metadata. Raises BuildFailure, which names wheel and member, for what is wrong."""
    source = Source.of(archive, name)
    info = _info_folder(source)
    record = read_record(source, f"{info}/RECORD")
    _check_format(source.text(f"{info}/WHEEL", record.get(f"{info}/WHEEL")), name)
    files = [_placed(source, path, recorded, scheme, info) for path, recorded in record.items() if _is_wanted(path)]
    files += _commands(source, record, f"{info}/entry_points.txt", scheme, info)
    files.append(_made(f"{scheme.packages}/{info}/INSTALLER", b"mbuild\n"))
    _refuse_repeated(files, name)
    own = f"{info}/RECORD"
    rows = ((_relative(file.path, scheme), file.recorded) for file in files)
    files.append(_made(f"{scheme.packages}/{own}", write_record(rows, own)))
    return Wheel(source, tuple(files))


def _info_folder(source: Source) -> str:
    tops = {path.split("/")[0] for path in source.members}
    found = sorted(top for top in tops if top.endswith(".dist-info"))
    if len(found) != 1:
        raise BuildFailure(f"{source.name}: expected one .dist-info folder, found {', '.join(found) or 'none'}")
    if _normal(found[0]) != _normal(source.name):
        raise BuildFailure(f"{source.name}: its metadata is that of another project: '{found[0]}'")
    return found[0]


def _normal(text: str) -> str:
    """The project's name at the start of a file's or folder's name, as names are compared."""
    return re.sub(r"[-_.]+", "-", text.partition("-")[0]).lower()


def _check_format(metadata: str, name: str) -> None:
    from email.parser import HeaderParser  # late: a build of which nothing changed reads no wheel

    # `Root-Is-Purelib` stands here too, and makes no difference: both roots are one folder on Debian.
    version = str(HeaderParser().parsestr(metadata).get("Wheel-Version", ""))
    if not version.startswith("1."):
        raise BuildFailure(f"{name}: wheel format '{version}' is not known: expected 1.x")


def _is_wanted(path: str) -> bool:
    # Bytecode is compiled by the image's own interpreter, if at all.
    return "__pycache__" not in path.split("/")[:-1]


def _placed(source: Source, path: str, recorded: Recorded, scheme: Scheme, info: str) -> Installed:
    """Where a member goes."""
    data_folder = info.removesuffix(".dist-info") + ".data/"
    executable = source.members[path].executable
    if not path.startswith(data_folder):
        return Installed(f"{scheme.packages}/{path}", executable, recorded, path)
    key, _, rest = path.removeprefix(data_folder).partition("/")
    folder = scheme.folder(key, info.partition("-")[0])
    if folder is None or not rest:
        raise BuildFailure(f"{source.name}: '{path}' is data of an unknown kind: '{key}'")
    if key == "scripts":
        return _script(source, path, recorded, f"{folder}/{rest}")
    return Installed(f"{folder}/{rest}", executable, recorded, path)


def _script(source: Source, path: str, recorded: Recorded, place: str) -> Installed:
    """A script, made anew where the wheel leaves the interpreter's place open."""
    if recorded.size < _LARGEST_SCRIPT:
        rewritten = with_interpreter(b"".join(map(data_of, source.verified(path, recorded))))
        if rewritten is not None:
            return _made(place, rewritten, executable=True)
    return Installed(place, True, recorded, path)


def _commands(
    source: Source, record: Mapping[str, Recorded], path: str, scheme: Scheme, info: str
) -> Iterator[Installed]:
    if path in record:
        folder = scheme.folder("scripts", info)
        for name, text in launchers(source.text(path, record[path]), source.name):
            yield _made(f"{folder}/{name}", text, executable=True)


def _made(path: str, data: bytes, executable: bool = False) -> Installed:
    return Installed(path, executable, Recorded.of(data), data=data)


def _refuse_repeated(files: list[Installed], name: str) -> None:
    seen: set[str] = set()
    for file in files:
        if file.path in seen:
            raise BuildFailure(f"{name}: two of its files would be installed as '{file.path}'")
        seen.add(file.path)


def _relative(path: str, scheme: Scheme) -> str:
    """A path as RECORD has it: from the packages' folder."""
    inside = path.removeprefix(f"{scheme.packages}/")
    return inside if inside != path else "../../../" + path.removeprefix("usr/local/")
