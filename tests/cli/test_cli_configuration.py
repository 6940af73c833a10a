"""--platform, --define and --config: what they decide, and how a wrong one is told."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from invocations import Place

BUILD = """
config_setting(name = "release", define_values = {"mode": "release"})
genrule(
    name = "g",
    outs = ["o.txt"],
    cmd = "echo " + select({
        ":release": "release",
        "//conditions:default": "other",
    }) + select({
        "@mbuild//platforms:arm64": " arm > $@",
        "@mbuild//platforms:amd64": " amd > $@",
    }),
    host_tools = True,
)
alias(name = "a", actual = ":o.txt")
"""
TOML = """[config.base]
flags = ["--define=mode=release"]

[config.ci]
flags = ["--platform", "//platforms:arm", "--keep-going"]
configs = ["base"]

[config.bad]
flags = ["--json", "--plaform=x"]

[config.one]
configs = ["two"]

[config.two]
configs = ["one"]

[config.lost]
configs = ["bse"]

[config.word]
flags = ["//x:y"]

[config.jobs]
flags = ["--jobs=x"]

[config.folder]
flags = ["-C", "x"]

[config.nested]
flags = ["--config=base"]
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": TOML, "BUILD": BUILD, "platforms/BUILD": 'platform(name = "arm", arch = "arm64")\n'})
    return place


def line(text: str, label: str = "//:g") -> str:
    return f"{label} sha256:{sha256(text.encode()).hexdigest()}\n"


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ([], "other amd\n"),
        (["--define=mode=release"], "release amd\n"),
        (["--define", "mode=release", "--define", "mode=debug"], "other amd\n"),
        (["--platform=//platforms:arm"], "other arm\n"),
        (["--platforms=@mbuild//platforms:linux_arm64"], "other arm\n"),
        (["--config=base"], "release amd\n"),
        (["--config", "ci"], "release arm\n"),
        (["--config=ci", "--define=mode=debug", "--platform=@mbuild//platforms:linux_amd64"], "other amd\n"),
        (["--define=mode=debug", "--config=ci"], "release arm\n"),
    ],
)
def test_flags_decide_the_configuration_and_later_ones_win(place: Place, flags: list[str], text: str) -> None:
    assert place.mbuild("--sandbox=none", *flags, "//:g").stdout == line(text)


def test_a_kept_graph_is_of_one_configuration(place: Place) -> None:
    both = [place.mbuild("--sandbox=none", *flags, "//:g").stdout for flags in ([], ["--config=ci"], [])]
    assert both == [line("other amd\n"), line("release arm\n"), line("other amd\n")]


def test_an_alias_and_a_generated_file_can_be_built(place: Place) -> None:
    assert place.mbuild("--sandbox=none", "//:a").stdout == line("other amd\n", "//:o.txt")
    assert place.mbuild("--sandbox=none", "//:o.txt", "//:a").stdout == line("other amd\n", "//:o.txt")


def test_a_pattern_tells_what_it_passed_over(place: Place) -> None:
    none = 'target_compatible_with = ["@mbuild//platforms:incompatible"]'
    place.write({"p/BUILD": f'filegroup(name = "x", srcs = ["BUILD"], {none})\n'})
    ran = [place.mbuild("//p:all") for _ in range(2)]
    told = "warning: passed over, not compatible with the platform: '//p:x'"
    assert [(one.code, one.stdout, one.told) for one in ran] == [(0, "", told)] * 2
    assert place.mbuild("//p:x").code == 2


def test_conditions_and_platforms_are_not_among_what_a_pattern_builds(place: Place) -> None:
    ran = place.mbuild("--sandbox=none", "//...")
    assert ran.stdout == line("other amd\n") + line("other amd\n", "//:o.txt")


@pytest.mark.parametrize(
    ("flag", "told"),
    [
        (
            "--config=bad",
            "mbuild.toml:9:20: error: '--plaform=x' cannot stand in [config.bad]\n"
            '    flags = ["--json", "--plaform=x"]\n'
            "                       ^~~~~~~~~~~~~\n"
            "hint: a config holds the options that every command takes; see 'mbuild --help'",
        ),
        ("--config=bas", "error: no config 'bas' in 'mbuild.toml'\nhint: did you mean 'base'?"),
        (
            "--config=zzz",
            "error: no config 'zzz' in 'mbuild.toml'\n"
            "hint: its configs are: bad, base, ci, folder, jobs, lost, nested, one, two, word",
        ),
        (
            "--config=one",
            "mbuild.toml:15:12: error: config 'one' takes in itself\n"
            '    configs = ["one"]\n'
            "               ^~~~~\n"
            "  one\n    takes in two\n    takes in one",
        ),
        (
            "--config=lost",
            "mbuild.toml:18:12: error: no config 'bse' in 'mbuild.toml'\n"
            '    configs = ["bse"]\n'
            "               ^~~~~\n"
            "hint: did you mean 'base'?",
        ),
        (
            "--config=word",
            "mbuild.toml:21:10: error: '//x:y' cannot stand in [config.word]\n"
            '    flags = ["//x:y"]\n'
            "             ^~~~~~~\n"
            "hint: a config holds the options that every command takes; see 'mbuild --help'",
        ),
        (
            "--config=jobs",
            "mbuild.toml:24:10: error: '--jobs' must be a number from 1, found 'x'\n"
            '    flags = ["--jobs=x"]\n'
            "             ^~~~~~~~~~\n"
            "hint: see 'mbuild --help'",
        ),
        (
            "--config=folder",
            "mbuild.toml:27:10: error: '-C' cannot stand in [config.folder]\n"
            '    flags = ["-C", "x"]\n'
            "             ^~~~\n"
            "hint: the workspace is found before its configs are",
        ),
        (
            "--config=nested",
            "mbuild.toml:30:10: error: '--config' cannot stand in [config.nested]\n"
            '    flags = ["--config=base"]\n'
            "             ^~~~~~~~~~~~~~~\n"
            "hint: name other configs with 'configs = [...]'",
        ),
        ("--config=", "error: '--config' needs a value\nhint: see 'mbuild --help'"),
        (
            "--platform=//nope:x",
            "error: no package '//nope': there is no 'nope/BUILD.mbuild' or 'nope/BUILD'\n  asked for by --platform",
        ),
        ("--define=x", "error: '--define' must be NAME=VALUE, found 'x'\nhint: see 'mbuild --help'"),
        (
            "--platform=//platforms:ar",
            "error: no target 'ar' in package '//platforms' (platforms/BUILD)\n  asked for by --platform\n"
            "hint: did you mean 'arm'?",
        ),
        ("--platform=//:g", "error: '//:g' is not a platform: it is a target of 'genrule'"),
    ],
)
def test_a_wrong_flag_is_told_with_its_place(place: Place, flag: str, told: str) -> None:
    ran = place.mbuild(flag, "//:g")
    assert (ran.code, ran.stdout, ran.told) == (2, "", told)
