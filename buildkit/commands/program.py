"""`mbuild run` of a program: what an executable rule makes, run on this machine, with its runfiles around it.

In: a target whose `DefaultInfo` has an `executable`. Out: the program's exit code. The files lie at their paths in a
folder of their own, which `RUNFILES_DIR` names and which goes when the program ends.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from buildkit.commands.build import build_analyzed
from buildkit.commands.graph import analysis, one_target
from buildkit.commands.session import Session
from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.graph.action import Artifact


def run_program(session: Session, target: str, arguments: Sequence[str]) -> int | None:
    """Build and run it, where the user stands. None, and nothing is done, for a target that is no program."""
    analyzed = analysis(session, [target])
    configured = one_target(analyzed, target)
    if configured.executable is None or configured.run is not None:
        return None
    needed = tuple(dict.fromkeys((configured.executable, *configured.runfiles)))
    result = build_analyzed(session, analyzed, [replace(configured, files=needed)]).checked()
    with session.store.temporary() as folder:
        _lay_out(session, needed, result.execution.digests, folder)
        program = folder / configured.executable.path
        environment = {**session.options.environment, "RUNFILES_DIR": str(folder)}
        try:
            ended = subprocess.run([program, *arguments], cwd=session.options.directory, env=environment, check=False)
        except OSError as error:
            raise BuildError(
                f"'{configured.label}' cannot be started: {(error.strerror or str(error)).lower()}"
            ) from None
    return ended.returncode


def _lay_out(session: Session, files: Sequence[Artifact], digests: Mapping[Artifact, Digest], folder: Path) -> None:
    for file in files:
        if file.tree:
            raise BuildError(f"'{file.path}' is a folder: programs with such runfiles cannot be run yet")
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with session.store.open(digests[file]) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target)
        path.chmod(0o755)
