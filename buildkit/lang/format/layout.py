"""The layout tree: what is written, as it is written, with the comments at each piece of it.

The language's own tree (`lang.syntax`) holds what a file means; it has no parentheses, commas, brackets or comments.
This one holds them, and is changed in place by `rewriting` before it is printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from buildkit.lang.format.tokens import Comment

Comments = list[Comment]

LEAVE_ALONE = "buildifier: leave-alone"
KEEP_SORTED = "keep sorted"
DO_NOT_SORT = "do not sort"


@dataclass(slots=True, eq=False)
class Node:
    """A piece of text from offset `start` to `end`, on the lines `first` to `last`; comments come later."""

    start: int
    end: int
    first: int
    last: int
    before: Comments = field(default_factory=list, init=False)
    suffix: Comments = field(default_factory=list, init=False)
    after: Comments = field(default_factory=list, init=False)

    is_block: ClassVar[bool] = False


@dataclass(slots=True, eq=False)
class Name(Node):
    """A name; also `pass`, `break`, `continue`."""

    text: str


@dataclass(slots=True, eq=False)
class Number(Node):
    """A number, or bytes: printed as it stands."""

    text: str


@dataclass(slots=True, eq=False)
class Text(Node):
    """A string literal: how it is written, its value, and its column from 0."""

    text: str
    value: str
    column: int


@dataclass(slots=True, eq=False)
class End(Node):
    """A closing bracket, or the word `else`: a place for comments."""


@dataclass(slots=True, eq=False)
class Unary(Node):
    """`-x`, `not x`, `*args`; a lone `*` has no operand."""

    operator: str
    operand: Node | None


@dataclass(slots=True, eq=False)
class Binary(Node):
    """Operators of one precedence, grouped to the left; `breaks` says after which ones the line ends."""

    level: int
    operands: list[Node]
    operators: list[str]
    breaks: list[bool]


@dataclass(slots=True, eq=False)
class Assign(Node):
    """`x = y`, `x += y`, `f(x = y)`, `def f(x = y)`."""

    target: Node
    operator: str
    value: Node
    breaks: bool


@dataclass(slots=True, eq=False)
class Conditional(Node):
    """`then if condition else otherwise`."""

    then: Node
    condition: Node
    otherwise: Node


@dataclass(slots=True, eq=False)
class Lambda(Node):
    """`lambda parameters: body`."""

    parameters: list[Node]
    body: Node


@dataclass(slots=True, eq=False)
class Group(Node):
    """A sequence in brackets, or none: `kind` is '(' (one in parentheses), ',' (a tuple), '[', '{' or '' (no brackets).

    `forced` (several lines) and `compact` (one line) are the author's choice where a BUILD file leaves one.
    """

    kind: str
    items: list[Node]
    closing: End | None
    forced: bool = False
    compact: bool = False


@dataclass(slots=True, eq=False)
class Pair(Node):
    """`key: value` of a dict."""

    key: Node
    value: Node


@dataclass(slots=True, eq=False)
class Comprehension(Node):
    """`[body for … if …]`; `opening` is its bracket."""

    opening: str
    body: Node
    clauses: list[Node]
    closing: End
    forced: bool


@dataclass(slots=True, eq=False)
class ForClause(Node):
    """`for targets in iterable`; `comma` where the targets end with one."""

    targets: Node
    iterable: Node


@dataclass(slots=True, eq=False)
class IfClause(Node):
    """`if condition`."""

    condition: Node


@dataclass(slots=True, eq=False)
class Chain(Node):
    """`base.name[key](arguments)`: one flat list, however long, for each piece that follows the base."""

    base: Node
    links: list[Dot | Call | Index]


@dataclass(slots=True, eq=False)
class Dot(Node):
    """`.name` of a chain; `breaks` where it starts a line."""

    name: str
    breaks: bool


@dataclass(slots=True, eq=False)
class Call(Node):
    """`(arguments)` of a chain; `name` is the dotted name that is called, or ''; `opened` its bracket's line."""

    name: str
    opened: int
    items: list[Node]
    closing: End
    forced: bool
    compact: bool


@dataclass(slots=True, eq=False)
class Index(Node):
    """`[key]` or `[low:high:step]` of a chain; comments before its closing bracket are printed after it."""

    parts: list[Node | None]
    closing: End


@dataclass(slots=True, eq=False)
class LoadName(Node):
    """One name of a load: what the module calls it, and what it is called here."""

    original: str
    local: str


@dataclass(slots=True, eq=False)
class Load(Node):
    """`load(module, names)`; `compact` where it is all on one line."""

    module: Text
    names: list[LoadName]
    closing: End
    compact: bool


@dataclass(slots=True, eq=False)
class Return(Node):
    """`return value`."""

    value: Node | None


@dataclass(slots=True, eq=False)
class CommentBlock(Node):
    """Comments that stand alone; they are its `after`."""


@dataclass(slots=True, eq=False)
class Block(Node):
    """A statement with a body."""

    is_block: ClassVar[bool] = True


@dataclass(slots=True, eq=False)
class Definition(Block):
    """`def name(parameters): body`."""

    name: str
    parameters: list[Node]
    body: list[Node]


@dataclass(slots=True, eq=False)
class Loop(Block):
    """`for targets in iterable: body`."""

    targets: Node
    iterable: Node
    body: list[Node]


@dataclass(slots=True, eq=False)
class Branch(Block):
    """`if`, the `elif`s and the `else`: `keywords` are the places of all but the first."""

    conditions: list[Node]
    bodies: list[list[Node]]
    keywords: list[End]
    otherwise: list[Node]


@dataclass(slots=True, eq=False)
class File:
    """A file's statements, and comments that belong to none of them."""

    statements: list[Node]
    before: Comments = field(default_factory=list)
    after: Comments = field(default_factory=list)


def says(node: Node, words: str) -> bool:
    """Whether a comment at a piece holds some words, however they are capitalised."""
    if not node.before and not node.suffix and not node.after:
        return False
    return any(words in comment.text.lower() for comment in (*node.before, *node.suffix, *node.after))


def last_line(node: Node) -> int:
    """The line on which a statement ends: a block's body may have lost comments to the block around it."""
    while isinstance(node, Block):
        node = bodies(node)[-1][-1]
    return node.last


def bodies(node: Node) -> list[list[Node]]:
    """The bodies of a block statement, in their order."""
    if isinstance(node, Branch):
        return [*node.bodies, node.otherwise] if node.otherwise else node.bodies
    return [node.body] if isinstance(node, Definition | Loop) else []
