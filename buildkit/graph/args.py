"""`ctx.actions.args()`: a command line that is put together when an action takes it.

In: calls of `add`, `add_all`, `add_joined`. Out: `Args`; depsets in it are kept as they are, and flattened only when
`expanded` asks for the words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.graph.argument import boolean, described
from buildkit.graph.depset import Depset
from buildkit.graph.values import FileValue, LabelValue
from buildkit.lang import Builtin, Call, Function, HostValue, List, Value, represent
from buildkit.records import dataclass

_UNSET = object()
_WORD = "a word of a command must be a string, an int, a File or a Label"
Place = Callable[[FileValue], str]  # the path that a command finds a File at


@dataclass(frozen=True, slots=True)
class _Step:
    """One call: what comes before the values, what is done to each, what to all of them."""

    span: Span
    name: str | None
    values: Value
    map_each: Value
    format_each: str | None
    before_each: str | None = None
    join_with: str | None = None
    format_joined: str | None = None
    omit_if_empty: bool = True
    uniquify: bool = False
    terminate_with: str | None = None


class Args(HostValue):
    """Words to come. It may be added to until the rule's implementation ends."""

    type_name = "Args"

    def __init__(self) -> None:
        self._steps: list[_Step] = []
        self._members: dict[str, Value] = {
            "add": Builtin("add", self._add),
            "add_all": Builtin("add_all", self._add_all),
            "add_joined": Builtin("add_joined", self._add_joined),
        }

    def attribute(self, name: str) -> Value:
        """One of the methods."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)

    def expanded(self, call: Call, place: Place) -> list[str]:
        """The words. Raises BuildError where a function of the user gives something that is none."""
        words: list[str] = []
        for step in self._steps:
            words += _words(step, call, place)
        return words

    def _add(self, call: Call, arg_name_or_value: Value, value: Value = _UNSET, *, format: Value = None) -> Value:
        name, value = _named(call, arg_name_or_value, value)
        if isinstance(value, (List, tuple, Depset)):
            hint = "use add_all or add_joined for several values"
            raise call.error(f"'add' takes one value, found {described(value)}", hint=hint)
        if not _is_word(value):
            raise call.error(f"{_WORD}, found {represent(value)}")
        self._steps.append(_Step(call.span, name, (value,), None, _format(call, "format", format)))
        return self

    def _add_all(
        self,
        call: Call,
        arg_name_or_values: Value,
        values: Value = _UNSET,
        *,
        map_each: Value = None,
        format_each: Value = None,
        before_each: Value = None,
        omit_if_empty: Value = True,
        uniquify: Value = False,
        expand_directories: Value = True,
        terminate_with: Value = None,
        allow_closure: Value = False,
    ) -> Value:
        name, values = _named(call, arg_name_or_values, values)
        self._steps.append(
            _Step(
                call.span,
                name,
                _sequence(call, "add_all", values),
                _mapper(call, map_each),
                _format(call, "format_each", format_each),
                before_each=_optional(call, "before_each", before_each),
                omit_if_empty=boolean(call, "omit_if_empty", omit_if_empty),
                uniquify=boolean(call, "uniquify", uniquify),
                terminate_with=_optional(call, "terminate_with", terminate_with),
            )
        )
        return self

    def _add_joined(
        self,
        call: Call,
        arg_name_or_values: Value,
        values: Value = _UNSET,
        *,
        join_with: Value,
        map_each: Value = None,
        format_each: Value = None,
        format_joined: Value = None,
        omit_if_empty: Value = True,
        uniquify: Value = False,
        expand_directories: Value = True,
        allow_closure: Value = False,
    ) -> Value:
        name, values = _named(call, arg_name_or_values, values)
        if not isinstance(join_with, str):
            raise call.error(f"'join_with' must be a string, found {described(join_with)}", argument="join_with")
        self._steps.append(
            _Step(
                call.span,
                name,
                _sequence(call, "add_joined", values),
                _mapper(call, map_each),
                _format(call, "format_each", format_each),
                join_with=join_with,
                format_joined=_format(call, "format_joined", format_joined),
                omit_if_empty=boolean(call, "omit_if_empty", omit_if_empty),
                uniquify=boolean(call, "uniquify", uniquify),
            )
        )
        return self


def _words(step: _Step, call: Call, place: Place) -> list[str]:
    values = step.values.items() if isinstance(step.values, Depset) else list(step.values)  # type: ignore[call-overload]
    words = [word for value in values for word in _mapped(step, call, value, place)]
    if step.uniquify:
        words = list(dict.fromkeys(words))
    if not words and step.omit_if_empty:
        return []
    if step.format_each is not None:
        words = [_filled(step.format_each, word) for word in words]
    before = [] if step.name is None else [step.name]
    if step.join_with is not None:
        joined = step.join_with.join(words)
        return [*before, joined if step.format_joined is None else _filled(step.format_joined, joined)]
    if step.before_each is not None:
        words = [part for word in words for part in (step.before_each, word)]
    return [*before, *words, *([] if step.terminate_with is None else [step.terminate_with])]


def _mapped(step: _Step, call: Call, value: Value, place: Place) -> list[str]:
    """The words of one value: its own, or those that `map_each` gives for it."""
    if step.map_each is None:
        if not _is_word(value):
            hint = "turn it into one with map_each"
            raise BuildError(f"{_WORD}, found {represent(value)}", span=step.span, hint=hint)
        return [_word(value, place)]
    made = call.callback(step.map_each, [value], {})
    found: list[Any] = [] if made is None else list(made) if isinstance(made, (List, tuple)) else [made]
    if not all(isinstance(item, str) for item in found):
        message = f"'map_each' must give a string, a list of strings or None, found {described(made)}"
        raise BuildError(message, span=step.span)
    return found


def _word(value: Value, place: Place) -> str:
    if isinstance(value, FileValue):
        return place(value)
    return str(value.label) if isinstance(value, LabelValue) else str(value)


def _filled(pattern: str, word: str) -> str:
    return pattern.replace("%%", "\0").replace("%s", word.replace("\0", "")).replace("\0", "%")


def _named(call: Call, first: Value, second: Value) -> tuple[str | None, Value]:
    """The name that comes before the values, if there is one, and the values."""
    if second is _UNSET:
        return None, first
    if not isinstance(first, str):
        raise call.error(f"the name of an argument must be a string, found {described(first)}", argument=0)
    return first, second


def _sequence(call: Call, method: str, values: Value) -> Value:
    if isinstance(values, Depset):
        return values
    if not isinstance(values, (List, tuple)):
        hint = "use add for one value"
        raise call.error(f"'{method}' takes a list or a depset, found {described(values)}", hint=hint)
    return tuple(values)


def _is_word(value: Value) -> bool:
    return not isinstance(value, bool) and isinstance(value, (str, int, FileValue, LabelValue))


def _mapper(call: Call, value: Value) -> Value:
    if value is not None and not isinstance(value, (Function, Builtin)):
        raise call.error(f"'map_each' must be a function, found {described(value)}", argument="map_each")
    return value


def _format(call: Call, name: str, value: Value) -> str | None:
    """A pattern with one place for the value: '%s'."""
    pattern = _optional(call, name, value)
    if pattern is not None and pattern.replace("%%", "").count("%s") != 1:
        raise call.error(f"'{name}' must be a string with one '%s', found {represent(pattern)}", argument=name)
    return pattern


def _optional(call: Call, name: str, value: Value) -> str | None:
    if value is not None and not isinstance(value, str):
        raise call.error(f"'{name}' must be a string, found {described(value)}", argument=name)
    return value
