"""What an action calls: a function of declared inputs, with a version and a signature.

In: a function whose annotations say what it takes. Out: a `Tool`, which analysis checks calls against and execution
calls. A tool reads blobs of the store it is given and puts its outputs there; it sees no workspace, clock or network.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from buildkit.digest import Digest
from buildkit.errors import InternalError
from buildkit.records import dataclass

# Plain data that may contain Blobs.
Json = Any
ToolFunction = Callable[..., dict[str, Digest]]

TYPES = frozenset(
    {"str", "int", "bool", "Blob", "list[str]", "list[Blob]", "dict[str, str]", "dict[str, Blob]", "Json"}
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A tool's parameter: one of `TYPES`, and whether a call must give it (else it is None)."""

    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool. `version` enters every key of its actions: it changes when the same inputs give other bytes.

    It runs in a thread: it is short, or lets others run while it hashes and compresses. `streams` says that it reads
    large sources once from end to end, so that their digests may be computed meanwhile; `costly`, that it is quicker to
    fetch what it gave on another machine than to call it.
    """

    name: str
    version: int
    function: ToolFunction
    parameters: Mapping[str, Parameter]
    outputs: tuple[str, ...]
    streams: bool = False
    costly: bool = False

    def __call__(self, store: object, **arguments: object) -> dict[str, Digest]:
        """Run the tool; gives exactly the declared outputs."""
        outputs = self.function(store, **arguments)
        if set(outputs) != set(self.outputs):
            raise InternalError(f"tool '{self.name}' gave {sorted(outputs)}, declared {sorted(self.outputs)}")
        return outputs


def tool(
    *, version: int, outputs: tuple[str, ...], streams: bool = False, costly: bool = False
) -> Callable[[ToolFunction], Tool]:
    """Make a function a tool: its keyword-only parameters are the tool's, typed by their annotations."""

    def decorate(function: ToolFunction) -> Tool:
        name = function.__name__
        return Tool(name, version, function, _parameters(name, function), outputs, streams, costly)

    return decorate


def _parameters(name: str, function: ToolFunction) -> Mapping[str, Parameter]:
    declared = inspect.signature(function).parameters.values()
    keyword_only = (found for found in declared if found.kind is inspect.Parameter.KEYWORD_ONLY)
    return {found.name: _parameter(name, found) for found in keyword_only}


def _parameter(tool_name: str, found: inspect.Parameter) -> Parameter:
    # Annotations are text: every file of this part has `from __future__ import annotations`.
    text = str(found.annotation)
    kind = text.removesuffix(" | None")
    optional = kind != text and found.default is None
    if kind not in TYPES or (found.default is not inspect.Parameter.empty and not optional):
        raise InternalError(f"tool '{tool_name}': parameter '{found.name}: {text}' is of no type that tools can take")
    return Parameter(kind, not optional)
