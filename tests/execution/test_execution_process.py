"""Watching a process: its output is passed on to the last byte."""

import os
import subprocess
import threading
from typing import cast

from buildkit.execution.sandbox.process import Watched, watch


class LateSpeaker:
    """A process that says its last words between two looks, and leaves a child behind that keeps the pipe open."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self.stdout = os.fdopen(reader, "rb", buffering=0)
        self._spoken = False

    def poll(self) -> int:
        if not self._spoken:
            os.write(self._writer, b"last words")
            self._spoken = True
        return 1

    def wait(self) -> int:
        return 1


def test_what_a_process_says_as_it_ends_is_heard() -> None:
    heard = bytearray()
    process = cast("subprocess.Popen[bytes]", LateSpeaker())
    verdict = watch(
        process, heard.extend, threading.Event(), timeout=None, grace=0, terminate=lambda: None, kill=lambda: None
    )
    assert (verdict, bytes(heard)) == (Watched.ENDED, b"last words")
