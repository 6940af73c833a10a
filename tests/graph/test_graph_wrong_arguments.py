"""Every function that files can call, given what it does not expect: a value or an error of ours, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_fakes import place

from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.declare import BUILD_FUNCTIONS

ODD = [
    *("None", "True", "-1", "10000000000000000000000", "0.5", '""', '"a"', '"//a b:"', '"%{"', '"//x:y"', '"@q//x"'),
    *("[]", "[1]", '["a"]', "[None]", '[["a"]]', "()", '(("a",),)', "{}", '{"a": 1}', '{1: "a"}', '{"a": ["b"]}'),
    *("struct(a = [])", "depset([1])", 'depset(["a"], order = "preorder")', "len", "lambda x: x", "range(3)", 'b"a"'),
    *('Label("//x:y")', "select({})", 'select({"//conditions:default": []})', "attr", "attr.string()", "DefaultInfo"),
    *("native", "json", "rule"),
]
PARAMETERS = {
    "attr.": "default mandatory values allow_empty allow_files allow_single_file providers doc cfg executable "
    "allow_rules configurable",
    "rule": "implementation attrs doc executable test outputs provides",
    "provider": "doc fields init",
    "depset": "direct order transitive",
    "DefaultInfo": "files runfiles executable default_runfiles",
    "RunInfo": "root command environment ports readiness requests",
    "native.glob": "include exclude allow_empty",
    "native.package": "default_visibility default_testonly default_deprecation default_licenses",
    "native.package_group": "name packages includes",
    "native.test_suite": "name tests tags visibility testonly licenses deprecation",
    "native.exports_files": "srcs visibility licenses",
    "native.alias": "name actual",
    "native.filegroup": "name srcs visibility tags testonly deprecation licenses",
    "native.platform": "name constraint_values parents os arch variant",
    "native.config_setting": "name define_values values constraint_values",
}
ACTIONS = {
    "a.run": "outputs root command executable arguments inputs tools environment env mnemonic progress_message timeout",
    "a.run_shell": "outputs root command arguments inputs env",
    "a.write": "output content is_executable",
    "a.tool": "tool arguments outputs mnemonic",
    "a.fetch": "output source filename sha256 size urls",
    "a.expand_template": "template output substitutions is_executable",
    "a.symlink": "output target_file",
    "a.declare_file": "name",
    "a.args().add": "arg_name_or_value value format",
    "a.args().add_all": "arg_name_or_values values map_each format_each before_each uniquify terminate_with",
    "a.args().add_joined": "arg_name_or_values values join_with format_joined",
    "ctx.runfiles": "files transitive_files collect_data",
    "ctx.runfiles().merge": "other",
    "ctx.runfiles().merge_all": "other",
    "ctx.expand_location": "input targets",
}


KINDS = ("label", "string", "data", "output_list", "label_keyed_string_dict")


def calls(function: str, names: str) -> list[str]:
    """Each argument odd in each way, alone and with the others fit to be looked at."""
    found = [f"{function}({odd})" for odd in ODD[::2]]
    for name in names.split():
        found += [f"{function}({name} = {odd})" for odd in ODD[len(name) % 4 :: 4]]
        others = ", ".join(f"{other} = {ODD[len(other) % 4 + 12]}" for other in names.split() if other != name)
        found += [f"{function}({name} = {odd}, {others})" for odd in ODD[len(name) % 4 :: 4]]
    return found


def functions() -> dict[str, str]:
    named = {f"attr.{kind}": PARAMETERS["attr."] for kind in KINDS}
    named |= {name: names for name, names in PARAMETERS.items() if not name.endswith(".")}
    return named | {f"native.{name}": "name" for name in BUILD_FUNCTIONS if f"native.{name}" not in named}


@pytest.mark.parametrize("function", sorted(functions()))
def test_a_function_of_files_takes_or_refuses(tmp_path: Path, function: str) -> None:
    tried = calls(function, functions()[function])
    text = "def f(ctx):\n    pass\n\n" + "\n".join(
        f"def m{number}():\n    return {call}\n" for number, call in enumerate(tried)
    )
    made = place(tmp_path, {"m.bzl": text})
    made.write({f"p{n}/BUILD": f'load("//:m.bzl", "m{n}")\nm{n}()\n' for n in range(len(tried))})
    loader = made.loader()
    for number in range(len(tried)):
        try:
            loader.package(f"p{number}")
        except (BuildError, BuildErrors):
            continue


@pytest.mark.parametrize("function", sorted(ACTIONS))
def test_a_function_of_ctx_takes_or_refuses(tmp_path: Path, function: str) -> None:
    tried = calls(function, ACTIONS[function])
    made = place(tmp_path, {"m.bzl": "".join(map(rule_that, range(len(tried)), tried))})
    build = [f'load("//:m.bzl", "r{number}")\nr{number}(name = "t{number}")\n' for number in range(len(tried))]
    with pytest.raises(BuildErrors) as raised:
        made.write({"BUILD": "".join(build)}).analyze("//...")
    assert len(raised.value.errors) > len(tried) // 3


def rule_that(number: int, call: str) -> str:
    """A rule whose implementation makes one call."""
    body = f"def _f{number}(ctx):\n    a = ctx.actions\n    {call}\n    return DefaultInfo()\n\n"
    return f"{body}r{number} = rule(implementation = _f{number})\n"
