"""`mbuild init`: what it writes, asks, keeps and refuses. That it all builds is shown in tests/e2e."""

from __future__ import annotations

import os
import pty
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from invocations import MBUILD, Place, Ran, in_process

FILES = {
    "none": [".gitignore", "README.md", "mbuild.toml", "models/BUILD", "models/weights.json"],
    "custom": [
        ".gitignore",
        "README.md",
        "mbuild.toml",
        "models/BUILD",
        "models/golden.json",
        "models/weights.json",
        "requests/example.json",
        "serving/BUILD",
        "serving/scorer.py",
        "third_party/BUILD",
    ],
    "sklearn": [
        ".gitignore",
        "README.md",
        "mbuild.toml",
        "models/BUILD",
        "models/golden.json",
        "models/measurements.csv",
        "models/train.py",
        "requests/example.json",
        "third_party/BUILD",
    ],
}
NEXT = {
    "none": "  next:\n  cd shop\n  mbuild build //...\n",
    "custom": "  next:\n  cd shop\n  mbuild lock //...\n  mbuild build //...\n  mbuild test //...\n",
}
NEXT["sklearn"] = NEXT["custom"]
TARGETS = {
    "none": ["//models:shop", "//models:shop_model"],
    "custom": [
        "//models:shop",
        "//models:shop_model",
        "//models:shop_test",
        "//serving:scorer",
        "//third_party:debian_python",
        "//third_party:server",
        "//third_party:server_packages",
    ],
    "sklearn": [
        "//models:shop",
        "//models:shop_model",
        "//models:shop_test",
        "//third_party:debian_python",
        "//third_party:server",
        "//third_party:server_packages",
    ],
}


def init(folder: Path, *argv: str) -> Ran:
    return in_process("-C", str(folder), "init", *argv)


@pytest.mark.parametrize("framework", FILES)
def test_a_workspace_is_written_whose_targets_load(tmp_path: Path, framework: str) -> None:
    ran = init(tmp_path, "shop", "--framework", framework)
    assert ran == Ran(0, "".join(f"{file}\n" for file in FILES[framework]), NEXT[framework])
    shop = tmp_path / "shop"
    assert sorted(path.relative_to(shop).as_posix() for path in shop.rglob("*") if path.is_file()) == FILES[framework]
    assert not [path for path in shop.rglob("*") if path.is_file() and "{{" in path.read_text()]
    listed = Place(shop, tmp_path / "store").mbuild("query", "//...")
    assert (listed.code, listed.stdout.split(), listed.told) == (0, TARGETS[framework], "")


def test_the_workspace_without_a_framework_builds_at_once(tmp_path: Path) -> None:
    init(tmp_path, "--name", "shop", "--framework", "none")
    built = Place(tmp_path, tmp_path / "store").mbuild("build", "//...")
    assert (built.code, [line.split()[0] for line in built.stdout.splitlines()]) == (0, TARGETS["none"])


@pytest.mark.parametrize(
    ("folder", "name"), [("Fraud Models!", "fraud_models"), ("3d", "model"), ("a__b", "a_b"), ("größe", "gr_e")]
)
def test_the_name_is_the_folders_as_far_as_it_can_be(tmp_path: Path, folder: str, name: str) -> None:
    assert init(tmp_path, folder, "--framework", "none").code == 0
    assert (tmp_path / folder / "mbuild.toml").read_text() == f'[workspace]\nname = "{name}"\n'


def test_what_exists_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for path in ("mbuild.toml", "models/BUILD", "README.md", ".gitignore"):
        (tmp_path / path).write_text("mine\n")
    assert init(tmp_path, "--name", "x") == Ran(
        2,
        "",
        f"error: 2 files are in the way in '{tmp_path}'\n  mbuild.toml\n  models/BUILD\n"
        "hint: move what is there, or name another folder: nothing was written\n",
    )
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".gitignore",
        "BUILD",
        "README.md",
        "mbuild.toml",
        "models",
    ]
    assert {path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == {"mine\n"}


def test_a_readme_is_kept_and_what_git_ignores_gets_a_line(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine\n")
    (tmp_path / ".gitignore").write_text("*.pyc")
    ran = init(tmp_path, "--name", "x", "--framework", "none")
    assert (ran.code, ran.stdout.split()) == (0, [".gitignore", "mbuild.toml", "models/BUILD", "models/weights.json"])
    assert (tmp_path / "README.md").read_text() == "mine\n"
    assert (tmp_path / ".gitignore").read_text() == "*.pyc\n/mbuild-out/\n"


def test_git_is_told_once(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mbuild-out/\n")
    assert init(tmp_path, "--name", "x", "--framework", "none").stdout.split()[0] == "README.md"
    assert (tmp_path / ".gitignore").read_text() == "mbuild-out/\n"


MISTAKES = {
    "a framework that has to be served by one's own code": (
        ["init", "--framework", "pytorch"],
        "error: '--framework' must be one of 'sklearn', 'custom', 'none', found 'pytorch'\n"
        "hint: take 'custom': name the framework's packages in third_party/BUILD, and load the model in your class\n",
    ),
    "a misspelt framework": (
        ["init", "--framework", "sklean"],
        "error: '--framework' must be one of 'sklearn', 'custom', 'none', found 'sklean'\n"
        "hint: did you mean 'sklearn'?\n",
    ),
    "a name that cannot be an image's": (
        ["init", "--name", "Fraud"],
        "error: 'Fraud' cannot be a workspace's name\n"
        "hint: write lower-case letters, digits and '_', beginning with a letter, such as 'fraud_v3'\n",
    ),
    "an empty name": (
        ["init", "--name", ""],
        "error: '' cannot be a workspace's name\n"
        "hint: write lower-case letters, digits and '_', beginning with a letter, such as 'fraud_v3'\n",
    ),
    "a file in a folder's place": (
        ["init", "taken"],
        "error: 'FOLDER/taken' is a file, expected a folder\n",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_cannot_begin_is_told(tmp_path: Path, mistake: str) -> None:
    argv, message = MISTAKES[mistake]
    (tmp_path / "taken").write_text("")
    assert in_process("-C", str(tmp_path), *argv) == Ran(2, "", message.replace("FOLDER", str(tmp_path)))
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def answered(folder: Path, answers: str, *argv: str) -> tuple[int, str]:
    """How `init` ends on a terminal where a person types `answers`, and what the terminal showed."""
    terminal, end = pty.openpty()
    with subprocess.Popen([*MBUILD, "-C", str(folder), "init", *argv], stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        os.write(terminal, answers.encode())
        chunks: list[bytes] = []
        with suppress(OSError):  # which says that nobody writes any more
            while chunk := os.read(terminal, 65536):
                chunks.append(chunk)
        os.close(terminal)
    return process.returncode, b"".join(chunks).decode()


def test_on_a_terminal_two_questions_are_asked(tmp_path: Path) -> None:
    code, shown = answered(tmp_path, "shop\nnone\n", "w")
    assert (code, "name [w]: " in shown, "framework (sklearn, custom, none) [sklearn]: " in shown) == (0, True, True)
    assert '"shop"' in (tmp_path / "w" / "mbuild.toml").read_text()


def test_an_empty_answer_takes_the_default_and_an_option_asks_less(tmp_path: Path) -> None:
    code, shown = answered(tmp_path, "\n", "w", "--framework", "none")
    assert (code, "framework" in shown) == (0, False)
    assert '"w"' in (tmp_path / "w" / "mbuild.toml").read_text()


def test_yes_asks_nothing(tmp_path: Path) -> None:
    code, shown = answered(tmp_path, "", "w", "--yes")
    assert (code, "name [" in shown) == (0, False)
    assert (tmp_path / "w" / "models" / "train.py").is_file()
