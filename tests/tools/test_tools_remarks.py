"""What an image's user is warned of: layers that some registries refuse, and names that are one elsewhere."""

import json

import pytest

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.oci.descriptor import LAYER, Descriptor
from buildkit.oci.layer import About, Layer
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS
from buildkit.tools.layer_output import names_of
from buildkit.tools.remarks import alike, put_remarks

ACUTE = "caf\u00e9"
COMBINED = "cafe\u0301"


def warned(layers: list[Layer], *paths: list[str]) -> list[str]:
    store = MemoryStore()
    told: list[str] = json.loads(store.read(put_remarks(store, layers, names_of(layers), paths)))
    return told


def layer(size: int = 1, name: str = "", *, base: bool = False) -> Layer:
    return Layer(Descriptor(LAYER, Digest("1" * 64, size)), "", None if base else Digest("2" * 64, 2), (), About(name))


def test_a_layer_of_more_than_10_gb_is_told_by_its_name_or_its_digest() -> None:
    layers = [layer(10**10), layer(12_345_678_901, "m.bin"), layer(10**10 + 1, base=True)]
    assert warned(layers, [], []) == [
        "layer 2 (m.bin) has 12.3 GB, and some registries refuse blobs of more than 10 GB: "
        "split the file that it consists of",
        f"layer 3 (sha256:{'1' * 64}) has 10.0 GB, and some registries refuse blobs of more than 10 GB: "
        "split the file that it consists of",
    ]


@pytest.mark.parametrize(
    ("paths", "pairs"),
    [
        ([], []),
        (["a", "b", "a/c"], []),
        (["README", "Readme", "readme"], [("README", "Readme"), ("README", "readme")]),
        ([ACUTE, COMBINED], [(COMBINED, ACUTE)]),
        ([COMBINED.upper(), ACUTE], [(COMBINED.upper(), ACUTE)]),
        (["stra\u00dfe", "STRASSE"], [("STRASSE", "stra\u00dfe")]),
        (["lib", "lib/x", "Lib", "Lib/x", "Lib/y", "Lib/Y"], [("Lib", "lib")]),
    ],
)
def test_paths_that_differ_in_case_or_unicode_form_are_alike(paths: list[str], pairs: list[tuple[str, str]]) -> None:
    assert list(alike(paths)) == pairs


def test_names_that_are_one_elsewhere_are_told_with_the_lowest_layers_that_hold_them() -> None:
    layers = [layer(base=True), layer(name="code"), layer(name="weights")]
    one = "are one name on macOS and Windows, where case and Unicode form do not count: rename one of them"
    assert warned(layers, ["opt", "opt/A", "opt/x"], ["opt", "opt/X", "opt/a", "opt/A"]) == [
        f"'opt/A' in layer 2 (code) and 'opt/a' in layer 3 (weights) {one}",
        f"'opt/X' in layer 3 (weights) and 'opt/x' in layer 2 (code) {one}",
    ]


def test_of_many_pairs_some_are_told() -> None:
    told = warned([layer()], [letter for both in ["aA", "bB", "cC", "dD", "eE"] for letter in both])
    assert [line[:3] for line in told[:3]] == ["'A'", "'B'", "'C'"]
    assert told[3:] == ["2 more pairs of paths are one name on macOS and Windows"]


def test_the_warnings_are_no_part_of_the_config() -> None:
    store = MemoryStore()
    made = []
    for names in (["a", "b"], ["a", "A"]):
        files = {name: Blob(store.put(b"1")) for name in names}
        layers = TOOLS["files_layer"](store, files=files)
        given = {"descriptors": [Blob(layers["descriptor"])], "trees": [Blob(layers["tree"])]}
        settings = {"platform": {"os": "linux", "architecture": "amd64"}}
        made.append(TOOLS["image_config"](store, **given, settings=settings))
        made.append(TOOLS["model_config"](store, **given, descriptor={}, config={}))
    assert [len(json.loads(store.read(one["warnings"]))) for one in made] == [0, 0, 1, 1]
    assert b"macOS" not in store.read(made[2]["config"])
    said = TOOLS["image_config"](store, **given, settings=settings, remarks=["rules say this"])
    assert json.loads(store.read(said["warnings"]))[0] == "rules say this"
    assert said["config"] == made[2]["config"]
