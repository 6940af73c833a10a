"""A workspace of text files, a cache that notes what it is asked, tools that are signatures only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from buildkit.digest import Key
from buildkit.errors import BuildError, BuildErrors, Span, render
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.loader import Loader
from buildkit.graph.package import TargetGraph
from buildkit.graph.workspace import Workspace
from buildkit.label import TargetPattern


@dataclass(frozen=True)
class FakeParameter:
    type: str
    required: bool = True


@dataclass(frozen=True)
class FakeTool:
    parameters: Mapping[str, FakeParameter]
    outputs: tuple[str, ...]


TYPES = ("str", "int", "bool", "Blob", "list[str]", "list[Blob]", "dict[str, str]", "dict[str, Blob]", "Json")
TOOLS = {
    "write": FakeTool({"content": FakeParameter("str"), "executable": FakeParameter("bool", False)}, ("file",)),
    "copy": FakeTool({"source": FakeParameter("Blob"), "times": FakeParameter("int", False)}, ("copy",)),
    "expand_template": FakeTool(
        {
            "template": FakeParameter("Blob"),
            "substitutions": FakeParameter("Json"),
            "executable": FakeParameter("bool", False),
        },
        ("file",),
    ),
    "symlink": FakeTool({"target": FakeParameter("Blob")}, ("file",)),
    "any": FakeTool({f"p{number}": FakeParameter(kind, False) for number, kind in enumerate(TYPES)}, ("a", "b")),
}


@dataclass
class RecordingCache:
    """A ParsedCache that notes hits, misses and what is kept."""

    kept: dict[Key, bytes] = field(default_factory=dict)
    hits: int = 0
    misses: int = 0

    def get(self, key: Key) -> bytes | None:
        found = self.kept.get(key)
        self.hits, self.misses = (self.hits + 1, self.misses) if found else (self.hits, self.misses + 1)
        return found

    def put(self, key: Key, data: bytes) -> None:
        self.kept[key] = data


STANDARD = RecordingCache()  # the standard rules are parsed once for all tests


@dataclass
class Place:
    """A workspace on disk, and what `print` said."""

    root: Path
    cache: RecordingCache = field(default_factory=lambda: STANDARD)
    printed: list[str] = field(default_factory=list)

    def write(self, files: Mapping[str, str]) -> Place:
        for path, content in files.items():
            target = self.root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content, encoding="utf-8")
        return self

    @property
    def workspace(self) -> Workspace:
        return Workspace.find(self.root)

    def print(self, span: Span, text: str) -> None:
        self.printed.append(f"{span}: {text}")

    def loader(self, *, broken_locks: bool = False) -> Loader:
        return Loader(self.workspace, self.cache, self.print, broken_locks=broken_locks)

    def load(self, *patterns: str) -> TargetGraph:
        return self.loader().graph([TargetPattern.parse(text) for text in patterns])

    def expand(self, *patterns: str) -> list[str]:
        return [str(label) for label in self.loader().expand([TargetPattern.parse(text) for text in patterns])]

    def analyze(self, *patterns: str, lenient: bool = False) -> Analysis:
        loader = self.loader(broken_locks=lenient)
        graph = loader.graph([TargetPattern.parse(text) for text in patterns or ("//...",)])
        return analyze(graph, loader.rules, TOOLS, self.print, missing_locks=lenient)

    def line(self, path: str, number: int) -> str | None:
        file = self.root / path
        return file.read_text(encoding="utf-8").splitlines()[number - 1] if file.is_file() else None

    def told(self, *patterns: str) -> str:
        """What a user is told when the patterns are analyzed."""
        with pytest.raises((BuildError, BuildErrors)) as raised:
            self.analyze(*patterns)
        return self.text(raised.value)

    def text(self, error: BaseException) -> str:
        errors = error.errors if isinstance(error, BuildErrors) else (error,)
        return "\n".join(render(one, self.line) for one in errors if isinstance(one, BuildError))


def place(root: Path, files: Mapping[str, str]) -> Place:
    """A workspace with these files."""
    return Place(root).write({"mbuild.toml": "", **files})


def one_rule(attrs: str = "{}", body: str = "return []") -> dict[str, str]:
    """defs.bzl with a rule `thing` of these attributes; its body begins on line 2 of the file."""
    return {"defs.bzl": f"def _thing(ctx):\n    {body}\n\nthing = rule(implementation = _thing, attrs = {attrs})\n"}


LOAD = 'load("//:defs.bzl", "thing")\n'
