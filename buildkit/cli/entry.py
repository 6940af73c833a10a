"""The entry point of `mbuild`: Ctrl-C ends it in one word from the first moment on.

Python has modules to read in before a command is there that could be interrupted, and would show where it stood.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # without what its face reads in
import os

TYPE_CHECKING = False  # typing itself takes longer to read in than all of this
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn

_INTERRUPTED = 8  # ExitCode.INTERRUPTED, whose module is one of those that are still to be read


def main() -> NoReturn:
    """What the script `mbuild` calls."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:  # not where somebody said that it is to be ignored, as nohup does
        signal.signal(signal.SIGINT, _leave)
    from buildkit.cli import main as command_line

    signal.signal(signal.SIGINT, before)
    command_line.main()


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    os.write(2, b"interrupted\n")
    os._exit(_INTERRUPTED)
