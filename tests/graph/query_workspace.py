"""The fixed workspace of the query tests: mbuild and Bazel both read these very files."""

from __future__ import annotations

DEFS = """
def _nothing(ctx):
    return []

_ATTRS = {
    "srcs": attr.label_list(allow_files = True),
    "deps": attr.label_list(),
    "tool": attr.label(),
    "level": attr.int(default = 1),
    "linked": attr.bool(),
    "words": attr.string_list(),
    "env": attr.string_dict(),
    "_hidden": attr.label(default = "//tools:hidden"),
}
lib = rule(implementation = _nothing, attrs = _ATTRS)
plain = rule(implementation = _nothing, attrs = {"srcs": attr.label_list(allow_files = True)})
make = rule(implementation = _nothing, attrs = {"out": attr.output(), "deps": attr.label_list()})
check_test = rule(implementation = _nothing, test = True, attrs = {"deps": attr.label_list()})
"""
MACROS = """
load("//:defs.bzl", "lib")

def pair(name, deps):
    lib(name = name + "_a", deps = deps)
    lib(name = name + "_b", deps = [":" + name + "_a"])
"""
APP = """
load("//:defs.bzl", "lib")
load("//build:macros.bzl", "pair")

lib(name = "app", srcs = ["main.txt"], deps = [":gui", "//lib:core", "//lib:net"], level = 3, words = ["a", "b c"])
lib(name = "gui", srcs = ["gui.txt", "main.txt"], deps = ["//lib:draw"], visibility = ["//visibility:public"])
pair(name = "two", deps = ["//lib:net"])
"""
LIB = """
load("//:defs.bzl", "lib", "plain")

lib(name = "core", srcs = ["core.txt"], linked = True, visibility = ["//visibility:public"], tags = ["base"])
lib(name = "net", deps = [":core"], tool = "//tools:gen", env = {"k": "v", "x": "y"}, visibility = ["//app:__pkg__"])
lib(name = "draw", deps = [":core", "//lib/inner:deep"], visibility = ["//app:__subpackages__"])
plain(name = "lone", srcs = glob(["*.txt"]))
"""
INNER = """
load("//:defs.bzl", "lib")

exports_files(["given.txt"])
lib(name = "deep", srcs = ["given.txt"], deps = ["//lib:core"])
"""
TOOLS = """
load("//:defs.bzl", "plain")

plain(name = "gen", srcs = ["gen.txt"], visibility = ["//visibility:public"])
plain(name = "hidden", visibility = ["//visibility:public"])
"""
CHECKS = """
load("//:defs.bzl", "check_test")

check_test(name = "quick_test", deps = ["//app:gui"], tags = ["small"])
check_test(name = "slow_test", deps = ["//app"], tags = ["large", "nightly"])
check_test(name = "by_hand_test", tags = ["manual"])
"""
MADE = """
load("//:defs.bzl", "lib", "make")

make(name = "maker", out = "made.txt", deps = ["//lib:core"])
lib(name = "uses_made", srcs = ["made.txt"])
"""
SUITES = """
test_suite(name = "all_tests")
test_suite(name = "named", tests = [":quick_test", ":slow_test"], tags = ["-nightly"])
test_suite(name = "nested", tests = [":named", ":by_hand_test"])
test_suite(name = "small_ones", tests = [":quick_test", ":slow_test"], tags = ["small"])
"""
CHOICES = """
load("//:defs.bzl", "lib")

alias(name = "shown", actual = "//app:gui")
package_group(name = "friends", packages = ["//app/..."], includes = [":others"])
package_group(name = "others", packages = ["//tools"])
config_setting(name = "fast", define_values = {"speed": "fast"}, visibility = ["//visibility:public"])
lib(
    name = "choosing",
    deps = select({":fast": ["//lib:core"], "//conditions:default": ["//app:two_a"]}) + ["//made:uses_made"],
    level = select({":fast": 5, "//conditions:default": 7}),
    visibility = [":friends"],
)
"""

FILES = {
    "defs.bzl": DEFS,
    "BUILD": "",
    "build/BUILD": "",
    "build/macros.bzl": MACROS,
    "app/BUILD": APP,
    "app/main.txt": "",
    "app/gui.txt": "",
    "lib/BUILD": LIB,
    "lib/core.txt": "",
    "lib/inner/BUILD": INNER,
    "lib/inner/given.txt": "",
    "tools/BUILD": TOOLS,
    "tools/gen.txt": "",
    "checks/BUILD": CHECKS + SUITES,
    "choices/BUILD": CHOICES,
    "made/BUILD": MADE,
}
