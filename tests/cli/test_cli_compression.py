"""How layers are compressed: by attribute, by mbuild.toml, by --define; the closest word holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invocations import Place

SHOWN = """
load("@mbuild//rules:layers.bzl", "LayersInfo", "descriptors")

def _shown(ctx):
    return [DefaultInfo(files = descriptors(ctx.attr.of[LayersInfo].layers))]

shown = rule(implementation = _shown, attrs = {"of": attr.label(providers = [LayersInfo])})
"""
BUILD = """
load(":shown.bzl", "shown")
python_sources(name = "plain", srcs = ["a.py"])
python_sources(name = "none", srcs = ["a.py"], compression = "none")
python_sources(name = "zstd", srcs = ["a.py"], compression = "zstd")
model(name = "weights", srcs = ["w.bin"], framework = "sklearn")
model_volume(name = "volume", models = [":weights"])
[shown(name = name + "_shown", of = name) for name in ["plain", "none", "zstd"]]
"""
TAR = "application/vnd.oci.image.layer.v1.tar"


def place(tmp_path: Path, toml: str = "") -> Place:
    made = Place(tmp_path / "w", tmp_path / "store")
    made.write({"mbuild.toml": toml, "BUILD": BUILD, "shown.bzl": SHOWN, "a.py": "x = 1\n", "w.bin": "w"})
    return made


def media_types(made: Place, *flags: str) -> dict[str, str]:
    """Of each target's one layer, what its descriptor says, without what they have in common."""
    ran = made.mbuild("build", *flags, "//:plain_shown", "//:none_shown", "//:zstd_shown", "//:volume")
    assert ran.code == 0, ran.stderr
    shown = sorted((made.root / "mbuild-out").glob("*/*.descriptor.json"))
    layers = {path.parent.name: json.loads(path.read_text()) for path in shown}
    manifest = json.loads((made.root / "mbuild-out/volume/manifest.json").read_text())
    (layers["weights"],) = manifest["layers"]
    return {name: layer["mediaType"].removeprefix(TAR) for name, layer in layers.items()}


@pytest.mark.parametrize(
    ("toml", "flags", "plain"),
    [
        ("", [], "+zstd"),
        ("", ["--define=compression=gzip"], "+gzip"),
        ('[image]\ncompression = "gzip"\n', [], "+gzip"),
        ('[image]\ncompression = "gzip"\n', ["--define=compression=none"], ""),
    ],
)
def test_the_closest_word_holds(tmp_path: Path, toml: str, flags: list[str], plain: str) -> None:
    found = media_types(place(tmp_path, toml), *flags)
    assert found == {"none": "", "plain": plain, "weights": "", "zstd": "+zstd"}


def test_a_compression_that_nobody_knows_is_refused_at_its_place(tmp_path: Path) -> None:
    ran = place(tmp_path, '[image]\ncompression = "gzp"\n').mbuild("build", "//:plain")
    assert (ran.code, ran.stderr.splitlines()) == (
        2,
        [
            "mbuild.toml:2:1: error: 'compression' in [image] is no way to compress layers: found 'gzp'",
            '    compression = "gzp"',
            "    ^~~~~~~~~~~",
            "hint: did you mean 'gzip'?",
        ],
    )


def test_a_define_that_is_no_compression_is_refused(tmp_path: Path) -> None:
    ran = place(tmp_path).mbuild("build", "--define=compression=xz", "//:plain")
    expected = "'--define=compression=xz' is no way to compress layers: expected zstd, gzip or none"
    assert (ran.code, expected in ran.stderr) == (2, True), ran.stderr
