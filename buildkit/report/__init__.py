"""Events → a person or a machine: progress on stderr, results on stdout."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TextIO

from buildkit.report.plain import PlainReport
from buildkit.report.results import Result, write_json, write_results
from buildkit.report.tally import Tally
from buildkit.report.terminal import TerminalReport

__all__ = ["PlainReport", "Result", "Tally", "TerminalReport", "report_on", "write_json", "write_results"]


def report_on(
    stream: TextIO, clock: Callable[[], float], environment: Mapping[str, str]
) -> PlainReport | TerminalReport:
    """The report that suits a stream: drawn on a terminal that can move its cursor, lines elsewhere."""
    if stream.isatty() and environment.get("TERM", "dumb") != "dumb":
        return TerminalReport(stream, clock, environment)
    return PlainReport(stream, clock)
