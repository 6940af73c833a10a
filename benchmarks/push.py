"""One large blob → docker-registry, against `curl` that puts the same bytes.

The image is a model_volume of one weights file, built before: the push is a load, the plan, and one streamed PUT of a
layer that is made again from the file and hashed on the way. curl does what the distribution specification asks for at
least: a POST, and a PUT of a ready file whose digest it is told. The registry is on this machine and emptied before
each round. Aim for 4 GB: wall at most 1.1 times curl's; with `--tls`, whose work is on both sides, 1.3 times.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, machine, mbuild, table, verdict
from peers import Peers, peers
from weights import workspace_of

_CURL = """
place=$($4 -o /dev/null -D - -X POST $1/v2/theirs/volume/blobs/uploads/ |
    tr -d '\\r' | sed -n 's/^[Ll]ocation: //p')
$4 --fail -o /dev/null -T "$2" -H 'Content-Type: application/octet-stream' "$place&digest=sha256:$3"
"""


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=4000, metavar="MB", help="the size of the file, in 10^6 bytes")
    parser.add_argument("--tls", action="store_true", help="speak to the registry over TLS")
    parser.add_argument("--folder", type=Path, help="where the file, the stores and the registry are put")
    parser.add_argument(
        "--programs",
        type=Path,
        default=Path(".pytest_cache/mbuild-store").absolute(),
        metavar="STORE",
        help="the store that the registry's program is fetched into, once",
    )
    options = parser.parse_args()
    described = machine()
    with tempfile.TemporaryDirectory(prefix="push-", dir=options.folder) as name:
        folder = Path(name)
        workspace = workspace_of(folder / "workspace", options.size)
        with peers(options.programs, folder, tls=options.tls) as found:
            (workspace / "mbuild.toml").write_text(found.settings)
            sides = [_ours(found, workspace, folder), curl(found, workspace)]
            ours, theirs = results = alternate(sides, options.rounds)
    print(
        f"## push.py{' --tls' if options.tls else ''}: {options.size} MB, minimum of {options.rounds}\n\n{described}\n"
    )
    print(table(sides, results) + "\n")
    print(verdict("wall ratio", ours.wall / theirs.wall, 1.3 if options.tls else 1.1))
    print(verdict("peak memory, MB", ours.peak / 1e6, 150))


def _ours(found: Peers, workspace: Path, folder: Path) -> Side:
    ours = [mbuild(), "--cache-dir", str(folder / "store")]
    subprocess.run([*ours, "//:volume"], cwd=workspace, check=True, capture_output=True)
    command = [*ours, "push", "//:volume", f"{found.host}/ours/volume:v1"]
    return Side("mbuild push", command, prepare=found.empty_registry, folder=workspace)


def curl(found: Peers, workspace: Path) -> Side:
    """The workspace's weights, put as one blob."""
    weights = workspace / "weights.safetensors"
    summed = subprocess.run(["sha256sum", weights], check=True, capture_output=True, text=True).stdout.split()[0]
    command = ["/bin/sh", "-euc", _CURL, "curl", found.url, str(weights), summed, found.curl]
    return Side("curl POST, PUT", command, prepare=found.empty_registry, folder=workspace)


if __name__ == "__main__":
    main()
