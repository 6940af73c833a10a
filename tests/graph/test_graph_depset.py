"""Depsets: their orders against a naive model, cheap unions, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.errors import BuildError, render
from buildkit.graph.depset import DEPSET, Depset
from buildkit.graph.instance import PROVIDER
from buildkit.lang import List, Value, evaluate, parse

ORDERS = ("default", "postorder", "preorder", "topological")


def run(text: str) -> dict[str, Value]:
    return evaluate(parse(text, "d.bzl", build_file=False), predeclared={"depset": DEPSET, "provider": PROVIDER})


def value(expression: str) -> object:
    found = run(f"def f():\n    return {expression}\nx = f()\n")["x"]
    return found.items if isinstance(found, List) else found


def told(expression: str) -> str:
    with pytest.raises(BuildError) as raised:
        value(expression)
    error = raised.value
    return error.message + (f" ({error.hint})" if error.hint else "")


SMALL = 'depset(["d", "b"], {order}, transitive = [depset(["a"], {order}), depset(["c", "a"], {order})]).to_list()'


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("default", ["a", "c", "d", "b"]),
        ("postorder", ["a", "c", "d", "b"]),
        ("preorder", ["d", "b", "a", "c"]),
        ("topological", ["d", "b", "c", "a"]),
    ],
)
def test_each_order_is_bazels(order: str, expected: list[str]) -> None:
    assert value(SMALL.format(order=f'order = "{order}"')) == expected


def test_a_topological_depset_has_each_element_before_those_it_needs() -> None:
    text = """
base = depset(["base"], order = "topological")
left = depset(["left"], order = "topological", transitive = [base])
right = depset(["right"], order = "topological", transitive = [base])
top = depset(["top"], order = "topological", transitive = [left, right]).to_list()
"""
    assert run(text)["top"] == List(["top", "left", "right", "base"])


def test_a_depset_of_one_other_is_that_other() -> None:
    found = run(
        'a = depset(["x"])\nb = depset(transitive = [a, depset()])\nc = depset(transitive = [a], order = "preorder")'
    )
    assert found["b"] is found["a"]
    assert found["c"] is not found["a"]


def test_a_depset_is_true_unless_it_is_empty_and_equals_itself_alone() -> None:
    assert value('[bool(depset()), bool(depset(["a"])), bool(depset(transitive = [depset()])), type(depset())]') == [
        False,
        True,
        False,
        "depset",
    ]
    assert value('depset(["a"]) == depset(["a"])') is False


def test_a_depset_is_shown_with_its_elements_and_its_order() -> None:
    assert value('[str(depset(["a", "a"])), repr(depset([1], order = "preorder"))]') == [
        'depset(["a"])',
        'depset([1], order = "preorder")',
    ]


def test_the_list_of_a_depset_is_a_copy() -> None:
    text = 'd = depset(["a"])\ndef f():\n    d.to_list().append("b")\n    return d.to_list()\nx = f()\n'
    assert run(text)["x"] == List(["a"])


def test_instances_and_structs_are_elements_by_their_values() -> None:
    text = """
P = provider(fields = ["a"])
d = depset([P(a = 1), P(a = 1), struct(a = 1)], transitive = [depset([P(a = 2)])])
x = [e.a for e in d.to_list()]
"""
    assert run(text)["x"] == List([2, 1, 1])


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('depset("a")', "for 'direct', got string, want a list"),
        ("depset(depset())", "for 'direct', got depset, want a list (write transitive = [x])"),
        ("depset(transitive = depset())", "for 'transitive', got depset, want a list"),
        ('depset(transitive = ["a"])', "for 'transitive', got a list with an element of type string, want depset"),
        ('depset(order = "preoder")', "Invalid order: preoder (did you mean 'preorder'?)"),
        ("depset(order = 3)", "Invalid order: 3 (the orders are: default, postorder, preorder, topological)"),
        (
            'depset([1], order = "preorder", transitive = [depset([2], order = "postorder")])',
            "Order 'preorder' is incompatible with order 'postorder' "
            "(give both the same order, or one of them the order 'default')",
        ),
        (
            'depset([1, "a"])',
            "cannot add an item of type 'string' to a depset of 'int' (all elements of a depset have one type)",
        ),
        (
            'depset(["a"], transitive = [depset([1])])',
            "cannot add an item of type 'int' to a depset of 'string' (all elements of a depset have one type)",
        ),
        (
            "depset([[]])",
            "depsets cannot contain items of type 'list' (the elements of a depset are hashable, such as strings, "
            "Files, and tuples or structs of these)",
        ),
        (
            "depset([struct(a = [])])",
            "depset elements must not be mutable values (the elements of a depset are hashable, such as strings, "
            "Files, and tuples or structs of these)",
        ),
        ("[x for x in depset()]", "value of type 'depset' is not iterable (use x.to_list())"),
        ("1 in depset([1])", "value of type 'depset' is not iterable (use value in x.to_list())"),
        ("depset([1]) + [2]", "unknown binary op: depset + list (unsupported binary operation)"),
    ],
)
def test_wrong_use_is_refused(expression: str, message: str) -> None:
    assert told(expression) == message


def test_a_mistake_is_told_at_the_argument() -> None:
    with pytest.raises(BuildError) as raised:
        run('d = depset(\n    ["a"],\n    transitive = ["b"],\n)\n')
    assert render(raised.value, lambda path, number: None).startswith("d.bzl:3:5: error: for 'transitive', got a list")


def test_a_chain_of_100000_depsets_is_built_and_flattened() -> None:
    text = """
def chain(order):
    found = depset(order = order)
    for number in range(100000):
        found = depset([number], order = order, transitive = [found])
    return found

d = [chain(order) for order in ["default", "preorder", "topological"]]
sizes = [len(one.to_list()) for one in d]
ends = [[one.to_list()[0], one.to_list()[-1]] for one in d]
"""
    found = run(text)
    assert found["sizes"] == List([100000] * 3)
    assert found["ends"] == List([List([0, 99999]), List([99999, 0]), List([99999, 0])])


def test_a_lattice_is_walked_once_not_once_a_path() -> None:
    below = [Depset("default", ["a"]), Depset("default", ["b"])]
    for level in range(200):
        below = [Depset("default", [f"{level}{side}"], below) for side in "lr"]
    assert len(Depset("default", (), below).items()) == 402


# A naive model: nested lists, walked with recursion, doubles dropped at the end.
Model = tuple[list[int], list["Model"]]


def models() -> st.SearchStrategy[Model]:
    elements = st.lists(st.integers(0, 9), max_size=4)
    return st.recursive(
        st.tuples(elements, st.just([])), lambda inner: st.tuples(elements, st.lists(inner, max_size=4)), max_leaves=12
    )


def built(model: Model, order: str) -> Depset:
    return Depset(order, model[0], [built(inner, order) for inner in model[1]])


def walked(model: Model, order: str) -> list[int]:
    direct, below = list(dict.fromkeys(model[0])), model[1]
    if order == "topological":
        inner = [element for one in reversed(below) for element in walked_backwards(one)]
        return list(dict.fromkeys(inner + direct[::-1]))[::-1]
    inner = [element for one in below for element in walked(one, order)]
    return list(dict.fromkeys(direct + inner if order == "preorder" else inner + direct))


def walked_backwards(model: Model) -> list[int]:
    return walked(model, "topological")[::-1]


@given(models(), st.sampled_from(ORDERS))
def test_every_depset_flattens_as_the_naive_model_does(model: Model, order: str) -> None:
    assert built(model, order).items() == walked(model, order)


@given(models(), st.sampled_from(ORDERS))
def test_flattening_the_parts_first_changes_nothing(model: Model, order: str) -> None:
    parts = [built(inner, order) for inner in model[1]]
    for part in parts:
        part.items()
    assert Depset(order, model[0], parts).items() == walked(model, order)
