"""mbuild as a user meets it: a small workspace of text files, a command line, what is printed, the exit code.

In: files and arguments. Out: `Ran`. In this process where that is enough; `start` gives a real process.
"""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

from buildkit.cli.main import run

MBUILD = (sys.executable, "-c", "from buildkit.cli.entry import main; main()")


@dataclass(frozen=True)
class Ran:
    code: int
    stdout: str
    stderr: str

    @property
    def actions(self) -> list[str]:
        """The actions that really ran, as `mnemonic label output`, sorted."""
        return sorted(re.findall(r"^  ✓ \[\d+/\d+\] (\S+ \S+ \S+)", self.stderr, re.MULTILINE))

    @property
    def told(self) -> str:
        """What is said on stderr beside progress and summary; keys, and lines of the standard rules, vary."""
        lines = [line for line in self.stderr.splitlines() if not line.startswith(("  ✓ ", "  ✗ "))]
        text = re.sub(r"[0-9a-f]{64}\.log", "KEY.log", "\n".join(lines))
        return re.sub(r"(@mbuild//\S+\.bzl):\d+:\d+", r"\1:LINE", text)


@dataclass(frozen=True)
class Place:
    """A workspace and a store."""

    root: Path
    cache: Path

    def write(self, files: Mapping[str, str | bytes]) -> None:
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)

    def edit(self, path: str, old: str, new: str) -> None:
        text = (self.root / path).read_text()
        assert old in text
        self.write({path: text.replace(old, new)})

    def words(self, *argv: str) -> list[str]:
        return ["-C", str(self.root), "--cache-dir", str(self.cache), *argv]

    def mbuild(self, *argv: str) -> Ran:
        """In this process."""
        return in_process(*self.words(*argv))

    def start(self, *argv: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """A real process, with pipes."""
        return subprocess.Popen(
            [*MBUILD, *self.words(*argv)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(environment or {})},
        )


def in_process(*argv: str) -> Ran:
    """One invocation, in this process."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = run(argv)
    return Ran(int(code), stdout.getvalue(), stderr.getvalue())
