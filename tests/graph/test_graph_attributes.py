"""Attributes: what each kind takes and refuses, and what a rule may declare; messages to the byte."""

from pathlib import Path

import pytest
from graph_fakes import LOAD, one_rule, place

from buildkit.graph.action import ActionKind
from buildkit.label import Label

SHOW = "print(repr(ctx.attr.x)); return []"

GOOD = [
    ("string()", '"a"', '"a"'),
    ("string()", "None", '""'),
    ('string(default = "d")', "None", '"d"'),
    ('string(values = ["a", "b"])', '"b"', '"b"'),
    ("int()", "3", "3"),
    ("int()", "None", "0"),
    ("int(values = [1, 2])", "2", "2"),
    ("float()", "0.5", "0.5"),
    ("float()", "1", "1.0"),
    ("bool()", "True", "True"),
    ("bool()", "None", "False"),
    ("bool()", "1", "True"),
    ("bool()", "0", "False"),
    ("string_list()", '["a", "b"]', '["a", "b"]'),
    ("string_list()", '("a",)', '["a"]'),
    ("string_list()", "None", "[]"),
    ("string_dict()", '{"a": "b"}', '{"a": "b"}'),
    ("string_dict()", "None", "{}"),
    ("label()", '":y"', "<target //:y>"),
    ("label()", '"//:y"', "<target //:y>"),
    ("label()", "None", "None"),
    ('label(default = "//:y")', "None", "<target //:y>"),
    ("label_list()", '["y"]', "[<target //:y>]"),
    ("label_list()", "None", "[]"),
    ("label_dict()", '{"k": ":y"}', '{"k": <target //:y>}'),
    ("data()", '{"a": [1, 2.5, None, (True, "x")]}', '{"a": [1, 2.5, None, (True, "x")]}'),
    ("data()", "struct(a = range(3))", '{"a": [0, 1, 2]}'),
    ("data(default = [])", "None", "[]"),
    ("lock()", '"x.lock"', "<Lock x.lock>"),
]


@pytest.mark.parametrize(("kind", "given", "seen"), GOOD)
def test_a_rule_sees_the_value(tmp_path: Path, kind: str, given: str, seen: str) -> None:
    files = one_rule(f'{{"x": attr.{kind}}}', SHOW)
    files["BUILD"] = LOAD + f'thing(name = "a", x = {given})\nfilegroup(name = "y", srcs = [])\n'
    made = place(tmp_path, files)
    made.analyze("//:a")
    assert made.printed == [f"defs.bzl:2:5: {seen}"]


BAD = [
    ("string()", "1", "must be a string, found an int"),
    (
        'string(values = ["red", "green"])',
        '"gren"',
        'must be one of "red", "green", found "gren"\nhint: did you mean \'green\'?',
    ),
    ("int(values = [1, 2])", "3", "must be one of 1, 2, found 3"),
    ("int()", '"1"', "must be an int, found a string"),
    ("int()", "True", "must be an int, found a bool"),
    ("float()", "False", "must be a number, found a bool"),
    ("bool()", "2", "must be a bool, found an int"),
    ("string_list()", '"a"', "must be a list of strings, found a string"),
    ("string_list()", '["a", 1]', "must be a list of strings, found a list with 1"),
    ("string_list()", '{"a": "b"}', "must be a list of strings, found a dict"),
    ("string_list(allow_empty = False)", "[]", "must not be empty"),
    ("string_dict()", '["a"]', "must be a dict of strings, found a list"),
    ("string_dict()", '{"a": 1}', "must be a dict of strings, found a dict with 1"),
    ("label()", "[]", "must be a label, found a list"),
    ("label_list()", '":y"', "must be a list of labels, found a string"),
    ("label_list(allow_empty = False)", "[]", "must not be empty"),
    ("label_dict()", '{":y": []}', "must be a dict of strings to labels, found a dict with []"),
    ("output_list()", "[3]", "must be a list of file names, found a list with 3"),
    (
        "data()",
        "[len]",
        "must be plain data (None, bools, numbers, strings, lists, dicts, structs), found <built-in function len>",
    ),
    ("lock()", "3", "must be the name of a lock file, found an int"),
]


@pytest.mark.parametrize(("kind", "given", "message"), BAD)
def test_another_value_is_refused_at_its_name(tmp_path: Path, kind: str, given: str, message: str) -> None:
    call = f'thing(name = "a", x = {given})'
    what, _, hint = message.partition("\n")
    files = one_rule(f'{{"x": attr.{kind}}}') | {"BUILD": LOAD + call + "\n"}
    lines = place(tmp_path, files).told("//:a").splitlines()
    assert lines[0] == f"BUILD:2:19: error: attribute 'x' {what}"
    assert lines[1] == "    " + call
    assert lines[2].startswith(" " * 22 + "^")
    assert lines[3:] == ([hint] if hint else [])


def test_a_label_that_is_none_is_refused(tmp_path: Path) -> None:
    files = one_rule('{"x": attr.label()}') | {"BUILD": LOAD + 'thing(name = "a", x = "//a//b:c")\n'}
    assert place(tmp_path, files).told() == (
        "BUILD:2:19: error: invalid label '//a//b:c': 'a//b' is not a package name\n"
        '    thing(name = "a", x = "//a//b:c")\n'
        "                      ^\n"
        "hint: labels look like '//package:name' or ':name'"
    )


def test_a_list_names_a_label_once_however_it_is_written(tmp_path: Path) -> None:
    files = one_rule('{"x": attr.label_list()}') | {"BUILD": LOAD + 'thing(name = "a", x = [":y", "//:y"])\n'}
    assert place(tmp_path, files).told() == (
        "BUILD:2:19: error: '//:y' is in the list twice\n"
        '    thing(name = "a", x = [":y", "//:y"])\n'
        "                      ^\n"
        "hint: name it once"
    )


@pytest.mark.parametrize("name", ["", "a:b", "b/", "../b"])
def test_a_target_has_a_name_that_labels_can_name(tmp_path: Path, name: str) -> None:
    files = one_rule("{}") | {"BUILD": LOAD + f'thing(name = "{name}")\n'}
    assert place(tmp_path, files).told().startswith(f"BUILD:2:7: error: '{name}' is not a target name\n")


def test_a_condition_that_asks_for_nothing_is_told_even_where_no_select_asks(tmp_path: Path) -> None:
    files = {"BUILD": 'config_setting(name = "f")\n'}
    assert place(tmp_path, files).told() == (
        "BUILD:1:1: error: config_setting '//:f' asks for nothing\n"
        '    config_setting(name = "f")\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "hint: give it define_values, constraint_values or values"
    )


def test_a_macro_that_calls_glob_by_itself_is_told_where_it_is(tmp_path: Path) -> None:
    files = {"BUILD": 'load(":f.bzl", "f")\nf()\n', "f.bzl": 'def f():\n    glob(["*"])\n'}
    assert place(tmp_path, files).told() == (
        "f.bzl:2:5: error: name 'glob' is not defined\n    glob([\"*\"])\n    ^~~~\nhint: write 'native.glob'"
    )


def test_the_rules_own_attributes_cannot_be_given(tmp_path: Path) -> None:
    files = one_rule(
        '{"_tool": attr.string(default = "mine"), "tools": attr.string()}', "print(ctx.attr._tool); return []"
    )
    made = place(tmp_path, {**files, "BUILD": LOAD + 'thing(name = "a", _tool = "yours")\n'})
    assert made.told("//:a") == (
        "BUILD:2:19: error: rule 'thing' has no attribute '_tool'\n"
        '    thing(name = "a", _tool = "yours")\n'
        "                      ^~~~~\n"
        "hint: did you mean 'tools'?"
    )
    made.write({"BUILD": LOAD + 'thing(name = "a")\n'}).analyze("//:a")
    assert made.printed == ["defs.bzl:2:5: mine"]


def test_a_default_is_relative_to_the_file_of_the_rule(tmp_path: Path) -> None:
    files = {
        "rules/BUILD": 'exports_files(["tool.py"])\n',
        "rules/tool.py": "",
        "rules/defs.bzl": "def _thing(ctx):\n    print(ctx.file._tool.path, Label(':x'), Label('//p'))\n    return []\n"
        '_TOOL = attr.label(default = ":tool.py", allow_single_file = True)\n'
        'thing = rule(implementation = _thing, attrs = {"_tool": _TOOL})\n',
        "p/BUILD": 'load("//rules:defs.bzl", "thing")\nthing(name = "a")\n',
    }
    made = place(tmp_path, files)
    made.analyze("//p:a")
    assert made.printed == ["rules/defs.bzl:2:5: rules/tool.py //rules:x //p:p"]


DEPENDENCIES = [
    ("label(allow_files = True)", '"a.txt"', None),
    ('label(allow_files = [".txt", ".csv"])', '"a.txt"', None),
    (
        'label(allow_files = [".csv"])',
        '":txt"',
        "'//:txt' cannot stand in 'x': expected files whose names end in '.csv', it has 'a.txt'",
    ),
    (
        'label(allow_files = [".csv", ".py"])',
        '"a.txt"',
        "attribute 'x' of rule 'thing' does not take the file '//:a.txt'",
    ),
    ("label()", '"a.txt"', "attribute 'x' of rule 'thing' does not take the file '//:a.txt'"),
    ("label(allow_single_file = True)", '":txt"', None),
    ("label(allow_single_file = True)", '":two"', "'//:two' cannot stand in 'x': expected one file, it has 2"),
    ("label(providers = [DefaultInfo])", '":txt"', None),
    (
        "label(providers = [DefaultInfo, ImageInfo, TestInfo])",
        '":txt"',
        "'//:txt' cannot stand in 'x': it does not provide ImageInfo, TestInfo",
    ),
    ("label(providers = [ImageInfo])", '"a.txt"', "attribute 'x' of rule 'thing' does not take the file '//:a.txt'"),
    ("label(providers = [ImageInfo], allow_files = True)", '"a.txt"', None),
]


@pytest.mark.parametrize(("kind", "given", "message"), DEPENDENCIES)
def test_what_stands_in_an_attribute_must_fit(tmp_path: Path, kind: str, given: str, message: str | None) -> None:
    files = one_rule(f'{{"x": attr.{kind}}}') | {"a.txt": "", "b.txt": ""}
    files["BUILD"] = (
        LOAD + f'thing(name = "a", x = {given})\n'
        'filegroup(name = "txt", srcs = ["a.txt"])\nfilegroup(name = "two", srcs = ["a.txt", "b.txt"])\n'
    )
    made = place(tmp_path, files)
    if message is None:
        made.analyze("//:a")
    else:
        assert made.told("//:a").splitlines()[0] == f"BUILD:2:19: error: {message}"


def test_what_does_not_fit_is_told_with_what_it_is(tmp_path: Path) -> None:
    files = one_rule('{"x": attr.label_list(providers = [TestInfo])}') | {"b.py": ""}
    files["BUILD"] = LOAD + 'thing(name = "a", x = [":y", "b.py"])\nfilegroup(name = "y", srcs = [])\n'
    line = '    thing(name = "a", x = [":y", "b.py"])\n                      ^\n'
    assert place(tmp_path, files).told("//:a") == (
        "BUILD:2:19: error: '//:y' cannot stand in 'x': it does not provide TestInfo\n"
        + line
        + "  it is a target that provides DefaultInfo\n"
        + "BUILD:2:19: error: attribute 'x' of rule 'thing' does not take the file '//:b.py'\n"
        + line
        + "hint: it takes targets only"
    )


SCHEMAS = [
    ("rule(implementation = 3)", "'implementation' must be a function, found an int"),
    ("rule(implementation = _f, attrs = [])", "'attrs' must be a dict whose keys are strings, found a list"),
    ('rule(implementation = _f, attrs = {"x": "y"})', "attribute 'x' must be made by attr.*, found \"y\""),
    ('rule(implementation = _f, attrs = {"tags": attr.int()})', "attribute 'tags' is common to all rules"),
    ('rule(implementation = _f, attrs = {"a b": attr.int()})', "attribute 'a b' is no name that a call can give"),
    ("rule(implementation = _f, test = 1)", "'test' must be a bool, found an int"),
    ("attr.string(values = 3)", "'values' must be a list, found an int"),
    ("attr.label(providers = DefaultInfo)", "'providers' must be a list, found a provider"),
    (
        'attr.label(providers = ["DefaultInfo"])',
        "'providers' must be a list of providers, or a list of such lists, found a list",
    ),
    (
        'attr.label(allow_files = ".py")',
        "'allow_files' must be True, False or a list of endings such as '.csv', found a string",
    ),
    ("attr.label(mandatory = 1)", "'mandatory' must be a bool, found an int"),
    ("provider(fields = 3)", "'fields' must be a list of names, or a dict of names to what they mean, found an int"),
    ('provider(fields = ["a"])(1)', "provider '' takes its fields by name only"),
    ('provider(fields = ["files"])(file = 1)', "provider '' has no field 'file'"),
    ("LockInfo(kind = 'python')", "provider 'LockInfo' needs the field 'request'"),
    ("json.encode(len)", "json.encode(): cannot encode builtin_function_or_method as JSON"),
    ("json.encode(float('nan'))", "json.encode(): cannot encode non-finite float nan"),
    ("json.decode(3)", "json.decode(): parameter 'x' got int, want string"),
    ("json.decode('NaN')", "json.decode(): 'NaN' is no number of JSON"),
    ("Label(3)", "'label' must be a string, found an int"),
    ("Label('//a//b')", "invalid label '//a//b': 'a//b' is not a package name"),
]


@pytest.mark.parametrize(("expression", "message"), SCHEMAS)
def test_a_wrong_schema_is_told_where_it_is_written(tmp_path: Path, expression: str, message: str) -> None:
    files = {"defs.bzl": f"def _f(ctx):\n    return []\nx = {expression}\n", "BUILD": 'load(":defs.bzl", "x")\n'}
    first = place(tmp_path, files).told().splitlines()[0]
    assert first.startswith("defs.bzl:3:")
    assert first.partition(": error: ")[2] == message


def test_json_is_written_sorted_and_read_back(tmp_path: Path) -> None:
    body = (
        'd = {"b": [1, None, True], "a": struct(x = "ä")}; print(json.encode(d)); '
        'print(json.encode_indent([1], indent = "  ")); '
        'print(json.decode(json.encode(d))["a"]); return []'
    )
    made = place(tmp_path, one_rule("{}", body) | {"BUILD": LOAD + 'thing(name = "a")\n'})
    made.analyze()
    assert [line.partition(": ")[2] for line in made.printed] == [
        '{"a":{"x":"ä"},"b":[1,null,true]}',
        "[\n  1\n]",
        '{"x": "ä"}',
    ]


def test_every_common_attribute_is_seen(tmp_path: Path) -> None:
    made = place(tmp_path, one_rule("{}", "print(ctx.attr.name, ctx.attr.tags, ctx.label); return []"))
    made.write({"BUILD": LOAD + 'thing(name = "a", tags = ["slow"])\n'}).analyze()
    assert made.printed == ['defs.bzl:2:5: a ["slow"] //:a']


@pytest.mark.parametrize("name", ["a:b", "/a", "a//b", "../a", "a?"])
def test_a_target_needs_a_name_that_labels_can_have(tmp_path: Path, name: str) -> None:
    made = place(tmp_path, {"BUILD": f'filegroup(name = "{name}", srcs = [])\n'})
    assert made.told().splitlines()[0] == f"BUILD:1:11: error: {name!r} is not a target name"


def test_the_files_of_dependencies_are_seen_in_three_views(tmp_path: Path) -> None:
    body = (
        "print(ctx.file.one.basename, ctx.file.one.extension, ctx.file.one.is_source, ctx.file.one.owner); "
        "print([f.path for f in ctx.files.many]); print(ctx.attr.many[0].label, ctx.file.none, ctx.files.none); "
        "group = ctx.attr.many[0]; print(DefaultInfo in group, TestInfo in group, group[DefaultInfo].files); return []"
    )
    attrs = '{"one": attr.label(allow_files = True), "many": attr.label_list(allow_files = True), "none": attr.label()}'
    made = place(tmp_path, one_rule(attrs, body) | {"p/a.txt": "", "p/b.txt": ""})
    made.write(
        {
            "p/BUILD": LOAD + 'thing(name = "a", one = "a.txt", many = [":g", "a.txt"])\n'
            'filegroup(name = "g", srcs = ["b.txt", "a.txt"])\n'
        }
    )
    made.analyze()
    assert [line.partition(": ")[2] for line in made.printed] == [
        "a.txt txt True //p:a.txt",
        '["p/b.txt", "p/a.txt"]',
        "//p:g None []",
        "True False depset([<File p/b.txt>, <File p/a.txt>])",
    ]


def test_analysis_gives_files_and_actions_of_every_target(tmp_path: Path) -> None:
    body = 'f = ctx.actions.declare_file("f"); ctx.actions.write(f, "hi"); return [DefaultInfo(files = [f])]'
    made = place(
        tmp_path, one_rule("{}", body) | {"p/BUILD": LOAD + 'thing(name = "a")\nfilegroup(name = "b", srcs = [":a"])\n'}
    )
    analyzed = made.analyze("//p:b")
    (action,) = analyzed.actions.actions
    assert (action.owner, action.kind, action.tool) == (Label("", "p", "a"), ActionKind.TOOL, "write")
    assert action.arguments == {"content": "hi", "executable": False}
    assert analyzed.configured[Label("", "p", "b")].files == (action.outputs[0][1],)
    assert (analyzed.requested, analyzed.packages) == ((Label("", "p", "b"),), 1)
