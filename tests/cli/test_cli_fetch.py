"""`mbuild fetch`: what comes from outside is in the store before anything is built."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from invocations import Place

FILES = {"/data.csv": b"1,2\n" * 500, "/more.csv": b"3,4\n"}


@pytest.fixture
def asked() -> list[str]:
    """The paths that the server was asked for."""
    return []


@pytest.fixture
def place(tmp_path: Path, asked: list[str]) -> Iterator[Place]:
    """A workspace with two files of a server, one of nobody's, and a target that needs both."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200 if self.path in FILES else 404)
            self.send_header("Content-Length", str(len(FILES.get(self.path, b""))))
            self.end_headers()
            self.wfile.write(FILES.get(self.path, b""))

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        host = f"http://127.0.0.1:{http.server_port}"

        def declared(name: str, path: str) -> str:
            digest = sha256(FILES.get(path, b"")).hexdigest()
            return f'http_file(name = "{name}", urls = ["{host}{path}"], sha256 = "{digest}")\n'

        place = Place(tmp_path / "workspace", tmp_path / "store")
        both = 'genrule(name = "both", srcs = [":data", ":more"], outs = ["o"], cmd = "false", host_tools = True)\n'
        place.write(
            {
                "mbuild.toml": "",
                "p/BUILD": declared("data", "/data.csv") + declared("more", "/more.csv") + both,
                "gone/BUILD": declared("gone", "/gone.csv"),
            }
        )
        yield place
        http.shutdown()
        thread.join()


def test_what_targets_need_from_outside_is_fetched_once_and_nothing_else_runs(place: Place, asked: list[str]) -> None:
    first = place.mbuild("fetch", "//p:both", "//p:data")
    assert (first.code, first.stdout) == (0, "//p:both 2 files, 2.0 kB\n//p:data 1 file, 2.0 kB\n"), first.stderr
    assert sorted(asked) == ["/data.csv", "/more.csv"]
    assert {line.split()[0] for line in first.actions} == {"fetch"}
    again = place.mbuild("--offline", "--json", "fetch", "//p:all")
    assert [json.loads(line) for line in again.stdout.splitlines()] == [
        {"label": "//p:both", "files": 2, "size": 2004},
        {"label": "//p:data", "files": 1, "size": 2000},
        {"label": "//p:more", "files": 1, "size": 4},
    ]
    assert (again.code, again.actions, len(asked)) == (0, [], 2)
    assert place.mbuild("--offline", "//p:data").code == 0


def test_what_cannot_be_fetched_is_told_and_the_rest_is_kept(place: Place) -> None:
    ran = place.mbuild("--keep-going", "fetch", "//...")
    assert (ran.code, ran.stdout) == (
        36,
        "//p:both 2 files, 2.0 kB\n//p:data 1 file, 2.0 kB\n//p:more 1 file, 4 B\n",
    )
    assert ran.told.startswith("error: nobody serves 'gone.csv'\n")
    assert ran.told.count("error:") == 1
    refused = place.mbuild("--offline", "fetch", "//gone")
    assert (refused.code, refused.stdout) == (36, "")
    assert refused.told.endswith("hint: fetch it once, with 'mbuild fetch'")


def test_fetch_wants_a_target_and_one_that_is_there(place: Place) -> None:
    assert place.mbuild("fetch").told == (
        "error: no target named\nhint: name one, such as //models:fraud, or //... for all"
    )
    missing = place.mbuild("fetch", "//p:bot")
    assert (missing.code, missing.stdout) == (2, "")
    assert missing.told == "error: no target 'bot' in package '//p' (p/BUILD)\nhint: did you mean 'both'?"
