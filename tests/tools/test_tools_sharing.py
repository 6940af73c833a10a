"""Which layers are the same in many images, and which are made anew by a change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invocations import Place
from tools_archives import wheel

from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key
from buildkit.store import DiskStore

pytestmark = pytest.mark.e2e

MIB = 1 << 20


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": ""})
    return place


def lock(place: Place, path: str, **wheels: bytes) -> None:
    request = {
        "requirements": [path],
        "constraints": [],
        "python": "3.11",
        "platform": "linux/amd64",
        "glibc": "2.36",
    }
    entries = []
    for name, data in wheels.items():
        digest = DiskStore(place.cache).put(data)
        entries.append(LockEntry(name, "1.0", f"{name}-1.0-py3-none-any.whl", digest.size, digest.hex))
    place.write({f"{path}.lock": render_lock(Lock("python", request_key("python", request), tuple(entries)))})


def layers(place: Place, target: str) -> dict[str, str]:
    """Of each layer of packages its digest, by its name."""
    shown = sorted((place.root / "mbuild-out" / target).glob("*.descriptors/*"))
    found = [json.loads(path.read_text()) for path in shown]
    return {layer["name"]: layer["digest"] for layer in found}


def test_one_wheel_is_one_layer_in_every_image_of_the_repository(place: Place) -> None:
    shared = wheel({"shared/__init__.py": b"x = 1\n"}, "shared-1.0")
    for path in ("a/one", "b/two"):
        package, _, name = path.partition("/")
        other = wheel({f"{name}.py": b"y = 2\n"}, f"{name}-1.0")
        lock(place, path, **{"shared": shared, name: other})
        rule = (
            f'python_packages(name = "{name}", lock = "{name}.lock", requirements = ["{path}"], own_layer = ["shared"])'
        )
        place.write({f"{package}/BUILD": rule})
    built = place.mbuild("//a:one", "//b:two")
    assert built.code == 0, built.stderr
    one, two = layers(place, "a/one"), layers(place, "b/two")
    assert one.keys() == {"shared 1.0", "one 1.0"}
    assert two.keys() == {"shared 1.0", "two 1.0"}
    assert one["shared 1.0"] == two["shared 1.0"]


def test_who_exchanges_one_shard_has_its_layer_made_anew_and_no_other(place: Place) -> None:
    place.write(
        {
            "BUILD": 'model(name = "m", srcs = glob(["*.*n"]), framework = "custom", implementation = "s.M")\n'
            'model_volume(name = "v", models = [":m"])\n',
            "c.json": "{}",
        }
    )
    for name in ("a.bin", "b.bin"):
        with (place.root / name).open("wb") as file:
            file.truncate(64 * MIB)
    assert place.mbuild("//:v").code == 0
    before = manifest(place)
    with (place.root / "b.bin").open("r+b") as file:
        file.write(b"changed")
    again = place.mbuild("//:v")
    assert sorted(action.split()[0] for action in again.actions) == ["big_file_layers", "config", "manifest"]
    after = manifest(place)
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False, True]
    config = json.loads((place.root / "mbuild-out/v/config.json").read_text())
    assert [(entry["created_by"], entry["comment"]) for entry in config["history"]] == [
        ("mbuild: a.bin", "a file of 64 MiB or more is a layer by itself"),
        ("mbuild: b.bin", "a file of 64 MiB or more is a layer by itself"),
        ("mbuild: c.json", "files below 64 MiB share a layer"),
    ]


def manifest(place: Place) -> list[str]:
    document = json.loads((place.root / "mbuild-out/v/manifest.json").read_text())
    return [layer["digest"] for layer in document["layers"]]


def test_two_packages_that_own_one_path_are_named_by_their_layers(place: Place) -> None:
    lock(place, "p/x", one=wheel({"same.py": b"1\n"}, "one-1.0"), two=wheel({"same.py": b"2\n"}, "two-1.0"))
    base = 'python_packages(name = "x", lock = "x.lock", requirements = ["p/x"], own_layer = ["one", "two"])\n'
    rule = (
        'load("@mbuild//rules:layers.bzl", "LayersInfo")\n'
        "def _image(ctx):\n"
        "    layers = ctx.attr.packages[LayersInfo].layers\n"
        '    config = ctx.actions.declare_file(ctx.label.name + ".json")\n'
        '    ctx.actions.tool("image_config", arguments = {\n'
        '        "descriptors": [layer.descriptor for layer in layers],\n'
        '        "trees": [layer.tree for layer in layers],\n'
        '        "settings": {"platform": {"os": "linux", "architecture": "amd64"}},\n'
        '    }, outputs = {"config": config, "warnings": ctx.actions.declare_file("warnings.json")})\n'
        "    return [DefaultInfo(files = [config])]\n"
        'image = rule(implementation = _image, attrs = {"packages": attr.label()})\n'
    )
    place.write(
        {"p/BUILD": f'load(":image.bzl", "image")\n{base}image(name = "i", packages = ":x")\n', "p/image.bzl": rule}
    )
    ran = place.mbuild("//p:i")
    assert ran.code == 1
    told = ran.told[0] if isinstance(ran.told, list) else ran.told
    assert "same.py' is a file (" in told
    assert "in layer 1 (one 1.0) and a file (" in told
    assert "in layer 2 (two 1.0)" in told
