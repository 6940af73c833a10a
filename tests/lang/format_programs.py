"""BUILD and .bzl programs in odd layouts, with comments everywhere, from a seed: what the formatter is tried on.

A program is written as a tree of tokens; between two of them, spaces, line ends and comments are put at random wherever
the language allows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from buildkit.errors import BuildError, BuildErrors
from buildkit.lang import parse

NAMES = (
    "a",
    "b",
    "xs",
    "name",
    "srcs",
    "deps",
    "visibility",
    "tags",
    "x_long_name",
    "out",
    "size",
    "exports",
    "glob",
    "é",
)
ATTRIBUTES = (
    "name", "srcs", "deps", "visibility", "tags", "data", "outs", "src", "size", "zeta", "alpha", "exports", "testonly",
    "runtime_deps", "includes", "tools", "model", "implementation", "env",
)  # fmt: skip
RULES = (
    "model",
    "genrule",
    "filegroup",
    "my_rule",
    "native.rule",
    "struct",
    "package_group",
    "select",
    "glob",
    "f",
    "a.b.c",
)
TEXTS = (
    '"a"', "'a'", '"//x:x"', '"//x/y:z"', '":z"', '"@r//:r"', '"@r//a:b"', '"b.c"', '"a.b"', '"a:b"', "'it\\'s'",
    "'say \"x\"'", '"tab\\there"', "'tab\\there'", "r'raw\\d'", 'r"raw"', '"""three"""', "'''three'''", '"é"', '""',
    "'\\x41\\n'", '"//a/b/c:c"', '"//:x"', '"//a"', '"data.txt"', '"data.csv"', '"B"', '"b"',
    "'''two\nlines'''", '"""q"q"""',
    '"\\\\n"', "'\\\\n'", "'\\\\'",
)  # fmt: skip
COMMENTS = (
    "# c", "#c", "#  two  words ", "# do not sort", "# keep sorted", "# buildifier: leave-alone", "#", "# [ ( {", "# é",
    "#!x", "# a # b", "# Do Not Sort, please",
)  # fmt: skip
OPERATORS = ("+", "+", "+", "-", "*", "%", "//", "|", "&", "==", "in", "not in", "<", "and", "or", "<<", "^", "!=")


class Programs:
    """One seed's programs. `wild` is how often odd space stands between tokens, from 0 to 1."""

    def __init__(self, seed: int, wild: float) -> None:
        self._random = Random(seed)
        self._wild = wild
        self._depth = 0
        self._indent = ""
        self._documented = True  # buildifier shifts docstrings under `elif` and `else` further at each run

    def build_file(self) -> str:
        """A BUILD file: calls, assignments, loads."""
        return self._lines(lambda: self._rule() if self._chance(0.75) else self._simple(), self._below(6) + 1)

    def bzl_file(self) -> str:
        """A .bzl file: functions too."""
        return self._lines(self._statement, self._below(6) + 1)

    def _below(self, bound: int) -> int:
        return self._random.randrange(bound)

    def _chance(self, share: float) -> bool:
        return self._random.random() < share

    def _any(self, items: tuple[str, ...]) -> str:
        return self._random.choice(items)

    # Space.

    def _gap(self, least: str = "") -> str:
        """What may stand between two tokens."""
        if not self._chance(self._wild):
            return least
        if not self._depth:
            return self._random.choice((" ", "  ", least, " \\\n  ")) or least
        kind = self._below(12)
        if kind < 4:
            return self._random.choice((" ", "   ", least)) or least
        if kind < 9:
            return "\n" * (1 + self._below(3)) + " " * self._below(9)
        lead = self._random.choice(("  ", "\n    ", "\n\n  ", " "))
        more = "\n  " + self._any(COMMENTS) if self._chance(0.2) else ""
        return f"{lead}{self._any(COMMENTS)}{more}" + "\n" * (1 + self._below(2)) + " " * self._below(9)

    def _lines(self, statement: object, count: int) -> str:
        found = []
        for _ in range(count):
            while self._chance(0.25):
                found.append(self._random.choice(("", "", self._stray_comment(), self._stray_comment())))
            text = statement()  # type: ignore[operator]
            end = ("  " + self._any(COMMENTS)) if self._chance(0.1) and not text.endswith("\n") else ""
            found.append(self._indent + text + end if text[:1] != "\n" else text)
        while self._chance(0.25):
            found.append(self._random.choice(("", self._stray_comment())))
        return "\n".join(found) + ("\n" if not self._indent and self._chance(0.9) else "")

    def _stray_comment(self) -> str:
        return (self._indent if self._chance(0.7) else " " * self._below(10)) + self._any(COMMENTS)

    # Statements.

    def _statement(self) -> str:
        kind = self._below(8)
        if kind == 0 and len(self._indent) < 8:
            return self._definition()
        if kind == 1 and len(self._indent) < 8:
            return f"for {self._targets()} in {self._gap()}{self.expression(2)}{self._gap()}:{self._body()}"
        if kind == 2 and len(self._indent) < 8:
            return self._branch()
        if kind == 3 and self._indent:
            return self._random.choice(
                ("pass", "return", f"return {self.expression(2)}", "return a, b", "break", "continue")
            )
        return self._rule() if kind == 4 else self._simple()

    def _definition(self) -> str:
        self._depth += 1
        parameters = [
            self._random.choice(("a", "b", f"c{self._gap()}={self._gap()}{self.expression(1)}"))
            for _ in range(self._below(4))
        ]
        parameters += self._random.choice(((), ("*args",), ("*", "k = 1"), ("*args", "**kw"), ("**kw",)))
        inside = self._items(list(parameters))
        self._depth -= 1
        doc = ""
        if self._chance(0.4) and self._documented:
            doc = self._random.choice(
                ('"""Doc."""', "'''Doc.'''", '"""Doc.\n\n    More.  \n  Less.\n        """', '"one"')
            )
        return f"def f{self._below(100)}({inside}){self._gap()}:{self._body(doc)}"

    def _branch(self) -> str:
        text = f"if {self.expression(2)}:{self._body()}"
        outer, self._documented = self._documented, False
        while self._chance(0.3):
            text += f"\n{self._indent}elif {self.expression(1)}{self._gap()}:{self._body()}"
        if self._chance(0.4):
            text += f"\n{self._indent}else:{self._body()}"
        self._documented = outer
        return text

    def _body(self, doc: str = "") -> str:
        if not doc and self._chance(0.1):
            return " pass"
        outer, comment = self._indent, ("  " + self._any(COMMENTS) if self._chance(0.15) else "")
        self._indent += " " * self._random.choice((2, 4, 4, 4, 3))
        depth, self._depth = self._depth, 0
        inside = self._lines(self._statement, 1 + self._below(3))
        inside = (self._indent + doc + "\n" if doc else "") + inside
        self._indent, self._depth = outer, depth
        return f"{comment}\n{inside}"

    def _simple(self) -> str:
        kind = self._below(9)
        if kind == 0 and not self._indent:
            return self._load()
        if kind == 1:
            return f"{self._any(NAMES)}{self._gap(' ')}+={self._gap(' ')}{self.expression(2)}"
        if kind == 2:
            return f"a, b{self._gap(' ')}={self._gap(' ')}{self.expression(2)}, {self.expression(1)}"
        if kind == 3:
            return f"x = {self.expression(1)}; y = 2" + self._random.choice(("", ";"))
        if kind == 4:
            return self.expression(3)
        return f"{self._any(NAMES)}{self._gap(' ')}={self._gap(' ')}{self.expression(3)}"

    def _load(self) -> str:
        self._depth += 1
        names = [self._random.choice(('"b"', '"a"', 'z = "c"', "y = 'd'", '"_x"')) for _ in range(1 + self._below(4))]
        module = '":x.bzl"'
        text = f"load({self._items([module, *names])})"
        self._depth -= 1
        return text

    def _rule(self) -> str:
        self._depth += 1
        items = [
            f"{name}{self._gap(' ')}={self._gap(' ')}{self._value(name)}"
            for name in self._random.sample(ATTRIBUTES, self._below(6))
        ]
        if self._chance(0.15):
            items.insert(0, self.expression(1))
        if self._chance(0.1):
            items.append("**kw")
        text = f"{self._any(RULES)}({self._items(items)})"
        self._depth -= 1
        return text

    def _value(self, name: str) -> str:
        if self._chance(0.2):
            return self.expression(2)
        if name in ("name", "src", "size", "model", "implementation"):
            return self._any(TEXTS)
        kind = self._below(8)
        if kind == 0:
            return f"{self._list()}{self._gap(' ')}+{self._gap(' ')}{self._list()}"
        if kind == 1:
            return f'select({{"//c:d": {self._list()},{self._gap()}"//conditions:default": {self._list()}}})'
        if kind == 2:
            return f"glob({self._list()}) +{self._gap(' ')}{self._list()} + xs"
        if kind == 3:
            return f'"//a"{self._gap(" ")}+{self._gap(" ")}":b"'
        return self._list()

    def _list(self) -> str:
        self._depth += 1
        items = [self._any(TEXTS) if self._chance(0.93) else self._any(NAMES) for _ in range(self._below(5))]
        text = f"[{self._items(items)}]"
        self._depth -= 1
        return text

    def _items(self, items: list[str]) -> str:
        text = self._gap()
        for index, item in enumerate(items):
            text += item + self._gap()
            if index + 1 < len(items):
                text += "," + self._gap(" ")
            elif self._chance(0.4) and not item.startswith("*"):
                text += "," + self._gap()
        return text

    # Expressions.

    def _targets(self) -> str:
        return self._random.choice(("i", "i, j", "(i, j)", "[i]"))

    def expression(self, size: int) -> str:
        """An expression; `size` bounds how deep it is."""
        if size <= 0:
            return self._random.choice(
                (self._any(NAMES), self._any(TEXTS), "1", "0x1F", "2.5", "00", "True", "[]", "()", "{}")
            )
        less = size - 1
        kind = self._below(17)
        if kind < 2:
            return f"{self.expression(less)}{self._gap(' ')}{self._any(OPERATORS)}{self._gap(' ')}{self._operand(less)}"
        if kind == 2:
            return f"{self._random.choice(('-', 'not ', '+', '~', '- -', 'not not '))}{self._operand(less)}"
        if kind == 3:
            return f"{self._operand(less)} if {self._operand(less)} else {self.expression(less)}"
        if kind == 4:
            return f"lambda {self._random.choice(('', 'x', 'x, y = 1', '*a'))}: {self.expression(less)}"
        if kind == 5:
            return f"{self._any(NAMES)}{self._gap()}.{self._gap()}{self._any(NAMES)}"
        self._depth += 1
        text = self._bracketed(kind, less)
        self._depth -= 1
        return text

    def _operand(self, size: int) -> str:
        simple = self._chance(0.6)
        if simple:
            return self._random.choice(
                (self._any(NAMES), f"{self._any(NAMES)}.x", f"f({self._any(NAMES)})", '"s"', "[1]")
            )
        self._depth += 1
        text = f"({self._gap()}{self.expression(size)}{self._gap()})"
        self._depth -= 1
        return text

    def _bracketed(self, kind: int, less: int) -> str:
        gap = self._gap
        some = [self.expression(less) for _ in range(self._below(4))]
        if kind == 6:
            return f"({gap()}{self.expression(less)}{gap()})"
        if kind == 7:
            return f"({self._items(some)})" if len(some) != 1 else f"({some[0]},)"
        if kind in (8, 9):
            return f"[{self._items(some)}]"
        if kind == 10:
            return "{" + self._items([f"{item}{gap()}:{gap(' ')}{self.expression(less)}" for item in some]) + "}"
        if kind == 11:
            clauses = f"{gap(' ') or ' '} for i in {gap()}{self._operand(less)}"
            while self._chance(0.4):
                clauses += f"{gap(' ') or ' '} {self._random.choice(('if', 'for j, k in'))} {self._operand(less)}"
            return f"[{gap()}{self.expression(less)}{clauses}{gap()}]"
        if kind == 12:
            return f"{{{gap()}{self._operand(less)}: {self.expression(less)}{gap(' ') or ' '} for i, j in xs{gap()}}}"
        if kind == 13:
            return f"{self._any(NAMES)}[{gap()}{self._operand(less)}{gap()}]"
        if kind == 14:
            low, high = self._random.choice(("", "1", "a + 1")), self._random.choice(("", "2", "b"))
            return f"xs[{low}:{gap()}{high}{self._random.choice(('', ':', ':3'))}]"
        if kind == 15:
            rest = self._random.choice(((), ("*a",), ("k = 1", "**kw"), ("k = 1", "*a")))
            return f"f({self._items([*some, *rest])})"
        return f"{self._any(NAMES)}.f({self._items(some)}){gap()}.g({gap()})"


def programs(first: int, count: int, wild: float | None = None) -> Iterator[tuple[str, bool]]:
    """Programs of some seeds that the parser accepts, each with whether it is a BUILD file."""
    for seed in range(first, first + count):
        writer = Programs(seed, Random(seed).choice((0.0, 0.03, 0.1, 0.3)) if wild is None else wild)
        text = writer.build_file() if seed % 2 == 0 else writer.bzl_file()
        try:
            parse(text, "x", build_file=seed % 2 == 0)
        except (BuildError, BuildErrors):
            continue
        yield text, seed % 2 == 0
