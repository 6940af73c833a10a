"""One line of code changed in an image with torch → a registry has it, against podman build, warm, and podman push.

The workspace is made here: Debian's Python, torch with the CUDA libraries that it asks for, a Python source file, a
model with weights of random bytes. Both sides have built and pushed it before. In every round the source file gets a
new line; then ours is `mbuild push`, theirs `podman build` of a Containerfile, and `podman push`. Its base is an image
that ours pushed, with all but the weights; the weights are copied into that, and then the source file. Aims: a fifth
of podman's wall time; no more bytes sent than the changed layer, config and manifest, and what asking costs. With
`--workspace`, any other workspace; its `//:image` holds `code.py`, and a model of `weights.json`. With `--weights 0`
neither side has weights.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

from measuring import Side, alternate, arguments, machine, mbuild, table, verdict
from peers import Counter, Peers, peers
from weights import write_weights

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "fraud"
BUILD = """\
debian_packages(
    name = "base",
    lock = "debian.lock",
%s
)

python_packages(
    name = "packages",
    lock = "packages.lock",
    requirements = ["torch"],
)

python_sources(
    name = "code",
    srcs = ["code.py"],
)

runtime(
    name = "runtime",
    base = ":base",
    bytecode = False,
    packages = [":packages"],
    server = "mlserver",
    sources = [":code"],
)

model(
    name = "weights",
    srcs = ["weights.json"],
    framework = "custom",
    implementation = "code.Model",
)

model_image(
    name = "image",
    models = [":weights"],
    runtime = ":runtime",
)
"""
_FILE, _SOURCES = "weights.safetensors", 'srcs = ["weights.json"'
_ASKING = 64_000  # bytes: the requests that ask a registry for what it has


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--folder", type=Path, help="where everything is put: some 20 GB with torch")
    parser.add_argument("--programs", type=Path, required=True, help="a store for the programs compared with")
    parser.add_argument("--workspace", type=Path, help="a workspace with an image //:image that holds code.py")
    parser.add_argument("--weights", type=int, default=1000, metavar="MB", help="the weights' size, in 10^6 bytes")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="code-", dir=options.folder) as name:
        folder = Path(name)
        workspace = folder / "workspace"
        if options.workspace:
            shutil.copytree(options.workspace, workspace, ignore=shutil.ignore_patterns("mbuild-out"))
        else:
            _make(workspace)
        with peers(options.programs, folder) as found:
            command = [mbuild(), "--cache-dir", str(options.programs), "push", "//:image", "--plain-http"]
            reference = f"{found.host}/app/image:v1"
            base = f"{found.host}/app/base:v1"
            subprocess.run([*command, base], cwd=workspace, check=True, stdout=subprocess.DEVNULL)
            if options.weights:
                _add_weights(workspace, options.weights * 1_000_000)
            subprocess.run([*command, reference], cwd=workspace, check=True, stdout=subprocess.DEVNULL)
            described = machine()
            sides = [_ours(command, reference, workspace), _theirs(found, base, folder, workspace)]
            ours, theirs = results = alternate(sides, options.rounds)
            sent, needed = _sent(found, command, workspace)
            whole = sum(_blobs(found.data).values())
    print(f"## code_change.py: {options.weights} MB of weights, minimum of {options.rounds}\n\n{described}\n")
    print(table(sides, results) + "\n")
    print(verdict("share of podman's wall time", ours.wall / theirs.wall, 1 / 5))
    print(verdict("kB sent above changed layer, config and manifest", (sent - needed) / 1000, _ASKING / 1000))
    print(f"\nThe registry holds {whole / 1e6:.0f} MB of the two sides' blobs.", end=" ")
    print(f"{sent} bytes were sent in all; the changed layer, config and manifest are {needed}.")


def _make(workspace: Path) -> None:
    workspace.mkdir()
    (workspace / "mbuild.toml").touch()
    text = (EXAMPLE / "third_party" / "BUILD").read_text()
    start = text.index("    # What only maintainer scripts")
    (workspace / "BUILD").write_text(BUILD % text[start : text.index("\n)\n", start)])
    shutil.copyfile(EXAMPLE / "third_party" / "debian.lock", workspace / "debian.lock")
    (workspace / "weights.json").write_text("{}\n")
    (workspace / "code.py").write_text('"""A model."""\n')
    subprocess.run([mbuild(), "lock", "//:packages"], cwd=workspace, check=True, stdout=subprocess.DEVNULL)


def _add_weights(workspace: Path, size: int) -> None:
    text = (workspace / "BUILD").read_text()
    if _SOURCES not in text:
        sys.exit(f"{workspace / 'BUILD'} has no '{_SOURCES}': the weights cannot be put beside; use --weights 0")
    (workspace / "BUILD").write_text(text.replace(_SOURCES, f'{_SOURCES}, "{_FILE}"'))
    write_weights(workspace / _FILE, size)


_NUMBERS = count(1)


def _change(workspace: Path) -> None:
    with (workspace / "code.py").open("a") as file:
        file.write(f"VERSION = {next(_NUMBERS)}\n")


def _ours(command: list[str], reference: str, workspace: Path) -> Side:
    return Side("mbuild push", [*command, reference], prepare=lambda: _change(workspace), folder=workspace)


def _theirs(found: Peers, base: str, folder: Path, workspace: Path) -> Side:
    context = folder / "context"
    context.mkdir()
    podman = shlex.join(found.containers("podman"))
    pushed = f"{found.host}/theirs/image:v1"
    build = f"{podman} build -q --layers -t {pushed} -f Containerfile ."
    script = f"{build} && {podman} push -q --tls-verify=false {pushed}"
    weights = workspace / _FILE
    if weights.exists():
        os.link(weights, context / _FILE)
    lines = [f"FROM {base}", *([f"COPY {_FILE} /models/weights/{_FILE}"] if weights.exists() else [])]
    (context / "Containerfile").write_text("\n".join([*lines, "COPY code.py /opt/app/code.py", ""]))

    def changed() -> None:
        _change(workspace)
        shutil.copyfile(workspace / "code.py", context / "code.py")

    def run(words: str) -> None:
        subprocess.run(["/bin/sh", "-euc", words], cwd=context, env=found.podman.environment, check=True)

    changed()
    run(f"{podman} pull -q --tls-verify=false {base}")
    run(script)
    return Side(
        "podman build, push",
        ["/bin/sh", "-euc", script],
        prepare=changed,
        folder=context,
        environment=found.podman.environment,
    )


def _sent(found: Peers, command: list[str], workspace: Path) -> tuple[int, int]:
    """The bytes that one more change sends, and those of the blobs and manifests that are new by it."""
    counter = Counter(found.host)
    before = _blobs(found.data)
    _change(workspace)
    reference = f"{counter.host}/app/image:v1"
    done = subprocess.run([*command, reference], cwd=workspace, check=True, stdout=subprocess.DEVNULL)
    assert done.returncode == 0
    counter.close()
    after = _blobs(found.data)
    return counter.sent, sum(size for name, size in after.items() if name not in before)


def _blobs(data: Path) -> dict[str, int]:
    return {path.parent.name: path.stat().st_size for path in data.rglob("blobs/sha256/*/*/data")}


if __name__ == "__main__":
    main()
