"""Ten images that share a runtime, against one of them, both from an empty store with all packages at hand.

The runtime is that of examples/fraud: Debian's Python, MLServer, scikit-learn. Each image has a model file of its own.
Aim: ten take at most 1.5 times what one takes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, disk_of, machine, mbuild, table, verdict

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "fraud"
BUILD = """\
[
    model(
        name = "model_%d" % number,
        srcs = ["%d.joblib" % number],
        framework = "sklearn",
    )
    for number in range(10)
]

[
    model_image(
        name = "image_%d" % number,
        models = [":model_%d" % number],
        runtime = "//third_party:sklearn_server",
    )
    for number in range(10)
]

filegroup(
    name = "ten",
    srcs = [":image_%d" % number for number in range(10)],
)

filegroup(
    name = "one",
    srcs = [":image_0"],
)
"""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--workspace", type=Path, help="another workspace, with targets //models:one and //models:ten")
    parser.add_argument("--cache-dir", type=Path, help="a store that has the packages already")
    parser.add_argument("--folder", type=Path, help="where everything is put")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="images-", dir=options.folder) as name:
        folder = Path(name)
        workspace = _workspace(options.workspace, folder / "workspace")
        filled = options.cache_dir or folder / "filled"
        fetched = [mbuild(), "--cache-dir", str(filled), "//models:one"]
        subprocess.run(fetched, cwd=workspace, check=True, stdout=subprocess.DEVNULL)
        lay_out(workspace / "third_party", filled, folder / "blobs")
        described = machine()
        sides = [_side(workspace, folder, target) for target in ("//models:ten", "//models:one")]
        ten, one = results = alternate(sides, options.rounds)
    print(f"## ten_images.py: minimum of {options.rounds}\n\n{described}\n")
    print(table(sides, results) + "\n")
    print(verdict("ten images, times one", ten.wall / one.wall, 1.5))


def _workspace(given: Path | None, folder: Path) -> Path:
    if given:
        return given
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("mbuild-out", "models", "data"))
    models = folder / "models"
    models.mkdir()
    (models / "BUILD").write_text(BUILD)
    for number in range(10):
        (models / f"{number}.joblib").write_bytes(os.urandom(1_000_000))
    return folder


def lay_out(locks: Path, filled: Path, blobs: Path) -> None:
    """The files that a folder's locks name, of those in a filled store, as a store keeps blobs."""
    blobs.mkdir()
    for lock in sorted(locks.glob("*.lock")):
        for line in lock.read_text().splitlines():
            digest = line.rpartition(" ")[2]
            blob = Path("blobs", "sha256", digest[:2], digest)
            if not line.startswith("#") and (filled / blob).exists():
                (blobs / blob).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(filled / blob, blobs / blob)
                (blobs / blob).chmod(0o444)


def _side(workspace: Path, folder: Path, target: str) -> Side:
    store = folder / "store"

    def fresh() -> None:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(folder / "blobs", store, copy_function=os.link)

    command = [mbuild(), "--offline", "--cache-dir", str(store), target]
    return Side(f"mbuild {target}", command, prepare=fresh, disk=lambda: disk_of(store), folder=workspace)


if __name__ == "__main__":
    main()
