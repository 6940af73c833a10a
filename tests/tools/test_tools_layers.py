"""Which files share a layer, and the folders of layers that come of it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tools_archives import blob, deb, tarred, unpacked, wheel

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.layer import Layer
from buildkit.store import BlobStore, DiskStore, MemoryStore
from buildkit.tools import TOOLS
from buildkit.tools.grouping import Limits, big, bundles, role_of, runs, shown
from buildkit.tools.layer_output import OUTPUTS

ROLES = {"": "weights", ".json": "weights.config", "tokenizer.json": "doc", ".py": "code"}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


def entry(path: str, size: int) -> Entry:
    return Entry(path, Kind.FILE, 0o644, Digest("0" * 64, size))


def told(store: BlobStore, made: dict[str, Digest]) -> list[tuple[str, str, str, list[str]]]:
    """Of each layer in a folder: its name, role and why, and the files that really are in it."""
    found = []
    for layer, descriptor in zip(
        Blob(made["layer"], tree=True).parts(store.read),
        Blob(made["descriptor"], tree=True).parts(store.read),
        strict=True,
    ):
        with store.open(layer) as opened:
            files = [path for path, (kind, _, _) in unpacked(opened.read()).items() if kind != "directory"]
        about = Layer.from_json(store.read(descriptor)).about
        found.append((about.name, about.role, about.why, files))
    return found


def test_a_files_role_is_that_of_the_longest_end_of_its_name() -> None:
    names = ["model.bin", "a/config.json", "a/tokenizer.json", "json", "x.py"]
    assert [role_of(name, ROLES) for name in names] == ["weights", "weights.config", "doc", "weights", "code"]
    assert role_of("x", {".py": "code"}) == ""


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([], []), ([5], [[5]]), ([20], [[20]]), ([5, 5, 1], [[5, 5], [1]]), ([1, 20, 1], [[1], [20], [1]])],
)
def test_a_run_ends_where_it_would_become_too_large(sizes: list[int], expected: list[list[int]]) -> None:
    assert runs(sizes, lambda size: size, 10) == expected


def test_sizes_are_shown_in_the_unit_in_which_they_are_round() -> None:
    assert [shown(size) for size in (64 << 20, 2 * 10**9, 1 << 30, 1500, 5)] == [
        "64 MiB",
        "2 GB",
        "1 GiB",
        "1.5 kB",
        "5 bytes",
    ]


def test_one_more_file_leaves_the_layers_of_the_others_as_they_are() -> None:
    limits = Limits(alone=10, largest=100, most=9)
    files = [entry(f"m/{number}.bin", 10 + number) for number in range(5)]
    before = big(files, ROLES, limits)
    after = big([entry("m/00.bin", 50), *files], ROLES, limits)
    assert set(before) < set(after)
    assert len(after) == 6


def test_the_smallest_of_too_many_big_files_share_layers_and_no_more_than_need_be() -> None:
    sizes = {"a.bin": 11, "b.bin": 12, "c.bin": 13, "d.bin": 60, "e.bin": 95, "f.bin": 96, "g.bin": 300}
    files = [entry(f"m/{name}", size) for name, size in sizes.items()] + [entry("m/few.bin", 9), entry("m/z.json", 40)]

    def shared(most: int) -> list[tuple[str, str]]:
        groups = big(files, ROLES, Limits(alone=10, largest=100, most=most))
        why = f"big files are more than {most}: the smallest share layers of up to 100 bytes"
        return [(group.about.name, group.about.role) for group in groups if group.about.why == why]

    assert shared(8) == []
    assert shared(7) == [("a.bin and 1 more", "weights")]
    assert len(big(files, ROLES, Limits(10, 100, 7))) == 7
    assert shared(1) == [("a.bin and 3 more", "weights")]


@given(
    st.dictionaries(st.text("abcdef", min_size=1, max_size=6), st.integers(10, 60), min_size=2, max_size=40),
    st.integers(1, 12),
)
def test_one_more_big_file_than_there_are_layers_changes_two_of_the_others_at_most(
    sizes: dict[str, int], most: int
) -> None:
    files = [entry(f"m/{name}", size) for name, size in sizes.items()]
    limits = Limits(alone=10, largest=10_000, most=most)
    groups = big(files, ROLES, limits)
    assert len(groups) == min(len(files), most)
    assert sorted(one.path for group in groups for one in group.entries) == sorted(file.path for file in files)
    before = big(files[1:], ROLES, limits)
    lost = {group.entries for group in before} - {group.entries for group in groups}
    assert len(lost) <= 2


def test_too_many_layers_of_several_actions_become_fewer_and_most_stay_as_they_are(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    limits = {"roles": ROLES, "big_file": 20, "max_layer_size": 100}
    names = [["a.bin", "b.bin", "few"], ["c.bin", "d.bin"]]
    made = [
        TOOLS["big_file_layers"](
            store,
            files={f"models/m/{name}": blob(store, name.encode() * 5) for name in one},
            max_layers=9,
            **limits,
        )
        for one in names
    ]
    given = {f"{output}s": [Blob(one[output], tree=True) for one in made] for output in OUTPUTS}
    fewer = TOOLS["fewer_layers"](store, max_layers=3, **given, **limits)
    why = "a file of 20 bytes or more is a layer by itself"
    share = "big files are more than 3: the smallest share layers of up to 100 bytes"
    assert told(store, fewer) == [
        ("a.bin", "weights", why, ["models/m/a.bin"]),
        ("b.bin and 1 more", "weights", share, ["models/m/b.bin", "models/m/d.bin"]),
        ("c.bin", "weights", why, ["models/m/c.bin"]),
    ]
    first, second, joined = ([*Blob(one["layer"], tree=True).parts(store.read)] for one in (*made, fewer))
    assert joined[::2] == [first[0], second[0]]
    assert told(store, TOOLS["fewer_layers"](store, max_layers=9, **given, **limits)) == [
        (name, "weights", why, [f"models/m/{name}"]) for name in ("a.bin", "b.bin", "c.bin", "d.bin")
    ]


def test_a_bundle_larger_than_a_layer_may_be_is_split_by_file() -> None:
    files = [entry(f"m/{number}.bin", 40) for number in range(3)]
    groups = bundles(files, ROLES, Limits(alone=64, largest=100), "fraud")
    assert [(group.about.name, group.about.why, len(group.entries)) for group in groups] == [
        ("fraud weights 1 of 2", "files below 64 bytes share a layer, of 100 bytes at most", 2),
        ("fraud weights 2 of 2", "files below 64 bytes share a layer, of 100 bytes at most", 1),
    ]


def test_big_files_become_layers_and_the_others_are_handed_on_to_be_bundled() -> None:
    store = MemoryStore()
    inside = Tree.of(
        [
            Entry("empty", Kind.DIRECTORY, 0o755),
            Entry("run.py", Kind.FILE, 0o755, store.put(b"run")),
            Entry("sub", Kind.DIRECTORY, 0o755),
            Entry("sub/large.bin", Kind.FILE, 0o644, store.put(b"L" * 30)),
            Entry("sub/link", Kind.SYMLINK, 0o777, target="large.bin"),
        ]
    )
    files = {
        "models/m/one.bin": blob(store, b"1" * 150),
        "models/m/few.bin": blob(store, b"f"),
        "models/m/tree": Blob(store.put(inside.to_json()), tree=True),
    }
    limits = {"roles": ROLES, "big_file": 20, "max_layer_size": 100}
    made = TOOLS["big_file_layers"](store, files=files, max_layers=9, **limits)
    why = "a file of 20 bytes or more is a layer by itself"
    assert told(store, made) == [
        ("one.bin", "weights", f"{why}, also one larger than 100 bytes", ["models/m/one.bin"]),
        ("large.bin", "weights", why, ["models/m/tree/sub/large.bin"]),
    ]
    more = {"models/m/c.json": blob(store, b"{}"), "models/m/long.py": blob(store, b"p" * 40)}
    rest = Blob(made["rest"], tree=True)
    bundled = TOOLS["small_file_layers"](store, name="m", files=more, trees=[rest], **limits)
    share = "files below 20 bytes share a layer"
    assert told(store, bundled) == [
        ("long.py", "code", why, ["models/m/long.py"]),
        ("m weights", "weights", share, ["models/m/few.bin", "models/m/tree/sub/link"]),
        ("c.json", "weights.config", share, ["models/m/c.json"]),
        ("run.py", "code", share, ["models/m/tree/run.py"]),
    ]


def test_two_files_of_one_path_are_refused() -> None:
    store = MemoryStore()
    rest = Tree.of([Entry("m", Kind.DIRECTORY, 0o755), Entry("m/a", Kind.FILE, 0o644, store.put(b"1"))])
    files = {"m/a": blob(store, b"2")}
    trees = [Blob(store.put(rest.to_json()), tree=True)]
    with pytest.raises(BuildFailure) as caught:
        TOOLS["small_file_layers"](store, name="m", files=files, trees=trees, roles={})
    assert caught.value.message == "two files have the path 'm/a'"


def test_weights_are_neither_copied_nor_read_twice(tmp_path: Path) -> None:
    weights = tmp_path / "weights.bin"
    weights.write_bytes(b"0123456789" * 600_000)
    store = DiskStore(tmp_path / "store", large=1 << 20)
    promised = Blob(store.promise(weights))
    arguments = {"files": {"models/weights.bin": promised}, "roles": ROLES, "max_layers": 1, "big_file": 1 << 20}
    made = TOOLS["big_file_layers"](store, **arguments)
    assert store.settled(promised.digest) == Digest.of(weights.read_bytes())
    (tree,) = Blob(made["tree"], tree=True).parts(store.read)
    assert Tree.from_json(store.read(tree)).entries[-1].digest == Digest.of(weights.read_bytes())
    kept = sum(path.stat().st_size for path in (tmp_path / "store" / "blobs").rglob("*") if path.is_file())
    assert kept < 2000
    assert [files for _, _, _, files in told(store, made)] == [["models/weights.bin"]]


@pytest.mark.parametrize("name", ["big_file_layers", "small_file_layers"])
def test_a_git_lfs_pointer_is_no_weights(name: str) -> None:
    store = MemoryStore()
    files = {"models/m/w.bin": blob(store, POINTER)}
    more: dict[str, object] = {"max_layers": 1} if name == "big_file_layers" else {"name": "m", "trees": []}
    with pytest.raises(BuildFailure) as caught:
        TOOLS[name](store, files=files, roles=ROLES, **more)
    assert caught.value.message == (
        f"'models/m/w.bin' is a Git LFS pointer of {len(POINTER)} bytes, not the weights that it stands for"
    )
    assert caught.value.hint == "run `git lfs pull` in the workspace, then build again"


def test_wheels_larger_than_a_layer_may_be_are_split_by_file() -> None:
    store = MemoryStore()
    files = {f"demo/{number}.py": b"%d" % number * 100 for number in range(3)} | {"demo.pth": b"import demo\n"}
    made = TOOLS["wheel_layers"](
        store,
        wheels=[blob(store, wheel(files))],
        names=["demo-1.0-py3-none-any.whl"],
        python="3.11",
        max_layer_size=210,
        about={"name": "demo 1.0", "role": "packages", "why": "a wheel by itself"},
    )
    site = "usr/local/lib/python3.11/dist-packages"
    found = told(store, made)
    assert [(name, role, why) for name, role, why, _ in found] == [
        (f"demo 1.0 {number} of {len(found)}", "packages", "a wheel by itself, split at 210 bytes")
        for number in range(1, len(found) + 1)
    ]
    paths = [path for *_, files in found for path in files]
    assert paths == sorted(paths)
    assert {f"{site}/demo/{number}.py" for number in range(3)} < set(paths)
    pth = [Layer.from_json(store.read(d)).pth for d in Blob(made["descriptor"], tree=True).parts(store.read)]
    assert [paths for paths in pth if paths] == [(f"{site}/demo.pth",)]


def test_debian_packages_larger_than_a_layer_may_be_are_split_by_file() -> None:
    store = MemoryStore()
    archive = tarred(("./usr/lib/a", b"a" * 3000), ("./usr/lib/b", b"b" * 3000))
    arguments = {"debs": [blob(store, deb("demo", archive))], "names": ["demo.deb"]}
    whole = TOOLS["debian_layers"](store, **arguments)
    parts = TOOLS["debian_layers"](store, **arguments, max_layer_size=4000)
    names = [name for name, *_ in told(store, parts)]
    assert names == [f"{number} of {len(names)}" for number in range(1, len(names) + 1)]
    assert len(names) > 1
    assert [path for *_, files in told(store, parts) for path in files] == told(store, whole)[0][3]
