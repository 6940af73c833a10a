"""Completion: what is offered, and that bash, zsh and fish take it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from invocations import Ran, in_process

from buildkit.cli.complete import complete
from buildkit.cli.completing import names_in
from buildkit.cli.main import COMMANDS
from buildkit.cli.shell_words import ShellWord, split_line

BUILD = """\
load(":x.bzl", "x")  # name = "not_me"
filegroup(name = "fraud", srcs = glob(["*.txt"]))
model(
    name = 'fraud_v3',
    inputs = [tensor(name = "features")],
    doc = '''name = "nor_me"''',
)
[genrule(name = "made", outs = ["name = \\"x\\""]) for _ in range(1)]
broken(
"""
FILES = {
    "mbuild.toml": "",
    "models/BUILD": BUILD,
    "models/inner/BUILD.mbuild": "",
    "data/raw/BUILD": 'filegroup(name = "csv")\n',
    "docs/page.md": "",
    ".hidden/BUILD": "",
    "mbuild-out/x/BUILD": "",
    "nested/mbuild.toml": "",
    "nested/BUILD": "",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


OFFERED = {
    "mbuild qu": ["query"],
    "mbuild //": ["//...", "//data/", "//models/", "//models:"],
    "mbuild build //mod": ["//models/", "//models:"],
    "mbuild build //models/": ["//models/...", "//models/inner:"],
    "mbuild build //data/r": ["//data/raw:"],
    "mbuild build //models:": ["//models:all", "//models:fraud", "//models:fraud_v3", "//models:made"],
    "mbuild build //models:fraud_": ["//models:fraud_v3"],
    "mbuild build -//models:ma": ["-//models:made"],
    "mbuild -C models build :f": [":fraud", ":fraud_v3"],
    "mbuild --jobs 3 -C models test :f": [":fraud", ":fraud_v3"],
    "mbuild //models:f": ["//models:fraud", "//models:fraud_v3"],
    "mbuild nothing:x //models:m": ["//models:made"],
    "mbuild image la": ["layers"],
    "mbuild image layers //models:f": ["//models:fraud", "//models:fraud_v3"],
    "mbuild image inspect --raw": ["--raw", "--raw-config"],
    "mbuild query de": ["deps("],
    "mbuild query 'deps(//models:f": ["deps(//models:fraud", "deps(//models:fraud_v3"],
    'mbuild query "kind(rule, //models:ma': ["kind(rule, //models:made"],
    "mbuild query 'deps(//models:all) - som": ["deps(//models:all) - some(", "deps(//models:all) - somepath("],
    "mbuild query --output=ma": ["--output=maxrank"],
    "mbuild query --output l": ["label", "label_kind", "location"],
    "mbuild query --universe-scope //da": ["//data/"],
    "mbuild --sandbox n": ["namespaces", "none"],
    "mbuild --off": ["--offline"],
    "mbuild build --off": ["--offline"],
    "mbuild completion ": ["bash", "fish", "zsh"],
    "mbuild build --output ": [],
    "mbuild build //no/such:": ["//no/such:all"],
    "mbuild build x.": [],
    "mbuild": [],
    "": [],
}


@pytest.mark.parametrize("line", OFFERED)
def test_a_beginning_is_completed(workspace: Path, line: str) -> None:
    assert complete(["zsh", line], workspace).splitlines() == OFFERED[line]


def test_without_a_word_all_commands_are_offered(workspace: Path) -> None:
    assert complete(["zsh", "mbuild "], workspace).splitlines() == sorted(COMMANDS)


def test_no_labels_are_offered_outside_of_a_workspace(tmp_path: Path) -> None:
    assert complete(["zsh", "mbuild build //"], tmp_path) == ""


MACRO = """
def pair(name):
    native.filegroup(name = name + "_a", srcs = [])
    native.filegroup(name = name + "_b", srcs = [])
"""


def test_targets_that_macros_declare_are_offered_as_long_as_the_code_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MBUILD_CACHE", str(tmp_path / "cache"))
    root = tmp_path / "workspace"
    (root / "a").mkdir(parents=True)
    (root / "mbuild.toml").touch()
    (root / "a" / "x.bzl").write_text(MACRO)
    (root / "a" / "BUILD").write_text('load(":x.bzl", "pair")\n\npair(name = "p")\n')
    for _ in range(2):  # the second time from what was kept
        assert complete(["zsh", "mbuild build //a:p"], root).splitlines() == ["//a:p_a", "//a:p_b"]
    assert len(list((tmp_path / "cache" / "names").iterdir())) == 1
    (root / "a" / "x.bzl").write_text(MACRO.replace("_b", "_changed"))
    assert complete(["zsh", "mbuild build //a:p"], root).splitlines() == ["//a:p_a", "//a:p_changed"]
    (root / "a" / "x.bzl").write_text("def broken(")
    assert complete(["zsh", "mbuild build //a:p"], root).splitlines() == ["//a:p"]


def test_each_shell_gets_its_form(workspace: Path) -> None:
    assert complete(["bash", "mbuild build //models:fraud"], workspace) == "fraud \nfraud_v3 \n"
    assert complete(["bash", "mbuild query 'deps(//models:fraud_"], workspace) == "deps(//models:fraud_v3\n"
    assert complete(["bash", "mbuild query --output=minr"], workspace) == "minrank \n"
    assert complete(["bash", "mbuild build //da"], workspace) == "//data/\n"
    assert complete(["fish", "mbuild build //models:m"], workspace) == "//models:made\tgenrule\n"


def test_names_come_from_calls_only() -> None:
    assert names_in(BUILD) == [("fraud", "filegroup"), ("fraud_v3", "model"), ("made", "genrule")]
    assert names_in("x(" * 50_000) == []


def test_a_line_is_split_as_shells_do() -> None:
    assert split_line("a 'b c'\\ d \"e") == [ShellWord("a"), ShellWord("b c d"), ShellWord("e", '"')]
    assert split_line("a ''  ") == [ShellWord("a"), ShellWord(""), ShellWord("")]


def test_complete_is_a_command_that_no_help_shows(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    assert in_process("complete", "zsh", "mbuild build //models:ma") == Ran(0, "//models:made\n", "")
    assert in_process("complete") == Ran(0, "", "")
    assert " complete " not in in_process("--help").stdout


def test_completing_imports_none_of_the_engine(workspace: Path) -> None:
    program = (
        "import sys; from buildkit.cli.main import run; run(['complete', 'bash', 'mbuild query //data/raw:']);"
        "print(*sorted(name for name in sys.modules if name.startswith('buildkit.') and name.count('.') > 0))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=workspace, capture_output=True, text=True, check=True)
    imported = {name.split(".")[1] for name in ran.stdout.splitlines()[-1].split()}
    assert imported <= {"cli", "errors", "records"}


def scripted(shell: str, workspace: Path, program: str) -> list[str]:
    """What a shell prints that has loaded its script, with `mbuild` on its path."""
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")
    programs = workspace / ".programs"
    programs.mkdir()
    main = programs / "mbuild"
    main.write_text(f"#!{sys.executable}\nfrom buildkit.cli.main import main\nmain()\n")
    main.chmod(0o755)
    (workspace / ".script").write_text(in_process("completion", shell).stdout)
    ran = subprocess.run(
        [shell, *(["-f"] if shell == "zsh" else []), "-c", program],
        cwd=workspace,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(workspace)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.splitlines()


@pytest.mark.may_skip
def test_bash_takes_what_is_offered(workspace: Path) -> None:
    program = """
        source .script
        ask() { COMP_LINE="$1"; COMP_POINT=${#1}; _mbuild mbuild; printf '<%s>\\n' "${COMPREPLY[@]}"; }
        ask 'mbuild build //models:f'
        ask 'mbuild que'
        ask "mbuild query 'deps(//models:ma"
        complete -p mbuild
    """
    assert scripted("bash", workspace, program) == [
        "<fraud >",
        "<fraud_v3 >",
        "<query >",
        "<deps(//models:made>",
        "complete -o bashdefault -o default -o nospace -F _mbuild mbuild",
    ]


@pytest.mark.may_skip
def test_fish_takes_what_is_offered(workspace: Path) -> None:
    program = """
        source .script
        complete -C 'mbuild build //models:f'
        complete -C 'mbuild que'
    """
    assert scripted("fish", workspace, program) == [
        "//models:fraud\tfilegroup",
        "//models:fraud_v3\tmodel",
        f"query\t{COMMANDS['query']}",
    ]


@pytest.mark.may_skip
def test_zsh_takes_what_is_offered(workspace: Path) -> None:
    program = """
        compdef() { :; }
        compadd() { print -r -- "$@"; }
        _files() { print files; }
        source .script
        words=(mbuild build //models:f); LBUFFER='mbuild build //models:f'; _mbuild
        words=(mbuild build //mod); LBUFFER='mbuild build //mod'; _mbuild
        words=(mbuild build x.); LBUFFER='mbuild build x.'; _mbuild
    """
    assert scripted("zsh", workspace, program) == [
        "-- //models:fraud //models:fraud_v3",
        "-S  -- //models/ //models:",
        "files",
    ]
