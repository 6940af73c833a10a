"""`mbuild-out/`: what a person looks at after a build: manifests, configs, small files; no source and nothing large.

In: targets and their digests. Out: files below `mbuild-out/`, each at its target's path, rewritten only when other.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from buildkit.commands.session import Session
from buildkit.content import Tree
from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.graph.action import Artifact
from buildkit.graph.analysis import Analysis, ConfiguredTarget
from buildkit.graph.workspace import OUTPUT_FOLDER
from buildkit.store.faults import FORBIDDEN

LARGEST_SHOWN = 1 << 20


def show_outputs(
    session: Session, analyzed: Analysis, targets: Sequence[ConfiguredTarget], digests: Mapping[Artifact, Digest]
) -> None:
    """Write the small outputs of targets into the workspace's output folder; warns where that is not allowed."""
    folder = session.workspace.root / OUTPUT_FOLDER
    shown = {
        artifact: digest
        for artifact in dict.fromkeys(artifact for target in targets for artifact in _shown(target))
        if (digest := digests.get(artifact)) and digest.size <= LARGEST_SHOWN and not artifact.source
    }
    try:
        _ignore_in_git(folder)
        for artifact, digest in shown.items():
            (_show_folder if artifact.tree else _replace)(folder / artifact.path, digest, session)
    except OSError as error:
        what = f"cannot write the outputs below '{folder}': {(error.strerror or str(error)).lower()}"
        if error.errno not in FORBIDDEN:
            raise EnvironmentFault(what, hint="free some space there, or check the disk") from error
        session.warn(f"{what}; they are in the store, and '--output' writes images elsewhere")


def _ignore_in_git(folder: Path) -> None:
    """Keep the folder out of the user's repository, whatever that ignores itself."""
    marker = folder / ".gitignore"
    if not marker.exists():
        folder.mkdir(exist_ok=True)
        marker.write_text("*\n", encoding="utf-8")


def _shown(target: ConfiguredTarget) -> Iterator[Artifact]:
    yield from target.files
    if target.image and target.image.config:
        yield target.image.config


def _show_folder(folder: Path, digest: Digest, session: Session) -> None:
    """Write a folder, if all its files together are small; what it holds no longer goes."""
    entries = Tree.from_json(session.store.read(digest)).entries
    files = {entry.path: entry.digest for entry in entries if entry.digest}
    if not 0 < sum(part.size for part in files.values()) <= LARGEST_SHOWN:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.relative_to(folder).as_posix() not in files:
            path.unlink()
    for name, part in files.items():
        _replace(folder / name, part, session)


def _replace(path: Path, digest: Digest, session: Session) -> None:
    if path.is_file() and path.stat().st_size == digest.size and Digest.of(path.read_bytes()) == digest:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_bytes(session.store.read(digest))
    partial.replace(path)
