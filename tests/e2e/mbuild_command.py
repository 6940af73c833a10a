"""`mbuild`, run as a user runs it: a process, with a folder, an environment and a store."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parent.parent.parent
FRAUD = ROOT / "examples" / "fraud"
THIS = (sys.executable, "-c", "from buildkit.cli.entry import main; main()")


def clone(source: Path, target: Path) -> Path:
    """A copy of a workspace as a clone has it: contents only, times and modes as this process makes them."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("mbuild-out", "__pycache__"), copy_function=_copy)
    return target


def _copy(source: str, target: str) -> None:
    shutil.copyfile(source, target)


@dataclass(frozen=True, slots=True)
class Done:
    """How an invocation ended."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> str:
        """The line that counts actions, without its time."""
        return next(re.sub(r" +[\dmhs.]+$", "", line).strip() for line in self.err.splitlines() if " action" in line)

    @property
    def ran(self) -> int:
        """How many actions were run rather than found."""
        found = re.search(r"\((\d+) run", self.summary)
        assert found, self.summary
        return int(found[1])


@dataclass(frozen=True, slots=True)
class Mbuild:
    """Invocations in one workspace, on one store."""

    folder: Path
    store: Path
    command: tuple[str, ...] = THIS
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    umask: int = -1

    def start(self, *arguments: str | Path, stderr: IO[str] | None = None) -> subprocess.Popen[str]:
        """An invocation that goes on; with a file for stderr it has a process group of its own, as in a shell."""
        return subprocess.Popen(
            [*self.command, "--cache-dir", str(self.store), *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            umask=self.umask,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr or subprocess.PIPE,
            start_new_session=stderr is not None,
            text=True,
        )

    def run(self, *arguments: str | Path) -> Done:
        """An invocation, to its end."""
        process = self.start(*arguments)
        out, err = process.communicate()
        return Done(process.returncode, out, err)

    def __call__(self, *arguments: str | Path) -> Done:
        """The same; it must end well."""
        done = self.run(*arguments)
        assert done.code == 0, f"mbuild {shlex.join(map(str, arguments))} ended with {done.code}:\n{done.err}"
        return done

    def digest(self, label: str, *arguments: str) -> str:
        """The digest of one target, built."""
        row = json.loads(self("build", label, "--json", *arguments).out)
        return str(row["digest"])
