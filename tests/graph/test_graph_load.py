"""Loading: patterns, packages, what targets need, and everything that can be wrong with these, told together."""

from pathlib import Path

import pytest
from graph_fakes import LOAD, RecordingCache, one_rule, place

from buildkit.errors import BuildError, BuildErrors
from buildkit.label import Label

SRCS = '{"srcs": attr.label_list(allow_files = True)}'
PUBLIC = 'package(default_visibility = ["//visibility:public"])\n'


def group(name: str, *srcs: str, more: str = "") -> str:
    return f'filegroup(name = "{name}", srcs = [{", ".join(map(repr, srcs))}]{more})\n'.replace("'", '"')


TREE = {
    "BUILD": group("top"),
    "a/BUILD": group("a") + group("one", "x.txt"),
    "a/x.txt": "",
    "a/b/BUILD": group("two"),
    "c/BUILD": group("three"),
    "c/.d/BUILD": group("hidden"),
}


@pytest.mark.parametrize(
    ("patterns", "labels"),
    [
        (["//..."], ["//:top", "//a:a", "//a:one", "//a/b:two", "//c:three"]),
        (["//a/..."], ["//a:a", "//a:one", "//a/b:two"]),
        (["//a:all"], ["//a:a", "//a:one"]),
        (["//a"], ["//a:a"]),
        (["//a:x.txt"], ["//a:x.txt"]),
        (["//...", "-//a/...", "//a:one"], ["//:top", "//c:three", "//a:one"]),
        (["//a:all", "-//a:one"], ["//a:a"]),
        (["-//a:all"], []),
    ],
)
def test_patterns_name_targets(tmp_path: Path, patterns: list[str], labels: list[str]) -> None:
    assert place(tmp_path, TREE).expand(*patterns) == labels


def test_a_package_that_is_left_out_need_not_be_readable(tmp_path: Path) -> None:
    made = place(tmp_path, {**TREE, "c/BUILD": "this is ("})
    assert made.expand("//...", "-//c/...") == ["//:top", "//a:a", "//a:one", "//a/b:two"]


def test_what_targets_need_comes_before_them(tmp_path: Path) -> None:
    files = {
        "a/BUILD": group("top", ":left", "//b:right"),
        "b/BUILD": PUBLIC + group("right", "//a:base", "b.txt") + group("unused"),
        "b/b.txt": "",
    }
    files["a/BUILD"] += group("left", ":base") + group("base", more=', visibility = ["//b:__pkg__"]')
    graph = place(tmp_path, files).load("//a:top")
    assert [str(label) for label in graph.targets] == ["//a:base", "//a:left", "//b:b.txt", "//b:right", "//a:top"]
    assert (graph.requested, graph.packages) == ((Label("", "a", "top"),), 2)


def test_a_thousand_targets_in_a_row_are_no_matter(tmp_path: Path) -> None:
    chain = "".join(group(f"t{n}", f":t{n + 1}") for n in range(3000)) + group("t3000")
    assert len(place(tmp_path, {"BUILD": chain}).load("//:t0").targets) == 3001


@pytest.mark.parametrize(
    ("visibility", "seen_from_b"),
    [
        ('["//visibility:public"]', True),
        ('["//visibility:private"]', False),
        ("[]", False),
        ('["//b:__pkg__"]', True),
        ('["//c:__pkg__"]', False),
        ('["//c:__pkg__", "//b:__pkg__"]', True),
        ('["//b:__subpackages__"]', True),
        ('["//:__subpackages__"]', True),
        ('["//b/c:__subpackages__"]', False),
        ('["//bb:__subpackages__"]', False),
    ],
)
def test_visibility_says_who_may_depend(tmp_path: Path, visibility: str, seen_from_b: bool) -> None:
    for_all = f"package(default_visibility = {visibility})\n" + group("x")
    for_one = PUBLIC + group("x", more=f", visibility = {visibility}")
    for text in (for_all, for_one):
        made = place(tmp_path, {"a/BUILD": text, "b/BUILD": group("y", "//a:x")})
        if seen_from_b:
            made.analyze("//b:y")
        else:
            assert made.told("//b:y") == (
                "b/BUILD:1:23: error: '//a:x' is not visible to '//b:y'\n"
                '    filegroup(name = "y", srcs = ["//a:x"])\n'
                "                          ^~~~\n"
                "hint: add '//b:__pkg__' to its visibility"
            )


def test_files_are_their_packages_own_unless_exported(tmp_path: Path) -> None:
    files = {
        "a/BUILD": 'exports_files(["x.txt"])\nexports_files(["y.txt"], visibility = ["//c:__pkg__"])\n',
        "a/x.txt": "",
        "a/y.txt": "",
        "a/z.txt": "",
        "b/BUILD": group("x", "//a:x.txt", "//a:y.txt", "//a:z.txt"),
    }
    assert place(tmp_path, files).told("//b:x") == "\n".join(
        f"b/BUILD:1:23: error: '//a:{name}.txt' is not visible to '//b:x'\n"
        '    filegroup(name = "x", srcs = ["//a:x.txt", "//a:y.txt", "//a:z.txt"])\n'
        "                          ^~~~\n"
        "hint: export it with exports_files in package '//a'"
        for name in "yz"
    )


FAULTS = {
    "an unknown target": (
        {"p/BUILD": group("x", ":why") + group("what")},
        "p/BUILD:1:23: error: no target 'why' in package '//p' (p/BUILD)\n"
        '    filegroup(name = "x", srcs = [":why"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)",
    ),
    "a misspelt target": (
        {"p/BUILD": group("x", ":tranfactions") + group("transactions")},
        "p/BUILD:1:23: error: no target 'tranfactions' in package '//p' (p/BUILD)\n"
        '    filegroup(name = "x", srcs = [":tranfactions"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)\n"
        "hint: did you mean 'transactions'?",
    ),
    "a folder in a file's place": (
        {"p/BUILD": group("x", "weights"), "p/weights/w.bin": ""},
        "p/BUILD:1:23: error: no target 'weights' in package '//p' (p/BUILD)\n"
        '    filegroup(name = "x", srcs = ["weights"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)\n"
        'hint: it is a folder: name its files with glob(["weights/**"])',
    ),
    "a file of another package": (
        {"p/BUILD": group("x", "q/secret.txt"), "p/q/BUILD": "", "p/q/secret.txt": ""},
        "p/BUILD:1:23: error: '//p:q/secret.txt' reaches into the package '//p/q'\n"
        '    filegroup(name = "x", srcs = ["q/secret.txt"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)\n"
        "hint: name it as '//p/q:secret.txt'",
    ),
    "a repository that is none": (
        {"p/BUILD": group("x", "@other//p:x")},
        "p/BUILD:1:23: error: '@other//p:x' is in the unknown repository '@other'\n"
        '    filegroup(name = "x", srcs = ["@other//p:x"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)\n"
        "hint: the standard rules are in '@mbuild//rules'",
    ),
    "a package that is none": (
        {"p/BUILD": group("x", "//q:y")},
        "p/BUILD:1:23: error: no package '//q': there is no 'q/BUILD.mbuild' or 'q/BUILD'\n"
        '    filegroup(name = "x", srcs = ["//q:y"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)",
    ),
    "a misspelt package": (
        {"p/BUILD": group("x", "//modles:y"), "models/BUILD": group("y")},
        "p/BUILD:1:23: error: no package '//modles': there is no 'modles/BUILD.mbuild' or 'modles/BUILD'\n"
        '    filegroup(name = "x", srcs = ["//modles:y"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)\n"
        "hint: did you mean '//models'?",
    ),
    "a target that needs itself": (
        {"p/BUILD": group("x", ":x")},
        "p/BUILD:1:1: error: dependency cycle: '//p:x' needs itself\n"
        '    filegroup(name = "x", srcs = [":x"])\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  //p:x\n"
        "    needs //p:x",
    ),
    "a long way round": (
        {"p/BUILD": PUBLIC + group("x", "//q:y"), "q/BUILD": PUBLIC + group("y", ":z") + group("z", "//p:x")},
        "q/BUILD:3:1: error: dependency cycle: '//p:x' needs itself\n"
        '    filegroup(name = "z", srcs = ["//p:x"])\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~\n"
        "  //p:x\n"
        "    needs //q:y\n"
        "    needs //q:z\n"
        "    needs //p:x",
    ),
    "a visibility of no form": (
        {"p/BUILD": group("x", more=', visibility = ["public"]')},
        "p/BUILD:1:34: error: 'public' is not a visibility\n"
        '    filegroup(name = "x", srcs = [], visibility = ["public"])\n'
        "                                     ^~~~~~~~~~\n"
        "hint: use '//visibility:public', '//visibility:private', '//package:__pkg__', '//package:__subpackages__' "
        "or a package_group",
    ),
    "package() behind targets": (
        {"p/BUILD": group("x") + PUBLIC},
        "p/BUILD:2:1: error: 'package' must come before the targets that it is about\n"
        '    package(default_visibility = ["//visibility:public"])\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~",
    ),
    "an exported file that is not there": (
        {"p/BUILD": 'exports_files(["no.txt"])\n' + group("x")},
        "p/BUILD:1:15: error: no file 'p/no.txt' to export\n"
        '    exports_files(["no.txt"])\n'
        "                  ^~~~~~~~~~",
    ),
    "a glob of a wrong type": (
        {"p/BUILD": 'x = glob("*.py")\n'},
        "p/BUILD:1:5: error: 'include' must be a list of strings, found a string\n"
        '    x = glob("*.py")\n'
        "        ^~~~~~~~~~~~",
    ),
    "a glob that leads outside": (
        {"p/BUILD": 'x = glob(["../*"])\n'},
        "p/BUILD:1:5: error: invalid glob pattern '../*': it must be a plain path below the package\n"
        '    x = glob(["../*"])\n'
        "        ^~~~~~~~~~~~~~",
    ),
    "a module that is none": (
        {"p/BUILD": 'load("//q:defs.py", "x")\n'},
        "p/BUILD:1:6: error: cannot load '//q:defs.py': only .bzl files can be loaded\n"
        '    load("//q:defs.py", "x")\n'
        "         ^~~~~~~~~~~~~",
    ),
    "a module of a repository that is none": (
        {"p/BUILD": 'load("@rules//:defs.bzl", "x")\n', "defs.bzl": "x = 1\n"},
        "p/BUILD:1:6: error: '@rules//:defs.bzl' is in the unknown repository '@rules'\n"
        '    load("@rules//:defs.bzl", "x")\n'
        "         ^~~~~~~~~~~~~~~~~~~\n"
        "hint: the standard rules are in '@mbuild//rules'",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_its_place(tmp_path: Path, fault: str) -> None:
    files, message = FAULTS[fault]
    assert place(tmp_path, files).told("//p:x") == message


def test_a_link_to_nothing_is_not_told_as_a_typo_of_itself(tmp_path: Path) -> None:
    made = place(tmp_path, {"p/BUILD": group("x", "w.bin")})
    (made.root / "p" / "w.bin").symlink_to("nowhere")
    assert made.told("//p:x") == (
        "p/BUILD:1:23: error: 'p/w.bin' is neither a file nor a folder\n"
        '    filegroup(name = "x", srcs = ["w.bin"])\n'
        "                          ^~~~\n"
        "  needed by //p:x (p/BUILD:1:1)\n"
        "hint: a symlink must lead to a file"
    )


def test_a_link_to_itself_is_no_folder_and_stops_nobody(tmp_path: Path) -> None:
    made = place(tmp_path, {"p/BUILD": group("x", "loop"), "q/BUILD": group("y")})
    (made.root / "p" / "loop").symlink_to("loop")
    made.analyze("//q:y")
    assert made.told("//p:x").startswith("p/BUILD:1:23: error: 'p/loop' is neither a file nor a folder\n")


def test_files_that_load_each_other_are_told_with_the_way(tmp_path: Path) -> None:
    files = {
        "BUILD": 'load(":a.bzl", "a")\n',
        "a.bzl": 'load(":b.bzl", "b")\na = 1\n',
        "b.bzl": 'load(":a.bzl", "a")\n',
    }
    assert place(tmp_path, files).told("//...") == (
        "b.bzl:1:6: error: load cycle: '//:a.bzl' loads itself\n"
        '    load(":a.bzl", "a")\n'
        "         ^~~~~~~~\n"
        "  //:a.bzl\n"
        "    loads //:b.bzl\n"
        "    loads //:a.bzl"
    )


def test_faults_of_several_packages_are_told_together_and_each_once(tmp_path: Path) -> None:
    files = {
        "a/BUILD": group("x", "//c:z", ":gone") + group("w", "//c:z"),
        "b/BUILD": group("y", "//c:z") + "filegroup(srcs = [])\n",
        "c/BUILD": "filegrop()\n",
    }
    made = place(tmp_path, files)
    assert [line for line in made.told("//a:x", "//b:y").splitlines() if "error" in line] == [
        "b/BUILD:2:1: error: rule 'filegroup' needs the attribute 'name'"
    ]
    made.write({"b/BUILD": group("y", "//c:z")})
    assert made.told("//a:all", "//b:y") == (
        "c/BUILD:1:1: error: name 'filegrop' is not defined\n"
        "    filegrop()\n"
        "    ^~~~~~~~\n"
        "  needed by //a:w (a/BUILD:2:1)\n"
        "hint: did you mean 'filegroup'?\n"
        "a/BUILD:1:23: error: no target 'gone' in package '//a' (a/BUILD)\n"
        '    filegroup(name = "x", srcs = ["//c:z", ":gone"])\n'
        "                          ^~~~\n"
        "  needed by //a:x (a/BUILD:1:1)"
    )


def test_a_broken_module_is_told_once_however_many_load_it(tmp_path: Path) -> None:
    files = {f"{name}/BUILD": 'load("//:d.bzl", "d")\n' for name in "abc"} | {"d.bzl": "d = 1 +\n"}
    assert place(tmp_path, files).told("//...").count("error:") == 1


def test_each_fault_of_a_build_file_is_told(tmp_path: Path) -> None:
    text = LOAD + 'thing(name = "a", src = [])\nthing(nam = "b")\nthing(name = "a")\nthing(name = "a")\n'
    assert place(tmp_path, {**one_rule(SRCS), "BUILD": text}).told("//...") == (
        "BUILD:2:19: error: rule 'thing' has no attribute 'src'\n"
        '    thing(name = "a", src = [])\n'
        "                      ^~~\n"
        "hint: did you mean 'srcs'?\n"
        "BUILD:3:7: error: rule 'thing' has no attribute 'nam'\n"
        '    thing(nam = "b")\n'
        "          ^~~\n"
        "hint: did you mean 'name'?\n"
        "BUILD:5:1: error: target 'a' is declared twice\n"
        '    thing(name = "a")\n'
        "    ^~~~~~~~~~~~~~~~~\n"
        "  first declared at BUILD:4:1"
    )


def test_bzl_files_are_parsed_once_for_as_long_as_they_stay_the_same(tmp_path: Path) -> None:
    made = place(tmp_path, {**one_rule(), "BUILD": LOAD + 'thing(name = "x")\n'})
    made.cache = RecordingCache()
    made.load("//...")
    files = len(made.cache.kept)
    assert (made.cache.hits, made.cache.misses) == (0, files + 1)  # and the kept packages
    made.write({"BUILD": LOAD + 'thing(name = "y")\n'})
    made.load("//...")
    assert (made.cache.hits, made.cache.misses) == (files, files + 2)
    made.write({"defs.bzl": one_rule()["defs.bzl"] + "\n"})
    made.load("//...")
    assert (made.cache.hits, made.cache.misses) == (2 * files - 1, files + 4)


def test_a_damaged_cache_of_parsed_files_makes_loading_slower_only(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": group("x")})
    made.cache = RecordingCache()
    made.load("//...")
    for data in (b"", b"no pickle", b"\x80\x05cno.such.module\nThing\n.", b"\x80\x05K\x01."):
        made.cache.kept = dict.fromkeys(made.cache.kept, data)
        assert [str(label) for label in made.load("//...").requested] == ["//:x"]


def test_a_package_is_loaded_once_and_its_faults_are_told_each_time(tmp_path: Path) -> None:
    made = place(tmp_path, {"BUILD": 'print("loaded")\n' + group("x"), "bad/BUILD": "(\n"})
    loader = made.loader()
    assert loader.package("") is loader.package("")
    assert made.printed == ["BUILD:1:1: loaded"]
    for _ in range(2):
        with pytest.raises(BuildErrors, match=r"'\(' is never closed"):
            loader.package("bad")


def test_a_macro_declares_targets_and_a_rule_only_in_a_build_file(tmp_path: Path) -> None:
    files = one_rule() | {"macro.bzl": LOAD + "def two(name):\n    thing(name = name)\n    thing(name = name + '_2')\n"}
    files["BUILD"] = 'load(":macro.bzl", "two")\ntwo("x")\n'
    made = place(tmp_path, files)
    assert made.expand("//...") == ["//:x", "//:x_2"]
    made.write({"macro.bzl": LOAD + 'thing(name = "x")\n'})
    assert made.told("//...").splitlines()[0] == (
        "macro.bzl:2:1: error: rule 'thing' can be called only while a BUILD file is loaded"
    )


def test_rules_of_one_name_from_one_function_stay_apart(tmp_path: Path) -> None:
    files = {
        "make.bzl": "def make(implementation):\n    return rule(implementation = implementation)\n",
        "BUILD": 'load("//:a.bzl", a = "thing")\nload("//:b.bzl", b = "thing")\na(name = "x")\nb(name = "y")\n',
    }
    for name in "ab":
        files[f"{name}.bzl"] = (
            f'load("//:make.bzl", "make")\ndef _f(ctx):\n    print("{name} " + ctx.label.name)\n    return []\n'
            "thing = make(_f)\n"
        )
    made = place(tmp_path, files)
    made.analyze()
    assert [line.split(": ")[1] for line in made.printed] == ["a x", "b y"]


def test_a_rule_without_a_name_cannot_be_called(tmp_path: Path) -> None:
    files = {
        "defs.bzl": "def _f(ctx):\n    return []\nrules = {'x': rule(implementation = _f)}\n",
        "BUILD": 'load(":defs.bzl", "rules")\nrules["x"](name = "a")\n',
    }
    assert place(tmp_path, files).told("//...") == (
        "BUILD:2:1: error: a rule must be assigned to a top-level name of its .bzl file before it is called\n"
        '    rules["x"](name = "a")\n'
        "    ^~~~~~~~~~~~~~~~~~~~~~"
    )


def test_the_standard_rules_can_be_loaded_by_name(tmp_path: Path) -> None:
    made = place(
        tmp_path, {"BUILD": 'load("@mbuild//rules:files.bzl", group = "filegroup")\ngroup(name="x", srcs=[])\n'}
    )
    assert made.expand("//...") == ["//:x"]
    with pytest.raises(BuildError, match=r"no file 'nope\.py' in the standard rules"):
        made.loader().target(Label("mbuild", "rules", "nope.py"))
