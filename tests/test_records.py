"""Each promise is held against what `dataclasses` makes of the same class."""

import dataclasses
import inspect
import pickle
from dataclasses import field, replace

import pytest

from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A place."""

    x: int
    y: int = 2
    tags: dict[str, int] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True, order=True)
class Name:
    text: str


@dataclass(slots=True)
class Counter:
    count: int = 0


@dataclass(frozen=True, slots=True)
class Sorted:
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(sorted(self.names)))


@dataclass(frozen=True, slots=True)
class Own:
    text: str

    def __repr__(self) -> str:
        return "own"

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 7


def test_fields_are_parameters_with_their_defaults() -> None:
    point = Point(1)
    assert (point.x, point.y, point.tags) == (1, 2, {})
    assert Point(x=3, y=4, tags={"a": 1}).tags == {"a": 1}
    assert Point(1).tags is not point.tags


def test_what_a_class_does_after_its_fields_are_set_is_done() -> None:
    assert Sorted(("b", "a")).names == ("a", "b")


def test_wrong_arguments_are_told_as_usual() -> None:
    with pytest.raises(TypeError, match=r"^Point.__init__\(\) missing 1 required positional argument: 'x'$"):
        Point()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match=r"^Point.__init__\(\) got an unexpected keyword argument 'z'$"):
        Point(1, z=2)  # type: ignore[call-arg]


def test_equal_fields_make_equal_values_of_one_class() -> None:
    assert Point(1, 2, {"a": 1}) == Point(1)
    assert Point(1) != Point(2)
    assert Name("1") != ("1",)
    assert len({Point(1), Point(1, 2), Point(2)}) == 2


def test_nothing_can_be_assigned_to_a_frozen_value() -> None:
    point = Point(1)
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"^cannot assign to field 'x'$"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError, match=r"^cannot delete field 'x'$"):
        del point.x  # type: ignore[misc]
    assert not hasattr(point, "__dict__")


def test_a_value_that_is_not_frozen_changes_and_has_no_hash() -> None:
    counter = Counter()
    counter.count += 1
    assert counter == Counter(1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(counter)


def test_values_show_their_fields() -> None:
    assert repr(Point(1)) == "Point(x=1, y=2)"


def test_ordered_values_are_sorted_by_their_fields() -> None:
    assert sorted([Name("b"), Name("a")]) == [Name("a"), Name("b")]
    first, second = Name("a"), Name("b")
    assert (first < second, first <= second, first > second, first >= second) == (True, True, False, False)


def test_methods_that_a_class_has_stay() -> None:
    assert (repr(Own("a")), Own("a") == Own("b"), hash(Own("a"))) == ("own", True, 7)


def test_values_are_pickled_and_replaced_and_matched() -> None:
    assert pickle.loads(pickle.dumps(Point(1, 5, {"a": 1}))).tags == {"a": 1}
    assert replace(Point(1), y=5) == Point(1, 5)
    match Point(1, 5):
        case Point(x, y):
            assert (x, y) == (1, 5)


def test_methods_are_compiled_when_they_are_first_called() -> None:
    @dataclass(frozen=True, slots=True)
    class Fresh:
        x: int

    assert "x" not in inspect.signature(Fresh.__init__).parameters
    Fresh(1)
    assert list(inspect.signature(Fresh.__init__).parameters) == ["self", "x"]


def test_it_is_for_classes_with_slots_only() -> None:
    with pytest.raises(TypeError, match=r"^expected a dataclass with slots$"):
        dataclass(slots=False)
