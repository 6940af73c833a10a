"""What can be called: functions of the language, and Python code.

`Function` is a `def` or `lambda`; `Builtin` is Python code; `Call` is what a builtin learns of its call.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import CellType
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.lang import syntax
from buildkit.lang.binding import Signature, bind, mismatch
from buildkit.lang.faults import FAULTS, calls_around, located
from buildkit.lang.range import Range
from buildkit.lang.resolver import parameter_order
from buildkit.lang.thread import HostSite, Site, Thread, add_note, place
from buildkit.lang.values import Dict, HostValue, List, Set, Value, type_name


class Call:
    """What a builtin learns of its call: where it stands, who asked, and how to call back."""

    __slots__ = ("site", "thread")

    def __init__(self, thread: Thread, site: Site) -> None:
        self.thread = thread
        self.site = site

    @property
    def span(self) -> Span:
        """The call expression."""
        return self.site.span

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Keyword → the place of its name; position → the place of the argument."""
        return self.site.argument_spans

    @property
    def context(self) -> Any:
        """What the host handed to `evaluate` or `call`."""
        return self.thread.context

    @property
    def stack(self) -> tuple[Span, ...]:
        """The calls around this one, outermost first."""
        return calls_around(Function.run.__code__)

    def error(self, message: str, *, argument: str | int | None = None, hint: str | None = None) -> BuildError:
        """An error at this call, or at one of its arguments."""
        span = self.argument_spans.get(argument) if argument is not None else None
        return BuildError(message, span=span or self.span, hint=hint)

    def key_function(self, function: Value) -> Callable[[Value], Value]:
        """A function of the language, to be called with one argument, often, in the course of this call."""
        if type(function) is Function and function.exact == 1:
            return partial(function.direct, self.thread)
        return lambda value: invoke(self.thread, function, [value], {}, self.site)

    def callback(self, function: Value, positional: Sequence[Value], keyword: Mapping[str, Value]) -> Value:
        """Call a function of the language in the course of this call."""
        return invoke(self.thread, function, list(positional), dict(keyword), self.site)


class Builtin(HostValue):
    """A function written in Python: `function(call, *positional, **keyword)`."""

    __slots__ = ("function", "name", "plain")
    type_name = "builtin_function_or_method"

    def __init__(self, name: str, function: Callable[..., Value], *, plain: bool = False) -> None:
        self.name = name
        self.function = function
        self.plain = plain  # without a `Call`: quicker, for what needs none

    def represent(self) -> str:
        """What `repr` shows."""
        return f"<built-in function {self.name}>"


class Method(HostValue):
    """A method of a value of the language's own, bound to it: `"a,b".split`."""

    __slots__ = ("function", "name", "receiver")
    type_name = "builtin_function_or_method"

    def __init__(self, name: str, function: Callable[..., Value], receiver: Value) -> None:
        self.name = name
        self.function = function
        self.receiver = receiver

    def represent(self) -> str:
        """What `repr` shows."""
        return f"<built-in method {self.name} of {type_name(self.receiver)} value>"


_KEYS = itertools.count(1)


class Code(Signature):
    """What all functions that one `def` or `lambda` makes have in common."""

    __slots__ = ("doc", "exact", "key", "place")

    def __init__(
        self, name: str, parameters: Sequence[syntax.Parameter], place: Callable[[], Span], doc: str = ""
    ) -> None:
        starred = next((number for number, one in enumerate(parameters) if one.kind == "*"), len(parameters))
        positional = [one.name for one in parameters[:starred] if not one.kind]
        keyword_only = [one.name for one in parameters[starred:] if not one.kind]
        kinds = [one.kind for one in parameter_order(parameters)]
        star = kinds.index("*") + 1 if "*" in kinds else 0
        keywords = kinds.index("**") + 1 if "**" in kinds else 0
        super().__init__(name, positional, keyword_only, star, keywords)
        self.doc = doc
        self.place = place
        self.key = next(_KEYS)  # stands for the function among those that are active
        self.exact = -1 if keyword_only or star or keywords else len(positional)  # arguments that need no binding


class Function(HostValue):
    """A function of the language: Python code, which takes the thread and then all parameters by position."""

    __slots__ = ("code", "defaults", "direct", "exact")
    type_name = "function"

    def __init__(self, code: Code, defaults: tuple[Value, ...], direct: Callable[..., Value]) -> None:
        self.code = code
        self.defaults = defaults  # one for each named parameter; UNBOUND where it has none
        self.direct = direct
        self.exact = code.exact

    @property
    def name(self) -> str:
        """The name it was defined by, or 'lambda'."""
        return self.code.name

    @property
    def doc(self) -> str:
        """Its doc string, or ''."""
        return self.code.doc

    @property
    def span(self) -> Span:
        """Where it is defined."""
        return self.code.place()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, `*args` and `**kwargs` left out."""
        return self.code.named

    def represent(self) -> str:
        """What `repr` shows."""
        return f"<function {self.code.name}>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it: its defaults, and the variables that it shares with the functions around it."""
        cells = getattr(self.direct, "__closure__", None) or ()
        held = [cell.cell_contents for cell in cells if cell != _EMPTY]
        return [*self.defaults, *held]

    def run(self, thread: Thread, positional: list[Value], keyword: dict[str, Value], site: Site) -> Value:
        """Bind arguments, run the body, give what it returns."""
        if keyword or len(positional) != self.exact:
            positional = bind(self.code, self.defaults, positional, keyword, site)
        depth = len(thread.active)
        try:
            return self.direct(thread, *positional)
        except FAULTS as error:
            thread.leave(depth)
            fault, inside = located(error)
            if not inside:
                raise place(fault, site.span) from None
            if isinstance(site, HostSite) and site.place is None:
                raise fault from None
            raise add_note(fault, f"called from {site.span}") from None


_EMPTY = CellType()


def weight(value: Any) -> int:
    """How many steps it takes to go over a value."""
    if type(value) is Range:
        return min(value.count(), 1 << 24)
    return len(value) if type(value) in (List, Dict, Set, tuple) else 0


def invoke(thread: Thread, function: Any, positional: list[Value], keyword: dict[str, Value], site: Site) -> Value:
    """Call any value. Raises BuildError at the call if it is not callable."""
    kind = type(function)
    if kind is Function:
        return function.run(thread, positional, keyword, site)
    try:
        thread.charge(1)
        if kind is Builtin:
            if function.plain:
                thread.charge(weight(positional[0]) if positional else 0)
                return function.function(*positional, **keyword)
            return function.function(Call(thread, site), *positional, **keyword)
        if kind is Method:
            return function.function(function.receiver, *positional, **keyword)
        run = getattr(function, "invoke", None)
        if run is None:
            raise BuildError(f"value of type '{type_name(function)}' is not callable")
        return run(Call(thread, site), positional, keyword)
    except BuildError as error:
        if error.span is None:
            raise place(error, site.span) from None
        raise
    except TypeError as error:
        if kind not in (Builtin, Method):
            raise
        leading = 0 if kind is Builtin and function.plain else 1
        raise mismatch(error, function.name, function.function, leading, positional, keyword, site) from None
