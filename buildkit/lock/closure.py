"""Named packages → everything that they cannot be without.

In: a catalog, names, and names to leave out. Out: packages sorted by name; or a BuildError that tells the way to what
is missing. The choice among alternatives is fixed: what is chosen already, else the first alternative that can be had.
It is made as if nothing were left out; what was to be left out is then neither taken nor followed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence

from buildkit.errors import BuildError, did_you_mean
from buildkit.lock.packages import Catalog, Package, Relation


def closure(catalog: Catalog, names: Sequence[str], omit: Collection[str], suite: str) -> tuple[Package, ...]:
    """The packages, their dependencies and so on, less those in `omit` and what only those need."""
    _check_names(catalog, names, suite)
    chosen = {name: catalog.packages[name] for name in sorted(set(names) - set(omit))}
    needed_by: dict[str, str] = {}
    left_out: set[str] = set()  # names in `omit` that the suite does not even have
    waiting = deque(chosen.values())
    while waiting:
        package = waiting.popleft()
        for alternatives in package.depends:
            if any(one.satisfies(relation) for relation in alternatives for one in chosen.values()):
                continue
            found = _choice(catalog, alternatives)
            if found is None and (elsewhere := {relation.name for relation in alternatives} & set(omit)):
                left_out |= elsewhere
                continue
            if found is None:
                raise _unmet(package, alternatives, needed_by, suite)
            if found.name not in omit:
                chosen[found.name] = found
                needed_by[found.name] = package.name
                waiting.append(found)
    _check_names(catalog, sorted(set(omit) - left_out), suite)
    _check_exclusions(chosen)
    return tuple(chosen[name] for name in sorted(chosen))


def _check_names(catalog: Catalog, names: Sequence[str], suite: str) -> None:
    for name in names:
        if name not in catalog.packages:
            raise BuildError(
                f"suite '{suite}' has no package '{name}'",
                hint=did_you_mean(name, catalog.packages) or "check 'packages', 'omit' and 'components' of the target",
            )


def _choice(catalog: Catalog, alternatives: Sequence[Relation]) -> Package | None:
    return next((package for relation in alternatives for package in catalog.satisfying(relation)), None)


def _unmet(package: Package, alternatives: Sequence[Relation], needed_by: dict[str, str], suite: str) -> BuildError:
    way, name = [], package.name
    while name in needed_by:
        way.append(f"needed by '{needed_by[name]}'")
        name = needed_by[name]
    wanted = " | ".join(str(relation) for relation in alternatives)
    return BuildError(
        f"'{package.name}' {package.version} depends on '{wanted}', which suite '{suite}' does not have",
        notes=way,
        hint="add the component that has it, or its name to 'omit'",
    )


def _check_exclusions(chosen: dict[str, Package]) -> None:
    for package in chosen.values():
        for relation in package.excludes:
            other = chosen.get(relation.name)
            if other and other is not package and relation.accepts(other.version):
                raise BuildError(
                    f"'{package.name}' {package.version} cannot be beside '{other.name}' {other.version}",
                    hint="ask for one of them only, or put one into 'omit'",
                )
