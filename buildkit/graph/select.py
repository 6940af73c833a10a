"""`select(...)` as BUILD and .bzl files have it: a value that is chosen when the configuration is known.

In: calls, and `+` or `|` with plain values. Out: `SelectValue`, and of it, checked against an attribute's schema branch
by branch, a `Selection`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.argument import described, text, wrong
from buildkit.graph.attribute import Attribute
from buildkit.graph.conversion import ADDED, Place, check_value, convert, plain_value
from buildkit.graph.selection import DEFAULT, Branches, Selection
from buildkit.graph.values import LabelValue
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, HostValue, List, Value, represent, type_name
from buildkit.records import dataclass

_OPERATORS = {"a string": "+", "a list": "+", "a dict": "|"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One call of `select`: values by condition, as they were written."""

    branches: tuple[tuple[Value, Value], ...]
    no_match_error: str

    def represent(self) -> str:
        """As it is written."""
        return f"select({represent(Dict(self.branches))})"


class SelectValue(HostValue):
    """Plain values and choices, put together in order."""

    type_name = "select"

    def __init__(self, parts: tuple[Value | Choice, ...]) -> None:
        self.parts = parts

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        """`+` with strings and lists, `|` with dicts, and both with other selects of such."""
        if other is None:
            return NotImplemented
        mine, its = self.family, _family(other)
        if mine is not None and its not in (None, mine):
            left, right = (its, mine) if reflected else (mine, its)
            raise BuildError(f"'{operator}' cannot put together {left} and {right}")
        family = mine or its
        if family is not None and _OPERATORS.get(family) != operator:
            sign = _OPERATORS.get(family)
            hint = f"use '{sign}'" if sign else "give one select that holds the whole value"
            raise BuildError(f"'{operator}' cannot put together selects that hold {family}", hint=hint)
        added = other.parts if isinstance(other, SelectValue) else (_copied(other),)
        return SelectValue((*added, *self.parts) if reflected else (*self.parts, *added))

    @property
    def family(self) -> str | None:
        """What its values are, by the first that is not None."""
        found = (_family(value) for value in self._values())
        return next((family for family in found if family), None)

    def _values(self) -> Iterator[Value]:
        for part in self.parts:
            if isinstance(part, Choice):
                yield from (value for _, value in part.branches)
            else:
                yield part

    def represent(self) -> str:
        """As it is written."""
        sign = " | " if self.family == "a dict" else " + "
        return sign.join(part.represent() if isinstance(part, Choice) else represent(part) for part in self.parts)

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return self._values()


def _family(value: Value) -> str | None:
    """What a value is as far as putting together goes; None for None, which stands for an attribute's default."""
    if isinstance(value, SelectValue):
        return value.family
    if value is None:
        return None
    name = "list" if isinstance(value, tuple) else type_name(value)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _copied(value: Value) -> Value:
    """A list or dict as it is now: whoever made it may change it later."""
    if isinstance(value, List):
        return List(list(value.items))
    return Dict(value.items()) if isinstance(value, Dict) else value


def convert_select(attribute: Attribute, name: str, value: SelectValue, default: Any, place: Place) -> Selection:
    """Check a select against an attribute's schema, and make it plain.

    Raises BuildError, or BuildErrors with the faults of all branches. `default` is the attribute's, which a branch that
    is None stands for.
    """
    if not attribute.configurable:
        hint = "it must be the same in every configuration"
        raise BuildError(f"attribute '{name}' cannot be a select", span=place.span, hint=hint)
    if len(value.parts) > 1 and attribute.kind not in ADDED:
        hint = "give one select that holds all of the value"
        raise BuildError(f"attribute '{name}' cannot be put together of several parts", span=place.span, hint=hint)
    reading = _Reading(attribute, name, default, place, whole=len(value.parts) == 1)
    parts = tuple(reading.part(part) for part in value.parts)
    if reading.faults:
        raise BuildErrors(reading.faults)
    return Selection(parts)


class _Reading:
    """Makes the parts of one select plain, and gathers what is wrong with them.

    Only a `whole` value is held against all of the schema: of several parts no one needs to be allowed by itself.
    """

    def __init__(self, attribute: Attribute, name: str, default: Any, place: Place, *, whole: bool) -> None:
        self.attribute = attribute
        self.name = name
        self.default = default
        self.place = place
        self.convert = convert if whole else plain_value
        self.faults: list[BuildError] = []

    def part(self, part: Value | Choice) -> Any:
        """One part, plain."""
        return self._branches(part) if isinstance(part, Choice) else self._plain(part)

    def _branches(self, choice: Choice) -> Branches:
        found: dict[Label | None, Any] = {}
        for condition, value in choice.branches:
            label = _condition(condition, self.place)
            if label in found:
                message = f"condition '{label or DEFAULT}' stands twice in one select"
                raise BuildError(message, span=self.place.span)
            note = f"in the branch {represent(str(condition))}"
            found[label] = self._default(note) if value is None else self._plain(value, note)
        return Branches(tuple(found.items()), choice.no_match_error)

    def _default(self, note: str) -> Any:
        if self.attribute.mandatory:
            message = f"attribute '{self.name}' has no default, so no branch can be None"
            self.faults.append(BuildError(message, span=self.place.span, notes=[note]))
        return self.default

    def _plain(self, value: Value, note: str = "") -> Any:
        try:
            return self.convert(self.attribute, self.name, value, self.place)
        except (BuildError, BuildErrors) as error:  # a lock may have several
            faults = error.errors if isinstance(error, BuildErrors) else (error,)
            self.faults += [fault.noted(note) if note else fault for fault in faults]
        return None


def _condition(condition: Value, place: Place) -> Label | None:
    if isinstance(condition, LabelValue):
        return condition.label
    if condition == DEFAULT:
        return None
    try:
        return Label.parse(str(condition), place.package, place.repository)
    except BuildError as error:
        raise BuildError(error.message, span=place.span, hint=error.hint) from None


def put_together(attribute: Attribute, name: str, values: list[Any], span: Span) -> Any:
    """The value of several plain parts. Raises BuildError where all of it does not fit the schema."""
    if len(values) == 1:
        return values[0]
    plain = ADDED[attribute.kind](values)
    check_value(attribute, name, plain, span)
    return plain


def _select(call: Call, x: Value, no_match_error: Value = "") -> Value:
    if not isinstance(x, Dict):
        raise wrong(call, "x", x, "a dict of conditions to values")
    branches = tuple(x.items())
    if not branches:
        raise call.error("'select' needs a condition", argument=0, hint=f"'{DEFAULT}' is the one that always holds")
    for condition, _ in branches:
        if not isinstance(condition, (str, LabelValue)):
            raise call.error(f"a condition must be a label, found {described(condition)}", argument=0)
    return SelectValue((Choice(branches, text(call, "no_match_error", no_match_error)),))


SELECT = Builtin("select", _select)
