"""Locks of base images as text: what they hold, and what is refused."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from locked_images import LAYER, config_of, descriptor_of, document, index_of, layer_of, manifest_of, two_platforms

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.image_documents import INDEX, LARGEST, LockedDocument, locked_image, parsed
from buildkit.graph.image_lock import base_images
from buildkit.graph.lockfile import Lock, parse_lock, render_lock, request_key
from buildkit.lock import check

REQUEST = {"image": "registry.example/base:1", "digest": "", "platforms": []}
KEY = request_key("image", REQUEST)
DOCKER = "application/vnd.docker."


def text_of_two() -> str:
    return render_lock(Lock("image", KEY, (), (("resolved from", "registry.example/base:1"),), two_platforms()))


def test_a_lock_holds_the_exact_bytes_one_document_a_line() -> None:
    base = two_platforms()
    assert base.index
    index, amd, arm = base.index, *base.images
    rows = (("-", "index", index), *((one.platform, "config", one.config) for one in (amd, arm)))
    rows = (*rows, *((one.platform, "manifest", one.manifest) for one in (amd, arm)))
    lines = [
        f"{name} {role} {found.media_type} {found.digest.size} {found.digest.hex} {json.dumps(found.data.decode())}"
        for name, role, found in rows
    ]
    expected = [f"# mbuild lock 1 image {KEY}", "# resolved from: registry.example/base:1", *sorted(lines)]
    assert text_of_two().splitlines() == expected
    assert base.digest == index.digest


def test_a_lock_is_read_back_as_it_was_written() -> None:
    lock = parse_lock(text_of_two(), "base.lock")
    assert lock.base == two_platforms()
    assert render_lock(lock) == text_of_two()
    assert check("image", REQUEST, text_of_two(), "base.lock") is None


def test_an_image_without_an_index_is_its_manifest() -> None:
    config = config_of()
    manifest = manifest_of(config)
    lock = Lock("image", KEY, (), (), base_images(None, [locked_image("linux/amd64", manifest, config)]))
    found = parse_lock(render_lock(lock), "base.lock")
    assert found == lock
    assert found.base
    assert found.base.digest == manifest.digest


def test_documents_of_docker_are_taken_and_their_layers_get_the_names_of_oci() -> None:
    rows = [layer_of(b"layer", f"{DOCKER}image.rootfs.diff.tar.gzip")]
    config = LockedDocument(f"{DOCKER}container.image.v1+json", config_of().data)
    manifest = manifest_of(config, f"{DOCKER}distribution.manifest.v2+json", layers=rows)
    index = index_of(("linux/amd64", manifest), media_type=f"{DOCKER}distribution.manifest.list.v2+json")
    image = locked_image("linux/amd64", manifest, config)
    assert [(layer.media_type, layer.digest, layer.diff_id) for layer in image.layers] == [
        (LAYER, Digest.of(b"layer"), "sha256:" + "d" * 64)
    ]
    assert base_images(index, [image]).digest == index.digest


def test_line_separators_of_unicode_stay_inside_their_line() -> None:
    config = config_of(author="a\u2028b\x85c\x0bd")
    lock = Lock("image", KEY, (), (), base_images(None, [locked_image("linux/amd64", manifest_of(config), config)]))
    raw = LockedDocument(config.media_type, config.data.decode().encode().replace(b"\\u2028", "\u2028".encode()))
    lock = Lock("image", KEY, (), (), base_images(None, [locked_image("linux/amd64", manifest_of(raw), raw)]))
    assert parse_lock(render_lock(lock), "base.lock") == lock


def _edited(change: Callable[[list[str]], list[str]]) -> str:
    head, note, *lines = text_of_two().splitlines()
    return "\n".join([head, note, *change(lines)]) + "\n"


def _without(number: int) -> str:
    return _edited(lambda lines: lines[:number] + lines[number + 1 :])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            text_of_two().replace('\\"User\\": \\"65532\\"', '\\"User\\": \\"0\\"', 1),
            "base.lock:4:1: error: the document is sha256:",
        ),
        (_without(1), "base.lock:4:1: error: lock has manifest for 'linux/amd64', expected config and manifest"),
        (_without(0), "base.lock:3:1: error: an image without an index is for one platform, found 2"),
        (
            _edited(lambda lines: [*lines, lines[0]]),
            "base.lock:8:1: error: lock has the index of '-' twice",
        ),
        (
            _edited(lambda lines: [" ".join(lines[0].split(" ")[:5])]),
            "base.lock:3:1: error: lock entry has 5 columns, expected 6: platform role mediaType size sha256 document",
        ),
        (
            _edited(lambda lines: ["../x config a/b 1 " + "0" * 64 + ' "x"']),
            "base.lock:3:1: error: lock entry has platform '../x', expected a platform such as 'linux/amd64', or '-'",
        ),
        (
            _edited(lambda lines: ["linux/amd64 blob a/b 1 " + "0" * 64 + ' "x"']),
            "base.lock:3:13: error: lock entry has role 'blob', expected one of config, index, manifest",
        ),
        (
            _edited(lambda lines: ['linux/amd64 config a/b 1 ../x "x"']),
            "base.lock:3:26: error: lock entry has sha256 '../x', expected 64 lower-case hexadecimal digits",
        ),
        (
            _edited(lambda lines: ["linux/amd64 config a/b 1 " + "0" * 64 + " {}"]),
            "base.lock:3:1: error: the document is not written as a JSON string",
        ),
        (
            _edited(lambda lines: ["linux/amd64 config a/b 1 " + "0" * 64 + ' "\\ud800"']),
            "base.lock:3:1: error: the document is not written as a JSON string",
        ),
        (_edited(lambda lines: []), "base.lock:1:1: error: the image has no platform"),
        (_edited(lambda lines: lines[:1]), "base.lock:3:1: error: the image has no platform"),
    ],
)
def test_a_damaged_lock_of_an_image_is_shown_with_its_place(text: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        parse_lock(text, "base.lock")
    assert str(caught.value).startswith(message)
    assert caught.value.hint == "write the lock anew with 'mbuild lock'"


def test_an_index_must_name_the_manifests() -> None:
    config = config_of()
    image = locked_image("linux/amd64", manifest_of(config), config)
    other = index_of(("linux/amd64", manifest_of(config_of(author="another"))))
    with pytest.raises(BuildError) as caught:
        base_images(other, [image])
    assert caught.value.message == (f"the index does not name the manifest of linux/amd64, {image.manifest.digest}")


def _manifest(**fields: Any) -> tuple[LockedDocument, LockedDocument]:
    return manifest_of(config_of(), **fields), config_of()


def _config(**fields: Any) -> tuple[LockedDocument, LockedDocument]:
    config = config_of(**fields)
    return manifest_of(config), config


def _raw_config(data: bytes) -> tuple[LockedDocument, LockedDocument]:
    config = LockedDocument(config_of().media_type, data)
    return manifest_of(config), config


HOSTILE = {
    "a digest that is a path": (
        _manifest(layers=[{**layer_of(b"x"), "digest": "sha256:../x"}]),
        "layer 1 has digest 'sha256:../x', expected 'sha256:' and 64 hexadecimal digits",
    ),
    "a digest of another algorithm": (
        _manifest(layers=[{**layer_of(b"x"), "digest": "sha512:" + "0" * 128}]),
        f"layer 1 has digest {('sha512:' + '0' * 128)[:80]!r}, expected 'sha256:' and 64 hexadecimal digits",
    ),
    "a negative size": (
        _manifest(layers=[{**layer_of(b"x"), "size": -1}]),
        "layer 1 has size '-1', expected a number of bytes",
    ),
    "a size that is no number": (
        _manifest(layers=[{**layer_of(b"x"), "size": True}]),
        "layer 1 has size 'True', expected a number of bytes",
    ),
    "a config of another size": (
        _manifest(config={**descriptor_of(config_of()), "size": 7}),
        f"config is {config_of().digest} ({config_of().digest.size} bytes), "
        f"the manifest names {config_of().digest} (7 bytes)",
    ),
    "another config": (
        (manifest_of(config_of()), config_of(author="another")),
        f"config is {config_of(author='another').digest} ({config_of(author='another').digest.size} bytes), "
        f"the manifest names {config_of().digest} ({config_of().digest.size} bytes)",
    ),
    "a config that is no JSON": (_raw_config(b"\x00"), "config is not JSON"),
    "a config that is not UTF-8": (_raw_config(b'{"a": "\xff"}'), "config is not JSON"),
    "a config nested without end": (_raw_config(b"[" * 100_000), "config is not JSON"),
    "a config that is a list": (_raw_config(b"[]"), "config is not a JSON object"),
    "a config beyond all size": (
        _raw_config(b" " * LARGEST + b"{}"),
        f"config has {LARGEST + 2} bytes, more than the {LARGEST} that registries take",
    ),
    "fewer diff_ids than layers": (
        _config(rootfs={"diff_ids": []}),
        "config has 0 diff_ids, the manifest has 1 layers",
    ),
    "no root file system": (_config(rootfs=None), "config has no diff_ids, the manifest has 1 layers"),
    "a diff_id that is a path": (
        _config(rootfs={"diff_ids": ["sha256:/etc/passwd"]}),
        "diff_id of layer 1 has digest 'sha256:/etc/passwd', expected 'sha256:' and 64 hexadecimal digits",
    ),
    "no layers": (_manifest(layers=[]), "manifest has no layers"),
    "a layer of the web": (
        _manifest(layers=[layer_of(b"x", f"{DOCKER}image.rootfs.foreign.diff.tar.gzip")]),
        f"layer 1 has media type '{DOCKER}image.rootfs.foreign.diff.tar.gzip', which cannot be shared between "
        "registries",
    ),
    "an encrypted layer": (
        _manifest(layers=[layer_of(b"x", LAYER + "+encrypted")]),
        f"layer 1 has media type '{LAYER}+encrypted', which is unknown",
    ),
    "another platform": (
        _config(architecture="arm64"),
        "config says that the image is for linux/arm64, expected linux/amd64",
    ),
    "schema 1": (
        (document(f"{DOCKER}distribution.manifest.v1+prettyjws", schemaVersion=1), config_of()),
        "manifest is of Docker's schema 1, which has neither sizes nor a config",
    ),
    "schema 1 under another name": (
        (document(f"{DOCKER}distribution.manifest.v2+json", schemaVersion=1), config_of()),
        "manifest is of Docker's schema 1, which has neither sizes nor a config",
    ),
    "a schema of tomorrow": (
        (document(INDEX, schemaVersion=3), config_of()),
        "manifest has schemaVersion '3', expected 2",
    ),
    "an index where an image is expected": (
        (document(INDEX, schemaVersion=2, manifests=[]), config_of()),
        f"manifest has media type '{INDEX}', expected an image's",
    ),
    "a chart": (
        _manifest(config={"mediaType": "application/vnd.cncf.helm.config.v1+json"}),
        "manifest is not of an image: its config has media type 'application/vnd.cncf.helm.config.v1+json'",
    ),
    "two media types": (
        (LockedDocument(INDEX, manifest_of(config_of()).data), config_of()),
        "manifest says that it is 'application/vnd.oci.image.manifest.v1+json', but is served as "
        "'application/vnd.oci.image.index.v1+json'",
    ),
    "an index and an image at once": (_manifest(manifests=[]), "manifest is an index and an image at once"),
    "variables without values": (
        _config(config={"Env": ["PATH"]}),
        "config has a 'Env' that is not a list of NAME=VALUE",
    ),
    "labels that are lists": (
        _config(config={"Labels": {"a": []}}),
        "config has a 'Labels' that is not a JSON object of strings",
    ),
    "a history of texts": (_config(history=["x"]), "config has a 'history' that is not a list of JSON objects"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_no_sound_image_is_refused_by_name(what: str) -> None:
    (manifest, config), message = HOSTILE[what]
    with pytest.raises(BuildError) as caught:
        locked_image("linux/amd64", manifest, config)
    assert caught.value.message == f"unfit as a base image: {message}"


def test_an_index_is_checked_like_a_manifest() -> None:
    with pytest.raises(BuildError, match="index has 4194306 bytes, more than the 4194304 that registries take"):
        parsed(LockedDocument(INDEX, b" " * LARGEST + b"{}"), "index")


def identities(lock: Lock) -> set[tuple[str, Digest, Digest]]:
    """Of each platform the digests of its documents."""
    return {(one.platform, one.manifest.digest, one.config.digest) for one in (lock.base.images if lock.base else ())}


def test_a_lock_with_any_bytes_changed_is_refused_or_says_the_same() -> None:
    chance, text = random.Random(4), text_of_two()
    known = identities(parse_lock(text, "base.lock"))
    for _ in range(300):
        at, width = chance.randrange(len(text)), chance.randrange(3)
        other = chance.choice(["", "\x00", '"', " ", "\n", "9", "\\", "é"])
        try:
            found = parse_lock(text[:at] + other + text[at + width :], "base.lock")
        except (BuildError, BuildErrors):
            continue
        assert found.base
        assert identities(found) <= known
