"""Places in files, and errors that say what a person should do about them.

In: what went wrong, and where. Out: text in the one form in which mbuild speaks of mistakes::

    models/BUILD:12:5: error: rule 'model_image' has no attribute 'model'
        model = [":fraud_v3"],
        ^~~~~
    hint: did you mean 'models'?
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum

from buildkit.records import dataclass

_LONGEST = 4000  # characters of a message; names from outside may be as long as they like


class ExitCode(IntEnum):
    """What the process tells its caller."""

    SUCCESS = 0
    BUILD_FAILED = 1
    USAGE = 2
    TESTS_FAILED = 3
    NO_TESTS = 4
    INTERRUPTED = 8
    ENVIRONMENT = 36
    INTERNAL = 37


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1; the end is exclusive."""

    path: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


class BuildError(Exception):
    """A fault that its user can mend: what was expected, what was found, where, and what to do.

    `notes` are further lines that tell the way to the fault, such as
    `needed by //models:fraud (models/BUILD:3:1)`; `details` is verbatim text, such as the last lines of a log.
    """

    exit_code = ExitCode.USAGE

    def __init__(
        self,
        message: str,
        *,
        span: Span | None = None,
        hint: str | None = None,
        notes: Sequence[str] = (),
        details: str = "",
    ) -> None:
        super().__init__(message, span, hint, tuple(notes), details)
        self.message = message
        self.span = span
        self.hint = hint
        self.notes = tuple(notes)
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders; keyword-only arguments need to be told to pickle.
        return _rebuild, (type(self), self.message, self.span, self.hint, self.notes, self.details)

    def noted(self, note: str) -> BuildError:
        """The same error, with one more line that tells the way to it."""
        return _rebuild(type(self), self.message, self.span, self.hint, (*self.notes, note), self.details)

    def __str__(self) -> str:
        return render(self)


def _rebuild(
    kind: type[BuildError], message: str, span: Span | None, hint: str | None, notes: tuple[str, ...], details: str
) -> BuildError:
    return kind(message, span=span, hint=hint, notes=notes, details=details)


class BuildFailure(BuildError):
    """An action, a check of content or a fetched file's digest failed."""

    exit_code = ExitCode.BUILD_FAILED


class TestFailure(BuildError):
    """A test ran and did not pass."""

    __test__ = False
    exit_code = ExitCode.TESTS_FAILED


class EnvironmentFault(BuildError):
    """The machine, a disk, a server or a permission stands in the way; the declarations are not at fault."""

    exit_code = ExitCode.ENVIRONMENT


class BuildErrors(Exception):
    """Several faults of one phase, shown together, in the order in which they were found.

    Each once: a full disk stops several actions with the same words.
    """

    def __init__(self, errors: Iterable[BuildError]) -> None:
        self.errors = tuple({str(error): error for error in errors}.values())
        super().__init__(self.errors)

    @property
    def exit_code(self) -> ExitCode:
        """The code of the first fault: a phase's faults are of one kind."""
        return self.errors[0].exit_code

    def __str__(self) -> str:
        return "\n".join(str(error) for error in self.errors)


def raise_errors(errors: Sequence[BuildError]) -> None:
    """Raise what was found: nothing, the one error, or all of them together."""
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise BuildErrors(errors)


class InternalError(Exception):
    """A broken promise of mbuild's own; the only kind that shows a traceback."""


_WIDEST = 160  # columns of a source line that an error shows

_LOGIN = re.compile(r".*@(?!sha[0-9]+:[^/@]*$)", re.DOTALL)
_BEGIN, _USER = r"""(?<![^\s'"\[({=,<])""", r"""[^\s'"/:@]+:(?!//)"""
# In a message '//a:b@c' is a label; in a quoted line the end of a password is not known, and may be a quote.
_TOLD_LOGIN = re.compile(rf"""{_BEGIN}(?:[a-z][a-z+.-]*://)?{_USER}[^\s'"]*@(?!sha[0-9]+:)""")
_QUOTED_LOGIN = re.compile(rf"{_BEGIN}(?:[a-z+.:-]*//)?{_USER}.*@(?!sha[0-9]+:|mbuild//)")

ReadLine = Callable[[str, int], str | None]


def printable(text: str) -> str:
    r"""Text as a terminal may have it: what it would obey is written out, and what has no end is cut.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST // 2]} … {text[-_LONGEST // 2 :]}"
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in "\n\t" or "\ud800" <= char <= "\udfff"
        else char.encode("unicode_escape").decode()
        for char in text
    )


def without_login(text: str) -> str:
    """What was given as a host, a reference or an address, with `***` for what may be a login in it.

    >>> without_login("alice:S3/cr3t@registry.example/a:1")
    '***@registry.example/a:1'
    """
    return _LOGIN.sub("***@", text, count=1)


def _told(text: str) -> str:
    if len(text) > 2 * _LONGEST:  # what `printable` leaves out of it is not searched
        text = f"{text[:_LONGEST]} … {text[-_LONGEST:]}"
    return printable(_TOLD_LOGIN.sub("***@", text))


def render(error: BuildError, read_line: ReadLine | None = None) -> str:
    """Write an error as text. `read_line(path, number)` gives the source line to underline, or None."""
    place = f"{error.span}: " if error.span else ""
    lines = [f"{printable(place)}error: {_told(error.message)}"]
    if error.span and read_line:
        lines += _underlined(error.span, read_line(error.span.path, error.span.line))
    lines += [f"  {_told(note)}" for note in error.notes]
    lines += [f"  | {line}" for line in error.details.splitlines()]
    if error.hint:
        lines.append(f"hint: {_told(error.hint)}")
    return "\n".join(lines)


def _underlined(span: Span, line: str | None) -> list[str]:
    if line is None:
        return []
    shown = line.rstrip()
    if len(shown) > _LONGEST:
        return []  # no place that could be found in it by looking
    if _QUOTED_LOGIN.search(shown):  # what is marked would no longer be below it
        return [f"    {_QUOTED_LOGIN.sub('***@', shown).lstrip()[:_WIDEST]}"]
    body = shown.lstrip()
    start = max(span.column - 1 - (len(shown) - len(body)), 0)
    last = span.end_column - 1 if span.end_line == span.line else len(shown)
    width = max(min(last, len(shown)) - (span.column - 1), 1)
    if len(body) > _WIDEST:  # a very long line: what stands around the place
        cut = max(start - 20, 0)
        body, start, width = body[cut : cut + _WIDEST], start - cut, min(width, _WIDEST - (start - cut))
    return [f"    {body}", "    " + " " * start + "^" + "~" * (width - 1)]


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one most likely meant, or None."""
    import difflib  # late: only mistakes need it

    found = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """A hint that names the nearest known name, or None where nothing is near."""
    found = nearest(name, known)
    return f"did you mean '{found}'?" if found else None
