"""`--keep-going` past faults of loading and analysis: what is sound is built, the rest is told, the exit code is 2."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from invocations import Place, Ran

CHECK = """
def _check(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.run(outputs = [report], command = ["/bin/sh", "-c", "echo > out/" + report.path], root = "host")
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

check_test = rule(implementation = _check, test = True, attrs = {"srcs": attr.label_list(allow_files = True)})

def _refuse(ctx):
    fail("not today")

refuse = rule(implementation = _refuse, attrs = {})
"""
FILES = {
    "mbuild.toml": "",
    "check.bzl": CHECK,
    "BUILD": 'exports_files(["check.bzl"])',
    "good/BUILD": (
        'load("//:check.bzl", "check_test")\n'
        'filegroup(name = "x", srcs = ["a.txt"], visibility = ["//visibility:public"])\n'
        'check_test(name = "passes")\n'
    ),
    "good/a.txt": "a",
}
X = "//good:x sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb\n"
BROKEN = {"broken/BUILD": "nothing()\n"}
NOTHING = """\
broken/BUILD:1:1: error: name 'nothing' is not defined
    nothing()
    ^~~~~~~
"""
CIRCLE = {
    "circle/BUILD": (
        'filegroup(name = "p", srcs = [":q"])\n'
        'filegroup(name = "q", srcs = [":p"])\n'
        'filegroup(name = "r", srcs = [":q", "//good:x"])\n'
        'filegroup(name = "s", srcs = ["//good:x"])\n'
    )
}
S = X.replace("//good:x", "//circle:s")
ROUND = """\
circle/BUILD:2:1: error: dependency cycle: '//circle:p' needs itself
    filegroup(name = "q", srcs = [":p"])
    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
  //circle:p
    needs //circle:q
    needs //circle:p
"""
REFUSES = {
    "refuses/BUILD": (
        'load("//:check.bzl", "refuse")\n'
        'refuse(name = "never")\n'
        'filegroup(name = "after", srcs = [":never"])\n'
        'filegroup(name = "beside", srcs = ["//good:x"])\n'
    )
}
BESIDE = X.replace("//good:x", "//refuses:beside")
NOT_TODAY = """\
check.bzl:10:5: error: not today
    fail("not today")
    ^~~~~~~~~~~~~~~~~
  in //refuses:never (refuses/BUILD:2:1)
"""
NEEDS = {"needs/BUILD": 'filegroup(name = "n", srcs = ["//broken:x"])\nfilegroup(name = "m", srcs = [":n"])\n'}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write(FILES)
    return place


def faults(ran: Ran) -> str:
    return ran.told.removesuffix("\n") + "\n"


PASSES = "//good:passes sha256:01ba4719c80b6fe911b091a7c05124b64eeece964e09c058ef8f9805daca546b\n"


@pytest.mark.parametrize(
    ("files", "built", "told"),
    [
        (BROKEN, PASSES + X, NOTHING),
        (BROKEN | NEEDS, PASSES + X, NOTHING),
        (CIRCLE, S + PASSES + X, ROUND),
        (REFUSES, PASSES + X + BESIDE, NOT_TODAY),
    ],
    ids=["a broken BUILD file", "what needs a broken package", "a cycle", "a rule that fails"],
)
def test_what_is_sound_is_built_and_every_fault_told(
    place: Place, files: dict[str, str], built: str, told: str
) -> None:
    place.write(files)
    for _ in range(2):  # nothing is kept that would hide the faults
        ran = place.mbuild("build", "-k", "//...")
        assert (ran.code, ran.stdout, faults(ran)) == (2, built, told)
    ran = place.mbuild("build", "//...")
    assert (ran.code, ran.stdout, faults(ran)) == (2, "", told)


def test_faults_of_all_kinds_are_told_together(place: Place) -> None:
    place.write(BROKEN | CIRCLE | REFUSES)
    ran = place.mbuild("build", "-k", "//...", "//good:y")
    assert (ran.code, ran.stdout) == (2, S + PASSES + X + BESIDE)
    assert faults(ran) == "\n".join(
        [
            NOTHING.rstrip("\n"),
            "error: no target 'y' in package '//good' (good/BUILD)",
            ROUND.rstrip("\n"),
            NOT_TODAY,
        ]
    )


def test_tests_run_past_faults(place: Place) -> None:
    place.write(BROKEN)
    ran = place.mbuild("test", "-k", "//...")
    assert (ran.code, ran.stdout, faults(ran)) == (2, "//good:passes passed\n", NOTHING)
    ran = place.mbuild("test", "-k", "//broken:all", "//good:x")
    assert (ran.code, ran.stdout, faults(ran)) == (2, "", NOTHING)


def test_where_nothing_is_sound_the_faults_are_all_there_is(place: Place) -> None:
    place.write(BROKEN)
    ran = place.mbuild("build", "-k", "//broken:x")
    assert (ran.code, ran.stdout, faults(ran)) == (2, "", NOTHING)


def test_a_broken_platform_stops_everything(place: Place) -> None:
    place.write({"os/BUILD": 'platform(name = "p", constraint_values = [":none"])'})
    told = dedent("""\
        os/BUILD:1:22: error: no target 'none' in package '//os' (os/BUILD)
            platform(name = "p", constraint_values = [":none"])
                                 ^~~~~~~~~~~~~~~~~
          needed by //os:p (os/BUILD:1:1)
        """)
    ran = place.mbuild("build", "-k", "--platform=//os:p", "//good:x")
    assert (ran.code, ran.stdout, faults(ran)) == (2, "", told)
