"""Requirements → the exact wheels that a runtime's Python on a runtime's platform gets.

In: `{"requirements": [...], "constraints": [...], "python": "3.11", "platform": "linux/amd64", "glibc": "2.36"}` and
this machine's sources. Out: a `Lock`. Resolved by uv from wheels only; which index served what is noted by alias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from packaging.requirements import InvalidRequirement, Requirement

from buildkit.errors import BuildError
from buildkit.events import Listener, Progress
from buildkit.fetch.sources import Sources
from buildkit.graph.lockfile import Lock, request_key
from buildkit.lock.platform import PythonPlatform
from buildkit.lock.resolver import pin
from buildkit.lock.wheels import Locked, Shelf, in_order, locked_wheel

_AT_ONCE = 8


def resolve(request: Mapping[str, object], sources: Sources, *, report: Listener) -> Lock:
    """Resolve a request. Touches the network; raises BuildError or EnvironmentFault."""
    platform = PythonPlatform.of(request)
    requirements = _checked(request.get("requirements"))
    constraints = _checked(request.get("constraints"))
    shelf = Shelf(sources.python_indexes(), sources.python_places(), sources.network)
    pinned = pin(requirements, constraints, platform, shelf.indexes, shelf.places, shelf.network)
    tags = platform.tags()
    found: list[Locked] = []
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for locked in threads.map(lambda one: locked_wheel(one, platform, tags, shelf), pinned):
            found.append(locked)
            report(Progress("resolving wheels", len(found), len(pinned)))
    return Lock("python", request_key("python", request), in_order(found), tuple(_notes(found)))


def _checked(lines: object) -> tuple[str, ...]:
    if lines is None:
        return ()
    if not isinstance(lines, Sequence) or isinstance(lines, str):
        raise BuildError(f"'requirements' must be a list of strings, found {lines!r}")
    return tuple(_requirement(str(line)) for line in lines)


def _requirement(line: str) -> str:
    try:
        requirement = Requirement(line)
    except InvalidRequirement as fault:
        raise BuildError(f"{line!r} is not a requirement", hint="write one such as 'numpy>=2,<3'") from fault
    if requirement.url:
        raise BuildError(
            f"requirement '{requirement.name}' names an address",
            hint="a lock holds no host name: put the wheel into an index or a find-links folder, or use http_file",
        )
    return line


def _notes(found: Sequence[Locked]) -> list[tuple[str, str]]:
    """Whatever the first index did not serve, so that a name taken over by another index is seen in review."""
    aliases = sorted({locked.alias for locked in found} - {"index"})
    return [
        (f"served by {alias}", " ".join(sorted(one.entry.name for one in found if one.alias == alias)))
        for alias in aliases
    ]
