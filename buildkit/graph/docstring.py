"""The text of a doc string, taken apart at its sections: `Args:`, `Returns:`, `Example:`.

In: the string as it stands in a .bzl file. Out: `DocString`. Whatever is no section is text, kept as Markdown.
"""

from __future__ import annotations

import inspect
import re

from buildkit.records import dataclass

_SECTION = re.compile(r"^(Args|Arguments|Returns|Examples?):[ \t]*$", re.MULTILINE)
_PARAMETER = re.compile(r"^(\*{0,2}\w+)(?: \([^)]*\))?:\s*", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class DocString:
    """What a doc string says; each part is '' or empty where it says nothing."""

    text: str = ""
    parameters: tuple[tuple[str, str], ...] = ()
    returns: str = ""
    example: str = ""

    @classmethod
    def parse(cls, text: str) -> DocString:
        """Read a doc string. A section ends where something stands as far left as its name."""
        prose, sections = _split(inspect.cleandoc(text))
        named = {name.rstrip("s") if name.startswith("Example") else name: body for name, body in sections}
        return cls(
            prose,
            tuple(_parameters(named.get("Args", named.get("Arguments", "")))),
            named.get("Returns", ""),
            named.get("Example", ""),
        )

    @property
    def summary(self) -> str:
        """Its first sentence, on one line."""
        paragraph = " ".join(self.text.partition("\n\n")[0].split())
        found = re.match(r".*?\.(?= |$)", paragraph)
        return found[0] if found else paragraph


def _split(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without its sections, and the sections' names and bodies."""
    prose: list[str] = []
    sections: list[tuple[str, str]] = []
    rest = text
    while found := _SECTION.search(rest):
        prose.append(rest[: found.start()])
        lines = rest[found.end() :].lstrip("\n").split("\n")
        length = next((at for at, line in enumerate(lines) if line and not line[0].isspace()), len(lines))
        sections.append((found[1], inspect.cleandoc("\n" + "\n".join(lines[:length]))))
        rest = "\n".join(lines[length:])
    return "\n".join(part.strip() for part in (*prose, rest) if part.strip()), sections


def _parameters(text: str) -> list[tuple[str, str]]:
    found = list(_PARAMETER.finditer(text))
    ends = [*(one.start() for one in found[1:]), len(text)][: len(found)]
    return [(one[1], " ".join(text[one.end() : end].split())) for one, end in zip(found, ends, strict=True)]
