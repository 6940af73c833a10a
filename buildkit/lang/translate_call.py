"""Calls and functions → Python.

A function of the file itself is called directly, its arguments bound while translating; so is a builtin. Of any other
value one look tells whether it is a function that takes just these arguments; the rest is for `invoke`.
"""

from __future__ import annotations

import keyword
from collections.abc import Sequence
from typing import Any

from buildkit.lang import syntax
from buildkit.lang.functions import Builtin
from buildkit.lang.inference import is_int
from buildkit.lang.resolver import Home
from buildkit.lang.runtime import LONG
from buildkit.lang.translate_method import call_method, has_method
from buildkit.lang.translation import Operand, Translator, Writer

# What gives large values is charged for their size.
_LARGE_BUILTINS = frozenset(("list", "dict", "tuple", "str", "repr", "reversed", "enumerate", "zip", "bytes"))
_READING_BUILTINS = frozenset(("all", "any", "max", "min", "set"))


def _invocation(w: Writer, node: syntax.Invocation, into: str | None) -> Operand:
    """A call."""
    kind = w.inference.kind(node)
    if type(node.function) is syntax.Dot:
        return Operand(_method(w, node, node.function, into), kind)
    if type(node.function) is syntax.Name:
        home, where = w.unit.resolution.bindings[node.function.start]
        if home is Home.PREDECLARED and type(w.unit.predeclared[where]) is Builtin and _settled(node):
            return Operand(_builtin(w, node, w.unit.predeclared[where], into), kind)
        if home is Home.GLOBAL and where in w.unit.definitions and _settled(node):
            direct = _direct(w, node, where, w.unit.definitions[where], into)
            if direct is not None:
                return Operand(direct)
    function = w.expression(node.function).text
    function = function if function.isidentifier() else w.store(function, node.function, None)
    return Operand(_unknown(w, node, function, into))


def _settled(node: syntax.Invocation) -> bool:
    """Whether the call says by itself how many arguments there are, in names that Python takes."""
    return all(
        one.kind == ""
        or (one.kind == "=" and one.name.isascii() and not keyword.iskeyword(one.name) and one.name != "__debug__")
        for one in node.arguments
    )


def _texts(w: Writer, node: syntax.Invocation) -> list[str]:
    return [w.expression(argument.value).text for argument in node.arguments]


def _passed(node: syntax.Invocation, texts: Sequence[str]) -> list[str]:
    """Arguments as Python writes them."""
    return [
        f"{argument.name}={text}" if argument.kind == "=" else text
        for argument, text in zip(node.arguments, texts, strict=True)
    ]


def _builtin(w: Writer, node: syntax.Invocation, builtin: Any, into: str | None) -> str:
    if builtin is w.unit.builtins.get("len") and len(node.arguments) == 1 and not node.arguments[0].kind:
        return _length(w, node, builtin, into)
    operands = [w.expression(argument.value) for argument in node.arguments]
    if builtin.name in _READING_BUILTINS and len(operands) == 1 and not node.arguments[0].kind:
        read = operands[0].text if operands[0].text.isidentifier() else w.store(operands[0].text, node, None)
        operands[0] = operands[0]._replace(text=read)
        w.line(f"read(T, {read})", node)
    function = w.constant(builtin.function)
    if builtin is w.unit.builtins.get("str") and len(operands) == 1 and not node.arguments[0].kind:
        value = operands[0]
        test = "" if is_int(value.kind) else f" if type({value.text}) is int else {function}({value.text})"
        name = w.store(f"str({value.text}){test}", node, into)
        w.line(f"if len({name}) > {LONG}: longer(T, {name})", node)
        return name
    arguments = _passed(node, [operand.text for operand in operands])
    if not builtin.plain:
        arguments.insert(0, f"Call(T, {w.site(node)})")
    text = f"{function}({', '.join(arguments)})"
    leading = "0" if builtin.plain else "1"
    name = w.store(text, node, into, "call", function, leading)
    if builtin.name in _LARGE_BUILTINS:
        short = w.inference.kind(node) == "string"
        w.line(f"if len({name}) > {LONG}: longer(T, {name})" if short else f"sized(T, {name})", node)
    return name


def _length(w: Writer, node: syntax.Invocation, builtin: Any, into: str | None) -> str:
    value = w.expression(node.arguments[0].value)
    if value.kind in ("string", "tuple"):
        return f"len({value.text})"
    if value.kind == "list":
        return w.store(f"len({value.text}.items)", node, into)  # what comes after it may change the list
    general = f"{w.constant(builtin.function)}({value.text})"
    if value.kind is not None:
        return w.store(general, node, into)
    text = f"len({value.text}.items) if type({value.text}) is List else {general}"
    return w.store(text, node, into)


def _direct(w: Writer, node: syntax.Invocation, slot: int, called: syntax.Definition, into: str | None) -> str | None:
    """A call of a function of the same file; None if its arguments do not fit."""
    parameters = called.parameters
    if any(one.kind for one in parameters):
        return None
    names = [one.name for one in parameters]
    given = [argument.name for argument in node.arguments if argument.kind == "="]
    positional = len(node.arguments) - len(given)
    filled = [*names[:positional], *given]
    if positional > len(names) or len({*filled}) != len(filled) or not {*given} <= {*names}:
        return None
    if any(one.default is None and one.name not in filled for one in parameters):
        return None
    texts = dict(zip(filled, _in_order(w, node), strict=True))
    arguments = [texts.get(name, f"g{slot}.defaults[{number}]") for number, name in enumerate(names)]
    return w.store(f"d{slot}({', '.join(['T', *arguments])})", node, into)


def _in_order(w: Writer, node: syntax.Invocation) -> list[str]:
    texts = _texts(w, node)
    kinds = [argument.kind for argument in node.arguments]
    return [text for kind in ("", "=") for one, text in zip(kinds, texts, strict=True) if one == kind]


def _unknown(w: Writer, node: syntax.Invocation, function: str, into: str | None) -> str:
    """A call of any value."""
    if any(argument.kind for argument in node.arguments):
        positional, named = _collected(w, node)
        return w.store(_invoke(w, node, function, positional, named), node, into)
    texts = _texts(w, node)
    direct = f"{function}.direct({', '.join(['T', *texts])})"
    general = _invoke(w, node, function, f"[{', '.join(texts)}]", "{}")
    text = f"{direct} if type({function}) is Function and {function}.exact == {len(texts)} else {general}"
    return w.store(text, node, into)


def _invoke(w: Writer, node: syntax.Invocation, function: str, positional: str, named: str) -> str:
    rest = f"T, {function}, {positional}, {named}, {w.site(node)})"
    if w.marked or w.code is None:
        return f"invoke({rest}"
    return f"invoke_marked({w.code.key}, {rest}"


def _collected(w: Writer, node: syntax.Invocation) -> tuple[str, str]:
    """The texts of a list of positional and a dict of named arguments."""
    if all(argument.kind in ("", "=") for argument in node.arguments):
        pairs = list(zip(node.arguments, _texts(w, node), strict=True))
        positional = ", ".join(text for argument, text in pairs if not argument.kind)
        named = ", ".join(f"{argument.name!r}: {text}" for argument, text in pairs if argument.kind)
        return f"[{positional}]", f"{{{named}}}"
    listed, named = w.temporary(), w.temporary()
    w.line(f"{listed} = []; {named} = {{}}", node)
    for argument in node.arguments:
        text = w.expression(argument.value).text
        if argument.kind == "":
            w.line(f"{listed}.append({text})", argument)
        elif argument.kind == "=":
            w.line(f"{named}[{argument.name!r}] = {text}", argument)
        else:
            w.line(f"spread({listed}, {text})" if argument.kind == "*" else f"merge({named}, {text})", argument)
    return listed, named


def _method(w: Writer, node: syntax.Invocation, dot: syntax.Dot, into: str | None) -> str:
    receiver, name = w.expression(dot.value), dot.name

    def general(function: str, texts: Sequence[str]) -> str:
        positional = ", ".join(text for one, text in zip(node.arguments, texts, strict=True) if not one.kind)
        pairs = [(one.name, text) for one, text in zip(node.arguments, texts, strict=True) if one.kind]
        named = ", ".join(f"{key!r}: {text}" for key, text in pairs)
        return _invoke(w, node, function, f"[{positional}]", f"{{{named}}}")

    if has_method(name) and _settled(node):
        return call_method(w, node, dot, receiver, into, general)
    spot = syntax.Name(dot.name_start, dot.end, name)
    return _unknown(w, node, w.store(f"attribute({receiver.text}, {name!r})", spot, None), into)


EXPRESSIONS: dict[type, Translator] = {syntax.Invocation: _invocation}
