"""What can be called: functions of the language, and Python code.

`Function` is a `def` or `lambda`; `Builtin` is Python code; `Call` is what a builtin learns of its call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.lang.binding import Signature, bind, mismatch
from buildkit.lang.limits import exceeded
from buildkit.lang.thread import HostSite, Site, Thread, add_note, place
from buildkit.lang.values import HostValue, Value, type_name


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


class Code(Signature):
    """A compiled function, before it has met the variables around it."""

    __slots__ = ("blank", "body", "cells", "doc", "span")

    def __init__(
        self, name: str, positional: Sequence[str], keyword_only: Sequence[str], star: int, keywords: int
    ) -> None:
        super().__init__(name, positional, keyword_only, star, keywords)
        self.doc = ""
        self.span: Callable[[], Span]
        self.blank: list[Value] = []  # what a frame holds behind its parameters
        self.cells: tuple[int, ...] = ()  # slots of variables that inner functions share
        self.body: Callable[[list[Any]], Any]


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
            frame = [thread, *bind(code, self.defaults, positional, keyword, site), *code.blank]
        for slot in code.cells:
            frame[slot] = [frame[slot]]
        if self.cells:
            frame += self.cells
        if code in thread.active:
            raise BuildError(f"function '{code.name}' is called recursively", span=site.span, hint="use a loop")
        if thread.depth >= thread.limits.depth:
            raise place(exceeded("calls are nested too deeply", "depth", thread.limits.depth), site.span)
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


def invoke(thread: Thread, function: Any, positional: list[Value], keyword: dict[str, Value], site: Site) -> Value:
    """Call any value. Raises BuildError at the call if it is not callable."""
    kind = type(function)
    if kind is Function:
        return function.run(thread, positional, keyword, site)
    thread.steps += 1
    if thread.steps > thread.limit:
        thread.charge(0)
    try:
        if kind is Builtin:
            if function.plain:
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
