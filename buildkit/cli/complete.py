"""What may stand at the cursor of a command line: asked by the shells' scripts at each press of the tab key.

In: a shell's name and the line up to the cursor. Out: candidates, one a line. It must feel instant, so it imports next
to nothing: options come from `completion.json` (written by docs/generate.py), labels from `completing`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from buildkit.cli.completing import labels
from buildkit.cli.shell_words import ShellWord, split_line

_LABELS = ("TARGET", "LABEL", "EXPRESSION", "PATTERNS", "IMAGE")
_OPEN = ("/", ":", "=", "(")  # a candidate that ends so goes on


def complete(arguments: Sequence[str], directory: Path) -> str:
    """The answer to `mbuild complete SHELL LINE`, in the form that the shell's script takes. Never an error."""
    shell, line = (*arguments, "", "")[:2]
    words = split_line(line)[1:]
    if not words:
        return ""
    current = words[-1]
    found = _Line([word.text for word in words[:-1]], current.text, directory).candidates()
    return "".join(_FORMS.get(shell, _plain)(current, text, doc) + "\n" for text, doc in sorted(found.items()))


def _bash(word: ShellWord, text: str, doc: str) -> str:
    """Readline replaces what stands after its last break: a quote, or else a colon or equals sign."""
    if word.quote:
        return text
    cut = max(word.text.rfind(":"), word.text.rfind("=")) + 1
    return text[cut:] + ("" if text.endswith(_OPEN) else " ")


def _fish(word: ShellWord, text: str, doc: str) -> str:
    return f"{text}\t{doc}" if doc else text


def _plain(word: ShellWord, text: str, doc: str) -> str:
    return text


_FORMS: Mapping[str, Callable[[ShellWord, str, str], str]] = {"bash": _bash, "fish": _fish, "zsh": _plain}


class _Line:
    """The words before the cursor's, and the one that it is in."""

    def __init__(self, before: list[str], current: str, directory: Path) -> None:
        self.current = current
        known = json.loads((Path(__file__).parent / "completion.json").read_text(encoding="utf-8"))
        self.commands: dict[str, Any] = known["commands"]
        self.common: dict[str, Any] = known["common"]
        self.directory = directory
        self.command = ""
        self.action = ""  # of a command that has its own
        self.pending = ""  # an option that waits for its value
        for word in before:
            self._take(word)

    def _take(self, word: str) -> None:
        if self.pending:
            if self.pending == "-C":
                self.directory = self.directory / word
            self.pending = ""
        elif word.startswith("-") and not word.startswith(("-/", "-:")):
            option = self._options().get(word)
            self.pending = word if option and option["value"] else ""
        elif not self.command:
            self.command = word if word in self.commands else "build"
        elif not self.action and word in self._actions():
            self.action = word

    def _actions(self) -> dict[str, Any]:
        found: dict[str, Any] = self.commands[self.command].get("actions", {}) if self.command else {}
        return found

    def _known(self) -> dict[str, Any]:
        """What is known of the command, or of its action."""
        found: dict[str, Any] = self._actions().get(self.action) or self.commands[self.command]
        return found

    def _options(self) -> dict[str, Any]:
        own: dict[str, Any] = self._known()["options"] if self.command else {}
        return {**self.common, **own}

    def candidates(self) -> dict[str, str]:
        """Candidates for the whole word, with what each means."""
        current = self.current
        if self.pending:
            return self._values(self._options()[self.pending], "", current)
        name, sign, value = current.partition("=")
        if current.startswith("--") and sign and name in self._options():
            return self._values(self._options()[name], name + "=", value)
        if current.startswith("-") and not current.startswith(("-/", "-:")):
            return _beginning(current, {name: option["help"] for name, option in self._options().items()})
        if not self.command:
            commands = _beginning(current, {name: command["help"] for name, command in self.commands.items()})
            return commands | (self._labels("", current) if current.startswith(("/", ":", "-")) else {})
        if self._actions() and not self.action:
            return _beginning(current, {name: action["help"] for name, action in self._actions().items()})
        return self._words(self._known()["words"], current)

    def _values(self, option: Mapping[str, Any], before: str, value: str) -> dict[str, str]:
        if option["choices"]:
            return {before + one: doc for one, doc in _beginning(value, dict.fromkeys(option["choices"], "")).items()}
        return self._labels(before, value) if option["value"] in _LABELS else {}

    def _words(self, words: Mapping[str, Any], current: str) -> dict[str, str]:
        if words["choices"]:
            return _beginning(current, dict.fromkeys(words["choices"], ""))
        if words["functions"]:
            start = max(current.rfind(sign) for sign in "( ,+^") + 1
            names = {f"{name}(": doc for name, doc in words["functions"].items()}
            found = _beginning(current[start:], names) if not current[start:].startswith(("/", ":")) else {}
            return {current[:start] + name: doc for name, doc in found.items()} | self._labels(
                current[:start], current[start:]
            )
        return self._labels("", current) if words["value"] in _LABELS else {}

    def _labels(self, before: str, text: str) -> dict[str, str]:
        if text.startswith("-"):
            before, text = before + "-", text[1:]
        return {before + label: kind for label, kind in labels(text, self.directory)}


def _beginning(text: str, known: Mapping[str, str]) -> dict[str, str]:
    return {name: doc for name, doc in known.items() if name.startswith(text)}
