"""Layers of each compression, read by others: umoci unpacks them, skopeo copies them."""

from __future__ import annotations

from pathlib import Path

import pytest
from debian_programs import Programs
from invocations import Place

pytestmark = pytest.mark.e2e

RULE = """
load("@mbuild//rules:layers.bzl", "LayersInfo", "descriptors", "trees")

def _image(ctx):
    layers = [layer for target in ctx.attr.layers for layer in target[LayersInfo].layers]
    config = ctx.actions.declare_file(ctx.label.name + "/config.json")
    manifest = ctx.actions.declare_file(ctx.label.name + "/manifest.json")
    settings = {"platform": {"os": "linux", "architecture": "amd64"}}
    ctx.actions.tool(
        "image_config",
        arguments = {"descriptors": descriptors(layers), "trees": trees(layers), "settings": settings},
        outputs = {"config": config, "warnings": ctx.actions.declare_file("warnings.json")},
        mnemonic = "config",
    )
    ctx.actions.tool(
        "image_manifest",
        arguments = {"config": config, "descriptors": descriptors(layers)},
        outputs = {"manifest": manifest},
        mnemonic = "manifest",
    )
    blobs = [layer.layer for layer in layers]
    return [
        DefaultInfo(files = [manifest]),
        ImageInfo(manifest = manifest, config = config, layers = blobs, platform = "linux/amd64"),
    ]

image = rule(implementation = _image, attrs = {"layers": attr.label_list(providers = [LayersInfo])})
"""
BUILD = """
load(":image.bzl", "image")
python_sources(name = "small", srcs = ["a.py"])
python_sources(name = "large", srcs = ["b.txt"])
image(name = "image", layers = [":small", ":large"])
"""


@pytest.mark.parametrize("compression", ["gzip", "none", "zstd"])
def test_others_read_layers_of_each_compression(tmp_path: Path, programs: Programs, compression: str) -> None:
    place = Place(tmp_path / "w", tmp_path / "store")
    # More than two blocks of gzip, and than a job of zstd.
    long = b"".join(b"%d times %d\n" % (number * number, number) for number in range(600_000))
    place.write({"mbuild.toml": "", "BUILD": BUILD, "image.bzl": RULE, "a.py": "x = 1\n", "b.txt": long})
    ran = place.mbuild(
        "build", f"--define=compression={compression}", "//:image", "--output", f"oci:{tmp_path / 'oci'}"
    )
    assert ran.code == 0, ran.stderr
    copied = tmp_path / "copied"
    programs.run("skopeo", "--insecure-policy", "copy", f"oci:{tmp_path / 'oci'}", f"oci:{copied}:t")
    programs.run("umoci", "unpack", "--rootless", "--image", f"{copied}:t", tmp_path / "bundle")
    assert (tmp_path / "bundle/rootfs/opt/app/a.py").read_text() == "x = 1\n"
    assert (tmp_path / "bundle/rootfs/opt/app/b.txt").read_bytes() == long
