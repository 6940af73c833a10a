"""What people and programs read, to the letter."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
import threading

import pytest

from buildkit.digest import Digest, size_text
from buildkit.events import (
    ActionEnded,
    ActionStarted,
    Event,
    GraphReady,
    Outcome,
    Output,
    Progress,
    Warned,
)
from buildkit.label import Label
from buildkit.report import PlainReport, Result, Tally, TerminalReport, report_on, write_json, write_results
from buildkit.report.running import Running
from buildkit.report.tally import seconds_text
from buildkit.report.writing import encodable

FRAUD = Label.parse("//models:fraud")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def started(number: int, mnemonic: str = "Layer", subject: str = "models/fraud.tar") -> ActionStarted:
    return ActionStarted(number, mnemonic, FRAUD, subject)


def ended(number: int, outcome: Outcome, mnemonic: str = "Layer", subject: str = "models/fraud.tar") -> ActionEnded:
    return ActionEnded(number, mnemonic, FRAUD, subject, outcome)


def tally(*events: Event) -> Tally:
    made = Tally()
    for event in events:
        made(event)
    return made


def test_the_summary_of_a_build_that_went_well() -> None:
    counts = tally(GraphReady(4, 11, 212), *(ended(number, Outcome.RAN) for number in range(212)))
    expected = "  ✓ 4 packages · 11 targets · 212 actions (212 run, 0 cached)                          58.2s"
    assert counts.summary(True, 58.2) == expected


def test_a_command_that_builds_twice_counts_both() -> None:
    first, second = ([ended(number, outcome) for number in range(3)] for outcome in (Outcome.RAN, Outcome.CACHED))
    counts = tally(GraphReady(1, 1, 3), *first, GraphReady(1, 2, 3), *second)
    assert counts.summary(True, 1.0).split("  ")[1] == "✓ 1 package · 2 targets · 6 actions (3 run, 3 cached)"


def test_the_summary_of_a_build_that_failed_counts_what_did_not_run() -> None:
    outcomes = (Outcome.RAN, Outcome.CACHED, Outcome.FAILED, Outcome.SKIPPED, Outcome.SKIPPED)
    counts = tally(GraphReady(1, 1, 5), *(ended(number, outcome) for number, outcome in enumerate(outcomes)))
    assert counts.summary(False, 125.0) == (
        "  ✗ 1 package · 1 target · 5 actions (1 run, 1 cached, 1 failed, 2 skipped)            2m05s"
    )


def test_a_summary_too_long_for_its_width_keeps_one_space() -> None:
    counts = tally(GraphReady(10**12, 10**12, 10**12), ended(1, Outcome.FAILED), ended(2, Outcome.SKIPPED))
    assert counts.summary(False, 1.0).endswith("(0 run, 0 cached, 1 failed, 1 skipped) 1.0s")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.0s"), (59.94, "59.9s"), (59.96, "1m00s"), (125.4, "2m05s"), (3599.7, "1h00m"), (3725, "1h02m")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (2 * 10**15, "2000.0 TB"),
    ],
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert size_text(size) == text


def test_plain_lines_tell_what_ran_and_failed_and_only_count_the_rest() -> None:
    stream, clock = io.StringIO(), Clock()
    with PlainReport(stream, clock) as report:
        report(GraphReady(1, 2, 4))
        report(ended(0, Outcome.CACHED))
        report(started(1))
        clock.now += 1.5
        report(Warned("registry 'r.example' answered 429; trying again in 7.0 s"))
        report(ended(1, Outcome.RAN))
        report(started(2, "Run", "models/fraud.joblib"))
        report(Output("a line of a program"))
        clock.now += 2
        report(ended(2, Outcome.FAILED, "Run", "models/fraud.joblib"))
        report(ended(3, Outcome.SKIPPED))
        report.finish(False)
    assert stream.getvalue() == (
        "warning: registry 'r.example' answered 429; trying again in 7.0 s\n"
        "  ✓ [2/4] Layer //models:fraud models/fraud.tar 1.5s\n"
        "a line of a program\n"
        "  ✗ [3/4] Run //models:fraud models/fraud.joblib 2.0s\n"
        "  ✗ 1 package · 2 targets · 4 actions (1 run, 1 cached, 1 failed, 1 skipped)            3.5s\n"
    )


def test_plain_lines_tell_of_moving_bytes_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    report = PlainReport(stream, clock)
    for second in range(26):
        report(Progress("push sha256:ab", second * 1_000_000, 2_000_000_000))
        report(Progress("numpy.whl", second * 1_000, 0))
        clock.now += 1
    assert stream.getvalue() == (
        "  push sha256:ab 10.0 MB of 2.0 GB\n"
        "  numpy.whl 10.0 kB\n"
        "  push sha256:ab 20.0 MB of 2.0 GB\n"
        "  numpy.whl 20.0 kB\n"
    )


def test_what_runs_is_shown_with_its_time_and_bytes_the_oldest_first() -> None:
    running = Running(100.0)
    running.see(GraphReady(1, 2, 212), 100.0)
    running.see(ended(0, Outcome.CACHED), 100.5)
    running.see(started(1, "Run", "models/fraud.joblib"), 101.0)
    running.see(started(2, "Fetch", "third_party/numpy.whl"), 102.0)
    running.see(Progress("numpy.whl", 1_000_000, 2_500_000), 103.0)
    running.see(Progress("push sha256:ab", 5_000, 0), 104.0)
    assert running.lines(106.0) == [
        "  1/212 actions · 6.0s",
        "    Run //models:fraud models/fraud.joblib  5.0s",
        "    Fetch //models:fraud third_party/numpy.whl  1.0 MB of 2.5 MB  4.0s",
        "    push sha256:ab  5.0 kB  2.0s",
    ]


def test_what_is_done_is_shown_no_more() -> None:
    running = Running(100.0)
    running.see(GraphReady(1, 2, 2), 100.0)
    running.see(started(2, "Fetch", "third_party/numpy.whl"), 102.0)
    running.see(Progress("numpy.whl", 1_000_000, 2_500_000), 103.0)
    running.see(ended(2, Outcome.RAN, "Fetch", "third_party/numpy.whl"), 104.0)
    running.see(Progress("push sha256:ab", 1, 3), 104.0)
    running.see(Progress("push sha256:ab", 3, 3), 105.0)
    assert running.lines(106.0) == ["  1/2 actions · 6.0s"]


def test_of_many_running_actions_eight_are_shown() -> None:
    running = Running(0.0)
    for number in range(11):
        running.see(started(number, "Wheel", f"w{number}"), 0.0)
    lines = running.lines(1.0)
    assert lines[-2:] == ["    Wheel //models:fraud w7  1.0s", "    … and 3 more"]
    assert len(lines) == 10


def test_a_terminal_without_work_gets_the_summary_alone() -> None:
    for environment, expected in (
        ({"NO_COLOR": "1"}, "  ✓ 1 package · 2 targets · 0 actions (0 run, 0 cached)"),
        ({}, "\x1b[32m  ✓ 1 package · 2 targets · 0 actions (0 run, 0 cached)"),
    ):
        stream = Terminal()
        with TerminalReport(stream, Clock(), environment) as report:
            report(GraphReady(1, 2, 0))
            report.finish(True)
        ending = "0.0s\n" if environment else "0.0s\x1b[0m\n"
        assert stream.getvalue().startswith(expected)
        assert stream.getvalue().endswith(ending)


def drawn(environment: dict[str, str]) -> str:
    stream, clock = Terminal(), Clock()
    with TerminalReport(stream, clock, environment) as report:
        report(GraphReady(1, 2, 2))
        report(started(1))
        report(Warned("'x' is [bold]odd[/bold]"))
        report(ended(1, Outcome.FAILED))
        report.finish(False)
    return stream.getvalue()


def test_a_terminal_shows_what_runs_and_keeps_what_matters() -> None:
    text = drawn({"NO_COLOR": "1"})
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert "  0/2 actions · 0.0s" in shown
    assert "    Layer //models:fraud models/fraud.tar  0.0s" in shown
    assert "warning: 'x' is [bold]odd[/bold]\n" in shown
    assert "  ✗ Layer //models:fraud models/fraud.tar\n" in shown
    assert shown.endswith("(0 run, 0 cached, 1 failed)                       0.0s\n")
    assert text.endswith("0.0s\n")


def test_no_color_is_obeyed() -> None:
    colors = re.compile(r"\x1b\[[0-9;]*m")
    assert not colors.search(drawn({"NO_COLOR": "1"}))
    assert colors.search(drawn({}))


def test_many_threads_may_report_at_once_to_a_terminal() -> None:
    with TerminalReport(Terminal(), Clock(), {}) as report:

        def work(first: int) -> None:
            for number in range(first, first + 50):
                report(started(number))
                report(Warned("a warning"))
                report(ended(number, Outcome.RAN))

        threads = [threading.Thread(target=work, args=(50 * number,), daemon=True) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)


def test_the_report_suits_the_stream() -> None:
    assert isinstance(report_on(Terminal(), Clock(), {"TERM": "xterm"}), TerminalReport)
    assert isinstance(report_on(Terminal(), Clock(), {"TERM": "dumb"}), PlainReport)
    assert isinstance(report_on(io.StringIO(), Clock(), {"TERM": "xterm"}), PlainReport)


def test_results_are_a_line_for_each_built_target_in_order() -> None:
    stream = io.StringIO()
    digest = Digest.of(b"manifest")
    other = Label.parse("//a:b")
    write_results([Result(FRAUD, digest), Result(Label.parse("//z:failed"), None), Result(other, digest)], stream)
    assert stream.getvalue() == f"//a:b {digest}\n//models:fraud {digest}\n"


def test_json_has_an_object_for_each_target() -> None:
    stream = io.StringIO()
    digest = Digest.of(b"manifest")
    write_json(
        [Result(FRAUD, digest, ("mbuild-out/models/fraud/manifest.json",)), Result(Label.parse("//a:b"), None)], stream
    )
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {"label": "//a:b", "ok": False, "digest": None, "outputs": []},
        {
            "label": "//models:fraud",
            "ok": True,
            "digest": str(digest),
            "outputs": ["mbuild-out/models/fraud/manifest.json"],
        },
    ]


def test_an_old_encoding_gets_plainer_signs() -> None:
    assert encodable("✓ a · b … é", "ascii") == "+ a - b ... \\xe9"
    assert encodable("✓ a · b … é", "utf-8") == "✓ a · b … é"


def test_rich_is_not_imported_before_something_runs() -> None:
    script = "import sys, buildkit.report; sys.exit('rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
