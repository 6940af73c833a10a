"""Query text → expression tree.

In: an expression, and the functions that it may call. Out: an `Expression`, or a BuildError with a place in the text.
Operators are of equal precedence and are applied from the left.

::

    expression = operand {("+" | "union" | "-" | "except" | "^" | "intersect") operand}
    operand    = WORD | "$name" | "(" expression ")" | "let" NAME "=" expression "in" expression
               | "set" "(" {WORD} ")" | WORD "(" argument {"," argument} ")"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.graph.query.expression import (
    Argument,
    Expression,
    Invocation,
    Let,
    Number,
    Operation,
    Variable,
    Word,
    WordSet,
)
from buildkit.graph.query.lexer import Token, tokens
from buildkit.graph.query.signature import Signature

NESTING = 100  # of parentheses, calls and lets


def parse(text: str, functions: Mapping[str, Signature]) -> Expression:
    """Read an expression. Raises BuildError with its place in the text."""
    parser = _Parser(tokens(text), functions)
    found = parser.expression()
    parser.end()
    return found


class _Parser:
    def __init__(self, read: list[Token], functions: Mapping[str, Signature]) -> None:
        self.tokens = read
        self.functions = functions
        self.position = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.token
        self.position += token.kind != "end"
        return token

    def end(self) -> None:
        if self.token.kind != "end":
            hint = "operators are + (union), - (except) and ^ (intersect); a list of patterns is set(A B)"
            raise self.unexpected("an operator or the end", hint)

    def unexpected(self, expected: str, hint: str | None = None) -> BuildError:
        return BuildError(f"expected {expected}, found {self.token}", span=self.token.span, hint=hint)

    def expression(self) -> Expression:
        self.depth += 1
        if self.depth > NESTING:
            raise BuildError(
                f"the expression is nested too deeply: the bound is {NESTING} levels", span=self.token.span
            )
        first, rest = self.operand(), []
        while self.token.kind in ("+", "-", "^"):
            sign = self.take().kind
            rest.append((sign, self.operand()))
        self.depth -= 1
        return Operation(first, tuple(rest), _around(first.span, rest[-1][1].span)) if rest else first

    def operand(self) -> Expression:
        token = self.token
        match token.kind:
            case "(":
                self.take()
                inner = self.expression()
                self.close(token)
                return inner
            case "let":
                return self.let()
            case "set":
                return self.set()
            case "word":
                self.take()
                if self.token.kind == "(" and not token.quoted:
                    return self.invocation(token)
                return _word(token)
        raise self.unexpected("a target pattern or a function")

    def let(self) -> Expression:
        start = self.take()
        name = self.take()
        if not name.text.isidentifier() or name.kind != "word":
            raise BuildError(f"expected a variable's name after 'let', found {name}", span=name.span)
        self.expect("=", f"'=' after 'let {name.text}'")
        value = self.expression()
        self.expect("in", f"'in' after the value of '{name.text}'")
        body = self.expression()
        return Let(name.text, value, body, _around(start.span, body.span))

    def expect(self, kind: str, expected: str) -> Token:
        if self.token.kind != kind:
            raise self.unexpected(expected)
        return self.take()

    def close(self, opening: Token) -> Token:
        if self.token.kind == "end":
            raise BuildError("'(' is never closed", span=opening.span)
        return self.expect(")", "an operator or ')'")

    def set(self) -> Expression:
        start = self.take()
        opening, words = self.expect("(", "'(' after 'set'"), []
        while self.token.kind == "word":
            words.append(Word(self.token.text, self.take().span))
        if self.token.kind == ",":
            raise BuildError("the words of a set are separated by spaces, found ','", span=self.token.span)
        return WordSet(tuple(words), _around(start.span, self.close(opening).span))

    def invocation(self, name: Token) -> Expression:
        signature = self.functions.get(name.text)
        if signature is None:
            known = sorted(self.functions)
            hint = did_you_mean(name.text, known) or "the functions are: " + ", ".join(known)
            raise BuildError(f"unknown function '{name.text}'", span=name.span, hint=hint)
        opening = self.take()
        arguments: list[Argument] = []
        while self.token.kind != ")":
            arguments.append(self.argument(signature, len(arguments)))
            if self.token.kind != ",":
                break
            self.take()
        closing = self.close(opening)
        span = _around(name.span, closing.span)
        if len(arguments) < signature.required:
            raise BuildError(f"{signature.counted}, found {len(arguments)}", span=span, hint=f"use {signature}")
        return Invocation(name.text, tuple(arguments), span)

    def argument(self, signature: Signature, number: int) -> Argument:
        parameter = signature.parameter(number)
        if parameter is None:
            raise BuildError(f"{signature.counted}, found more", span=self.token.span, hint=f"use {signature}")
        if parameter.kind == "expression":
            return self.expression()
        token = self.token
        if token.kind != "word":
            what = "a number" if parameter.kind == "number" else "a word"
            raise self.unexpected(f"{what} for '{parameter.name}' of {signature.name}", f"use {signature}")
        self.take()
        if parameter.kind == "word":
            return Word(token.text, token.span)
        if not (token.text.isascii() and token.text.isdecimal() and len(token.text) < 10):
            message = f"'{parameter.name}' of {signature.name} must be a whole number, found '{token.text}'"
            raise BuildError(message, span=token.span)
        return Number(int(token.text), token.span)


def _word(token: Token) -> Expression:
    if token.text.startswith("$"):
        return Variable(token.text[1:], token.span)
    return Word(token.text, token.span)


def _around(first: Span, last: Span) -> Span:
    return replace(first, end_line=last.end_line, end_column=last.end_column)
