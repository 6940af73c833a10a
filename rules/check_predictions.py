r"""Starts a model server, asks it for predictions, and compares them with golden ones.

check_predictions.py --golden FILE --report FILE --port N --ready PATH --predict PATH --tolerance X --startup S \
    -- COMMAND...

Exits 0 and writes a report when every case agrees; else prints each difference and exits 1.
"""

import argparse
import json
import math
import subprocess
import sys
import time
import urllib.error
import urllib.request


def main():
    """Start, wait, ask, compare, stop."""
    options = parse_arguments()
    with open(options.golden, encoding="utf-8") as file:
        cases = json.load(file)["cases"]
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
    if failures or not cases:
        sys.exit("no cases in the golden file" if not cases else 1)
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
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        yield f"{case['name']}: the server answered {error.code}: {error.read().decode(errors='replace')[:500]}"
        return
    given = {output["name"]: output for output in answer["outputs"]}
    for expected in case["response"]["outputs"]:
        output = given.get(expected["name"])
        if output is None:
            yield f"{case['name']}: no output '{expected['name']}', the server gave {sorted(given)}"
            continue
        yield from differences(case["name"], expected, output, options.tolerance)


def differences(name, expected, output, tolerance):
    """Lines for values that are further apart than the tolerance."""
    wanted, found = flat(expected["data"]), flat(output["data"])
    if len(wanted) != len(found):
        yield f"{name}: output '{expected['name']}' has {len(found)} values, expected {len(wanted)}"
        return
    for index, (left, right) in enumerate(zip(wanted, found, strict=True)):
        if not close(left, right, tolerance):
            yield f"{name}: output '{expected['name']}'[{index}] is {right!r}, expected {left!r}"


def close(left, right, tolerance):
    """Whether two values agree: numbers within the tolerance, anything else exactly."""
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    return math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance) if numbers else left == right


def flat(data):
    """Nested lists as one list."""
    return [value for item in data for value in flat(item)] if isinstance(data, list) else [data]


if __name__ == "__main__":
    main()
