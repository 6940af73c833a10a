"""A build of which nothing changed, and `mbuild version`, against `python -c pass`.

The example is built once into a store; then the same command finds that there is nothing to do. Aims: version at most
50 ms above Python itself; a null build well under a second.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Side, alternate, arguments, machine, mbuild, table, verdict

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "fraud"


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, rounds=20)
    parser.add_argument("--workspace", type=Path, default=EXAMPLE, help="what is built")
    parser.add_argument("--target", default="//models:fraud", help="the target in it")
    parser.add_argument("--cache-dir", type=Path, help="a store that is filled already")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="null-build-") as folder:
        build = [mbuild(), "--cache-dir", str(options.cache_dir or folder), options.target]
        subprocess.run(build, cwd=options.workspace, check=True, stdout=subprocess.DEVNULL)
        described = machine()
        sides = [
            Side(f"mbuild {options.target}", build, folder=options.workspace),
            Side("mbuild version", [mbuild(), "version"], folder=options.workspace),
            Side("python -c pass", [sys.executable, "-c", "pass"], folder=options.workspace),
        ]
        null, version, python = results = alternate(sides, options.rounds)
    print(f"## null_build.py: minimum of {options.rounds}\n\n{described}\n")
    print(table(sides, results) + "\n")
    print(verdict("version above Python, ms", (version.wall - python.wall) * 1000, 50))
    print(verdict("null build, s", null.wall, 1))


if __name__ == "__main__":
    main()
