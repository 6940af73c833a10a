"""Digests and keys: one identity for one thing, and two for two."""

import math
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.digest import Digest, Key, encode
from buildkit.errors import BuildError, InternalError

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.binary(max_size=4).map(Digest.of),
    st.text(max_size=4).map(lambda text: Key.of("test", text)),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple),
        st.frozensets(st.one_of(st.text(), st.integers()), max_size=4),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), inner, max_size=4),
    ),
    max_leaves=12,
)


def described(value: object) -> object:
    """A value with its types, so that two are equal only if nothing tells them apart."""
    match value:
        case dict():
            return ("dict", frozenset((described(key), described(item)) for key, item in value.items()))
        case tuple():
            return ("list", tuple(described(item) for item in value))
        case frozenset():
            return ("set", frozenset(described(item) for item in value))
        case float():
            return ("float", value, math.copysign(1.0, value))
    return (type(value).__name__, value)


@given(VALUES, VALUES)
def test_two_values_share_an_encoding_only_if_they_are_the_same(one: object, other: object) -> None:
    assert (encode(one) == encode(other)) == (described(one) == described(other))


@given(st.lists(VALUES, max_size=3), st.lists(VALUES, max_size=3))
def test_no_encoding_begins_another(one: list[object], other: list[object]) -> None:
    joined = b"".join(map(encode, one)) == b"".join(map(encode, other))
    assert joined == ([described(value) for value in one] == [described(value) for value in other])


def test_what_has_no_order_is_encoded_in_one_order() -> None:
    assert encode({"b": 1, "a": (2, {"d": None, "c": b""})}) == encode({"a": (2, {"c": b"", "d": None}), "b": 1})
    assert encode({"b", "a", "c"}) == encode(frozenset("cab"))


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        (None, b"n"),
        (True, b"T"),
        (1, b"i1:1"),
        (-12, b"i3:-12"),
        ("ä", b"s2:\xc3\xa4"),
        (b"ab", b"b2:ab"),
        (1.0, b"f?\xf0\0\0\0\0\0\0"),
        (("a", ["b"]), b"l2:s1:al1:s1:b"),
        ({"k": "v"}, b"m1:s1:ks1:v"),
        ({1}, b"u1:i1:1"),
    ],
)
def test_the_encoding_is_pinned(value: object, encoding: bytes) -> None:
    assert encode(value) == encoding


def test_a_key_is_pinned_and_of_one_domain() -> None:
    assert str(Key.of("a", "b")) == "1f09a6761fb40536f21a7dbfc64e55c6e5b0dd930a7e11df7af83b105e1d8441"
    assert Key.of("a", "b") == Key.of("a", "b")
    assert len({Key.of("a", "b"), Key.of("a", "b", None), Key.of("a"), Key.of("ab"), Key.of("b", "a")}) == 5


def test_what_has_no_encoding_is_a_bug_of_ours() -> None:
    with pytest.raises(InternalError) as error:
        encode(("a", object))
    assert str(error.value) == "no canonical encoding for type: <class 'object'>"


def test_a_digest_prints_and_reads_as_in_oci_documents() -> None:
    empty = Digest.of(b"")
    assert (str(empty), empty.size) == (f"sha256:{EMPTY}", 0)
    assert Digest.parse(f"sha256:{EMPTY}", 0) == empty
    assert pickle.loads(pickle.dumps(empty)) == empty


@pytest.mark.parametrize(
    "text", ["", EMPTY, f"sha512:{EMPTY}", f"sha256:{EMPTY[:-1]}", f"sha256:{EMPTY.upper()}", f"sha256:{EMPTY}\n"]
)
def test_what_is_no_digest_is_refused(text: str) -> None:
    with pytest.raises(BuildError) as error:
        Digest.parse(text, 0)
    assert str(error.value) == (
        f"error: {text!r} is not a digest\nhint: write 'sha256:' and 64 lower-case hexadecimal digits"
    )
