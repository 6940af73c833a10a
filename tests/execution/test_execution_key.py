"""What enters a key, and what does not."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from execution_fakes import OWNER, derived, run, source, use

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.execution.environment import environment
from buildkit.execution.key import run_key, tool_key
from buildkit.execution.marker import machine_marker
from buildkit.graph.action import Action, ActionKind, Artifact
from buildkit.label import Label

A, B = Blob(Digest.of(b"a")), Blob(Digest.of(b"b"))
DATA, LAYER = source("data.csv"), derived("layer")


def command(**changes: object) -> Action:
    made = Action(
        OWNER, "Train", ActionKind.RUN, (("out", derived("x")),), inputs=(DATA,), command=("train",), root=(LAYER,)
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def key_of(action: Action, blobs: Mapping[Artifact, Blob] | None = None, marker: str = "") -> str:
    found = {DATA: A, LAYER: B} if blobs is None else dict(blobs)
    return run_key(action, environment(action.environment, "x86_64"), found, marker).hex


def test_everything_that_a_command_can_see_enters_its_key() -> None:
    elsewhere = source("other.csv")
    keys = {
        key_of(command()),
        key_of(command(command=("train", "--fast"))),
        key_of(command(environment=(("SEED", "1"),))),
        key_of(command(), {DATA: B, LAYER: B}),
        key_of(command(), {DATA: A, LAYER: A}),
        key_of(command(), {DATA: replace(A, tree=True), LAYER: B}),
        key_of(command(inputs=(elsewhere,)), {elsewhere: A, LAYER: B}),
        key_of(command(inputs=())),
        key_of(command(root="host")),
        key_of(command(root="host"), marker="this machine"),
        key_of(command(outputs=(("other", derived("x")),))),
        key_of(command(outputs=(("out", derived("x", tree=True)),))),
    }
    assert len(keys) == 12


def test_what_a_command_cannot_see_does_not_enter_its_key() -> None:
    keys = {
        key_of(command()),
        key_of(command(owner=Label("", "other", "name"))),
        key_of(command(mnemonic="Other")),
        key_of(command(timeout=1)),
        key_of(command(outputs=(("out", derived("elsewhere")),))),
    }
    assert len(keys) == 1


def test_a_tools_key_has_its_arguments_and_version_and_no_paths() -> None:
    def key(artifact: Artifact, blob: Blob, version: int = 1, name: str = "a") -> str:
        return tool_key(use("pack", derived("x"), files={name: artifact}), version, {artifact: blob}).hex

    same = {key(DATA, A), key(source("moved/data.csv"), A)}
    others = {key(DATA, B), key(DATA, A, version=2), key(DATA, A, name="b"), key(DATA, replace(A, tree=True))}
    assert (len(same), len(same | others)) == (1, 5)


def test_text_that_looks_like_a_blob_is_not_one() -> None:
    blob = tool_key(use("t", derived("x"), of=DATA), 1, {DATA: A})
    text = tool_key(use("t", derived("x"), of=("blob", str(A.digest), False)), 1, {})
    assert blob != text


def test_a_machines_mark_stays_and_is_its_own(tmp_path: Path) -> None:
    assert machine_marker(tmp_path / "a") == machine_marker(tmp_path / "a")
    assert machine_marker(tmp_path / "a") != machine_marker(tmp_path / "b")


def test_order_of_inputs_does_not_matter_and_order_of_layers_does() -> None:
    more = derived("more")
    blobs = {DATA: A, LAYER: B, more: A}
    assert key_of(command(inputs=(DATA, more)), blobs) == key_of(command(inputs=(more, DATA)), blobs)
    assert key_of(command(root=(LAYER, more)), blobs) != key_of(command(root=(more, LAYER)), blobs)
    assert run(derived("x"), "a") == run(derived("x"), "a")
