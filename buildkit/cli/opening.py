"""Arguments → a session whose events a report shows; what most commands begin and end with."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from buildkit.cli.arguments import Arguments
from buildkit.commands.session import Options, Session
from buildkit.report import PlainReport, Result, TerminalReport, report_on, write_json, write_results

if TYPE_CHECKING:
    from buildkit.commands.build import Built


@contextmanager
def opened(arguments: Arguments) -> Iterator[tuple[Session, PlainReport | TerminalReport]]:
    """A session, and the report on stderr that hears its events."""
    with report_on(sys.stderr, time.monotonic, arguments.environment) as report:
        options = Options(
            directory=arguments.directory,
            environment=arguments.environment,
            cache_dir=arguments.cache_dir,
            jobs=arguments.jobs,
            offline=arguments.offline,
            keep_going=arguments.keep_going,
            sandbox=arguments.sandbox,
            platform=arguments.platform,
            host_platform=arguments.host_platform,
            registry_cache=arguments.registry_cache,
            stamp=arguments.stamp,
            defines=arguments.defines,
        )
        yield Session(options, report), report


def print_results(arguments: Arguments, built: Sequence[Built]) -> None:
    """A line a target on stdout, or with --json an object."""
    results = [Result(target.label, target.digest, tuple(sorted(target.files))) for target in built]
    (write_json if arguments.json else write_results)(results, sys.stdout)
