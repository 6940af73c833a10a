"""Locked wheels → image layers, against `uv pip install --target` + `tar` + `zstd -3`.

Both begin with the wheels on this disk; ours where `mbuild fetch` ends, theirs with a folder of them. Ours checks every
RECORD, makes layers that are the same on every machine, each with its list of contents, and keeps them in a store;
theirs makes one archive. Once without bytecode, with zstd and
with gzip, which takes over what the wheels have deflated; once with: then ours is a runtime on a base that was built
before, whose Python compiles the packages, each one as a layer of its own, but for the packages' own tests; uv compiles
all, with the Python that runs this. Aim: half of its wall time. Beside them, what the libraries' work takes alone
(`wheel_floor.py`).
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from measuring import Side, alternate, arguments, disk_of, machine, mbuild, table, verdict
from ten_images import lay_out
from wheel_floor import write_index

from buildkit.graph.lockfile import Lock, parse_lock

FLOOR = Path(__file__).resolve().parent / "wheel_floor.py"
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "fraud"


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--workspace", type=Path, default=EXAMPLE, help="what is built")
    parser.add_argument("--target", default="//third_party:serving_packages", help="a python_packages in it")
    parser.add_argument(
        "--runtime", default="//third_party:sklearn_server", help="a runtime of it, with bytecode; or ''"
    )
    parser.add_argument("--base", default="//third_party:debian_python", help="the base of the runtime")
    parser.add_argument("--lock", default="third_party/serving.lock", help="its lock")
    parser.add_argument("--cache-dir", type=Path, help="a store that has the wheels already")
    parser.add_argument("--folder", type=Path, help="where everything is put")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="wheels-", dir=options.folder) as name:
        folder = Path(name)
        filled = options.cache_dir or folder / "filled"
        lock = parse_lock((options.workspace / options.lock).read_text(), options.lock)
        based = [options.base] if options.runtime else []
        gzip = [options.target, "--define=compression=gzip"]
        command = [mbuild(), "--cache-dir", str(filled), options.target, *based]
        subprocess.run(command, cwd=options.workspace, check=True, stdout=subprocess.DEVNULL)
        lay_out((options.workspace / options.lock).parent, filled, folder / "blobs")
        _name(lock, folder / "wheels", folder / "blobs")
        described = machine()
        write_index(sorted((folder / "wheels").iterdir()), folder / "index.json")
        floor = Side("inflating, sha256 and zstd -3 alone", [sys.executable, str(FLOOR), str(folder / "index.json")])
        groups = [[_ours(options.workspace, words, folder) for words in ([options.target], gzip)]]
        groups[0] += [floor, _theirs(folder)]
        if options.runtime:
            ours = _ours(options.workspace, [options.runtime], folder, based)
            groups.append([ours, _theirs(folder, bytecode=True)])
        results = alternate([side for group in groups for side in group], options.rounds)
    size = sum(entry.size for entry in lock.entries)
    print(
        f"## wheels.py: {len(lock.entries)} wheels, {size / 1e6:.0f} MB, minimum of {options.rounds}\n\n{described}\n"
    )
    for group in groups:
        *ours, theirs = measured = [results.pop(0) for _ in group]
        print(table(group, measured) + "\n")
        for side, one in zip(group, ours, strict=False):
            if side is not floor:
                print(verdict(f"wall ratio of {side.name}", one.wall / theirs.wall, 0.5))
        if floor in group:
            print(f"\nThe libraries' work alone takes {measured[group.index(floor)].wall / theirs.wall:.2f} of it.")
        print()


def _name(lock: Lock, wheels: Path, blobs: Path) -> None:
    """The wheels that a store has as blobs, by their names for uv."""
    wheels.mkdir()
    for entry in lock.entries:
        os.link(blobs / "blobs" / "sha256" / entry.sha256[:2] / entry.sha256, wheels / entry.filename)


def _ours(workspace: Path, words: Sequence[str], folder: Path, before: Sequence[str] = ()) -> Side:
    """`before` is built in each round, too, but not measured."""
    store, blobs = folder / "store", folder / "blobs"
    command = [mbuild(), "--offline", "--cache-dir", str(store)]

    def fresh() -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(blobs, store, copy_function=os.link)
        subprocess.run([*command, "fetch", *words], cwd=workspace, check=True, capture_output=True)
        if before:
            subprocess.run([*command, *before], cwd=workspace, check=True, capture_output=True)

    return Side(
        shlex.join(["mbuild", *words]),
        [*command, *words],
        prepare=fresh,
        disk=lambda: disk_of(store) - disk_of(blobs),
        folder=workspace,
    )


def _theirs(folder: Path, *, bytecode: bool = False) -> Side:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    made = folder / "theirs"
    install = [uv, "pip", "install", "-q", "--offline", "--no-index", "--no-deps"]
    install += ["--compile-bytecode" if bytecode else "--no-compile"]
    install += ["--python", sys.executable, "--cache-dir", str(made / "cache"), "--target", str(made / "packages")]
    archive = f"tar -C {shlex.quote(str(made))} -cf - packages | zstd -3 -q -o {shlex.quote(str(made / 'layer'))}"
    line = f"{shlex.join(install)} wheels/*.whl && {archive}"

    def fresh() -> None:
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir()

    return Side(
        "uv --compile-bytecode + tar + zstd -3" if bytecode else "uv + tar + zstd -3",
        ["/bin/sh", "-euc", line],
        prepare=fresh,
        disk=lambda: disk_of(made),
        folder=folder,
    )


if __name__ == "__main__":
    main()
