r"""Starts a model server, asks it for predictions, and compares them with golden ones.

check_predictions.py --golden FILE --report FILE --port N --ready PATH --predict PATH --tolerance X --startup S \
    -- COMMAND...

Exits 0 and writes a report when every case agrees; else prints each difference and exits 1.
"""

import argparse
import http.client
import json
import math
import subprocess
import sys
import time
import urllib.error
import urllib.request

GOLDEN = 'expected {"cases": [{"name", "request", "response": {"outputs": [{"name", "data"}, ...]}}, ...]}'


def main():
    """Start, wait, ask, compare, stop."""
    options = parse_arguments()
    cases = read_cases(options.golden)
    server = subprocess.Popen(options.command, stdin=subprocess.DEVNULL)
    try:
        wait_until_ready(server, options)
        failures = [failure for case in cases for failure in check(case, options)]
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    for failure in failures:
        print(failure)
    print(f"{len(cases)} cases, {len(failures)} differences")
    if failures:
        sys.exit(1)
    with open(options.report, "w", encoding="utf-8") as file:
        json.dump({"cases": [case["name"] for case in cases], "passed": True}, file, indent=1)


def parse_arguments():
    """The command line, as the module's docstring shows it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--golden", required=True)
    parser.add_argument("--report", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--ready", required=True)
    parser.add_argument("--predict", required=True)
    parser.add_argument("--tolerance", required=True, type=float)
    parser.add_argument("--startup", required=True, type=float)
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def read_cases(path):
    """The cases of a golden file: each with a name, a request, and at least one expected output."""
    try:
        with open(path, encoding="utf-8") as file:
            cases = json.load(file)["cases"]
        named = [(case["name"], case["request"], case["response"]["outputs"]) for case in cases]
        silent = [name for name, _, outputs in named if not [(output["name"], output["data"]) for output in outputs]]
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"{path}: not a golden file: {type(error).__name__}: {error}\n{GOLDEN}")
    if not cases:
        sys.exit(f"{path}: no cases in the golden file")
    if silent:
        sys.exit(f"{path}: case '{silent[0]}' expects no outputs: nothing would be compared")
    return cases


def wait_until_ready(server, options):
    """Poll the readiness path until it answers 200, the server ends, or time is up."""
    end = time.monotonic() + options.startup
    while time.monotonic() < end:
        if server.poll() is not None:
            sys.exit(f"the server ended with code {server.returncode} before it was ready")
        try:
            with urllib.request.urlopen(address(options, options.ready), timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    sys.exit(f"the server was not ready after {options.startup:g} s")


def address(options, path):
    """The URL of a path on the server."""
    return f"http://127.0.0.1:{options.port}{path}"


def check(case, options):
    """Ask for one case; yields a line for each difference."""
    body = json.dumps(case["request"]).encode()
    request = urllib.request.Request(
        address(options, options.predict), data=body, headers={"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        yield f"{case['name']}: the server answered {error.code}: {error.read().decode(errors='replace')[:500]}"
        return
    except (OSError, http.client.HTTPException) as error:
        yield f"{case['name']}: the server did not answer: {error}"
        return
    try:
        given = {output["name"]: output for output in json.loads(text)["outputs"]}
    except (ValueError, KeyError, TypeError):
        yield f"{case['name']}: the server answered what is no list of outputs: {text[:500]}"
        return
    for expected in case["response"]["outputs"]:
        output = given.get(expected["name"])
        if output is None:
            yield f"{case['name']}: no output '{expected['name']}', the server gave {sorted(given)}"
            continue
        yield from differences(case["name"], expected, output, options.tolerance)


def differences(name, expected, output, tolerance):
    """Lines for what is another kind or shape, where the golden file has them, or further apart than the tolerance."""
    what = f"{name}: output '{expected['name']}'"
    for fact in ("datatype", "shape"):
        if fact in expected and expected[fact] != output.get(fact):
            yield f"{what} has {fact} {output.get(fact)}, expected {expected[fact]}"
    wanted, found = flat(expected["data"]), flat(output.get("data"))
    if len(wanted) != len(found):
        yield f"{what} has {len(found)} values, expected {len(wanted)}"
        return
    for index, (left, right) in enumerate(zip(wanted, found, strict=True)):
        if not close(left, right, tolerance):
            yield f"{what}[{index}] is {right!r}, expected {left!r}"


def close(left, right, tolerance):
    """Whether two values agree: numbers within the tolerance, no number with no number, anything else exactly."""
    if not (isinstance(left, (int, float)) and isinstance(right, (int, float))):
        return left == right
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance)


def flat(data):
    """Nested lists as one list."""
    return [value for item in data for value in flat(item)] if isinstance(data, list) else [data]


if __name__ == "__main__":
    main()
