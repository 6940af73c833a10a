"""Configurations: selects, conditions, platforms, aliases and generated files."""

from pathlib import Path

import pytest
from graph_fakes import LOAD, TOOLS, Place, one_rule, place

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.configuration import Configuration
from buildkit.label import Label, TargetPattern
from buildkit.tools import TOOLS as REAL_TOOLS


def configured(made: Place, *patterns: str, platform: str = "", lenient: bool = False, **defines: str) -> Analysis:
    """The analysis in a configuration."""
    configuration = Configuration.of(Label.parse(platform) if platform else None, tuple(defines.items()))
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(text) for text in patterns or ("//...",)], configuration)
    return analyze(
        graph, loader.rules, {**TOOLS, **REAL_TOOLS}, made.print, configuration=configuration, missing_locks=lenient
    )


ECHO = one_rule(
    """{
    "s": attr.string(),
    "l": attr.string_list(),
    "d": attr.string_dict(),
    "n": attr.int(default = 7),
    "v": attr.string(values = ["", "fast", "slow"]),
    "deps": attr.label_list(allow_files = True),
}""",
    "print(ctx.attr.s, ctx.attr.l, ctx.attr.d, ctx.attr.n, ctx.attr.v, ctx.files.deps)",
)
SETTINGS = """
config_setting(name = "release", define_values = {"mode": "release"})
config_setting(name = "debug", values = {"define": "mode=debug"})
config_setting(name = "arm", constraint_values = ["@mbuild//platforms:arm64"])
config_setting(
    name = "release_arm",
    define_values = {"mode": "release"},
    constraint_values = ["@mbuild//platforms:arm64"],
)
config_setting(name = "fast", define_values = {"speed": "fast"})
"""


def echoed(tmp_path: Path, call: str, *, platform: str = "", **defines: str) -> str:
    """What the rule sees of the attributes that a call gives, in a configuration."""
    made = place(tmp_path, {**ECHO, "BUILD": LOAD + SETTINGS + f'thing(name = "x", {call})\n'})
    configured(made, "//:x", platform=platform, **defines)
    return made.printed[0].partition(": ")[2]


def refused(tmp_path: Path, call: str, **defines: str) -> str:
    """What a user is told of a call."""
    made = place(tmp_path, {**ECHO, "BUILD": LOAD + SETTINGS + f'thing(name = "x", {call})\n'})
    return told(made, "//:x", **defines)


def told(made: Place, *patterns: str, platform: str = "", **defines: str) -> str:
    with pytest.raises((BuildError, BuildErrors)) as raised:
        configured(made, *patterns, platform=platform, **defines)
    return made.text(raised.value)


def test_a_select_takes_the_branch_whose_condition_holds(tmp_path: Path) -> None:
    call = 's = select({":release": "r", ":debug": "d", "//conditions:default": "other"})'
    assert echoed(tmp_path, call, mode="release") == "r [] {} 7  []"
    assert echoed(tmp_path, call, mode="debug") == "d [] {} 7  []"
    assert echoed(tmp_path, call) == "other [] {} 7  []"


PUT_TOGETHER = [
    ('s = "a-" + select({":release": "r", "//conditions:default": "o"}) + "-z"', "a-r-z [] {} 7  []"),
    ('l = ["a"] + select({":release": ["r"]}) + select({":release": ["s"]})', ' ["a", "r", "s"] {} 7  []'),
    ('l = select({":release": ("r",)}) + ["z"]', ' ["r", "z"] {} 7  []'),
    ('d = {"a": "1"} | select({":release": {"a": "2", "b": "3"}})', ' [] {"a": "2", "b": "3"} 7  []'),
    ('d = select({":release": {"a": "2"}}) | {"a": "1"}', ' [] {"a": "1"} 7  []'),
    ('n = select({":release": None})', " [] {} 7  []"),
    ('n = select({":release": 3})', " [] {} 3  []"),
    ('l = ["a"] + select({":release": None})', ' ["a"] {} 7  []'),
    ('v = select({":release": "fast"})', " [] {} 7 fast []"),
    ('deps = ["defs.bzl"] + select({":release": ["BUILD"]})', " [] {} 7  [<File defs.bzl>, <File BUILD>]"),
]


@pytest.mark.parametrize(("call", "seen"), PUT_TOGETHER)
def test_selects_and_plain_values_are_put_together(tmp_path: Path, call: str, seen: str) -> None:
    assert echoed(tmp_path, call, mode="release") == seen


def test_the_condition_that_asks_for_more_wins(tmp_path: Path) -> None:
    call = 's = select({":release": "r", ":release_arm": "ra", ":arm": "a", "//conditions:default": "o"})'
    arm = "@mbuild//platforms:linux_arm64"
    assert echoed(tmp_path, call, platform=arm, mode="release").startswith("ra ")
    assert echoed(tmp_path, call, mode="release").startswith("r ")
    assert echoed(tmp_path, call, platform=arm).startswith("a ")


def test_conditions_of_equal_value_need_not_be_told_apart(tmp_path: Path) -> None:
    assert echoed(tmp_path, 's = select({":release": "x", ":fast": "x"})', mode="release", speed="fast")[0] == "x"


REFUSED = [
    (
        's = select({":release": "r", ":fast": "f"})',
        {"mode": "release", "speed": "fast"},
        "BUILD:12:19: error: several branches of 's' hold, and none is more specialised than the others\n"
        '    thing(name = "x", s = select({":release": "r", ":fast": "f"}))\n'
        "                      ^\n"
        "  '//:release' asks for define mode=release\n"
        "  '//:fast' asks for define speed=fast\n"
        "hint: let the condition that is to win ask for all that the others do, and more",
    ),
    (
        's = select({":release": "r", ":arm": "a"}, no_match_error = "say --define=mode=x")',
        {"speed": "slow"},
        "BUILD:12:19: error: no branch of 's' holds for '//:x'\n"
        '    thing(name = "x", s = select({":release": "r", ":arm": "a"}, no_match_error = "say --define=mode=x"))\n'
        "                      ^\n"
        "  say --define=mode=x\n"
        "  '//:release' does not hold\n"
        "  '//:arm' does not hold\n"
        "  the configuration: --define=speed=slow (linux/amd64)\n"
        "hint: add a branch '//conditions:default', or build for another configuration",
    ),
    (
        's = select({":x": "r"})',
        {},
        "BUILD:12:1: error: dependency cycle: '//:x' needs itself\n"
        '    thing(name = "x", s = select({":x": "r"}))\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  //:x\n    needs //:x",
    ),
    (
        's = select({"BUILD": "r"})',
        {},
        "BUILD:12:19: error: '//:BUILD' is not a condition: it is a source file\n"
        '    thing(name = "x", s = select({"BUILD": "r"}))\n'
        "                      ^\n"
        "hint: conditions are config_setting and constraint_value targets",
    ),
    (
        's = select({":relase": "r"})',
        {},
        "BUILD:12:19: error: no target 'relase' in package '//' (BUILD)\n"
        '    thing(name = "x", s = select({":relase": "r"}))\n'
        "                      ^\n"
        "  needed by //:x (BUILD:12:1)\n"
        "hint: did you mean 'release'?",
    ),
    (
        'l = select({":release": ["r"], ":fast": "f"})',
        {},
        "BUILD:12:19: error: attribute 'l' must be a list of strings, found a string\n"
        '    thing(name = "x", l = select({":release": ["r"], ":fast": "f"}))\n'
        "                      ^\n"
        '  in the branch ":fast"',
    ),
    (
        'v = select({":release": "quick"})',
        {},
        'BUILD:12:19: error: attribute \'v\' must be one of "", "fast", "slow", found "quick"\n'
        '    thing(name = "x", v = select({":release": "quick"}))\n'
        "                      ^\n"
        '  in the branch ":release"',
    ),
    (
        'v = "fa" + select({":release": "ster"})',
        {"mode": "release"},
        'BUILD:12:19: error: attribute \'v\' must be one of "", "fast", "slow", found "faster"\n'
        '    thing(name = "x", v = "fa" + select({":release": "ster"}))\n'
        "                      ^\n"
        "hint: did you mean 'fast'?",
    ),
    (
        'tags = select({":release": ["r"]})',
        {},
        "BUILD:12:19: error: attribute 'tags' cannot be a select\n"
        '    thing(name = "x", tags = select({":release": ["r"]}))\n'
        "                      ^~~~\n"
        "hint: it must be the same in every configuration",
    ),
    (
        'l = ["a"] + select({":release": "r"})',
        {},
        "BUILD:12:23: error: '+' cannot put together a list and a string\n"
        '    thing(name = "x", l = ["a"] + select({":release": "r"}))\n'
        "                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    ),
    (
        'n = 1 + select({":release": 2})',
        {},
        "BUILD:12:23: error: '+' cannot put together selects that hold an int\n"
        '    thing(name = "x", n = 1 + select({":release": 2}))\n'
        "                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "hint: give one select that holds the whole value",
    ),
    (
        's = None + select({":release": "r"})',
        {},
        "BUILD:12:23: error: unknown binary op: NoneType + select (unsupported binary operation)\n"
        '    thing(name = "x", s = None + select({":release": "r"}))\n'
        "                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    ),
    (
        'deps = ["BUILD", select({":release": ["BUILD"]})]',
        {},
        "BUILD:12:19: error: attribute 'deps' must be a list of labels, found a list with "
        'select({":release": ["BUILD"]})\n'
        '    thing(name = "x", deps = ["BUILD", select({":release": ["BUILD"]})])\n'
        "                      ^~~~\n"
        "hint: put a select beside a list with '+', not into it",
    ),
    (
        'd = {} + select({":release": {}})',
        {},
        "BUILD:12:23: error: '+' cannot put together selects that hold a dict\n"
        '    thing(name = "x", d = {} + select({":release": {}}))\n'
        "                          ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "hint: use '|'",
    ),
    (
        "s = select({})",
        {},
        "BUILD:12:30: error: 'select' needs a condition\n"
        '    thing(name = "x", s = select({}))\n'
        "                                 ^~\n"
        "hint: '//conditions:default' is the one that always holds",
    ),
    (
        's = select({1: "a"})',
        {},
        "BUILD:12:30: error: a condition must be a label, found an int\n"
        '    thing(name = "x", s = select({1: "a"}))\n'
        "                                 ^~~~~~~~",
    ),
    (
        's = select({":release": "a", "//:release": "b"})',
        {},
        "BUILD:12:19: error: condition '//:release' stands twice in one select\n"
        '    thing(name = "x", s = select({":release": "a", "//:release": "b"}))\n'
        "                      ^",
    ),
]


@pytest.mark.parametrize(("call", "defines", "message"), REFUSED)
def test_a_wrong_select_is_told(tmp_path: Path, call: str, defines: dict[str, str], message: str) -> None:
    assert refused(tmp_path, call, **defines) == message


def test_a_branch_that_does_not_hold_is_not_analyzed(tmp_path: Path) -> None:
    build = """
filegroup(name = "x", srcs = select({":release": [":ok"], "//conditions:default": [":bad"]}))
filegroup(name = "ok", srcs = ["BUILD"])
genrule(name = "bad", outs = ["o"])
config_setting(name = "release", define_values = {"mode": "release"})
"""
    made = place(tmp_path, {"BUILD": build})
    analyzed = configured(made, "//:x", mode="release")
    assert sorted(map(str, analyzed.configured)) == ["//:BUILD", "//:ok", "//:x"]
    assert told(made, "//:x").startswith("BUILD:4:1: error: say where the command runs")


def test_both_branches_and_the_conditions_are_dependencies(tmp_path: Path) -> None:
    build = """
filegroup(name = "x", srcs = ["c"] + select({":one": ["a"], "//conditions:default": ["b"]}))
config_setting(name = "one", constraint_values = ["@mbuild//platforms:arm64"])
"""
    made = place(tmp_path, {"BUILD": build, "a": "", "b": "", "c": ""})
    graph = made.load("//:x")
    found = [(str(label), name) for label, name in graph.targets[graph.requested[0]].dependencies]
    assert found == [("//:c", "srcs"), ("//:a", "srcs"), ("//:b", "srcs"), ("//:one", "srcs")]
    assert "@mbuild//platforms:cpu" in [str(label) for label in graph.targets]
    assert {target.kind for target in graph.targets.values()} == {
        "source file",
        "filegroup rule",
        "config_setting rule",
        "constraint_value rule",
        "constraint_setting rule",
    }


PLATFORMS = """
constraint_setting(name = "memory", default_constraint_value = "small")
constraint_value(name = "small", constraint_setting = ":memory")
constraint_value(name = "large", constraint_setting = ":memory")
platform(name = "edge", arch = "arm64", variant = "v8")
platform(name = "big", parents = [":edge"], constraint_values = [":large"])
platform(name = "by_constraint", constraint_values = ["@mbuild//platforms:arm64"])
config_setting(name = "is_big", values = {"platform": ":big"})
alias(name = "where", actual = ":big")
alias(name = "roomy", actual = ":large")
"""
SHOW = one_rule(
    '{"s": attr.string()}', "print(ctx.platform.os, ctx.platform.arch, ctx.platform.variant, ctx.var, ctx.attr.s)"
)


@pytest.mark.parametrize(
    ("platform", "seen"),
    [
        ("", "linux amd64  {} small"),
        ("//:edge", "linux arm64 v8 {} small"),
        ("//:big", "linux arm64 v8 {} large big"),
        ("//:where", "linux arm64 v8 {} large big"),
        ("//:by_constraint", "linux arm64  {} small"),
        ("@mbuild//platforms:linux_arm64", "linux arm64  {} small"),
        ("@mbuild//platforms:linux_amd64", "linux amd64  {} small"),
    ],
)
def test_a_platform_is_its_constraints_and_its_parents(tmp_path: Path, platform: str, seen: str) -> None:
    select = 'select({":small": "small", ":roomy": "large"}) + select({":is_big": " big", "//conditions:default": ""})'
    made = place(tmp_path, {**SHOW, "BUILD": LOAD + PLATFORMS + f'thing(name = "x", s = {select})\n'})
    configured(made, "//:x", platform=platform)
    assert [line.partition(": ")[2] for line in made.printed] == [seen]


def test_a_rule_sees_the_defines(tmp_path: Path) -> None:
    made = place(tmp_path, {**SHOW, "BUILD": LOAD + 'thing(name = "x")\n'})
    configured(made, b="2", a="1")
    assert made.printed == ['defs.bzl:2:5: linux amd64  {"a": "1", "b": "2"} ']


WRONG = [
    (
        'platform(name = "p", arch = "arm64", constraint_values = ["@mbuild//platforms:amd64"])',
        "BUILD:3:22: error: platform '//:p' has arch 'arm64', but its constraint_values say 'amd64'",
    ),
    (
        'platform(name = "p", constraint_values = ["@mbuild//platforms:amd64", "@mbuild//platforms:arm64"])',
        "BUILD:3:22: error: '@mbuild//platforms:amd64' and '@mbuild//platforms:arm64' are both values of "
        "'@mbuild//platforms:cpu'",
    ),
    (
        'platform(name = "p", constraint_values = [":x"])',
        "BUILD:3:22: error: '//:x' cannot stand in 'constraint_values': expected a constraint_value, "
        "found a target of 'thing'",
    ),
    (
        'platform(name = "p", parents = ["@mbuild//platforms:linux"])',
        "BUILD:3:22: error: '@mbuild//platforms:linux' cannot stand in 'parents': expected a platform, "
        "found a target of 'constraint_value'",
    ),
    (
        'platform(name = "p", parents = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"])',
        "BUILD:3:22: error: platform '//:p' has 2 parents, expected one at most",
    ),
    (
        'alias(name = "p", actual = select({"@mbuild//platforms:arm64": ":x"}))',
        "error: '//:p' is not a platform: it is a target of 'alias'",
    ),
    ('filegroup(name = "p", srcs = ["BUILD"])', "error: '//:p' is not a platform: it is a target of 'filegroup'"),
    (
        'platform(name = "p", constraint_values = ["@mbuild//platforms:arm46"])',
        "BUILD:3:22: error: no target 'arm46' in package '@mbuild//platforms'",
    ),
    (
        'platform(name = "p", arch = select({"@mbuild//platforms:arm64": "arm64"}))',
        "BUILD:3:22: error: attribute 'arch' cannot be a select",
    ),
    (
        'platform(name = "p", arch = "amr64")',
        'BUILD:3:22: error: attribute \'arch\' must be one of "", "amd64", "arm64", found "amr64"',
    ),
]


@pytest.mark.parametrize(("platform", "message"), WRONG)
def test_a_wrong_platform_is_told(tmp_path: Path, platform: str, message: str) -> None:
    made = place(tmp_path, {**SHOW, "BUILD": LOAD + 'thing(name = "x")\n' + platform + "\n"})
    assert told(made, "//:x", platform="//:p").splitlines()[0] == message


CONDITIONS = [
    ('config_setting(name = "c")', "BUILD:3:1: error: config_setting '//:c' asks for nothing"),
    (
        'config_setting(name = "c", values = {"compilation_mode": "opt"})',
        "BUILD:3:28: error: config_setting cannot ask for the flag 'compilation_mode'",
    ),
    (
        'config_setting(name = "c", values = {"define": "opt"})',
        "BUILD:3:28: error: 'define' must be 'NAME=VALUE', found 'opt'",
    ),
    (
        'config_setting(name = "c", values = {"platform": "//a b:"})',
        "BUILD:3:28: error: invalid label '//a b:': it has no target name",
    ),
    (
        'config_setting(name = "c", constraint_values = [":x"])',
        "BUILD:3:28: error: '//:x' cannot stand in 'constraint_values': expected a constraint_value, "
        "found a target of 'thing'",
    ),
]


@pytest.mark.parametrize(("condition", "message"), CONDITIONS)
def test_a_wrong_condition_is_told(tmp_path: Path, condition: str, message: str) -> None:
    thing = 'thing(name = "x", s = "")\n'
    select = 'thing(name = "y", s = select({":c": "c", "//conditions:default": "d"}))\n'
    made = place(tmp_path, {**SHOW, "BUILD": LOAD + thing + condition + "\n" + select})
    assert told(made, "//:y").splitlines()[0] == message


def test_a_lock_is_chosen_by_the_platform(tmp_path: Path) -> None:
    build = """
python_packages(
    name = "p",
    requirements = ["six"],
    lock = select({"@mbuild//platforms:arm64": "arm.lock", "@mbuild//platforms:amd64": "amd.lock"}),
)
debian_packages(name = "d", packages = ["base-files"], lock = select({":arm": "arm_os.lock", ":amd": "amd_os.lock"}))
config_setting(name = "arm", constraint_values = ["@mbuild//platforms:arm64"])
config_setting(name = "amd", constraint_values = ["@mbuild//platforms:amd64"])
"""
    made = place(tmp_path, {"BUILD": build})
    assert [locks(made, platform) for platform in ("", "@mbuild//platforms:linux_arm64")] == [
        [("amd.lock", "linux/amd64"), ("amd_os.lock", "amd64")],
        [("arm.lock", "linux/arm64"), ("arm_os.lock", "arm64")],
    ]
    assert told(made, "//:p", platform="@mbuild//platforms:linux_arm64") == (
        "BUILD:5:5: error: the lock 'arm.lock' does not exist\n"
        '    lock = select({"@mbuild//platforms:arm64": "arm.lock", "@mbuild//platforms:amd64": "amd.lock"}),\n'
        "    ^~~~\n"
        "hint: run 'mbuild lock --platform=@mbuild//platforms:linux_arm64 //:p'"
    )


def locks(made: Place, platform: str) -> list[tuple[str, str]]:
    """The lock files of a configuration, and what platform they are for."""
    analyzed = configured(made, platform=platform, lenient=True)
    infos = [target.lock for target in analyzed.configured.values() if target.lock]
    return sorted((info.file, info.request.get("platform") or info.request["architecture"]) for info in infos)


ALIASES = """
filegroup(name = "real", srcs = ["a.txt"], visibility = ["//visibility:public"])
alias(name = "other", actual = ":real", visibility = ["//visibility:public"])
alias(name = "again", actual = ":other", visibility = ["//visibility:public"])
alias(name = "hidden", actual = ":real")
alias(name = "chosen", actual = select({"@mbuild//platforms:arm64": "BUILD", "//conditions:default": "a.txt"}))
alias(name = "file", actual = "a.txt")
"""


def test_an_alias_is_the_target_that_it_names(tmp_path: Path) -> None:
    show = one_rule('{"deps": attr.label_list(allow_files = [".txt"])}', "print(ctx.attr.deps, ctx.files.deps)")
    deps = 'thing(name = "x", deps = [":again", ":chosen", ":file"])\n'
    made = place(tmp_path, {**show, "BUILD": LOAD + ALIASES + deps, "a.txt": ""})
    configured(made, "//:x")
    seen = "[<target //:real>, <target //:a.txt>, <target //:a.txt>] [<File a.txt>]"
    assert [line.partition(": ")[2] for line in made.printed] == [seen]
    assert told(made, "//:x", platform="@mbuild//platforms:linux_arm64").splitlines()[0] == (
        "BUILD:9:19: error: attribute 'deps' of rule 'thing' does not take the file '//:chosen'"
    )


def test_commands_act_upon_what_an_alias_names(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": ALIASES, "a.txt": ""})
    assert [str(label) for label in configured(made, "//:again", "//:other").requested] == ["//:real"]
    assert [str(label) for label in configured(made, "//:file").requested] == ["//:a.txt"]


def test_both_an_alias_and_what_it_names_must_be_visible(tmp_path: Path) -> None:
    made = place(
        tmp_path, {"p/BUILD": ALIASES, "p/a.txt": "", "BUILD": 'filegroup(name = "x", srcs = ["//p:hidden"])\n'}
    )
    assert told(made, "//:x").splitlines()[0] == "BUILD:1:23: error: '//p:hidden' is not visible to '//:x'"
    made = place(
        tmp_path,
        {
            "BUILD": 'filegroup(name = "x", srcs = ["//q:a"])\n',
            "q/BUILD": 'alias(name = "a", actual = "//p:hidden", visibility = ["//visibility:public"])\n',
        },
    )
    assert told(made, "//:x").splitlines()[0] == "q/BUILD:1:19: error: '//p:hidden' is not visible to '//q:a'"


def test_aliases_that_name_each_other_are_a_cycle(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": 'alias(name = "a", actual = ":b")\nalias(name = "b", actual = ":a")\n'})
    assert told(made, "//:a") == (
        "BUILD:2:1: error: dependency cycle: '//:a' needs itself\n"
        '    alias(name = "b", actual = ":a")\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  //:a\n    needs //:b\n    needs //:a"
    )


GENERATED = """
genrule(name = "g", outs = ["one.txt", "two.csv"], cmd = "true", host_tools = True)
filegroup(name = "x", srcs = ["one.txt"])
"""


def test_a_generated_file_is_a_target(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": GENERATED})
    analyzed = configured(made, "//:x", "//:two.csv")
    files = {str(label): [file.path for file in target.files] for label, target in analyzed.configured.items()}
    assert files == {
        "//:g": ["one.txt", "two.csv"],
        "//:one.txt": ["one.txt"],
        "//:two.csv": ["two.csv"],
        "//:x": ["one.txt"],
    }
    graph = made.load("//:x")
    assert {str(label): target.kind for label, target in graph.targets.items()} == {
        "//:g": "genrule rule",
        "//:one.txt": "generated file",
        "//:x": "filegroup rule",
    }
    assert made.expand("//...") == ["//:g", "//:x"]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"BUILD": GENERATED + 'filegroup(name = "one.txt", srcs = ["BUILD"])\n'},
            "BUILD:4:1: error: 'one.txt' is declared twice: by itself, and as an output of '//:g'",
        ),
        (
            {"BUILD": GENERATED + 'genrule(name = "h", outs = ["a/../b"], cmd = "true", host_tools = True)\n'},
            "BUILD:4:21: error: 'a/../b' is not a file name: it must be a path below the package",
        ),
        (
            {"p/BUILD": GENERATED, "BUILD": 'filegroup(name = "x", srcs = ["//p:one.txt"])\n'},
            "BUILD:1:23: error: '//p:one.txt' is not visible to '//:x'",
        ),
        (
            {
                **one_rule('{"out": attr.output()}'),
                "BUILD": LOAD + 'thing(name = "t", out = "o")\nfilegroup(name = "x", srcs = ["o"])\n',
            },
            "BUILD:2:1: error: rule 'thing' declares 'o' but no action makes it",
        ),
        (
            {
                **one_rule('{"src": attr.label(allow_files = [".txt"])}'),
                "BUILD": LOAD + GENERATED + 'thing(name = "t", src = "two.csv")\n',
            },
            "BUILD:5:19: error: attribute 'src' of rule 'thing' does not take the file '//:two.csv'",
        ),
    ],
)
def test_a_wrong_generated_file_is_told(tmp_path: Path, files: dict[str, str], message: str) -> None:
    assert told(place(tmp_path, files), "//...").splitlines()[0] == message


def test_a_configuration_has_a_name() -> None:
    arm = Configuration.of(Label.parse("//p:arm"), (("b", "1"), ("a", "2"), ("b", "3")))
    assert (str(arm), arm.short) == ("--platform=//p:arm --define=a=2 --define=b=3", arm.key.hex[:7])
    assert (str(Configuration()), Configuration().short) == ("default", "default")
    assert arm == Configuration.of(Label.parse("//p:arm"), (("a", "2"), ("b", "3")))


def test_a_package_knows_the_files_that_it_loads(tmp_path: Path) -> None:
    made = place(
        tmp_path, {"a.bzl": 'load(":b.bzl", "y")\nx = y\n', "b.bzl": "y = 1\n", "BUILD": 'load("a.bzl", "x")\n'}
    )
    assert [str(label) for label in made.loader().package("").loads] == ["//:a.bzl", "//:b.bzl"]


COMPATIBLE = """
filegroup(name = "arm", srcs = ["BUILD"], target_compatible_with = ["@mbuild//platforms:arm64"])
filegroup(name = "on_arm", srcs = [":arm"])
filegroup(name = "both", srcs = select({"@mbuild//platforms:arm64": [":on_arm"], "//conditions:default": ["BUILD"]}))
alias(name = "other", actual = ":on_arm")
filegroup(
    name = "big",
    srcs = ["BUILD"],
    target_compatible_with = select({":debug": [], "//conditions:default": ["@mbuild//platforms:incompatible"]}),
)
config_setting(name = "debug", define_values = {"mode": "debug"})
genrule(name = "never", outs = ["o"], target_compatible_with = ["@mbuild//platforms:incompatible"])
"""


def test_patterns_pass_over_what_is_not_for_the_platform(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": COMPATIBLE})
    analyzed = configured(made, "//...")
    assert [str(label) for label in analyzed.requested] == ["//:both"]
    assert [str(label) for label in analyzed.skipped] == ["//:arm", "//:big", "//:never", "//:on_arm", "//:other"]
    analyzed = configured(made, "//...", platform="@mbuild//platforms:linux_arm64", mode="debug")
    assert [str(label) for label in analyzed.requested] == ["//:arm", "//:big", "//:both", "//:on_arm"]
    assert [str(label) for label in analyzed.skipped] == ["//:never"]


def test_what_is_not_for_the_platform_cannot_be_built_by_name(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": COMPATIBLE})
    assert told(made, "//:other", "//...") == (
        "BUILD:5:1: error: '//:other' is not compatible with the platform '@mbuild//platforms:linux_amd64' "
        "(linux/amd64)\n"
        '    alias(name = "other", actual = ":on_arm")\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  //:other\n    needs //:on_arm\n    needs //:arm\n    needs @mbuild//platforms:arm64\n"
        "hint: build it for another --platform"
    )


def test_only_constraint_values_say_what_a_target_is_for(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": 'filegroup(name = "x", srcs = ["BUILD"], target_compatible_with = ["BUILD"])\n'})
    assert told(made, "//:x").splitlines()[0] == (
        "BUILD:1:41: error: '//:BUILD' cannot stand in 'target_compatible_with': expected a constraint_value, "
        "found a source file"
    )


def test_a_default_cannot_be_a_select(tmp_path: Path) -> None:
    made = place(tmp_path, {**one_rule('{"s": attr.string(default = select({":a": "b"}))}'), "BUILD": LOAD})
    assert told(made, "//...") == (
        "defs.bzl:4:65: error: a default cannot be a select\n"
        '    thing = rule(implementation = _thing, attrs = {"s": attr.string(default = select({":a": "b"}))})\n'
        "                                                                    ^~~~~~~"
    )


def test_places_in_commands_may_be_named_by_an_alias(tmp_path: Path) -> None:
    build = """
genrule(name = "g", outs = ["o.txt"], cmd = "true", host_tools = True)
alias(name = "a", actual = ":o.txt")
genrule(name = "h", srcs = [":a"], outs = ["p"], cmd = "cat $(location :a) $(location o.txt)", host_tools = True)
"""
    analyzed = configured(place(tmp_path, {"BUILD": build}), "//:h")
    assert [action.command[-1] for action in analyzed.actions.actions if action.command] == ["true", "cat o.txt o.txt"]


def test_all_lists_and_dicts_can_be_put_together(tmp_path: Path) -> None:
    kinds = ("int_list", "string_list_dict", "label_dict", "string_keyed_label_dict", "label_keyed_string_dict")
    attrs = ", ".join(f'"{kind}": attr.{kind}(allow_files = True)' for kind in kinds if "label" in kind)
    attrs += ', "int_list": attr.int_list(), "string_list_dict": attr.string_list_dict()'
    show = one_rule("{" + attrs + "}", "print(" + ", ".join(f"ctx.attr.{kind}" for kind in kinds) + ")")
    call = """thing(
    name = "x",
    int_list = [1] + select({":a": [2]}),
    string_list_dict = {"a": ["1"]} | select({":a": {"b": ["2"]}}),
    label_dict = {"a": "BUILD"} | select({":a": {"b": "defs.bzl"}}),
    string_keyed_label_dict = {"a": "BUILD"} | select({":a": {"b": "defs.bzl"}}),
    label_keyed_string_dict = {"BUILD": "1"} | select({":a": {"defs.bzl": "2"}}),
)
config_setting(name = "a", define_values = {"a": "1"})
"""
    made = place(tmp_path, {**show, "BUILD": LOAD + call})
    configured(made, "//:x", a="1")
    labels = '{"a": <target //:BUILD>, "b": <target //:defs.bzl>}'
    assert made.printed[0].partition(": ")[2] == (
        f'[1, 2] {{"a": ["1"], "b": ["2"]}} {labels} {labels} {{<target //:BUILD>: "1", <target //:defs.bzl>: "2"}}'
    )


def test_a_suite_is_the_tests_that_are_for_the_platform(tmp_path: Path) -> None:
    rule = """def _check_test(ctx):
    report = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.write(report, "fine")
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

check_test = rule(implementation = _check_test, test = True)
"""
    build = """load("//:defs.bzl", "check_test")
check_test(name = "one_test")
check_test(name = "arm_test", target_compatible_with = ["@mbuild//platforms:arm64"])
test_suite(name = "all_tests")
test_suite(name = "named", tests = [":one_test", ":arm_test"])
"""
    made = place(tmp_path, {"defs.bzl": rule, "BUILD": build})
    for suite in ("//:all_tests", "//:named"):
        assert [str(label) for label in configured(made, suite).requested] == ["//:one_test"]
        both = configured(made, suite, platform="@mbuild//platforms:linux_arm64")
        assert sorted(str(label) for label in both.requested) == ["//:arm_test", "//:one_test"]


def test_a_branch_of_what_has_no_default_cannot_be_none(tmp_path: Path) -> None:
    made = place(
        tmp_path, {"BUILD": SETTINGS + 'alias(name = "x", actual = select({":fast": "BUILD", ":arm": None}))\n'}
    )
    assert told(made, "//:x") == (
        "BUILD:11:19: error: attribute 'actual' has no default, so no branch can be None\n"
        '    alias(name = "x", actual = select({":fast": "BUILD", ":arm": None}))\n'
        "                      ^~~~~~\n"
        '  in the branch ":arm"'
    )
