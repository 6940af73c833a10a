"""What `rule`, `attr` and `ctx` offer to authors of rules, as Bazel's users know it; misuse and its messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_fakes import LOAD, Place, one_rule, place

from buildkit.label import Label


def seen(tmp_path: Path, kind: str, given: str, body: str = "print(repr(ctx.attr.x)); return []") -> list[str]:
    files = one_rule(f'{{"x": attr.{kind}}}', body)
    files["BUILD"] = LOAD + f'thing(name = "a", x = {given})\nfilegroup(name = "y", srcs = ["s.txt"])\n'
    made = place(tmp_path, files | {"s.txt": ""})
    made.analyze("//:a")
    return [line.partition(": ")[2] for line in made.printed]


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("int_list()", "[1, 2]", "[1, 2]"),
        ("int_list()", "None", "[]"),
        ("string_list_dict()", '{"a": ["b", "c"]}', '{"a": ["b", "c"]}'),
        ("string_keyed_label_dict()", '{"a": ":y"}', '{"a": <target //:y>}'),
        ("label_keyed_string_dict()", '{":y": "a"}', '{<target //:y>: "a"}'),
        ('label_list(cfg = "exec", providers = [[TestInfo], [DefaultInfo]])', '[":y"]', "[<target //:y>]"),
        ('label(allow_rules = ["filegroup"])', '":y"', "<target //:y>"),
    ],
)
def test_an_implementation_sees_the_value(tmp_path: Path, kind: str, given: str, expected: str) -> None:
    assert seen(tmp_path, kind, given) == [expected]


def test_the_executable_of_a_dependency_is_a_file(tmp_path: Path) -> None:
    body = "print(ctx.executable.x, ctx.executable.x.basename); return []"
    assert seen(tmp_path, 'label(executable = True, cfg = "exec", allow_files = True)', '"s.txt"', body) == [
        "<File s.txt> s.txt"
    ]


def test_what_a_target_needs_to_run_is_gathered_and_merged(tmp_path: Path) -> None:
    body = (
        "r = ctx.runfiles(files = ctx.files.x, transitive_files = depset(ctx.files.x)).merge(ctx.runfiles()); "
        "print(r.files, r.merge_all([r]).files); i = DefaultInfo(runfiles = r); "
        "print(i.default_runfiles.files); print(ctx.attr.x[0][DefaultInfo].default_runfiles.files); return [i]"
    )
    assert seen(tmp_path, "label_list(allow_files = True)", '["s.txt", ":y"]', body) == [
        "depset([<File s.txt>]) depset([<File s.txt>])",
        "depset([<File s.txt>])",
        "depset([])",
    ]


def test_locations_become_paths(tmp_path: Path) -> None:
    body = 'print(ctx.expand_location("a $(location :y) $(locations //:y) $(execpath s.txt) $x")); return []'
    assert seen(tmp_path, "label_list(allow_files = True)", '["s.txt", ":y"]', body) == ["a s.txt s.txt s.txt $x"]


MAKER = """
def _maker(ctx):
    for file in [ctx.outputs.out, ctx.outputs.log] + ctx.outputs.more:
        path = file.path.removeprefix("p/")
        ctx.actions.write(file, ctx.expand_location("$(location %s)" % path) + ctx.workspace_name)

maker = rule(
    implementation = _maker,
    attrs = {"out": attr.output(mandatory = True), "more": attr.output_list(), "kind": attr.string(default = "x")},
    outputs = {"log": "logs/%{name}.%{kind}.log"},
)
"""


def test_outputs_are_declared_by_attributes_and_by_patterns(tmp_path: Path) -> None:
    build = 'load("//:defs.bzl", "maker")\nmaker(name = "a", out = "o.txt", more = ["m.txt"])\n'
    build += 'filegroup(name = "g", srcs = ["logs/a.x.log"])\n'
    files = {"defs.bzl": MAKER, "p/BUILD": build, "mbuild.toml": '[workspace]\nname = "acme"\n'}
    analysis = place(tmp_path, {}).write(files).analyze()
    made = [file.path for file in analysis.configured[Label("", "p", "a")].files]
    assert made == ["p/o.txt", "p/m.txt", "p/logs/a.x.log"]
    assert [file.path for file in analysis.configured[Label("", "p", "g")].files] == ["p/logs/a.x.log"]
    contents = [action.arguments["content"] for action in analysis.actions.actions]
    assert contents[0] == "out/p/o.txtacme"


def test_a_provider_with_init_has_two_constructors(tmp_path: Path) -> None:
    text = """
def _init(size, unit = "MB"):
    return {"bytes": size * {"MB": 1000, "kB": 1}[unit]}

SizeInfo, _raw = provider(doc = "Sizes.", fields = {"bytes": "how many"}, init = _init)

def _thing(ctx):
    print(SizeInfo(2).bytes, SizeInfo(size = 3, unit = "kB"), _raw(bytes = 1), SizeInfo(1) == _raw(bytes = 1000))
    print(SizeInfo, _raw)
    return [SizeInfo(1)]

thing = rule(implementation = _thing, provides = [SizeInfo])
"""
    made = place(tmp_path, {"defs.bzl": text, "BUILD": LOAD + 'thing(name = "a")\n'})
    made.analyze()
    assert [line.partition(": ")[2] for line in made.printed] == [
        "2000 SizeInfo(bytes = 3) SizeInfo(bytes = 1) True",
        "<provider SizeInfo> <raw constructor of provider SizeInfo>",
    ]


AT_LOAD = [
    ('attr.string(values = ["a"], default = "b")', 'the default of attribute \'x\' must be one of "a", found "b"'),
    ('attr.int(default = "a")', "the default of attribute 'x' must be an int, found a string"),
    ("attr.string(values = [1])", "a value of attribute 'x' must be a string, found an int"),
    ('attr.label_list(default = ["//a b"])', None),
    ("attr.string(providers = [])", "attr.string takes no 'providers'"),
    ("attr.bool(allow_empty = False)", "attr.bool takes no 'allow_empty'"),
    ("attr.label_list(mandatry = True)", "attr.label_list takes no 'mandatry'"),
    ("attr.label_list(executable = True)", "attr.label_list takes no 'executable'"),
    ("attr.output(default = 'a')", "attr.output takes no 'default'"),
    ("attr.label(default = _f)", "a default cannot be a function"),
    ("attr.label(cfg = 'fast')", '\'cfg\' must be "target", "exec" or a transition, found "fast"'),
    (
        "attr.label(allow_files = True, allow_single_file = True)",
        "'allow_files' and 'allow_single_file' cannot both be given",
    ),
    (
        "attr.label(providers = [[DefaultInfo], TestInfo])",
        "'providers' must be a list of providers, or a list of such lists, found a list with [<provider DefaultInfo>]",
    ),
    (
        "attr.label(allow_files = '.txt')",
        "'allow_files' must be True, False or a list of endings such as '.csv', found a string",
    ),
    ("attr.label(doc = 3)", "'doc' must be a string, found an int"),
]


@pytest.mark.parametrize(("made", "message"), AT_LOAD)
def test_a_wrong_attribute_is_told_where_it_is_written(tmp_path: Path, made: str, message: str | None) -> None:
    text = f'def _f(ctx):\n    pass\n\nthing = rule(implementation = _f, attrs = {{"x": {made}}})\n'
    first = place(tmp_path, {"defs.bzl": text, "BUILD": LOAD}).told("//...").splitlines()[0]
    assert first.startswith("defs.bzl:4:")
    assert message is None or first.partition(": error: ")[2] == message


RULES = [
    ("implementation = 3", "'implementation' must be a function, found an int"),
    ("implementation = _two", "an implementation takes one argument, ctx: '_two' takes 2"),
    ("implementation = _f, attrs = {'name': attr.string()}", "attribute 'name' is common to all rules"),
    ("implementation = _f, attrs = {'testonly': attr.bool()}", "attribute 'testonly' is common to all rules"),
    ("implementation = _f, attrs = {'x': 3}", "attribute 'x' must be made by attr.*, found 3"),
    (
        "implementation = _f, attrs = {'_x': attr.label(mandatory = True)}",
        "attribute '_x' is mandatory, and no BUILD file can give it",
    ),
    ("implementation = _f, executable = 1", "'executable' must be a bool, found an int"),
    (
        "implementation = _f, outputs = {'o': 3}",
        "'outputs' must be a dict of names to patterns such as '%{name}.txt', found a dict with 3",
    ),
    ("implementation = _f, outputs = {'o': '%{nam}.o'}", "output 'o': '%{nam}' names no attribute of one word"),
    (
        "implementation = _f, outputs = {'o': 'o.txt'}",
        "output 'o': 'o.txt' is the same file for each target of a package",
    ),
    ("implementation = _f, provides = ['A']", "'provides' must be a list of providers, found a list"),
    ("implementation = _f, test = True", "a rule with test = True must end in '_test': 'thing'"),
    ("implementation = _f, toolchains = []", "rule: unexpected keyword argument toolchains"),
]


@pytest.mark.parametrize(("given", "message"), RULES)
def test_a_wrong_rule_is_told_where_it_is_written(tmp_path: Path, given: str, message: str) -> None:
    text = f"def _f(ctx):\n    pass\n\ndef _two(ctx, x):\n    pass\n\nthing = rule({given})\n"
    first = place(tmp_path, {"defs.bzl": text, "BUILD": LOAD}).told("//...").splitlines()[0]
    assert first.startswith("defs.bzl:7:")
    assert first.partition(": error: ")[2] == message


PROVIDERS = [
    (
        "P = provider(fields = [1])",
        "'fields' must be a list of names, or a dict of names to what they mean, found a list with 1",
    ),
    ("P = provider(fields = ['a b'])", "'fields' has \"a b\", which is no name"),
    ("P = provider(init = 3)", "'init' must be a function, found an int"),
    (
        "P, _new = provider(init = lambda: 3)\nX = P()",
        "'init' of provider 'P' must return a dict of fields, found an int",
    ),
    ("P, _new = provider(fields = ['a'], init = lambda: {'b': 1})\nX = P()", "provider 'P' has no field 'b'"),
    ("P = provider(fields = ['a'])\nX = P(1)", "provider 'P' takes its fields by name only"),
]


@pytest.mark.parametrize(("text", "message"), PROVIDERS)
def test_a_wrong_provider_is_told(tmp_path: Path, text: str, message: str) -> None:
    made = place(tmp_path, {"defs.bzl": text + "\nthing = 1\n", "BUILD": LOAD})
    assert made.told("//...").splitlines()[0].partition(": error: ")[2] == message


def wrong_use(tmp_path: Path, rule: str, body: str, given: str = "") -> list[str]:
    text = (
        f"def _thing(ctx):\n    {body}\n\nthing_test = rule(implementation = _thing, test = True)\n"
        if rule == "test"
        else (f"def _thing(ctx):\n    {body}\n\nthing = rule(implementation = _thing, {rule})\n")
    )
    name = "thing_test" if rule == "test" else "thing"
    build = (
        f'load("//:defs.bzl", "{name}")\n{name}(name = "a"{given})\nfilegroup(name = "y", srcs = ["s.txt", "t.txt"])\n'
    )
    return place(tmp_path, {"defs.bzl": text, "BUILD": build, "s.txt": "", "t.txt": ""}).told("//:a").splitlines()


ANALYSIS = [
    ("executable = True", "return []", "", "rule 'thing' is executable: it must return DefaultInfo(executable = FILE)"),
    ("test", "return []", "", "rule 'thing_test' is a test: it must return TestInfo(report = FILE)"),
    (
        "provides = [ImageInfo]",
        "return []",
        "",
        "rule 'thing' says that it provides ImageInfo, and returned none for '//:a'",
    ),
    ("", "return [DefaultInfo(executable = 'a')]", "", "'executable' must be a File, found a string"),
    ("", "return [DefaultInfo(runfiles = [])]", "", "'runfiles' must be made by ctx.runfiles"),
    ("", "return [DefaultInfo(files = depset(['a']))]", "", "'files' must hold Files, found a depset of 'string'"),
    ("", "ctx.runfiles(files = ['a'])", "", "'files' must hold Files, found \"a\""),
    ("", "ctx.runfiles(collect_data = True)", "", "'collect_data' is not known here"),
    ("", "ctx.runfiles().merge(3)", "", "'merge' takes runfiles, found 3"),
    ("", "ctx.expand_location('$(location :z)')", "", "'$(location :z)': '//:z' is not a dependency of '//:a'"),
    ("outputs = {'o': '%{name}.o'}", "return []", "", "rule 'thing' declares 'a.o' but no action makes it"),
    (
        "attrs = {'x': attr.label(allow_rules = ['genrule'])}",
        "pass",
        ', x = ":y"',
        "'//:y' cannot stand in 'x': it is a target of 'filegroup', expected 'genrule'",
    ),
    (
        "attrs = {'x': attr.label(executable = True)}",
        "pass",
        ', x = ":y"',
        "'//:y' cannot stand in 'x': it has no executable file",
    ),
    (
        "attrs = {'x': attr.label(providers = [[TestInfo], [RunInfo, LockInfo]])}",
        "pass",
        ', x = ":y"',
        "'//:y' cannot stand in 'x': it does not provide TestInfo or RunInfo, LockInfo",
    ),
    (
        "attrs = {'x': attr.label_list(allow_files = True)}",
        "ctx.expand_location('$(location :y)')",
        ', x = [":y"]',
        "'$(location :y)': '//:y' has 2 files, expected one",
    ),
    (
        "attrs = {'x': attr.label_keyed_string_dict(allow_files = True)}",
        "pass",
        ', x = {":y": "a", "//:y": "b"}',
        "'//:y' is a key twice, written in two ways",
    ),
    ("attrs = {'x': attr.int_list()}", "pass", ', x = ["a"]', "attribute 'x' must be a list of ints, found a list"),
]


@pytest.mark.parametrize(("rule", "body", "given", "message"), ANALYSIS)
def test_wrong_use_is_found_before_anything_runs(
    tmp_path: Path, rule: str, body: str, given: str, message: str
) -> None:
    first = wrong_use(tmp_path, rule, body, given)[0]
    assert first.startswith(("defs.bzl:", "BUILD:2:"))
    assert first.partition(": error: ")[2] == message


def test_a_rule_that_is_no_test_is_not_called_one(tmp_path: Path) -> None:
    text = "def _f(ctx):\n    pass\n\nmy_test = rule(implementation = _f)\n"
    made = Place(tmp_path).write({"mbuild.toml": "", "defs.bzl": text, "BUILD": 'load("//:defs.bzl", "my_test")\n'})
    assert made.told("//...").splitlines()[0] == (
        "defs.bzl:4:1: error: the name of a rule without test = True must not end in '_test': 'my_test'"
    )
