"""The commands that a wheel brings: entry points and scripts → files that start the image's Python.

In: the text of entry_points.txt, the bytes of a script. Out: the same programs on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from buildkit.errors import BuildFailure

INTERPRETER = "/usr/bin/python3"
_OPEN = re.compile(rb"#!python\S*")  # `python`, `pythonw`, `python3`
_TARGET = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(?:\[[^\]]*\])?")


def launchers(entry_points: str, wheel: str) -> Iterator[tuple[str, bytes]]:
    """Name and text of each command that entry_points.txt declares; `wheel` is named in errors."""
    for name, target in _declared(entry_points):
        match = _TARGET.fullmatch(target)
        if not match or "/" in name or name in ("", ".", ".."):
            raise BuildFailure(f"{wheel}: entry point '{name} = {target}' is not 'name = module:function'")
        yield name, _launcher(match[1], match[2])


def with_interpreter(script: bytes) -> bytes | None:
    """A script whose first line leaves the interpreter's place open, with the place filled in; None for any other."""
    first, newline, rest = script.partition(b"\n")
    match = _OPEN.match(first)
    if not match:
        return None
    return b"#!" + INTERPRETER.encode() + first[match.end() :].rstrip(b"\r") + newline + rest


def _declared(entry_points: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in map(str.strip, entry_points.splitlines()):
        if line.startswith("["):
            section = line.strip("[]").strip()
        elif line and line[0] not in "#;" and section in ("console_scripts", "gui_scripts"):
            name, _, target = line.partition("=")
            yield name.strip(), target.strip()


def _launcher(module: str, function: str) -> bytes:
    first = function.partition(".")[0]
    return (
        f"#!{INTERPRETER}\nimport sys\n\nfrom {module} import {first}\n\n"
        f'if __name__ == "__main__":\n    sys.exit({function}())\n'
    ).encode()
