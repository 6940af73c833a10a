"""Canonical JSON: one value, one sequence of bytes.

In: plain data. Out: UTF-8 bytes with sorted keys and nothing between tokens, so that a document's digest follows from
what it says.
"""

from __future__ import annotations

import json
from typing import Any

from buildkit.errors import BuildFailure


def canonical(value: object) -> bytes:
    """Write plain data.

    >>> canonical({"b": 1, "a": ["é"]}).decode()
    '{"a":["é"],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def parse_object(document: bytes, what: str) -> dict[str, Any]:
    """Read a JSON object; `what` names the document in the BuildFailure that anything else raises."""
    try:
        value = json.loads(document)
    except ValueError as error:
        raise BuildFailure(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise BuildFailure(f"{what} is not a JSON object: found {type(value).__name__}")
    return value
