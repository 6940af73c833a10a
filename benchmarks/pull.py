"""One large blob out of docker-registry, against `curl` that gets the same bytes, and against skopeo.

The image is a model_volume of one weights file, pushed before. mbuild pulls it into a layout and into its store, both
times with sha256 over all of it and an fsync before it has its name; skopeo copies it into a layout, with the same.
curl does what is least: it writes the blob to a file. The registry is on this machine. Aims: at most 1.3 times curl's
wall, at most skopeo's.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, machine, mbuild, table, verdict
from peers import Peers, peers
from weights import workspace_of


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
    with tempfile.TemporaryDirectory(prefix="pull-", dir=options.folder) as name:
        folder = Path(name)
        workspace = workspace_of(folder / "workspace", options.size)
        with peers(options.programs, folder, tls=options.tls) as found:
            (workspace / "mbuild.toml").write_text(found.settings)
            image, blob = _pushed(found, workspace, folder)
            sides = [*_ours(image, workspace, folder), _skopeo(found, image, folder), _curl(found, blob, folder)]
            layout, store, skopeo, curl = results = alternate(sides, options.rounds)
    print(f"## pull.py{' --tls' if options.tls else ''}: {options.size} MB, minimum of {options.rounds}\n")
    print(f"{described}\n\n{table(sides, results)}\n")
    print(verdict("wall ratio, layout", layout.wall / curl.wall, 1.3))
    print(verdict("wall ratio, store", store.wall / curl.wall, 1.3))
    print(verdict("wall ratio, layout to skopeo's", layout.wall / skopeo.wall, 1))
    print(verdict("peak memory, MB", max(layout.peak, store.peak) / 1e6, 150))


def _pushed(found: Peers, workspace: Path, folder: Path) -> tuple[str, str]:
    """A reference to the image in the registry, and the digest of its largest blob."""
    reference = f"{found.host}/ours/volume:v1"
    command = [mbuild(), "--cache-dir", str(folder / "first"), "push", "//:volume", reference]
    subprocess.run(command, cwd=workspace, check=True, capture_output=True)
    [manifest] = (workspace / "mbuild-out").rglob("*manifest.json")
    layers = json.loads(manifest.read_text())["layers"]
    return reference, str(max(layers, key=lambda layer: int(layer["size"]))["digest"])


def _ours(image: str, workspace: Path, folder: Path) -> list[Side]:
    layout, store, second = folder / "layout", folder / "store", folder / "second"
    pull = [mbuild(), "--cache-dir", str(second), "pull", image, "--output", f"oci:{layout}"]
    into_store = [mbuild(), "--cache-dir", str(store), "pull", image]
    return [
        Side("mbuild pull --output oci:", pull, prepare=lambda: _without(layout), folder=workspace),
        Side("mbuild pull, store", into_store, prepare=lambda: _without(store), folder=workspace),
    ]


def _skopeo(found: Peers, image: str, folder: Path) -> Side:
    layout = folder / "theirs"
    trust = [f"--src-cert-dir={found.ca.parent}"] if found.ca else ["--src-tls-verify=false"]
    program = found.programs.path("newer-skopeo")
    command = [program, "--insecure-policy", "copy", "-q", *trust, f"docker://{image}", f"oci:{layout}:v1"]
    return Side("skopeo copy, oci:", command, prepare=lambda: _without(layout))


def _curl(found: Peers, blob: str, folder: Path) -> Side:
    file = folder / "blob"
    command = [*found.curl.split(), "--fail", "-o", str(file), f"{found.url}/v2/ours/volume/blobs/{blob}"]
    return Side("curl GET", command, prepare=lambda: file.unlink(missing_ok=True))


def _without(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
