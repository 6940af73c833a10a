"""Documents of strangers, changed at random with their digests made right again: each command ends, or says why not."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from image_layouts import Blobs, Made, safetensors

from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.images.compare import Compared, compare
from buildkit.images.facts import facts_of
from buildkit.images.merged import Root
from buildkit.images.validate import validate
from buildkit.images.walk import opened_layer
from buildkit.oci.descriptor import CONFIG, INDEX, LAYER, LAYER_ZSTD, MANIFEST, Descriptor
from buildkit.oci.document import canonical
from buildkit.oci.image import OpenedImage, read_image
from buildkit.report.image.diff import diff_data, diff_lines
from buildkit.report.image.diff_html import diff_html
from buildkit.report.image.inspect import inspect_data, inspect_lines
from buildkit.report.image.layers import layer_data, layers_lines

ODD: list[Any] = [
    None,
    True,
    0,
    -1,
    1 << 70,
    1.5,
    "",
    "x",
    "\ud800",
    "\x00",
    "../../x",
    "sha256:" + "0" * 64,
    [],
    {},
    [[]],
    {"a": {}},
    ["a", 1],
    {"": None},
    LAYER,
    LAYER_ZSTD,
    INDEX,
]
LAYERS = [
    {"etc/os": "1", "l": ("link", "etc/os"), "h": ("hard", "etc/os")},
    {
        "m.safetensors": safetensors({"a": ("F16", [2], b"1234")}),
        "a-1.dist-info/METADATA": "Name: a\nVersion: 1\n\n",
        "var/lib/dpkg/status": "Package: a\nVersion: 1\n\n",
        "etc/.wh.os": "",
    },
]
PROCESS = {"Env": ["A=1"], "Labels": {"a": "b"}, "ExposedPorts": {"80/tcp": {}}, "Entrypoint": ["a"], "User": "1"}


def changed(value: Any, at: random.Random) -> Any:
    """A value with one part of it replaced, removed or doubled."""
    if isinstance(value, dict) and value and at.random() < 0.8:
        key = at.choice(sorted(value))
        if at.random() < 0.2:
            return {name: item for name, item in value.items() if name != key}
        return value | {key: changed(value[key], at)}
    if isinstance(value, list) and value and at.random() < 0.8:
        place = at.randrange(len(value))
        if at.random() < 0.2:
            return value + value
        return [*value[:place], changed(value[place], at), *value[place + 1 :]]
    return at.choice(ODD)


def flipped(data: bytes, at: random.Random) -> bytes:
    """Some bytes of a blob changed, or its end cut off."""
    if at.random() < 0.2:
        return data[: at.randrange(len(data))]
    out = bytearray(data)
    for _ in range(at.randrange(1, 4)):
        out[at.randrange(min(len(out), 2000))] = at.choice((0, 0xFF, 0x30, at.randrange(256)))
    return bytes(out)


def hostile(seed: int) -> OpenedImage:
    """An image whose config, manifest, index or layer was changed."""
    at = random.Random(seed)
    made = Made(LAYERS, at.choice(("none", "gzip", "zstd")), config={"config": PROCESS})
    root = made.root()
    blobs: Blobs = made.blobs
    manifest = json.loads(blobs[root.digest])
    what = at.choice(("config", "manifest", "index", "layer"))
    if what == "config":
        config = json.loads(blobs[Digest(manifest["config"]["digest"][7:], manifest["config"]["size"])])
        manifest["config"] = Descriptor(CONFIG, blobs.add(written(changed(config, at)))).to_data()
    elif what == "layer":
        row = at.choice(manifest["layers"])
        data = blobs[Digest(row["digest"][7:], row["size"])]
        row.update(Descriptor(row["mediaType"], blobs.add(flipped(data, at))).to_data())
    elif what == "manifest":
        manifest = changed(manifest, at)
    pointed = Descriptor(MANIFEST, blobs.add(written(manifest)), platform=root.platform)
    index: Any = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [pointed.to_data()]}
    if what == "index":
        index = changed(index, at)
    return OpenedImage(Descriptor(INDEX, blobs.add(written(index))), blobs.open, "x", at.random() < 0.5)


def written(value: Any) -> bytes:
    """Lone surrogates, which JSON can say, are written as escapes."""
    try:
        return canonical(value)
    except UnicodeEncodeError:
        return json.dumps(value).encode()


def looked_into(opened: OpenedImage) -> None:
    """Everything that the commands do with an image."""
    facts = facts_of(read_image(opened))
    json.dumps([inspect_data("x", facts), [layer_data(row) for row in facts.layers]])
    for lines in (inspect_lines("x", facts), layers_lines(facts, {})):
        assert "\x00" not in "".join(lines)
    root = Root()
    for row in facts.layers:
        with opened_layer(row.descriptor, opened.open_blob) as layer:
            root.add_layer(row.number, layer.members)


def against_another(opened: OpenedImage) -> None:
    other = Made([{"etc/os": "2"}]).opened()
    for pair in ((opened, other), (other, opened)):
        one, two = (Compared("x", side, read_image(side)) for side in pair)
        found = compare(one, two, deep=True)
        json.dumps(diff_data(found))
        "\n".join(diff_lines(found)).encode()
        diff_html(found).encode()


@pytest.mark.parametrize("chapter", range(10))
@pytest.mark.parametrize("act", [looked_into, against_another, validate])
def test_whatever_an_image_says_it_is_read_or_refused(act: Callable[[OpenedImage], object], chapter: int) -> None:
    refused = 0
    for seed in range(chapter * 60, chapter * 60 + 60):
        try:
            act(hostile(seed))
        except BuildError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
    # `validate` tells faults instead of raising; the others refuse some and read the rest.
    assert (refused == 0) if act is validate else (0 < refused < 60)
