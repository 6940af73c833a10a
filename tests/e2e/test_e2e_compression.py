"""Layers of each compression, read by others: umoci unpacks them, skopeo copies them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from debian_programs import Programs
from invocations import Place
from real_registry import registry

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


FRAUD = Path(__file__).parents[2] / "examples" / "fraud"


def test_gzip_layers_of_wheels_are_sound_to_crane_and_unpack_to_the_files_of_zstd_layers(
    tmp_path: Path, programs: Programs, kept_store: Path
) -> None:
    place = Place(tmp_path / "w", kept_store)
    shutil.copytree(FRAUD / "third_party", tmp_path / "w/third_party")
    build = 'load(":image.bzl", "image")\nimage(name = "image", layers = ["//third_party:serving_packages"])\n'
    place.write({"mbuild.toml": "", "BUILD": build, "image.bzl": RULE})
    found = {}
    with registry(programs, tmp_path / "registry") as host:
        for compression in ("gzip", "zstd"):
            reference = f"{host}/packages/{compression}:v1"
            pushed = place.mbuild("push", f"--define=compression={compression}", "//:image", reference, "--plain-http")
            assert pushed.code == 0, pushed.stderr
            copy = ["skopeo", "--insecure-policy", "copy", "--src-tls-verify=false", f"docker://{reference}"]
            programs.run(*copy, f"oci:{tmp_path / compression}:t")
            bundle = tmp_path / f"{compression}-bundle"
            programs.run("umoci", "unpack", "--rootless", "--image", f"{tmp_path / compression}:t", bundle)
            root = bundle / "rootfs"
            found[compression] = {
                str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in root.rglob("*")
                if path.is_file()
            }
        # crane unpacks gzip alone, so this shows each layer's diff id to be right, too.
        assert programs.run("crane", "validate", "--remote", f"{host}/packages/gzip:v1").startswith("PASS: ")
    assert len(found["gzip"]) > 8000
    assert found["gzip"] == found["zstd"]


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
