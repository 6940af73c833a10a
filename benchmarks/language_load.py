"""Loading a workspace of 1,000 packages with 10,000 targets, beside Bazel on the same files.

In: a generated workspace, and `bazel` on the PATH (`apt-get install bazel-bootstrap` on Debian; without it there are
no ratios). Out: wall and CPU times of `query //...` and `query 'deps(//...)'`: cold (nothing kept; for Bazel no server
and a new output base), after a change to a .bzl file that all packages load, after a change to one package, and
unchanged (for Bazel: its server is warm). The sides take turns.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import big_workspace
from measuring import Measured, Side, alternate, mbuild, verdict

EVERYTHING, CLOSURE = "//...", "deps(//...)"
COLD, UNCHANGED = 0.25, 0.7
LOAD = 'load("//:macros.bzl", "unused")\n'


def section(rounds: int) -> str:
    """Measure and describe."""
    with tempfile.TemporaryDirectory(prefix="language-") as name:
        folder = Path(name)
        workspace = folder / "workspace"
        big_workspace.write(workspace)
        (workspace / "macros.bzl").write_text("unused = 0\n")
        (workspace / "BUILD").write_text("")
        for path in workspace.glob("team*/*/BUILD"):
            path.write_text(LOAD + path.read_text())
        time.sleep(2.1)  # what is younger than the clock's tick is not believed by its stat
        bench = _Bench(workspace, folder)
        try:
            sides = [*bench.ours(), *(bench.bazels() if bench.bazel else [])]
            results = dict(zip([side.name for side in sides], alternate(sides, rounds), strict=True))
        finally:
            bench.stop()
    return _told(results)


def _told(results: dict[str, Measured]) -> str:
    lines = ["### Loading: 1,000 packages, 10,000 targets\n", "| | wall | CPU of the client |", "|---|---|---|"]
    lines += [f"| {name} | {found.wall:.2f} s | {found.cpu:.2f} s |" for name, found in results.items()]
    lines.append("")
    if not any(name.startswith("Bazel") for name in results):
        return "\n".join([*lines, "No `bazel` on the PATH: `apt-get install bazel-bootstrap` gives one on Debian."])
    for what, aim in (("cold", COLD), ("unchanged", UNCHANGED)):
        for query in (EVERYTHING, CLOSURE):
            ours, theirs = results[f"mbuild, {what}: {query}"], results[f"Bazel, {what}: {query}"]
            lines.append(verdict(f"share of Bazel's wall time, {what}, {query}", ours.wall / theirs.wall, aim))
    return "\n".join(lines)


class _Bench:
    """The two programs, and what makes the ground of each round."""

    def __init__(self, workspace: Path, folder: Path) -> None:
        self.workspace = workspace
        self.folder = folder
        self.bazel = shutil.which("bazel")
        self.environment = {"USER": "nobody", **os.environ, "PYTHONPYCACHEPREFIX": str(folder / "pyc")}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self.changes = 0

    def ours(self) -> list[Side]:
        """What mbuild is asked."""
        store = self.folder / "store"

        def side(name: str, query: str, prepare: Callable[[], None]) -> Side:
            command = [mbuild(), "query", query, "--cache-dir", str(store)]
            return Side(
                f"mbuild, {name}: {query}", command, prepare, folder=self.workspace, environment=self.environment
            )

        def cold() -> None:
            shutil.rmtree(store, ignore_errors=True)

        def warm() -> None:
            for _ in range(2):  # the second notes the stats of what the first found too young
                subprocess.run(
                    side("", CLOSURE, warm).command,
                    cwd=self.workspace,
                    env=self.environment,
                    stdout=subprocess.DEVNULL,
                    check=True,
                )

        def everything() -> None:
            warm()
            self._change("macros.bzl")

        def one() -> None:
            warm()
            self._change("team0/pkg7/BUILD")

        subprocess.run(
            [mbuild(), "query", "//team0/pkg0:t0"],
            cwd=self.workspace,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        return [
            *(side("cold", query, cold) for query in (EVERYTHING, CLOSURE)),
            side("warm parse cache, a .bzl file that all load changed", EVERYTHING, everything),
            side("one package changed", EVERYTHING, one),
            *(side("unchanged", query, warm) for query in (EVERYTHING, CLOSURE)),
        ]

    def bazels(self) -> list[Side]:
        """What Bazel is asked."""

        def side(name: str, query: str, prepare: Callable[[], None]) -> Side:
            command = [*self._bazel(), "query", query]
            return Side(
                f"Bazel, {name}: {query}", command, prepare, folder=self.workspace, environment=self.environment
            )

        def cold() -> None:
            self.stop()
            shutil.rmtree(self.folder / "bazel", ignore_errors=True)

        def warm() -> None:
            for query in (EVERYTHING, CLOSURE):
                subprocess.run(
                    [*self._bazel(), "query", query],
                    cwd=self.workspace,
                    env=self.environment,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=True,
                )

        return [
            *(side("cold", query, cold) for query in (EVERYTHING, CLOSURE)),
            *(side("unchanged", query, warm) for query in (EVERYTHING, CLOSURE)),
        ]

    def stop(self) -> None:
        """End Bazel's server."""
        if self.bazel and (self.folder / "bazel").exists():
            subprocess.run(
                [*self._bazel(), "shutdown"],
                cwd=self.workspace,
                env=self.environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            for path in (self.folder / "bazel").rglob("*"):  # its install base is read-only
                if path.is_dir() and not path.is_symlink():
                    path.chmod(0o755)

    def _bazel(self) -> list[str]:
        return [self.bazel or "bazel", f"--output_base={self.folder / 'bazel'}"]

    def _change(self, path: str) -> None:
        self.changes += 1
        file = self.workspace / path
        file.write_text(file.read_text() + f"# {self.changes}\n")
