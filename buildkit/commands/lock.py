"""`mbuild lock`: resolve once, write each lock; `--check` says which ones are stale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from buildkit.commands.graph import lenient_analysis
from buildkit.commands.registries import pulled_from
from buildkit.commands.session import Session
from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.analysis import ConfiguredTarget
from buildkit.graph.lockfile import Lock, parse_lock, request_key
from buildkit.graph.provider import LockInfo
from buildkit.label import Label
from buildkit.lock import check as find_fault
from buildkit.lock import debian, image, python, write
from buildkit.lock.openpgp import machine_keyring
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Locked:
    """A lock that was written, or found current."""

    label: Label
    file: str
    changed: bool


def lock(session: Session, patterns: Sequence[str], *, allow_unsigned: bool) -> tuple[list[Locked], list[BuildError]]:
    """Write the locks of all targets that patterns name, and of all that these need, in each of their configurations.
    Needs the network. The first fault is raised; to keep going is to have all of them beside what was locked.
    """
    session.needs_network("locking")
    faults: list[BuildError] = []
    written: list[Locked] = []
    for target, info in _requests(session, patterns, faults):
        with _kept(session, faults):
            changed = write(_resolve(session, info, allow_unsigned), session.workspace.root / info.file)
            written.append(Locked(target.label, info.file, changed))
    return written, faults


def check(session: Session, patterns: Sequence[str]) -> list[Locked]:
    """Compare each lock with what its target asks for, without the network. Raises BuildErrors naming stale ones."""
    faults: list[BuildError] = []
    current: list[Locked] = []
    for target, info in _requests(session, patterns, faults):
        fault = find_fault(info.kind, info.request, _read(session.workspace.root / info.file), info.file)
        if isinstance(fault, BuildErrors):
            faults += fault.errors
        elif fault:
            hint, note = f"run '{target.configuration.locking(target.label)}'", f"the lock of {target.label}"
            faults.append(BuildError(fault.message, span=fault.span, hint=hint, notes=[note]))
        else:
            current.append(Locked(target.label, info.file, changed=False))
    if faults:
        raise BuildErrors(faults)
    return current


@contextmanager
def _kept(session: Session, faults: list[BuildError]) -> Iterator[None]:
    """With --keep-going, faults are kept for the end."""
    try:
        yield
    except (BuildError, BuildErrors) as error:
        if not session.options.keep_going:
            raise
        faults += error.errors if isinstance(error, BuildErrors) else [error]


def _requests(
    session: Session, patterns: Sequence[str], faults: list[BuildError]
) -> list[tuple[ConfiguredTarget, LockInfo]]:
    """What is to be locked, each file once for a target, in the order of labels. Faults of others are added."""
    analyzed = lenient_analysis(session, patterns)
    faults += analyzed.faults
    requests: dict[tuple[Label, str], tuple[ConfiguredTarget, LockInfo]] = {}
    for target in (*analyzed.configured.values(), *analyzed.elsewhere):
        info = target.lock
        if info is None:
            continue
        _, first = requests.setdefault((target.label, info.file), (target, info))
        if request_key(first.kind, first.request) != request_key(info.kind, info.request):
            raise BuildError(
                f"'{info.file}' cannot be the lock of '{target.label}' in two configurations that ask for other things",
                notes=[f"in {one.configuration}" for one in (requests[target.label, info.file][0], target)],
                hint="name a file for each: lock = select({'@mbuild//platforms:arm64': …, '//conditions:default': …})",
            )
    if not requests and not faults:
        hint = "python_packages, debian_packages and base_image have locks"
        raise BuildError(f"nothing to lock among {' '.join(patterns)}", hint=hint)
    return [requests[place] for place in sorted(requests)]


def _resolve(session: Session, info: LockInfo, allow_unsigned: bool) -> Lock:
    if info.kind == "python":
        return python.resolve(info.request, session.sources, report=session.listener)
    if info.kind == "image":
        host = image.reference_of(info.request).host
        return image.resolve(info.request, pulled_from(session, host), report=session.listener)
    if info.kind != "debian":
        raise BuildError(f"no resolver for locks of kind '{info.kind}'", hint="the kinds are: debian, image, python")
    named = session.workspace.config.debian.keyring
    return debian.resolve(
        info.request,
        session.sources,
        keyring=Path(session.workspace.root, named) if named else machine_keyring(),
        report=session.listener,
        allow_unsigned=allow_unsigned,
        previous=_previous(session.workspace.root / info.file, info.file),
    )


def _previous(path: Path, name: str) -> Lock | None:
    """The lock that is to be replaced; one that cannot be read says nothing."""
    text = _read(path)
    try:
        return parse_lock(text, name) if text else None
    except (BuildError, BuildErrors):
        return None


def _read(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None
