"""A weights file → an image in a registry, first time, against buildah and against skopeo with a layout ready made.

The registry is docker-registry on this machine, emptied before each round; so are the stores of mbuild and buildah.
Ours loads, analyzes, and reads the file twice at the same time: for its digests, and to send it. buildah copies it
into a container from scratch, commits that and pushes it, without compression. skopeo copies a layout that mbuild
wrote before: as it does unless it is told otherwise, which compresses the layers, so that the image gets another
digest; and as it is, with `--preserve-digests`. curl sends the file as one blob: what the registry itself needs, with
no digest computed. Aims: a quarter of buildah's wall time, two thirds of skopeo's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, disk_of, machine, mbuild, table, verdict
from peers import Peers, peers
from push import curl
from weights import workspace_of


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=4000, metavar="MB", help="the size of the file, in 10^6 bytes")
    parser.add_argument("--folder", type=Path, help="where everything is put")
    parser.add_argument("--programs", type=Path, required=True, help="a store for the programs compared with")
    options = parser.parse_args()
    described = machine()
    with tempfile.TemporaryDirectory(prefix="release-", dir=options.folder) as name:
        folder = Path(name)
        workspace = workspace_of(folder / "workspace", options.size)
        with peers(options.programs, folder) as found:
            _write_layout(workspace, folder)
            sides = [
                _ours(found, workspace, folder),
                _buildah(found, workspace),
                _skopeo(found, folder),
                _skopeo(found, folder, "--preserve-digests"),
                curl(found, workspace),
            ]
            ours, buildah, compressing, skopeo, floor = results = alternate(sides, options.rounds)
    print(f"## release.py: {options.size} MB, minimum of {options.rounds}\n\n{described}\n")
    print(table(sides, results) + "\n")
    print(verdict("share of buildah's wall time", ours.wall / buildah.wall, 1 / 4))
    print(verdict("share of skopeo's wall time", ours.wall / compressing.wall, 2 / 3))
    print(verdict("share of skopeo's wall time, --preserve-digests", ours.wall / skopeo.wall, 2 / 3))
    print(f"\nOf the last, curl alone takes {floor.wall / skopeo.wall:.2f}: less is not to be had from this registry.")


def _ours(found: Peers, workspace: Path, folder: Path) -> Side:
    store = folder / "store"

    def fresh() -> None:
        shutil.rmtree(store, ignore_errors=True)
        found.empty_registry()

    command = [mbuild(), "--cache-dir", str(store), "push", "//:volume", f"{found.host}/ours/volume:v1", "--plain-http"]
    return Side("mbuild push", command, prepare=fresh, disk=lambda: disk_of(store), folder=workspace)


def _buildah(found: Peers, workspace: Path) -> Side:
    buildah = shlex.join(found.containers("buildah"))
    lines = [
        f"container=$({buildah} from scratch)",
        f'{buildah} copy -q "$container" weights.safetensors /models/weights/',
        f'{buildah} commit -q --disable-compression "$container" theirs',
        f"{buildah} push -q --disable-compression --tls-verify=false theirs docker://{found.host}/theirs/volume:v1",
    ]

    def fresh() -> None:
        found.empty_registry()
        for words in (["rm", "--all"], ["rmi", "--all", "--force"]):
            command = [*found.containers("buildah"), *words]
            subprocess.run(command, env=found.podman.environment, check=False, capture_output=True)

    script = " && ".join(lines)
    return Side(
        "buildah from, copy, commit, push",
        ["/bin/sh", "-euc", script],
        prepare=fresh,
        folder=workspace,
        environment=found.podman.environment,
    )


def _write_layout(workspace: Path, folder: Path) -> None:
    made = [mbuild(), "--cache-dir", str(folder / "made"), "//:volume", "--output", f"oci:{folder / 'layout'}"]
    subprocess.run(made, cwd=workspace, check=True, capture_output=True)


def _skopeo(found: Peers, folder: Path, *options: str) -> Side:
    copy = ["--insecure-policy", "copy", "-q", *options, "--dest-tls-verify=false"]
    places = [f"oci:{folder / 'layout'}:volume", f"docker://{found.host}/copied/volume:v1"]
    return Side(
        shlex.join(["skopeo", "copy", *options]),
        [found.programs.path("skopeo"), *copy, *places],
        prepare=found.empty_registry,
        environment=dict(os.environ),
    )


if __name__ == "__main__":
    main()
