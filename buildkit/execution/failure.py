"""How a command's failure is told: whose it was, what ran, how it ended, its last words, and where the rest is.

In: an action, how its command ended, its log. Out: a `BuildFailure`.
"""

from __future__ import annotations

import shlex
import signal
from collections.abc import Sequence
from pathlib import Path

from buildkit.errors import BuildFailure
from buildkit.execution.sandbox.request import Ended
from buildkit.graph.action import Action

SHOWN = 20
_TAIL = 64 << 10
_WIDTH = 2000


def command_failure(action: Action, ended: Ended, log: Path) -> BuildFailure:
    """The failure of a command that ended badly."""
    return _failure(action, f"{action.mnemonic} failed: {_how(action, ended)}", log)


def not_for_here(action: Action, program: str, machine: str) -> BuildFailure:
    """The failure of a command whose program is for another processor."""
    why = f"'{action.command[0]}' is for {program}, this machine is {machine}"
    return BuildFailure(
        f"{action.owner}: {action.mnemonic} cannot run here: {why}",
        notes=[f"command: {command_line(action)}"],
        hint="--host-platform says for which platform the programs of actions are, 'auto' that it is this machine's; "
        "or build where it can run",
    )


def output_failure(action: Action, error: BuildFailure, log: Path) -> BuildFailure:
    """The failure of a command that ended well and left the wrong things."""
    return _failure(action, f"{action.mnemonic} failed: {error.message}", log, error.notes)


def command_line(action: Action) -> str:
    """The command as a person would type it in a shell."""
    line = shlex.join(action.command)
    return line if len(line) <= _WIDTH else line[:_WIDTH] + " …"


def last_lines(log: Path) -> str:
    """The last lines that a command printed."""
    try:
        with log.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - _TAIL, 0))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-SHOWN:])


def _failure(action: Action, message: str, log: Path, notes: Sequence[str] = ()) -> BuildFailure:
    notes = (*notes, f"command: {command_line(action)}")
    if not log.is_file():
        return BuildFailure(f"{action.owner}: {message}", notes=(*notes, "it printed nothing"))
    where = f"the full log is in '{log}'"
    return BuildFailure(f"{action.owner}: {message}", notes=notes, details=last_lines(log), hint=where)


def _how(action: Action, ended: Ended) -> str:
    if ended.timed_out:
        return f"it took longer than {action.timeout} s"
    if ended.signal:
        return f"killed by signal {ended.signal} ({_signal_name(ended.signal)})"
    if ended.exit_code > 128 and _signal_name(ended.exit_code - 128) != "unknown":
        return f"exit code {ended.exit_code} (as by signal {_signal_name(ended.exit_code - 128)})"
    return f"exit code {ended.exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
