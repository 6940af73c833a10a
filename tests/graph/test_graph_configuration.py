"""Configurations: selects, conditions, platforms, aliases and generated files."""

from pathlib import Path

from graph_fakes import LOAD, TOOLS, Place, one_rule, place

from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.configuration import Configuration
from buildkit.label import Label, TargetPattern


def configured(made: Place, *patterns: str, platform: str = "", **defines: str) -> Analysis:
    """The analysis in a configuration."""
    configuration = Configuration.of(Label.parse(platform) if platform else None, tuple(defines.items()))
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(text) for text in patterns or ("//...",)], configuration)
    return analyze(graph, loader.rules, TOOLS, made.print, configuration=configuration)


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


def test_a_select_takes_the_branch_whose_condition_holds(tmp_path: Path) -> None:
    call = 's = select({":release": "r", ":debug": "d", "//conditions:default": "other"})'
    assert echoed(tmp_path, call, mode="release") == "r [] {} 7  []"
    assert echoed(tmp_path, call, mode="debug") == "d [] {} 7  []"
    assert echoed(tmp_path, call) == "other [] {} 7  []"
