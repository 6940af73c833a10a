"""Which branch of a select holds: the rule of the most specialised, against its definition."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildkit.errors import BuildErrors, Span
from buildkit.graph.attribute import Attribute
from buildkit.graph.conditions import Conditions
from buildkit.graph.configuration import Configuration
from buildkit.graph.kinds import CONFIG_SETTING
from buildkit.graph.package import Target
from buildkit.graph.rule import Rule
from buildkit.graph.selection import Branches, Selection, attribute_labels
from buildkit.label import Label

PLACE = Span("BUILD", 1, 1, 1, 2)
RULE = Rule(None, {"s": Attribute("string")}, test=False, doc="", span=PLACE)
DEFINES = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"))
ASKED = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), min_size=1)


def label(name: object) -> Label:
    return Label("", "", str(name))


def condition(number: int, asked: dict[str, str]) -> Target:
    attributes = {"name": str(number), "define_values": asked, "constraint_values": (), "values": {}}
    return Target(label(number), "config_setting", attributes, PLACE, {})


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(ASKED, st.sampled_from("xyz")), min_size=1, max_size=5), DEFINES, st.booleans())
def test_the_most_specialised_branch_holds(
    branches: list[tuple[dict[str, str], str]], defines: dict[str, str], otherwise: bool
) -> None:
    chosen: list[tuple[Label | None, str]] = [(label(number), value) for number, (_, value) in enumerate(branches)]
    selection = Selection((Branches(tuple(chosen + ([(None, "default")] if otherwise else []))),))
    target = Target(label("t"), "thing", {"s": selection}, PLACE, {})
    targets = {one.label: one for one in [target, *(condition(n, asked) for n, (asked, _) in enumerate(branches))]}
    rules = {one: RULE if one == target.label else CONFIG_SETTING for one in targets}
    conditions = Conditions(Configuration.of(None, tuple(defines.items())), targets, rules)

    held = [(asked.items(), value) for asked, value in branches if asked.items() <= defines.items()]
    best = {value for asked, value in held if not any(asked < other for other, _ in held)}
    expected = best or ({"default"} if otherwise else set())
    if len(expected) == 1:
        assert conditions.resolved(target).attributes["s"] in expected
    else:
        with pytest.raises(BuildErrors, match="several branches of 's' hold" if best else "no branch of 's' holds"):
            conditions.resolved(target)


def test_the_labels_of_a_selection_are_those_of_all_branches() -> None:
    branches = Branches(((label("c"), (label("a"),)), (None, (label("b"), label("x")))))
    selection = Selection(((label("x"),), branches))
    assert attribute_labels("label_list", selection) == (label("x"), label("a"), label("b"))
    assert list(selection.conditions()) == [label("c")]
    assert attribute_labels("string_list", Selection((("x",),))) is None
