"""One program run by itself, with the modules beside it; a workspace is not needed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.lang import LIMIT_NAMES, JsonModule, Limits, Printer, Value, run, within

# What a program knows besides the language's own names.
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")
PREDECLARED: Mapping[str, Value] = {"json": JsonModule()}


def evaluate(path: str, text: str | None, *, folder: Path, limits: Mapping[str, str], printer: Printer) -> None:
    """Run the program at a path below `folder`, or `text` in its place. Raises BuildError or BuildErrors."""
    program = _Program(folder, printer)
    with within(_limits(limits)):
        program.run(path, text if text is not None else _read(folder / path, path))


class _Program:
    """The modules of one run, each run once."""

    def __init__(self, folder: Path, printer: Printer) -> None:
        self._folder = folder
        self._printer = printer
        self._modules: dict[str, Mapping[str, Value]] = {}
        self._loading: list[str] = []

    def run(self, path: str, text: str) -> Mapping[str, Value]:
        """The global values of a file."""
        self._loading.append(path)

        def load(name: str, span: Span) -> Mapping[str, Value]:
            return self._load(name, path)

        try:
            return run(text, path, predeclared=PREDECLARED, load=load, printer=self._printer)
        except BuildErrors as errors:
            raise BuildErrors(map(_hinted, errors.errors)) from None
        except BuildError as error:
            raise _hinted(error) from None
        finally:
            self._loading.pop()

    def _load(self, name: str, origin: str) -> Mapping[str, Value]:
        relative = name.removeprefix(":")
        if not relative or relative[0] in "/@" or ".." in relative.split("/") or "\\" in relative:
            raise BuildError(f"cannot load '{name}': a program loads files beside it", hint="write ':NAME.bzl'")
        path = str(Path(origin).parent / relative) if origin != "<stdin>" else relative
        if path in self._loading:
            raise BuildError(f"load cycle: '{path}' loads itself")
        if path not in self._modules:
            try:
                text = _read(self._folder / path, path)
            except BuildError as error:
                raise BuildError(f"cannot load '{name}': {error.message}") from None
            self._modules[path] = self.run(path, text)
        return self._modules[path]


def _hinted(error: BuildError) -> BuildError:
    """A name that only the files of a workspace know is no misspelt one."""
    found = _UNDEFINED.fullmatch(error.message)
    if not found:
        return error
    from buildkit.graph.modules import BZL_NAMES  # late: only this mistake asks

    if found[1] not in BZL_NAMES:
        return error
    hint = f"'{found[1]}' exists only in the .bzl files of a workspace"
    return BuildError(error.message, span=error.span, hint=hint, notes=error.notes, details=error.details)


def _read(file: Path, path: str) -> str:
    try:
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise BuildError(f"'{path}' must be UTF-8, found the byte 0x{error.object[error.start]:02x}") from None
    except OSError as error:
        reason = (
            "does not exist"
            if isinstance(error, FileNotFoundError)
            else f"cannot be read: {(error.strerror or str(error)).lower()}"
        )
        raise BuildError(f"file '{path}' {reason}") from None


def _limits(given: Mapping[str, str]) -> Limits:
    values: dict[str, float] = {}
    for name, text in given.items():
        if name not in LIMIT_NAMES:
            raise BuildError(f"unknown limit '{name}'", hint="the limits are: " + ", ".join(LIMIT_NAMES))
        try:
            values[name] = float(text) if name == "seconds" else int(text.replace("_", ""))
        except ValueError:
            raise BuildError(f"the limit '{name}' must be a number, found '{text}'") from None
    return Limits(**values)  # type: ignore[arg-type]
