"""Layout tree → text.

In: a file's tree, its comments attached and its pieces in their final order. Out: text. Lines break where their author
broke them; in a BUILD file's statements, sequences of several items always have a line for each.
"""

from __future__ import annotations

from collections.abc import Sequence

from buildkit.lang.format import layout, literals
from buildkit.lang.format.layout import Comments, Node
from buildkit.lang.format.printing_expressions import DEFINITION, INDENT, LOAD, LOW, ExpressionPrinter


def print_file(file: layout.File, *, build_file: bool) -> str:
    """The text of a file."""
    return Printer(build_file).file(file)


class Printer(ExpressionPrinter):
    """Prints files and statements."""

    def __init__(self, build_file: bool) -> None:
        super().__init__(build_file)
        self.printers |= {
            layout.LoadName: self._load_name,
            layout.Load: self._load,
            layout.Return: self._return,
            layout.CommentBlock: self._comment_block,
            layout.Definition: self._definition,
            layout.Loop: self._loop,
            layout.Branch: self._branch,
        }

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

    def _statements(self, statements: Sequence[Node]) -> None:
        last = len(statements) - 1
        for index, statement in enumerate(statements):
            self._node(statement, LOW)
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
        self._margin += INDENT
        self._level += 1
        self._newline()
        self._statements(statements)
        self._margin -= INDENT
        self._level -= 1

    def _definition(self, node: layout.Definition, _: int) -> None:
        self._write("def " + node.name)
        self._sequence("()", node.first, node.parameters, None, DEFINITION)
        self._write(":")
        self._body(node.body)

    def _loop(self, node: layout.Loop, _: int) -> None:
        self._for(node.targets, node.iterable)
        self._write(":")
        self._body(node.body)

    def _branch(self, node: layout.Branch, _: int) -> None:
        blank = False
        for index, (condition, body) in enumerate(zip(node.conditions, node.bodies, strict=True)):
            self._branch_keyword(blank, "if " if index == 0 else "elif ")
            self._node(condition, LOW)
            self._write(":")
            self._body(body)
            following = node.keywords[index].first if index < len(node.keywords) else 0
            blank = following - layout.last_line(body[-1]) > 1
        if not node.otherwise:
            return
        first, keyword = node.otherwise[0], node.keywords[-1]
        if len(node.otherwise) == 1 and isinstance(first, layout.Branch) and not keyword.suffix and not first.before:
            self._branch_keyword(blank, "el")
            self._branch(first, LOW)
            return
        self._branch_keyword(blank, "else:")
        self._suffixes += [comment.text for comment in keyword.suffix]
        self._body(node.otherwise)

    def _branch_keyword(self, blank: bool, text: str) -> None:
        self._end_due_line()
        if blank:
            self._newline()
        self._write(text)

    def _load_name(self, node: layout.LoadName, _: int) -> None:
        original = literals.quoted(node.original)
        self._write(original if node.local == node.original else f"{node.local} = {original}")

    def _load(self, node: layout.Load, _: int) -> None:
        self._write("load")
        self._sequence("()", node.first, [node.module, *node.names], node.closing, LOAD, False, node.compact)

    def _return(self, node: layout.Return, _: int) -> None:
        self._write("return")
        if node.value is not None:
            self._write(" ")
            self._node(node.value, LOW)

    def _comment_block(self, node: layout.CommentBlock, _: int) -> None:
        pass
