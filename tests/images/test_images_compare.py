"""`mbuild image diff`: what changed, at the level that people think in, and how little is read for it."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Sequence
from typing import Any

import pytest
from image_layouts import Blobs, Content, Files, Made, layer_of, safetensors

from buildkit.content import Kind
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.images.compare import Compared, compare
from buildkit.images.difference import Change, Difference, FileChange, WeightsChange
from buildkit.oci import tar
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, LAYER, MANIFEST, Descriptor
from buildkit.oci.image import OpenedImage, read_image
from buildkit.oci.manifest import Manifest
from buildkit.report.image.diff import diff_data, diff_lines, weights_title
from buildkit.report.image.diff_html import diff_html


def compared(one: Made, two: Made, *, local: bool = True, deep: bool = False) -> Difference:
    first, second = one.opened(local=local, name="a"), two.opened(local=local, name="b")
    one.blobs.asked.clear()
    two.blobs.asked.clear()
    return compare(Compared("a", first, read_image(first)), Compared("b", second, read_image(second)), deep=deep)


def found(*layers: Files, then: Sequence[Files], compression: str = "none", **more: Any) -> Difference:
    return compared(Made(layers, compression), Made(then, compression), **more)


def metadata(name: str, version: str) -> dict[str, Content]:
    path = f"usr/lib/python3/site-packages/{name}-{version}.dist-info/METADATA"
    return {path: f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n"}


BASE: Files = {"base": "x" * 1000}


def test_one_image_is_identical_to_itself() -> None:
    difference = found(BASE, then=[BASE])
    assert difference.identical
    assert (difference.files, difference.config, difference.notes) == ((), (), ())


def test_config_is_compared_variable_by_variable() -> None:
    def made(**process: Any) -> Made:
        return Made([BASE], config={"config": process})

    one = made(Env=["A=1", "B=2"], User="1", Labels={"x": "1"}, ExposedPorts={"80/tcp": {}}, Entrypoint=["a", "b"])
    two = made(Env=["A=1", "B=3", "C="], Labels={"x": "2", "y": "é"}, Entrypoint=["a"])
    assert compared(one, two).config == (
        Change("entrypoint", '["a", "b"]', '["a"]'),
        Change("env B", "2", "3"),
        Change("env C", None, '""'),
        Change("label x", "1", "2"),
        Change("label y", None, "é"),
        Change("port 80/tcp", "open", None),
        Change("user", "1", None),
    )


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_packages_are_compared_by_their_versions(compression: str) -> None:
    difference = found(
        BASE,
        {**metadata("NumPy", "1.0"), **metadata("gone", "1")},
        {"var/lib/dpkg/status.d/zlib": "Package: zlib1g\nVersion: 1:1.2\n", "var/lib/dpkg/status.d/z.md5sums": "x"},
        then=[
            BASE,
            {**metadata("numpy", "2.0"), **metadata("new_one", "1")},
            {"var/lib/dpkg/status.d/zlib": "Package: zlib1g\nVersion: 1:1.3\n"},
        ],
        compression=compression,
    )
    assert difference.packages == {
        "python": (Change("gone", "1", None), Change("new-one", None, "1"), Change("numpy", "1.0", "2.0")),
        "debian": (Change("zlib1g", "1:1.2", "1:1.3"),),
    }
    assert [row.number for row in difference.shared] == [1]


STATUS = """\
Package: a
Status: install ok installed
Version: {}

Package: removed
Status: deinstall ok config-files
Version: 1

Package: b
Status: install ok installed
Version: 2
"""


def test_dpkg_lists_are_compared_where_both_are_read() -> None:
    one: Files = {"var/lib/dpkg/status": STATUS.format(1)}
    two: Files = {"var/lib/dpkg/status": STATUS.format(2)}
    assert found(BASE, one, then=[BASE, two]).packages == {"debian": (Change("a", "1", "2"),)}
    # Where one list lies in a shared layer, nothing is said of packages rather than something wrong.
    half = found(one, then=[one, two])
    assert half.packages == {}
    assert half.notes == (
        "Debian packages are not compared: one of the images has its list, 'var/lib/dpkg/status', in a layer that both "
        "share and that was not read: --deep reads all",
    )
    whole = found(one, then=[one, two], deep=True)
    assert (whole.packages, whole.notes) == ({"debian": (Change("a", "1", "2"),)}, ())


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_files_are_compared_as_a_container_sees_them(compression: str) -> None:
    difference = found(
        BASE,
        {
            "same": "1",
            "size": "1",
            "content": "1",
            "gone": "1",
            "hidden": "1",
            "kind": "1",
            "d": None,
            "to": ("link", "x"),
        },
        then=[
            BASE,
            {"hidden": "2"},
            {"same": "1", "size": "12", "content": "2", "new": "1", "kind": ("link", "x"), "to": ("link", "y")},
            {".wh.hidden": "", ".wh.base": ""},
        ],
        compression=compression,
    )
    assert difference.files == (
        FileChange("base", -1, None, ("whiteout",)),
        FileChange("content", 1, 1, ("content",)),
        FileChange("gone", 1, None),
        FileChange("hidden", 1, None),
        FileChange("kind", 1, 0, ("type",), ("", "x")),
        FileChange("new", None, 1),
        FileChange("size", 1, 2, ("content",)),
        FileChange("to", 0, 0, ("target",), ("x", "y")),
    )


def test_symlinks_are_shown_with_where_they_lead_and_what_was_not_compared_is_no_change() -> None:
    one: Files = {"gone": ("link", "x"), "kind": "1", "to": ("link", "x"), "large": "1" * 100_000, "m": "1"}
    two: Files = {"new": ("link", "\x1b"), "kind": ("link", "x"), "to": ("link", "y"), "large": "2" * 100_000, "m": "2"}
    difference = found(one, then=[two], local=False)
    lines = list(diff_lines(difference))
    assert lines[3:10] == [
        "files: 1 added, 1 removed, 3 changed, 1 not compared",
        "  - gone (-> x)",
        "  ~ kind (1 B → -> x; type)",
        "  ? large (100.0 kB; content not compared)",
        "  ~ m (1 B; content)",
        "  + new (-> \\x1b)",
        "  ~ to (-> x → -> y; target)",
    ]
    page = diff_html(difference)
    assert "<td>to</td><td>(-&gt; x → -&gt; y; target)</td>" in page
    assert "<summary>Layers: 1 removed (112.6 kB), 1 added (112.6 kB)</summary>" in page
    assert [row["targets"] for row in diff_data(difference)["files"]] == [
        ["x", ""],
        ["", "x"],
        None,
        None,
        ["", "\x1b"],
        ["x", "y"],
    ]


def test_a_hard_link_is_the_file_that_it_leads_to() -> None:
    linked: Files = {"a": "1", "b": ("hard", "a")}
    assert found(linked, then=[{"a": "1", "b": "1"}]).files == ()
    assert found(linked, then=[{"a": "1", "b": "2"}]).files == (FileChange("b", 1, 1, ("content",)),)


def test_a_hard_link_keeps_what_a_higher_layer_replaces_or_removes() -> None:
    linked: Files = {"a": "OLD", "b": ("hard", "a"), "c": ("hard", "b"), "l": ("link", "x"), "m": ("hard", "l")}
    rest: Files = {"c": "OLD", "l": ("link", "x"), "m": ("link", "x")}
    assert found(linked, {"a": "NEW"}, then=[{"a": "NEW", "b": "OLD", **rest}]).files == ()
    assert found(linked, {".wh.a": ""}, then=[{"b": "OLD", **rest}]).files == ()
    changed = found(linked, {"a": "NEW"}, then=[{"a": "NEW", "b": "NEW", **rest}])
    assert changed.files == (FileChange("b", 3, 3, ("content",)),)
    # A link to what a lower layer holds, which a higher one replaces.
    lower = found({"a": "OLD"}, {"b": ("hard", "a")}, {"a": "NEW"}, then=[{"a": "NEW", "b": "OLD"}])
    assert lower.files == ()


def test_a_hard_link_into_a_shared_layer_is_no_guess() -> None:
    difference = found(BASE, {"b": ("hard", "base")}, then=[BASE, {"b": "x" * 1000}])
    assert difference.files == (FileChange("b", -1, 1000, ("link?",)),)
    assert difference.notes == (
        "not compared: one hard link leads into a layer that both share and that was not read: --deep reads all",
    )
    assert found(BASE, {"b": ("hard", "base")}, then=[BASE, {"b": "x" * 1000}], deep=True).files == ()
    assert found(BASE, {"b": ("hard", "base")}, then=[BASE, {"b": ("hard", "base"), "c": "1"}]).files == (
        FileChange("c", None, 1),
    )


def test_layers_that_are_split_or_compressed_in_another_way_hold_the_same() -> None:
    one, two = Made([{"a": "1"}, {"b": "2"}], "gzip"), Made([{"a": "1", "b": "2"}], "zstd")
    difference = compared(one, two)
    assert (difference.files, difference.config, len(difference.removed_layers)) == ((), (), 2)


F = ("F16", [2, 2], b"12345678")


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_weights_are_compared_tensor_by_tensor(compression: str) -> None:
    one = {"same": F, "gone": F, "shape": F, "type": F, "values": F}
    two = {
        "same": F,
        "new": F,
        "shape": ("F16", [4], F[2]),
        "type": ("BF16", [2, 2], F[2]),
        "values": ("F16", [2, 2], b"87654321"),
    }
    difference = found(
        BASE,
        {"models/m.safetensors": safetensors(one)},
        then=[BASE, {"models/m.safetensors": safetensors(two)}],
        compression=compression,
    )
    assert difference.weights == (
        WeightsChange(
            "models/",
            (
                Change("gone", "F16 [2, 2]", None),
                Change("new", None, "F16 [2, 2]"),
                Change("shape", "F16 [2, 2]", "F16 [4]"),
                Change("type", "F16 [2, 2]", "BF16 [2, 2]"),
                Change("values", "F16 [2, 2]", "F16 [2, 2], other values"),
            ),
            same=1,
        ),
    )


@pytest.mark.parametrize(
    ("weights", "title"),
    [
        (WeightsChange("m/", (), 0, 30), "weights in m/: 30 not compared (use --deep)"),
        (WeightsChange("m/", (), 2, 1), "weights in m/: 2 the same, 1 not compared (use --deep)"),
        (WeightsChange("m/", (Change("a", None, "F16 [2]"),), 0), "weights in m/: 1 added, 0 the same"),
        (WeightsChange("m/", (), 3, other="n/"), "weights in m/, compared with n/: none changed, 3 the same"),
    ],
)
def test_weights_that_were_not_compared_are_not_told_to_be_the_same(weights: WeightsChange, title: str) -> None:
    assert weights_title(weights) == title


def test_weights_that_were_split_anew_are_the_same() -> None:
    one: Files = {"m/model.safetensors": safetensors({"a": F, "b": F})}
    two: Files = {"m/model-1.safetensors": safetensors({"a": F}), "m/model-2.safetensors": safetensors({"b": F})}
    assert found(one, then=[two]).weights == ()
    # Two models in one folder share names: then files are compared one by one.
    three: Files = {"m/x.safetensors": safetensors({"a": F}), "m/y.safetensors": safetensors({"a": F, "b": F})}
    four: Files = {"m/x.safetensors": safetensors({"a": F}), "m/y.safetensors": safetensors({"a": F})}
    assert found(three, then=[four]).weights == (
        WeightsChange("m/y.safetensors", (Change("b", "F16 [2, 2]", None),), same=1),
    )


def test_two_models_of_other_names_are_compared_with_each_other() -> None:
    one: Files = {"models/m1/model.safetensors": safetensors({"a": F, "b": F, "gone": F})}
    two: Files = {"models/m2/x/model-1.safetensors": safetensors({"a": F, "b": F})}
    three: Files = {"models/m2/model-1.safetensors": safetensors({"a": F}), "models/m2/model-2.safetensors": b"x"}
    four: Files = {"models/m2/model.safetensors": safetensors({"a": F, "b": ("F16", [4], F[2])})}
    gone = Change("gone", "F16 [2, 2]", None)
    shape = Change("b", "F16 [2, 2]", "F16 [4]")
    expected = (WeightsChange("models/m1/", (shape, gone), same=1, other="models/m2/"),)
    assert found(one, then=[four]).weights == expected
    # What both have by one name stays out of it; two new ones are not guessed at.
    both: Files = {"models/both/m.safetensors": safetensors({"z": F})}
    more: Files = {"models/m3/m.safetensors": safetensors({"z": F})}
    assert found(both, one, then=[four, both]).weights == expected
    assert [change.path for change in found(one, then=[four, more]).weights] == [
        "models/m1/",
        "models/m2/",
        "models/m3/",
    ]
    assert [change.path for change in found(one, then=[two]).weights] == ["models/m1/", "models/m1/x/"]
    assert found(one, then=[three]).weights == ()
    same: Files = {"other/model.safetensors": safetensors({"a": F, "b": F, "gone": F})}
    assert found(one, then=[same]).weights == (WeightsChange("models/m1/", (), same=3, other="other/"),)
    top: Files = {"model.safetensors": safetensors({"a": F, "b": F, "gone": F})}
    assert found(one, then=[top]).weights == (WeightsChange("models/m1/", (), same=3, other="/"),)
    assert found(top, then=[one]).weights == (WeightsChange("/", (), same=3, other="models/m1/"),)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"1234567",
        struct.pack("<Q", 1 << 63) + b"{}",
        struct.pack("<Q", 3) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 9) + b'{"a":"b"}',
        struct.pack("<Q", 56) + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4000]}}',
        struct.pack("<Q", 3000) + b"[" * 3000,
    ],
)
def test_weights_that_lie_are_told_and_do_no_harm(content: bytes) -> None:
    one: Files = {"m.safetensors": content}
    two: Files = {"m.safetensors": safetensors({"a": F})}
    difference = found(one, then=[two])
    assert [change.path for change in difference.files] == ["m.safetensors"]
    assert difference.weights == ()
    assert [note[:27] for note in difference.notes] == ["a: layer 1: 'm.safetensors'"]


def test_hostile_layers_are_refused_by_name() -> None:
    with pytest.raises(BuildFailure, match=r"layer 1 holds the unsafe path '\.\./x'"):
        found([("../x", "1")], then=[BASE])
    with pytest.raises(BuildFailure, match="holds a path of 5000 characters"):
        found([("x/" * 2500, "1")], then=[BASE])
    made = Made([BASE], "zstd")
    made.manifest = {
        "layers": [Descriptor(LAYER, made.blobs.add(layer_of(BASE)[:600])).to_data()],
    }
    with pytest.raises(BuildFailure, match="is damaged"):
        compared(made, Made([]))


def test_layers_of_another_kind_are_named_and_passed_over() -> None:
    made = Made([BASE])
    made.manifest = {"layers": [Descriptor("x/encrypted", made.blobs.add(b"?")).to_data()]}
    difference = compared(made, Made([BASE]))
    assert difference.notes == ("a: layer 1 is not looked into: its media type is 'x/encrypted'",)


# -- how much is read -----------------------------------------------------------------------------------------------


class Sparse(Blobs):
    """Blobs of gigabytes that are zeros but for their beginnings."""

    def __init__(self) -> None:
        super().__init__()
        self.large: dict[Digest, bytes] = {}

    def open(self, digest: Digest, /, offset: int = 0, length: int | None = None) -> io.BytesIO:
        if digest not in self.large:
            return super().open(digest, offset, length)
        assert length is not None, "a large blob was read whole"
        self.asked.append((digest, offset, length))
        return io.BytesIO(self.large[digest][offset : offset + length].ljust(length, b"\0"))


def large(blobs: Sparse, dtype: str, size: int, shared: Descriptor) -> OpenedImage:
    """An image over a shared layer: one safetensors file of `size` bytes, 300 tensors."""
    each = (size - 65536) // 300
    header = {
        f"layers.{n}.weight": {"dtype": dtype, "shape": [each], "data_offsets": [n * each, (n + 1) * each]}
        for n in range(300)
    }
    text = json.dumps(header).encode()
    start = tar.header("models/model.safetensors", Kind.FILE, 0o644, size) + struct.pack("<Q", len(text)) + text
    layer = Digest(Digest.of(start).hex, 512 + size + -size % 512 + 1024)
    blobs.large[layer] = start
    config = ImageConfig("amd64", "linux", (str(shared.digest), str(layer)), (History("a"), History("b")))
    manifest = Manifest(Descriptor(CONFIG, blobs.add(config.to_json())), (shared, Descriptor(LAYER, layer)))
    return OpenedImage(Descriptor(MANIFEST, blobs.add(manifest.to_json())), blobs.open, local=False)


def test_a_diff_of_two_models_of_four_gigabytes_reads_kilobytes() -> None:
    blobs = Sparse()
    base = layer_of({f"usr/lib/{n}": "x" * 1000 for n in range(1000)})
    shared = Descriptor(LAYER, blobs.add(base))
    one, two = (large(blobs, dtype, 4 << 30, shared) for dtype in ("F16", "BF16"))
    difference = compare(Compared("a", one, read_image(one)), Compared("b", two, read_image(two)))
    (weights,) = difference.weights
    assert (len(weights.tensors), str(weights.tensors[0].after).split()[0]) == (300, "BF16")
    assert difference.files == (FileChange("models/model.safetensors", 4 << 30, 4 << 30, ("content?",)),)
    assert shared.digest not in {digest for digest, _, _ in blobs.asked}
    assert sum(count for _, _, count in blobs.asked) < 200_000
    assert difference.notes == (
        "not fetched to compare the content: one file of the same size on both sides; --deep reads all",
    )


def test_of_a_registry_small_contents_are_fetched_and_large_ones_are_not() -> None:
    one: Files = {"small": "1", "large": "1" * 100_000, "changed": "1"}
    two: Files = {"small": "2", "large": "2" * 100_000, "changed": "12"}
    assert found(one, then=[two], local=False).files == (
        FileChange("changed", 1, 2, ("content",)),
        FileChange("large", 100_000, 100_000, ("content?",)),
        FileChange("small", 1, 1, ("content",)),
    )
    assert FileChange("large", 100_000, 100_000, ("content",)) in found(one, then=[two], local=False, deep=True).files
