"""A safetensors file → `model_volume`, against `openssl dgst -sha256` of the same file.

The whole mbuild process counts: load, analyze, one pass over the file for the file's own digest and the layer's,
config, manifest. The store never knows the file; once it is that of a machine where mbuild has built something else
before, once it is empty, so that the standard rules are parsed too. Then the same once more, of which nothing changed.
Aims for 4 GB: wall at most 1.2 times openssl's where a second core is idle, CPU at most 2.2 times, less than 1 MB of
new disk, less than 150 MB of memory; unchanged, 0.2 s above Python's start.
"""

from __future__ import annotations

import array
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, disk_of, machine, mbuild, table, verdict

BUILD = """\
model(
    name = "weights",
    srcs = ["weights.safetensors"],
    framework = "custom",
    implementation = "serve.Model",
)

model_volume(
    name = "volume",
    models = [":weights"],
)
"""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=4000, metavar="MB", help="the size of the file, in 10^6 bytes")
    parser.add_argument("--folder", type=Path, help="where the file and the store are put")
    options = parser.parse_args()
    described = machine()
    with tempfile.TemporaryDirectory(prefix="weights-", dir=options.folder) as name:
        folder = Path(name)
        workspace, store = workspace_of(folder / "workspace", options.size), folder / "store"
        other = workspace_of(folder / "other", 1)
        command = [mbuild(), "--cache-dir", str(store), "//:volume"]

        def empty() -> None:
            shutil.rmtree(store, ignore_errors=True)

        def used() -> None:
            empty()
            subprocess.run(command, check=True, cwd=other, capture_output=True)

        sides = [
            Side("mbuild //:volume", command, prepare=used, disk=lambda: disk_of(store), folder=workspace),
            Side("the same, empty store", command, prepare=empty, disk=lambda: disk_of(store), folder=workspace),
            Side("the same, unchanged", command, prepare=lambda: _built(command, workspace), folder=workspace),
            Side("python -c pass", [sys.executable, "-c", "pass"]),
            Side("openssl dgst -sha256", ["openssl", "dgst", "-sha256", "weights.safetensors"], folder=workspace),
        ]
        ours, first, again, python, theirs = results = alternate(sides, options.rounds)
    print(f"## weights.py: {options.size} MB, minimum of {options.rounds}\n\n{described}\n")
    print(table(sides, results) + "\n")
    print(verdict("wall ratio", ours.wall / theirs.wall, 1.2))
    print(verdict("wall ratio, empty store", first.wall / theirs.wall, 1.2))
    print(verdict("CPU ratio", ours.cpu / theirs.cpu, 2.2))
    print(verdict("CPU ratio, empty store", first.cpu / theirs.cpu, 2.2))
    print(verdict("new disk, MB", ours.disk / 1e6, 1))
    print(verdict("unchanged, s above Python's start", again.wall - python.wall, 0.2))
    print(verdict("peak memory, MB", ours.peak / 1e6, 150))


def _built(command: list[str], workspace: Path) -> None:
    subprocess.run(command, check=True, cwd=workspace, capture_output=True)


def workspace_of(folder: Path, megabytes: int) -> Path:
    """A new workspace with `//:volume`, a model_volume of one safetensors file of so many 10^6 bytes."""
    folder.mkdir()
    (folder / "mbuild.toml").touch()
    (folder / "BUILD").write_text(BUILD)
    write_weights(folder / "weights.safetensors", megabytes * 1_000_000)
    return folder


def write_weights(path: Path, size: int) -> None:
    """Write one tensor of normal bfloat16 numbers, as weights are: four million of them, again and again."""
    tensor = {"dtype": "BF16", "shape": [size // 2], "data_offsets": [0, size]}
    header = json.dumps({"weight": tensor}).encode()
    numbers = random.Random(4)
    wide = array.array("f", (numbers.gauss(0, 0.02) for _ in range(4_000_000))).tobytes()
    narrow = bytearray(len(wide) // 2)
    narrow[0::2], narrow[1::2] = wide[2::4], wide[3::4]
    block = bytes(narrow) * 2
    with path.open("wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        for start in range(0, size, len(block)):
            file.write(block[: size - start])
        file.flush()
        os.fsync(file.fileno())


if __name__ == "__main__":
    main()
