"""Programs that mbuild's results are held against, fetched and unpacked by mbuild itself, without root.

In: the store of the tests, and the workspace `tests/e2e/tools` with its committed locks. Out: `Programs`: a folder of
small scripts, each of which starts one program with the libraries that came with it, whatever the machine's own are.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from buildkit.commands.build import Built, build
from buildkit.commands.session import Options, Session
from buildkit.content import Blob
from buildkit.events import ignore
from buildkit.execution import prepare_root

WORKSPACE = Path(__file__).parent / "e2e" / "tools"
_LIBRARIES = "usr/lib/x86_64-linux-gnu"
_BOOKWORM = ("usr/bin/bwrap", "usr/bin/docker-registry", "usr/bin/skopeo")
_BACKPORTS = ("usr/bin/umoci",)
_FORKY = ("usr/bin/crane", "usr/bin/oras")
# These execute themselves by /proc/self/exe, or each other: so by no loader of ours, and with the machine's libc.
_SELF_EXECUTING = ("usr/bin/buildah", "usr/bin/conmon", "usr/bin/podman", "usr/sbin/runc")
_MACHINES_OWN = ("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libresolv.so.2")


@dataclass(frozen=True, slots=True)
class Programs:
    """Scripts in a folder: `bwrap`, `docker-registry`, `skopeo` (1.9), `newer-skopeo` (1.22), `umoci`, `crane`,
    `oras`, `podman`, `buildah`, `conmon`, `runc`, `bsdtar` and `nginx`.
    """

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
        roots[built.label.name] = root_of(built, session)
    _loaded(folder, roots["bookworm"], _BOOKWORM)
    _loaded(folder, roots["bookworm"], _BACKPORTS, home=roots["umoci"])
    _loaded(folder, roots["forky"], _FORKY)
    _loaded(folder, roots["forky"], ("usr/bin/skopeo",), prefix="newer-")
    _loaded(folder, roots["libarchive"], ("usr/bin/bsdtar",))
    _loaded(folder, roots["nginx"], ("usr/sbin/nginx",))
    link_programs(folder, roots["bookworm"], _SELF_EXECUTING)
    return Programs(folder)


def root_of(built: Built, session: Session) -> Path:
    """The folder in which packages that were built lie unpacked."""
    assert built.digest
    root = prepare_root(Blob(built.digest, tree=True).parts(session.store.read), session.store).folder
    assert root
    return root


def _loaded(folder: Path, root: Path, programs: Sequence[str], *, home: Path | None = None, prefix: str = "") -> None:
    """Programs that are started by their own release's loader, with their own release's libraries."""
    libraries = root / _LIBRARIES
    start = [str(libraries / "ld-linux-x86-64.so.2"), "--library-path", str(libraries)]
    for program in programs:
        _script(folder / (prefix + Path(program).name), [*start, str((home or root) / program)])


def link_programs(folder: Path, root: Path, programs: Sequence[str]) -> None:
    """Programs that are started as they are, with their own libraries but for the machine's libc."""
    libraries = folder / "libraries"
    libraries.mkdir()
    for library in [*(root / _LIBRARIES).glob("*.so*"), *(root / _LIBRARIES).glob("pulseaudio/*.so*")]:
        if library.name not in _MACHINES_OWN and not library.name.startswith("ld-linux"):
            (libraries / library.name).symlink_to(library)
    for program in programs:
        _script(folder / Path(program).name, ["env", f"LD_LIBRARY_PATH={libraries}", str(root / program)])


def _script(path: Path, command: list[str]) -> None:
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
