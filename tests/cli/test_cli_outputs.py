"""`--output`: what it takes, which image of an index it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import stat
import tarfile
from pathlib import Path

import pytest
from invocations import Place

BUILD = """
model(name = "m", srcs = ["w.bin"], framework = "sklearn")
model_volume(name = "volume", models = [":m"])
model_volume(name = "other", labels = {"x": "y"}, models = [":m"])
image_index(
    name = "both",
    image = ":volume",
    platforms = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"],
)
"""
FORMS = (
    "hint: use oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG] or rootfs:DIR: an OCI layout, "
    "one as a tar, an archive for docker load, a plain root file system"
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "BUILD": BUILD, "w.bin": "weights"})
    return place


WRONG = [
    ("oci", f"error: cannot read the output 'oci'\n{FORMS}"),
    ("oci:", f"error: cannot read the output 'oci:'\n{FORMS}"),
    ("oci-archiv:x", "error: cannot read the output 'oci-archiv:x'\nhint: did you mean 'oci-archive'?"),
    (
        "rootfs:x:v1",
        f"error: cannot read the output 'rootfs:x:v1': 'v1' is no tag\n{FORMS.partition(': an OCI')[0]}",
    ),
    (
        "oci:x:a b",
        f"error: cannot read the output 'oci:x:a b': 'a b' is no tag\n{FORMS.partition(': an OCI')[0]}",
    ),
    (
        "docker-archive:x:Big/Name",
        f"error: cannot read the output 'docker-archive:x:Big/Name': 'Big/Name' is no tag\n"
        f"{FORMS.partition(': an OCI')[0]}",
    ),
    (
        "docker-archive:x:ACME/scores:v1",
        f"error: cannot read the output 'docker-archive:x:ACME/scores:v1': 'ACME/scores:v1' is no tag\n"
        f"{FORMS.partition(': an OCI')[0]}",
    ),
    (
        "docker-archive:x:acme//scores:v1",
        f"error: cannot read the output 'docker-archive:x:acme//scores:v1': 'acme//scores:v1' is no tag\n"
        f"{FORMS.partition(': an OCI')[0]}",
    ),
]


@pytest.mark.parametrize(("output", "told"), WRONG)
def test_an_output_that_cannot_be_read_is_told_before_anything_is_built(place: Place, output: str, told: str) -> None:
    ran = place.mbuild("//:volume", "--output", output)
    assert (ran.code, ran.told, ran.actions) == (2, told, [])


def test_an_image_is_written_to_as_many_places_as_are_named(place: Place) -> None:
    ran = place.mbuild("//:volume", "--output", "oci:a:v1", "--output=oci:a:v2", "--output", "rootfs:b")
    assert ran.code == 0, ran.stderr
    layout = json.loads((place.root / "a" / "index.json").read_text())
    assert [row["annotations"]["org.opencontainers.image.ref.name"] for row in layout["manifests"]] == ["v1", "v2"]
    assert (place.root / "b" / "models" / "m" / "w.bin").read_text() == "weights"


def test_of_several_outputs_the_last_is_read_too_before_anything_is_built(place: Place) -> None:
    ran = place.mbuild("//:volume", "--output", "oci:x", "--output", "oci:")
    assert (ran.code, ran.told, ran.actions) == (2, f"error: cannot read the output 'oci:'\n{FORMS}", [])
    assert not (place.root / "x").exists()


@pytest.mark.parametrize("output", ["docker-archive:x.tar", "rootfs:x", "oci:x:v1"])
def test_one_image_is_taken_where_there_is_one_place(place: Place, output: str) -> None:
    ran = place.mbuild("//:volume", "//:other", "--output", output)
    form = "with a tag " if output == "oci:x:v1" else ""
    assert (ran.code, ran.told) == (2, f"error: '{output}' {form}takes one image, found 2\nhint: name one target")


def test_several_images_share_a_layout_and_an_archive_by_their_targets_names(place: Place) -> None:
    for output in ("oci:x", "oci-archive:x.tar"):
        ran = place.mbuild("//:volume", "//:other", "//:both", "--output", output)
        assert ran.code == 0, ran.stderr
    layout = json.loads((place.root / "x" / "index.json").read_text())
    with tarfile.open(place.root / "x.tar") as archive:
        file = archive.extractfile("index.json")
        assert file
        assert json.load(file) == layout
    tags = [row["annotations"]["org.opencontainers.image.ref.name"] for row in layout["manifests"]]
    assert tags == ["both", "other", "volume"]


@pytest.mark.parametrize(
    ("flags", "architecture"), [((), "amd64"), (("--platform", "@mbuild//platforms:linux_arm64"), "arm64")]
)
def test_of_an_index_the_image_of_the_platform_is_written(
    place: Place, flags: tuple[str, ...], architecture: str
) -> None:
    ran = place.mbuild("//:both", "--output", "docker-archive:x.tar", *flags)
    assert ran.code == 0, ran.stderr
    with tarfile.open(place.root / "x.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        (image,) = json.load(manifest)
        config = archive.extractfile(image["Config"])
        assert config
        assert json.load(config)["architecture"] == architecture
    assert image["RepoTags"] == ["both:latest"]


def test_a_folder_that_holds_something_is_not_written_over(place: Place) -> None:
    place.write({"root/mine.txt": "mine"})
    ran = place.mbuild("//:volume", "--output", "rootfs:root")
    assert (ran.code, ran.told) == (
        2,
        f"error: cannot write the root file system to '{place.root}/root': it is not an empty folder\n"
        "hint: name a folder that is not there yet, or empty it",
    )
    assert [path.name for path in (place.root / "root").iterdir()] == ["mine.txt"]


def test_a_target_that_is_no_image_has_no_output(place: Place) -> None:
    ran = place.mbuild("//:m", "--output", "rootfs:root")
    assert (ran.code, ran.told) == (2, "error: --output rootfs: none of the targets is an image")


@pytest.mark.parametrize("output", ["oci:x", "oci-archive:x.tar"])
def test_two_images_of_one_name_do_not_take_each_others_tag(place: Place, output: str) -> None:
    place.write({"BUILD": BUILD.replace("models = [", 'visibility = ["//visibility:public"], models = [')})
    place.write({"a/BUILD": 'image_index(name = "volume", images = ["//:other"])'})
    ran = place.mbuild("//:volume", "//a:volume", "--output", output)
    assert (ran.code, ran.told) == (
        2,
        f"error: '{output}': two images would have the tag 'volume'\nhint: write one at a time: {output}:TAG",
    )
    assert not (place.root / output.partition(":")[2]).exists()


def test_a_name_that_docker_would_not_load_is_refused(place: Place) -> None:
    place.write({"BUILD": BUILD.replace('"volume"', '"Volume"').replace(":volume", ":Volume")})
    ran = place.mbuild("//:Volume", "--output", "docker-archive:x.tar")
    assert (ran.code, ran.told) == (
        2,
        "error: 'docker-archive:x.tar': docker loads no image called 'Volume'\n"
        "hint: name it: docker-archive:x.tar:NAME:TAG",
    )


@pytest.mark.parametrize(
    ("name", "full"), [("host:5000/x", "host:5000/x:latest"), ("host:5000/x:v1", "host:5000/x:v1"), ("x", "x:latest")]
)
def test_a_name_for_docker_always_has_a_tag(place: Place, name: str, full: str) -> None:
    assert place.mbuild("//:volume", "--output", f"docker-archive:x.tar:{name}").code == 0
    with tarfile.open(place.root / "x.tar") as archive:
        manifest = archive.extractfile("manifest.json")
        assert manifest
        assert json.load(manifest)[0]["RepoTags"] == [full]


@pytest.mark.parametrize("output", ["oci-archive:link", "docker-archive:link", "rootfs:link", "oci:link"])
def test_a_link_stays_one_and_what_it_leads_to_is_written(place: Place, output: str) -> None:
    (place.root / "link").symlink_to("there")
    if output in ("rootfs:link", "oci:link"):
        (place.root / "there").mkdir()
    assert place.mbuild("//:volume", "--output", output).code == 0
    assert (place.root / "link").is_symlink()
    there = place.root / "there"
    assert any(there.iterdir()) if there.is_dir() else there.stat().st_size


@pytest.mark.parametrize(("kind", "what"), [("oci-archive", "OCI archive"), ("docker-archive", "archive")])
def test_a_pipe_or_device_is_not_replaced_by_a_file(place: Place, kind: str, what: str) -> None:
    os.mkfifo(place.root / "pipe")
    ran = place.mbuild("//:volume", "--output", f"{kind}:pipe")
    assert (ran.code, ran.told) == (36, f"error: cannot write the {what} '{place.root}/pipe': is no ordinary file")
    assert stat.S_ISFIFO((place.root / "pipe").lstat().st_mode)


def test_a_layout_whose_index_cannot_be_read_is_left_as_it_is(place: Place) -> None:
    place.write({"x/index.json": "[]"})
    ran = place.mbuild("//:volume", "--output", "oci:x")
    assert (ran.code, ran.told) == (
        1,
        f"error: cannot write the OCI layout '{place.root}/x': an image index is not a JSON object: found list\n"
        "hint: name another folder, or remove this one",
    )
    assert (place.root / "x" / "index.json").read_text() == "[]"


@pytest.mark.parametrize(("attribute", "what"), [("annotations", "manifest"), ("labels", "config")])
def test_a_document_that_registries_would_refuse_is_not_built(place: Place, attribute: str, what: str) -> None:
    place.write({"BUILD": BUILD.replace('labels = {"x": "y"}', attribute + ' = {"x": "y" * 5000000}')})
    ran = place.mbuild("//:other")
    assert ran.code == 1
    assert f"error: the {what} has 500" in ran.stderr
    assert "more than the 4194304 that registries take" in ran.stderr
