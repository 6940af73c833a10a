"""Labels and patterns: what people write, and what is refused."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.errors import BuildError
from buildkit.label import Label, TargetPattern

PLAIN = st.text(string.ascii_letters + string.digits + "_-.+äß日", min_size=1).filter(
    lambda text: text not in (".", "..")
)
PATHS = st.lists(PLAIN, min_size=1, max_size=3).map("/".join)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("//models:fraud", Label("", "models", "fraud")),
        ("//models", Label("", "models", "models")),
        ("//models/fraud", Label("", "models/fraud", "fraud")),
        ("//:top", Label("", "", "top")),
        (":fraud", Label("", "here", "fraud")),
        ("fraud.csv", Label("", "here", "fraud.csv")),
        ("data/fraud.csv", Label("", "here", "data/fraud.csv")),
        ("//a:name with (odd) signs!", Label("", "a", "name with (odd) signs!")),
        ("//modèles:données.csv", Label("", "modèles", "données.csv")),
        ("@mbuild//rules:model.bzl", Label("mbuild", "rules", "model.bzl")),
        ("@//models:fraud", Label("", "models", "fraud")),
    ],
)
def test_a_label_is_read_relative_to_its_package(text: str, label: Label) -> None:
    assert Label.parse(text, "here") == label


def test_a_label_in_another_repository_stays_there() -> None:
    assert Label.parse(":model.bzl", "rules", "mbuild") == Label("mbuild", "rules", "model.bzl")
    assert Label.parse("@//rules:model.bzl", "rules", "mbuild") == Label("", "rules", "model.bzl")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it has no target name"),
        ("//", "it has no target name"),
        ("//a:", "it has no target name"),
        ("//a//b:c", "'a//b' is not a package name"),
        ("//a/:b", "'a/' is not a package name"),
        ("///a:b", "'/a' is not a package name"),
        ("//a/../b:c", "'a/../b' is not a package name"),
        ("//a b:c", "'a b' is not a package name"),
        ("//a:../b", "'../b' is not a target name"),
        ("//a:./b", "'./b' is not a target name"),
        ("//a:/b", "'/b' is not a target name"),
        ("//a:b/", "'b/' is not a target name"),
        ("//a:b//c", "'b//c' is not a target name"),
        ("//a:b\tc", "'b\tc' is not a target name"),
        ("//a:b:c", "'b:c' is not a target name"),
        ("//a:\udcff", "'\udcff' is not a target name"),
        ("@mbuild", "'//' after the repository's name is missing"),
        ("@two words//a:b", "'two words' is not a repository's name"),
    ],
)
def test_what_is_no_label_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(BuildError) as error:
        Label.parse(text)
    assert str(error.value) == (
        f"error: invalid label {text!r}: {why}\nhint: labels look like '//package:name' or ':name'"
    )


@given(st.sampled_from(["", "mbuild"]), st.one_of(st.just(""), PATHS), PATHS)
def test_every_label_reads_back_from_its_text(repository: str, package: str, name: str) -> None:
    label = Label(repository, package, name)
    assert Label.parse(str(label), "elsewhere") == label


@given(st.text(max_size=20))
def test_no_text_makes_anything_but_a_label_or_an_error(text: str) -> None:
    try:
        label = Label.parse(text, "here")
    except BuildError:
        return
    assert Label.parse(str(label)) == label
    assert ".." not in label.path.split("/")


def test_labels_know_the_path_of_the_file_that_they_would_name() -> None:
    assert Label("", "models", "data/fraud.csv").path == "models/data/fraud.csv"
    assert Label("", "", "README.md").path == "README.md"


FRAUD, DEEP, TOP = Label("", "models", "fraud"), Label("", "models/deep", "x"), Label("", "", "top")
OTHER = Label("", "models_of_others", "x")


@pytest.mark.parametrize(
    ("text", "package", "members"),
    [
        ("//...", "", [FRAUD, DEEP, TOP, OTHER]),
        ("...", "", [FRAUD, DEEP, TOP, OTHER]),
        ("...", "models", [FRAUD, DEEP]),
        ("//models/...", "data", [FRAUD, DEEP]),
        ("models/...", "", [FRAUD, DEEP]),
        ("deep/...", "models", [DEEP]),
        ("//models:all", "", [FRAUD]),
        ("//models:*", "", [FRAUD]),
        (":all", "models", [FRAUD]),
        ("//models:fraud", "", [FRAUD]),
        ("models:fraud", "", [FRAUD]),
        ("deep:x", "models", [DEEP]),
        (":fraud", "models", [FRAUD]),
        ("fraud", "models", [FRAUD]),
        ("-//models/...", "", [FRAUD, DEEP]),
        ("-models:fraud", "", [FRAUD]),
    ],
)
def test_a_pattern_names_a_set_of_targets(text: str, package: str, members: list[Label]) -> None:
    pattern = TargetPattern.parse(text, package)
    assert [label for label in (FRAUD, DEEP, TOP, OTHER) if pattern.matches(label)] == members
    assert pattern.negative == text.startswith("-")
    assert pattern.text == text


@pytest.mark.parametrize(
    ("text", "package", "covered"),
    [
        ("//...", "", True),
        ("//a/...", "a/b", True),
        ("//a/...", "ab", False),
        ("//a:all", "a", True),
        ("//a:a", "a", False),
    ],
)
def test_a_pattern_covers_a_package_whose_every_target_it_names(text: str, package: str, covered: bool) -> None:
    assert TargetPattern.parse(text).covers(package) is covered


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "@mbuild//rules:model.bzl",
            "invalid pattern '@mbuild//rules:model.bzl': only this workspace's targets can be built",
        ),
        ("@mbuild//...", "invalid pattern '@mbuild//...': only this workspace's targets can be built"),
        ("///...", "invalid label '///...': '/' is not a package name"),
        ("//a//...", "invalid label '//a//...': 'a/' is not a package name"),
        ("//a/../...", "invalid label '//a/../...': 'a/..' is not a package name"),
        ("-", "invalid label '': it has no target name"),
    ],
)
def test_what_is_no_pattern_is_refused(text: str, message: str) -> None:
    with pytest.raises(BuildError) as error:
        TargetPattern.parse(text)
    assert error.value.message == message
