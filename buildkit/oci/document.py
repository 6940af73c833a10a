"""Canonical JSON: one value, one sequence of bytes.

In: plain data. Out: UTF-8 bytes with sorted keys and nothing between tokens, so that a document's digest follows from
what it says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
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
        text = document.decode()
        value = json.loads(text, parse_constant=_no_constant)
        if "\\u" in text:
            canonical(value)
    except UnicodeEncodeError:
        raise BuildFailure(f"{what} is not JSON that can be read: a text holds half of a surrogate pair") from None
    except ValueError as error:
        raise BuildFailure(f"{what} is not JSON: {error}") from None
    except RecursionError:
        raise BuildFailure(f"{what} is not JSON that can be read: it is nested too deep") from None
    if not isinstance(value, dict):
        raise BuildFailure(f"{what} is not a JSON object: found {type(value).__name__}")
    return value


def _no_constant(name: str) -> None:
    """`NaN` and `Infinity` are what Python reads beyond JSON, and could not be written again."""
    raise ValueError(f"{name} is no value")


def objects(data: Mapping[str, Any], key: str, what: str) -> list[dict[str, Any]]:
    """A document's list of objects; none where it is absent or null. BuildFailure for anything else."""
    rows = data.get(key)
    if rows is None:
        return []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BuildFailure(f"{what}: '{key}' is not a list of objects")
    return rows


def texts(data: Mapping[str, Any], key: str, what: str) -> dict[str, str]:
    """A document's object of texts, such as annotations; none where it is absent or null."""
    found = data.get(key)
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise BuildFailure(f"{what}: '{key}' is not an object of texts")
    return found


def strings(data: Mapping[str, Any], key: str, what: str) -> tuple[str, ...]:
    """A document's list of texts; none where it is absent or null."""
    found = data.get(key)
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(value, str) for value in found):
        raise BuildFailure(f"{what}: '{key}' is not a list of texts")
    return tuple(found)


def string(data: Mapping[str, Any], key: str, what: str) -> str:
    """A document's text; an empty one where it is absent or null."""
    found = data.get(key)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise BuildFailure(f"{what}: '{key}' is not a text: found {type(found).__name__}")
    return found
