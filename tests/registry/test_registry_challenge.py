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
