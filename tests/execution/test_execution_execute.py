"""What ran, in which order, and why."""

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from execution_fakes import OWNER, World, derived, fetch, run, source, tar_of, use

from buildkit.content import Blob, Entry, Inline, Kind, Recipe, Slice, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution import Execution
from buildkit.execution.collecting import collect
from buildkit.graph.action import Action, ActionKind
from buildkit.label import Label
from buildkit.store import BlobStore, DiskActionCache, DiskStore, MemoryStore
from buildkit.store.blobs import is_promise


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def copying(*names: str, suffix: str = "") -> Callable[[Path, Path], int]:
    def work(build: Path, out: Path) -> int:
        (out / "out").write_text("".join((build / name).read_text() for name in names) + suffix)
        return 0

    return work


def only_failure(execution: Execution) -> str:
    (failed,) = execution.failures
    return str(failed.error)


def chain(world: World) -> list[Action]:
    """train (strips comments) → test, as a training script and what comes after it."""

    def train(build: Path, out: Path) -> int:
        lines = (build / "train.py").read_text().splitlines()
        (out / "out").write_text("\n".join(line for line in lines if not line.startswith("#")))
        return 0

    world.program("train", train)
    world.program("test", copying("model", suffix=" tested"))
    script, model, report = source("train.py"), derived("model"), derived("report")
    return [run(report, "test", inputs=[model]), run(model, "train", inputs=[script])]


def test_actions_run_in_the_order_of_their_needs(world: World) -> None:
    world.write("train.py", "n = 1")
    execution = world.build(chain(world), derived("report"))
    assert world.sandbox.ran == [("train",), ("test",)]
    assert world.store.read(execution.digests[derived("report")]) == b"n = 1 tested"
    assert (execution.ran, execution.cached) == (2, 0)


def test_a_second_build_runs_nothing(world: World) -> None:
    world.write("train.py", "n = 1")
    first = world.build(chain(world), derived("report"))
    second = world.build(chain(world), derived("report"))
    assert second.digests == first.digests
    assert (second.ran, second.cached) == (0, 2)
    assert len(world.sandbox.ran) == 2


def test_work_stops_where_the_output_is_the_same(world: World) -> None:
    world.write("train.py", "n = 1")
    world.build(chain(world), derived("report"))
    world.write("train.py", "# a comment\nn = 1")
    world.build(chain(world), derived("report"))
    assert world.outcomes() == {"model": "ran", "report": "cached"}


def test_going_back_to_what_was_runs_nothing(world: World) -> None:
    for text in ("n = 1", "n = 2", "n = 1"):
        world.write("train.py", text)
        last = world.build(chain(world), derived("report"))
    assert world.sandbox.ran == [("train",), ("test",)] * 2
    assert (last.ran, last.cached) == (0, 2)


def test_what_nobody_wants_is_not_looked_at(world: World) -> None:
    world.program("good", copying())
    actions = [run(derived("a"), "good"), run(derived("b"), "unknown", inputs=[source("is/not/there")])]
    assert world.build(actions, derived("a")).ran == 1
    assert world.outcomes() == {"a": "ran"}


def test_a_wanted_source_is_digested_without_an_action(world: World) -> None:
    world.write("x", "hello")
    assert world.build([], source("x")).digests == {source("x"): Digest.of(b"hello")}


def test_independent_actions_run_at_the_same_time(world: World) -> None:
    meeting = threading.Barrier(2, timeout=20)

    def meet(build: Path, out: Path) -> int:
        meeting.wait()
        (out / "out").write_text("met")
        return 0

    world.program("meet", meet)
    actions = [run(derived(name), "meet", name) for name in ("a", "b")]
    assert world.build(actions, derived("a"), derived("b"), jobs=2).ran == 2


def failing(world: World) -> list[Action]:
    def fail(build: Path, out: Path) -> int:
        return 3

    world.program("bad", fail)
    world.program("good", copying())
    return [
        run(derived("bad"), "bad", "--with", "a space"),
        run(derived("after"), "good", "after", inputs=[derived("bad")]),
        run(derived("beside"), "good", "beside"),
    ]


def test_a_failed_command_tells_whose_it_was_what_ran_and_its_last_words(world: World) -> None:
    execution = world.build(failing(world), derived("after"))
    (log,) = (world.store.root / "logs").iterdir()
    assert only_failure(execution) == (
        "error: //models:fraud: Run failed: exit code 3\n"
        "  command: bad --with 'a space'\n"
        "  | bad says hello\n"
        f"hint: the full log is in '{log}'"
    )
    assert log.read_bytes() == b"bad says hello\n"


def test_equal_commands_at_once_do_not_mix_their_words(world: World) -> None:
    meeting = threading.Barrier(2, timeout=10)

    def fail(build: Path, out: Path) -> int:
        meeting.wait()
        return 3

    world.program("bad", fail)
    actions = [run(derived(name), "bad") for name in ("a", "b")]
    execution = world.build(actions, derived("a"), derived("b"), jobs=2, keep_going=True)
    assert [failed.error.details for failed in execution.failures] == ["bad says hello", "bad says hello"]


def test_a_failure_stops_the_build(world: World) -> None:
    execution = world.build(failing(world), derived("after"), derived("beside"), jobs=1)
    assert [failed.action.subject for failed in execution.failures] == ["bad"]
    assert world.outcomes() == {"bad": "failed", "after": "skipped", "beside": "skipped"}


def test_with_keep_going_everything_else_is_built_and_only_root_causes_are_told(world: World) -> None:
    execution = world.build(failing(world), derived("after"), derived("beside"), keep_going=True)
    assert [failed.action.subject for failed in execution.failures] == ["bad"]
    assert world.outcomes() == {"bad": "failed", "after": "skipped", "beside": "ran"}
    assert derived("beside") in execution.digests


def test_failures_are_not_kept(world: World) -> None:
    actions = failing(world)
    world.build(actions, derived("bad"))
    world.program("bad", copying(suffix="mended"))
    assert world.build(actions, derived("bad")).failures == ()


def test_a_missing_output_is_named_with_what_is_there_instead(world: World) -> None:
    def forget(build: Path, out: Path) -> int:
        (out / "typo").touch()
        return 0

    world.program("forget", forget)
    execution = world.build([run(derived("x"), "forget")], derived("x"))
    (log,) = (world.store.root / "logs").iterdir()
    assert only_failure(execution) == (
        "error: //models:fraud: Run failed: output 'out' is missing: expected a file at 'out/out', found nothing\n"
        "  in 'out' there is: typo\n"
        "  command: forget\n"
        "  | forget says hello\n"
        f"hint: the full log is in '{log}'"
    )


UNREADABLE = [
    ("f", "f", 0, "output 'f' cannot be read: expected a file of mode 0400 at least, found 0000"),
    ("f", ".", 0, "folder 'out' cannot be read: expected a folder of mode 0500 at least, found 0000"),
    ("d/f", "d", 0o400, "folder 'out/d' cannot be read: expected a folder of mode 0500 at least, found 0400"),
    ("t", "t", 0o300, "output 't' cannot be read: expected a folder of mode 0500 at least, found 0300"),
    ("t", "t/d", 0, "output holds 'd', which cannot be read: expected a folder of mode 0500 at least, found 0000"),
    ("t", "t/d/f", 0o44, "output holds 'd/f', which cannot be read: expected a file of mode 0400 at least, found 0044"),
]


@pytest.mark.parametrize(("name", "closed", "mode", "message"), UNREADABLE)
def test_an_output_that_its_owner_may_not_read_is_the_commands_fault_whoever_builds(
    tmp_path: Path, name: str, closed: str, mode: int, message: str
) -> None:
    for path in ("f", "d/f", "t/d/f"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / closed).chmod(mode)
    with pytest.raises(BuildFailure) as found:
        collect(tmp_path, [(name, derived(name, tree=name == "t"))], MemoryStore())
    (tmp_path / closed).chmod(0o700)
    assert found.value.message == message


def test_a_missing_source_is_named(world: World) -> None:
    execution = world.build([run(derived("x"), "any", inputs=[source("gone.csv")])], derived("x"))
    assert only_failure(execution) == (
        f"error: source 'gone.csv' does not exist\nhint: expected it at '{world.folder / 'gone.csv'}'"
    )


def test_a_source_that_changes_during_its_action_is_named_and_the_result_is_not_kept(world: World) -> None:
    data = world.write("data.csv", "old")

    def edit(build: Path, out: Path) -> int:
        (out / "out").write_text("from old")
        (world.folder / "data.csv").write_text("new!")
        return 0

    world.program("edit", edit)
    actions = [run(derived("x"), "edit", inputs=[data])]
    assert only_failure(world.build(actions, derived("x"))) == (
        "error: source 'data.csv' changed during the build\n"
        "hint: its result was not kept; build again when nothing writes to it"
    )
    (world.folder / "data.csv").write_text("old")
    world.program("edit", copying("data.csv"))
    assert world.build(actions, derived("x")).ran == 1


def test_a_source_that_is_only_touched_during_its_action_is_fine(world: World) -> None:
    data = world.write("data.csv", "same")

    def touch(build: Path, out: Path) -> int:
        (world.folder / "data.csv").touch()
        (out / "out").touch()
        return 0

    world.program("touch", touch)
    assert world.build([run(derived("x"), "touch", inputs=[data])], derived("x")).failures == ()


def test_a_result_whose_bytes_are_lost_is_made_again(world: World, tmp_path: Path) -> None:
    world.store, world.actions = DiskStore(tmp_path / "store"), DiskActionCache(tmp_path / "store")
    world.program("make", copying(suffix="bytes"))
    first = world.build([run(derived("x"), "make")], derived("x"))
    path = world.store.owned_path(first.digests[derived("x")])
    assert path is not None
    path.unlink()
    assert world.build([run(derived("x"), "make")], derived("x")).ran == 1
    assert world.store.has(first.digests[derived("x")])


def test_a_fetch_whose_bytes_are_there_does_not_run(world: World) -> None:
    world.store.put(b"wheel")
    execution = world.build([fetch(derived("w"), b"wheel")], derived("w"))
    assert (world.fetched, execution.ran, execution.cached) == ([], 0, 1)


def test_a_fetch_runs_only_for_an_action_that_runs(world: World) -> None:
    """An unchanged image is confirmed on a machine that has the layers and none of the wheels."""
    actions = [fetch(derived("w"), b"wheel"), use("unpack", derived("layer"), wheel=derived("w"))]
    tool = world.tool("unpack", lambda store, given: store.read(given["wheel"].digest) + b" unpacked")
    world.remote[Digest.of(b"wheel").hex] = b"wheel"
    first = world.build(actions, derived("layer"))
    assert (len(world.fetched), len(tool.calls), first.ran) == (1, 1, 2)
    kept, world.store = world.store, type(world.store)()
    world.store.put(kept.read(first.digests[derived("layer")]))
    second = world.build(actions, derived("layer"))
    assert (len(world.fetched), second.ran, second.cached) == (1, 0, 2)
    assert world.outcomes() == {"w": "cached", "layer": "cached"}


def test_a_size_that_nobody_declared_is_remembered(world: World) -> None:
    actions = [fetch(derived("w"), b"file", size=-1)]
    world.remote[Digest.of(b"file").hex] = b"file"
    assert world.build(actions, derived("w")).digests == {derived("w"): Digest.of(b"file")}
    assert world.build(actions, derived("w")).cached == 1
    assert len(world.fetched) == 1


def test_a_failed_fetch_skips_those_that_asked_for_its_bytes(world: World) -> None:
    def refuse(*_: object) -> Digest:
        raise BuildFailure("the index has no 'w'")

    world._fetch = refuse  # type: ignore[method-assign]
    world.tool("unpack", lambda store, given: b"")
    actions = [fetch(derived("w"), b"wheel"), use("unpack", derived("layer"), wheel=derived("w"))]
    execution = world.build(actions, derived("layer"), keep_going=True)
    assert only_failure(execution) == "error: the index has no 'w'\n  needed by //models:fraud"
    assert world.outcomes() == {"w": "failed", "layer": "skipped"}


def test_a_tool_gets_blobs_in_place_of_artifacts(world: World) -> None:
    tool = world.tool("pack", lambda store, given: b"packed")
    file = world.write("a", "1")
    world.build([use("pack", derived("x"), files={"in/a": file}, names=("p", "q"))], derived("x"))
    assert tool.calls == [{"files": {"in/a": Blob(Digest.of(b"1"))}, "names": ["p", "q"]}]


def test_a_tools_failure_tells_for_which_target(world: World) -> None:
    def refuse(store: object, given: object) -> bytes:
        raise BuildFailure("wheel 'x.whl' is damaged", hint="fetch it again")

    world.tool("unpack", refuse)
    assert only_failure(world.build([use("unpack", derived("x"))], derived("x"))) == (
        "error: wheel 'x.whl' is damaged\n  while making 'x' for //models:fraud\nhint: fetch it again"
    )


def test_a_big_source_is_read_once_by_a_tool_that_streams(world: World, tmp_path: Path) -> None:
    """The tool runs before its key is known, under a stand-in for the digest that it finds out itself."""
    world.store, world.actions = DiskStore(tmp_path / "store", large=4), DiskActionCache(tmp_path / "store")
    given: list[bool] = []

    def seal(store: BlobStore, arguments: Mapping[str, Any]) -> bytes:
        weights = arguments["weights"].digest
        given.append(is_promise(weights))
        layer = store.seal(Recipe((Inline(b"header"), Slice(weights, 0, weights.size))))
        return f"{layer} of {store.settled(weights)}".encode()

    world.tool("layer", seal, streams=True)
    weights = world.write("model.bin", "weights")
    os.utime(world.folder / "model.bin", (1, 1))
    first = world.build([use("layer", derived("x"), weights=weights)], derived("x"))
    expected = f"{Digest.of(b'headerweights')} of {Digest.of(b'weights')}".encode()
    assert world.store.read(first.digests[derived("x")]) == expected
    again = world.build([use("layer", derived("x"), weights=weights)], derived("x"))
    assert (again.cached, again.digests, given) == (1, first.digests, [True])


def test_an_output_folder_becomes_a_tree(world: World) -> None:
    def make(build: Path, out: Path) -> int:
        (out / "out" / "sub").mkdir(parents=True)
        (out / "out" / "sub" / "tool").write_text("#!")
        (out / "out" / "sub" / "tool").chmod(0o700)
        (out / "out" / "link").symlink_to("sub/tool")
        return 0

    world.program("make", make)
    tree = derived("t", tree=True)
    execution = world.build([run(tree, "make")], tree)
    entries = Tree.from_json(world.store.read(execution.digests[tree])).entries
    assert [(entry.path, entry.kind, entry.mode, entry.target) for entry in entries] == [
        ("link", Kind.SYMLINK, 0o777, "sub/tool"),
        ("sub", Kind.DIRECTORY, 0o755, None),
        ("sub/tool", Kind.FILE, 0o755, None),
    ]


@pytest.mark.parametrize("target", ["/etc/passwd", "../x", "sub/../../x"])
def test_a_symlink_that_leads_out_of_its_tree_is_refused(world: World, target: str) -> None:
    def make(build: Path, out: Path) -> int:
        (out / "out").mkdir()
        (out / "out" / "link").symlink_to(target)
        return 0

    world.program("make", make)
    tree = derived("t", tree=True)
    assert only_failure(world.build([run(tree, "make")], tree)).splitlines()[0] == (
        f"error: //models:fraud: Run failed: output holds the symlink 'link', which leads out of its tree to '{target}'"
    )


def test_trees_are_laid_out_for_those_that_read_them(world: World) -> None:
    def make(build: Path, out: Path) -> int:
        (out / "out" / "sub").mkdir(parents=True)
        (out / "out" / "sub" / "f").write_text("deep")
        return 0

    world.program("make", make)
    world.program("read", copying("t/sub/f"))
    tree = derived("t", tree=True)
    execution = world.build([run(tree, "make"), run(derived("x"), "read", inputs=[tree])], derived("x"))
    assert world.store.read(execution.digests[derived("x")]) == b"deep"


def test_a_command_sees_a_fixed_environment_and_its_own_variables(world: World) -> None:
    world.program("env", copying())
    world.build([run(derived("x"), "env", environment=(("TZ", "Asia/Tokyo"), ("SEED", "7")))], derived("x"))
    (seen,) = world.sandbox.environments
    core = seen.pop("OPENBLAS_CORETYPE", None)
    assert core in ("Nehalem", "ARMV8", None)
    assert seen == {
        "HOME": "/tmp",
        "LANG": "C.UTF-8",
        "MKL_CBWR": "COMPATIBLE",
        "MKL_NUM_THREADS": "1",
        "NUMEXPR_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "PYTHONHASHSEED": "0",
        "SEED": "7",
        "SOURCE_DATE_EPOCH": "315532800",
        "TMPDIR": "/tmp",
        "TZ": "Asia/Tokyo",
    }


def test_what_a_successful_command_printed_is_kept_with_its_result(world: World) -> None:
    world.program("good", copying())
    world.build([run(derived("x"), "good")], derived("x"))
    (ended,) = [event for event in world.events if hasattr(event, "key")]
    assert world.store.has(Digest.of(b"good says hello\n"))
    assert len(ended.key) == 64
    assert str(OWNER) == "//models:fraud"


def test_an_action_kind_is_told_by_its_events(world: World) -> None:
    world.program("good", copying())
    action = run(derived("x"), "good")
    assert action.kind is ActionKind.RUN
    world.build([action], derived("x"))
    assert [type(event).__name__ for event in world.events] == ["ActionStarted", "ActionEnded"]


def test_a_failure_that_is_tolerated_stops_only_what_needs_it(world: World) -> None:
    def fail(store: BlobStore, given: Mapping[str, Any]) -> bytes:
        raise BuildFailure("no")

    world.tool("fail", fail)
    world.tool("pass", lambda store, given: b"")
    failing = replace(use("fail", derived("bad")), owner=Label("", "t", "bad"))
    actions = [failing, use("pass", derived("good"))]
    wanted = (derived("bad"), derived("good"))
    stopped = world.build(actions, *wanted, jobs=1)
    assert (len(stopped.failures), stopped.ran) == (1, 0)
    gone_on = world.build(actions, *wanted, jobs=1, tolerated=[failing.owner])
    assert (len(gone_on.failures), gone_on.ran) == (1, 1)


def test_a_folder_of_layers_is_unpacked_layer_by_layer_in_the_root(world: World) -> None:
    def pack(store: BlobStore, given: Mapping[str, Any]) -> bytes:
        layers = [tar_of(("f", "file", b"low", 0o644)), tar_of(("f", "file", b"high", 0o644))]
        entries = (Entry(f"{n}", Kind.FILE, 0o644, store.put(layer)) for n, layer in enumerate(layers))
        return Tree.of(entries).to_json()

    layers = derived("layers", tree=True)
    world.tool("pack", pack)
    world.program("make", copying())
    made = replace(run(derived("x"), "make"), root=(layers,))
    execution = world.build([use("pack", layers), made], derived("x"))
    assert not execution.failures
    (root,) = [folder for folder in (world.store.root / "roots").iterdir() if folder.name != "layers"]
    assert (root / "f").read_text() == "high"
