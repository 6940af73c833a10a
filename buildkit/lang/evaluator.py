"""Syntax trees → frozen values.

In: a `File`, the names it may use, and a function that gives the values of the modules it loads. Out: its globals. Or
a BuildError at the precise expression, with the calls that led there.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.lang import syntax
from buildkit.lang.builtins import UNIVERSE
from buildkit.lang.compilation import Unit
from buildkit.lang.compile_expression import EXPRESSIONS
from buildkit.lang.compile_statement import compile_block
from buildkit.lang.functions import invoke
from buildkit.lang.limits import Limits, active, within
from buildkit.lang.parser import raise_errors
from buildkit.lang.resolver import resolve
from buildkit.lang.stack import DEEP_STACK
from buildkit.lang.thread import UNBOUND, HostSite, Printer, Thread, place
from buildkit.lang.values import HostValue, Value, freeze

Load = Callable[[str, Span], Mapping[str, Value]]


def _print_to_stderr(span: Span, text: str) -> None:
    print(f"{span}: {text}", file=sys.stderr)  # noqa: T201


def _load_nothing(module: str, span: Span) -> Mapping[str, Value]:
    raise BuildError(f"cannot load '{module}': there are no modules here", span=span)


def evaluate(
    file: syntax.File,
    *,
    predeclared: Mapping[str, Value] | None = None,
    load: Load = _load_nothing,
    context: object = None,
    limits: Limits | None = None,
    printer: Printer = _print_to_stderr,
) -> dict[str, Value]:
    """Run a file and give its globals, frozen; what it loads is not among them. Without
    limits, those hold that hold already. Raises BuildError or BuildErrors.
    """
    limits = limits or active()
    known = {**UNIVERSE, **(predeclared or {})}
    resolution, errors = _bounded(lambda: resolve(file, known), file.span(0, 0))
    raise_errors(errors)
    values: list[Any] = [UNBOUND] * len(resolution.global_names)
    unit = Unit(file, resolution, known, values, EXPRESSIONS)
    thread = Thread(limits, context, printer)
    layout = resolution.layouts[-1]
    frame: list[Any] = [thread, *([UNBOUND] if variable.cell else UNBOUND for variable in layout.variables)]
    with within(limits):
        _bounded(lambda: _run(unit, frame, load), file.span(0, 0))
    slots = enumerate(resolution.global_names)
    result = {
        name: values[slot] for slot, name in slots if name not in resolution.loaded and values[slot] is not UNBOUND
    }
    for value in result.values():
        freeze(value)
    return result


def _run(unit: Unit, frame: list[Any], load: Load) -> None:
    exported: set[int] = set()
    for statement in unit.file.statements:
        if isinstance(statement, syntax.Load):
            _load(unit, statement, load)
            continue
        compile_block(unit, [statement])(frame)
        if not unit.file.build_file and isinstance(statement, syntax.Assignment):
            _export(unit, statement.target, exported)


def _load(unit: Unit, statement: syntax.Load, load: Load) -> None:
    span, module_name = unit.span(statement.module), str(statement.module.value)
    try:
        module = load(module_name, span)
    except BuildError as error:
        raise place(error, span) from None
    for name in statement.names:
        if name.original not in module:
            raise BuildError(
                f"file '{module_name}' does not define '{name.original}'",
                span=unit.span(name),
                hint=did_you_mean(name.original, [known for known in module if not known.startswith("_")]),
            )
        slot = unit.resolution.global_names.index(name.local)
        unit.globals[slot] = module[name.original]


def _export(unit: Unit, target: syntax.Expression, exported: set[int]) -> None:
    """Tell a host's value the first top-level name that it is assigned to."""
    if isinstance(target, syntax.Sequence):
        for item in target.items:
            _export(unit, item, exported)
    if not isinstance(target, syntax.Name):
        return
    value = unit.globals[unit.resolution.global_names.index(target.name)]
    tell = getattr(value, "exported", None) if isinstance(value, HostValue) else None
    if tell is not None and id(value) not in exported:
        exported.add(id(value))
        try:
            tell(target.name)
        except BuildError as error:
            raise unit.place(error, target) from None


def call(
    function: Value,
    positional: Sequence[Value],
    keyword: Mapping[str, Value],
    *,
    context: object = None,
    limits: Limits | None = None,
    printer: Printer = _print_to_stderr,
    span: Span | None = None,
) -> Value:
    """Call a value of the language from Python; `span` is what errors name as the place of the call."""
    limits = limits or active()
    thread = Thread(limits, context, printer)
    site = HostSite(span)
    with within(limits):
        return _bounded(lambda: invoke(thread, function, list(positional), dict(keyword), site), site.span)


def _bounded(run: Callable[[], Any], span: Span) -> Any:
    try:
        with DEEP_STACK:
            return run()
    except RecursionError:
        raise BuildError(
            "evaluation is nested too deeply: the bound is that of the interpreter's stack", span=span
        ) from None
