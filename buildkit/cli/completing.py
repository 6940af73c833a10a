"""The labels and patterns that a beginning may become, from folders and BUILD files as they lie there.

In: what has been typed of a label, and the folder that the user is in. Out: candidates: packages, folders on the way to
one, targets. Names are read from calls that say `name = "…"`, so that a broken BUILD file does no harm; only one that
loads code, whose macros may declare more, is really loaded.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from buildkit.cli.kept_names import loaded_names

_MARKER = "mbuild.toml"
_OUTPUT = "mbuild-out"
_BUILD_FILES = ("BUILD.mbuild", "BUILD")
_LARGEST = 4 << 20  # bytes of a BUILD file that are read
_TOKEN = re.compile(
    r"""#[^\n]*|[rb]*(?:\"{3}.*?\"{3}|'{3}.*?'{3})|(?P<open>[\[({])|(?P<close>[\])}])|"""
    r"""\bname\s*=\s*(?:"(?P<name>[^"\\\n]+)"|'(?P<other>[^'\\\n]+)')|[rb]*(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|"""
    r"""(?P<rule>[A-Za-z_]\w*)(?=\()""",
    re.DOTALL,
)


def labels(text: str, directory: Path) -> Iterator[tuple[str, str]]:
    """Candidates, each with the rule that declares it, or 'package'."""
    root = _root(directory)
    if root is None:
        return
    package, colon, name = text.partition(":")
    if colon:
        if not package:
            folder = directory
        elif package.startswith("//"):
            folder = root / package[2:]
        else:
            return
        for target, kind in (*_targets(folder, root), ("all", "every target"), ("*", "and every file")):
            if target.startswith(name) and (name or target != "*"):
                yield f"{package}:{target}", kind
    elif "//".startswith(text) or text.startswith("//"):
        yield from _packages(text, root)


def _packages(text: str, root: Path) -> Iterator[tuple[str, str]]:
    """The folders one step further that are packages (`//a:`), or hold some (`//a/`)."""
    above, _, beginning = text.removeprefix("//").removeprefix("/").rpartition("/")
    folder = root / above
    shown = f"//{above}/" if above else "//"
    files = _build_files(root)
    if not beginning:
        yield f"{shown}...", "everything below"
        if not above and _is_package(folder, files):
            yield "//:", "package"
    for name in _folders(folder):
        if name.startswith(beginning):
            inner = folder / name
            if _is_package(inner, files):
                yield f"{shown}{name}:", "package"
            if any(True for _ in _folders(inner)):
                yield f"{shown}{name}/", "folder"


def _folders(folder: Path) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return
    for name in names:
        left_out = name.startswith(".") or name in (_OUTPUT, "__pycache__")
        if not left_out and not any((folder / name / file).exists() for file in (_MARKER, "pyvenv.cfg")):
            yield name


def _targets(folder: Path, root: Path) -> Iterator[tuple[str, str]]:
    """The names in the BUILD file, and where it loads code, that may declare others, what loading it gives."""
    for name in _build_files(root):
        try:
            with (folder / name).open("rb") as file:
                text = file.read(_LARGEST).decode("utf-8", "replace")
        except OSError:
            continue
        loads = re.search(r"^load\s*\(", text, re.MULTILINE) is not None
        yield from (loaded_names((folder / name).resolve()) if loads else None) or names_in(text)
        return


def names_in(text: str) -> list[tuple[str, str]]:
    """The names that calls in a BUILD file give, each with the call's own name, in order.

    >>> names_in('model(name = "m", inputs = [tensor(name = "t")])  # x(name = "y")')
    [('m', 'model')]
    """
    found: dict[str, str] = {}
    stack: list[str] = []
    rule = ""
    for token in _TOKEN.finditer(text):
        if token["rule"]:
            rule = token["rule"]
        elif token["open"]:
            stack.append(rule if token["open"] == "(" else "")
            rule = ""
        elif token["close"]:
            del stack[-1:]
        elif (name := token["name"] or token["other"]) and [one for one in stack if one] == stack[-1:]:
            found.setdefault(name, stack[-1])
    return list(found.items())


def _is_package(folder: Path, files: tuple[str, ...]) -> bool:
    return any((folder / name).is_file() for name in files)


def _build_files(root: Path) -> tuple[str, ...]:
    try:
        text = (root / _MARKER).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return _BUILD_FILES
    found = re.search(r"^\s*build_files\s*=\s*\[([^\]]*)\]", text, re.MULTILINE)
    return tuple(re.findall(r"[\"']([^\"']+)[\"']", found[1])) if found else _BUILD_FILES


def _root(directory: Path) -> Path | None:
    return next((folder for folder in (directory, *directory.parents) if (folder / _MARKER).is_file()), None)
