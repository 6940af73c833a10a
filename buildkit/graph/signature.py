"""A tool's call, checked against its signature, so that a wrong one is found before anything runs.

In: the arguments and outputs that a rule gives. Out: nothing, or an error at the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from buildkit.errors import did_you_mean
from buildkit.graph.action import Artifact, Data, Signature
from buildkit.lang import Call


def check_call(
    call: Call, tool: str, signature: Signature, given: Mapping[str, Data], made: Mapping[str, Artifact]
) -> None:
    """Raise BuildError for unknown, missing or mistyped arguments, and for outputs that the tool does not make."""
    for name, value in given.items():
        parameter = signature.parameters.get(name)
        if parameter is None:
            hint = did_you_mean(name, signature.parameters)
            hint = hint or "its parameters are: " + ", ".join(sorted(signature.parameters))
            raise call.error(f"tool '{tool}' has no parameter '{name}'", argument="arguments", hint=hint)
        left_out = value is None and not parameter.required
        if not left_out and not _TYPES[parameter.type](value):
            what = f"parameter '{name}' of tool '{tool}' must be {_NAMES[parameter.type]}, found {_described(value)}"
            raise call.error(what, argument="arguments")
    for name, parameter in signature.parameters.items():
        if parameter.required and name not in given:
            raise call.error(f"tool '{tool}' needs the parameter '{name}'", argument="arguments")
    if set(made) != set(signature.outputs):
        expected, found = ", ".join(sorted(signature.outputs)), ", ".join(sorted(made)) or "none"
        raise call.error(f"tool '{tool}' makes the outputs {expected}, found {found}", argument="outputs")


def _is(kind: type) -> Callable[[Data], bool]:
    return lambda value: type(value) is kind


def _list(kind: type) -> Callable[[Data], bool]:
    return lambda value: isinstance(value, tuple) and all(type(item) is kind for item in value)


def _dict(kind: type) -> Callable[[Data], bool]:
    return lambda value: isinstance(value, dict) and all(type(item) is kind for item in value.values())


_TYPES: dict[str, Callable[[Data], bool]] = {
    "str": _is(str),
    "int": _is(int),
    "bool": _is(bool),
    "Blob": _is(Artifact),
    "list[str]": _list(str),
    "list[Blob]": _list(Artifact),
    "dict[str, str]": _dict(str),
    "dict[str, Blob]": _dict(Artifact),
    "Json": lambda value: True,
}
# The types as .bzl files know them.
_NAMES = {
    "str": "a string",
    "int": "an int",
    "bool": "a bool",
    "Blob": "a File",
    "list[str]": "a list of strings",
    "list[Blob]": "a list of Files",
    "dict[str, str]": "a dict of strings",
    "dict[str, Blob]": "a dict of Files",
}
_DATA_NAMES = {str: "a string", int: "an int", bool: "a bool", float: "a float", Artifact: "a File", dict: "a dict"}


def _described(value: Data) -> str:
    """What an argument is; of a list or dict also what its first element is, where that may be what is wrong."""
    if value is None:
        return "None"
    if isinstance(value, (tuple, dict)):
        elements = list(value.values()) if isinstance(value, dict) else list(value)
        kind = "a dict" if isinstance(value, dict) else "a list"
        return f"{kind} with {', '.join(dict.fromkeys(map(_described, elements)))}" if elements else kind
    return _DATA_NAMES[type(value)]
