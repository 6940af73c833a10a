"""Parsing: ours, lark's own LALR parser on the same grammar, `starlark-pyo3` (Rust), and pure Python's `starlark`.

In: BUILD files of a generated workspace, and the standard rules with the benchmark programs. Out: rates, ratios and a
profile. lark is measured as it comes: its contextual lexer, its indenter, once with its tree and once with hooks that
keep nothing. All sides read the same texts; each runs in a process of its own.
"""

from __future__ import annotations

import cProfile
import io
import pstats
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import big_workspace
from language_evaluation import PROGRAMS, install
from measuring import verdict

ROOT = Path(__file__).resolve().parent.parent
FASTER = 1.5
SIDES = {
    "mbuild": "mbuild, its tree",
    "lark-tree": "lark, its tree",
    "lark-hooks": "lark, hooks, no tree",
    "rust": "starlark-pyo3 (Rust)",
    "pure": "starlark (pure Python)",
}


def corpora() -> dict[str, list[str]]:
    """The texts that are parsed, by kind."""
    code = [*sorted((ROOT / "rules").glob("*.bzl")), *PROGRAMS]
    return {
        "BUILD files": [big_workspace.build_file(package, 10) for package in range(200)],
        ".bzl files": [path.read_text() for path in code],
    }


def section(rounds: int) -> str:
    """Measure and describe."""
    lines = ["### Parsing\n"]
    with tempfile.TemporaryDirectory(prefix="language-") as pure:
        install(Path(pure))
        for kind, texts in corpora().items():
            found = {side: min(_apart(side, kind, pure) for _ in range(rounds)) for side in SIDES}
            lines.append(_table(kind, texts, found))
    return "\n".join([*lines, "Where our time goes (cProfile, BUILD files; its own cost is in it):\n", _profile()])


def _table(kind: str, texts: list[str], found: dict[str, float]) -> str:
    from buildkit.lang.scanner import scanner

    size = sum(len(text.encode()) for text in texts)
    tokens = sum(len(scanner().careful(text, 0).kinds) for text in texts)
    lines = [f"{len(texts)} {kind}, {size / 1000:.0f} kB, {tokens} tokens:\n"]
    lines += ["| | CPU | MB/s | tokens/s | time / mbuild's |", "|---|---|---|---|---|"]
    for side, seconds in found.items():
        rate = f"{size / seconds / 1e6:.2f} | {tokens / seconds:,.0f}"
        lines.append(f"| {SIDES[side]} | {seconds * 1000:.1f} ms | {rate} | {seconds / found['mbuild']:.2f} |")
    quickest = min(found["lark-tree"], found["lark-hooks"])
    lines.append("\n" + verdict(f"share of lark's time, {kind}", found["mbuild"] / quickest, 1 / FASTER) + "\n")
    return "\n".join(lines)


def _apart(side: str, kind: str, pure: str) -> float:
    command = [sys.executable, __file__, side, kind, pure]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _profile() -> str:
    parse, texts = _mbuild(), corpora()["BUILD files"]
    profile = cProfile.Profile()
    profile.runcall(lambda: [parse(text) for text in texts])
    out = io.StringIO()
    pstats.Stats(profile, stream=out).sort_stats("tottime").print_stats(14)
    rows = [line for line in out.getvalue().splitlines() if re.match(r"\s+(ncalls|\d)", line)][1:]
    return "```\n" + "\n".join(re.sub(r"\S*/(\w+/\w+\.py)", r"\1", row) for row in rows) + "\n```"


def _mbuild() -> Callable[[str], object]:
    from buildkit.lang import parse

    return lambda text: parse(text, "a.bzl", build_file=False)


def lark_parser(*, tree: bool) -> Callable[[str], object]:
    """Parse as lark does, on our grammar; its lexer needs to be told of layout, and that keywords are names too."""
    from lark import Lark, Token
    from lark.indenter import Indenter

    class Layout(Indenter):
        """lark's own, but that blank lines before the first statement are no token."""

        NL_type, INDENT_type, DEDENT_type, tab_len = "NEWLINE", "INDENT", "DEDENT", 8
        OPEN_PAREN_types, CLOSE_PAREN_types = ["LPAR", "LSQB", "LBRACE"], ["RPAR", "RSQB", "RBRACE"]

        def process(self, stream: Iterator[Token]) -> Iterator[Token]:
            for number, token in enumerate(super().process(stream)):
                if number or token.type != "NEWLINE":
                    yield token

    class Hooks:
        """A hook for each rule; nothing is kept."""

        def __getattr__(self, name: str) -> Callable[[list[Any]], None]:
            if name.startswith("_"):  # rules without a name of their own are spread by lark, as trees
                raise AttributeError(name)
            return lambda children: None

    grammar = (ROOT / "buildkit" / "lang" / "grammar.lark").read_text()
    grammar = grammar.replace("NAME.6:", "NAME:").replace("%declare NEWLINE INDENT DEDENT", "%declare INDENT DEDENT")
    grammar += "\nNEWLINE: /(\\r?\\n[ \\t]*(#[^\\n]*)?)+/\n%ignore /[ \\t\\f]+|\\\\\\r?\\n|#[^\\n]*/\n"
    hooks: Any = None if tree else Hooks()
    return Lark(grammar, start="file", parser="lalr", postlex=Layout(), transformer=hooks).parse


def _rust() -> Callable[[str], object]:
    import starlark

    dialect = starlark.Dialect.extended()
    return lambda text: starlark.parse("a.bzl", text, dialect)


def _pure() -> Callable[[str], object]:
    from starlark.syntax import parse  # type: ignore[import-not-found]

    return lambda text: parse(text, "a.bzl")


def _side(side: str) -> Callable[[str], object]:
    if side.startswith("lark"):
        return lark_parser(tree=side == "lark-tree")
    return {"mbuild": _mbuild, "rust": _rust, "pure": _pure}[side]()


def main() -> None:
    """Parse a corpus by one side, and print the least CPU time of three runs."""
    side, kind, pure = sys.argv[1:]
    if side == "pure":
        sys.path.insert(0, pure)
    parse, texts = _side(side), corpora()[kind]
    parse(texts[0])
    times = []
    for _ in range(3):
        start = time.process_time()
        for text in texts:
            parse(text)
        times.append(time.process_time() - start)
    print(min(times))


if __name__ == "__main__":
    main()
