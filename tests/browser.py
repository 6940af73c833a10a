"""A real browser, without a screen: what becomes of a page in it, after its scripts have run.

In: the store of the tests, and the browser that `tests/e2e/tools` locks. Out: `Browser.open(page)` → `Opened`.
"""

from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from debian_programs import WORKSPACE, link_programs, root_of

from buildkit.commands.build import build
from buildkit.commands.session import Options, Session
from buildkit.events import ignore

_PROGRAM = "usr/lib/chromium/chromium-headless-shell"
_FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{home}/fonts</cachedir></fontconfig>
"""


@dataclass(frozen=True, slots=True)
class Opened:
    """A page that was opened: its document as it became, what it said on the console, and what it asked for."""

    dom: str
    console: list[str]
    requests: list[str]
    screenshot: bytes

    @property
    def drawn(self) -> int:
        """How many bytes of the picture are other than those of its own first line: none of a blank one."""
        data, position, packed = self.screenshot, 8, b""
        width = struct.unpack(">I", data[16:20])[0]
        while position < len(data):  # length, type, content, checksum
            length, kind = struct.unpack(">I4s", data[position : position + 8])
            packed += data[position + 8 : position + 8 + length] if kind == b"IDAT" else b""
            position += length + 12
        plain = zlib.decompress(packed)
        line = 1 + width * (4 if data[25] == 6 else 3)
        # A line that is as the one before it, or as its own first pixel, is filtered to zeros.
        return sum(any(plain[start + 5 : start + line]) for start in range(line, len(plain), line))


@dataclass(frozen=True, slots=True)
class Browser:
    """Chromium's headless shell, as a script; `home` is all that it may write in."""

    program: Path
    home: Path

    def open(self, page: Path) -> Opened:
        """Open a file. No name is resolved for it but this machine's own."""
        picture, log = self.home / "page.png", self.home / "net.json"
        words = ["--enable-logging=stderr", f"--log-net-log={log}", "--net-log-capture-mode=Everything"]
        shown = self._run(page, [*words, "--dump-dom"])
        self._run(page, [f"--screenshot={picture}", "--window-size=1200,900"])
        console = re.findall(r"CONSOLE[^\]]*\] (.*)", shown.stderr)
        return Opened(shown.stdout, console, _requests(log), picture.read_bytes())

    def _run(self, page: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
        # Its own sandbox needs a user namespace, which not every machine grants; the pages are ours.
        plain = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND", "--no-first-run"]
        done = subprocess.run(
            [self.program, "--headless", *plain, *words, page.as_uri()],
            env={**os.environ, "HOME": str(self.home), "FONTCONFIG_FILE": str(self.home / "fonts.conf")},
            capture_output=True,
            text=True,
            timeout=120,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert done.returncode == 0, f"the browser ended with {done.returncode}:\n{done.stderr[-3000:]}"
        return done


def unpack_browser(store: Path, folder: Path) -> Browser:
    """Fetch and unpack the browser, and write a script that starts it with its own libraries."""
    session = Session(Options(directory=WORKSPACE, environment=dict(os.environ), cache_dir=store), ignore)
    (built,) = build(session, ["//:browser"]).checked().built
    root = root_of(built, session)
    (folder / "fonts.conf").write_text(_FONTS.format(root=root, home=folder))
    link_programs(folder, root, (_PROGRAM,))
    return Browser(folder / Path(_PROGRAM).name, folder)


def _requests(log: Path) -> list[str]:
    """Every address that was asked for, of which a browser's log tells."""
    events = json.loads(log.read_text())["events"]
    return sorted({event["params"]["url"] for event in events if "url" in event.get("params", {})})
