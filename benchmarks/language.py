"""The language: parsing and evaluating, against lark, pure Python and Rust; loading a large workspace, beside Bazel.

Each section is a module of its own that measures and gives a piece of Markdown; all run in one call, on one machine.
"""

from __future__ import annotations

from collections.abc import Callable

import language_evaluation
import language_load
import language_parse
from measuring import arguments, machine

SECTIONS: dict[str, Callable[[int], str]] = {
    "parse": language_parse.section,
    "evaluation": language_evaluation.section,
    "load": language_load.section,
}


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all")
    options = parser.parse_args()
    unknown = sorted({*options.sections} - {*SECTIONS})
    if unknown:
        parser.error(f"no section '{unknown[0]}'")
    print(f"## language.py: CPU time, minimum of {options.rounds}\n\n{machine()}")
    for name in options.sections or SECTIONS:
        print(f"\n{SECTIONS[name](options.rounds)}")


if __name__ == "__main__":
    main()
