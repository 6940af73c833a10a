"""What lint finds: a place, what is wrong there, and which check says so."""

from __future__ import annotations

from typing import NamedTuple

from buildkit.errors import Span
from buildkit.records import dataclass

# Each check, and what it finds.
CHECKS = {
    "load": "a name that is loaded and never used, or loaded twice",
    "load-on-top": "a load below other statements",
    "unused-variable": "a variable of a function, or a private or BUILD file's one, that is never read",
    "duplicated-name": "two targets of one name, or two equal keys in a dict",
    "redefined-variable": "a function that takes the place of another one of its name",
    "unreachable": "statements that never run",
    "constant-condition": "a condition that is always the same",
    "no-effect": "an expression whose value nobody takes",
    "function-docstring": "a public function without a docstring",
    "rule-doc": "a public rule without a doc",
    "attribute-doc": "an attribute without a doc",
    "constant-glob": "a glob pattern that names one file",
    "glob-crosses-package": "a glob pattern that reaches into another package, whose files it leaves out",
    "deprecated-attribute": "an attribute that its rule's author calls deprecated",
}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing that should be mended. `removes` is the text to remove, from offset to offset, or None."""

    span: Span
    check: str
    message: str
    hint: str = ""
    removes: tuple[int, int] | None = None

    def __str__(self) -> str:
        text = f"{self.span}: warning: {self.message} [{self.check}]"
        return f"{text}\nhint: {self.hint}" if self.hint else text


class Place(NamedTuple):
    """A finding before its offsets are made a place."""

    start: int
    end: int
    check: str
    message: str
    hint: str = ""
    removes: tuple[int, int] | None = None
