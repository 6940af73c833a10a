"""What every target may say: visibility to groups, testonly, deprecation, licenses, tags; and suites of tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_fakes import TOOLS, Place, place

from buildkit.graph.analysis import Analysis, analyze
from buildkit.label import Label, TargetPattern

TESTS = """
def _a_test(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.write(report, "{}")
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

a_test = rule(implementation = _a_test, test = True, attrs = {"srcs": attr.label_list(allow_files = True)})

def _own(ctx):
    return []

own = rule(implementation = _own, attrs = {"_tool": attr.label(default = "//tools:hidden")})
"""
LOAD = 'load("//tools:defs.bzl", "a_test", "own")\n'


def group(name: str, srcs: str = "", more: str = "") -> str:
    return f'filegroup(name = "{name}", srcs = [{srcs}]{more})\n'


def workspace(tmp_path: Path, files: dict[str, str]) -> Place:
    tools = {"tools/defs.bzl": TESTS, "tools/BUILD": group("hidden")}
    return place(tmp_path, {**tools, **files})


def asked(made: Place, *patterns: str, manual: bool = False) -> Analysis:
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(text) for text in patterns], manual=manual)
    return analyze(graph, loader.rules, TOOLS, made.print)


def requested(made: Place, *patterns: str) -> list[str]:
    return [str(label) for label in asked(made, *patterns).requested]


GROUPS = """
package_group(name = "all", packages = ["//a/...", "-//a/secret"])
package_group(name = "more", packages = ["//c"], includes = [":all"])
package_group(name = "every", packages = ["//..."])
package_group(name = "none", packages = ["private"])
package_group(name = "root", packages = ["//"])
"""


@pytest.mark.parametrize(
    ("grant", "package", "seen"),
    [
        ("//g:all", "a", True),
        ("//g:all", "a/b", True),
        ("//g:all", "a/secret", False),
        ("//g:all", "ab", False),
        ("//g:all", "c", False),
        ("//g:more", "c", True),
        ("//g:more", "a/b", True),
        ("//g:every", "q", True),
        ("//g:none", "a", False),
        ("//g:root", "", True),
        ("//g:root", "a", False),
        ("//a:__subpackages__", "a/b", True),
        (":__pkg__", "a", False),
    ],
)
def test_a_package_group_grants_to_its_packages(tmp_path: Path, grant: str, package: str, seen: bool) -> None:
    folder = f"{package}/" if package else ""
    files = {"g/BUILD": GROUPS, "x/BUILD": group("x", more=f', visibility = ["{grant}"]')}
    made = workspace(tmp_path, {**files, f"{folder}BUILD": group("user", '"//x"')})
    if seen:
        made.analyze(f"//{package}:user")
    else:
        assert made.told(f"//{package}:user").startswith(
            f"{folder}BUILD:1:26: error: '//x:x' is not visible to '//{package}:user'\n"
        )


def test_a_rules_own_dependency_must_be_visible_to_the_rules_file(tmp_path: Path) -> None:
    made = workspace(tmp_path, {"p/BUILD": LOAD + 'own(name = "x")\n'})
    made.analyze("//p:x")
    made.write({"q/BUILD": group("hidden"), "tools/defs.bzl": TESTS.replace("//tools:hidden", "//q:hidden")})
    assert made.told("//p:x").splitlines()[0] == "p/BUILD:2:1: error: '//q:hidden' is not visible to '//p:x'"
    assert "hint: add '//tools:__pkg__' to its visibility" in made.told("//p:x")


WRONG = {
    "an unknown group": (
        {"p/BUILD": group("x", more=', visibility = ["//g:al"]'), "g/BUILD": GROUPS},
        "p/BUILD:1:34: error: no target 'al' in package '//g' (g/BUILD)",
    ),
    "a group that is none": (
        {"p/BUILD": group("x", more=', visibility = [":x"]')},
        "p/BUILD:1:34: error: '//p:x' is not a package_group: it is a target of 'filegroup'",
    ),
    "a misspelt visibility": (
        {"p/BUILD": group("x", more=', visibility = ["//visibility:pubic"]')},
        "p/BUILD:1:34: error: '//visibility:pubic' is not a visibility",
    ),
    "groups that include each other": (
        {
            "p/BUILD": group("x", more=', visibility = [":a"]')
            + 'package_group(name = "a", includes = [":b"])\npackage_group(name = "b", includes = [":a"])\n'
        },
        "p/BUILD:2:27: error: package_group cycle: '//p:a' includes itself",
    ),
    "a package of no form": (
        {"p/BUILD": 'package_group(name = "a", packages = ["a/..."])\n'},
        "p/BUILD:1:27: error: 'a/...' is not a package specification",
    ),
    "a label for a package": (
        {"p/BUILD": 'package_group(name = "a", packages = ["//a:b"])\n'},
        "p/BUILD:1:27: error: '//a:b' is not a package specification",
    ),
    "testonly below a target that is not": (
        {"p/BUILD": group("x", more=", testonly = True") + group("y", '":x"')},
        "p/BUILD:2:23: error: '//p:y' is not testonly, and depends on '//p:x', which is for tests only",
    ),
    "the output of a testonly target": (
        {
            "p/BUILD": 'genrule(name = "g", outs = ["o"], cmd = "true", host_tools = True, testonly = True)\n'
            + group("y", '"o"')
        },
        "p/BUILD:2:23: error: '//p:y' is not testonly, and depends on '//p:o', which is for tests only",
    ),
    "testonly of another type": (
        {"p/BUILD": group("x", more=", testonly = 2")},
        "p/BUILD:1:34: error: attribute 'testonly' must be a bool, found an int",
    ),
    "licenses of another type": (
        {"p/BUILD": group("x", more=', licenses = "MIT"')},
        "p/BUILD:1:34: error: attribute 'licenses' must be a list of strings, found a string",
    ),
    "a deprecation that is a select": (
        {"p/BUILD": group("x", more=', deprecation = select({"//conditions:default": "y"})')},
        "p/BUILD:1:34: error: attribute 'deprecation' cannot be a select",
    ),
    "two calls of package": (
        {"p/BUILD": "package(default_testonly = True)\npackage()\n"},
        "p/BUILD:2:1: error: 'package' is called twice",
    ),
    "a default of another type": (
        {"p/BUILD": "package(default_testonly = 1)\n"},
        "p/BUILD:1:9: error: 'default_testonly' must be a bool, found an int",
    ),
    "a suite of what is no test": (
        {"p/BUILD": group("x") + 'test_suite(name = "s", tests = [":x"])\n'},
        "p/BUILD:2:24: error: '//p:x' cannot stand in 'tests': it is no test, but a target of 'filegroup'",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_mistake_is_told_where_it_stands(tmp_path: Path, case: str) -> None:
    files, first = WRONG[case]
    assert workspace(tmp_path, files).told("//p:all").splitlines()[0] == first


def test_tests_and_what_is_testonly_may_depend_on_what_is_testonly(tmp_path: Path) -> None:
    build = (
        LOAD
        + "package(default_testonly = True)\n"
        + group("x")
        + group("y", '":x"')
        + 'a_test(name = "z", srcs = [":y"])\n'
    )
    loaded = workspace(tmp_path, {"p/BUILD": build}).load("//p:all")
    assert {label.name: target.testonly for label, target in loaded.targets.items()} == {
        "x": True,
        "y": True,
        "z": True,
    }


def test_the_package_says_what_its_targets_do_not(tmp_path: Path) -> None:
    build = 'package(default_licenses = ["MIT"], default_deprecation = "old")\n' + group("x")
    build += group("y", more=', licenses = ["Apache-2.0"], deprecation = "gone", tags = ["t"]')
    targets = (
        workspace(tmp_path, {"p/BUILD": build, "q/BUILD": 'licenses(["BSD-3-Clause"])\n' + group("z")})
        .load("//p:all", "//q:all")
        .targets
    )
    told = {
        label.name: (target.attributes["licenses"], target.deprecation, target.tags)
        for label, target in targets.items()
    }
    assert told == {
        "x": (("MIT",), "old", ()),
        "y": (("Apache-2.0",), "gone", ("t",)),
        "z": (("BSD-3-Clause",), "", ()),
    }


def test_a_deprecated_target_is_told_once_for_each_that_depends_on_it_from_elsewhere(tmp_path: Path) -> None:
    public = ', visibility = ["//visibility:public"]'
    files = {
        "p/BUILD": group("old", more=f', deprecation = "use //p:new"{public}') + group("own", '":old"'),
        "q/BUILD": group("a", '"//p:old"') + group("b", '"//p:old"') + group("c", '"//p:old"', ', deprecation = "too"'),
    }
    assert asked(workspace(tmp_path, files), "//...").warnings == (
        "target '//p:old' is deprecated: use //p:new (needed by '//q:a', q/BUILD:1:23)",
        "target '//p:old' is deprecated: use //p:new (needed by '//q:b', q/BUILD:2:23)",
    )


SUITES = (
    LOAD
    + """
a_test(name = "fast", tags = ["quick"])
a_test(name = "slow", tags = ["big"])
a_test(name = "by_hand", tags = ["manual", "quick"])
filegroup(name = "files", srcs = [], tags = ["manual"])
test_suite(name = "all_tests")
test_suite(name = "quick", tags = ["quick"])
test_suite(name = "small", tags = ["-big"])
test_suite(name = "named", tests = [":by_hand", ":small"])
test_suite(name = "nothing", tags = ["+none"])
"""
)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("//p:all_tests", ["//p:fast", "//p:slow"]),
        ("//p:quick", ["//p:fast"]),
        ("//p:small", ["//p:fast"]),
        ("//p:named", ["//p:by_hand", "//p:fast"]),
        ("//p:nothing", []),
        ("//p:by_hand", ["//p:by_hand"]),
        ("//p:files", ["//p:files"]),
    ],
)
def test_a_suite_stands_for_its_tests(tmp_path: Path, pattern: str, expected: list[str]) -> None:
    assert requested(workspace(tmp_path, {"p/BUILD": SUITES}), pattern) == expected


def test_patterns_leave_out_what_is_manual(tmp_path: Path) -> None:
    made = workspace(
        tmp_path,
        {"p/BUILD": SUITES.replace('test_suite(name = "named"', 'test_suite(name = "named", tags = ["manual"]')},
    )
    assert requested(made, "//p/...") == ["//p:fast", "//p:slow"]
    assert Label("", "p", "by_hand") in asked(made, "//p/...", manual=True).requested
