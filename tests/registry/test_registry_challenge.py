"""Challenges as servers write them."""

from __future__ import annotations

import pytest

from buildkit.registry.challenge import parse_challenges

BEARER = {"realm": "https://auth.example/token", "service": "reg", "scope": "repository:a/b:pull,push"}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a \\"b\\""', [("basic", {"realm": 'a "b"'})]),
        ("BASIC realm=plain", [("basic", {"realm": "plain"})]),
        (
            'Bearer realm="https://auth.example/token",service="reg",scope="repository:a/b:pull,push"',
            [("bearer", BEARER)],
        ),
        (
            'Basic realm="x", Bearer Realm="https://auth.example/token" , service=reg',
            [("basic", {"realm": "x"}), ("bearer", {"realm": "https://auth.example/token", "service": "reg"})],
        ),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('realm="nobody asks"', []),
    ],
)
def test_challenges_are_read(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert [(found.scheme, dict(found.parameters)) for found in parse_challenges(header)] == expected


@pytest.mark.parametrize("header", ["a" * 60_000 + "!", "a " * 30_000 + "!", "a=\\" * 20_000, 'a="' + "\\" * 60_000])
def test_a_header_that_is_one_long_puzzle_is_read_at_once(header: str) -> None:
    """Written carelessly, the expression takes minutes for each of these."""
    assert len(parse_challenges(f"Basic, {header}")) >= 1
