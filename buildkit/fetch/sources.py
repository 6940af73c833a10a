"""Where this machine gets files from: indexes, find-links places, mirrors.

In: the values of mbuild.toml, the environment, pip's, uv's and apt's configuration. Out: `Sources`. Nothing of it
enters a key or a lock: files are named by digest, and any place that has them serves.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import Path

from buildkit.fetch.apt_configuration import apt_mirrors
from buildkit.fetch.network import Network
from buildkit.fetch.pip_configuration import read_pip_configuration
from buildkit.fetch.uv_configuration import read_uv_configuration
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """A simple index of Python packages; locks and messages call it by its alias, never by its host."""

    alias: str
    url: str


@dataclass(frozen=True, slots=True)
class Sources:
    """What serves files here. `environment` is what uv is asked with, where nothing names the first index."""

    python_index: str | None = None
    python_extra_indexes: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    debian_mirrors: tuple[str, ...] = ()
    network: Network = field(default_factory=Network)
    environment: tuple[tuple[str, str], ...] = ()
    ask_uv: bool = False
    no_index: bool = False

    @classmethod
    def of_machine(
        cls,
        environment: Mapping[str, str],
        *,
        python_index: str | None = None,
        python_extra_indexes: Sequence[str] = (),
        debian_mirror: str | None = None,
        debian_snapshot: str | None = None,
        prefix: Path | None = Path(sys.prefix),
        apt: Path = Path("/etc/apt"),
    ) -> Sources:
        """What mbuild.toml names, else what pip, uv and apt are configured with. Reads their files."""
        pip = read_pip_configuration(environment, prefix)
        declared = python_index is not None
        named = [mirror for mirror in (debian_mirror, debian_snapshot) if mirror]
        return cls(
            python_index=python_index if declared else pip.index,
            python_extra_indexes=tuple(python_extra_indexes) or (() if declared else pip.extra_indexes),
            find_links=() if declared else pip.find_links,
            debian_mirrors=tuple(mirror.rstrip("/") for mirror in named) or apt_mirrors(apt),
            network=Network(certificate=pip.certificate),
            environment=tuple(sorted(environment.items())),
            ask_uv=not declared,
            no_index=pip.no_index and not declared,
        )

    def python_indexes(self) -> tuple[PackageIndex, ...]:
        """The indexes, the first one first. Asks uv (no network) unless mbuild.toml names the index."""
        if self.no_index:
            return ()
        uv = read_uv_configuration(dict(self.environment)) if self.ask_uv else None
        first = self.python_index or (uv.index if uv else None)
        extras = dict.fromkeys((*self.python_extra_indexes, *(uv.extra_indexes if uv else ())))
        named = [PackageIndex("index", first)] if first else []
        return (*named, *(PackageIndex(f"extra-{number}", url) for number, url in enumerate(extras, 1)))

    def python_places(self) -> tuple[PackageIndex, ...]:
        """The find-links places, with aliases like an index's."""
        uv = read_uv_configuration(dict(self.environment)) if self.ask_uv and not self.no_index else None
        places = dict.fromkeys((*self.find_links, *(uv.find_links if uv else ())))
        return tuple(PackageIndex(f"find-links-{number}", place) for number, place in enumerate(places, 1))
