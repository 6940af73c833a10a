"""What strangers chose reaches a terminal as text, whatever it is part of."""

from __future__ import annotations

import io

from buildkit.errors import BuildFailure, render
from buildkit.events import Warned
from buildkit.report.plain import PlainReport

HOSTILE = "a\x1b]0;owned\x07\u202eb\x9b31m\r"
SHOWN = "a\\x1b]0;owned\\x07\\u202eb\\x9b31m\\r"


def test_an_error_writes_out_what_a_terminal_would_obey() -> None:
    error = BuildFailure(f"no file '{HOSTILE}'", hint=f"remove {HOSTILE}", notes=[f"needed by {HOSTILE}"])
    assert render(error) == f"error: no file '{SHOWN}'\n  needed by {SHOWN}\nhint: remove {SHOWN}"


def test_a_message_without_end_is_cut_in_its_middle() -> None:
    text = render(BuildFailure(f"no file '{'x' * 100_000}' here"))
    assert len(text) < 4100
    assert text.startswith("error: no file 'xxx")
    assert text.endswith("xxx' here")


def test_a_warning_writes_out_what_a_terminal_would_obey() -> None:
    stream = io.StringIO()
    PlainReport(stream, lambda: 0.0)(Warned(f"odd {HOSTILE}"))
    assert stream.getvalue() == f"warning: odd {SHOWN}\n"
