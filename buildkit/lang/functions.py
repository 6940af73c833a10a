"""What can be called, and the thread of one evaluation.

`Function` is a `def` or `lambda`; `Builtin` is Python code. `Call` is what a builtin learns of the place it is called
from. `Thread` counts steps, bounds depth and knows the calls under way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.lang.limits import Limits
from buildkit.lang.values import Dict, HostValue, Value, type_name


class _Unbound:
    """Marks a variable without a value yet."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND = _Unbound()


class Site(Protocol):
    """The place of a call; spans are worked out only when something asks."""

    @property
    def span(self) -> Span:
        """The call expression."""

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Keyword → its name's place; position → the argument's place."""


class HostSite:
    """A call that comes from Python, for the sake of something at a place, or of nothing in particular."""

    __slots__ = ("place",)

    def __init__(self, place: Span | None) -> None:
        self.place = place

    @property
    def span(self) -> Span:
        """The place that the host named."""
        return self.place or Span("<mbuild>", 1, 1, 1, 1)

    @property
    def argument_spans(self) -> Mapping[str | int, Span]:
        """Nothing: the arguments stand in no file."""
        return {}


Printer = Callable[[Span, str], None]


class Thread:
    """One evaluation under way: its bounds, the host's context, the calls that lead to where it is."""

    __slots__ = ("active", "context", "depth", "limit", "limits", "printer", "sites", "steps")

    def __init__(self, limits: Limits, context: object, printer: Printer) -> None:
        self.limits = limits
        self.limit = limits.steps
        self.context = context
        self.printer = printer
        self.steps = 0
        self.depth = 0
        self.active: set[object] = set()
        self.sites: list[Site] = []

    def charge(self, steps: int) -> None:
        """Count steps. Raises BuildError beyond the bound."""
        self.steps += steps
        if self.steps > self.limit:
            raise BuildError(f"evaluation takes too many steps: the bound is {self.limit}")


def place(error: BuildError, span: Span) -> BuildError:
    """The error with a place, if it has none yet."""
    if error.span is not None:
        return error
    return type(error)(error.message, span=span, hint=error.hint, notes=error.notes, details=error.details)


def add_note(error: BuildError, note: str) -> BuildError:
    """The error with one more note."""
    notes = (*error.notes, note)
    return type(error)(error.message, span=error.span, hint=error.hint, notes=notes, details=error.details)


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
        return tuple(site.span for site in self.thread.sites if not isinstance(site, HostSite) or site.place)

    def error(self, message: str, *, argument: str | int | None = None, hint: str | None = None) -> BuildError:
        """An error at this call, or at one of its arguments."""
        span = self.argument_spans.get(argument) if argument is not None else None
        return BuildError(message, span=span or self.span, hint=hint)

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


class Method:
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


class Code:
    """A compiled function, before it has met the variables around it."""

    __slots__ = (
        "blank", "body", "cells", "doc", "keyword_only", "keywords", "name", "named", "path", "positional", "slots", "span", "star",
    )  # fmt: skip

    def __init__(self, name: str, path: str, span: Callable[[], Span]) -> None:
        self.name = name
        self.path = path
        self.span = span
        self.doc = ""
        self.positional = 0  # parameters that take positional arguments
        self.named: tuple[str, ...] = ()  # all parameters that have names of their own, the positional ones first
        self.keyword_only: tuple[str, ...] = ()
        self.slots: dict[str, int] = {}
        self.star = 0  # slot of *args, or 0
        self.keywords = 0  # slot of **kwargs, or 0
        self.blank: list[Value] = []  # what a frame holds behind its parameters
        self.cells: tuple[int, ...] = ()
        self.body: Callable[[list[Any]], Any] = lambda frame: None


class Function(HostValue):
    """A function of the language, with its defaults and the variables it shares with the functions around it."""

    __slots__ = ("cells", "code", "defaults", "globals")
    type_name = "function"

    def __init__(
        self, code: Code, defaults: tuple[Value, ...], cells: tuple[list[Value], ...], globals_: list[Value]
    ) -> None:
        self.code = code
        self.defaults = defaults  # one for each named parameter; UNBOUND where it has none
        self.cells = cells
        self.globals = globals_

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
        return self.code.span()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters, `*args` and `**kwargs` left out."""
        return self.code.named

    def represent(self) -> str:
        """What `repr` shows."""
        return f"<function {self.code.name}>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return [*self.defaults, *(cell[0] for cell in self.cells)]

    def run(self, thread: Thread, positional: list[Value], keyword: dict[str, Value], site: Site) -> Value:
        """Bind arguments, run the body, give what it returns."""
        code = self.code
        if (
            not keyword
            and len(positional) == len(code.named) == code.positional
            and not code.star
            and not code.keywords
        ):
            frame = [thread, *positional, *code.blank]
        else:
            frame = [thread, *_bind(self, positional, keyword, site), *code.blank]
        for slot in code.cells:
            frame[slot] = [frame[slot]]
        if self.cells:
            frame += self.cells
        if code in thread.active:
            raise BuildError(f"function '{code.name}' is called recursively", span=site.span, hint="use a loop")
        if thread.depth >= thread.limits.depth:
            raise BuildError(f"calls are nested too deeply: the bound is {thread.limits.depth}", span=site.span)
        thread.steps += 1
        if thread.steps > thread.limit:
            thread.charge(0)
        thread.active.add(code)
        thread.depth += 1
        thread.sites.append(site)
        try:
            result = code.body(frame)
        except BuildError as error:
            if isinstance(site, HostSite) and site.place is None:
                raise
            raise add_note(error, f"called from {site.span}") from None
        finally:
            thread.active.discard(code)
            thread.depth -= 1
            thread.sites.pop()
        return None if result is None else result[0]


def _bind(function: Function, positional: list[Value], keyword: dict[str, Value], site: Site) -> list[Value]:
    """The values of all parameters in the order of their slots. Raises BuildError at the call."""
    code = function.code
    values: list[Any] = list(positional[: code.positional])
    values += [UNBOUND] * (len(code.named) - len(values))
    extra = tuple(positional[code.positional :])
    if extra and not code.star:
        raise BuildError(
            f"{code.name}() accepts {_count(code.positional, 'positional argument')}, found {len(positional)}",
            span=site.span,
        )
    others: dict[str, Value] = {}
    for name, value in keyword.items():
        slot = code.slots.get(name)
        if slot is None:
            if not code.keywords:
                raise _unexpected(code.name, name, code.named, site)
            others[name] = value
        elif values[slot] is not UNBOUND:
            raise BuildError(
                f"{code.name}() got two values for parameter '{name}'", span=site.argument_spans.get(name) or site.span
            )
        else:
            values[slot] = value
    missing = []
    for slot, value in enumerate(values):
        if value is UNBOUND:
            values[slot] = function.defaults[slot]
            if values[slot] is UNBOUND:
                missing.append(code.named[slot])
    if missing:
        raise _missing(code.name, missing, site)
    if code.star:
        values.append(extra)
    if code.keywords:
        values.append(Dict(others))
    return values


def _count(number: int, noun: str) -> str:
    if number == 0:
        return f"no {noun}s"
    return f"at most {number} {noun}" + ("s" if number > 1 else "")


def _unexpected(function: str, name: str, known: Iterable[str], site: Site) -> BuildError:
    return BuildError(
        f"{function}() has no parameter '{name}'",
        span=site.argument_spans.get(name) or site.span,
        hint=did_you_mean(name, known),
    )


def _missing(function: str, names: list[str], site: Site) -> BuildError:
    listed = ", ".join(f"'{name}'" for name in names)
    noun = "argument" if len(names) == 1 else "arguments"
    return BuildError(f"{function}() is missing the {noun} {listed}", span=site.span)


def invoke(thread: Thread, function: Any, positional: list[Value], keyword: dict[str, Value], site: Site) -> Value:
    """Call any value. Raises BuildError at the call if it is not callable."""
    kind = type(function)
    if kind is Function:
        return function.run(thread, positional, keyword, site)  # type: ignore[no-any-return]
    thread.steps += 1
    if thread.steps > thread.limit:
        thread.charge(0)
    try:
        if kind is Builtin:
            if function.plain:
                return function.function(*positional, **keyword)  # type: ignore[no-any-return]
            return function.function(Call(thread, site), *positional, **keyword)  # type: ignore[no-any-return]
        if kind is Method:
            return function.function(function.receiver, *positional, **keyword)  # type: ignore[no-any-return]
        run = getattr(function, "invoke", None)
        if run is None:
            raise BuildError(f"value of type '{type_name(function)}' is not callable")
        return run(Call(thread, site), positional, keyword)  # type: ignore[no-any-return]
    except BuildError as error:
        if error.span is None:
            raise place(error, site.span) from None
        raise
    except TypeError as error:
        if kind not in (Builtin, Method):
            raise
        leading = 0 if kind is Builtin and function.plain else 1
        raise mismatch(error, function.name, function.function, leading, positional, keyword, site) from None


def mismatch(
    error: TypeError,
    name: str,
    function: Callable[..., Value],
    leading: int,
    positional: Sequence[Value],
    keyword: Mapping[str, Value],
    site: Site,
) -> Exception:
    """Explain a TypeError of a call to Python code: arguments that do not fit its signature, or else a fault of ours."""
    signature = inspect.signature(function)
    try:
        signature.bind(*[None] * leading, *positional, **keyword)
    except TypeError:
        return _binding_error(name, list(signature.parameters.values())[leading:], positional, keyword, site)
    return error


def _binding_error(
    name: str,
    parameters: list[inspect.Parameter],
    positional: Sequence[Value],
    keyword: Mapping[str, Value],
    site: Site,
) -> BuildError:
    kinds = inspect.Parameter
    places = [one for one in parameters if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    named = [one.name for one in parameters if one.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    if len(positional) > len(places) and not any(one.kind is kinds.VAR_POSITIONAL for one in parameters):
        return BuildError(
            f"{name}() accepts {_count(len(places), 'positional argument')}, found {len(positional)}", span=site.span
        )
    taken = {one.name for one in places[: len(positional)]}
    for key in keyword:
        if key in taken and key in named:
            return BuildError(
                f"{name}() got two values for parameter '{key}'", span=site.argument_spans.get(key) or site.span
            )
        if key not in named:
            return _unexpected(name, key, named, site)
    given = taken | set(keyword)
    missing = [
        one.name
        for one in parameters
        if one.default is kinds.empty
        and one.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
        and one.name not in given
    ]
    return _missing(name, missing, site)
