"""What a container sees of layers whose paths lead through symlinks, held against a written root file system."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from image_layouts import Content, Files, Made

from buildkit.errors import BuildFailure
from buildkit.images.facts import facts_of
from buildkit.images.merged import Root
from buildkit.images.walk import opened_layer
from buildkit.oci.image import read_image
from buildkit.oci.rootfs import write_rootfs

MERGED_USR: Sequence[Files] = (
    [("usr", None), ("usr/lib", None), ("usr/lib/a", "1"), ("usr/lib/old", ""), ("lib", ("link", "usr/lib"))],
    [("lib/b", "2"), ("lib/.wh.old", "")],
)


def listed(made: Made) -> dict[str, str]:
    """Paths and kinds; links with where they lead to, as `d` a folder, `-` a file, with what is in it."""
    opened = made.opened()
    root = Root()
    for row in facts_of(read_image(opened)).layers:
        with opened_layer(row.descriptor, opened.open_blob) as layer:
            root.add_layer(row.number, layer.members)
    shown = {"l": lambda file: f"l {file.target}", "-": lambda file: f"- {file.size}"}
    return {file.path: shown.get(file.kind, lambda file: file.kind)(file) for file in root.files()}


def written(made: Made, folder: Path) -> dict[str, str]:
    """The same of the root file system that `--output rootfs` writes."""
    write_rootfs(folder, made.root(), made.blobs.open)
    return {
        path.relative_to(folder).as_posix(): f"l {path.readlink()}"
        if path.is_symlink()
        else f"- {path.stat().st_size}"
        if path.is_file()
        else "d"
        for path in folder.rglob("*")
    }


def test_what_a_layer_puts_below_a_symlink_of_a_lower_one_lies_where_that_leads() -> None:
    assert listed(Made(MERGED_USR)) == {
        "lib": "l usr/lib",
        "usr": "d",
        "usr/lib": "d",
        "usr/lib/a": "- 1",
        "usr/lib/b": "- 1",
    }


def test_a_folder_takes_the_place_of_a_symlink() -> None:
    assert listed(Made([*MERGED_USR, [("lib", None), ("lib/c", "3")]])) == {
        "lib": "d",
        "lib/c": "- 1",
        "usr": "d",
        "usr/lib": "d",
        "usr/lib/a": "- 1",
        "usr/lib/b": "- 1",
    }


def test_symlinks_that_go_round_have_an_end() -> None:
    assert listed(Made([[("a", ("link", "b")), ("b", ("link", "/a"))], [("a/x", "1")]])) == {"a/x": "- 1", "b": "l /a"}


def member(at: random.Random, before: Sequence[str]) -> tuple[str, Content]:
    path = "/".join(at.choice("abc") for _ in range(at.randrange(1, 4)))
    match at.randrange(6):
        case 0:
            return path, ("link", at.choice(("", "/", "../")) + at.choice(("a", "b", "a/c", "b/../c")))
        case 1:
            folder, _, name = path.rpartition("/")
            return f"{folder}/.wh.{name}".lstrip("/"), ""
        case 2:
            return path, None
        case 3 if before:
            return path, ("hard", at.choice(before))
        case _:
            return path, "x" * at.randrange(20)


@pytest.mark.parametrize("chapter", range(5))
def test_the_listing_agrees_with_the_root_file_system_that_is_written(tmp_path: Path, chapter: int) -> None:
    compared = 0
    for seed in range(chapter * 100, chapter * 100 + 100):
        at = random.Random(seed)
        layers, files = list[dict[str, Content]](), list[str]()
        for _ in range(at.randrange(1, 4)):
            layers.append({})
            for _ in range(at.randrange(1, 6)):
                path, content = member(at, files)
                layers[-1][path] = content
                files += [path] * isinstance(content, str)
        made = Made(layers)
        try:
            found = written(made, tmp_path / str(seed))
        except BuildFailure:  # what lies in a file cannot be written; it is listed as well as can be
            continue
        compared += 1
        seen = listed(made)
        implied = {path: "d" for path in found if found[path] == "d" and path not in seen}  # folders nobody named
        assert seen | implied == found, f"seed {seed}: {layers}"
    assert compared > 40
