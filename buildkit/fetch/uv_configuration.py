"""uv's configuration, as uv itself tells it: its variables, its files, and its built-in index where nothing is set.

In: the environment. Out: `UvConfiguration`. Runs uv, without a network.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace

from buildkit.errors import EnvironmentFault
from buildkit.records import dataclass

# Fetches run in threads: uv is asked once, and `sysconfig`, by which it is found, is not safe in threads before 3.12.
_ONE_AT_A_TIME = threading.RLock()


@dataclass(frozen=True, slots=True)
class UvConfiguration:
    """The indexes and find-links places that uv uses."""

    index: str
    extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()


def read_uv_configuration(environment: Mapping[str, str]) -> UvConfiguration:
    """Ask uv for its indexes. Raises EnvironmentFault if it cannot tell."""
    # uv refuses a find-links folder that is not there; to mbuild such a folder is merely empty.
    rest = {name: value for name, value in environment.items() if name != "UV_FIND_LINKS"}
    with _ONE_AT_A_TIME:
        told = _ask(tuple(sorted(rest.items())))
    named = tuple(place for place in environment.get("UV_FIND_LINKS", "").split(",") if place)
    return replace(told, find_links=named or told.find_links)


@functools.cache
def _ask(environment: tuple[tuple[str, str], ...]) -> UvConfiguration:
    # An empty resolution prints the options that uv would resolve with; `/` keeps projects' own files out of it.
    arguments = ["pip", "compile", "-", "--quiet", "--offline", "--no-header", "--directory", "/"]
    emitted = ["--emit-index-url", "--emit-find-links", "--python", sys.executable]
    try:
        answer = subprocess.run(
            [uv_program(), *arguments, *emitted],
            input="",
            capture_output=True,
            text=True,
            check=False,
            env=dict(environment),
        )
    except OSError as fault:
        raise _unknown(fault.strerror or str(fault)) from fault
    if answer.returncode:
        raise _unknown(answer.stderr.strip())
    pairs = [line.split(" ", 1) for line in answer.stdout.splitlines() if line.startswith("--")]
    found = {option: tuple(value for name, value in pairs if name == option) for option, _ in pairs}
    if not found.get("--index-url"):
        raise _unknown("its answer names no index")
    return UvConfiguration(found["--index-url"][-1], found.get("--extra-index-url", ()), found.get("--find-links", ()))


def uv_program() -> str:
    """The path of the uv that came with mbuild."""
    import uv

    try:
        with _ONE_AT_A_TIME:
            return str(uv.find_uv_bin())
    except FileNotFoundError as fault:
        raise EnvironmentFault("cannot find the program 'uv'", hint="install mbuild's dependencies anew") from fault


def _unknown(reason: str) -> EnvironmentFault:
    return EnvironmentFault(
        "no index of Python packages is configured, and uv cannot tell its own",
        details=reason,
        hint="name one as 'index' under [python] in mbuild.toml",
    )
