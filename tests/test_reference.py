"""Names of images in registries."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildkit.errors import BuildError
from buildkit.reference import Reference

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("localhost/fraud", Reference("localhost", "fraud")),
        ("localhost:5000/models/fraud:1.2", Reference("localhost:5000", "models/fraud", "1.2")),
        ("registry.example/a/b-c__d:x_Y.z-1", Reference("registry.example", "a/b-c__d", "x_Y.z-1")),
        (f"registry.example/a@{DIGEST}", Reference("registry.example", "a", None, DIGEST)),
        (f"registry.example/a:t@{DIGEST}", Reference("registry.example", "a", "t", DIGEST)),
        ("[::1]:5000/a:t", Reference("[::1]:5000", "a", "t")),
    ],
)
def test_a_reference_is_read_and_printed(text: str, reference: Reference) -> None:
    assert Reference.parse(text) == reference
    assert str(reference) == text


def test_docker_hubs_own_images_have_their_whole_name() -> None:
    assert Reference.parse("docker.io/debian:12") == Reference("docker.io", "library/debian", "12")
    assert Reference.parse("docker.io/acme/debian") == Reference("docker.io", "acme/debian")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it must begin with a registry's host"),
        ("./fraud", "it must begin with a registry's host"),
        ("../models/fraud:1", "it must begin with a registry's host"),
        ("fraud", "it must begin with a registry's host"),
        ("models/fraud:1", "it must begin with a registry's host"),
        ("registry.example/", "'' is not a repository name (a-z, 0-9, '.', '_', '-', '/')"),
        ("registry.example/A", "'A' is not a repository name (a-z, 0-9, '.', '_', '-', '/')"),
        ("registry.example/a//b", "'a//b' is not a repository name (a-z, 0-9, '.', '_', '-', '/')"),
        (f"registry.example/{'a' * 239}", "host and repository have 256 characters, 255 at most"),
        ("registry.example/a:", "'' is not a tag"),
        ("registry.example/a:.x", "'.x' is not a tag"),
        ("registry.example/a:b:c", "'b:c' is not a tag"),
        ("registry.example/a:" + "t" * 129, f"'{'t' * 129}' is not a tag"),
        ("registry.example/a@sha256:1f", "'sha256:1f' is not a digest"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, why: str) -> None:
    with pytest.raises(BuildError) as error:
        Reference.parse(text)
    assert str(error.value) == (
        f"error: invalid image reference {text!r}: {why}\nhint: references look like 'host/repository:tag'"
    )


@given(st.text(st.sampled_from("aZ0.:/@-_[]"), max_size=24))
def test_every_reference_that_is_read_prints_as_it_was_written(text: str) -> None:
    with contextlib.suppress(BuildError):
        assert str(Reference.parse(text)) == text


def test_a_scheme_is_to_be_left_out() -> None:
    with pytest.raises(BuildError) as error:
        Reference.parse("docker://registry.example/a")
    assert error.value.hint == "write 'registry.example/a'"


@pytest.mark.parametrize("host", ["registry.example:99999", "[::::]:5000", "[1:2]"])
def test_a_host_that_cannot_be_is_refused(host: str) -> None:
    with pytest.raises(BuildError) as error:
        Reference.parse(f"{host}/a:1")
    assert error.value.message == (
        f"invalid image reference '{host}/a:1': '{host}' is not a host: a port is 65535 at most,"
        " an IPv6 address stands in brackets"
    )


@pytest.mark.parametrize("text", ["https://me:secret@registry.example/a:1", "me:sec/ret@registry.example/a:1"])
def test_a_login_in_a_reference_is_refused_and_not_told(text: str) -> None:
    with pytest.raises(BuildError) as error:
        Reference.parse(text)
    assert str(error.value) == (
        "error: invalid image reference '***@registry.example/a:1': a reference holds no login\n"
        "hint: write 'registry.example/a:1', and run 'mbuild login registry.example'"
    )


def test_what_may_be_a_login_before_no_digest_is_not_told() -> None:
    with pytest.raises(BuildError) as error:
        Reference.parse("registry.example/secret@")
    assert error.value.message == "invalid image reference '***@': '' is not a digest"


def test_a_tag_behind_an_at_sign_is_told_where_it_goes() -> None:
    with pytest.raises(BuildError) as error:
        Reference.parse("registry.example/team/app@latest")
    assert error.value.message == "invalid image reference '***@latest': 'latest' is not a digest"
    assert error.value.hint == "a tag follows a colon, as in 'host/repository:latest'"
