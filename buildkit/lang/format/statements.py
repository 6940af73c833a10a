"""Tokens → the layout tree of a file, with the comments that stand between statements.

In: tokens. Out: `layout.File`. A comment on lines of its own belongs to the statement right below it, else to the one
right above it, else it stands alone. After a block, comments that are indented less than it belong to what is around.
"""

from __future__ import annotations

from dataclasses import field

from buildkit.lang.format import layout, tokens
from buildkit.lang.format.expressions import Expressions, text
from buildkit.lang.format.layout import Node
from buildkit.lang.format.tokens import Comment, Token
from buildkit.records import dataclass


@dataclass(slots=True)
class _Suite:
    """Statements being read; `last` is what a comment on the next line would belong to."""

    items: list[Node] = field(default_factory=list)
    last: Node | None = None

    def add(self, new: list[Node], last: Node | None) -> None:
        """Add a statement; comments right above it become its own."""
        previous = self.last
        if isinstance(previous, layout.CommentBlock):
            self.items.pop()
        if previous is not None:
            new[0].before = previous.after
            previous.after = []
        self.items += new
        self.last = last

    def comment(self, comment: Comment) -> None:
        """Add a line of comment."""
        if self.last is None:
            self.last = _block_of([comment])
            self.items.append(self.last)
        else:
            self.last.after.append(comment)


class Statements(Expressions):
    """Reads statements."""

    def __init__(self, source: str, found: list[Token]) -> None:
        super().__init__(found)
        self._text = source
        self._inner: Node | None = None  # `last` of the body that was read last

    def file(self) -> layout.File:
        """The whole file."""
        return layout.File(self._suite(_Suite()).items)

    def _suite(self, suite: _Suite) -> _Suite:
        while self.token.kind not in (tokens.DEDENT, tokens.END):
            if self.token.kind == tokens.NEWLINE:
                self.advance()
                suite.last = None
            elif self.token.kind == tokens.COMMENT:
                self._comment(suite)
            else:
                suite.add(*self._statement())
        return suite

    def _comment(self, suite: _Suite) -> None:
        suite.comment(self._read_comment())
        if self.token.kind == tokens.NEWLINE:
            self.advance()

    def _read_comment(self) -> Comment:
        token = self.advance()
        return Comment(token.text, token.start, token.column, token.line)

    def _statement(self) -> tuple[list[Node], Node | None]:
        word = self.token.text if self.token.kind == tokens.NAME else ""
        if word not in ("def", "for", "if"):
            simple = self._line()
            return simple, simple[-1]
        block = {"def": self._definition, "for": self._loop, "if": self._branch}[word]()
        outside = _dedented(block, self._column(layout.bodies(block)[-1][0].start))
        if not outside:
            return [block], block
        return [block, *outside], outside[-1] if self._inner is not None else None

    def _column(self, offset: int) -> int:
        return offset - self._text.rfind("\n", 0, offset) - 1

    def _line(self) -> list[Node]:
        found = [self._small()]
        while self.take(";"):
            if self.token.kind == tokens.NEWLINE:
                break
            found.append(self._small())
        self.advance()
        return found

    def _small(self) -> Node:
        token = self.token
        if token.kind == tokens.NAME:
            if token.text == "return":
                return self._return()
            if token.text == "load":
                return self._load()
        target = self.expressions()
        if self.token.kind != tokens.MARK or not self.token.text.endswith("="):
            return target
        operator = self.advance().text
        value = self.expressions()
        breaks = target.last < value.first
        return layout.Assign(target.start, value.end, target.first, value.last, target, operator, value, breaks)

    def _return(self) -> Node:
        word = self.advance()
        if self.token.kind == tokens.NEWLINE or self.token.text == ";":
            return layout.Return(word.start, word.end, word.line, word.line, None)
        value = self.expressions()
        return layout.Return(word.start, value.end, word.line, value.last, value)

    def _load(self) -> Node:
        word = self.advance()
        self.advance()
        module = text(self.advance())
        names: list[layout.LoadName] = []
        while self.token.text != ")":
            if self.take(","):
                continue
            names.append(self._load_name())
        closing = self.closing()
        compact = word.line == closing.last
        return layout.Load(word.start, closing.end, word.line, closing.last, module, names, closing, compact)

    def _load_name(self) -> layout.LoadName:
        first = last = self.advance()
        if first.kind == tokens.NAME:
            self.advance()
            last = self.advance()
        original = text(last).value
        local = first.text if first.kind == tokens.NAME else original
        return layout.LoadName(first.start, last.end, first.line, last.last_line, original, local)

    def _body(self) -> list[Node]:
        self.take(":")
        if self.token.kind != tokens.NEWLINE:
            body = self._line()
            self._inner = body[-1]
            while self.token.kind == tokens.NEWLINE:
                self.advance()
            return body
        self.advance()
        leading = _Suite()
        while self.token.kind in (tokens.NEWLINE, tokens.COMMENT):
            if self.token.kind == tokens.COMMENT:
                self._comment(leading)
            else:
                self.advance()
                leading.last = None
        self.advance()
        suite = self._suite(_Suite())
        self._inner = suite.last
        self.advance()
        return _led(leading, suite.items)

    def _definition(self) -> layout.Block:
        word = self.advance()
        name = self.advance().text
        self.advance()
        parameters = self.parameters(")")
        body = self._body()
        return layout.Definition(word.start, body[-1].end, word.line, body[-1].last, name, parameters, body)

    def _loop(self) -> layout.Block:
        word = self.advance()
        targets = self.targets()
        self.take("in")
        iterable = self.expressions()
        body = self._body()
        return layout.Loop(word.start, body[-1].end, word.line, body[-1].last, targets, iterable, body)

    def _branch(self) -> layout.Block:
        word = self.advance()
        conditions, blocks, keywords = [self.expression()], [self._body()], []
        otherwise: list[Node] = []
        while self._goes_on(blocks[-1]):
            keyword = self.advance()
            keywords.append(layout.End(keyword.start, keyword.start + 1, keyword.line, keyword.line))
            if keyword.text == "else":
                otherwise = self._body()
                break
            conditions.append(self.expression())
            blocks.append(self._body())
        last = (otherwise or blocks[-1])[-1]
        return layout.Branch(word.start, last.end, word.line, last.last, conditions, blocks, keywords, otherwise)

    def _goes_on(self, body: list[Node]) -> bool:
        """Whether an `elif` or `else` follows; comments between (after a body on the `if`'s line) go to the body."""
        at = self._at
        while self._tokens[at].kind in (tokens.NEWLINE, tokens.COMMENT):
            at += 1
        if self._tokens[at].kind != tokens.NAME or self._tokens[at].text not in ("elif", "else"):
            return False
        while self._at < at:
            if self.token.kind == tokens.COMMENT:
                body[-1].after.append(self._read_comment())
            else:
                self.advance()
        return True


def _block_of(comments: list[Comment]) -> Node:
    first = comments[0]
    block = layout.CommentBlock(first.start, first.start, first.line, first.line)
    block.after = comments
    return block


def _led(leading: _Suite, items: list[Node]) -> list[Node]:
    """A body with the comments above it: those right above its first statement belong to that."""
    if not leading.items:
        return items
    block, first = leading.items[-1], items[0]
    if first.first - block.after[-1].line == 1:
        first.before = block.after
        leading.items.pop()
    return [*leading.items, *items]


def _dedented(block: layout.Block, column: int) -> list[Node]:
    """Take the comments at a block's end that are indented less than its body out of it."""
    body = layout.bodies(block)[-1]
    ends = [index for index, item in enumerate(body) if not isinstance(item, layout.CommentBlock)]
    if not ends:
        return []
    for index in range(ends[-1], len(body)):
        item = body[index]
        cut = next((at for at, comment in enumerate(item.after) if comment.column < column), None)
        if cut is None:
            continue
        outside = _block_of(item.after[cut:])
        item.after = item.after[:cut]
        found: list[Node] = [outside, *body[index + 1 :]]
        del body[index + 1 :]
        if index > ends[-1] and not item.after:
            del body[index]
        return found
    return []
