"""uv as the resolver: requirements → pinned names with the wheels that there are of them.

In: a request, its platform, indexes and places. Out: `Pinned`s. Runs uv, which asks the network and never runs a
package's code: no source archive is built, and no configuration but what is given here is read.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

from buildkit.errors import BuildError, EnvironmentFault
from buildkit.fetch.address import local_path
from buildkit.fetch.network import Network
from buildkit.fetch.sources import PackageIndex
from buildkit.fetch.uv_configuration import uv_program
from buildkit.lock.platform import PythonPlatform
from buildkit.records import dataclass

_UNREACHABLE = ("failed to fetch", "request failed", "error sending request", "timed out", "status code")


@dataclass(frozen=True, slots=True)
class Pinned:
    """One package at its chosen version, and the addresses of its wheels."""

    name: str
    version: str
    urls: tuple[str, ...]


def pin(
    requirements: Sequence[str],
    constraints: Sequence[str],
    platform: PythonPlatform,
    indexes: Sequence[PackageIndex],
    places: Sequence[PackageIndex],
    network: Network,
) -> tuple[Pinned, ...]:
    """Resolve with uv, from wheels only. Raises BuildError if nothing fits, EnvironmentFault if nobody answers."""
    with tempfile.TemporaryDirectory(prefix="mbuild-lock-") as scratch:
        limits = Path(scratch) / "constraints.txt"
        limits.write_text("".join(f"{line}\n" for line in constraints), encoding="utf-8")
        answer = subprocess.run(
            [uv_program(), *_arguments(platform), "--constraints", str(limits), *([] if indexes else ["--no-index"])],
            input="".join(f"{line}\n" for line in requirements),
            env=_environment(indexes, places, network),
            capture_output=True,
            text=True,
            check=False,
        )
    if answer.returncode:
        raise _failure(answer.stderr.strip())
    return tuple(_pinned(package) for package in tomllib.loads(answer.stdout).get("packages", ()))


def _arguments(platform: PythonPlatform) -> list[str]:
    return [
        *("pip", "compile", "-", "--format", "pylock.toml", "--quiet", "--no-header", "--no-config"),
        *("--python-platform", platform.uv_name, "--python-version", platform.python),
        *("--only-binary", ":all:", "--python", sys.executable, "--directory", "/"),
        # As pip does, a later index is asked where an earlier one has no fitting version; unlike pip, never before it.
        *("--index-strategy", "unsafe-first-match"),
    ]


def _environment(indexes: Sequence[PackageIndex], places: Sequence[PackageIndex], network: Network) -> dict[str, str]:
    """Addresses may hold credentials: they go by the environment, which other users cannot read, unlike arguments."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "PIP_"))}
    chosen = {"UV_HTTP_RETRIES": str(network.attempts - 1), "UV_HTTP_TIMEOUT": str(int(network.read_timeout))}
    if network.certificate:
        chosen["SSL_CERT_FILE"] = network.certificate
    if cache := os.environ.get("UV_CACHE_DIR"):
        chosen["UV_CACHE_DIR"] = cache
    first = [index.url for index in indexes if index.alias == "index"]
    extras = [index.url for index in indexes if index.alias != "index" and not _missing(index.url)]
    folders = [place.url for place in places if not _missing(place.url)]
    named = {"UV_DEFAULT_INDEX": first[:1], "UV_INDEX": extras, "UV_FIND_LINKS": folders}
    separators = {"UV_FIND_LINKS": ","}
    return (
        inherited | chosen | {name: separators.get(name, " ").join(values) for name, values in named.items() if values}
    )


def _missing(address: str) -> bool:
    path = local_path(address)
    return path is not None and not path.exists()


def _failure(said: str) -> BuildError:
    if any(sign in said.lower() for sign in _UNREACHABLE):
        return EnvironmentFault(
            "uv cannot reach an index to resolve the lock",
            details=said,
            hint="check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name",
        )
    return BuildError(
        "uv finds no set of wheels that meets the requirements",
        details=said,
        hint="only wheels are locked, since building a source archive runs its code; relax or pin what uv names",
    )


def _pinned(package: dict[str, object]) -> Pinned:
    wheels = package.get("wheels")
    rows = wheels if isinstance(wheels, list) else []
    urls = tuple(str(row.get("url") or Path(str(row.get("path"))).absolute().as_uri()) for row in rows)
    return Pinned(str(package["name"]), str(package.get("version", "")), urls)
