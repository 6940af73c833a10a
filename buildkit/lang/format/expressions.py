"""Tokens → the layout tree of an expression, by recursive descent.

In: tokens of a text that the parser has accepted, so that nothing is checked here. Out: `layout` nodes. Where the
language groups differently from what is printed (`not a == b`), the printed text is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from buildkit.lang import literals
from buildkit.lang.format import layout, tokens
from buildkit.lang.format.layout import Node
from buildkit.lang.format.tokens import Token

_LEVELS = (
    ("or",),
    ("and",),
    ("==", "!=", "<", ">", "<=", ">=", "in", "not in"),
    ("|",),
    ("^",),
    ("&",),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "//", "%"),
)
_COMPARISON = 2
LEVEL = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}


class Expressions:
    """Reads expressions; `token` is the next token."""

    def __init__(self, found: Sequence[Token]) -> None:
        self._tokens = found
        self._at = 0
        self.token = found[0]

    def advance(self) -> Token:
        """Take the next token."""
        taken = self.token
        self._at += 1
        if self._at < len(self._tokens):
            self.token = self._tokens[self._at]
        return taken

    def take(self, text: str) -> Token | None:
        """Take the next token where it is this word or mark."""
        if self.token.text == text and self.token.kind in (tokens.NAME, tokens.MARK):
            return self.advance()
        return None

    def expressions(self) -> Node:
        """`a` or `a, b`."""
        first = self.expression()
        return self._listed(first, self.expression) if self.token.text == "," else first

    def targets(self) -> Node:
        """The targets of a `for`: `a`, `a, b`; a last comma stands in the tuple as an empty item."""
        first = self._primary()
        return self._listed(first, self._primary) if self.token.text == "," else first

    def _listed(self, first: Node, read: Callable[[], Node]) -> Node:
        items = [first]
        while self.take(","):
            if self.token.text in ("in", "=", "]"):
                return layout.Group(
                    first.start, items[-1].end, first.first, items[-1].last, "", items, None, forced=True
                )
            items.append(read())
        return layout.Group(first.start, items[-1].end, first.first, items[-1].last, "", items, None)

    def expression(self) -> Node:
        """A test: an expression without a comma outside brackets."""
        if self.token.text == "lambda" and self.token.kind == tokens.NAME:
            return self._lambda(self.expression)
        node = self._operation()
        while self.take("if"):
            condition = self._operation()
            self.take("else")
            otherwise = self.expression()
            node = layout.Conditional(node.start, otherwise.end, node.first, otherwise.last, node, condition, otherwise)
        return node

    def _condition(self) -> Node:
        """An expression without an `if` of its own."""
        return self._lambda(self._condition) if self.token.text == "lambda" else self._operation()

    def _lambda(self, read: Callable[[], Node]) -> Node:
        word = self.advance()
        parameters = self.parameters(":")
        body = read()
        return layout.Lambda(word.start, body.end, word.line, body.last, parameters, body)

    def parameters(self, end: str) -> list[Node]:
        """Parameters, up to and with the mark that ends them."""
        found: list[Node] = []
        while not self.take(end):
            found.append(self._starred() if self.token.text in ("*", "**") else self._assigned(self._name()))
            self.take(",")
        return found

    def _starred(self) -> Node:
        star = self.advance()
        if self.token.text in (",", ")", ":"):
            return layout.Unary(star.start, star.end, star.line, star.line, star.text, None)
        value = self.expression()
        return layout.Unary(star.start, value.end, star.line, value.last, star.text, value)

    def _assigned(self, target: Node) -> Node:
        if not self.take("="):
            return target
        value = self.expression()
        breaks = target.last < value.first
        return layout.Assign(target.start, value.end, target.first, value.last, target, "=", value, breaks)

    def _name(self) -> layout.Name:
        word = self.advance()
        return layout.Name(word.start, word.end, word.line, word.last_line, word.text)

    def _operation(self) -> Node:
        operands, operators = [self._unary()], []
        while (operator := self._operator()) is not None:
            operators.append(operator)
            operands.append(self._unary())
        return _grouped(operands, operators) if operators else operands[0]

    def _operator(self) -> str | None:
        text = self.token.text
        if self.token.kind == tokens.STRING:
            return None
        if text in LEVEL:
            self.advance()
            return text
        if text == "not":
            self.advance()
            self.advance()
            return "not in"
        return None

    def _unary(self) -> Node:
        token = self.token
        if token.text in ("not", "-", "+", "~") and token.kind in (tokens.NAME, tokens.MARK):
            self.advance()
            twice = token.text == self.token.text == "not"
            operand = self._negation() if twice else self._unary()
            return layout.Unary(token.start, operand.end, token.line, operand.last, token.text, operand)
        return self._primary()

    def _negation(self) -> Node:
        """What a second `not` negates: a comparison, in brackets; buildifier would take its first operand only."""
        operands, operators = [self._unary()], []
        while LEVEL.get(self.token.text, 2 if self.token.text == "not" else 0) >= _COMPARISON:
            if (operator := self._operator()) is None:
                break
            operators.append(operator)
            operands.append(self._unary())
        if not operators:
            return operands[0]
        node = _grouped(operands, operators)
        closing = layout.End(node.end, node.end, node.last, node.last)
        return layout.Group(node.start, node.end, node.first, node.last, "(", [node], closing)

    def _primary(self) -> Node:
        base = self._atom()
        links: list[layout.Dot | layout.Call | layout.Index] = []
        name = base.text if isinstance(base, layout.Name) else ""
        last = base.last
        while self.token.text in (".", "(", "[") and self.token.kind == tokens.MARK:
            mark = self.advance()
            link: layout.Dot | layout.Call | layout.Index
            if mark.text == ".":
                word = self.advance()
                link = layout.Dot(base.start, word.end, base.first, word.line, word.text, last != word.line)
                name = f"{name}.{word.text}" if name else ""
            elif mark.text == "(":
                link = self._call(base, mark, name)
                name = ""
            else:
                link = self._index(base)
                name = ""
            links.append(link)
            last = link.last
        if not links:
            return base
        return layout.Chain(base.start, links[-1].end, base.first, last, base, links)

    def _call(self, base: Node, opening: Token, name: str) -> layout.Call:
        items: list[Node] = []
        while self.token.text != ")" or self.token.kind != tokens.MARK:
            items.append(self._argument())
            self.take(",")
        closing = self.closing()
        forced = _forced(opening.line, items, closing)
        compact = _compact(opening.line, items, closing)
        return layout.Call(
            base.start, closing.end, base.first, closing.last, name, opening.line, items, closing, forced, compact
        )

    def _argument(self) -> Node:
        if self.token.text in ("*", "**") and self.token.kind == tokens.MARK:
            return self._starred()
        value = self.expression()
        return self._assigned(value)

    def _index(self, base: Node) -> layout.Index:
        parts: list[Node | None] = [None]
        while self.token.text != "]" or self.token.kind != tokens.MARK:
            if self.take(":"):
                parts.append(None)
            else:
                parts[-1] = self.expressions()
        closing = self.closing()
        return layout.Index(base.start, closing.end, base.first, closing.last, parts, closing)

    def closing(self) -> layout.End:
        """Take a closing bracket."""
        mark = self.advance()
        return layout.End(mark.start, mark.end, mark.line, mark.line)

    def _atom(self) -> Node:
        token = self.token
        if token.kind == tokens.NAME:
            return self._name()
        self.advance()
        if token.kind == tokens.STRING:
            return _string(token)
        if token.kind == tokens.NUMBER:
            return layout.Number(token.start, token.end, token.line, token.line, token.text)
        return self._bracketed(token)

    def _bracketed(self, opening: Token) -> Node:
        items: list[Node] = []
        comma = False
        close = {"(": ")", "[": "]", "{": "}"}[opening.text]
        while self.token.text != close or self.token.kind != tokens.MARK:
            item = self.expression()
            if self.take(":"):
                value = self.expression()
                item = layout.Pair(item.start, value.end, item.first, value.last, item, value)
            if self.token.text in ("for", "if"):
                return self._comprehension(opening, item)
            items.append(item)
            comma = self.take(",") is not None
        closing = self.closing()
        kind = opening.text if opening.text != "(" or (len(items) == 1 and not comma) else ","
        forced = _forced(opening.line, items, closing)
        compact = kind == "," and _compact(opening.line, items, closing)
        return layout.Group(
            opening.start, closing.end, opening.line, closing.last, kind, items, closing, forced, compact
        )

    def _comprehension(self, opening: Token, body: Node) -> Node:
        clauses: list[Node] = []
        line, forced = body.last, opening.line != body.first
        while word := self.take("for") or self.take("if"):
            clause = self._for(word) if word.text == "for" else self._if(word)
            forced = forced or line != clause.first
            line = clause.last
            clauses.append(clause)
        closing = self.closing()
        forced = forced or line != closing.first
        return layout.Comprehension(
            opening.start, closing.end, opening.line, closing.last, opening.text, body, clauses, closing, forced
        )

    def _for(self, word: Token) -> Node:
        targets = self.targets()
        self.take("in")
        iterable = self._operation()
        return layout.ForClause(word.start, iterable.end, word.line, iterable.last, targets, iterable)

    def _if(self, word: Token) -> Node:
        condition = self._condition()
        return layout.IfClause(word.start, condition.end, word.line, condition.last, condition)


def text(token: Token) -> layout.Text:
    """The node of a string literal."""
    value = literals.string(token.text, token.start)
    return layout.Text(token.start, token.end, token.line, token.last_line, token.text, value, token.column)


def _string(token: Token) -> Node:
    """The node of a string or bytes literal; bytes are printed as they stand."""
    quote = min(at for at in (token.text.find('"'), token.text.find("'")) if at >= 0)
    if "b" in token.text[:quote].lower():
        return layout.Number(token.start, token.end, token.line, token.last_line, token.text)
    return text(token)


def _grouped(operands: list[Node], operators: list[str]) -> Node:
    """One flat list of operators → trees by precedence: the loosest outside."""
    level = min(LEVEL[operator] for operator in operators)
    parts: list[Node] = []
    kept: list[str] = []
    start = 0
    for index in range(len(operators) + 1):
        if index == len(operators) or LEVEL[operators[index]] == level:
            inner = operators[start:index]
            parts.append(_grouped(operands[start : index + 1], inner) if inner else operands[start])
            start = index + 1
            if index < len(operators):
                kept.append(operators[index])
    breaks = [left.last < right.first for left, right in pairwise(parts)]
    return layout.Binary(parts[0].start, parts[-1].end, parts[0].first, parts[-1].last, level, parts, kept, breaks)


def _forced(opened: int, items: Sequence[Node], closing: Node) -> bool:
    """Whether the author broke lines around no item or one: then so does a BUILD file."""
    if len(items) > 1:
        return False
    if not items:
        return opened != closing.first
    return opened != items[0].first or closing.first != items[0].last


def _compact(opened: int, items: Sequence[Node], closing: Node) -> bool:
    """Whether several simple items stand on one line: then they stay there."""
    if len(items) <= 1:
        return False
    line = opened
    for item in items:
        if item.first != line or not _is_simple(item):
            return False
        line = item.last
    return closing.first == line


def _is_simple(node: Node) -> bool:
    if isinstance(node, layout.Unary):
        return isinstance(node.operand, layout.Name | layout.Number)
    if isinstance(node, layout.Group):
        return not node.items and node.kind != ""
    return isinstance(node, layout.Name | layout.Number | layout.Text)
