"""Grammar → the tables that scanner and parser run on.

In: `grammar.lark`. Out: `Tables`: terminals, productions and the LALR automaton, all as lark computes them. Since that
takes lark longer than most files take to parse, what it gave is kept beside the grammar, in `grammar.json`, under the
digest of the grammar's text; a grammar that was edited is computed anew. `python -m buildkit.lang.tables` writes it.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from buildkit.records import dataclass

START = "file"
END = "$END"


class Production(NamedTuple):
    """An alternative of a rule. `name` is its alias, else its rule's name; `passes`: its one part stands for it."""

    origin: str
    name: str
    symbols: tuple[str, ...]
    passes: bool


class Terminal(NamedTuple):
    """A kind of token: a text that it always has, or a regular expression; those that come first are tried first."""

    name: str
    literal: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Tables:
    """The automaton. `actions[state][symbol]` is the state to go to, or `~index` of a production to reduce."""

    terminals: tuple[Terminal, ...]
    productions: tuple[Production, ...]
    actions: tuple[dict[str, int], ...]
    final: int


@lru_cache(maxsize=1)
def tables() -> Tables:
    """The tables of the grammar; state 0 is where a file starts, `final` where it is read."""
    folder = files("buildkit.lang")
    grammar = folder.joinpath("grammar.lark").read_text(encoding="utf-8")
    kept = folder.joinpath("grammar.json")
    if kept.is_file():
        document = json.loads(kept.read_text(encoding="utf-8"))
        if document["grammar"] == _digest(grammar):
            return _decoded(document)
    return _decoded(computed(grammar))


def computed(grammar: str) -> dict[str, Any]:
    """What lark makes of a grammar, as plain data that depends on nothing but the grammar."""
    import lark
    from lark.lexer import PatternStr

    parser: Any = lark.Lark(grammar, start=START, parser="lalr", lexer="basic", keep_all_tokens=True)
    table = parser.parser.parser._parse_table
    places = _in_order(table)
    productions = sorted({_production(rule) for rule in parser.rules})
    states = []
    for state in places:
        shifts: dict[str, int] = {}
        reductions: dict[int, list[str]] = {}
        for symbol, (_, target) in sorted(table.states[state].items()):
            if hasattr(target, "expansion"):
                reductions.setdefault(productions.index(_production(target)), []).append(symbol)
            else:
                shifts[symbol] = places[target]
        states.append([shifts, {str(place): " ".join(symbols) for place, symbols in sorted(reductions.items())}])
    terminals = sorted(parser.terminals, key=lambda terminal: (-terminal.priority, terminal.name))
    return {
        "grammar": _digest(grammar),
        "final": places[table.end_states[START]],
        "terminals": [
            [one.name, one.pattern.value, ""]
            if isinstance(one.pattern, PatternStr)
            else [one.name, "", one.pattern.to_regexp()]
            for one in terminals
        ],
        "productions": [[*production] for production in productions],
        "states": states,
    }


def _production(rule: Any) -> Production:
    symbols = tuple(symbol.name for symbol in rule.expansion)
    passes = rule.options.expand1 and not rule.alias and len(symbols) == 1
    return Production(rule.origin.name, rule.alias or rule.origin.name, symbols, passes)


def _in_order(table: Any) -> dict[Any, int]:
    """States by the order in which they are met from the start; lark's own numbers differ from run to run."""
    places = {table.start_states[START]: 0}
    pending = list(places)
    for state in pending:
        for _, (_, target) in sorted(table.states[state].items()):
            if not hasattr(target, "expansion") and target not in places:
                places[target] = len(places)
                pending.append(target)
    return places


def _decoded(document: dict[str, Any]) -> Tables:
    actions = []
    for shifts, reductions in document["states"]:
        row: dict[str, int] = dict(shifts)
        for place, symbols in reductions.items():
            row |= dict.fromkeys(symbols.split(), ~int(place))
        actions.append(row)
    return Tables(
        tuple(Terminal(*terminal) for terminal in document["terminals"]),
        tuple(
            Production(origin, name, tuple(symbols), passes)
            for origin, name, symbols, passes in document["productions"]
        ),
        tuple(actions),
        document["final"],
    )


def _digest(grammar: str) -> str:
    return hashlib.sha256(grammar.encode()).hexdigest()


def written(document: dict[str, Any]) -> str:
    """The document as text, one state a line, so that a change of the grammar can be read as a change of lines."""
    parts = []
    for name, value in document.items():
        rows = value if isinstance(value, list) else None
        text = json.dumps(value) if rows is None else "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]"
        parts.append(f'"{name}": {text}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


if __name__ == "__main__":
    folder = Path(__file__).parent
    grammar = (folder / "grammar.lark").read_text(encoding="utf-8")
    (folder / "grammar.json").write_text(written(computed(grammar)), encoding="utf-8")
