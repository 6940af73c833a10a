"""Which action may start when, asked of the bookkeeping alone."""

from execution_fakes import derived, fetch, run

from buildkit.execution.schedule import Schedule
from buildkit.graph.action import Action, ActionGraph, Artifact


def graph(**needs: str) -> tuple[ActionGraph, dict[str, int]]:
    """Actions by name, each with the names of those it needs: `graph(a="", b="a")`."""
    actions = [run(derived(name), name, inputs=[derived(need) for need in of.split()]) for name, of in needs.items()]
    return ActionGraph.of(actions), {name: number for number, name in enumerate(needs)}


def all_ready(schedule: Schedule) -> list[int]:
    found = []
    while (number := schedule.next()) is not None:
        found.append(number)
    return found


def wanted(*names: str) -> list[Artifact]:
    return [derived(name) for name in names]


def test_an_action_waits_for_all_that_it_needs() -> None:
    actions, number = graph(top="left right", left="base", right="base", base="")
    schedule = Schedule(actions, wanted("top"), ())
    assert all_ready(schedule) == [number["base"]]
    schedule.succeeded(number["base"])
    assert all_ready(schedule) == [number["left"], number["right"]]
    schedule.succeeded(number["left"])
    assert all_ready(schedule) == []
    schedule.succeeded(number["right"])
    assert all_ready(schedule) == [number["top"]]


def test_a_failure_loses_all_that_need_it_and_nothing_else() -> None:
    actions, number = graph(top="middle", middle="bad good", bad="", good="", beside="good")
    schedule = Schedule(actions, wanted("top", "beside"), ())
    assert all_ready(schedule) == [number["bad"], number["good"]]
    assert schedule.failed(number["bad"]) == [number["top"], number["middle"]]
    schedule.succeeded(number["good"])
    assert all_ready(schedule) == [number["beside"]]


def fetching() -> tuple[ActionGraph, list[Action]]:
    actions = [
        fetch(derived("wheel"), b"wheel"),
        run(derived("one"), "one", inputs=wanted("wheel")),
        run(derived("two"), "two", inputs=wanted("wheel")),
    ]
    return ActionGraph.of(actions), actions


def test_a_promised_fetch_runs_once_when_somebody_asks_for_its_bytes() -> None:
    actions, _ = fetching()
    schedule = Schedule(actions, wanted("one", "two"), {0})
    assert all_ready(schedule) == [1, 2]
    assert schedule.wants_bytes(1, [0])
    assert all_ready(schedule) == [0]
    assert schedule.wants_bytes(2, [0])
    assert all_ready(schedule) == []
    schedule.succeeded(0)
    assert all_ready(schedule) == [1, 2]


def test_a_promised_fetch_that_is_wanted_itself_runs() -> None:
    actions, _ = fetching()
    assert all_ready(Schedule(actions, wanted("wheel"), {0})) == [0]


def test_who_asks_for_bytes_of_a_failed_fetch_is_told() -> None:
    actions, _ = fetching()
    schedule = Schedule(actions, wanted("one", "two"), {0})
    assert all_ready(schedule) == [1, 2]
    assert schedule.wants_bytes(1, [0])
    assert schedule.failed(0) == [1]
    assert not schedule.wants_bytes(2, [0])


def test_an_abandoned_schedule_starts_nothing() -> None:
    actions, _ = graph(a="", b="")
    schedule = Schedule(actions, wanted("a", "b"), ())
    schedule.abandon()
    assert all_ready(schedule) == []
