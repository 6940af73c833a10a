"""The text of a lock: what it holds, and how it is read and written.

In: the text of a lock file. Out: a frozen `Lock`, or errors with their places; and the text again, byte for byte::

    # mbuild lock 1 python 5f2b…            format version, kind, key of the request that it answers
    # resolved by: …                        notes, for people and for the next `mbuild lock`
    joblib 1.5.2 joblib-1.5.2-py3-none-any.whl 308396 4e1f…

One line an entry, sorted. A lock names bytes and never a host: python `name version filename size sha256`, debian
`package version architecture filename size sha256`, where the file name is the path in the archive's pool; the lines
of an image's lock are those of `image_lock.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from buildkit.digest import Digest, Key
from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.image_lock import COLUMNS, BaseImages, parse_images, render_images
from buildkit.records import dataclass

FORMAT = "1"
KINDS: Mapping[str, tuple[str, ...]] = {
    "python": ("name", "version", "filename", "size", "sha256"),
    "debian": ("name", "version", "architecture", "filename", "size", "sha256"),
    "image": COLUMNS,
}
_HEADER = "# mbuild lock"
_REGENERATE = "write the lock anew with 'mbuild lock'"


@dataclass(frozen=True, slots=True, order=True)
class LockEntry:
    """One file from outside: who it is, and the size and sha256 of its bytes."""

    name: str
    version: str
    filename: str
    size: int
    sha256: str
    architecture: str | None = None

    @property
    def digest(self) -> Digest:
        """The digest that the file's bytes must have."""
        return Digest(self.sha256, self.size)


@dataclass(frozen=True, slots=True)
class Lock:
    """Every file that answers a request; `notes` are (title, text) pairs that say how it was made.

    A lock of kind `image` has no entries, but the documents of a base image.
    """

    kind: str
    request_key: Key
    entries: tuple[LockEntry, ...]
    notes: tuple[tuple[str, str], ...] = ()
    base: BaseImages | None = None

    def note(self, title: str) -> str | None:
        """The text of the note with this title, or None."""
        return dict(self.notes).get(title)


def request_key(kind: str, request: Mapping[str, object]) -> Key:
    """The key of what a lock answers; the order of a request's lists does not matter."""
    fields = {name: _unordered(value) for name, value in request.items()}
    return Key.of("mbuild lock request 1", kind, fields)


def _unordered(value: object) -> object:
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return frozenset(value)
    return value


def render_lock(lock: Lock) -> str:
    """Write a lock as text: the same for the same entries, in whichever order they come."""
    lines = [f"{_HEADER} {FORMAT} {lock.kind} {lock.request_key}"]
    lines += [f"# {title}: {text}" for title, text in sorted(lock.notes)]
    lines += render_images(lock.base) if lock.base else []
    lines += [
        " ".join(str(getattr(entry, column)) for column in KINDS[lock.kind])
        for entry in sorted(lock.entries, key=lambda entry: (entry.name, entry.filename))
    ]
    return "\n".join(lines) + "\n"


def parse_lock(text: str, path: str) -> Lock:
    """Read a lock. Raises BuildError, or BuildErrors for several faults, each with its place in `path`."""
    lines = text.splitlines()
    kind, key = _header(lines[0] if lines else "", path)
    numbered = list(enumerate(lines[1:], 2))
    titles = (line[1:].strip().partition(": ") for _, line in numbered if line.startswith("#"))
    notes = tuple((title, value) for title, _, value in titles)
    rows = [(number, line) for number, line in numbered if line.strip() and not line.startswith("#")]
    if kind == "image":
        return Lock(kind, key, (), notes, parse_images(rows, path, _REGENERATE))
    return Lock(kind, key, _entries(kind, rows, lines, path), notes)


def _entries(kind: str, rows: Sequence[tuple[int, str]], lines: Sequence[str], path: str) -> tuple[LockEntry, ...]:
    entries, faults = [], []
    for number, line in rows:
        try:
            entries.append(_entry(kind, line, path, number))
        except BuildError as fault:
            faults.append(fault)
    faults += _repeated(entries, lines, path)
    if faults:
        raise faults[0] if len(faults) == 1 else BuildErrors(faults)
    return tuple(entries)


def _header(line: str, path: str) -> tuple[str, Key]:
    words = line.removeprefix(_HEADER).split() if line.startswith(_HEADER) else []
    if len(words) != 3 or not _HEX.fullmatch(words[2]):
        expected = f"expected '{_HEADER} {FORMAT} KIND KEY' in the first line, found {line!r}"
        raise BuildError(f"not a lock: {expected}", span=_span(path, 1, 0, line), hint=_REGENERATE)
    version, kind, key = words
    if version != FORMAT:
        raise BuildError(
            f"lock has format {version}, expected format {FORMAT}",
            span=_span(path, 1, line.index(version, len(_HEADER)), version),
            hint=_REGENERATE + ", or use the mbuild that wrote it",
        )
    if kind not in KINDS:
        raise BuildError(
            f"lock is of kind '{kind}', expected one of {', '.join(sorted(KINDS))}",
            span=_span(path, 1, line.index(kind, len(_HEADER)), kind),
            hint=_REGENERATE,
        )
    return kind, Key(key)


def _entry(kind: str, line: str, path: str, number: int) -> LockEntry:
    columns = KINDS[kind]
    words = [(match.start(), match.group()) for match in re.finditer(r"\S+", line)]
    if len(words) != len(columns):
        raise BuildError(
            f"lock entry has {len(words)} columns, expected {len(columns)}: {' '.join(columns)}",
            span=_span(path, number, words[0][0], line.strip()),
            hint=_REGENERATE,
        )
    for column, (start, word) in zip(columns, words, strict=True):
        check, expected = _COLUMNS[kind, column]
        if not check(word):
            raise BuildError(
                f"lock entry has {column} {word!r}, expected {expected}",
                span=_span(path, number, start, word),
                hint=_REGENERATE,
            )
    row = {column: word for column, (_, word) in zip(columns, words, strict=True)}
    return LockEntry(
        row["name"], row["version"], row["filename"], int(row["size"]), row["sha256"], row.get("architecture")
    )


def _repeated(entries: Sequence[LockEntry], lines: Sequence[str], path: str) -> Iterator[BuildError]:
    seen: set[str] = set()
    for entry in entries:
        if entry.name in seen:
            number = max(n for n, line in enumerate(lines, 1) if line.split()[:1] == [entry.name])
            yield BuildError(
                f"lock names '{entry.name}' twice", span=_span(path, number, 0, entry.name), hint=_REGENERATE
            )
        seen.add(entry.name)


def _span(path: str, line: int, start: int, word: str) -> Span:
    return Span(path, line, start + 1, line, start + len(word) + 1)


_HEX = re.compile(r"[0-9a-f]{64}")
_SAFE_PATH = re.compile(r"(?:(?!\.{1,2}/)[A-Za-z0-9_.+~!=@:%^-]+/)+(?!\.{1,2}$)[A-Za-z0-9_.+~!=@:%^-]+\.deb")
_Check = tuple[Callable[[str], object], str]
_SHARED: Mapping[str, _Check] = {
    "version": (re.compile(r"[A-Za-z0-9_.+~!:-]+").fullmatch, "a version"),
    "size": (re.compile(r"0|[1-9][0-9]{0,17}").fullmatch, "a number of bytes"),
    "sha256": (_HEX.fullmatch, "64 lower-case hexadecimal digits"),
}
_COLUMNS: Mapping[tuple[str, str], _Check] = {
    **{(kind, column): check for kind in ("python", "debian") for column, check in _SHARED.items()},
    ("python", "name"): (re.compile(r"[a-z0-9]+(-[a-z0-9]+)*").fullmatch, "a normalized name ('a-z', '0-9', '-')"),
    ("python", "filename"): (re.compile(r"[A-Za-z0-9_.+!~-]+\.whl").fullmatch, "the file name of a wheel"),
    ("debian", "name"): (re.compile(r"[a-z0-9][a-z0-9+.-]+").fullmatch, "the name of a Debian package"),
    ("debian", "architecture"): (re.compile(r"[a-z0-9-]+").fullmatch, "an architecture such as 'amd64'"),
    ("debian", "filename"): (_SAFE_PATH.fullmatch, "a path in the archive's pool that ends in '.deb'"),
}
