"""The documentation against what it is about: complete, current, and its commands work."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pages import Command, Reader, blocks, commands, missing

from buildkit.graph.attribute import AttrModule
from buildkit.graph.config import SCHEMA, Config
from buildkit.graph.context import Actions
from buildkit.graph.declare import BUILD_FUNCTIONS
from buildkit.graph.documentation import FunctionFacts, RuleFacts, document, files_of_patterns, native
from buildkit.graph.kinds import KINDS
from buildkit.graph.loader import Loader
from buildkit.graph.modules import BZL_NAMES, PRELUDE
from buildkit.graph.provider import KNOWN
from buildkit.graph.query import AQUERY_FUNCTIONS
from buildkit.graph.registry_config import LIMITS, REGISTRY
from buildkit.graph.rule import Rule
from buildkit.graph.workspace import Workspace, standard_rules
from buildkit.label import Label
from buildkit.lang import UNIVERSE, Function, JsonModule
from buildkit.lang.attributes import METHODS
from buildkit.lang.automaton import NESTING
from buildkit.lang.limits import DEPTH, NODES, Limits
from buildkit.lang.lint import CHECKS
from buildkit.report.actions import ACTION_FORMATS
from buildkit.report.targets import FORMATS

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("rules/*.md"))]
PARTS = ("tutorial", "formatting", "query", "writing-rules", "beginning", "images", "registries")
TRIED = {ROOT / "README.md", *(DOCS / f"{name}.md" for name in PARTS)}


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


generate = _module(DOCS / "generate.py")


def _standard_loader(root: Path) -> Loader:
    return Loader(Workspace(root, Config(), standard_rules()), generate.Nothing(), lambda span, text: None)


def _standard() -> dict[str, Any]:
    """What every BUILD file sees of the standard rules."""
    return {name: value for name, value in _standard_loader(ROOT).module(PRELUDE).items() if not name.startswith("_")}


def test_the_generated_pages_are_current() -> None:
    for name, text in generate.pages().items():
        assert (DOCS / name).read_text() == text, f"run 'python docs/generate.py': docs/{name} is behind"
    kept = {f"rules/{path.name}" for path in DOCS.glob("rules/*")}
    assert kept == {name for name in generate.pages() if name.startswith("rules/")}


def test_the_page_of_errors_is_current() -> None:
    made = _module(DOCS / "generate_errors.py").page()
    assert (DOCS / "errors.md").read_text() == made, "run 'python docs/generate_errors.py': docs/errors.md is behind"


def _examples() -> dict[str, str]:
    loader = _standard_loader(ROOT)
    modules = [*document(loader, files_of_patterns(loader, ["@mbuild//rules"], "")), native()]
    return {
        symbol.name: symbol.doc.example
        for module in modules
        for symbol in module.symbols
        if isinstance(symbol, RuleFacts) or (isinstance(symbol, FunctionFacts) and symbol.doc.example)
    }


@pytest.mark.parametrize("name", sorted(_examples()))
def test_the_example_of_a_rule_declares_it(tmp_path: Path, name: str) -> None:
    fenced = re.fullmatch(r"```python\n(.*\n)```", _examples()[name], re.DOTALL)
    assert fenced, f"the doc of '{name}' has no Example: of one fenced block"
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "BUILD").write_text(fenced[1])
    loader = _standard_loader(tmp_path)
    package = loader.package("p")
    assert name in {target.rule for target in package.targets.values()} or isinstance(_standard().get(name), Function)


def test_every_rule_and_every_attribute_says_what_it_is() -> None:
    silent = [name for name, value in _standard().items() if not value.doc]
    silent += [
        f"{name}.{attribute}"
        for name, value in _standard().items()
        if isinstance(value, Rule)
        for attribute, schema in value.schema.items()
        if not (attribute.startswith("_") or attribute in ("name", "visibility", "tags") or schema.doc)
    ]
    assert silent == []


def test_the_pages_of_rules_have_each_of_them_once() -> None:
    pages = "".join(path.read_text() for path in sorted(DOCS.glob("rules/*.md")) if path.name != "index.md")
    headings = re.findall(r"^## (\w+)$", pages, re.MULTILINE)
    assert len(headings) == len(set(headings))
    assert {*_standard(), *KINDS} <= set(headings)
    assert all(isinstance(value, (Rule, Function)) for value in _standard().values())


def test_the_page_of_the_language_names_every_builtin_and_method() -> None:
    page = (DOCS / "language.md").read_text()
    code = set(re.findall(r"[A-Za-z_][\w.]*", " ".join(re.findall(r"`([^`\n]+)`", page))))
    names = [*UNIVERSE, *BUILD_FUNCTIONS, *BZL_NAMES]
    names += [f"attr.{name}" for name in AttrModule().attributes()]
    names += [f"json.{name}" for name in JsonModule().attributes()]
    names += [f"ctx.actions.{name}" for name in Actions(Label("", "", "x"), {}).attributes()]
    names += [name for methods in METHODS.values() for name in methods]
    names += [field for provider in KNOWN.values() for field in provider.fields or ()]
    assert sorted({name for name in names if name not in code}) == []


def test_the_page_of_the_language_has_the_bounds_as_they_are() -> None:
    page = (DOCS / "language.md").read_text()
    limits = Limits()
    own = (limits.steps, limits.depth, limits.integer_bits, limits.string_length, limits.elements)
    bounds = (*own, NESTING, DEPTH, NODES)
    assert [bound for bound in bounds if f"{bound:,}" not in page] == []


def test_the_page_of_queries_names_every_function_and_format() -> None:
    page = (DOCS / "query.md").read_text()
    assert [name for name in AQUERY_FUNCTIONS if f"`{name}(" not in page] == []
    assert [name for name in (*FORMATS, *ACTION_FORMATS) if f"`{name}`" not in page] == []


def test_the_commands_on_the_page_of_queries_work(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples" / "fraud", tmp_path / "fraud", ignore=shutil.ignore_patterns("mbuild-out"))
    environment = _environment(tmp_path / "store", Path(sys.executable).parent)
    assert Reader(tmp_path / "fraud", environment, {}).follow(DOCS / "query.md") == 11


def test_the_commands_on_the_page_about_writing_rules_work(tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    environment = _environment(tmp_path / "store", Path(sys.executable).parent)
    assert Reader(tmp_path / "words", environment, {}).follow(DOCS / "writing-rules.md") == 11


def test_the_page_of_the_workspace_has_every_key() -> None:
    page = (DOCS / "workspace.md").read_text()
    keys = [key for table in (*SCHEMA.values(), REGISTRY, LIMITS) for key in table]
    assert [key for key in keys if f"| `{key}` |" not in page] == []
    assert [table for table in (*SCHEMA, 'registry."HOST"') if f"| `[{table}]` |" not in page] == []


def test_the_rule_on_the_page_of_the_language_builds(tmp_path: Path) -> None:
    rule = next(block.text for block in blocks(DOCS / "language.md") if block.text.startswith("# tools/count.bzl"))
    texts = {"mbuild.toml": "", "tools/BUILD": "", "tools/count.bzl": rule, "a.txt": "1\n2\n", "b.txt": "3\n"}
    texts["BUILD"] = 'load("//tools:count.bzl", "count")\ncount(name = "n", srcs = ["a.txt", "b.txt"])\n'
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    ran = _run(f"mbuild --cache-dir {tmp_path}/c //:n", tmp_path, _environment(tmp_path, Path(sys.executable).parent))
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "mbuild-out" / "n.txt").read_text().strip() == "3"


@pytest.mark.parametrize("page", [*PAGES, *sorted(DOCS.glob("decisions/*.md"))], ids=lambda page: page.name)
def test_links_and_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text()
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    lost = [link for link in links if link and not (page.parent / link).exists()]
    code = re.findall(r"`((?:buildkit|rules|tests|docs|examples|benchmarks)/[\w/.]+\.\w+)`", text)
    lost += [name for name in code if "NAME" not in name and not (ROOT / name).exists()]
    assert lost == []


def test_the_architecture_names_functions_that_exist() -> None:
    rows = re.findall(r"^\| \d+ \| `(buildkit/\S+\.py)` \| `(\S+)` \|", (DOCS / "architecture.md").read_text(), re.M)
    assert len(rows) == 9
    for file, name in rows:
        defined = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if hasattr(node, "name")}
        assert set(name.split(".")) <= defined, f"{file} has no {name}"


def test_decisions_are_numbered_one_by_one() -> None:
    numbers = [int(path.name[:4]) for path in sorted(DOCS.glob("decisions/*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_block_of_commands_is_on_a_page_whose_commands_are_run() -> None:
    shown = {page for page in PAGES for block in blocks(page) if block.language in ("console", "sh")}
    assert shown <= {*TRIED, ROOT / "CONTRIBUTING.md"}


def test_the_second_command_of_the_readme_is_what_ci_runs() -> None:
    steps = _readme_command(1).split(" && ")
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in lines if line in steps] == steps


def test_output_is_compared_line_by_line_in_order() -> None:
    found = ["a", "  ✓ 3 actions (2 run, 1 cached)     0.3s", "//x sha256:12"]
    assert missing(("  ✓ 3 actions (3 run, 0 cached)  9.9s", "//x sha256:…"), found) is None
    assert missing(("  ✓ 3 actions (0 run, 3 cached)",), found) == "  ✓ 3 actions (0 run, 3 cached)"
    assert missing(("//x sha256:…", "a"), found) == "a"


LINUX_ONLY = (
    "sched_getaffinity",
    "memfd_create",
    "copy_file_range",
    "splice",
    "posix_fadvise",
    "pidfd_open",
    "eventfd",
)


def test_loading_and_queries_need_nothing_that_linux_alone_has(tmp_path: Path) -> None:
    (tmp_path / "mbuild.toml").touch()
    (tmp_path / "BUILD").write_text('filegroup(name = "x", srcs = [])\n')
    program = f"""
        import os, select, sys
        for name in {LINUX_ONLY!r}:
            if hasattr(os, name):
                delattr(os, name)
        if hasattr(select, "epoll"):
            del select.epoll
        import urllib.request  # knows its platform as it is
        sys.platform = "darwin"
        from buildkit.cli.main import run
        import buildkit.cli.push, buildkit.cli.lock, buildkit.cli.predict, buildkit.cli.run
        sys.exit(int(run(["-C", {str(tmp_path)!r}, "--cache-dir", {str(tmp_path / "c")!r}, "query", "//..."])))
    """
    ran = subprocess.run([sys.executable, "-c", inspect.cleandoc(program)], check=False, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "//:x\n", "")


# From here on: commands that really run.


def _environment(store: Path, programs: Path) -> dict[str, str]:
    path = f"{programs}:{os.environ.get('PATH', '/usr/bin:/bin')}"
    dropped = {"VIRTUAL_ENV", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"PATH": path, "MBUILD_CACHE": str(store), "NO_COLOR": "1"}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone of this repository holds: its files as they are now, without what git ignores."""
    folder = tmp_path_factory.mktemp("clone")
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in sorted(filter(None, listed.stdout.decode().split("\0"))):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


def _readme_command(number: int) -> str:
    lines = [block.text.rstrip("\n") for block in blocks(ROOT / "README.md") if block.language == "sh"]
    assert len(lines) == 2
    return lines[number]


def _run(line: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", line], check=False, cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.mark.e2e
def test_the_first_command_of_the_readme_builds_asks_and_prints_and_a_second_time_runs_nothing(
    checkout: Path, kept_store: Path
) -> None:
    environment = _environment(kept_store, Path("/nowhere"))
    first = _run(_readme_command(0), checkout, environment)
    assert (first.returncode, re.search(r'"data":\s*\[0,\s*1\]', first.stdout) is not None) == (0, True), first.stderr
    # The wheel is what is installed, not the checkout: nothing but it is needed.
    (checkout / "buildkit").rename(checkout / "elsewhere")
    try:
        second = _run(_readme_command(0).rpartition(" && ")[2], checkout, environment)
    finally:
        (checkout / "elsewhere").rename(checkout / "buildkit")
    assert "(0 run, " in second.stderr
    assert (second.returncode, second.stdout.count("\n")) == (0, 1)


@pytest.mark.e2e
def test_the_commands_that_the_readme_shows_work(checkout: Path, kept_store: Path) -> None:
    environment = _environment(kept_store, Path(sys.executable).parent)
    assert Reader(checkout, environment, {}).follow(ROOT / "README.md") == 8


def test_the_commands_of_the_page_on_formatting_work(tmp_path: Path, kept_store: Path) -> None:
    (tmp_path / "mbuild.toml").touch()
    environment = _environment(kept_store, Path(sys.executable).parent)
    assert Reader(tmp_path, environment, {}).follow(DOCS / "formatting.md") == 6


def test_the_commands_on_the_page_of_beginnings_work(tmp_path: Path) -> None:
    environment = _environment(tmp_path / "store", Path(sys.executable).parent)
    assert Reader(tmp_path, environment, {}).follow(DOCS / "beginning.md") == 11


def test_the_commands_on_the_page_of_images_work(tmp_path: Path) -> None:
    environment = _environment(tmp_path / "store", Path(sys.executable).parent)
    told = sum(len(commands(block)) for block in blocks(DOCS / "images.md"))
    assert Reader(tmp_path / "tiny", environment, {}).follow(DOCS / "images.md") == told >= 14


def test_the_commands_on_the_page_of_registries_work(tmp_path: Path) -> None:
    environment = _environment(tmp_path / "store", Path(sys.executable).parent) | {"DOCKER_CONFIG": str(tmp_path)}
    with ExitStack() as stack:
        reader = Reader(tmp_path / "acme", environment, {"registry": partial(_start_registry, stack)})
        assert reader.follow(DOCS / "registries.md") == 8


@pytest.mark.e2e
def test_the_tutorial_works_from_an_empty_folder_to_a_pushed_image(tmp_path: Path, kept_store: Path) -> None:
    with ExitStack() as stack:
        environment = _environment(kept_store, Path(sys.executable).parent)
        reader = Reader(tmp_path, environment, {})
        reader.fixtures = {
            "locks": partial(_place_locks, reader),
            "server": partial(_serve, reader, stack),
            "ask": partial(_ask, tmp_path, reader),
            "registry": partial(_start_registry, stack),
        }
        # A training that this store has not seen yet.
        reader.endings = {"models/train.py": f"# {uuid.uuid4()}\n"}
        assert reader.follow(DOCS / "tutorial.md") > 15


def _place_locks(reader: Reader, told: list[Command]) -> list[Command]:
    """The example's locks, which answer the same request: what resolving gives is another test's business."""
    for name in ("debian.lock", "serving.lock"):
        shutil.copy(ROOT / "examples" / "fraud" / "third_party" / name, reader.folder / "third_party" / name)
    return []


def _serve(reader: Reader, stack: ExitStack, told: list[Command]) -> list[Command]:
    """The server runs in the background, on a port that is free."""
    words = told[0].line.replace("--port 8080", "").split()
    process = subprocess.Popen(
        words,
        cwd=reader.folder,
        env=dict(reader.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    stack.callback(process.wait, timeout=60)
    stack.callback(process.terminate)
    assert process.stdout is not None
    stack.enter_context(process.stdout)
    line = process.stdout.readline()
    assert missing((told[0].expected[0].rpartition(":")[0] + ":…",), [line]) is None, line
    reader.address = line.split()[-1]
    return []


# Does of curl what the tutorial needs, for machines without it.
CURL = """\
import sys, urllib.request
_, _, _, body, url = sys.argv
request = urllib.request.Request(url, open(body[1:], "rb").read(), {"Content-Type": "application/json"})
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
print(opener.open(request).read().decode())
"""


def _ask(tmp_path: Path, reader: Reader, told: list[Command]) -> list[Command]:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "curl.py").write_text(CURL)
    words = shlex.join([sys.executable, str(programs / "curl.py")])
    (programs / "curl").write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    (programs / "curl").chmod(0o755)
    reader.environment = dict(reader.environment) | {"PATH": f"{programs}:{reader.environment['PATH']}"}
    return [
        Command(command.line.replace("http://127.0.0.1:8080", reader.address), command.expected) for command in told
    ]


def _start_registry(stack: ExitStack, told: list[Command]) -> list[Command]:
    little = _module(ROOT / "tests" / "little_registry.py")
    address = stack.enter_context(little.serving(little.LittleRegistry())).address
    return [
        Command(
            command.line.replace("localhost:5000", address),
            tuple(line.replace("localhost:5000", address) for line in command.expected),
        )
        for command in told
    ]


def test_the_page_on_formatting_has_every_check() -> None:
    page = (DOCS / "formatting.md").read_text()
    assert [name for name in CHECKS if f"| `{name}` | {CHECKS[name]}" not in page] == []
