"""One program, run by itself: text goes in, frozen values come out. What other programs need of the language.

`python -c` would do the same for Python; here nothing of the machine is within reach but what `predeclared` hands in.
"""

from __future__ import annotations

from collections.abc import Mapping

from buildkit.lang.builtins import ALONE
from buildkit.lang.evaluator import Load, evaluate, load_nothing, print_to_stderr
from buildkit.lang.limits import Limits, active, within
from buildkit.lang.syntax import File
from buildkit.lang.thread import Printer
from buildkit.lang.values import Value


def parse(source: str, path: str, *, build_file: bool) -> File:
    """Parse the text of a file; `path` is what errors call it. Raises BuildError, or BuildErrors for several."""
    from buildkit.lang.parser import parse as parse_text  # late: most files were parsed before, and are kept so

    return parse_text(source, path, build_file=build_file)


def run(
    text: str,
    filename: str,
    *,
    predeclared: Mapping[str, Value] | None = None,
    load: Load = load_nothing,
    limits: Limits | None = None,
    printer: Printer = print_to_stderr,
) -> dict[str, Value]:
    """Run a program and give its global values by name, frozen; what it loads is not among them.

    `filename` is what errors call the text; nothing is read. Names of `UNIVERSE` are known already; `predeclared` adds
    others: values of the language (`from_python` makes them of Python's) or `Builtin`s. `load(module, span)` gives the
    values of a module that the program loads; without it there is none. `printer(span, text)` is handed what `print`
    prints. Raises BuildError, with the place of the mistake, or BuildErrors for several.
    """
    with within(limits or active()):
        file = parse(text, filename, build_file=False)
        return evaluate(file, predeclared={**ALONE, **(predeclared or {})}, load=load, printer=printer)
