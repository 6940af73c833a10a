"""Programs that mbuild's results are held against, fetched and unpacked by mbuild itself, without root.

In: the store of the tests, and the workspace `tests/e2e/tools` with its committed locks. Out: `Programs`: a folder of
small scripts, each of which starts one program with the libraries that came with it, whatever the machine's own are.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from buildkit.commands.build import build
from buildkit.commands.session import Options, Session
from buildkit.events import ignore
from buildkit.execution import prepare_root

WORKSPACE = Path(__file__).parent / "e2e" / "tools"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_BOOKWORM = ("usr/bin/bwrap", "usr/bin/docker-registry", "usr/bin/skopeo")
_BACKPORTS = ("usr/bin/umoci",)


@dataclass(frozen=True, slots=True)
class Programs:
    """`bwrap`, `docker-registry`, `runc`, `skopeo` and `umoci`, as scripts in a folder."""

    folder: Path

    def path(self, name: str) -> str:
        """The path of one of them."""
        path = self.folder / name
        assert path.is_file(), f"no program '{name}' in tests/e2e/tools"
        return str(path)

    def run(self, name: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """What one of them prints; it must end well."""
        command = [self.path(name), *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        assert done.returncode == 0, f"{shlex.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        return done.stdout


def unpack_programs(store: Path, folder: Path) -> Programs:
    """Build the workspace into a store, and write the scripts into a folder."""
    session = Session(Options(directory=WORKSPACE, environment=dict(os.environ), cache_dir=store), ignore)
    roots: dict[str, Path] = {}
    for built in build(session, ["//:all"]).checked().built:
        assert built.digest
        root = prepare_root([built.digest], session.store).folder
        assert root
        roots[built.label.name] = root
    bookworm, backports = roots["bookworm"], roots["umoci"]
    libraries = bookworm / _LIBRARIES
    start = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    for program in (*(bookworm / name for name in _BOOKWORM), *(backports / name for name in _BACKPORTS)):
        _script(folder / program.name, [*start, str(program)])
    # runc executes /proc/self/exe, which must be runc and not a loader: it runs with the machine's libc.
    seccomp = folder / "seccomp"
    seccomp.mkdir()
    (seccomp / "libseccomp.so.2").symlink_to(libraries / "libseccomp.so.2")
    _script(folder / "runc", ["env", f"LD_LIBRARY_PATH={seccomp}", str(bookworm / "usr/sbin/runc")])
    return Programs(folder)


def _script(path: Path, command: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
