"""Syntax trees → frozen values.

In: a `File`, the names it may use, and a function that gives the values of the modules it loads. Out: its globals. Or
a BuildError at the precise expression, with the calls that led there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from buildkit.errors import BuildError, Span, nearest, raise_errors
from buildkit.lang import syntax
from buildkit.lang.builtins import UNIVERSE
from buildkit.lang.freezing import freeze
from buildkit.lang.functions import invoke
from buildkit.lang.limits import Limits, active, until, within
from buildkit.lang.resolver import resolve
from buildkit.lang.stack import DEEP_STACK
from buildkit.lang.straight import Straight
from buildkit.lang.thread import UNBOUND, HostSite, Printer, Thread, place
from buildkit.lang.translation import Unit
from buildkit.lang.values import HostValue, Value
from buildkit.lang.watchdog import WATCHDOG

Load = Callable[[str, Span], Mapping[str, Value]]


def print_to_stderr(span: Span, text: str) -> None:
    """Show what `print` prints, with its place."""
    print(f"{span}: {text}", file=sys.stderr)  # noqa: T201


def load_nothing(module: str, span: Span) -> Mapping[str, Value]:
    """Refuse to load a module. Raises BuildError always."""
    raise BuildError(f"cannot load '{module}': there are no modules here", span=span)


def evaluate(
    file: syntax.File,
    *,
    predeclared: Mapping[str, Value] | None = None,
    load: Load = load_nothing,
    context: object = None,
    limits: Limits | None = None,
    printer: Printer = print_to_stderr,
) -> dict[str, Value]:
    """Run a file and give its globals, frozen; what it loads is not among them.

    Without limits, those hold that hold already. Raises BuildError or BuildErrors.
    """
    limits = limits or active()
    known = {**UNIVERSE, **(predeclared or {})}
    resolution, errors = _bounded(lambda: resolve(file, known), file.span(0, 0))
    raise_errors(errors)
    unit = Unit(file, resolution, known, UNIVERSE)
    thread = Thread(limits, context, printer)
    straight = Straight(unit, thread)
    with within(limits), _watched(thread):
        _bounded(lambda: _run(straight, load), file.span(0, 0))
    values = {name: unit.namespace.get(f"g{slot}", UNBOUND) for slot, name in enumerate(resolution.global_names)}
    result = {name: value for name, value in values.items() if name not in resolution.loaded and value is not UNBOUND}
    for value in result.values():
        freeze(value)
    return result


def _run(straight: Straight, load: Load) -> None:
    unit = straight.unit
    exported: set[int] = set()
    for statement in unit.file.statements:
        if isinstance(statement, syntax.Load):
            _load(unit, statement, load)
            continue
        straight.statement(statement)
        if not unit.file.build_file and isinstance(statement, syntax.Assignment):
            _export(straight, statement.target, exported)


def _load(unit: Unit, statement: syntax.Load, load: Load) -> None:
    file = unit.file
    span = file.span(statement.module.start, statement.module.end)
    module_name = str(statement.module.value)
    try:
        module = load(module_name, span)
    except BuildError as error:
        raise place(error, span) from None
    for name in statement.names:
        if name.original not in module:
            near = nearest(name.original, [known for known in module if not known.startswith("_")])
            meant = f" (did you mean {near}?)" if near else ""
            message = f"load: name {name.original} not found in module {module_name}{meant}"
            raise BuildError(message, span=file.span(name.start, name.end))
        slot = unit.resolution.global_names.index(name.local)
        unit.namespace[f"g{slot}"] = module[name.original]


def _export(straight: Straight, target: syntax.Expression, exported: set[int]) -> None:
    """Tell a host's value the first top-level name that it is assigned to."""
    if isinstance(target, syntax.Sequence):
        for item in target.items:
            _export(straight, item, exported)
    if not isinstance(target, syntax.Name):
        return
    value = straight.value(target)
    tell = getattr(value, "exported", None) if isinstance(value, HostValue) else None
    if tell is not None and id(value) not in exported:
        exported.add(id(value))
        try:
            tell(target.name)
        except BuildError as error:
            raise straight.place(error, target) from None


def call(
    function: Value,
    positional: Sequence[Value],
    keyword: Mapping[str, Value],
    *,
    context: object = None,
    limits: Limits | None = None,
    printer: Printer = print_to_stderr,
    span: Span | None = None,
) -> Value:
    """Call a value of the language from Python; `span` is what errors name as the place of the call."""
    limits = limits or active()
    thread = Thread(limits, context, printer)
    site = HostSite(span)
    with within(limits), _watched(thread):
        return _bounded(lambda: invoke(thread, function, list(positional), dict(keyword), site), site.span)


@contextmanager
def _watched(thread: Thread) -> Iterator[None]:
    WATCHDOG.watch(thread)
    try:
        with until(thread.deadline):
            yield
    finally:
        WATCHDOG.release(thread)


def _bounded(run: Callable[[], Any], span: Span) -> Any:
    try:
        with DEEP_STACK:
            return run()
    except RecursionError:
        raise BuildError(
            "evaluation is nested too deeply: the bound is that of the interpreter's stack", span=span
        ) from None
