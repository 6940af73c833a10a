"""Transitions: one target in several configurations of one analysis."""

from pathlib import Path

import pytest
from graph_fakes import TOOLS, Place, place

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.action import Action, ActionKind, Artifact
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.configured import configure
from buildkit.label import Label, TargetPattern

ARM_LABEL = Label("mbuild", "platforms", "linux_arm64")
ARM = Configuration.of(ARM_LABEL, ())
FOLDER = ARM.folder

DEFS = """
PLATFORMS = "//command_line_option:platforms"
HOST = "//command_line_option:host_platform"
DEFINE = "//command_line_option:define"

def _each(settings, attr):
    return {str(platform): {PLATFORMS: platform} for platform in attr.platforms}

each = transition(implementation = _each, inputs = [], outputs = [PLATFORMS])

def _both(settings, attr):
    return {"own": {PLATFORMS: settings[PLATFORMS]}, "exec": {PLATFORMS: settings[HOST]}}

both = transition(implementation = _both, inputs = [PLATFORMS, HOST], outputs = [PLATFORMS])

def _arm(settings, attr):
    return {PLATFORMS: "@mbuild//platforms:linux_arm64"}

arm = transition(implementation = _arm, inputs = [], outputs = [PLATFORMS])

def _modes(settings, attr):
    return [{DEFINE: ["mode=" + mode]} for mode in ["fast", "slow"]]

modes = transition(implementation = _modes, inputs = [], outputs = [DEFINE])

def _thing(ctx):
    print(ctx.label.name, ctx.platform.arch, ctx.var.get("mode"), ctx.attr.text)
    made = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.run(
        outputs = [made],
        inputs = ctx.files.srcs,
        command = ["/bin/make", "--out=out/" + made.path, made] + ctx.files.srcs + [f.path for f in ctx.files.srcs],
        root = "host",
    )
    return [DefaultInfo(files = [made])]

thing = rule(
    implementation = _thing,
    attrs = {"text": attr.string(), "srcs": attr.label_list(allow_files = True)},
)

def _user(ctx):
    for name, split in [(name, getattr(ctx.split_attr, name)) for name in dir(ctx.split_attr)]:
        print(name, {key: one if one == None else type(one) for key, one in split.items()})
    print([file.path for file in ctx.files.deps], [file.short_path for file in ctx.files.deps], type(ctx.attr.dep))
    made = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.run(
        outputs = [made],
        inputs = ctx.files.deps + ctx.files.tools + ctx.files.dep,
        command = ["/bin/join", made] + ctx.files.deps + ctx.files.tools + ctx.files.dep,
        root = "host",
    )
    return [DefaultInfo(files = [made])]

def user(cfg, dep_cfg = None):
    return rule(
        implementation = _user,
        attrs = {
            "dep": attr.label(cfg = dep_cfg, allow_files = True),
            "deps": attr.label_list(cfg = cfg, allow_files = True),
            "tools": attr.label_list(cfg = "exec", allow_files = True),
            "platforms": attr.label_list(),
        },
    )

index = user(each, each)
pair = user(both)
on_arm = user(arm)
twice = user(modes)
"""
BUILD = """
load("//:defs.bzl", "index", "on_arm", "pair", "thing", "twice")

platform(name = "big", parents = ["@mbuild//platforms:linux_arm64"], variant = "v8")
alias(name = "small", actual = "@mbuild//platforms:linux_arm64")
thing(
    name = "x",
    srcs = ["s.txt"],
    text = select({"@mbuild//platforms:arm64": "for arm", "//conditions:default": "for others"}),
)
thing(name = "y", srcs = [":x"])
PLATFORMS = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"]
"""


def workspace(tmp_path: Path, more: str) -> Place:
    return place(tmp_path, {"defs.bzl": DEFS, "BUILD": BUILD + more, "s.txt": ""})


def configured(made: Place, *patterns: str, configuration: Configuration = DEFAULT) -> Analysis:
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(text) for text in patterns or ("//...",)], configuration)
    return analyze(graph, loader.rules, TOOLS, made.print, configuration=configuration)


def said(made: Place) -> list[str]:
    return [line.partition(": ")[2] for line in made.printed]


def own(name: str, root: str = "") -> Artifact:
    return Artifact(Label("", "", name), f"{root}/{name}.txt" if root else f"{name}.txt", root=root)


SOURCE = Artifact(Label("", "", "s.txt"), "s.txt", source=True)


def test_a_target_is_configured_for_each_platform_of_a_transition(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'index(name = "i", deps = [":y"], dep = ":x", platforms = PLATFORMS)\n')
    analyzed = configured(made, "//:i")
    assert said(made) == [
        "x amd64 None for others",
        "x arm64 None for arm",
        "y amd64 None ",
        "y arm64 None ",
        'dep {"@mbuild//platforms:linux_amd64": "Target", "@mbuild//platforms:linux_arm64": "Target"}',
        'deps {"@mbuild//platforms:linux_amd64": "list", "@mbuild//platforms:linux_arm64": "list"}',
        f'["y.txt", "{FOLDER}/y.txt"] ["y.txt", "y.txt"] list',
    ]
    last = analyzed.actions.actions[-1]
    assert last.inputs == (own("y"), own("y", FOLDER), own("x"), own("x", FOLDER))
    assert last.command == ("/bin/join", "out/i.txt", "y.txt", f"{FOLDER}/y.txt", "x.txt", f"{FOLDER}/x.txt")
    assert [(str(one.label), one.configuration, one.files) for one in analyzed.elsewhere if one.label.name == "y"] == [
        ("//:y", ARM, (own("y", FOLDER),))
    ]


def test_a_command_does_not_see_its_own_configuration(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'index(name = "i", deps = [":y"], platforms = PLATFORMS)\n')
    here, there = [one for one in configured(made, "//:i").actions.actions if one.owner.name == "y"]
    assert here == Action(
        Label("", "", "y"),
        "run",
        ActionKind.RUN,
        (("y.txt", own("y")),),
        inputs=(own("x"),),
        command=("/bin/make", "--out=out/y.txt", "out/y.txt", "x.txt", "x.txt"),
        root="host",
    )
    assert there == Action(
        Label("", "", "y"),
        "run",
        ActionKind.RUN,
        (("y.txt", own("y", FOLDER)),),
        inputs=(own("x", FOLDER),),
        command=here.command,
        root="host",
        stripped=FOLDER,
        configuration=ARM.short,
    )
    assert [there.place(one) for one in there.inputs] == [here.place(one) for one in here.inputs] == ["x.txt"]


def test_files_of_two_configurations_do_not_meet_in_a_command(tmp_path: Path) -> None:
    more = 'pair(name = "p", deps = [":x"], tools = [":y"])\nindex(name = "i", deps = [":p"], platforms = PLATFORMS)\n'
    here, there = [
        one for one in configured(workspace(tmp_path, more), "//:i").actions.actions if one.owner.name == "p"
    ]
    assert here.command == ("/bin/join", "out/p.txt", "x.txt", "y.txt")
    assert there.command == ("/bin/join", f"out/{FOLDER}/p.txt", f"{FOLDER}/x.txt", "x.txt", "y.txt")
    assert [there.place(one) for one in there.inputs] == [f"{FOLDER}/x.txt", "x.txt", "y.txt"]


def test_a_tool_is_configured_for_the_build_machine(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'on_arm(name = "a", tools = [":x"])\n')
    assert configured(made, "//:a").elsewhere == ()
    made.printed.clear()
    action = configured(made, "//:a", configuration=ARM).actions.actions[-1]
    assert said(made)[0] == "x amd64 None for others"
    assert action.command == ("/bin/join", "out/a.txt", "linux_amd64-default/x.txt")
    made.printed.clear()
    configured(made, "//:a", configuration=Configuration.of(ARM_LABEL, (), ARM_LABEL))
    assert said(made)[0] == "x arm64 None for arm"


def test_a_transition_to_one_configuration_gives_a_list_too(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'on_arm(name = "a", deps = [":x"])\n')
    configured(made, "//:a")
    assert said(made) == ["x arm64 None for arm", 'deps {None: "list"}', f'["{FOLDER}/x.txt"] ["x.txt"] NoneType']


def test_a_transition_may_set_defines(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'twice(name = "t", deps = [":x"])\n')
    analyzed = configured(made, "//:t")
    fast, slow = (Configuration.of(None, (("mode", mode),)) for mode in ("fast", "slow"))
    assert said(made) == [
        "x amd64 fast for others",
        "x amd64 slow for others",
        'deps {"0": "list", "1": "list"}',
        f'["{fast.folder}/x.txt", "{slow.folder}/x.txt"] ["x.txt", "x.txt"] NoneType',
    ]
    assert {one.configuration for one in analyzed.elsewhere} == {fast, slow}


def test_the_platform_of_a_transition_may_be_an_alias_and_a_users_own(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'index(name = "i", deps = [":x"], platforms = [":small", ":big"])\n')
    analyzed = configured(made, "//:i")
    assert [one.configuration.platform for one in analyzed.elsewhere if one.label.name == "x"] == [
        ARM_LABEL,
        Label("", "", "big"),
    ]


def test_in_the_default_configuration_its_platform_has_no_other_name(tmp_path: Path) -> None:
    named = Configuration.of(Label("mbuild", "platforms", "linux_amd64"), ())
    assert named == DEFAULT
    assert DEFAULT.execution is DEFAULT
    assert ARM.execution == DEFAULT
    assert (ARM.folder, ARM.flags) == (f"linux_arm64-{ARM.short}", ("--platform=@mbuild//platforms:linux_arm64",))
    assert Configuration.of(None, (), ARM_LABEL).flags == ("--host-platform=@mbuild//platforms:linux_arm64",)


WRONG = [
    ("return 3", "error: the transition '_t' returned 3, expected settings"),
    ("return []", "error: the transition '_t' returned [], expected settings"),
    ('return {"x": 3}', "error: the transition '_t' gives \"x\", which is none of its outputs"),
    ("return {P: 3}", "error: the transition '_t' gives '//command_line_option:platforms' an int, expected a label"),
    ('return {P: "//:nope"}', "error: a transition leads to the platform '//:nope', which nothing names"),
    ('return {P: "//:x"}', "error: '//:x' is not a platform: it is a target of 'thing'"),
    ('return {P: "a b c:"}', "error: "),
    ("return {1: {P: attr.name}}", "error: the transition '_t' has the key 1, expected a string"),
    ("return {P: []}", "error: the transition '_t' gives '//command_line_option:platforms' a list, expected a label"),
    ('fail("no")', "defs.bzl:2:5: error: no"),
    ("return {P: attr.nope}", "defs.bzl:2:53: error: "),
]


@pytest.mark.parametrize(("body", "message"), WRONG)
def test_a_wrong_result_of_a_transition_is_told_at_the_attribute(tmp_path: Path, body: str, message: str) -> None:
    text = f"""def _t(settings, attr):
    {body.replace("P:", '"//command_line_option:platforms":')}

def _thing(ctx):
    return []

t = transition(implementation = _t, inputs = [], outputs = ["//command_line_option:platforms"])
thing = rule(implementation = _thing, attrs = {{"deps": attr.label_list(cfg = t)}})
"""
    build = 'load("//:defs.bzl", "thing")\nthing(name = "x")\nthing(name = "y", deps = [":x"])\n'
    told = place(tmp_path, {"defs.bzl": text, "BUILD": build}).told("//:y")
    expected = message if message.startswith("defs") else "BUILD:3:19: " + message
    assert told.startswith(expected)
    assert "  in the transition of 'deps' of //:y (BUILD:3:1)" in told


BAD_CALLS = [
    ("implementation = len, inputs = [], outputs = []", "'implementation' must be a function of two arguments"),
    ("implementation = _f, inputs = [], outputs = []", "'implementation' must be a function of two arguments"),
    ("implementation = _t, inputs = 3, outputs = []", "'inputs' must be a list of strings, found an int"),
    ('implementation = _t, inputs = ["//command_line_option:platform"], outputs = []', "'inputs' has "),
    (
        'implementation = _t, inputs = [], outputs = ["//command_line_option:host_platform"]',
        "'outputs' has '//command_line_option:host_platform', which is no setting that it can be",
    ),
]


@pytest.mark.parametrize(("call", "message"), BAD_CALLS)
def test_a_wrong_transition_is_told(tmp_path: Path, call: str, message: str) -> None:
    text = f"def _f(ctx):\n    pass\n\ndef _t(settings, attr):\n    pass\n\nt = transition({call})\n"
    told = place(tmp_path, {"defs.bzl": text, "BUILD": 'load("//:defs.bzl", "t")\n'}).told("//...")
    assert told.startswith("defs.bzl:7:")
    assert f"error: {message}" in told


FAILING = """
def _thing(ctx):
    if ctx.platform.arch == "arm64" or ctx.attr.always:
        fail("not here")

thing = rule(implementation = _thing, attrs = {"always": attr.bool()})

def _t(settings, attr):
    names = ["amd64", "arm64"]
    return {name: {"//command_line_option:platforms": "@mbuild//platforms:linux_" + name} for name in names}

t = transition(implementation = _t, inputs = [], outputs = ["//command_line_option:platforms"])

def _user(ctx):
    return []

user = rule(implementation = _user, attrs = {"deps": attr.label_list(cfg = t)})
"""


def test_errors_name_another_configuration_and_one_is_told_once(tmp_path: Path) -> None:
    build = 'load("//:defs.bzl", "thing", "user")\nthing(name = "x")\nthing(name = "z", always = True)\n'
    made = place(tmp_path, {"defs.bzl": FAILING, "BUILD": build + 'user(name = "u", deps = [":x", ":z"])\n'})
    assert [line for line in made.told("//:u").splitlines() if not line.startswith("    ")] == [
        "defs.bzl:4:9: error: not here",
        "  in //:x (BUILD:2:1)",
        f"  in the configuration {ARM.short}: --platform=@mbuild//platforms:linux_arm64, linux/arm64",
        "defs.bzl:4:9: error: not here",
        "  in //:z (BUILD:3:1)",
    ]


def test_what_needs_something_incompatible_in_another_configuration_is_not_built(tmp_path: Path) -> None:
    build = """load("//:defs.bzl", "index", "thing")
thing(name = "x", target_compatible_with = ["@mbuild//platforms:amd64"])
thing(name = "y", srcs = [":x"])
index(name = "i", deps = [":y"], platforms = ["@mbuild//platforms:linux_arm64"])
"""
    made = place(tmp_path, {"defs.bzl": DEFS, "BUILD": build})
    analyzed = configured(made, "//...")
    assert analyzed.skipped == (Label("", "", "i"),)
    with pytest.raises((BuildError, BuildErrors)) as raised:
        configured(made, "//:i")
    there = f"({ARM.short}: --platform=@mbuild//platforms:linux_arm64, linux/arm64)"
    first, _, _, *rest = made.text(raised.value).splitlines()
    assert [first, *rest] == [
        "BUILD:4:1: error: '//:i' is not compatible with the platform '@mbuild//platforms:linux_amd64' (linux/amd64)",
        "  //:i",
        f"    needs //:y {there}",
        f"    needs //:x {there}",
        f"    needs @mbuild//platforms:amd64 {there}",
        "hint: build it for another --platform",
    ]


def test_what_runs_on_its_target_is_for_the_build_machines_platform(tmp_path: Path) -> None:
    text = """
def _run_test(ctx):
    made = ctx.actions.declare_file(ctx.label.name)
    ctx.actions.write(made, "")
    return [TestInfo(report = made)]

run_test = rule(implementation = _run_test, test = True, runs_on_target = True)
"""
    made = place(tmp_path, {"defs.bzl": text, "BUILD": 'load("//:defs.bzl", "run_test")\nrun_test(name = "x_test")\n'})
    assert [str(label) for label in configured(made).requested] == ["//:x_test"]
    assert [str(label) for label in configured(made, "//...", configuration=ARM).skipped] == ["//:x_test"]
    there = Configuration.of(ARM_LABEL, (), ARM_LABEL)
    assert [str(label) for label in configured(made, configuration=there).requested] == ["//:x_test"]
    with pytest.raises((BuildError, BuildErrors)) as raised:
        configured(made, "//:x_test", configuration=ARM)
    assert made.text(raised.value).splitlines()[3:] == [
        "  //:x_test",
        "    needs @mbuild//platforms:linux_amd64",
        "hint: it runs what is built, and actions run on another platform; --host-platform says on which",
    ]


CHAINS = """
P = "//command_line_option:platforms"
D = "//command_line_option:define"
PLATFORMS = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"]

def _other(settings, attr):
    return {P: PLATFORMS[1 if settings[P][0] == Label(PLATFORMS[0]) else 0]}

def _both(settings, attr):
    return {name: {P: name} for name in PLATFORMS}

def _same(settings, attr):
    return {P: settings[P], D: settings[D]} if attr.written else None

def _twice(settings, attr):
    return [{D: settings[D] + ["%s%d=%d" % (attr.name, len(settings[D]), n)]} for n in (0, 1)]

other = transition(implementation = _other, inputs = [P], outputs = [P])
both = transition(implementation = _both, inputs = [], outputs = [P])
same = transition(implementation = _same, inputs = [P, D], outputs = [P, D])
twice = transition(implementation = _twice, inputs = [D], outputs = [D])

def _link(ctx):
    return []

def link(cfg):
    return rule(implementation = _link, attrs = {"to": attr.label_list(cfg = cfg), "written": attr.bool()})

to_other, to_both, to_same, to_twice, tool = link(other), link(both), link(same), link(twice), link("exec")
"""


def seen(tmp_path: Path, build: str, pattern: str, configuration: Configuration = DEFAULT) -> list[str]:
    """The targets that are analyzed, as `name` and the processor that they are for."""
    loads = 'load("//:defs.bzl", "to_both", "to_other", "to_same", "to_twice", "tool")\n'
    made = place(tmp_path, {"defs.bzl": CHAINS, "BUILD": loads + build})
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(pattern)], configuration)
    found = configure(graph, loader.rules, configuration).checked()
    return sorted(f"{node.target.label.name} {found.platforms[node.configuration].arch}" for node in found.nodes)


def test_a_transition_of_a_transition_may_lead_back(tmp_path: Path) -> None:
    build = """to_other(name = "a", to = [":b"])
to_other(name = "b", to = [":c"])
to_other(name = "c", to = [":leaf"])
tool(name = "leaf")
"""
    assert seen(tmp_path, build, "//:a") == ["a amd64", "b arm64", "c amd64", "leaf arm64"]


def test_two_ways_to_one_configuration_are_one(tmp_path: Path) -> None:
    build = """to_both(name = "a", to = [":b"])
to_both(name = "b", to = [":c", ":leaf"])
to_other(name = "c", to = [":leaf"])
tool(name = "leaf")
"""
    assert seen(tmp_path, build, "//:a") == [
        *("a amd64", "b amd64", "b arm64", "c amd64", "c arm64", "leaf amd64", "leaf arm64")
    ]


def test_a_transition_that_changes_nothing_is_none(tmp_path: Path) -> None:
    build = """to_same(name = "a", to = [":b"], written = True)
to_same(name = "b", to = [":leaf"])
tool(name = "leaf")
"""
    assert seen(tmp_path, build, "//:a", ARM) == ["a arm64", "b arm64", "leaf arm64"]


def test_a_tool_of_a_tool_is_for_the_build_machine_too(tmp_path: Path) -> None:
    build = """tool(name = "a", to = [":b"])
tool(name = "b", to = [":leaf"])
to_other(name = "leaf", to = [":end"])
tool(name = "end")
"""
    assert seen(tmp_path, build, "//:a", ARM) == ["a arm64", "b amd64", "end arm64", "leaf amd64"]


def test_a_target_that_needs_itself_elsewhere_is_a_cycle(tmp_path: Path) -> None:
    with pytest.raises((BuildError, BuildErrors)) as raised:
        seen(tmp_path, 'to_other(name = "a", to = [":b"])\ntool(name = "b", to = [":a"])\n', "//:a")
    assert "dependency cycle: '//:a' needs itself" in str(raised.value)


def test_configurations_that_multiply_have_an_end(tmp_path: Path) -> None:
    chain = [f'to_twice(name = "t{n}", to = [":t{n + 1}"])' for n in range(40)]
    with pytest.raises((BuildError, BuildErrors)) as raised:
        seen(tmp_path, "\n".join([*chain, 'tool(name = "t40")\n']), "//:t0")
    text = str(raised.value)
    assert "error: transitions lead to more than 1000 configurations" in text
    assert "  in the transition of 'to' of //:t9 (BUILD:11:1)" in text
    assert text.endswith("hint: a transition to several configurations multiplies with those of what it leads to")
