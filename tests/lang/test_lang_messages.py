"""Errors of the evaluator, to the byte: place, line, caret, the calls that led there, hint."""

from collections.abc import Mapping

import pytest

from buildkit.errors import BuildError, BuildErrors, Span, render
from buildkit.lang import Builtin, Call, Limits, Value, call, evaluate, parse

MESSAGES = {
    'x = name + "a"\n': """\
f.bzl:1:5: error: name 'name' is not defined
    x = name + "a"
        ^~~~""",
    "srcs = []\nx = scrs\n": """\
f.bzl:2:5: error: name 'scrs' is not defined
    x = scrs
        ^~~~
hint: did you mean 'srcs'?""",
    'def f(x):\n    return x + "a"\n\ndef g():\n    return f(1)\n\ny = g()\n': """\
f.bzl:2:12: error: unknown binary op: int + string (unsupported binary operation)
    return x + "a"
           ^~~~~~~
  called from f.bzl:5:12
  called from f.bzl:7:5
hint: turn the other one into a string: str(x)""",
    'x = "a".spilt(",")\n': """\
f.bzl:1:9: error: string has no .spilt field or method (did you mean .split?)
    x = "a".spilt(",")
            ^~~~~""",
    "x = struct(name = 1).nam\n": """\
f.bzl:1:22: error: struct has no .nam field or method (did you mean .name?)
    x = struct(name = 1).nam
                         ^~~""",
    "def f(first, second = 2):\n    pass\nf(1, secnd = 3)\n": """\
f.bzl:3:6: error: f() has no parameter 'secnd'
    f(1, secnd = 3)
         ^~~~~
hint: did you mean 'second'?""",
    "def f(a, b, *, c):\n    pass\nf(1)\n": """\
f.bzl:3:1: error: f() missing 2 arguments (b, c)
    f(1)
    ^~~~""",
    "def f(a):\n    pass\nf(1, 2)\n": """\
f.bzl:3:1: error: f() accepts at most 1 positional argument, found 2
    f(1, 2)
    ^~~~~~~""",
    "def f(a):\n    pass\nf(1, a = 2)\n": """\
f.bzl:3:6: error: f() got multiple values for parameter "a"
    f(1, a = 2)
         ^""",
    "x = len(1, 2)\n": """\
f.bzl:1:5: error: len: got 2 arguments, want 1 positional argument
    x = len(1, 2)
        ^~~~~~~~~""",
    "x = 1(2)\n": """\
f.bzl:1:5: error: value of type 'int' is not callable
    x = 1(2)
        ^~~~""",
    "def f(n):\n    return f(n - 1)\nf(3)\n": """\
f.bzl:2:12: error: function f called recursively
    return f(n - 1)
           ^~~~~~~~
  called from f.bzl:3:1
hint: use a loop""",
    "x = [1]\ndef f():\n    for y in x:\n        x.append(y)\nf()\n": """\
f.bzl:4:9: error: cannot append to list during iteration
    x.append(y)
    ^~~~~~~~~~~
  called from f.bzl:5:1
hint: iterate over a copy: list(x)""",
    'x = {"name": 1}["nam"]\n': """\
f.bzl:1:5: error: key "nam" not in dict
    x = {"name": 1}["nam"]
        ^~~~~~~~~~~~~~~~~~
hint: did you mean 'name'?""",
    "x = [1, 2][2]\n": """\
f.bzl:1:5: error: list index 2 out of range [-2:1]
    x = [1, 2][2]
        ^~~~~~~~~""",
    "x = {[]: 1}\n": """\
f.bzl:1:6: error: unhashable type: list
    x = {[]: 1}
         ^~
hint: use a tuple""",
    'fail("no", 1, [2])\n': """\
f.bzl:1:1: error: no 1 [2]
    fail("no", 1, [2])
    ^~~~~~~~~~~~~~~~~~""",
    "a, b = 1, 2, 3\n": """\
f.bzl:1:1: error: too many values to unpack (got 3, want 2)
    a, b = 1, 2, 3
    ^~~~""",
    "def f():\n    return x\n    x = 1\nf()\n": """\
f.bzl:2:12: error: local variable x referenced before assignment
    return x
           ^
  called from f.bzl:4:1""",
    "x = 1\nx = 2\n": """\
f.bzl:2:1: error: 'x' is already defined in this file
    x = 2
    ^
hint: top-level names are bound once""",
    'x = "a" "b"\n': """\
f.bzl:1:9: error: syntax error at "b": expected an operator, ',', ';' or the end of the line
    x = "a" "b"
            ^~~
hint: join strings with '+'""",
    "return 1\n": """\
f.bzl:1:1: error: 'return' is outside of a function
    return 1
    ^~~~~~""",
    "for x in []:\n    pass\n": """\
f.bzl:1:1: error: 'for' is outside of a function
    for x in []:
    ^~~
hint: use a comprehension, or a function""",
}


@pytest.mark.parametrize(("source", "message"), MESSAGES.items())
def test_an_error_names_the_precise_expression(source: str, message: str) -> None:
    lines = source.split("\n")
    with pytest.raises(BuildError) as caught:
        evaluate(parse(source, "f.bzl", build_file=False))
    assert render(caught.value, lambda path, number: lines[number - 1]) == message


def test_all_undefined_names_of_a_file_are_shown_together() -> None:
    with pytest.raises(BuildErrors) as caught:
        evaluate(parse("x = [uno, dos]\ny = lambda: qqq\n", "f.bzl", build_file=False))
    assert str(caught.value) == (
        "f.bzl:1:6: error: name 'uno' is not defined\n"
        "f.bzl:1:11: error: name 'dos' is not defined\n"
        "f.bzl:2:13: error: name 'qqq' is not defined"
    )


def test_a_lambda_is_refused_in_a_build_file() -> None:
    with pytest.raises(BuildError) as caught:
        evaluate(parse("x = lambda: 1\n", "BUILD", build_file=True))
    assert str(caught.value) == (
        "BUILD:1:5: error: 'lambda' is not allowed in a BUILD file\nhint: define a function in a .bzl file and load it"
    )


def test_an_error_in_a_loaded_function_tells_the_way_from_the_build_file() -> None:
    module = evaluate(parse("def macro(name):\n    fail('no ' + name)\n", "rules/m.bzl", build_file=False))
    source = "load('//rules:m.bzl', 'macro')\n\n[macro(name = n) for n in ['a']]\n"
    with pytest.raises(BuildError) as caught:
        evaluate(parse(source, "models/BUILD", build_file=True), load=lambda text, span: module)
    assert str(caught.value) == "rules/m.bzl:2:5: error: no a\n  called from models/BUILD:3:2"


def test_an_error_of_a_builtin_stands_at_the_argument_it_names() -> None:
    def model(call: Call, *, name: Value, srcs: Value = None) -> None:
        raise call.error("rule 'model' needs a list", argument="srcs", hint="write [x]")

    file = parse("model(name = 'a', srcs = 1)\n", "BUILD", build_file=True)
    with pytest.raises(BuildError) as caught:
        evaluate(file, predeclared={"model": Builtin("model", model)})
    assert str(caught.value) == "BUILD:1:19: error: rule 'model' needs a list\nhint: write [x]"


def test_a_name_that_a_module_lacks_is_refused_with_the_nearest() -> None:
    def load(text: str, span: Span) -> Mapping[str, Value]:
        return {"model_image": 1, "_model_imagf": 2}

    with pytest.raises(BuildError) as caught:
        evaluate(parse("load('//a:b.bzl', 'model_imagf')\n", "BUILD", build_file=True), load=load)
    message = "load: name model_imagf not found in module //a:b.bzl (did you mean model_image?)"
    assert str(caught.value) == f"BUILD:1:19: error: {message}"


def test_an_error_of_the_loader_without_a_place_gets_that_of_the_module_name() -> None:
    def load(text: str, span: Span) -> Mapping[str, Value]:
        raise BuildError(f"there is no file '{text}'")

    with pytest.raises(BuildError) as caught:
        evaluate(parse("load('//a:b.bzl', 'x')\n", "BUILD", build_file=True), load=load)
    assert str(caught.value) == "BUILD:1:6: error: there is no file '//a:b.bzl'"


def test_private_names_are_not_loaded() -> None:
    with pytest.raises(BuildError, match="cannot load the private name '_x'"):
        evaluate(parse("load('//a:b.bzl', '_x')\n", "f.bzl", build_file=False))


def test_steps_are_bounded() -> None:
    source = "def f():\n    for i in range(1000):\n        pass\nf()\n"
    with pytest.raises(BuildError) as caught:
        evaluate(parse(source, "f.bzl", build_file=False), limits=Limits(steps=100))
    assert str(caught.value) == (
        "f.bzl:2:14: error: evaluation takes too many steps: the bound is 100\n  called from f.bzl:4:1\n"
        "hint: raise the limit 'steps' in [limits] of mbuild.toml, or by '--limit steps=NUMBER'"
    )


def test_calls_in_calls_are_bounded() -> None:
    source = "def f(g):\n    return g()\nx = f(lambda: (lambda: (lambda: 1)())())\n"
    with pytest.raises(BuildError) as caught:
        evaluate(parse(source, "f.bzl", build_file=False), limits=Limits(depth=2))
    assert caught.value.message == "calls are nested too deeply: the bound is 2"


def test_a_call_from_python_names_the_place_it_is_for() -> None:
    values = evaluate(parse("def f(ctx):\n    return ctx.x\n", "f.bzl", build_file=False))
    with pytest.raises(BuildError) as caught:
        call(values["f"], [1], {}, span=Span("a/BUILD", 3, 1, 3, 8))
    assert str(caught.value) == ("f.bzl:2:16: error: int has no .x field or method\n  called from a/BUILD:3:1")


def test_a_method_is_looked_up_before_its_arguments_are_evaluated() -> None:
    source = "def f(x):\n    return x.get(x.nothing)\nf([])\n"
    with pytest.raises(BuildError) as caught:
        evaluate(parse(source, "f.bzl", build_file=False))
    assert str(caught.value).startswith("f.bzl:2:14: error: list has no .get field or method")
