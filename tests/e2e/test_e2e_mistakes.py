"""One clear error and exit code for each mistake in files that people write, and a store that is usable after."""

from __future__ import annotations

import textwrap
import uuid
from pathlib import Path

import pytest
from invocations import Place, Ran, in_process

pytestmark = pytest.mark.e2e

GOOD = """
model(name = "m", framework = "sklearn", srcs = ["m.joblib"])
model_volume(name = "good", models = [":m"])
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all: what went wrong before must not matter."""
    return tmp_path_factory.mktemp("store")


@pytest.fixture
def place(tmp_path: Path, cache: Path) -> Place:
    place = Place(tmp_path, cache)
    place.write({"mbuild.toml": "", "good/BUILD": GOOD, "good/m.joblib": "m", "p/a.txt": "a\n"})
    return place


def refused(place: Place, *argv: str, code: int = 2) -> str:
    """What is told about a fault; the store must be usable after."""
    ran = place.mbuild(*argv)
    assert (ran.code, ran.stdout) == (code, "")
    place.write({"mbuild.toml": "", "good/m.joblib": uuid.uuid4().bytes})
    after = place.mbuild("//good")
    assert (after.code, len(after.actions)) == (0, 4), after.stderr
    return ran.told


def text(message: str) -> str:
    return textwrap.dedent(message).strip("\n")


MISTAKES = {
    "a missing attribute": (
        'alias(name = "x")',
        """
        p/BUILD:1:1: error: rule 'alias' needs the attribute 'actual'
            alias(name = "x")
            ^~~~~~~~~~~~~~~~~
        """,
    ),
    "a misspelt attribute": (
        'filegroup(name = "x", src = ["a.txt"])',
        """
        p/BUILD:1:23: error: rule 'filegroup' has no attribute 'src'
            filegroup(name = "x", src = ["a.txt"])
                                  ^~~
        hint: did you mean 'srcs'?
        """,
    ),
    "an attribute like no other": (
        'filegroup(name = "x", srcs = ["a.txt"], colour = "red")',
        """
        p/BUILD:1:41: error: rule 'filegroup' has no attribute 'colour'
            filegroup(name = "x", srcs = ["a.txt"], colour = "red")
                                                    ^~~~~~
        hint: its attributes are: deprecation, licenses, name, srcs, tags, target_compatible_with, testonly, visibility
        """,
    ),
    "an unknown rule": (
        'filegrop(name = "x", srcs = ["a.txt"])',
        """
        p/BUILD:1:1: error: name 'filegrop' is not defined
            filegrop(name = "x", srcs = ["a.txt"])
            ^~~~~~~~
        hint: did you mean 'filegroup'?
        """,
    ),
    "a value that an attribute does not know": (
        'model(name = "x", framework = "sklean", srcs = ["a.txt"])',
        """
        p/BUILD:1:19: error: attribute 'framework' must be one of "sklearn", "xgboost", "lightgbm", "catboost", """
        """"custom", found "sklean"
            model(name = "x", framework = "sklean", srcs = ["a.txt"])
                              ^~~~~~~~~
        hint: did you mean 'sklearn'?
        """,
    ),
    "an unknown target": (
        'filegroup(name = "xx", srcs = ["a.txt"])',
        """
        error: no target 'x' in package '//p' (p/BUILD)
        hint: did you mean 'xx'?
        """,
    ),
    "an unknown target in an attribute": (
        'filegroup(name = "x", srcs = [":why"])\nfilegroup(name = "what", srcs = ["a.txt"])',
        """
        p/BUILD:1:23: error: no target 'why' in package '//p' (p/BUILD)
            filegroup(name = "x", srcs = [":why"])
                                  ^~~~
          needed by //p:x (p/BUILD:1:1)
        """,
    ),
    "a missing file": (
        'filegroup(name = "x", srcs = ["b.txt"])',
        """
        p/BUILD:1:23: error: no target 'b.txt' in package '//p' (p/BUILD), and no file 'p/b.txt'
            filegroup(name = "x", srcs = ["b.txt"])
                                  ^~~~
          needed by //p:x (p/BUILD:1:1)
        hint: did you mean 'a.txt'?
        """,
    ),
    "a missing package": (
        'filegroup(name = "x", srcs = ["//q:y"])',
        """
        p/BUILD:1:23: error: no package '//q': there is no 'q/BUILD.mbuild' or 'q/BUILD'
            filegroup(name = "x", srcs = ["//q:y"])
                                  ^~~~
          needed by //p:x (p/BUILD:1:1)
        """,
    ),
    "a dependency cycle": (
        'filegroup(name = "x", srcs = [":y"])\nfilegroup(name = "y", srcs = [":x"])',
        """
        p/BUILD:2:1: error: dependency cycle: '//p:x' needs itself
            filegroup(name = "y", srcs = [":x"])
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
          //p:x
            needs //p:y
            needs //p:x
        """,
    ),
    "a syntax error": (
        'filegroup(name = "x", srcs = ["a.txt"',
        """
        p/BUILD:1:30: error: '[' is never closed
            filegroup(name = "x", srcs = ["a.txt"
                                         ^
        """,
    ),
    "a wrong type": (
        'filegroup(name = "x", srcs = "a.txt")',
        """
        p/BUILD:1:23: error: attribute 'srcs' must be a list of labels, found a string
            filegroup(name = "x", srcs = "a.txt")
                                  ^~~~
        """,
    ),
    "several mistakes together": (
        'filegroup(name = 3, srcs = [1])\nfilegroup(srcs = [])\nfilegroup(name = "a", srcs = [])\n'
        'filegroup(name = "a", srcs = [])',
        """
        p/BUILD:1:11: error: attribute 'name' must be a string, found an int
            filegroup(name = 3, srcs = [1])
                      ^~~~
        p/BUILD:1:21: error: attribute 'srcs' must be a list of labels, found a list with 1
            filegroup(name = 3, srcs = [1])
                                ^~~~
        p/BUILD:2:1: error: rule 'filegroup' needs the attribute 'name'
            filegroup(srcs = [])
            ^~~~~~~~~~~~~~~~~~~~
        p/BUILD:4:1: error: target 'a' is declared twice
            filegroup(name = "a", srcs = [])
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
          first declared at p/BUILD:3:1
        """,
    ),
    "a load of a missing file": (
        'load(":no.bzl", "x")',
        """
        p/BUILD:1:6: error: cannot load '//p:no.bzl': the file 'p/no.bzl' does not exist
            load(":no.bzl", "x")
                 ^~~~~~~~~
        """,
    ),
    "a load of a missing name": (
        'load("//good:defs.bzl", "colours")',
        """
        p/BUILD:1:25: error: load: name colours not found in module //good:defs.bzl (did you mean colors?)
            load("//good:defs.bzl", "colours")
                                    ^~~~~~~~~
        """,
    ),
    "a glob that matches nothing": (
        'filegroup(name = "x", srcs = glob(["*.csv"]))',
        """
        p/BUILD:1:30: error: glob matches nothing: no file of package '//p' matches "*.csv"
            filegroup(name = "x", srcs = glob(["*.csv"]))
                                         ^~~~~~~~~~~~~~~
        hint: correct the pattern, or say allow_empty = True
        """,
    ),
    "a target that is hidden": (
        'filegroup(name = "x", srcs = ["//good:m"])',
        """
        p/BUILD:1:23: error: '//good:m' is not visible to '//p:x'
            filegroup(name = "x", srcs = ["//good:m"])
                                  ^~~~
        hint: add '//p:__pkg__' to its visibility
        """,
    ),
    "a target of the wrong kind": (
        'model_volume(name = "x", models = [":w", "a.txt"])\nfilegroup(name = "w", srcs = ["a.txt"])',
        """
        p/BUILD:1:26: error: '//p:w' cannot stand in 'models': it does not provide ModelInfo
            model_volume(name = "x", models = [":w", "a.txt"])
                                     ^~~~~~
          it is a target that provides DefaultInfo
        p/BUILD:1:26: error: attribute 'models' of rule 'model_volume' does not take the file '//p:a.txt'
            model_volume(name = "x", models = [":w", "a.txt"])
                                     ^~~~~~
        hint: it takes targets only
        """,
    ),
    "what a standard rule refuses": (
        'genrule(name = "x", outs = ["o"], cmd = "true")',
        """
        p/BUILD:1:1: error: say where the command runs: either 'runtime', or 'host_tools = True' """
        """(whose results depend on the machine)
            genrule(name = "x", outs = ["o"], cmd = "true")
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
          said by @mbuild//rules/files.bzl:LINE
        """,
    ),
    "an http_file without a digest": (
        'http_file(name = "x", urls = ["http://127.0.0.1:1/a"], sha256 = "1f")',
        """
        p/BUILD:1:1: error: 'sha256' must be 64 lower-case hexadecimal digits, found "1f"
            http_file(name = "x", urls = ["http://127.0.0.1:1/a"], sha256 = "1f")
            ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~
          said by @mbuild//rules/files.bzl:LINE
        """,
    ),
    "two targets that make one file": (
        'genrule(name = "x", outs = ["o"], cmd = "true", srcs = [":y"], host_tools = True)\n'
        'genrule(name = "y", outs = ["o"], cmd = "true", host_tools = True)',
        """
        p/BUILD:2:21: error: 'o' is made by two targets: '//p:x' and '//p:y'
            genrule(name = "y", outs = ["o"], cmd = "true", host_tools = True)
                                ^~~~
          first declared at p/BUILD:1:21
        """,
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_build_file_has_its_place_and_what_to_do(place: Place, mistake: str) -> None:
    build, message = MISTAKES[mistake]
    place.write({"p/BUILD": build + "\n", "good/defs.bzl": "colors = []\n"})
    assert refused(place, "//p:x") == text(message)


def test_faults_of_several_packages_are_told_together_and_each_once(place: Place) -> None:
    place.write({"p/BUILD": 'filegroup(name = "x", srcs = ["//q:y", "//q:z"])\n'})
    place.write({"q/BUILD": 'filegroup(name = "y", source = ["a"], bare = True)\nfilegroup(nam = "z", srcs = [])\n'})
    assert refused(place, "//p:x", "//p:gone") == text(
        """
        error: no target 'gone' in package '//p' (p/BUILD)
        """
    )
    assert refused(place, "//p:x", "//q:y") == text(
        """
        q/BUILD:1:23: error: rule 'filegroup' has no attribute 'source'
            filegroup(name = "y", source = ["a"], bare = True)
                                  ^~~~~~
        hint: did you mean 'srcs'?
        q/BUILD:1:39: error: rule 'filegroup' has no attribute 'bare'
            filegroup(name = "y", source = ["a"], bare = True)
                                                  ^~~~
        hint: its attributes are: deprecation, licenses, name, srcs, tags, target_compatible_with, testonly, visibility
        q/BUILD:2:11: error: rule 'filegroup' has no attribute 'nam'
            filegroup(nam = "z", srcs = [])
                      ^~~
        hint: did you mean 'name'?
        """
    )


CONFIGURATIONS = {
    "an unknown table": (
        '[workspce]\nname = "x"\n',
        "mbuild.toml:1:2: error: unknown table 'workspce'\n"
        "    [workspce]\n     ^~~~~~~~\nhint: did you mean 'workspace'?",
    ),
    "an unknown key": (
        '[workspace]\nnme = "x"\n',
        "mbuild.toml:2:1: error: unknown key 'nme' in [workspace]\n"
        "    nme = \"x\"\n    ^~~\nhint: did you mean 'name'?",
    ),
    "a wrong type": (
        "[workspace]\nname = 3\n",
        "mbuild.toml:2:1: error: 'name' in [workspace] must be a string, found 3\n    name = 3\n    ^~~~",
    ),
    "no TOML": (
        "[workspace\n",
        "mbuild.toml:1:11: error: not valid TOML: Expected ']' at the end of a table declaration "
        "(at line 1, column 11)\n    [workspace\n              ^",
    ),
}


@pytest.mark.parametrize("mistake", CONFIGURATIONS)
def test_a_mistake_in_the_configuration_has_its_place(place: Place, mistake: str) -> None:
    configuration, message = CONFIGURATIONS[mistake]
    place.write({"mbuild.toml": configuration})
    assert refused(place, "//good") == message


def test_outside_of_a_workspace_the_marker_is_named(tmp_path: Path) -> None:
    assert in_process("-C", str(tmp_path), "//p:x") == Ran(
        2,
        "",
        f"error: no workspace here: neither '{tmp_path}' nor a folder above it holds 'mbuild.toml'\n"
        "hint: create 'mbuild.toml' in the top folder of your repository (it may be empty), or name one with -C DIR\n",
    )


LOCKED = """
python_packages(
    name = "packages",
    lock = "packages.lock",
    requirements = ["demo==1.0"],
)
"""
STALE = f"# mbuild lock 1 python {64 * '0'}\n"


def test_a_missing_lock_names_the_command_that_writes_it(place: Place) -> None:
    place.write({"p/BUILD": LOCKED})
    assert refused(place, "//p:packages") == text(
        """
        p/BUILD:4:5: error: the lock 'p/packages.lock' does not exist
            lock = "packages.lock",
            ^~~~
        hint: run 'mbuild lock //p:packages'
        """
    )
    assert refused(place, "lock", "--check") == text(
        """
        error: the lock 'p/packages.lock' does not exist
          the lock of //p:packages
        hint: run 'mbuild lock //p:packages'
        """
    )


def test_a_stale_lock_names_the_command_that_writes_it(place: Place) -> None:
    place.write({"p/BUILD": LOCKED, "p/packages.lock": STALE})
    assert refused(place, "//p:packages") == text(
        """
        p/BUILD:4:5: error: the lock 'p/packages.lock' is stale: it answers another request
            lock = "packages.lock",
            ^~~~
        hint: run 'mbuild lock //p:packages'
        """
    )
    assert refused(place, "lock", "--check") == text(
        f"""
        p/packages.lock:1:1: error: the lock 'p/packages.lock' is stale: it answers another request
            {STALE.strip()}
            ^{86 * "~"}
          the lock of //p:packages
        hint: run 'mbuild lock //p:packages'
        """
    )


def test_a_lock_that_cannot_be_read_has_its_place(place: Place) -> None:
    place.write({"p/BUILD": LOCKED, "p/packages.lock": STALE + "demo 1.0 demo.whl 12 abc\n"})
    message = """
        p/packages.lock:2:22: error: lock entry has sha256 'abc', expected 64 lower-case hexadecimal digits
            demo 1.0 demo.whl 12 abc
                                 ^~~
        hint: write the lock anew with 'mbuild lock'
        """
    assert refused(place, "//p:packages") == text(message)


def test_a_lock_of_another_kind_is_refused(place: Place) -> None:
    place.write({"p/BUILD": LOCKED, "p/packages.lock": STALE.replace("python", "debian")})
    assert refused(place, "//p:packages") == text(
        """
        p/BUILD:4:5: error: 'p/packages.lock' is a debian lock, expected a python lock
            lock = "packages.lock",
            ^~~~
        hint: name a file of its own; 'mbuild lock //p:packages' writes it
        """
    )
