"""What is refused, or warned of, with advice that helps."""

from __future__ import annotations

from pathlib import Path

import pytest
from invocations import Place, Ran, in_process


@pytest.mark.parametrize("image", ["oci:out", "oci-archive:out.tar", "registry.example/a:1"])
def test_an_image_is_copied_and_not_pushed(image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # outside a workspace too
    assert in_process("push", image, "localhost:1/y:1") == Ran(
        2, "", f"error: '{image}' is an image, and no target\nhint: write 'mbuild copy {image} localhost:1/y:1'\n"
    )


def test_a_tag_does_not_begin_with_a_hyphen() -> None:
    hint = "hint: a tag begins with a letter, a digit or '_'\n"
    assert in_process("tag", "localhost:1/x:1", "-bad") == Ran(2, "", f"error: '-bad' is not a tag\n{hint}")
    assert (
        in_process("tag", "localhost:1/x:1").stderr == "error: missing argument 'TAG'\nhint: see 'mbuild tag --help'\n"
    )


def test_an_output_is_not_standard_output() -> None:
    assert in_process("build", "//:x", "--output", "docker-archive:-").stderr.splitlines()[0] == (
        "error: cannot read the output 'docker-archive:-': an image is not written to standard output"
    )


def test_outputs_that_may_not_be_written_are_warned_of(tmp_path: Path) -> None:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write(
        {"mbuild.toml": "", "BUILD": 'genrule(name = "a", outs = ["a.txt"], cmd = "echo 1 > $@", host_tools = True)\n'}
    )
    (place.root / "mbuild-out").symlink_to("/sys")  # where nobody, root neither, makes a file
    ran = place.mbuild("//:a")
    assert (ran.code, ran.told.splitlines()[0]) == (
        0,
        f"warning: cannot write the outputs below '{place.root}/mbuild-out': permission denied;"
        " they are in the store, and '--output' writes images elsewhere",
    )
