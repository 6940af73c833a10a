"""One phase of one program by one implementation: `language_side.py PHASE SIDE PROGRAM FOLDER` prints CPU seconds.

PHASE is parse or evaluate, SIDE is mbuild, pure or rust; FOLDER has the pure-Python package. Evaluation begins with the
parsed file, so what it takes to prepare running is counted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

REPEATS = {"mbuild": 3, "rust": 3, "pure": 1}


def _mbuild(source: str, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    from buildkit.lang import evaluate, parse

    file = parse(source, name, build_file=False)
    return (lambda: parse(source, name, build_file=False)), (lambda: evaluate(file))


def _pure(source: str, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    import starlark

    program = starlark.compile(source, name)  # type: ignore[attr-defined]
    return (lambda: starlark.compile(source, name)), program.exec  # type: ignore[attr-defined]


def _rust(source: str, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
    import starlark

    dialect, known = starlark.Dialect.extended(), starlark.Globals.standard()
    trees = [starlark.parse(name, source, dialect) for _ in range(REPEATS["rust"])]
    return (
        lambda: starlark.parse(name, source, dialect),
        lambda: starlark.eval(starlark.Module(), trees.pop(), known),
    )


def main() -> None:
    """Run, and print the least of a few runs."""
    phase, side, program, folder = sys.argv[1:]
    if side == "pure":
        sys.path.insert(0, folder)
    sides = {"mbuild": _mbuild, "pure": _pure, "rust": _rust}
    parsing, evaluation = sides[side](Path(program).read_text(), Path(program).name)
    run = parsing if phase == "parse" else evaluation
    times = []
    for _ in range(REPEATS[side]):
        start = time.process_time()
        run()
        times.append(time.process_time() - start)
    print(min(times))


if __name__ == "__main__":
    main()
