"""`mbuild init`: a folder → a workspace that builds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from buildkit.commands.templates import NAME, checked_name, template, write_new, write_text
from buildkit.errors import BuildError, EnvironmentFault, did_you_mean
from buildkit.graph.workspace import OUTPUT_FOLDER
from buildkit.records import dataclass

# Framework → what a person is told of it.
FRAMEWORKS = {
    "sklearn": "a scikit-learn model that the build trains, and its server",
    "custom": "a model that your own Python class serves",
    "none": "a data-only image: no server, nothing to lock",
}
# What the standard rules cannot serve by themselves.
_BY_HAND = ("pytorch", "torch", "tensorflow", "onnx", "keras", "jax")
_IGNORED = f"/{OUTPUT_FOLDER}/"


@dataclass(frozen=True, slots=True)
class Beginning:
    """What was written, and the commands that come next."""

    files: tuple[str, ...]
    next: tuple[str, ...]


def default_name(folder: Path) -> str:
    """A name from a folder's, or 'model' where that cannot be one."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.name.lower()).strip("_")
    return name if NAME.fullmatch(name) else "model"


def checked_framework(framework: str, known: Sequence[str] = tuple(FRAMEWORKS)) -> str:
    """The framework itself. Raises BuildError for one that mbuild has no template of."""
    if framework in known:
        return framework
    listed = ", ".join(f"'{one}'" for one in known)
    hint = did_you_mean(framework, known)
    if framework in _BY_HAND:
        hint = "take 'custom': name the framework's packages in third_party/BUILD, and load the model in your class"
    raise BuildError(f"'--framework' must be one of {listed}, found '{framework}'", hint=hint)


def initialize(folder: Path, name: str, framework: str) -> Beginning:
    """Write a workspace. What exists is never overwritten: .gitignore gets a line, a README.md is kept.

    Raises BuildError for anything else that is in the way, and EnvironmentFault where nothing can be written.
    """
    values = {"name": checked_name("a workspace's name", name)}
    texts = template("init/workspace", values) | template(f"init/{checked_framework(framework)}", values)
    if (folder / "README.md").exists():
        del texts["README.md"]
    if folder.exists() and not folder.is_dir():
        raise BuildError(f"'{folder}' is a file, expected a folder")
    written = write_new(folder, dict(sorted(texts.items())))
    if _ignore(folder / ".gitignore"):
        written = [".gitignore", *written]
    lock = () if framework == "none" else ("mbuild lock //...",)
    test = () if framework == "none" else ("mbuild test //...",)
    return Beginning(tuple(written), (*lock, "mbuild build //...", *test))


def _ignore(path: Path) -> bool:
    """Let git ignore what mbuild writes; False where it does already."""
    try:
        before = path.read_text(encoding="utf-8") if path.exists() else ""
    except (OSError, UnicodeDecodeError) as fault:
        raise EnvironmentFault(f"cannot read '{path}': {fault}") from fault
    if {_IGNORED, _IGNORED.strip("/"), _IGNORED.lstrip("/"), _IGNORED.rstrip("/")} & set(before.split()):
        return False
    write_text(path, before + ("\n" if before and not before.endswith("\n") else "") + _IGNORED + "\n")
    return True
