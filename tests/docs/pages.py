"""Pages → the files and commands in them, and the running of both.

A fence of ``console`` holds commands (`$ …`) and lines that each must print, in their order; others may come between.
`…` stands for anything; times, counts of cached actions and spaces are not compared. Comments before a fence steer:

    <!-- file: PATH -->     the fence is that file      <!-- append: PATH -->  the fence goes to its end
    <!-- folder: PATH -->   run there                   <!-- fixture: NAME -->  a test's stand-in, see `Fixture`
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_FENCE = re.compile(r"(?:<!-- (?P<mark>\w+): (?P<value>.+?) -->\n)?```(?P<language>\w*)\n(?P<text>.*?)```\n", re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the comment before it."""

    language: str
    text: str
    mark: str
    value: str


@dataclass(frozen=True)
class Command:
    """A command line and the lines that it must print."""

    line: str
    expected: tuple[str, ...]


# What a test does instead of running the commands as they stand; gives them with other words, or none.
Fixture = Callable[[list[Command]], list[Command]]


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(found["language"], found["text"], found["mark"] or "", found["value"] or "")
        for found in _FENCE.finditer(text)
    ]


def commands(block: Block) -> list[Command]:
    """The commands of a console block."""
    return list(_commands(block.text))


def _commands(text: str) -> Iterator[Command]:
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, _, rest = part.partition("\n")
        yield Command(line, tuple(rest.splitlines()))


class Reader:
    """Does what a page says, in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str], fixtures: Mapping[str, Fixture]) -> None:
        self.folder = folder
        self.environment = environment
        self.fixtures = fixtures
        self.endings: Mapping[str, str] = {}  # what files get at their ends
        self.address = ""  # of a server that a fixture started

    def follow(self, page: Path) -> int:
        """Write all files and run all commands; gives how many were run."""
        ran = 0
        for block in blocks(page):
            if block.mark in ("file", "append"):
                self._write(block)
            elif block.language == "console":
                told = commands(block)
                if block.mark == "fixture":
                    told = self.fixtures[block.value](told)
                for command in told:
                    self._run(command, self.folder / block.value if block.mark == "folder" else self.folder)
                ran += len(told)
        return ran

    def _write(self, block: Block) -> None:
        path = self.folder / block.value
        path.parent.mkdir(parents=True, exist_ok=True)
        before = path.read_text() + "\n" if block.mark == "append" else ""
        path.write_text(before + block.text + self.endings.get(block.value, ""))

    def _run(self, command: Command, folder: Path) -> None:
        if command.line.startswith("cd "):
            self.folder = folder / command.line[3:]
            return
        ran = subprocess.run(
            ["/bin/bash", "-c", command.line],
            check=False,
            cwd=folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        lost = missing(command.expected, ran.stdout.splitlines())
        assert lost is None, f"$ {command.line}\n{ran.stdout}\nexpected after the lines before it: {lost!r}"


def missing(expected: tuple[str, ...], found: list[str]) -> str | None:
    """The first expected line that does not come, in order, or None."""
    lines = iter(found)
    for line in expected:
        pattern = _pattern(line)
        if not any(pattern.search(candidate) for candidate in lines):
            return line
    return None


def _pattern(line: str) -> re.Pattern[str]:
    text = re.escape(line.strip())
    text = text.replace("…", ".*")
    text = re.sub(r"\d+\\ run,\\ \d+\\ cached", r"\\d+ run, \\d+ cached", text) if "\\(0\\ run" not in text else text
    text = re.sub(r"\[\d+/", r"[\\d+/", text)
    text = re.sub(r"\d+\\\.\d+s$", r"\\S+", text)
    return re.compile(re.sub(r"(\\ )+", r"\\s+", text))
