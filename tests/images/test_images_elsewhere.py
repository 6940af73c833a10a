"""Layers that may not be handed on: nobody looks for their blobs in vain."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from image_layouts import Made
from invocations import Place, Ran

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.images.compare import Compared, compare
from buildkit.images.difference import FileChange
from buildkit.images.validate import validate
from buildkit.oci.archive import write_archive
from buildkit.oci.descriptor import LAYER, Descriptor
from buildkit.oci.image import read_image
from buildkit.oci.rootfs import write_rootfs

FOREIGN = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"


def made() -> tuple[Made, Digest]:
    """An image of two layers, the first of which is not there."""
    image = Made([{"a": "1"}, {"b": "2"}])
    _, second = read_image(image.opened()).manifest.layers
    absent = Digest.of(b"not here")
    image.manifest = {"layers": [Descriptor(FOREIGN, absent).to_data(), Descriptor(LAYER, second.digest).to_data()]}
    return image, absent


def message(absent: Digest) -> str:
    return (
        f"layer {absent} stays at its URLs: its media type is '{FOREIGN}', and images are handed on without such layers"
    )


def test_validate_passes_over_them_and_says_so(tmp_path: Path) -> None:
    image, absent = made()
    found = validate(image.opened())
    assert (found.faults, found.blobs, found.elsewhere) == ((), 3, (absent,))
    place = Place(tmp_path, tmp_path / "store")
    image.write(tmp_path / "oci")
    ran = place.mbuild("image", "validate", "oci:oci")
    note, sound = ran.stdout.splitlines()
    assert (ran.code, note, sound.startswith("sound: 1 manifest, 3 blobs")) == (
        0,
        f"note: layer {absent} is not looked into: it stays at its URLs",
        True,
    )
    assert json.loads(place.mbuild("image", "validate", "oci:oci", "--json").stdout)["elsewhere"] == [str(absent)]


def test_files_and_outputs_tell_why_they_cannot_be_had(tmp_path: Path) -> None:
    image, absent = made()
    place = Place(tmp_path, tmp_path / "store")
    image.write(tmp_path / "oci")
    hint = "mbuild fetches nothing from there; 'mbuild copy' to a registry or an OCI layout works without it"
    assert place.mbuild("image", "files", "oci:oci") == Ran(1, "", f"error: {message(absent)}\nhint: {hint}\n")
    assert place.mbuild("image", "files", "oci:oci", "--layer", "2").stdout == "-rw-r--r--            1   2 b\n"
    for write in (write_rootfs, write_archive):
        with pytest.raises(BuildFailure) as caught:
            write(tmp_path / "out", image.root(), image.blobs.open)
        assert caught.value.message == message(absent)
        assert not (tmp_path / "out").exists()


def test_one_that_lies_beside_the_others_is_read(tmp_path: Path) -> None:
    image = Made([{"a": "1"}, {"b": "2"}])
    first, second = read_image(image.opened()).manifest.layers
    foreign = Descriptor(FOREIGN.removesuffix("+gzip"), first.digest)
    image.manifest = {"layers": [foreign.to_data(), second.to_data()]}
    found = validate(image.opened())
    assert (found.faults, found.blobs, found.elsewhere) == ((), 4, ())
    place = Place(tmp_path, tmp_path / "store")
    image.write(tmp_path / "oci")
    # A layout that mbuild writes is without it; others put it there.
    (tmp_path / "oci/blobs/sha256" / first.digest.hex).write_bytes(image.blobs[first.digest])
    rows = "-rw-r--r--            1   1 a\n-rw-r--r--            1   2 b\n"
    assert place.mbuild("image", "files", "oci:oci") == Ran(0, rows, "")
    assert place.mbuild("copy", "oci:oci", "rootfs:root").code == 0
    assert (tmp_path / "root/a").read_text() == "1"
    one, two = image.opened(), Made([{"a": "2"}, {"b": "2"}]).opened()
    difference = compare(Compared("a", one, read_image(one)), Compared("b", two, read_image(two)))
    assert (difference.files, difference.notes) == ((FileChange("a", 1, 1, ("content",)),), ())


def test_a_diff_notes_what_it_did_not_look_into() -> None:
    image, _ = made()
    one, two = image.opened(), Made([{"b": "3"}]).opened()
    difference = compare(Compared("a", one, read_image(one)), Compared("b", two, read_image(two)))
    assert difference.files == (FileChange("b", 1, 1, ("content",)),)
    assert difference.notes == ("a: layer 1 is not looked into: it stays at its URLs",)
