"""Layout tree → text.

In: a file's tree, its comments attached and its pieces in their final order. Out: text. Lines break where their author
broke them; in a BUILD file's statements, sequences of several items always have a line for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from buildkit.lang.format import layout, literals
from buildkit.lang.format.layout import Comments, Node

_INDENT = 4
_PARAMETERS_INDENT = 8

# How tightly what is around an expression binds: a lambda or an operator that binds less gets parentheses.
_LOW, _ASSIGN, _LAMBDA, _CONDITIONAL, _OPERATORS = range(5)
_UNARY, _SUFFIX = 20, 21


def print_file(file: layout.File, *, build_file: bool) -> str:
    """The text of a file."""
    return Printer(build_file).file(file)


class Printer:
    """The text so far, and how the next line is to begin."""

    def __init__(self, build_file: bool) -> None:
        self._build_file = build_file
        self._lines: list[str] = []
        self._line = ""
        self._suffixes: list[str] = []  # comments that wait for the end of the line
        self._margin = 0
        self._depth = 0  # of brackets
        self._one_line = False  # in a tuple without brackets: buildifier breaks its lines without a backslash
        self._level = 0  # of blocks
        self._line_due = False

    def file(self, file: layout.File) -> str:
        """Print a file."""
        self._standalone(file.before)
        self._statements(file.statements)
        self._standalone(file.after)
        self._end_due_line()
        return "\n".join([*self._lines, self._line]) if self._lines or self._line else ""

    def _standalone(self, comments: Comments) -> None:
        for comment in comments:
            self._write(comment.text)
            self._newline()

    # Lines.

    def _write(self, text: str) -> None:
        if "\n" in text:
            first, *more, last = text.split("\n")
            self._lines += [self._line + first, *more]
            self._line = last
        else:
            self._line += text

    def _newline(self) -> None:
        self._line_due = False
        if self._suffixes:
            self._line += "  " + self._suffixes[0]
            for text in self._suffixes[1:]:
                self._lines.append(self._line.rstrip(" "))
                self._line = " " * self._margin + text
            self._suffixes = []
        self._lines.append(self._line.rstrip(" "))
        self._line = " " * self._margin

    def _end_due_line(self) -> None:
        if self._line_due:
            self._newline()

    def _break(self) -> None:
        """End a line within an expression, with a backslash where no bracket is open."""
        if self._depth:
            self._newline()
        elif self._one_line:
            self._write(" ")
        else:
            self._lines.append(self._line + " \\")
            self._line = " " * self._margin

    def _column(self) -> int:
        return len(self._line) if self._line.isascii() else len(self._line.encode("utf-8", "surrogatepass"))

    # Statements.

    def _statements(self, statements: Sequence[Node]) -> None:
        last = len(statements) - 1
        for index, statement in enumerate(statements):
            self._node(statement, _LOW)
            if not isinstance(statement, layout.CommentBlock):
                self._line_due = True
            for comment in statement.after:
                self._end_due_line()
                self._write(comment.text)
                self._line_due = True
            if index < last:
                self._newline()
                if not self._adjoins(statement, statements[index + 1]):
                    self._newline()

    def _adjoins(self, one: Node, other: Node) -> bool:
        """Whether no blank line stands between two statements."""
        if other.before or one.after:
            return False
        loads = isinstance(one, layout.Load) + isinstance(other, layout.Load)
        if loads:
            return loads == 2
        if isinstance(one, layout.CommentBlock | layout.Definition):
            return False
        if isinstance(other, layout.CommentBlock | layout.Definition):
            return False
        if self._build_file and self._level == 0:
            return False
        return other.first - layout.last_line(one) <= 1

    def _body(self, statements: Sequence[Node]) -> None:
        self._margin += _INDENT
        self._level += 1
        self._newline()
        self._statements(statements)
        self._margin -= _INDENT
        self._level -= 1

    def _definition(self, node: layout.Definition, _: int) -> None:
        self._write("def " + node.name)
        self._sequence("()", node.first, node.parameters, None, _DEFINITION)
        self._write(":")
        self._body(node.body)

    def _loop(self, node: layout.Loop, _: int) -> None:
        self._for(node.targets, node.iterable)
        self._write(":")
        self._body(node.body)

    def _for(self, targets: Node, iterable: Node) -> None:
        self._write("for ")
        self._node(targets, _LOW)
        self._write(" in ")
        self._node(iterable, _LOW)

    def _branch(self, node: layout.Branch, _: int) -> None:
        blank = False
        for index, (condition, body) in enumerate(zip(node.conditions, node.bodies, strict=True)):
            self._branch_keyword(blank, "if " if index == 0 else "elif ")
            self._node(condition, _LOW)
            self._write(":")
            self._body(body)
            following = node.keywords[index].first if index < len(node.keywords) else 0
            blank = following - layout.last_line(body[-1]) > 1
        if not node.otherwise:
            return
        first, keyword = node.otherwise[0], node.keywords[-1]
        if len(node.otherwise) == 1 and isinstance(first, layout.Branch) and not keyword.suffix and not first.before:
            self._branch_keyword(blank, "el")
            self._branch(first, _LOW)
            return
        self._branch_keyword(blank, "else:")
        self._suffixes += [comment.text for comment in keyword.suffix]
        self._body(node.otherwise)

    def _branch_keyword(self, blank: bool, text: str) -> None:
        self._end_due_line()
        if blank:
            self._newline()
        self._write(text)

    # Expressions.

    def _node(self, node: Node, outer: int) -> None:
        self._end_due_line()
        if node.before:
            self._above(node.before)
        _PRINT[type(node)](self, node, outer)
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
            self._margin = self._column() + _INDENT
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
                self._node(parameter, _LOW)
            self._write(": ")
            self._node(node.body, _LOW)

        self._parenthesised(_LAMBDA, outer, body)

    def _group(self, node: layout.Group, _: int) -> None:
        brackets = {"(": "()", ",": "()", "[": "[]", "{": "{}", "": ""}[node.kind]
        kind = {"(": _PARENTHESES, ",": _TUPLE, "": _PLAIN}.get(node.kind, _LIST)
        self._sequence(brackets, node.first, node.items, node.closing, kind, node.forced, node.compact)
        if node.kind == "" and node.forced:
            self._write(",")

    def _pair(self, node: layout.Pair, _: int) -> None:
        self._node(node.key, _LOW)
        self._write(": ")
        self._node(node.value, _LOW)

    def _comprehension(self, node: layout.Comprehension, _: int) -> None:
        several = node.forced or bool(node.closing.before)
        self._depth += 1
        self._write(node.opening)
        if several:
            self._margin += _INDENT
            self._newline()
        self._node(node.body, _LOW)
        for clause in node.clauses:
            if several:
                self._break()
            else:
                self._write(" ")
            self._node(clause, _LOW)
        if several:
            self._before_closing(node.closing)
            self._margin -= _INDENT
            self._newline()
        self._write("]" if node.opening == "[" else "}")
        self._depth -= 1
        self._suffixes += [comment.text for comment in node.closing.suffix]

    def _for_clause(self, node: layout.ForClause, _: int) -> None:
        self._for(node.targets, node.iterable)

    def _if_clause(self, node: layout.IfClause, _: int) -> None:
        self._write("if ")
        self._node(node.condition, _LOW)

    def _chain(self, node: layout.Chain, _: int) -> None:
        self._node(node.base, _SUFFIX)
        if isinstance(node.base, layout.Number) and isinstance(node.links[0], layout.Dot):
            self._write(" ")  # else its dot would be the number's
        for link in node.links:
            self._node(link, _SUFFIX)

    def _dot(self, node: layout.Dot, _: int) -> None:
        if node.breaks and (self._depth or not self._one_line):
            self._margin += _INDENT
            self._break()
            self._margin -= _INDENT
        self._write("." + node.name)

    def _call(self, node: layout.Call, _: int) -> None:
        self._sequence("()", node.opened, node.items, node.closing, _CALL, node.forced, node.compact)

    def _index(self, node: layout.Index, _: int) -> None:
        self._write("[")
        for index, part in enumerate(node.parts):
            if index:
                self._write(":")
            if part is not None:
                self._node(part, _LOW)
        self._write("]")
        self._suffixes += [comment.text for comment in (*node.closing.before, *node.closing.suffix) if comment.text]

    def _load_name(self, node: layout.LoadName, _: int) -> None:
        original = literals.quoted(node.original)
        self._write(original if node.local == node.original else f"{node.local} = {original}")

    def _load(self, node: layout.Load, _: int) -> None:
        self._write("load")
        self._sequence("()", node.first, [node.module, *node.names], node.closing, _LOAD, False, node.compact)

    def _return(self, node: layout.Return, _: int) -> None:
        self._write("return")
        if node.value is not None:
            self._write(" ")
            self._node(node.value, _LOW)

    def _comment_block(self, node: layout.CommentBlock, _: int) -> None:
        pass

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
                self._node(item, _LOW)
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
            self._node(item, _LOW)
        self._one_line = outer

    def _spread(self, items: Sequence[Node], closing: layout.End | None, kind: str) -> None:
        """A line for each item."""
        indent = _PARAMETERS_INDENT if kind == _DEFINITION else _INDENT
        self._margin += indent
        for index, item in enumerate(items):
            if index == 0 and self._suffixes:
                # Comments after the opening bracket come to stand above the first item.
                self._write("\n" + " " * (self._margin - 2))
            self._newline()
            self._node(item, _LOW)
            if index + 1 < len(items) or _ends_with_comma(kind, item):
                self._write(",")
        if closing is not None:
            self._before_closing(closing)
        self._margin -= indent
        if kind != _DEFINITION:
            self._newline()

    def _before_closing(self, closing: layout.End) -> None:
        for comment in closing.before:
            self._newline()
            self._write(comment.text)

    def _is_compact(
        self, opened: int, items: Sequence[Node], closing: layout.End | None, kind: str, forced: bool, compact: bool
    ) -> bool:
        for item in items:
            if item.before or (item.suffix and kind != _DEFINITION):
                return False
        if closing is not None and closing.before:
            return False
        if kind == _CALL and not items:
            return True
        if (self._level or not self._build_file or kind == _DEFINITION) and kind != _LOAD:
            return _on_one_line(opened, items, closing)
        if forced or compact:
            return compact and not forced
        return len(items) <= 1


_CALL, _LIST, _TUPLE, _PARENTHESES, _PLAIN, _DEFINITION, _LOAD = (
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
    if kind in (_DEFINITION, _PARENTHESES):
        return False
    return not (kind == _CALL and isinstance(last, layout.Unary) and last.operator in ("*", "**"))


_PRINT: dict[type[Node], Callable[[Printer, Any, int], None]] = {
    layout.Name: Printer._name,
    layout.Number: Printer._number,
    layout.Text: Printer._text,
    layout.Unary: Printer._unary,
    layout.Binary: Printer._binary,
    layout.Assign: Printer._assign,
    layout.Conditional: Printer._conditional,
    layout.Lambda: Printer._lambda,
    layout.Group: Printer._group,
    layout.Pair: Printer._pair,
    layout.Comprehension: Printer._comprehension,
    layout.ForClause: Printer._for_clause,
    layout.IfClause: Printer._if_clause,
    layout.Chain: Printer._chain,
    layout.Dot: Printer._dot,
    layout.Call: Printer._call,
    layout.Index: Printer._index,
    layout.LoadName: Printer._load_name,
    layout.Load: Printer._load,
    layout.Return: Printer._return,
    layout.CommentBlock: Printer._comment_block,
    layout.Definition: Printer._definition,
    layout.Loop: Printer._loop,
    layout.Branch: Printer._branch,
}
