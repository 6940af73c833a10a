"""Indexes: what is in them, and how two of them differ, beyond the one image that is compared in depth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from image_layouts import Blobs, Files, Made
from invocations import Place

from buildkit.errors import BuildError
from buildkit.images.compare import Compared, compare
from buildkit.images.difference import Change, Difference, Members
from buildkit.images.facts import facts_of
from buildkit.images.members import members_of
from buildkit.oci.descriptor import EMPTY, INDEX, MANIFEST, Descriptor
from buildkit.oci.image import OpenedImage, read_image
from buildkit.oci.index import Index
from buildkit.oci.layout import write_layout
from buildkit.oci.manifest import Manifest
from buildkit.report.image.diff import diff_data, diff_lines
from buildkit.report.image.diff_html import diff_html

FILES: Files = {"a": "1"}
UNKNOWN = (("architecture", "unknown"), ("os", "unknown"))
WEIGHTS = "application/vnd.cncf.model.manifest.v1+json"


def image(blobs: Blobs, architecture: str, files: Files = FILES) -> Descriptor:
    return Made([files], blobs=blobs, architecture=architecture).root()


def artifact(blobs: Blobs, kind: str = WEIGHTS) -> Descriptor:
    manifest = Manifest(Descriptor(EMPTY, blobs.add(b"{}")), (), artifact_type=kind)
    return Descriptor(MANIFEST, blobs.add(manifest.to_json()), platform=UNKNOWN, artifact_type=kind)


def attestation(blobs: Blobs, of: Descriptor) -> Descriptor:
    said = (
        ("vnd.docker.reference.digest", str(of.digest)),
        ("vnd.docker.reference.type", "attestation-manifest"),
    )
    return Descriptor(MANIFEST, image(blobs, "unknown").digest, said, UNKNOWN)


def index(blobs: Blobs, *members: Descriptor, **more: Any) -> OpenedImage:
    return OpenedImage(Descriptor(INDEX, blobs.add(Index(members, **more).to_json())), blobs.open, "x")


def compared(one: OpenedImage, two: OpenedImage, platform: str = "") -> Difference:
    sides = (
        Compared(name, side, read_image(side, platform), not platform)
        for name, side in zip("ab", (one, two), strict=True)
    )
    return compare(*sides)


def test_members_are_named_by_platform_by_type_and_by_what_they_are_about() -> None:
    blobs = Blobs()
    amd, arm = image(blobs, "amd64"), image(blobs, "arm64")
    inner = index(blobs, arm, artifact(blobs)).root
    whole = index(blobs, amd, inner, attestation(blobs, amd), amd)
    assert [member.name for member in members_of(whole.root, blobs.open)] == [
        "linux/amd64",
        "linux/arm64",
        f"artifact {WEIGHTS}",
        "attestation-manifest of linux/amd64",
        "linux/amd64 #2",
    ]
    assert members_of(amd, blobs.open) == ()


def test_indexes_that_share_an_image_are_not_identical() -> None:
    blobs = Blobs()
    amd, arm, model = image(blobs, "amd64"), image(blobs, "arm64"), artifact(blobs)
    one, two = index(blobs, amd, arm), index(blobs, amd, model)
    difference = compared(one, two)
    assert not difference.identical
    assert difference.members == Members(
        index=(),
        changes=(
            Change(f"artifact {WEIGHTS}", None, str(model.digest)),
            Change("linux/arm64", str(arm.digest), None),
        ),
        platforms=("linux/amd64", "linux/amd64"),
        digests=(amd.digest, amd.digest),
    )
    assert list(diff_lines(difference)) == [
        f"--- a {one.root.digest}",
        f"+++ b {two.root.digest}",
        "",
        "members of the index: 1 added, 1 removed",
        f"  + artifact {WEIGHTS} {model.digest}",
        f"  - linux/arm64 {arm.digest}",
        "",
        f"compared in depth: linux/amd64, which is identical: {amd.digest}",
    ]
    assert diff_data(difference)["index"]["compared"] == [{"member": "linux/amd64", "digest": str(amd.digest)}] * 2
    assert f"Compared in depth: linux/amd64, which is identical: {amd.digest}" in diff_html(difference)
    assert compared(one, one).identical
    # Asked for a platform, its image is all that is meant.
    assert compared(one, two, "linux/amd64").identical


def test_what_is_compared_in_depth_is_said() -> None:
    blobs = Blobs()
    amd, other = image(blobs, "amd64"), image(blobs, "amd64", {"a": "2"})
    arm = image(blobs, "arm64")
    difference = compared(index(blobs, amd, arm), index(blobs, other, arm))
    assert difference.members
    assert difference.members.changes == (Change("linux/amd64", str(amd.digest), str(other.digest)),)
    lines = list(diff_lines(difference))
    assert f"compared in depth: linux/amd64, {amd.digest} and {other.digest}" in lines
    assert "files: 1 changed" in lines
    mixed = compared(index(blobs, arm), index(blobs, amd))
    assert f"compared in depth: linux/arm64 with linux/amd64, {arm.digest} and {amd.digest}" in diff_lines(mixed)


def test_an_index_is_compared_with_an_image_as_one_of_a_single_member() -> None:
    blobs = Blobs()
    amd, arm = image(blobs, "amd64"), image(blobs, "arm64")
    alone = OpenedImage(Descriptor(MANIFEST, amd.digest), blobs.open)
    difference = compared(alone, index(blobs, amd, arm))
    assert difference.members
    assert difference.members.changes == (Change("linux/arm64", None, str(arm.digest)),)
    same = compared(alone, index(blobs, amd, annotations=(("a", "b"),)))
    assert same.members
    assert (same.members.changes, same.members.index) == ((), (Change("annotation a", None, "b"),))
    assert list(diff_lines(same))[3:5] == ["index: the same members, another document", "  + annotation a b"]
    assert compared(alone, OpenedImage(amd, blobs.open)).members is None


def test_inspect_lists_the_members_of_an_index_and_what_is_said_of_them(tmp_path: Path) -> None:
    blobs = Blobs()
    amd, arm = image(blobs, "amd64"), replace(image(blobs, "arm64"), annotations=(("a", "\x1b"),))
    whole = index(blobs, amd, arm, annotations=(("of", "all"),))
    write_layout(tmp_path / "oci", whole.root, blobs.open)
    place = Place(tmp_path, tmp_path / "store")
    lines = place.mbuild("image", "inspect", "oci:oci").stdout.splitlines()
    assert lines[-4:] == [
        "members   annotation of = all",
        f"          linux/amd64  {amd.digest}  {amd.digest.size} B  {MANIFEST}",
        f"          linux/arm64  {arm.digest}  {arm.digest.size} B  {MANIFEST}",
        "            a = \\x1b",
    ]
    found = json.loads(place.mbuild("image", "inspect", "oci:oci", "--json").stdout)
    assert found["indexSays"] == {"annotation of": "all"}
    assert found["members"][1] == {
        "name": "linux/arm64",
        "digest": str(arm.digest),
        "size": arm.digest.size,
        "mediaType": MANIFEST,
        "artifactType": None,
        "platform": "linux/arm64",
        "annotations": {"a": "\x1b"},
    }


def test_inspect_tells_what_the_config_of_a_model_says(tmp_path: Path) -> None:
    blobs = Blobs()
    said = {"family": "llama3", "name": "m", "authors": ["a", "b"]}
    more = {"format": "safetensors", "paramSize": "8b", "capabilities": {"reasoning": True, "x": ["é"], "y": False}}
    config = {"descriptor": said, "config": more, "modelfs": {"type": "layers", "diffIds": []}}
    described = Descriptor("application/vnd.cncf.model.config.v1+json", blobs.add(json.dumps(config).encode()))
    manifest = Manifest(described, (), artifact_type=WEIGHTS)
    write_layout(tmp_path / "oci", Descriptor(MANIFEST, blobs.add(manifest.to_json())), blobs.open)
    place = Place(tmp_path, tmp_path / "store")
    assert place.mbuild("image", "inspect", "oci:oci").stdout.partition("layers\n")[2] == (
        "model     authors = a, b\n"
        "          capabilities.reasoning = true\n"
        "          capabilities.x = é\n"
        "          capabilities.y = false\n"
        "          family = llama3\n"
        "          format = safetensors\n"
        "          name = m\n"
        "          paramSize = 8b\n"
    )
    assert json.loads(place.mbuild("image", "inspect", "oci:oci", "--json").stdout)["model"] == said | more


def test_layers_of_an_artifact_and_of_a_base_have_names_and_reasons() -> None:
    blobs = Blobs()
    one = (("org.cncf.model.file.metadata+json", "{}"), ("org.cncf.model.filepath", "models/m/w.safetensors"))
    folder = (("org.cncf.model.filepath", "models/m"),)
    layers = [
        Descriptor(f"application/vnd.cncf.model.{kind}.v1.tar", blobs.add(kind.encode()), said)
        for kind, said in (("weight", one), ("weight", folder), ("weight.config", folder), ("doc", folder), ("x", one))
    ]
    manifest = Manifest(Descriptor(EMPTY, blobs.add(b"{}")), tuple(layers), artifact_type=WEIGHTS)
    opened = OpenedImage(Descriptor(MANIFEST, blobs.add(manifest.to_json())), blobs.open)
    assert [(row.name, row.why) for row in facts_of(read_image(opened)).layers] == [
        ("models/m/w.safetensors", "weights: one file"),
        ("models/m (weights)", "weights: files of a folder together"),
        ("models/m (settings of the weights)", "settings of the weights: files of a folder together"),
        ("models/m (documentation)", "documentation: files of a folder together"),
        ("models/m/w.safetensors", ""),
    ]
    rows = [
        {"created_by": "ADD x", "comment": "buildkit.dockerfile.v0"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "RUN y"},
        {"created_by": "mbuild: code", "comment": "because"},
    ]
    based = Made([{"a": "1"}, {"b": "1"}, {"c": "1"}], config={"history": rows})
    assert [(row.name, row.why) for row in facts_of(read_image(based.opened())).layers] == [
        ("ADD x", "of the base image"),
        ("RUN y", "of the base image"),
        ("code", "because"),
    ]
    other = Made([{"a": "1"}], config={"history": rows[:1]})
    assert [(row.name, row.why) for row in facts_of(read_image(other.opened())).layers] == [
        ("ADD x", "buildkit.dockerfile.v0")
    ]


def test_an_artifact_of_an_index_is_seen_where_it_is_alone_or_asked_for() -> None:
    blobs = Blobs()
    amd, model = image(blobs, "amd64"), artifact(blobs)
    assert read_image(index(blobs, model)).descriptor == model
    assert read_image(index(blobs, amd, model)).descriptor == amd
    assert read_image(index(blobs, amd, model), "unknown/unknown").descriptor == model
    with pytest.raises(BuildError) as caught:
        read_image(index(blobs, model, artifact(blobs, "x/y")))
    assert (caught.value.message, caught.value.hint) == (
        "'x' has 2 artifacts and no image",
        "name one by itself, in a registry by its digest; 'mbuild image inspect --raw' prints what it lists",
    )
