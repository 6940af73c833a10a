"""Layout tree of an expression → text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from buildkit.lang.format import layout, literals
from buildkit.lang.format.layout import Comments, Node
from buildkit.lang.format.lines import Lines

INDENT = 4
_PARAMETERS_INDENT = 8

# How tightly what is around an expression binds: a lambda or an operator that binds less gets parentheses.
LOW, _ASSIGN, _LAMBDA, _CONDITIONAL, _OPERATORS = range(5)
_UNARY, _SUFFIX = 20, 21


class ExpressionPrinter(Lines):
    """Prints expressions; whoever prints statements adds to `printers`."""

    def __init__(self, build_file: bool) -> None:
        super().__init__(build_file)
        self.printers: dict[type[Node], Callable[[Any, int], None]] = {
            layout.Name: self._name,
            layout.Number: self._number,
            layout.Text: self._text,
            layout.Unary: self._unary,
            layout.Binary: self._binary,
            layout.Assign: self._assign,
            layout.Conditional: self._conditional,
            layout.Lambda: self._lambda,
            layout.Group: self._group,
            layout.Pair: self._pair,
            layout.Comprehension: self._comprehension,
            layout.ForClause: self._for_clause,
            layout.IfClause: self._if_clause,
            layout.Chain: self._chain,
            layout.Dot: self._dot,
            layout.Call: self._call,
            layout.Index: self._index,
        }

    def _node(self, node: Node, outer: int) -> None:
        self._end_due_line()
        if node.before:
            self._above(node.before)
        self.printers[type(node)](node, outer)
        if node.suffix:
            self._suffixes += [comment.text for comment in node.suffix]

    def _above(self, comments: Comments) -> None:
        """Comments on lines of their own; those that wait for the end of this line come first."""
        waiting, self._suffixes = self._suffixes, []
        self._line = self._line.rstrip(" ")
        if self._line:
            self._lines.append(self._line)
        self._line = " " * self._margin
        for text in (*waiting, *(comment.text for comment in comments)):
            self._write(text)
            self._newline()

    def _parenthesised(self, binds: int, outer: int, body: Callable[[], None]) -> None:
        if binds >= outer:
            body()
            return
        self._write("(")
        self._depth += 1
        body()
        self._depth -= 1
        self._write(")")

    def _name(self, node: layout.Name, _: int) -> None:
        self._line += node.text

    def _number(self, node: layout.Number, _: int) -> None:
        self._write(literals.number(node.text))

    def _text(self, node: layout.Text, _: int) -> None:
        self._write(literals.printed(node))

    def _unary(self, node: layout.Unary, outer: int) -> None:
        def body() -> None:
            self._write("not " if node.operator == "not" else node.operator)
            if node.operand is not None:
                self._node(node.operand, _SUFFIX)

        self._parenthesised(_UNARY, outer, body)

    def _binary(self, node: layout.Binary, outer: int) -> None:
        self._parenthesised(_OPERATORS + node.level, outer, lambda: self._operands(node))

    def _operands(self, node: layout.Binary) -> None:
        """Once a line breaks after an operator, all operands before that one are lined up with the first."""
        usual, column = self._margin, self._column()
        lines_left = sum(node.breaks)
        binds = _OPERATORS + node.level
        for index, operand in enumerate(node.operands):
            self._margin = column if lines_left else usual
            if index:
                self._write(" " + node.operators[index - 1])
                if node.breaks[index - 1]:
                    self._break()
                    lines_left -= 1
                else:
                    self._write(" ")
            self._node(operand, binds + (index > 0))
        self._margin = usual

    def _assign(self, node: layout.Assign, _: int) -> None:
        usual = self._margin
        if node.breaks:
            self._margin = self._column() + INDENT
        self._node(node.target, _ASSIGN)
        self._write(" " + node.operator)
        if node.breaks:
            self._break()
        else:
            self._write(" ")
        self._node(node.value, _ASSIGN + 1)
        self._margin = usual

    def _conditional(self, node: layout.Conditional, _: int) -> None:
        self._node(node.then, _CONDITIONAL)
        self._write(" if ")
        self._node(node.condition, _CONDITIONAL)
        self._write(" else ")
        self._node(node.otherwise, _CONDITIONAL)

    def _lambda(self, node: layout.Lambda, outer: int) -> None:
        def body() -> None:
            self._write("lambda")
            for index, parameter in enumerate(node.parameters):
                self._write(", " if index else " ")
                self._node(parameter, LOW)
            self._write(": ")
            self._node(node.body, LOW)

        self._parenthesised(_LAMBDA, outer, body)

    def _group(self, node: layout.Group, _: int) -> None:
        brackets = {"(": "()", ",": "()", "[": "[]", "{": "{}", "": ""}[node.kind]
        kind = {"(": _PARENTHESES, ",": _TUPLE, "": _PLAIN}.get(node.kind, _LIST)
        self._sequence(brackets, node.first, node.items, node.closing, kind, node.forced, node.compact)
        if node.kind == "" and node.forced:
            self._write(",")

    def _pair(self, node: layout.Pair, _: int) -> None:
        self._node(node.key, LOW)
        self._write(": ")
        self._node(node.value, LOW)

    def _comprehension(self, node: layout.Comprehension, _: int) -> None:
        several = node.forced or bool(node.closing.before)
        self._depth += 1
        self._write(node.opening)
        if several:
            self._margin += INDENT
            self._newline()
        self._node(node.body, LOW)
        for clause in node.clauses:
            if several:
                self._break()
            else:
                self._write(" ")
            self._node(clause, LOW)
        if several:
            self._before_closing(node.closing)
            self._margin -= INDENT
            self._newline()
        self._write("]" if node.opening == "[" else "}")
        self._depth -= 1
        self._suffixes += [comment.text for comment in node.closing.suffix]

    def _for(self, targets: Node, iterable: Node) -> None:
        self._write("for ")
        self._node(targets, LOW)
        self._write(" in ")
        self._node(iterable, LOW)

    def _for_clause(self, node: layout.ForClause, _: int) -> None:
        self._for(node.targets, node.iterable)

    def _if_clause(self, node: layout.IfClause, _: int) -> None:
        self._write("if ")
        self._node(node.condition, LOW)

    def _chain(self, node: layout.Chain, _: int) -> None:
        self._node(node.base, _SUFFIX)
        if isinstance(node.base, layout.Number) and isinstance(node.links[0], layout.Dot):
            self._write(" ")  # else its dot would be the number's
        for link in node.links:
            self._node(link, _SUFFIX)

    def _dot(self, node: layout.Dot, _: int) -> None:
        if node.breaks and (self._depth or not self._one_line):
            self._margin += INDENT
            self._break()
            self._margin -= INDENT
        self._write("." + node.name)

    def _call(self, node: layout.Call, _: int) -> None:
        self._sequence("()", node.opened, node.items, node.closing, _CALL, node.forced, node.compact)

    def _index(self, node: layout.Index, _: int) -> None:
        self._write("[")
        for index, part in enumerate(node.parts):
            if index:
                self._write(":")
            if part is not None:
                self._node(part, LOW)
        self._write("]")
        self._suffixes += [comment.text for comment in (*node.closing.before, *node.closing.suffix) if comment.text]

    # Sequences.

    def _sequence(
        self,
        brackets: str,
        opened: int,
        items: Sequence[Node],
        closing: layout.End | None,
        kind: str,
        forced: bool = False,
        compact: bool = False,
    ) -> None:
        if kind == _PLAIN:
            self._plain(items)
            return
        self._write(brackets[:1])
        self._depth += 1
        if self._is_compact(opened, items, closing, kind, forced, compact):
            for index, item in enumerate(items):
                if index:
                    self._line += ", "
                self._node(item, LOW)
            if len(items) == 1 and kind == _TUPLE:
                self._write(",")
        else:
            self._spread(items, closing, kind)
        self._depth -= 1
        self._write(brackets[1:])
        if closing is not None and closing.suffix:
            self._suffixes += [comment.text for comment in closing.suffix]

    def _plain(self, items: Sequence[Node]) -> None:
        outer, self._one_line = self._one_line, True
        for index, item in enumerate(items):
            if index:
                self._write(", ")
            self._node(item, LOW)
        self._one_line = outer

    def _spread(self, items: Sequence[Node], closing: layout.End | None, kind: str) -> None:
        """A line for each item."""
        indent = _PARAMETERS_INDENT if kind == DEFINITION else INDENT
        self._margin += indent
        for index, item in enumerate(items):
            if index == 0 and self._suffixes:
                # Comments after the opening bracket come to stand above the first item.
                self._write("\n" + " " * (self._margin - 2))
            self._newline()
            self._node(item, LOW)
            if index + 1 < len(items) or _ends_with_comma(kind, item):
                self._write(",")
        if closing is not None:
            self._before_closing(closing)
        self._margin -= indent
        if kind != DEFINITION:
            self._newline()

    def _before_closing(self, closing: layout.End) -> None:
        for comment in closing.before:
            self._newline()
            self._write(comment.text)

    def _is_compact(
        self, opened: int, items: Sequence[Node], closing: layout.End | None, kind: str, forced: bool, compact: bool
    ) -> bool:
        for item in items:
            if item.before or (item.suffix and kind != DEFINITION):
                return False
        if closing is not None and closing.before:
            return False
        if kind == _CALL and not items:
            return True
        if (self._level or not self._build_file or kind == DEFINITION) and kind != LOAD:
            return _on_one_line(opened, items, closing)
        if forced or compact:
            return compact and not forced
        return len(items) <= 1


_CALL, _LIST, _TUPLE, _PARENTHESES, _PLAIN, DEFINITION, LOAD = (
    "call",
    "list",
    "tuple",
    "parentheses",
    "plain",
    "definition",
    "load",
)


def _on_one_line(opened: int, items: Sequence[Node], closing: layout.End | None) -> bool:
    """Whether each item starts on the line on which what is before it ends."""
    line = opened
    for item in items:
        if item.first != line:
            return False
        line = item.last
    return closing is None or closing.first == line


def _ends_with_comma(kind: str, last: Node) -> bool:
    if kind in (DEFINITION, _PARENTHESES):
        return False
    return not (kind == _CALL and isinstance(last, layout.Unary) and last.operator in ("*", "**"))
