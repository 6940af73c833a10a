"""`json` as .bzl files know it: values of the language as JSON text, and back.

In: plain values. Out: text with sorted keys, so that the same value is the same text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, ClassVar

from buildkit.graph.argument import integer, text
from buildkit.lang import Builtin, Call, HostValue, Value, from_python, represent, to_python


def _encode(call: Call, value: Value) -> Value:
    return _written(call, value, separators=(",", ":"))


def _encode_indent(call: Call, value: Value, *, indent: Value = 2) -> Value:
    return _written(call, value, indent=integer(call, "indent", indent))


def _written(call: Call, value: Value, **form: Any) -> str:
    try:
        return json.dumps(to_python(value), sort_keys=True, ensure_ascii=False, allow_nan=False, **form)
    except (TypeError, ValueError):
        raise call.error(f"cannot write {represent(value)} as JSON") from None


def _decode(call: Call, x: Value) -> Value:
    document = text(call, "x", x)
    try:
        return from_python(json.loads(document, parse_constant=_refuse))
    except ValueError as error:
        raise call.error(f"not JSON: {error}") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON's")


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
