"""`json` as .bzl files know it: values of the language as JSON text, and back.

In: plain values. Out: text with sorted keys, so that the same value is the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from buildkit.lang import Builtin, Call, HostValue, Value, from_python, represent, to_python


def _encode(call: Call, value: Value) -> Value:
    return json.dumps(_plain(call, value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _encode_indent(call: Call, value: Value, *, indent: int = 2) -> Value:
    return json.dumps(_plain(call, value), sort_keys=True, indent=indent, ensure_ascii=False)


def _decode(call: Call, text: str) -> Value:
    try:
        return from_python(json.loads(text))
    except ValueError as error:
        raise call.error(f"not JSON: {error}") from None


def _plain(call: Call, value: Value) -> Any:
    try:
        plain = to_python(value)
        json.dumps(plain)
    except (TypeError, ValueError):
        raise call.error(f"cannot write {represent(value)} as JSON") from None
    return plain


class JsonModule(HostValue):
    """The namespace `json`."""

    type_name = "module"
    _members: ClassVar[dict[str, Value]] = {
        "encode": Builtin("json.encode", _encode),
        "encode_indent": Builtin("json.encode_indent", _encode_indent),
        "decode": Builtin("json.decode", _decode),
    }

    def attribute(self, name: str) -> Value:
        """One function."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)
