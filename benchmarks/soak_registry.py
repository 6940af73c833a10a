"""A thousand pushes and pulls under seeded faults, between mbuild and docker-registry, with blobs of 1 KB to 64 MB.

Each must end in a complete image with the right digest or in one clear error, in bounded time, and no tag may ever
name an incomplete image: what is otherwise is printed, and makes the exit code 1.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from peers import peers

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests" / "registry"))

from seeded_faults import Outcomes, run

_EMPTIED = 50  # runs after which the registry's folder is emptied: 64 MB each time add up


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="how many pushes and pulls")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="the first seed")
    parser.add_argument("--largest", type=int, default=64, metavar="MB", help="the largest blob, in 10^6 bytes")
    parser.add_argument(
        "--programs",
        type=Path,
        default=Path(".pytest_cache/mbuild-store").absolute(),
        metavar="STORE",
        help="the store that the registry's program is fetched into, once",
    )
    options = parser.parse_args()
    outcomes, began = Outcomes(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as name, peers(options.programs, Path(name)) as found:
        for number in range(options.runs):
            run(options.first + number, found.host, options.largest * 1_000_000, outcomes)
            if number % _EMPTIED == _EMPTIED - 1:
                shutil.rmtree(found.data, ignore_errors=True)
                print(f"{number + 1} of {options.runs}", file=sys.stderr, flush=True)
    _tell(outcomes, options.runs, time.monotonic() - began)
    return 1 if outcomes.wrong else 0


def _tell(outcomes: Outcomes, runs: int, seconds: float) -> None:
    print(f"## soak_registry.py: {runs} pushes and pulls of {outcomes.bytes / 1e9:.1f} GB, {seconds:.0f} s\n")
    print(f"- pushed {outcomes.pushed}, ended in an error {outcomes.push_errors}")
    print(f"- pulled {outcomes.pulled}, ended in an error {outcomes.pull_errors}")
    print(f"- tried again {outcomes.retries} times; the longest push or pull took {outcomes.longest:.1f} s")
    print(f"- tokens that ended on the way, or were the first: {outcomes.tokens}")
    print(f"- faults: {sum(outcomes.faults.values())}")
    for fault, count in outcomes.faults.most_common():
        print(f"  - {count} times {fault}")
    print("- errors, without their names and numbers:")
    for error, count in outcomes.errors.most_common():
        print(f"  - {count} times '{error}'")
    print(f"- wrong: {len(outcomes.wrong)}")
    for text in outcomes.wrong:
        print(f"  - {text}")


if __name__ == "__main__":
    sys.exit(main())
