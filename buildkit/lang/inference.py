"""What is known of values before a function runs: a function's syntax → the kinds of its variables.

A kind is an int n ("an integer below 2**n", `BIG` when only the language's own bound is known), one of the words below,
or None: anything. Variables are inferred without regard to order: a variable's kind is what all its assignments have in
common, found by assigning again and again until nothing changes. An integer that a loop adds to grows by no more
than the number of steps allows, so a sum of small integers stays small; what grows faster becomes BIG.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from buildkit.lang import syntax
from buildkit.lang.resolver import Home, Resolution, Variable, target_names

Kind: TypeAlias = int | str | None

BIG = 1 << 20
WIDEST = 2048
STEPS_BITS = 64
RANGE_BITS = 64  # loops refuse ranges of larger numbers
NEVER = "never"
_ROUNDS = 6

_METHOD_KINDS: dict[str, dict[str, Kind]] = {
    "string": {
        **dict.fromkeys(("startswith", "endswith", "isalpha", "isdigit", "isalnum", "isspace"), "bool"),
        **dict.fromkeys(("islower", "isupper", "istitle"), "bool"),
        **dict.fromkeys(("find", "rfind", "index", "rindex", "count"), 32),
        **dict.fromkeys(("lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip"), "string"),
        **dict.fromkeys(("join", "format", "replace", "removeprefix", "removesuffix"), "string"),
        **dict.fromkeys(("split", "rsplit", "splitlines", "elems"), "list"),
    },
    "dict": {"keys": "list", "values": "list", "items": "list"},
}
_BUILTIN_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("list", "sorted", "reversed", "enumerate", "zip"), "list"),
    **dict.fromkeys(("str", "repr", "type"), "string"),
    **dict.fromkeys(("bool", "any", "all", "hasattr"), "bool"),
    "len": 40,
    "int": BIG,
    "dict": "dict",
    "tuple": "tuple",
    "range": "range",
    "float": "float",
}


def is_int(kind: Kind) -> bool:
    """Whether a kind is that of integers."""
    return type(kind) is int


def join(left: Kind, right: Kind) -> Kind:
    """What two kinds have in common."""
    if left == right or right == NEVER:
        return left
    if left == NEVER:
        return right
    return max(left, right) if type(left) is int and type(right) is int else None


def _width(bits: int) -> int:
    return bits if bits <= WIDEST else BIG


def combine(operator: str, left: Kind, right: Kind) -> Kind:
    """The kind of `left operator right`, where it succeeds."""
    if operator in ("==", "!=", "<", "<=", ">", ">=", "in", "not in"):
        return "bool"
    if left == NEVER or right == NEVER:
        return NEVER
    if type(left) is int and type(right) is int:
        return _integers(operator, left, right)
    if operator == "/":
        return "float"
    if operator == "+" and left == right and left in ("string", "list", "tuple", "float"):
        return left
    if operator == "%" and left == "string":
        return "string"
    numbers = all(kind == "float" or type(kind) is int for kind in (left, right))
    return "float" if numbers and operator in ("+", "-", "*", "//", "%") else None


def _integers(operator: str, left: int, right: int) -> Kind:
    if operator == "/":
        return "float"
    if operator == "<<":
        return BIG
    if operator == "%":
        return right
    if operator in ("//", ">>"):
        return _width(left + 1)
    return _width(left + right if operator == "*" else max(left, right) + 1)


class Inference:
    """The kinds of the variables of one function, and through them of its expressions."""

    def __init__(self, resolution: Resolution, predeclared: Mapping[str, Any], builtins: Mapping[str, Any]) -> None:
        self.resolution = resolution
        self.predeclared = predeclared
        self.builtins = builtins
        self.kinds: dict[Variable, Kind] = {}

    def settle(self, known: Mapping[Variable, Kind], parts: Iterable[Any]) -> None:
        """Find the kinds of all variables that statements, or one expression, bind, given those of the parameters."""
        assigned: list[tuple[Variable, Any, str]] = []
        for part in parts:
            self._collect(part, assigned)
        self.kinds = dict(known)
        for variable, _, _ in assigned:
            self.kinds.setdefault(variable, NEVER)
        for number in range(_ROUNDS):
            if not self._round(assigned, known, widen=number >= 2):
                self.kinds = {variable: None if kind == NEVER else kind for variable, kind in self.kinds.items()}
                return
        self.kinds = {variable: None for variable in self.kinds}  # noqa: C420

    def _round(self, assigned: list[tuple[Variable, Any, str]], known: Mapping[Variable, Kind], *, widen: bool) -> bool:
        found: dict[Variable, Kind] = {variable: known.get(variable, NEVER) for variable in self.kinds}
        grown: dict[Variable, Kind] = {}
        for variable, source, how in assigned:
            kind = self._assigned(source, how)
            if how == "grow":
                grown[variable] = join(grown.get(variable, NEVER), kind)
            else:
                found[variable] = join(found[variable], kind)
        for variable, kind in grown.items():
            base = found[variable]
            if type(base) is int and type(kind) is int:
                found[variable] = _width(max(base, kind) + STEPS_BITS)
            elif base != NEVER and kind != NEVER:
                found[variable] = base if base == kind and base in ("string", "list", "float") else None
        changed = False
        for variable, kind in found.items():
            before = self.kinds[variable]
            kind = join(before, kind)
            if kind != before:
                changed = True
                self.kinds[variable] = BIG if widen and type(before) is int and type(kind) is int else kind
        return changed

    def _assigned(self, source: Any, how: str) -> Kind:
        if how == "element":
            return self._element(source)
        if how == "index":
            return 40
        return self.kind(source) if source is not None else None

    def _element(self, iterable: Any) -> Kind:
        if type(iterable) is syntax.Invocation and self.builtin(iterable.function) == "range":
            return RANGE_BITS
        return None

    def _collect(self, node: Any, assigned: list[tuple[Variable, Any, str]]) -> None:
        """What an expression or statement assigns; functions inside have variables of their own."""
        kind = type(node)
        if kind is syntax.Assignment:
            self._bind(node.target, node.value, "value", assigned)
        elif kind is syntax.Augmented and type(node.target) is syntax.Name:
            how = "grow" if node.operator in ("+", "-") else "value"
            part = syntax.Binary(node.start, node.end, (node.operator,), (node.target, node.value))
            self._bind(node.target, node.value if how == "grow" else part, how, assigned)
        elif kind is syntax.Loop or kind is syntax.ForClause:
            self._bind(node.target, node.iterable, "element", assigned)
        elif kind is syntax.Definition:
            self._bind(node.name, None, "value", assigned)
            return
        if kind is syntax.Lambda or kind is syntax.Name or kind is syntax.Literal:
            return
        for child in node:
            if isinstance(child, tuple):
                self._collect_all(child, assigned)

    def _collect_all(self, child: Any, assigned: list[tuple[Variable, Any, str]]) -> None:
        if hasattr(child, "start"):
            self._collect(child, assigned)
            return
        for item in child:
            if isinstance(item, tuple):
                self._collect_all(item, assigned)

    def _bind(self, target: Any, source: Any, how: str, assigned: list[tuple[Variable, Any, str]]) -> None:
        if type(target) is syntax.Name:
            home, where = self.resolution.bindings[target.start]
            if home is Home.LOCAL:
                assigned.append((where, source, how))
        elif type(target) is syntax.Sequence:
            items = target.items
            if how == "value" and type(source) is syntax.Sequence and len(source.items) == len(items):
                for one, value in zip(items, source.items, strict=True):
                    self._bind(one, value, how, assigned)
                return
            counted = how == "element" and type(source) is syntax.Invocation and self._counts(source)
            for number, name in enumerate(target_names(target)):
                first = counted and number == 0 and name is items[0]
                self._bind(name, None, "index" if first else "value", assigned)

    def _counts(self, source: syntax.Invocation) -> bool:
        return self.builtin(source.function) == "enumerate" and len(source.arguments) == 1

    def builtin(self, node: Any) -> str | None:
        """The name of the language's own function that an expression names."""
        if type(node) is not syntax.Name:
            return None
        home, where = self.resolution.bindings[node.start]
        own = home is Home.PREDECLARED and self.predeclared[where] is self.builtins.get(where)
        return where if own and where in self.builtins else None

    def kind(self, node: Any) -> Kind:
        """The kind of an expression."""
        infer = _EXPRESSIONS.get(type(node))
        return infer(self, node) if infer is not None else None

    def _name(self, node: syntax.Name) -> Kind:
        home, where = self.resolution.bindings[node.start]
        if home is Home.LOCAL:
            return self.kinds.get(where)
        if home is Home.PREDECLARED:
            value = self.predeclared[where]
            return "bool" if value is True or value is False else "none" if value is None else None
        return None

    def _literal(self, node: syntax.Literal) -> Kind:
        value = node.value
        if type(value) is int:
            return _width(max(value.bit_length(), 8))
        return {str: "string", float: "float", bytes: "bytes"}[type(value)]

    def _binary(self, node: syntax.Binary) -> Kind:
        kind = self.kind(node.operands[0])
        for operator, operand in zip(node.operators, node.operands[1:], strict=True):
            right = self.kind(operand)
            kind = join(kind, right) if operator in ("and", "or") else combine(operator, kind, right)
        return kind

    def _unary(self, node: syntax.Unary) -> Kind:
        if node.operator == "not":
            return "bool"
        kind = self.kind(node.operand)
        return kind if type(kind) is int or kind in ("float", NEVER) else None

    def _conditional(self, node: syntax.Conditional) -> Kind:
        return join(self.kind(node.then), self.kind(node.otherwise))

    def _invocation(self, node: syntax.Invocation) -> Kind:
        name = self.builtin(node.function)
        if name is not None:
            return _BUILTIN_KINDS.get(name)
        if type(node.function) is syntax.Dot:
            receiver = self.kind(node.function.value)
            return _METHOD_KINDS.get(receiver, {}).get(node.function.name) if type(receiver) is str else None
        return None

    def _index(self, node: syntax.Index) -> Kind:
        kind = self.kind(node.value)
        return kind if kind in ("string", NEVER) else None

    def _slice(self, node: syntax.Slice) -> Kind:
        kind = self.kind(node.value)
        return kind if kind in ("string", "list", "tuple", NEVER) else None


_I: Any = Inference
_EXPRESSIONS: dict[type, Callable[[Inference, Any], Kind]] = {
    syntax.Name: _I._name,
    syntax.Literal: _I._literal,
    syntax.Binary: _I._binary,
    syntax.Unary: _I._unary,
    syntax.Conditional: _I._conditional,
    syntax.Invocation: _I._invocation,
    syntax.Index: _I._index,
    syntax.Slice: _I._slice,
    syntax.Sequence: lambda _, node: str(node.kind),
    syntax.Mapping: lambda _, node: "dict",
    syntax.Comprehension: lambda _, node: "list" if node.key is None else "dict",
}
