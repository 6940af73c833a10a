"""Recipes: kept, cut, nested, read again; and what is damaged is missing."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.content import Inline, Recipe, Slice
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, InternalError
from buildkit.store import DiskStore
from buildkit.store.recipes import cut, decode, encode

BLOB = bytes(range(200))
DIGEST = Digest.of(BLOB)
INLINES = st.binary(max_size=40).map(Inline)
SLICES = st.tuples(st.integers(0, 200), st.integers(0, 200)).map(
    lambda ends: Slice(DIGEST, min(ends), max(ends) - min(ends))
)
RECIPES = st.lists(st.one_of(INLINES, SLICES), max_size=8).map(lambda segments: Recipe(tuple(segments)))


def stream(recipe: Recipe) -> bytes:
    return b"".join(
        part.data if isinstance(part, Inline) else BLOB[part.offset : part.offset + part.length]
        for part in recipe.segments
    )


@settings(deadline=None)
@given(RECIPES)
def test_a_recipe_survives_its_document(recipe: Recipe) -> None:
    assert decode(encode(recipe)) == recipe


@settings(deadline=None)
@given(RECIPES, st.data())
def test_a_cut_is_the_range_of_the_stream(recipe: Recipe, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, recipe.size))
    length = data.draw(st.integers(0, recipe.size - start))
    assert stream(Recipe(tuple(cut(recipe, start, length)))) == stream(recipe)[start : start + length]


@settings(deadline=None, max_examples=40)
@given(RECIPES, st.sampled_from(["stored", "adopted", "recipe"]), st.integers(1, 50))
def test_a_sealed_recipe_reads_as_its_segments(recipe: Recipe, form: str, step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = DiskStore(Path(folder, "store"))
        source = Path(folder, "source")
        source.write_bytes(BLOB)
        if form == "stored":
            store.put(BLOB)
        elif form == "adopted":
            store.adopt(source)
        else:
            store.put_recipe(Recipe((Inline(BLOB[:77]), Slice(store.put(BLOB[77:]), 0, 123))), DIGEST)
        digest = store.seal(recipe)
        assert digest == Digest.of(stream(recipe))
        assert store.has(digest)
        with store.open(digest) as file:
            assert b"".join(iter(lambda: file.read(step), b"")) == stream(recipe)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data + b"x", lambda data: data[::-1]]
)
def test_a_damaged_recipe_is_a_missing_one(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    store = DiskStore(tmp_path)
    digest = store.seal(Recipe((Inline(b"layer"),)))
    path = tmp_path / "recipes" / digest.hex[:2] / digest.hex
    path.chmod(0o644)
    path.write_bytes(damage(path.read_bytes()))
    assert store.recipe(digest) is None
    assert not store.has(digest)
    assert store.seal(Recipe((Inline(b"layer"),))) == digest
    assert store.read(digest) == b"layer"


def test_a_recipe_with_a_false_digest_does_not_give_its_last_bytes(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    digest = Digest.of(b"right")
    store.put_recipe(Recipe((Inline(b"wrong"),)), digest)
    with pytest.raises(BuildFailure) as failure:
        store.read(digest)
    assert failure.value.message == f"the recipe of {digest} does not give its bytes"


def test_a_damaged_stored_segment_is_named_and_removed(tmp_path: Path) -> None:
    store = DiskStore(tmp_path)
    blob = store.put(b"blob")
    layer = store.seal(Recipe((Slice(blob, 0, 4), Inline(b"!"))))
    path = store.owned_path(blob)
    assert path is not None
    path.chmod(0o644)
    path.write_bytes(b"blub")
    with pytest.raises(BuildFailure) as failure:
        store.read(layer)
    assert failure.value.message == f"the store's copy of {blob} was damaged and has been removed"
    assert not store.has(layer)


def test_a_recipe_of_another_size_than_its_digest_is_a_bug_of_ours(tmp_path: Path) -> None:
    with pytest.raises(InternalError):
        DiskStore(tmp_path).put_recipe(Recipe((Inline(b"x"),)), Digest.of(b"xx"))


def test_a_recipe_of_what_the_store_lacks_cannot_be_sealed(tmp_path: Path) -> None:
    with pytest.raises(BuildFailure, match=f"the store has no {DIGEST}"):
        DiskStore(tmp_path).seal(Recipe((Slice(DIGEST, 0, 5),)))


def test_a_source_that_changed_is_found_out_when_its_layer_is_sealed(tmp_path: Path) -> None:
    store = DiskStore(tmp_path / "store")
    source = tmp_path / "source"
    source.write_bytes(b"old")
    digest = store.adopt(source)
    source.write_bytes(b"new")
    with pytest.raises(BuildFailure, match=f"source file '{source}' has changed: expected {digest}"):
        store.seal(Recipe((Slice(digest, 0, 3),)))
