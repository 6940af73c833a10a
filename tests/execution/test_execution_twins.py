"""Targets that are configured several times: the same work is done once."""

from dataclasses import replace
from pathlib import Path

from execution_fakes import OWNER, World, derived, fetch, run, source, use

from buildkit.digest import Digest
from buildkit.execution.twins import twins
from buildkit.graph.action import Action, ActionGraph, Artifact

FOLDER = "arm-1a2b3c4"


def there(path: str) -> Artifact:
    return Artifact(OWNER, f"{FOLDER}/{path}", root=FOLDER)


def elsewhere(action: Action) -> Action:
    """The same action as it is declared in another configuration."""
    return replace(action, configuration="1a2b3c4", stripped=FOLDER)


def numbers(actions: list[Action]) -> dict[int, int]:
    return twins(ActionGraph.of(actions), range(len(actions)))


def test_equal_work_has_a_twin_and_so_has_what_is_made_of_it() -> None:
    here = [
        use("copy", derived("a"), source=source("s")),
        run(derived("b"), "make", inputs=[derived("a"), source("t")]),
        use("join", derived("c"), files=(derived("b"), derived("a")), names={"x": derived("b")}),
    ]
    other = [
        elsewhere(use("copy", there("a"), source=source("s"))),
        elsewhere(run(there("b"), "make", inputs=[there("a"), source("t")])),
        elsewhere(use("join", there("c"), files=(there("b"), there("a")), names={"x": there("b")})),
    ]
    assert numbers([*here, *other]) == {3: 0, 4: 1, 5: 2}
    assert numbers(here) == {}


def test_work_that_differs_in_anything_has_no_twin() -> None:
    made = use("copy", derived("a"), source=source("s"), times=1)
    others = [
        use("copy", there("1"), source=source("t"), times=1),
        use("copy", there("2"), source=source("s"), times=True),
        use("move", there("3"), source=source("s"), times=1),
    ]
    assert numbers([made, *map(elsewhere, others)]) == {}
    ran = run(derived("b"), "make", inputs=[source("s")])
    more = [
        run(there("1"), "make", inputs=[source("t")]),
        run(there("2"), "take", inputs=[source("s")]),
        run(there("3"), "make", inputs=[source("s")], environment=(("A", "b"),)),
    ]
    assert numbers([ran, *map(elsewhere, more)]) == {}


def test_equal_work_is_done_once(tmp_path: Path) -> None:
    world = World(tmp_path)
    script = world.write("s", "text")
    tool = world.tool("copy", lambda store, given: store.read(given["source"].digest), streams=True)
    world.program("make", lambda build, out: (out / "out").write_text((build / "a").read_text()) and 0)
    actions = [
        use("copy", derived("a"), source=script),
        elsewhere(use("copy", there("a"), source=script)),
        run(derived("b"), "make", inputs=[derived("a")]),
        elsewhere(run(there("b"), "make", inputs=[there("a")])),
    ]
    result = world.build(actions, derived("b"), there("b"), jobs=4)
    assert (result.ran, result.cached, len(tool.calls), len(world.sandbox.ran)) == (2, 2, 1, 1)
    assert result.digests[derived("b")] == result.digests[there("b")]


def test_a_file_that_two_configurations_need_is_fetched_once(tmp_path: Path) -> None:
    world = World(tmp_path, remote={Digest.of(b"wheel").hex: b"wheel"})
    world.tool("copy", lambda store, given: store.read(given["source"].digest) + str(given["n"]).encode())
    actions = [
        fetch(derived("wheel"), b"wheel"),
        elsewhere(fetch(there("wheel"), b"wheel")),
        use("copy", derived("a"), source=derived("wheel"), n=1),
        elsewhere(use("copy", there("a"), source=there("wheel"), n=2)),
    ]
    assert world.build(actions, derived("a"), there("a"), jobs=4).failures == ()
    assert world.fetched == [Digest.of(b"wheel").hex]
