"""One invocation: its workspace, stores, sandbox and sources, opened once and passed on.

In: what the command line and the environment say. Out: `Session`, whose parts the commands hand to each other. What
only builds need is imported when they ask for it: a query answers before half of that would be read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from buildkit.errors import BuildError, Span
from buildkit.events import Listener, Output, Warned
from buildkit.graph.workspace import Workspace
from buildkit.records import dataclass
from buildkit.store import DiskStore, SpareFiles

if TYPE_CHECKING:
    from buildkit.execution.sandbox import Sandbox
    from buildkit.fetch import Sources
    from buildkit.registry import Places


@dataclass(frozen=True, slots=True)
class Options:
    """What every command can be told. `environment` is the process's: nothing reads it deep inside."""

    directory: Path
    environment: Mapping[str, str]
    cache_dir: Path | None = None
    jobs: int = 0
    offline: bool = False
    keep_going: bool = False
    sandbox: str = "auto"
    platform: str | None = None
    host_platform: str | None = None
    stamp: bool = False
    defines: tuple[tuple[str, str], ...] = ()
    registry_cache: str | None = None


class Session:
    """Opens each part when it is first asked for."""

    def __init__(self, options: Options, listener: Listener) -> None:
        self.options = options
        self.listener = listener
        self.jobs = options.jobs or _cores()
        self.passed_mirrors: set[str] = set()  # registries whose mirror failed

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace that the folder is in."""
        return Workspace.find(self.options.directory)

    @cached_property
    def stamp(self) -> Mapping[str, str]:
        """What rules are told of the build itself. Runs git, if it was asked for."""
        if not self.options.stamp and not self.options.environment.get("SOURCE_DATE_EPOCH"):
            return {}
        from buildkit.commands.stamp import stamp_of

        return stamp_of(self.workspace.root, self.options.environment, git=self.options.stamp)

    @cached_property
    def cache_dir(self) -> Path:
        """`--cache-dir`, else `MBUILD_CACHE`, else `[cache] dir`, else the user's cache folder."""
        from platformdirs import user_cache_path  # late: only those who need a folder pay for it

        named = self.options.cache_dir or self.options.environment.get("MBUILD_CACHE")
        if named:
            return Path(self.options.directory, named)
        configured = self.workspace.config.cache_dir
        return Path(self.workspace.root, configured) if configured else user_cache_path("mbuild")

    @cached_property
    def store(self) -> DiskStore:
        """The blobs."""
        return DiskStore(self.cache_dir)

    @cached_property
    def parsed(self) -> SpareFiles:
        """Parsed files: code, so local and private to the user. Where they cannot be kept, loading takes longer."""
        return SpareFiles(
            self.cache_dir, "parsed", lambda fault: self.warn(f"{fault.message}; BUILD files are read anew each time")
        )

    @cached_property
    def places(self) -> Places:
        """Where blobs were pushed to. Where that cannot be kept, they are sent to each repository anew."""
        from buildkit.registry import Places

        return Places(SpareFiles(self.cache_dir, "pushed", lambda fault: self.warn(fault.message)))

    @cached_property
    def sandbox(self) -> Sandbox:
        """The sandbox that was asked for, or the first that works here."""
        from buildkit.execution.sandbox import select_sandbox

        return select_sandbox(self.options.sandbox)

    @cached_property
    def sources(self) -> Sources:
        """Where files from outside come from: mbuild.toml's word, else the machine's own configuration."""
        from buildkit.fetch import Sources

        config = self.workspace.config
        return Sources.of_machine(
            self.options.environment,
            python_index=config.python_index,
            python_extra_indexes=config.python_extra_indexes,
            debian_mirror=config.debian.mirror,
            debian_snapshot=config.debian.snapshot,
        )

    def needs_network(self, what: str) -> None:
        """Raise BuildError for something that cannot be done with `--offline`."""
        if self.options.offline:
            raise BuildError(f"{what} needs the network, and --offline forbids it", hint="leave out --offline")

    def print_from_code(self, span: Span, text: str) -> None:
        """What `print` in a BUILD or .bzl file says."""
        self.listener(Output(f"{span}: {text}"))

    def warn(self, message: str) -> None:
        """Tell the user something that does not stop the work."""
        self.listener(Warned(message))


def package_of(session: Session) -> str:
    """The package that the user stands in: relative labels are meant from there."""
    folder = session.options.directory.resolve()
    package = folder.relative_to(session.workspace.root.resolve()).as_posix()
    return "" if package == "." else package


def _cores() -> int:
    """The cores that this process may use; only Linux tells which, elsewhere all of them."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
