"""The values as Python code sees them: the engine reads and supplies them through this."""

from collections.abc import Iterable
from typing import Any, ClassVar

import pytest

from buildkit.errors import BuildError, Span
from buildkit.lang import (
    Builtin,
    Call,
    Dict,
    HostValue,
    List,
    Range,
    Set,
    Struct,
    Value,
    call,
    evaluate,
    freeze,
    from_python,
    parse,
    represent,
    to_python,
    type_name,
)
from buildkit.lang import run as run_program


def run(source: str, **predeclared: Value) -> dict[str, Any]:
    return evaluate(parse(source, "f.bzl", build_file=False), predeclared=predeclared)


def test_a_list_reads_as_a_sequence() -> None:
    value: Any = run("x = [1, 'a', True]\n")["x"]
    assert (list(value), len(value), value[1], "a" in value, 1.0 in value) == ([1, "a", True], 3, "a", True, True)


def test_a_dict_tells_true_from_one() -> None:
    value: Any = run("x = {True: 'yes', 1: 'one', (1, False): 'pair', 2.0: 'two'}\n")["x"]
    assert value.items() == [(True, "yes"), (1, "one"), ((1, False), "pair"), (2.0, "two")]
    assert (value[True], value[1], value[(1, False)], value[2]) == ("yes", "one", "pair", "two")
    assert (1, 0) not in value
    assert value.get("no", "default") == "default"


def test_equality_is_that_of_the_language() -> None:
    assert List([1, True]) == List([1.0, True])
    assert List([1]) != List([True])
    assert Dict({"a": List([])}) == Dict({"a": List([])})
    assert Struct("struct", {"a": 1}) == Struct("struct", {"a": 1})
    assert Struct("struct", {"a": 1}) != Struct("other", {"a": 1})
    assert len({Struct("struct", {"a": 1}), Struct("struct", {"a": 1})}) == 1
    assert Range(range(0, 5, 2)) == Range(range(0, 6, 2))


def test_conversion_goes_all_the_way_down() -> None:
    value = run("x = {'a': [1, (2, [3])], 'b': struct(c = {}), 'd': range(2)}\n")["x"]
    plain = {"a": [1, (2, [3])], "b": {"c": {}}, "d": [0, 1]}
    assert to_python(value) == plain
    assert represent(from_python(plain)) == '{"a": [1, (2, [3])], "b": {"c": {}}, "d": [0, 1]}'


def test_what_python_hands_in_is_frozen() -> None:
    with pytest.raises(BuildError) as caught:
        run("def f():\n  x['a'].append(1)\nf()\n", x=from_python({"a": []}))
    assert caught.value.message == "cannot append to frozen list"
    assert caught.value.hint == "values freeze when their file has run; change a copy: list(x)"


def test_globals_are_frozen_once_their_file_has_run() -> None:
    source = """
x = [1]
d = {}
x.append(2)
def add():
    x.append(3)
def put():
    d["a"] = 1
def fresh():
    y = []
    y.append(x)
    return y
"""
    values = run(source)
    assert represent(values["x"]) == "[1, 2]"
    for name, kind in (("add", "list"), ("put", "dict")):
        with pytest.raises(BuildError, match=f"cannot .* frozen .*{kind}"):
            call(values[name], [], {})
    assert represent(call(values["fresh"], [], {})) == "[[1, 2]]"


def test_what_closures_and_defaults_hold_is_frozen_too() -> None:
    source = """
def make():
    held = []
    def add(x, into = []):
        held.append(x)
        into.append(x)
        return held
    return add
add = make()
add(1)
"""
    with pytest.raises(BuildError, match="cannot append to frozen list"):
        call(run(source)["add"], [2], {})


def test_loaded_names_are_not_a_files_own() -> None:
    file = parse("load('m', 'a', b = 'c')\nx = a + b\n", "f.bzl", build_file=False)
    assert evaluate(file, load=lambda text, span: {"a": 1, "c": 2}) == {"x": 3}


def test_freezing_ends_at_what_holds_itself() -> None:
    value = List([])
    value.items.append(value)
    freeze(value)
    assert value.frozen
    assert represent(value) == "[[...]]"


class Label(HostValue):
    """A value of the engine's, as graph has many."""

    __slots__ = ("name", "names")
    type_name: ClassVar[str] = "Label"

    def __init__(self, name: str) -> None:
        self.name = name
        self.names: list[str] = []

    def attribute(self, name: str) -> Value:
        return {"name": self.name, "package": "p"}[name]

    def attributes(self) -> Iterable[str]:
        return ("name", "package")

    def represent(self) -> str:
        return f"Label({self.name})"

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        if "bad" in keyword:
            raise call.error("bad is bad", argument="bad")
        return (self.name, *positional, *keyword.items())

    def exported(self, name: str) -> None:
        self.names.append(name)


def test_a_host_value_has_fields_and_can_be_called() -> None:
    values = run(
        "a = x.name\nb = x(1, k = 2)\nc = str(x)\nd = type(x)\ne = dir(x)\nf = hasattr(x, 'no')\n", x=Label("l")
    )
    assert values == {
        "a": "l",
        "b": ("l", 1, ("k", 2)),
        "c": "Label(l)",
        "d": "Label",
        "e": List(["name", "package"]),
        "f": False,
    }


def test_a_host_value_without_such_a_field_says_so() -> None:
    with pytest.raises(BuildError) as caught:
        run("y = x.nam\n", x=Label("l"))
    assert str(caught.value) == ("f.bzl:1:7: error: Label has no .nam field or method (did you mean .name?)")


def test_a_host_value_learns_the_first_name_it_is_assigned_to() -> None:
    label = Label("l")
    run("first = x()[0:0] or x\nsecond = first\n", x=label)
    assert label.names == ["first"]


def test_a_host_value_in_a_build_file_learns_no_name() -> None:
    label = Label("l")
    evaluate(parse("first = x\n", "BUILD", build_file=True), predeclared={"x": label})
    assert label.names == []


def test_a_builtin_knows_its_call() -> None:
    seen: list[object] = []

    def declare(call: Call, kind: Value, *, name: Value) -> None:
        seen.extend([call.context, str(call.span), dict(call.argument_spans), [str(one) for one in call.stack]])

    source = "def macro(n):\n  declare('k', name = n)\nmacro('a')\n"
    evaluate(
        parse(source, "f.bzl", build_file=False), predeclared={"declare": Builtin("declare", declare)}, context="here"
    )
    assert seen == [
        "here",
        "f.bzl:2:3",
        {0: Span("f.bzl", 2, 11, 2, 14), "name": Span("f.bzl", 2, 16, 2, 20)},
        ["f.bzl:3:1"],
    ]


def test_a_builtin_can_call_back() -> None:
    def apply(call: Call, function: Value, *args: Value) -> Value:
        return call.callback(function, args, {})

    assert run("x = apply(lambda a, b: a - b, 3, 1)\n", apply=Builtin("apply", apply))["x"] == 2


def test_a_bug_in_a_builtin_is_not_taken_for_a_users_mistake() -> None:
    def broken(call: Call) -> Value:
        return len(None)  # type: ignore[arg-type]

    with pytest.raises(TypeError):
        run("broken()\n", broken=Builtin("broken", broken))


def test_functions_are_called_from_python() -> None:
    values = run("def f(a, b = 2, *c, **d):\n  'What f does.'\n  return [a, b, c, d]\n")
    assert represent(call(values["f"], [1, 3, 4], {"e": 5})) == '[1, 3, (4,), {"e": 5}]'
    assert (values["f"].name, values["f"].doc, values["f"].parameters) == ("f", "What f does.", ("a", "b"))


def test_print_goes_to_the_printer_with_its_place() -> None:
    printed: list[tuple[str, str]] = []
    file = parse("print('a', 1, ['b'], sep = '-')\n", "f.bzl", build_file=False)
    evaluate(file, printer=lambda span, text: printed.append((str(span), text)))
    assert printed == [("f.bzl:1:1", 'a-1-["b"]')]


def test_types_have_the_languages_names() -> None:
    names = [type_name(value) for value in (None, True, 1, 1.0, "", b"", (), List(), Dict(), Range(range(1)))]
    assert names == ["NoneType", "bool", "int", "float", "string", "bytes", "tuple", "list", "dict", "range"]


class Sum(HostValue):
    """A value that takes part in `+` and `|`, but for booleans."""

    type_name: ClassVar[str] = "sum"

    def __init__(self, *parts: Value) -> None:
        self.parts = parts

    def operate(self, operator: str, other: Value, reflected: bool) -> Value:
        if isinstance(other, bool):
            return NotImplemented
        return Sum(*((other, operator, *self.parts) if reflected else (*self.parts, operator, other)))

    def represent(self) -> str:
        return " ".join(part if isinstance(part, str) else represent(part) for part in self.parts)


def test_a_host_value_takes_part_in_addition_and_union_on_both_sides() -> None:
    source = (
        "a = s + 1\nb = 'x' + s\nc = [] | s | {}\nd = s + s\n"
        "def f():\n    x = [1]\n    x += s\n    return x\n\ne = f()\n"
    )
    values = run(source, s=Sum("s"))
    shown = {name: represent(values[name]) for name in "abcde"}
    assert shown == {"a": "s + 1", "b": "x + s", "c": "[] | s | {}", "d": "s + s", "e": "[1] + s"}


def test_an_operator_that_a_host_value_refuses_is_an_error() -> None:
    with pytest.raises(BuildError) as caught:
        run("a = True + s\n", s=Sum("s"))
    assert str(caught.value) == "f.bzl:1:5: error: unknown binary op: bool + sum (unsupported binary operation)"


class Box(HostValue):
    """Takes any field."""

    type_name = "box"

    def __init__(self) -> None:
        self.held: dict[str, Value] = {}

    def assign(self, name: str, value: Value) -> None:
        self.held[name] = value

    def attribute(self, name: str) -> Value:
        return self.held[name]


@pytest.mark.parametrize("source", ["b.x = 1\nb.x += 2\n", "def f():\n    b.x = 1\n    b.x += 2\nf()\n"])
def test_a_host_value_may_take_assignments_to_its_fields(source: str) -> None:
    box = Box()
    run_program(source, "f.bzl", predeclared={"b": box})
    assert box.held == {"x": 3}


def test_a_host_value_that_takes_no_fields_says_so() -> None:
    with pytest.raises(BuildError, match=r"can't assign to \.x field of value"):
        run_program("b.x = 1", "f.bzl", predeclared={"b": HostValue()})


def test_a_frozen_set_refuses_an_element_that_it_has() -> None:
    items = Set([1])
    freeze(items)
    with pytest.raises(BuildError, match=r"add: cannot insert into frozen hash table \(a set\)"):
        run_program("s.add(1)", "f.bzl", predeclared={"s": items})


def test_a_loaded_name_without_a_value_yet_is_local_to_its_file() -> None:
    with pytest.raises(BuildError, match="local variable x referenced before assignment"):
        run_program("y = x\nload('m', 'x')", "f.bzl", load=lambda module, span: {"x": 1})
