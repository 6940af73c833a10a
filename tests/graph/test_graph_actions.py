"""`ctx.actions`: what is declared becomes actions; a wrong call is told before anything runs."""

from pathlib import Path

import pytest
from graph_fakes import LOAD, Place, place

from buildkit.errors import InternalError
from buildkit.graph.action import Action, ActionGraph, ActionKind, Artifact, artifacts_in
from buildkit.label import Label

OWNER = Label("", "p", "x")


def rule_of(tmp_path: Path, body: str) -> Place:
    """A package p with the target x, whose rule has this body, and the source s.txt."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return place(
        tmp_path,
        {
            "defs.bzl": f"def _x(ctx):\n    a = ctx.actions\n{lines}    return []\n"
            'x = rule(implementation = _x, attrs = {"srcs": attr.label_list(allow_files = True)})\n',
            "p/BUILD": LOAD.replace("thing", "x") + 'x(name = "x", srcs = ["s.txt"])\n',
            "p/s.txt": "",
        },
    )


def source(path: str) -> Artifact:
    return Artifact(Label("", "p", path), f"p/{path}", source=True)


def derived(path: str, *, tree: bool = False) -> Artifact:
    return Artifact(OWNER, f"p/{path}", tree=tree)


def test_a_tool_is_called_with_plain_data(tmp_path: Path) -> None:
    made = rule_of(
        tmp_path,
        'f = a.declare_file("d/f")\ng = a.declare_tree("g")\n'
        'a.tool("any", arguments = {"p3": ctx.files.srcs[0], "p4": ["a"], "p8": struct(l = [1, ctx.label, None], '
        'd = {"k": (True, ctx.files.srcs[0])})}, outputs = {"b": g, "a": f}, mnemonic = "Any")',
    )
    assert made.analyze("//p:x").actions.actions == (
        Action(
            OWNER,
            "Any",
            ActionKind.TOOL,
            (("a", derived("d/f")), ("b", derived("g", tree=True))),
            tool="any",
            arguments={
                "p3": source("s.txt"),
                "p4": ("a",),
                "p8": {"l": (1, "//p:x", None), "d": {"k": (True, source("s.txt"))}},
            },
            inputs=(source("s.txt"),),
        ),
    )


def test_a_command_has_words_inputs_environment_and_a_root(tmp_path: Path) -> None:
    made = rule_of(
        tmp_path,
        'one = a.declare_file("one")\ntwo = a.declare_file("two")\na.write(one, "1")\n'
        'a.run(outputs = [two], command = ["cat", one, ctx.files.srcs[0], "-o", two], inputs = ctx.files.srcs, '
        'root = "host", environment = {"B": "2", "A": "1"}, mnemonic = "cat", timeout = 5)',
    )
    assert made.analyze("//p:x").actions.actions[1] == Action(
        OWNER,
        "cat",
        ActionKind.RUN,
        (("p/two", derived("two")),),
        inputs=(source("s.txt"), derived("one")),
        command=("cat", "p/one", "p/s.txt", "-o", "out/p/two"),
        environment=(("A", "1"), ("B", "2")),
        root="host",
        timeout=5,
    )


def test_a_root_is_layers(tmp_path: Path) -> None:
    made = rule_of(
        tmp_path,
        'l = a.declare_file("l")\nf = a.declare_file("f")\na.write(l, "")\n'
        'a.run(outputs = [f], command = ["x"], root = [l])',
    )
    action = made.analyze("//p:x").actions.actions[1]
    assert (action.root, action.inputs, action.needs) == ((derived("l"),), (), (derived("l"),))


def test_a_fetch_names_bytes(tmp_path: Path) -> None:
    sha256 = "0" * 64
    made = rule_of(
        tmp_path,
        'f = a.declare_file("f")\n'
        f'a.fetch(f, source = "http", filename = "f", sha256 = "{sha256}", urls = ["https://a.example/f"])',
    )
    (action,) = made.analyze("//p:x").actions.actions
    assert (action.kind, action.outputs) == (ActionKind.FETCH, (("file", derived("f")),))
    assert action.arguments == {
        "source": "http",
        "name": "",
        "version": "",
        "filename": "f",
        "urls": ("https://a.example/f",),
        "sha256": sha256,
        "size": -1,
    }


DECLARE = 'f = a.declare_file("f")\n'
RUN = 'a.run(outputs = [f], command = ["x"], root = "host", '
FETCH = 'a.fetch(f, filename = "f", '
ZEROS = '"' + "0" * 64 + '"'
FILE = "hint: write it to a file with ctx.actions.write, and let the command read that"
NAME = "'environment' has the name {}: expected one that is not empty, without '=' and NUL"
WRONG = [
    ('a.tool("cpy", arguments = {}, outputs = {})', "unknown tool 'cpy'", "hint: did you mean 'copy'?"),
    (
        'a.tool("zz", arguments = {}, outputs = {})',
        "unknown tool 'zz'",
        "hint: the tools are: any, copy, expand_template, symlink, write",
    ),
    ("a.tool(3, arguments = {}, outputs = {})", "'tool' must be a string, found an int", ""),
    (
        'a.tool("copy", arguments = [], outputs = {})',
        "'arguments' must be a dict whose keys are strings, found a list",
        "",
    ),
    (
        'a.tool("copy", arguments = {1: 2}, outputs = {})',
        "'arguments' must be a dict whose keys are strings, found a dict with 1",
        "",
    ),
    ('a.tool("copy", arguments = {}, outputs = {"copy": f})', "tool 'copy' needs the parameter 'source'", ""),
    (
        'a.tool("copy", arguments = {"sorce": f}, outputs = {"copy": f})',
        "tool 'copy' has no parameter 'sorce'",
        "hint: did you mean 'source'?",
    ),
    (
        'a.tool("write", arguments = {"zz": 1}, outputs = {"file": f})',
        "tool 'write' has no parameter 'zz'",
        "hint: its parameters are: content, executable",
    ),
    (
        'a.tool("copy", arguments = {"source": "f"}, outputs = {"copy": f})',
        "parameter 'source' of tool 'copy' must be a File, found a string",
        "",
    ),
    (
        'a.tool("copy", arguments = {"source": ctx.files.srcs[0], "times": True}, outputs = {"copy": f})',
        "parameter 'times' of tool 'copy' must be an int, found a bool",
        "",
    ),
    (
        'a.tool("any", arguments = {"p4": ["a", 1]}, outputs = {})',
        "parameter 'p4' of tool 'any' must be a list of strings, found a list with a string, an int",
        "",
    ),
    (
        'a.tool("any", arguments = {"p7": {"a": "b"}}, outputs = {})',
        "parameter 'p7' of tool 'any' must be a dict of Files, found a dict with a string",
        "",
    ),
    (
        'a.tool("any", arguments = {"p8": len}, outputs = {})',
        "'arguments' must hold plain data and Files, found <built-in function len>",
        "",
    ),
    (
        'a.tool("any", arguments = {"p8": 1 << 64}, outputs = {})',
        "'arguments' must hold plain data and Files, found 18446744073709551616",
        "",
    ),
    ('a.tool("any", arguments = {}, outputs = {"a": f})', "tool 'any' makes the outputs a, b, found a", ""),
    ('a.tool("any", arguments = {}, outputs = {})', "tool 'any' makes the outputs a, b, found none", ""),
    (
        'a.tool("any", arguments = {}, outputs = {"a": f, "b": ctx.files.srcs[0]})',
        "'outputs' must be a file that this target declared, found <File p/s.txt>",
        "hint: declare it with ctx.actions.declare_file(name)",
    ),
    (
        'a.tool("copy", arguments = {"source": f}, outputs = {"copy": f})',
        "'p/f' is both read and made by one action",
        "",
    ),
    ("a.write(f, 3)", "parameter 'content' of tool 'write' must be a string, found an int", ""),
    ('a.write(f, "")\na.write(f, "")', "'p/f' is made twice by //p:x", ""),
    ('a.declare_file("f")', "'p/f' is declared twice by //p:x", ""),
    ('a.declare_tree("../g")', "'../g' is not a file name: it must be a path below the package", ""),
    ("a.declare_file(3)", "'name' must be a string, found an int", ""),
    (RUN + "inputs = [1])", "'inputs' must hold Files, found 1", ""),
    (RUN + "environment = {'A': 1})", "'environment' must be a dict of strings, found a dict with 1", ""),
    (RUN + "timeout = 0)", "'timeout' must be a number of seconds from 1, found 0", ""),
    (RUN.replace('"host"', '"hst"') + ")", '\'root\' must be a list of layers or "host", found "hst"', ""),
    (RUN.replace('"host"', "[]") + ")", "'root' is empty: a command needs layers to run in", ""),
    (RUN.replace("[f]", "[]") + ")", "'outputs' is empty: nothing could ever need this action", ""),
    (RUN.replace("[f]", "f") + ")", "'outputs' must be a list, found a File", ""),
    (RUN.replace("[f]", "[f, f]") + ")", "'p/f' is made twice by //p:x", ""),
    (RUN.replace('["x"]', "[]") + ")", "'command' is empty", ""),
    (RUN.replace('["x"]', "[3]") + ")", "'command' must hold strings and Files, found 3", ""),
    (RUN.replace('["x"]', '"x"') + ")", "'command' must be a list, found a string", ""),
    (
        RUN.replace('"x"', r'"a\0b"') + ")",
        "'command' holds a NUL character in the word \"a\\x00b\", which no program can be given",
        "",
    ),
    (
        RUN.replace('"x"', '"x" * 131072') + ")",
        f"'command' has 131072 bytes in the word \"{'x' * 40}…\", more than the 131071 that Linux allows in one",
        FILE,
    ),
    (
        RUN.replace('"x"', '"x" * 131000').replace("], root", "] * 16, root") + ")",
        "the command and its environment take 2096144 bytes, more than the 1966080 that Linux can start",
        FILE,
    ),
    (RUN + 'environment = {"": "v"})', NAME.format('""'), ""),
    (RUN + 'environment = {"A=B": "v"})', NAME.format('"A=B"'), ""),
    (RUN + r'environment = {"A\0": "v"})', NAME.format(r'"A\x00"'), ""),
    (
        RUN + r'environment = {"A": "\0"})',
        "'environment' holds a NUL character in the variable 'A', which no program can be given",
        "",
    ),
    (
        RUN + 'environment = {"A": "é" * 65536})',
        "'environment' has 131074 bytes in the variable 'A', more than the 131071 that Linux allows in one",
        FILE,
    ),
    (
        FETCH + f'source = "ftp", sha256 = {ZEROS})',
        "'source' must be one of python, debian, http, registry, found \"ftp\"",
        "",
    ),
    (
        FETCH + 'source = "python", sha256 = "1F")',
        "'sha256' must be 64 lower-case hexadecimal digits, found \"1F\"",
        "",
    ),
    (
        FETCH + f'source = "python", sha256 = {ZEROS}, size = -2)',
        "'size' must be a number of bytes, or -1 where it is unknown, found -2",
        "",
    ),
    (FETCH + f'source = "http", sha256 = {ZEROS})', "'urls' is empty: a file from the web needs one", ""),
    (FETCH + f'source = "http", sha256 = {ZEROS}, urls = "u")', "'urls' must be a list of strings, found a string", ""),
    ("a.fetsh(f)", "actions has no .fetsh field or method (did you mean .fetch?)", ""),
]


@pytest.mark.parametrize(("body", "message", "hint"), WRONG)
def test_a_wrong_call_is_told_where_it_stands(tmp_path: Path, body: str, message: str, hint: str) -> None:
    lines = rule_of(tmp_path, DECLARE + body).told("//p:x").splitlines()
    assert lines[0].startswith(f"defs.bzl:{3 + len(body.splitlines())}:")
    assert lines[0].partition(": error: ")[2] == message
    assert lines[1] == "    " + body.splitlines()[-1]
    assert lines[3] == "  in //p:x (p/BUILD:2:1)"
    assert lines[4:] == ([hint] if hint else [])


def test_a_file_that_no_action_makes_is_told_at_the_target(tmp_path: Path) -> None:
    assert rule_of(tmp_path, DECLARE).told("//p:x") == (
        "p/BUILD:2:1: error: rule 'x' declares 'p/f' but no action makes it\n"
        '    x(name = "x", srcs = ["s.txt"])\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"
    )


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        ("o", "o", "2:21: error: 'o' is made by two targets: '//:a' and '//:b'"),
        ("o", "o/p", "2:1: error: 'o/p' of '//:b' would lie inside 'o' of '//:a'"),
        ("o/p/q", "o", "2:1: error: 'o/p/q' of '//:a' would lie inside 'o' of '//:b'"),
    ],
)
def test_two_targets_make_different_files(tmp_path: Path, one: str, other: str, message: str) -> None:
    rule = 'genrule(name = "{}", outs = ["{}"], cmd = "true", host_tools = True)\n'
    made = place(tmp_path, {"BUILD": rule.format("a", one) + rule.format("b", other)})
    assert made.told("//...").splitlines()[0] == f"BUILD:{message}"


def test_two_inputs_never_lie_in_one_place(tmp_path: Path) -> None:
    body = (
        'd = a.declare_file("s.txt/d")\na.write(d, "")\nf = a.declare_file("f")\n'
        'a.run(outputs = [f], command = ["x"], root = "host", inputs = [d] + list(ctx.files.srcs))'
    )
    assert rule_of(tmp_path, body).told("//p:x").splitlines()[0].partition(": error: ")[2] == (
        "two inputs would lie in one place: 'p/s.txt/d' of //p:x and 'p/s.txt' of //p:s.txt"
    )


@pytest.mark.parametrize(("package", "name"), [("out", "a/s.txt"), ("", "out"), ("", "out/s.txt")])
def test_no_input_lies_where_a_commands_outputs_do(tmp_path: Path, package: str, name: str) -> None:
    rule = f'genrule(name = "x", srcs = ["{name}"], outs = ["f"], cmd = "true", host_tools = True)\n'
    made = place(tmp_path, {f"{package}/BUILD".lstrip("/"): rule, f"{package}/{name}".lstrip("/"): ""})
    first, *_, last = made.told(f"//{package}:x").splitlines()
    path = f"{package}/{name}".lstrip("/")
    assert first.partition(": error: ")[2] == (
        f"a command could not see the input '{path}' of //{package}:{name}: "
        "'out' in its working folder is for its outputs"
    )
    assert last == "hint: give the folder or file 'out' of the workspace another name"


def test_a_folder_called_out_below_a_package_is_an_input_like_any_other(tmp_path: Path) -> None:
    rule = 'genrule(name = "x", srcs = ["out/s.txt"], outs = ["f"], cmd = "true", host_tools = True)\n'
    made = place(tmp_path, {"p/BUILD": rule, "p/out/s.txt": ""})
    assert [artifact.path for artifact in made.analyze("//p:x").actions.actions[-1].inputs] == ["p/out/s.txt"]


def test_faults_of_several_targets_are_told_together_but_not_what_follows_from_them(tmp_path: Path) -> None:
    made = rule_of(tmp_path, "fail(ctx.label.name + ' is odd')")
    made.write({"p/BUILD": LOAD.replace("thing", "x") + 'x(name = "x")\nx(name = "y", srcs = [":x"])\nx(name = "z")\n'})
    told = [line for line in made.told("//p:all").splitlines() if not line.startswith("    ")]
    assert told == [
        "defs.bzl:3:5: error: x is odd",
        "  in //p:x (p/BUILD:2:1)",
        "defs.bzl:3:5: error: z is odd",
        "  in //p:z (p/BUILD:4:1)",
    ]


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ("3", "rule 'x' must return a list of provider instances, found 3"),
        ("[DefaultInfo]", "rule 'x' must return a list of provider instances, found <provider DefaultInfo>"),
        ("[DefaultInfo(), DefaultInfo()]", "rule 'x' returns DefaultInfo twice"),
        ("DefaultInfo(files = 3)", "'files' must be a list, found an int"),
        ("DefaultInfo(files = [3])", "'files' must hold Files, found 3"),
        ("TestInfo(report = None)", "field 'report' of TestInfo must be a File, found None"),
        (
            "RunInfo(root = [], command = [1])",
            "field 'command' of RunInfo must be a list of strings, found a list with 1",
        ),
        (
            "RunInfo(root = [], command = [], ports = {'h': '1'})",
            "field 'ports' of RunInfo must be a dict of strings to ints, found a dict",
        ),
        (
            "LockInfo(kind = 'k', file = 'f', request = {'a': [['b']]})",
            "field 'request' of LockInfo must be a dict of strings to strings or lists of strings, "
            'found a dict with [["b"]]',
        ),
    ],
)
def test_what_a_rule_returns_is_checked(tmp_path: Path, result: str, message: str) -> None:
    assert rule_of(tmp_path, f"return {result}").told("//p:x").splitlines()[0].partition(": error: ")[2] == message


def test_known_providers_become_plain_values(tmp_path: Path) -> None:
    body = (
        "s = ctx.files.srcs[0]\nreturn [DefaultInfo(files = ctx.files.srcs), TestInfo(report = s), "
        'PushInfo(image = s, reference = "h.example/r"), '
        'ImageInfo(manifest = s, config = s, layers = [s], platform = "linux/amd64"), '
        'RunInfo(root = [s], command = ("x",), ports = {"http": 1}, requests = {"predict": {"port": "http"}})]'
    )
    found = rule_of(tmp_path, body).analyze("//p:x").configured[OWNER]
    s = source("s.txt")
    assert (found.files, found.lock) == ((s,), None)
    assert found.test is not None
    assert found.test.report == s
    assert found.push is not None
    assert (found.push.image, found.push.reference) == (s, "h.example/r")
    assert found.image is not None
    assert (found.image.layers, found.image.platform) == ((s,), "linux/amd64")
    assert found.run is not None
    assert (found.run.command, found.run.ports, found.run.requests) == (
        ("x",),
        {"http": 1},
        {"predict": {"port": "http"}},
    )
    assert (found.run.environment, found.run.readiness) == ({}, "")


def test_a_provider_is_found_by_itself_and_not_by_its_name(tmp_path: Path) -> None:
    files = {
        "a.bzl": 'Info = provider(fields = ["x", "y"])\ndef _a(ctx):\n    return [Info(x = 1)]\n'
        "a = rule(implementation = _a)\n",
        "b.bzl": 'load(":a.bzl", AInfo = "Info")\nInfo = provider(doc = "another", fields = {"x": "what it is"})\n'
        "def _b(ctx):\n    t = ctx.attr.t\n    print(t[AInfo].x, t[AInfo].y, t[AInfo], AInfo in t, Info in t)\n"
        "    t[Info]\n"
        'b = rule(implementation = _b, attrs = {"t": attr.label()})\n',
        "BUILD": 'load(":a.bzl", "a")\nload(":b.bzl", "b")\na(name = "x")\nb(name = "y", t = ":x")\n',
    }
    made = place(tmp_path, files)
    assert made.told("//:y") == (
        "b.bzl:6:5: error: '//:x' does not provide Info\n    t[Info]\n    ^~~~~~~\n  in //:y (BUILD:4:1)\n"
        "hint: it provides: DefaultInfo, Info"
    )
    assert made.printed == ["b.bzl:5:5: 1 None Info(x = 1) True False"]


def graph(*edges: tuple[str, str]) -> ActionGraph:
    """Actions named by their outputs; ("a b", "c") makes a and b of c."""
    return ActionGraph.of(
        Action(
            OWNER,
            "make",
            ActionKind.TOOL,
            tuple((name, derived(name)) for name in outputs.split()),
            inputs=tuple(derived(name) for name in inputs.split()),
        )
        for outputs, inputs in edges
    )


@pytest.mark.parametrize(
    ("wanted", "order"),
    [
        ("top", ["base", "left", "right", "top"]),
        ("right", ["base", "right"]),
        ("left right", ["base", "left", "right"]),
    ],
)
def test_needed_actions_come_after_what_they_need_and_no_others(wanted: str, order: list[str]) -> None:
    made = graph(("top", "left right"), ("left", "base src"), ("right", "base"), ("base extra", ""), ("unused", "top"))
    needed = made.needed(derived(name) for name in wanted.split())
    assert [made.actions[number].outputs[0][0] for number in needed] == order


def test_a_long_row_of_actions_is_ordered() -> None:
    made = graph(*((f"f{n}", f"f{n + 1}") for n in range(5000)))
    assert made.needed([derived("f0")]) == list(range(4999, -1, -1))


def test_two_makers_of_one_artifact_are_a_bug_of_ours() -> None:
    with pytest.raises(InternalError, match="two actions make p/a"):
        graph(("a", ""), ("a", ""))


def test_artifacts_are_found_wherever_they_stand_in_data() -> None:
    one, two = derived("1"), derived("2")
    assert artifacts_in({"a": (one, {"b": two}), "c": one, "d": ("p/1", 1, None)}) == [one, two]
