"""Templates: the files that a new workspace, model, runtime or rule begins with.

In: a folder of `templates/`, which ships as data inside the package, and values for its `{{…}}`. Out: texts by path;
and files written where nothing is in the way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from buildkit.errors import BuildError, EnvironmentFault

NAME = re.compile(r"[a-z][a-z0-9_]*")


def templates_folder() -> Path:
    """The folder of all templates: data inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "templates"
    return installed if installed.is_dir() else package.parent / "templates"


def template(folder: str, values: Mapping[str, str]) -> dict[str, str]:
    """The filled texts of one template's files, by their paths in it, sorted."""
    root = templates_folder() / folder
    files = sorted(path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {
        filled(path.relative_to(root).as_posix(), values): filled(path.read_text(encoding="utf-8"), values)
        for path in files
    }


def filled(text: str, values: Mapping[str, str]) -> str:
    """A text with its `{{name}}`s replaced."""
    for name, value in values.items():
        text = text.replace("{{" + name + "}}", value)
    return text


def checked_name(what: str, name: str) -> str:
    """The name itself. Raises BuildError for one that cannot be a target's, a file's and an image's at once."""
    if not NAME.fullmatch(name):
        raise BuildError(
            f"{name!r} cannot be {what}",
            hint="write lower-case letters, digits and '_', beginning with a letter, such as 'fraud_v3'",
        )
    return name


def write_new(root: Path, texts: Mapping[str, str]) -> list[str]:
    """Write files that do not exist yet, and give their paths. Raises BuildError that names those that do: none is
    written then.
    """
    taken = [path for path in texts if (root / path).exists() or (root / path).is_symlink()]
    if taken:
        raise BuildError(
            f"{_counted(len(taken))} in the way in '{root}'",
            notes=taken,
            hint="move what is there, or name another folder: nothing was written",
        )
    for path, text in texts.items():
        write_text(root / path, text)
    return list(texts)


def write_text(path: Path, text: str) -> None:
    """Write one file and the folders above it. Raises EnvironmentFault where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as fault:
        raise EnvironmentFault(f"cannot write '{path}': {(fault.strerror or str(fault)).lower()}") from fault


def _counted(number: int) -> str:
    return "a file is" if number == 1 else f"{number} files are"
