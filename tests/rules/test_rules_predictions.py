"""What `model_test` runs: a server is started, asked, and its answers compared; here a small one stands in for it."""

from __future__ import annotations

import json
import math
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

DRIVER = Path(__file__).parents[2] / "rules" / "check_predictions.py"

SERVER = """
import http.server, json, sys
port, status, body = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3].encode()
refused = [503, 503]  # it is not ready at once
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(refused.pop() if refused else 200)
        self.end_headers()
    def do_POST(self):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.HTTPServer(("127.0.0.1", port), Handler).serve_forever()
"""

SCORE = {"name": "score", "datatype": "FP64", "shape": [2, 1], "data": [0.25, 0.5]}


def golden(*outputs: dict[str, Any]) -> dict[str, Any]:
    return {"cases": [{"name": "one", "request": {"inputs": []}, "response": {"outputs": list(outputs)}}]}


@dataclass(frozen=True)
class Checked:
    code: int
    told: list[str]
    report: Any


def check(folder: Path, expected: object, answer: object, *, status: int = 200, server: str = SERVER) -> Checked:
    """Run the driver on a golden file and a server that gives `answer` to everything."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    (folder / "golden.json").write_text(expected if isinstance(expected, str) else json.dumps(expected))
    body = answer if isinstance(answer, str) else json.dumps(answer)
    words = ["--golden=golden.json", "--report=report.json", f"--port={port}", "--ready=/ready", "--predict=/infer"]
    words += ["--tolerance=1e-6", "--startup=20", "--", sys.executable, "-c", server, port, str(status), body]
    ran = subprocess.run(
        [sys.executable, "-I", str(DRIVER), *words], cwd=folder, capture_output=True, text=True, check=False
    )
    report = folder / "report.json"
    told = (ran.stdout + ran.stderr).splitlines()
    return Checked(ran.returncode, told, json.loads(report.read_text()) if report.exists() else None)


@pytest.mark.parametrize(
    "given",
    [
        SCORE,
        {**SCORE, "data": [[0.25], [0.5]]},
        {**SCORE, "data": [0.25 + 1e-9, 0.5 - 1e-9]},
        {**SCORE, "parameters": {"content_type": "np"}},
    ],
)
def test_answers_within_the_tolerance_pass(given: dict[str, Any], tmp_path: Path) -> None:
    checked = check(tmp_path, golden(SCORE), {"outputs": [given]})
    assert checked == Checked(0, ["1 cases, 0 differences"], {"cases": ["one"], "passed": True})


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({**SCORE, "data": [0.25, 0.50001]}, "output 'score'[1] is 0.50001, expected 0.5"),
        ({**SCORE, "data": [0.25, math.nan]}, "output 'score'[1] is nan, expected 0.5"),
        ({**SCORE, "data": [0.25, "0.5"]}, "output 'score'[1] is '0.5', expected 0.5"),
        ({**SCORE, "data": [0.25]}, "output 'score' has 1 values, expected 2"),
        ({**SCORE, "shape": [1, 2]}, "output 'score' has shape [1, 2], expected [2, 1]"),
        ({**SCORE, "datatype": "FP32"}, "output 'score' has datatype FP32, expected FP64"),
        ({**SCORE, "name": "other"}, "no output 'score', the server gave ['other']"),
    ],
)
def test_another_answer_is_told_with_both_sides(given: dict[str, Any], told: str, tmp_path: Path) -> None:
    checked = check(tmp_path, golden(SCORE), {"outputs": [given]})
    assert checked == Checked(1, [f"one: {told}", "1 cases, 1 differences"], None)


def test_what_is_no_number_is_compared_as_such(tmp_path: Path) -> None:
    hollow = {"name": "score", "data": [math.nan, "a", True, math.inf]}
    assert check(tmp_path, golden(hollow), {"outputs": [hollow]}).code == 0


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (400, "no such input", "one: the server answered 400: no such input"),
        (200, "<html>", "one: the server answered what is no list of outputs: <html>"),
        (200, '{"error": "none"}', 'one: the server answered what is no list of outputs: {"error": "none"}'),
    ],
)
def test_a_server_that_gives_no_outputs_is_quoted(status: int, body: str, told: str, tmp_path: Path) -> None:
    checked = check(tmp_path, golden(SCORE), body, status=status)
    assert checked == Checked(1, [told, "1 cases, 1 differences"], None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not JSON", "golden.json: not a golden file: JSONDecodeError: Expecting value: line 1 column 1 (char 0)"),
        ("{}", "golden.json: not a golden file: KeyError: 'cases'"),
        ('{"cases": []}', "golden.json: no cases in the golden file"),
        (json.dumps(golden()), "golden.json: case 'one' expects no outputs: nothing would be compared"),
        (json.dumps(golden({"name": "score"})), "golden.json: not a golden file: KeyError: 'data'"),
    ],
)
def test_a_golden_file_that_compares_nothing_fails_before_the_server_starts(
    text: str, told: str, tmp_path: Path
) -> None:
    checked = check(tmp_path, text, "", server="raise SystemExit('the server was started')")
    assert (checked.code, checked.told[0], checked.report) == (1, told, None)
    assert "the server was started" not in checked.told


def test_a_server_that_ends_before_it_is_ready_is_told(tmp_path: Path) -> None:
    checked = check(tmp_path, golden(SCORE), "", server="raise SystemExit(7)")
    assert checked == Checked(1, ["the server ended with code 7 before it was ready"], None)
