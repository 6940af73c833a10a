"""`validate`: nothing of a sound image, and each thing that can be wrong, as want and got."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from image_layouts import Blobs, Files, Made

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.images.compare import Compared, compare
from buildkit.images.difference import FileChange
from buildkit.images.validate import validate
from buildkit.oci.descriptor import INDEX, LAYER, MANIFEST, Descriptor
from buildkit.oci.image import OpenedImage, read_image
from buildkit.oci.index import Index

SOUND: list[Files] = [{"a": None, "a/f": "1", "l": ("link", "a/f"), "h": ("hard", "a/f")}, {"a/.wh.f": "", "b": "2"}]


def faults(made: Made) -> list[str]:
    """What is wrong, without the digest that says where."""
    return [f"{fault.where.split(' ')[0]}: {fault.message}" for fault in validate(made.opened()).faults]


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_nothing_is_wrong_with_a_sound_image(compression: str) -> None:
    found = validate(Made(SOUND, compression).opened())
    assert (found.faults, found.manifests, found.blobs) == ((), 1, 4)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"architecture": ""}, ["config: want 'architecture', got ''"]),
        ({"os": None}, ["config: want 'os', got nothing"]),
        (
            {"rootfs": {"type": "tar", "diff_ids": []}},
            ["config: want rootfs.type 'layers', got 'tar'", "config: want 2 diff ids, one a layer, got 0"],
        ),
        (
            {"rootfs": 3},
            ["config: want rootfs.type 'layers', got 3", "config: 'rootfs' is not an object"],
        ),
        (
            {"history": [{"empty_layer": True}]},
            ["config: want 2 entries of history that are not empty layers, one a layer, got 0"],
        ),
        ({"created": "yesterday"}, ["config: want 'created' as in RFC 3339, got 'yesterday'"]),
        (
            {"config": {"Env": ["A=1", "=2", "B"], "Entrypoint": "sh", "ExposedPorts": {"80/tcp": {}, "0": {}}}},
            [
                "config: want a list of texts as config.Entrypoint, got 'sh'",
                "config: want NAME=VALUE in config.Env, got '=2'",
                "config: want NAME=VALUE in config.Env, got 'B'",
                "config: want PORT/PROTOCOL in config.ExposedPorts, got '0'",
            ],
        ),
        ({"config": []}, []),
        ({"config": [1]}, ["config: want an object as 'config', got [1]"]),
    ],
)
def test_faults_of_a_config(config: dict[str, Any], expected: list[str]) -> None:
    found = faults(Made(SOUND, config=config))
    assert len(found) == len(expected)
    for text, pattern in zip(found, expected, strict=True):
        before, _, after = pattern.partition("…")
        assert text.startswith(before), text
        assert text.endswith(after), text


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("a", "1"), ("./a", "2")], ["want each path once, got './a' twice"]),
        ([("../a", "1")], ["want paths below the root, got '../a'"]),
        ([("/a", "1")], ["want paths below the root, got '/a'"]),
        ([("a", "1"), ("a/b/c", "2")], ["want folders above each path, got 'a/b/c' in the file 'a'"]),
        ([("a/b", "1"), ("a", "2")], ["want folders above each path, got the file 'a' where paths lie below"]),
        ([("h", ("hard", "x"))], ["want hard links to earlier files of the layer, got 'h' to 'x'"]),
        ([("a/.wh...", "")], ["want whiteouts that name a file, got 'a/.wh...'"]),
    ],
)
def test_faults_of_paths(files: Files, expected: list[str]) -> None:
    assert faults(Made([files], "gzip")) == [f"layer: {text}" for text in expected]


def test_a_thousand_faults_of_one_kind_are_told_in_short() -> None:
    found = faults(Made([[(f"../{number}", "") for number in range(1000)]]))
    assert (len(found), found[-1]) == (21, "layer: and 980 more: unsafe paths")


def test_a_blob_that_is_not_what_its_name_says() -> None:
    made = Made(SOUND)
    root = made.root()
    layer = next(digest for digest, data in made.blobs.items() if data[:1] == b"b" or b"a/.wh.f" in data[:100])
    good = made.blobs[layer]
    made.blobs[layer] = good[:-1] + b"x"
    found = validate(OpenedImage(root, made.blobs.open)).faults
    wrong = Digest.of(made.blobs[layer])
    assert [str(fault) for fault in found] == [
        f"layer {layer}: want {layer}, {layer.size} bytes, got {wrong}, {layer.size} bytes",
        f"layer {layer}: want diff id {layer}, got {wrong}",
    ]
    made.blobs[layer] = good[:700]
    cut = Digest.of(good[:700])
    assert [fault.message for fault in validate(OpenedImage(root, made.blobs.open)).faults] == [
        "is damaged: expected a tar header at byte 512",
        f"want {layer}, {layer.size} bytes, got {cut}, 700 bytes",
    ]


def test_compression_must_be_what_the_media_type_says() -> None:
    made = Made(SOUND, "gzip")
    manifest = json.loads(made.blobs[made.root().digest])
    for layer in manifest["layers"]:
        layer["mediaType"] = LAYER
    made.manifest = {"layers": manifest["layers"]}
    assert faults(made) == ["layer: want compression 'none', as the media type says, got 'gzip'"] * 2
    made.manifest["layers"] = [dict(layer, mediaType="text/html") for layer in manifest["layers"]]
    assert [text for text in faults(made) if "media type" in text] == [
        "layer: want the media type of a layer, got 'text/html'"
    ] * 2


def test_the_diff_id_is_computed_anew() -> None:
    other = f"sha256:{'0' * 64}"
    made = Made(SOUND[:1], "zstd", config={"rootfs": {"type": "layers", "diff_ids": [other]}})
    assert len(faults(made)) == 1
    assert faults(made)[0].startswith(f"layer: want diff id {other}, got sha256:")


def test_faults_of_a_manifest() -> None:
    made = Made([{"f": str(number)} for number in range(128)])
    assert faults(made) == ["manifest: want at most 127 layers, got 128"]
    assert faults(Made(SOUND, manifest={"schemaVersion": 1, "mediaType": "x/y"})) == [
        "manifest: want schemaVersion 2, got 1",
        f"manifest: want mediaType '{MANIFEST}', as what points to it says, got 'x/y'",
    ]
    assert faults(Made(SOUND, manifest={"layers": 3})) == [
        "manifest: an image manifest: 'layers' is not a list of objects"
    ]


def test_a_key_that_stands_twice_is_a_fault() -> None:
    made = Made(SOUND)
    data = made.blobs[made.root().digest].replace(b'"schemaVersion":2', b'"schemaVersion":2,"schemaVersion":2')
    opened = OpenedImage(Descriptor(MANIFEST, made.blobs.add(data)), made.blobs.open)
    assert [fault.message for fault in validate(opened).faults] == ["want each key once, got 'schemaVersion' twice"]


def test_a_great_many_keys_are_looked_at_once() -> None:
    made = Made(SOUND)
    many = b"".join(b'"%x":0,' % number for number in range(300_000))
    data = made.blobs[made.root().digest].replace(b'"schemaVersion":2', many + b'"a":1,"schemaVersion":2')
    opened = OpenedImage(Descriptor(MANIFEST, made.blobs.add(data)), made.blobs.open)
    assert [fault.message for fault in validate(opened).faults] == ["want each key once, got 'a' twice"]


def test_every_image_of_an_index_is_read() -> None:
    blobs = Blobs()
    amd = Made(SOUND, blobs=blobs).root()
    arm = Made([{"x": "1"}], blobs=blobs, architecture="arm64").root()
    lying = Descriptor(MANIFEST, amd.digest, platform=(("architecture", "arm"), ("os", "linux")))
    index = Descriptor(INDEX, blobs.add(Index((amd, arm)).to_json()))
    assert validate(OpenedImage(index, blobs.open)).faults == ()
    doubled = Descriptor(INDEX, blobs.add(Index((arm, arm, Descriptor(MANIFEST, amd.digest))).to_json()))
    assert [fault.message for fault in validate(OpenedImage(doubled, blobs.open)).faults] == [
        f"want one image a platform, got another for 'linux/arm64': {arm.digest}",
        f"want a platform of each of several images, got none of {amd.digest}",
    ]
    wrong = Descriptor(INDEX, blobs.add(Index((lying,)).to_json()))
    assert [fault.message for fault in validate(OpenedImage(wrong, blobs.open)).faults] == [
        "want platform 'linux/arm', as the index says, got 'linux/amd64'"
    ]


def test_of_an_index_one_platforms_image_is_read_where_it_is_asked_for() -> None:
    blobs = Blobs()
    sound = Made(SOUND, blobs=blobs).root()
    wrong = Made([{"/x": "1"}], blobs=blobs, architecture="arm64").root()
    opened = OpenedImage(Descriptor(INDEX, blobs.add(Index((sound, wrong)).to_json())), blobs.open)
    assert [validate(opened, platform).manifests for platform in ("", "linux/amd64")] == [2, 1]
    assert [bool(validate(opened, f"linux/{machine}").faults) for machine in ("amd64", "arm64")] == [False, True]


def test_a_bomb_is_told_and_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("buildkit.content.BOMB_FREE", 64 << 20)
    made = Made([{"zeros": bytes(200 << 20)}], "zstd")
    layer = read_image(made.opened()).manifest.layers[0]
    (told,) = (str(fault) for fault in validate(made.opened()).faults if "bomb" in fault.message)
    assert re.fullmatch(f"layer {layer.digest}: is a bomb: [0-9]+ bytes of it unfold to [0-9]+ and more", told)
    opened = made.opened()
    with pytest.raises(BuildFailure, match=f"layer {layer.digest} is a bomb"):
        compare(Compared("a", opened, read_image(opened)), Compared("b", other := Made([]).opened(), read_image(other)))


@pytest.mark.parametrize("compression", ["gzip", "zstd"])
def test_a_large_file_of_zeros_is_no_bomb(compression: str) -> None:
    size = 300 << 20
    made = Made([{"zeros": bytes(size)}], compression)
    opened = made.opened()
    assert validate(opened).faults == ()
    difference = compare(
        Compared("a", opened, read_image(opened)), Compared("b", other := Made([]).opened(), read_image(other))
    )
    assert difference.files == (FileChange("zeros", size, None),)
