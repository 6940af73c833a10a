"""Locked wheels → image layers, against `uv pip install --target` + `tar` + `zstd -3`.

Both begin with the wheels on this disk and write no bytecode. Ours checks every RECORD, makes layers that are the same
on every machine, each with its list of contents, and keeps them in a store; theirs makes one archive. Aim: 0.7 of its
wall time.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, disk_of, machine, mbuild, table, verdict

from buildkit.graph.lockfile import Lock, parse_lock

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "fraud"


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--workspace", type=Path, default=EXAMPLE, help="what is built")
    parser.add_argument("--target", default="//third_party:serving_packages", help="a python_packages in it")
    parser.add_argument("--lock", default="third_party/serving.lock", help="its lock")
    parser.add_argument("--cache-dir", type=Path, help="a store that has the wheels already")
    parser.add_argument("--folder", type=Path, help="where everything is put")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wheels-", dir=options.folder) as name:
        folder = Path(name)
        filled = options.cache_dir or folder / "filled"
        lock = parse_lock((options.workspace / options.lock).read_text(), options.lock)
        subprocess.run(
            [mbuild(), "--cache-dir", str(filled), options.target],
            cwd=options.workspace,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        _lay_out(lock, filled, folder / "wheels", folder / "blobs")
        described = machine()
        sides = [_ours(options.workspace, options.target, folder), _theirs(folder)]
        ours, theirs = results = alternate(sides, options.rounds)
    size = sum(entry.size for entry in lock.entries)
    print(
        f"## wheels.py: {len(lock.entries)} wheels, {size / 1e6:.0f} MB, minimum of {options.rounds}\n\n{described}\n"
    )
    print(table(sides, results) + "\n")
    print(verdict("wall ratio", ours.wall / theirs.wall, 0.7))


def _lay_out(lock: Lock, filled: Path, wheels: Path, blobs: Path) -> None:
    """The wheels twice: by their names for uv, and as the store keeps blobs for us."""
    wheels.mkdir()
    for entry in lock.entries:
        blob = Path("blobs", "sha256", entry.sha256[:2], entry.sha256)
        shutil.copyfile(filled / blob, wheels / entry.filename)
        (blobs / blob).parent.mkdir(parents=True, exist_ok=True)
        os.link(wheels / entry.filename, blobs / blob)
        (blobs / blob).chmod(0o444)


def _ours(workspace: Path, target: str, folder: Path) -> Side:
    store = folder / "store"

    def fresh() -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(folder / "blobs", store, copy_function=os.link)

    return Side(
        f"mbuild {target}",
        [mbuild(), "--offline", "--cache-dir", str(store), target],
        prepare=fresh,
        disk=lambda: disk_of(store) - disk_of(folder / "wheels"),
        folder=workspace,
    )


def _theirs(folder: Path) -> Side:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    made = folder / "theirs"
    install = [uv, "pip", "install", "-q", "--offline", "--no-index", "--no-deps", "--no-compile"]
    install += ["--python", sys.executable, "--cache-dir", str(made / "cache"), "--target", str(made / "packages")]
    archive = f"tar -C {shlex.quote(str(made))} -cf - packages | zstd -3 -q -o {shlex.quote(str(made / 'layer'))}"
    line = f"{shlex.join(install)} wheels/*.whl && {archive}"

    def fresh() -> None:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()

    return Side(
        "uv + tar + zstd -3",
        ["/bin/sh", "-euc", line],
        prepare=fresh,
        disk=lambda: disk_of(made),
        folder=folder,
    )


if __name__ == "__main__":
    main()
