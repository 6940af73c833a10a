"""Tokens → what the builder makes of them, by the tables that lark computed.

In: `Tokens`. Out: the builder's value for the whole file, or `Unexpected`, with the states that were open. Rules that
only pass on their one part (a test that is a negation that is a sign that is an atom …) are half of all reductions; a
`Row` remembers, for a token and the one that follows it, where all of them together lead, so that they cost nothing.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

from buildkit.lang.build import Builder
from buildkit.lang.productions import build_of, grow, passes
from buildkit.lang.scanner import FINISH, ScanError, Tokens, scanner
from buildkit.lang.tables import tables

NESTING = 300

Entry = tuple[int, Any, Any]


class Unexpected(Exception):
    """A token that the grammar does not have here: its number, and the states that were open."""

    def __init__(self, token: int, states: list[int]) -> None:
        super().__init__(token)
        self.token = token
        self.states = states


class _NoEntryError(Exception):
    pass


class Row(dict[int, Entry]):
    """What a state does at a token and the token ahead (`kind << 6 | ahead`): an `Entry`, made when first asked for.

    (0, build, row): take the token, or what is built of it, and go to the row. (n, build, chain): build of the last n
    parts, and go to the row that the chain has for the row below them.
    """

    __slots__ = ("_automaton", "state")
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __init__(self, automaton: Automaton, state: int) -> None:
        self._automaton = automaton
        self.state = state

    def __missing__(self, pair: int) -> Entry:
        self[pair] = entry = self._automaton.entry(self, pair >> 6, pair & 63)
        return entry


class Chain(dict[Row, Row]):
    """The row after a reduction to a symbol, by the row below it, when the token ahead is one kind."""

    __slots__ = ("_ahead", "_automaton", "_symbol")

    def __init__(self, automaton: Automaton, symbol: str, ahead: str) -> None:
        self._automaton = automaton
        self._symbol = symbol
        self._ahead = ahead

    def __missing__(self, below: Row) -> Row:
        self[below] = row = self._automaton.after(below.state, self._symbol, self._ahead)
        return row


class Automaton:
    """The tables of the grammar, made quick to follow."""

    def __init__(self) -> None:
        found = tables()
        self._actions = found.actions
        self._productions = found.productions
        self._final = found.final
        self._names = {0: "", **scanner().names}
        self.rows = [Row(self, state) for state in range(len(found.actions))]

    def entry(self, row: Row, kind: int, ahead: int) -> Entry:
        """What a state does at a token. Raises _NoEntryError where the grammar has no such token."""
        symbol, follower = self._names[kind], self._names[ahead]
        if row.state == self._final and kind == FINISH:
            return (0, None, row)
        action = self._actions[row.state].get(symbol)
        if action is None:
            raise _NoEntryError
        if action < 0:
            production = self._productions[~action]
            return (len(production.symbols), build_of(production), Chain(self, production.origin, symbol))
        following = self._actions[action].get(follower, 0)
        if following >= 0 or len(self._productions[~following].symbols) != 1:
            return (0, None, self.rows[action])
        production = self._productions[~following]
        build = None if passes(production) else build_of(production)
        return (0, build, self.after(row.state, production.origin, follower))

    def after(self, below: int, symbol: str, ahead: str) -> Row:
        """The row after a symbol, and all reductions that only pass it on."""
        state = self._actions[below][symbol]
        while (action := self._actions[state].get(ahead, 0)) < 0 and passes(self._productions[~action]):
            state = self._actions[below][self._productions[~action].origin]
        return self.rows[state]

    def accepted(self, states: list[int]) -> set[str]:
        """The kinds of tokens that may follow, where these states are open."""
        return {name for name in self._actions[states[-1]] if name.isupper() and self._takes(list(states), name)}

    def _takes(self, states: list[int], name: str) -> bool:
        while (action := self._actions[states[-1]].get(name)) is not None and action < 0:
            production = self._productions[~action]
            del states[len(states) - len(production.symbols) :]
            states.append(self._actions[states[-1]][production.origin])
        return action is not None or (states[-1] == self._final and self._names[FINISH] == name)


@lru_cache(maxsize=1)
def automaton() -> Automaton:
    """The automaton of the grammar."""
    return Automaton()


def run(tokens: Tokens, builder: Builder) -> Any:
    """Follow the tables over tokens. Raises Unexpected, or ScanError: the builder's, the tokens', or for nesting."""
    if tokens.kinds == [FINISH]:
        return builder.file([])
    row = automaton().rows[0]
    stack, values, place = [row], list[Any](), 0
    try:
        for place, pair in enumerate(_pairs(tokens.kinds)):
            if len(stack) > NESTING:
                raise _too_deep(builder, place)
            count, build, to = row[pair]
            while count:
                if build is grow and count == 3:  # a list, a separator, one more part: a third of all reductions
                    part = values.pop()
                    values.pop()
                    values[-1].append(part)
                else:
                    values[-count:] = (build(builder, values[-count:]),)
                del stack[-count:]
                row = to[stack[-1]]
                stack.append(row)
                count, build, to = row[pair]
            values.append(place if build is None else build(builder, [place]))
            row = to
            stack.append(row)
    except _NoEntryError:
        raise Unexpected(place, [row.state for row in stack]) from None
    if tokens.error:
        raise tokens.error
    return values[0]


def _pairs(kinds: list[int]) -> list[int]:
    pairs = [kind << 6 | ahead for kind, ahead in pairwise(kinds)]
    return pairs + [kind << 6 for kind in kinds[-1:]]


def _too_deep(builder: Builder, place: int) -> ScanError:
    message = f"expressions and blocks are nested too deeply: the bound is {NESTING} levels"
    return ScanError(message, builder.start(place), builder.end(place), "give the inner parts names of their own")
