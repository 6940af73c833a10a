"""One digest whatever the machine is like: jobs, hash seeds, umasks, locales, and how the files came to be there."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from invocations import MBUILD

BASE = """
load("@mbuild//rules:layers.bzl", "COMPRESSION", "LayersInfo", "make_layer")

def _files(ctx):
    arguments = {"files": {file.short_path: file for file in ctx.files.srcs}, "compression": ctx.attr.compression}
    layer = make_layer(ctx, "files", "files_layer", arguments)
    return [DefaultInfo(files = [layer.layer]), LayersInfo(layers = [layer])]

files = rule(implementation = _files, attrs = {
    "compression": COMPRESSION,
    "srcs": attr.label_list(allow_files = True),
})
"""
BUILD = """
load(":base.bzl", "files")
files(name = "base", srcs = glob(["base/**"]))
python_sources(name = "code", srcs = glob(["code/**/*.py"]))
runtime(name = "runtime", base = ":base", bytecode = False, server = "mlserver", sources = [":code"])
model(name = "m", srcs = glob(["w/*"]), framework = "sklearn", max_layer_size = 100000, version = "1")
model_image(name = "image", models = [":m"], runtime = ":runtime", labels = {"b": "1", "a": "2"})
model_volume(name = "volume", models = [":m"])
model_artifact(name = "pack", models = [":m"])
image_index(
    name = "index",
    image = ":volume",
    images = [":pack"],
    platforms = ["@mbuild//platforms:linux_arm64", "@mbuild//platforms:linux_amd64"],
)
"""
OUTPUTS = (("//...", "oci-archive"), ("//:image", "docker-archive"), ("//:index", "rootfs"))
MACHINES = [
    (1, 0o022, {"PYTHONHASHSEED": "0", "LANG": "C.UTF-8", "TZ": "UTC"}),
    (2, 0o077, {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Kathmandu"}),
    (5, 0o002, {"PYTHONHASHSEED": "4242", "LC_ALL": "POSIX", "PYTHONUTF8": "0", "TZ": "America/St_Johns"}),
]


def sources() -> dict[str, bytes]:
    """Small files, names of all scripts, and some that are compressed in several blocks."""
    at = random.Random(7)
    words = [bytes(at.choices(range(97, 123), k=at.randrange(2, 9))) for _ in range(500)]
    found = {f"code/p{number}/m.py": b" ".join(at.choices(words, k=50)) for number in range(30)}
    found |= {f"base/{name}": name.encode() for name in ("Z", "a", "é", "日本", "e\u0301x", "b c", "z" * 120)}
    found |= {f"base/large{number}": b" ".join(at.choices(words, k=400_000)) for number in range(2)}
    found |= {f"w/shard{number}.bin": at.randbytes(90_000) for number in range(4)}
    text = {"mbuild.toml": "", "BUILD": BUILD, "base.bzl": BASE}
    return found | {name: content.encode() for name, content in text.items()}


def checked_out(folder: Path, files: Mapping[str, bytes], seed: int) -> Path:
    """The files, in another order, with other times and modes than of other seeds."""
    at = random.Random(seed)
    for path, content in at.sample(sorted(files.items()), len(files)):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        target.chmod(at.choice((0o600, 0o644, 0o664, 0o4644)))
        os.utime(target, (at.randrange(2**31),) * 2)
    return folder


def built(folder: Path, compression: str, jobs: int, umask: int, variables: Mapping[str, str]) -> dict[str, str]:
    """What a build prints, and what it writes, by digest."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    found = {}
    for target, kind in OUTPUTS if compression == "zstd" else OUTPUTS[:1]:
        flags = (f"--jobs={jobs}", f"--define=compression={compression}", "--output", f"{kind}:../{kind}")
        done = subprocess.run(
            [*MBUILD, "--cache-dir", "../store", target, *flags],
            cwd=folder,
            env=kept | variables,
            umask=umask,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found[target] = done.stdout
        output = folder.parent / kind
        if output.is_file():
            found[kind] = hashlib.sha256(output.read_bytes()).hexdigest()
        else:
            paths = sorted(output.rglob("*"))
            found[kind] = "\n".join(f"{path.stat().st_mode:o} {path.stat().st_mtime} {path.name}" for path in paths)
    return found


@pytest.mark.parametrize("compression", ["gzip", "zstd", "none"])
def test_digests_and_archives_are_the_same_on_machines_that_differ(tmp_path: Path, compression: str) -> None:
    files = sources()
    found = []
    for number, machine in enumerate(MACHINES):
        folder = checked_out(tmp_path / str(number) / ("w" * (number + 1)), files, number)
        found.append(built(folder, compression, *machine))
    assert found[1:] == found[:1] * 2
    assert len(found[0]["//..."].splitlines()) == 8


@pytest.mark.parametrize(
    ("variables", "shown"),
    [
        ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "//:\u65e5"),
        ({"PYTHONIOENCODING": "ascii"}, "//:\\u65e5"),
        ({"PYTHONIOENCODING": "latin-1:strict"}, "//:\\u65e5"),
    ],
)
def test_a_name_that_cannot_be_shown_is_written_out(tmp_path: Path, variables: dict[str, str], shown: str) -> None:
    (tmp_path / "mbuild.toml").touch()
    (tmp_path / "BUILD").write_text('filegroup(name = "\u65e5")\n', encoding="utf-8")
    command = [*MBUILD, "--cache-dir", "store", "query", "//:all"]
    done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ, **variables), capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode("utf-8"), done.stderr) == (0, f"{shown}\n", b"")
