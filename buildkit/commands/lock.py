"""`mbuild lock`: resolve once, write each lock; `--check` says which ones are stale."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from buildkit.commands.graph import lenient_analysis
from buildkit.commands.session import Session
from buildkit.errors import BuildError, BuildErrors, EnvironmentFault
from buildkit.graph.lockfile import Lock, parse_lock, render_lock, request_key
from buildkit.graph.provider import LockInfo
from buildkit.label import Label
from buildkit.lock import debian, python
from buildkit.lock.openpgp import machine_keyring


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock that was written, or found current."""

    label: Label
    file: str
    entries: int
    changed: bool


def lock(session: Session, patterns: Sequence[str], *, allow_unsigned: bool) -> list[Locked]:
    """Write the locks of all targets that patterns name. Needs the network."""
    written: list[Locked] = []
    for label, info in _requests(session, patterns):
        path = session.workspace.root / info.file
        old = _read(path, info.file)
        lock_file = _resolve(session, info, old, allow_unsigned)
        text = render_lock(lock_file)
        changed = not path.is_file() or path.read_text(encoding="utf-8") != text
        if changed:
            _write(path, text)
        written.append(Locked(label, info.file, len(lock_file.entries), changed))
    return written


def _resolve(session: Session, info: LockInfo, old: Lock | None, allow_unsigned: bool) -> Lock:
    if info.kind == "python":
        return python.resolve(info.request, session.sources, report=session.listener)
    if info.kind != "debian":
        raise BuildError(f"no resolver for locks of kind '{info.kind}'", hint="the kinds are 'python' and 'debian'")
    named = session.workspace.config.debian.keyring
    return debian.resolve(
        info.request,
        session.sources,
        keyring=Path(session.workspace.root, named) if named else machine_keyring(),
        report=session.listener,
        allow_unsigned=allow_unsigned,
        previous=old,
    )


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    except OSError as error:
        raise EnvironmentFault(f"cannot write the lock '{path}': {error.strerror}") from None
    finally:
        partial.unlink(missing_ok=True)


def check(session: Session, patterns: Sequence[str]) -> list[Locked]:
    """Compare each lock with what its target asks for, without the network. Raises BuildErrors naming stale ones."""
    faults: list[BuildError] = []
    current: list[Locked] = []
    for label, info in _requests(session, patterns):
        lock_file = _read(session.workspace.root / info.file, info.file)
        if lock_file is None:
            faults.append(
                BuildError(f"the lock '{info.file}' of '{label}' does not exist", hint=f"mbuild lock {label}")
            )
        elif lock_file.kind != info.kind or lock_file.request_key != request_key(info.kind, info.request):
            faults.append(
                BuildError(
                    f"the lock '{info.file}' is stale: '{label}' asks for something else than it answers",
                    hint=f"mbuild lock {label}",
                )
            )
        else:
            current.append(Locked(label, info.file, len(lock_file.entries), changed=False))
    if faults:
        raise BuildErrors(faults)
    return current


def _requests(session: Session, patterns: Sequence[str]) -> list[tuple[Label, LockInfo]]:
    analyzed = lenient_analysis(session, patterns)
    found = [(label, analyzed.configured[label].lock) for label in analyzed.requested]
    requests = [(label, info) for label, info in found if info]
    if not requests:
        raise BuildError(
            f"nothing to lock among {' '.join(patterns)}", hint="python_packages and debian_packages have locks"
        )
    return requests


def _read(path: Path, name: str) -> Lock | None:
    try:
        return parse_lock(path.read_text(encoding="utf-8"), name)
    except FileNotFoundError:
        return None
