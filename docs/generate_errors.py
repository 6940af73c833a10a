"""Writes errors.md, beside this file: every message of mbuild of which a test holds the printed form.

In: the source of `buildkit/` and `rules/`, where messages are made, and of `tests/`, where they stand as printed.
Out: `page()`; a test compares it with what is committed.

The convention: a test that is about a message holds it as one string literal: as printed (`p/BUILD:1:1: error: …`, with
what follows), or the message alone. A literal belongs to the message of the source that it fits best; phase and exit
code are those of the place that makes it. Where it stands in a table (`name: (input, message)`), its input is shown.
"""

from __future__ import annotations

import ast
import itertools
import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent

HEAD = """\
# Errors

What mbuild says when something is wrong, as it is printed. Made from the tests by `python docs/generate_errors.py`;
how messages are written is told in [a decision](decisions/0016-how-messages-are-written.md).

A message begins with its place (`file:line:column:`) where it has one, and shows the line. Indented lines tell the way
to the mistake; lines after `|` are verbatim, such as a log or what a server said; `hint:` says what to do. All faults
of one phase are told together. `…` stands for what differs from machine to machine. Exit codes stand in the headings,
and beside a message that has another; [all of them](cli.md#what-is-printed-and-exit-codes).
"""

# Phase → its exit code, and the places of the source whose messages are its own; the first that fits counts.
_CONFIGURATION = tuple(f"graph/{name}" for name in ("config", "condition", "select", "platform"))
_FILES = tuple(
    f"graph/{name}" for name in ("declare", "loader", "modules", "closure", "package", "files", "glob", "sources")
)
_TARGETS = tuple(f"graph/{name}.py" for name in ("scope", "workspace", "rule", "documentation", "visibility", "native"))
PHASES: Sequence[tuple[str, int, tuple[str, ...]]] = (
    ("The command line", 2, ("cli/", "commands/", "label.py", "reference.py", "digest.py")),
    ("The language", 2, ("lang/",)),
    ("Query", 2, ("graph/query/", "graph/query.py")),
    ("Locks", 2, ("lock/", "graph/lockfile.py")),
    ("Configuration", 2, _CONFIGURATION),
    ("Loading", 2, (*_FILES, *_TARGETS)),
    ("Rules", 2, ("graph/", "rules/")),
    ("Registries", 36, ("registry/",)),
    ("The environment", 36, ()),
    ("Building", 1, ("execution/", "images/", "tools/", "oci/", "content.py", "store/", "fetch/")),
)
ORDER = (
    "The command line",
    "The language",
    "Loading",
    "Configuration",
    "Rules",
    "Query",
    "Locks",
    "Building",
    "Registries",
    "The environment",
)
# Messages that the source puts together from parts: a part of the message → its phase and exit code.
ASSEMBLED = {
    "must be a number from 1": ("The command line", 2),
    "unknown option": ("The command line", 2),
    "missing argument": ("The command line", 2),
    "no tests among": ("The command line", 4),
    "is declared twice": ("Loading", 2),
    ", and no file": ("Loading", 2),
    "nothing is asked": ("Query", 2),
    "both an expression": ("Query", 2),
    "genrule failed: exit code": ("Building", 1),
    "file changed while being read": ("Building", 1),
    "has changed since it was built": ("Registries", 1),
    "cannot write the results": ("The environment", 36),
}
_ENVIRONMENT = ("EnvironmentFault", "NoAccess", "Unanswered")
CODES = {"BuildError": 2, "BuildFailure": 1, "TestFailure": 3, "ScanError": 2} | dict.fromkeys(_ENVIRONMENT, 36)
# What tests fill in, as the page shows it.
FILLED = {
    "tmp_path": "/shop",
    "host": "registry.example",
    "server": "host.example",
    "address": "host.example",
    "label": "//p:x",
}
MAKERS = {*CODES, "error", "wrong", "_failure", "fault", "_fault", "_refuse"}

# What it means, or what to do, where the message itself does not say it; by a part of the message.
NOTES = {
    "' is never closed": "The caret stands at the opening, however far below the parser noticed.",
    "cannot change a frozen": "A file's values are frozen when it has run, so that no other file can change them.",
    "is called recursively": "Evaluation always ends: there is no recursion and no `while`.",
    "dependency cycle": "Move what both need into a third target.",
    "no branch of": "A select has no branch for every configuration unless it has '//conditions:default'.",
    "is not visible to": "Visibility is asked of what is depended on: its own BUILD file must allow it.",
    "is stale: it answers another request": "The target was changed after it was locked; a build never resolves.",
    "is not the file that": "These are not the bytes that were locked: an attack, a damaged mirror, a new file.",
    "changed during the build": "What was read first and later differs, so no result of it can be believed.",
    "was damaged and has been removed": "A disk or another program changed the store; the next build makes it anew.",
    "cannot make a sandbox": "Nothing is run outside of a sandbox unless `--sandbox=none` says so.",
    "leads out of its tree": "A tree must mean the same wherever it is put.",
    "is a Git LFS pointer": "The repository was cloned without its large files.",
    "the digests differ": "A reference with a digest can name that digest's image only.",
}

_PLACE = re.compile(r"^(?:(?:[^\s:]+:)?\d+:\d+: )?(?:error: )?")
_PRINTED = re.compile(r"^(?:\S*:\d+:\d+: )?error: ", re.MULTILINE)


@dataclass(frozen=True)
class Source:
    """A place that makes a message: what the message looks like, its phase and its exit code."""

    path: str
    line: int
    code: int
    pattern: re.Pattern[str]
    weight: int

    @property
    def part(self) -> str:
        """The part of the engine that it is in."""
        return self.path.partition("/")[0]

    @property
    def phase(self) -> str:
        """The heading that it stands under."""
        if self.code == 36 and not self.path.startswith("registry/"):
            return "The environment"
        return next(name for name, _, places in PHASES if self.path.startswith(places or "//"))


@dataclass(frozen=True)
class Golden:
    """A message as a test holds it."""

    text: str
    given: str
    folder: str
    order: tuple[str, int]

    @property
    def message(self) -> str:
        """Its first line, without the place."""
        return _PLACE.sub("", self.text.partition("\n")[0], count=1)

    @property
    def whole(self) -> bool:
        """Whether it is there as it is printed."""
        return bool(_PRINTED.match(self.text))


@dataclass
class Chosen:
    """The best golden form of each message."""

    by_source: dict[Source, Golden] = field(default_factory=dict)
    others: dict[str, Golden] = field(default_factory=dict)  # by their part in ASSEMBLED


def page() -> str:
    """The text of errors.md."""
    chosen = choose(sources(), goldens())
    groups: dict[str, list[tuple[tuple[object, ...], int, Golden]]] = {name: [] for name in ORDER}
    for source, golden in chosen.by_source.items():
        phase = "Locks" if re.search(r"\block\b.*(stale|does not exist|expected a)", golden.message) else source.phase
        groups[phase].append(((0, source.path, source.line), source.code, golden))
    for part, golden in chosen.others.items():
        phase, code = ASSEMBLED[part]
        groups[phase].append(((1, part), code, golden))
    lines = [HEAD]
    for phase in ORDER:
        lines += _phase(phase, sorted(groups[phase], key=lambda entry: entry[0]))
    return "\n".join(lines).rstrip().encode("utf-8", "backslashreplace").decode() + "\n"


def _code_of(phase: str) -> int:
    return next(code for name, code, _ in PHASES if name == phase)


def _phase(phase: str, entries: Sequence[tuple[tuple[object, ...], int, Golden]]) -> Iterator[str]:
    usual = _code_of(phase)
    yield f"## {phase}: exit code {usual}\n"
    for _, code, golden in entries:
        told = [note for part, note in NOTES.items() if part in golden.message and note]
        told += [f"Exit code {code}."] if code != usual else []
        shown = (
            golden.text
            if golden.whole
            else f"error: {golden.message}" + golden.text[len(golden.text.partition("\n")[0]) :]
        )
        if golden.given.startswith("$ "):
            shown = f"{golden.given}\n{shown}"
        elif golden.given and "\n    " not in shown:
            yield f"```python\n{golden.given}\n```"
        yield f"```\n{shown}\n```\n"
        if told:
            yield " ".join(told) + "\n"


def choose(known: Sequence[Source], found: Sequence[Golden]) -> Chosen:
    """For each message its most telling form: as printed, with an input, with the most lines; the first of these."""
    chosen = Chosen()
    for golden in found:
        fitting = [
            source
            for source in known
            if source.pattern.fullmatch(golden.message) and (source.weight > 18 or source.part == golden.folder)
        ]
        if part := next((part for part in ASSEMBLED if part in golden.message and golden.whole), None):
            chosen.others.setdefault(part, golden)
        elif fitting:
            # A test is about its own part, where that has a message that fits.
            source = max(fitting, key=lambda one: (one.part == golden.folder, one.weight, one.path, -one.line))
            before = chosen.by_source.get(source)
            if before is None or _telling(golden) > _telling(before):
                chosen.by_source[source] = golden
    return chosen


def _telling(golden: Golden) -> tuple[bool, bool, bool, int]:
    return "…" not in golden.message, golden.whole, bool(golden.given), min(golden.text.count("\n"), 6)


# Messages in the source.


def sources() -> list[Source]:
    """All places that make messages, in the order of files and lines."""
    found: list[Source] = []
    for path in sorted((ROOT / "buildkit").rglob("*.py")):
        name = path.relative_to(ROOT / "buildkit").as_posix()
        if not name.startswith("rules/"):
            found += _of_python(name, ast.parse(path.read_text(encoding="utf-8")))
    for path in sorted((ROOT / "rules").glob("*.bzl")):
        found += _of_rules(f"rules/{path.name}", path.read_text(encoding="utf-8"))
    return found


def _of_python(name: str, tree: ast.Module) -> Iterator[Source]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            maker = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if maker in MAKERS or maker.endswith(("_error", "Refused", "Fault")):
                for argument in node.args[:2]:
                    yield from _source(name, argument, CODES.get(maker, _code_of(_phase_of(name))))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "message":
            yield from _source(name, node.value, _code_near(tree, node))


def _phase_of(name: str) -> str:
    return next((phase for phase, _, places in PHASES if places and name.startswith(places)), "Rules")


def _code_near(tree: ast.Module, assigned: ast.Assign) -> int:
    """The exit code of the error that a variable goes to: the next one that is made after it."""
    made = [
        (node.lineno, CODES[node.func.id])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CODES
    ]
    return next((code for line, code in sorted(made) if line >= assigned.lineno), 2)


def _source(name: str, node: ast.expr, code: int) -> Iterator[Source]:
    parts = list(_parts(node))
    literal = "".join(part for part in parts if part is not None)
    if len(re.findall(r"[a-zA-Z]", literal)) >= 8 and " " in literal.strip():
        pattern = "".join(".*" if part is None else re.escape(part) for part in parts)
        yield Source(name, node.lineno, code, re.compile(pattern, re.DOTALL), len(literal))


def _parts(node: ast.expr) -> Iterator[str | None]:
    """The pieces of a text: what is fixed, and None for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for value in node.values:
            yield from _parts(value)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        yield from _parts(node.left)
        yield from _parts(node.right)
    else:
        yield None


def _of_rules(name: str, text: str) -> Iterator[Source]:
    for found in re.finditer(r"fail\((.*?)\)\n", text, re.DOTALL):
        literal = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', found[1])).replace('\\"', '"')
        pattern = re.sub(r"%[srd]", ".*", re.escape(literal).replace(r"\%", "%")) + "(.*)"
        yield Source(name, text.count("\n", 0, found.start()) + 1, 2, re.compile(pattern), len(literal))


# Messages in the tests.


def goldens() -> list[Golden]:
    """All literals of the tests that may be messages, in the order of files and lines."""
    found: list[Golden] = []
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        if path.stem not in ("test_docs", "test_errors"):
            found += _of_test(path)
    return found


def _of_test(path: Path) -> Iterator[Golden]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }
    folder = path.parent.name
    for node, given in _literals(tree):
        given = given if folder in (("cli",) if given.startswith("$ ") else ("lang", "graph", "e2e")) else ""
        text = re.sub(r"\{\w*\}", "…", textwrap.dedent(_rendered(node, constants)).strip("\n"))
        if re.search(r"\[0-9a-f\]|\\[n.\[]|: ?$", text):  # a pattern or a part, not what is printed
            continue
        printed = [found.start() for found in _PRINTED.finditer(text)]
        for begin, end in zip(printed, [*printed[1:], len(text)][: len(printed)], strict=True):
            yield Golden(_printed(text[begin:end]), given, folder, (path.as_posix(), node.lineno))
        if not printed and " " in text and len(text) < 600:
            yield Golden(text, given, folder, (path.as_posix(), node.lineno))


def _printed(text: str) -> str:
    """A message and what belongs to it: a test may print more."""
    first, *rest = text.strip("\n").split("\n")
    kept = list(itertools.takewhile(lambda line: line.startswith(("  ", "hint: ")), rest))
    return "\n".join([first, *kept])


def _literals(tree: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """The outermost texts, each with the input that stands before it in a table."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if _is_text(value) and isinstance(key, ast.Constant) and "\n" in str(key.value):
                    yield value, str(key.value).rstrip("\n")
                elif _is_text(value):
                    yield value, ""
                else:
                    yield from _literals(value) if not isinstance(value, ast.Tuple) else _row(value)
        elif isinstance(node, ast.Tuple):
            yield from _row(node)
        elif _is_text(node):
            yield node, ""  # type: ignore[misc]
        else:
            yield from _literals(node)


def _row(node: ast.Tuple) -> Iterator[tuple[ast.expr, str]]:
    given = _input(node.elts[0]) if node.elts else ""
    for index, element in enumerate(node.elts):
        if _is_text(element):
            yield element, given if index else ""
        elif index:
            yield from _literals(element)


def _input(node: ast.expr) -> str:
    """A row's first element: a source text, or the words of a command line."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.rstrip("\n") if re.search(r"[(=\n]", node.value) else ""
    if isinstance(node, ast.List) and node.elts and all(isinstance(one, ast.Constant) for one in node.elts):
        return "$ mbuild " + " ".join(str(one.value) for one in node.elts if isinstance(one, ast.Constant))
    return ""


def _is_text(node: ast.AST) -> bool:
    if isinstance(node, ast.BinOp):
        return _is_text(node.left) or _is_text(node.right)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _rendered(node: ast.expr, constants: dict[str, str]) -> str:
    """A text with what tests fill in: constants as they are, other names in capitals."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_rendered(value, constants) for value in node.values)
    if isinstance(node, ast.FormattedValue):
        return _rendered(node.value, constants)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _rendered(node.left, constants) + _rendered(node.right, constants)
    if isinstance(node, ast.Name):
        return constants.get(node.id, FILLED.get(node.id, "…"))
    return "…"


if __name__ == "__main__":
    (HERE / "errors.md").write_text(page(), encoding="utf-8")
    every, shown = sources(), choose(sources(), goldens()).by_source
    print(f"{len(shown)} of {len(every)} places that make messages have a golden form")  # noqa: T201
