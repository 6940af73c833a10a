"""What a stamped build says of its checkout, whatever state that is in; git is the real one."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from buildkit.commands.stamp import stamp_of
from buildkit.errors import BuildError, EnvironmentFault

OWN = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_CONFIG_NOSYSTEM": "1"}
HINT = "hint: leave out --stamp, or build in a clone of the repository"


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=folder, env=OWN, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def checkout(folder: Path, text: str = "1") -> str:
    """A repository with a commit; gives its revision."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "a.txt").write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", text)
    return git(folder, "rev-parse", "--verify", "HEAD")


def stamped(folder: Path, **more: str) -> Mapping[str, str]:
    return stamp_of(folder, OWN | more, git=True)


def refused(folder: Path, kind: type[BuildError] = BuildError) -> list[str]:
    with pytest.raises(BuildError) as caught:
        stamped(folder)
    assert type(caught.value) is kind
    return str(caught.value).splitlines()


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    revision = checkout(tmp_path / "own")
    return tmp_path / "own", {"revision": revision}


Made = tuple[Path, dict[str, str]]


def test_the_revision_is_that_of_the_commit_wherever_it_is_checked_out(made: Made, tmp_path: Path) -> None:
    folder, expected = made
    assert stamped(folder) == expected
    git(folder, "checkout", "-q", "--detach")
    assert stamped(folder) == expected
    git(folder, "worktree", "add", "-q", "--detach", "../beside")
    assert stamped(tmp_path / "beside") == expected
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{folder}", "shallow")
    assert stamped(tmp_path / "shallow") == expected


def test_a_branch_and_a_tag_may_have_any_name(made: Made) -> None:
    folder, expected = made
    for name in ("refs/heads/HEAD", "refs/tags/HEAD", "refs/tags/-c", "refs/heads/$(touch${IFS}x)", "refs/heads/<b>'"):
        git(folder, "update-ref", name, expected["revision"])
    git(folder, "symbolic-ref", "HEAD", "refs/heads/$(touch${IFS}x)")
    assert stamped(folder) == expected
    assert [path.name for path in folder.iterdir() if path.name != ".git"] == ["a.txt"]


@pytest.mark.parametrize("setting", ["status.showUntrackedFiles=no", "status.relativePaths=false", "color.ui=always"])
def test_a_file_that_git_does_not_know_marks_the_checkout_whatever_is_configured(made: Made, setting: str) -> None:
    folder, expected = made
    git(folder, "config", *setting.split("="))
    assert stamped(folder) == expected
    (folder / "new.txt").touch()
    assert stamped(folder) == {"revision": expected["revision"] + "-dirty"}


def test_a_changed_submodule_marks_the_checkout_even_if_git_is_told_to_ignore_it(made: Made, tmp_path: Path) -> None:
    folder, _ = made
    checkout(tmp_path / "part", "2")
    git(folder, "-c", "protocol.file.allow=always", "submodule", "add", "-q", f"file://{tmp_path}/part", "part")
    git(folder, "config", "submodule.part.ignore", "all")
    git(folder, "commit", "-q", "-m", "with a part")
    revision = git(folder, "rev-parse", "HEAD")
    assert stamped(folder) == {"revision": revision}
    (folder / "part" / "a.txt").write_text("other")
    assert stamped(folder) == {"revision": f"{revision}-dirty"}


def test_what_git_tells_its_hooks_of_another_repository_does_not_count(made: Made, tmp_path: Path) -> None:
    folder, expected = made
    checkout(tmp_path / "other", "2")
    other = str(tmp_path / "other")
    assert stamped(folder, GIT_DIR=f"{other}/.git", GIT_WORK_TREE=other, GIT_INDEX_FILE=f"{other}/.git/x") == expected
    (folder / "below").mkdir()
    assert stamped(folder / "below", GIT_DIR=".git") == expected


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_checkout_of_another_user_is_told_with_gits_way_to_trust_it(made: Made) -> None:
    folder, expected = made
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    first, *told, hint = refused(folder)
    assert first == (
        f"error: --stamp: the workspace '{folder}' is in a git checkout of another user, which git does not trust"
    )
    assert (told[-1].strip(" |\t"), hint) == (f"git config --global --add safe.directory {folder}", HINT)
    trusted = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": str(folder)}
    assert stamped(folder, **trusted) == expected


def test_a_checkout_that_git_cannot_read_is_told_in_its_words(made: Made, tmp_path: Path) -> None:
    folder, _ = made
    git(folder, "worktree", "add", "-q", "--detach", "../beside")
    shutil.rmtree(folder / ".git" / "worktrees")
    assert refused(tmp_path / "beside") == [
        f"error: --stamp: the workspace '{tmp_path}/beside' is in no git checkout that can be read",
        f"  | fatal: not a git repository: {folder}/.git/worktrees/beside",
        HINT,
    ]
    (folder / ".git" / "index").write_text("no index")
    first, *_ = refused(folder, EnvironmentFault)
    assert first == "error: --stamp: git cannot tell whether the checkout was edited"


@pytest.mark.parametrize(
    ("origin", "source"),
    [
        ("https://u:p@git.example/acme/models.git", "https://git.example/acme/models"),
        ("https://git.example:8443/acme/models", "https://git.example:8443/acme/models"),
        ("ssh://git@git.example:2222/acme/models.git", "https://git.example/acme/models"),
        ("git@git.example:acme/models.git", "https://git.example/acme/models"),
        ("https://git.example/acme/models.git?token=hunter2#x", "https://git.example/acme/models"),
        ("https://u:p@hunter2@git.example/acme/models", ""),
        ("https://git.example/a/<script>", ""),
        ("https://git.example/a\x1b[31m", ""),
        ("https://git.example/a\nb", ""),
        ("javascript:alert(1)//x", "https://javascript/alert(1)//x"),
        ("/srv/git/models", ""),
        ("../models", ""),
    ],
)
def test_the_source_is_the_origin_without_what_is_secret_or_no_address(made: Made, origin: str, source: str) -> None:
    folder, expected = made
    git(folder, "config", "remote.origin.url", origin)
    assert stamped(folder) == expected | ({"source": source} if source else {})


@pytest.mark.parametrize(
    ("epoch", "created"),
    [
        ("", {}),
        ("0", {"created": "1970-01-01T00:00:00Z"}),
        ("253402300799", {"created": "9999-12-31T23:59:59Z"}),
    ],
)
def test_the_epoch_is_a_time_of_the_years_1970_to_9999(tmp_path: Path, epoch: str, created: dict[str, str]) -> None:
    assert stamp_of(tmp_path, {"SOURCE_DATE_EPOCH": epoch}, git=False) == created


@pytest.mark.parametrize("epoch", ["253402300800", "9" * 5000, " 5", "0x10", "\N{ARABIC-INDIC DIGIT THREE}", "-0"])
def test_an_epoch_that_is_no_such_time_is_refused(tmp_path: Path, epoch: str) -> None:
    with pytest.raises(BuildError) as caught:
        stamp_of(tmp_path, {"SOURCE_DATE_EPOCH": epoch}, git=False)
    assert caught.value.message.startswith(
        "SOURCE_DATE_EPOCH must be a whole number of seconds, from 1970 to the year 9999, found "
    )
