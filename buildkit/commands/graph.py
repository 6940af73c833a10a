"""Patterns → what will run: load and analyze, or the kept graph of an earlier invocation."""

from __future__ import annotations

import os
from collections.abc import Sequence

from buildkit.commands.session import Session, package_of
from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.analysis import Analysis, ConfiguredTarget, analyze
from buildkit.graph.configuration import Configuration
from buildkit.graph.files import WorkspaceFiles
from buildkit.graph.kept import keep, kept_key, recall
from buildkit.graph.loader import Loader
from buildkit.graph.platform import platform_of_machine
from buildkit.label import Label, TargetPattern
from buildkit.lang import within
from buildkit.tools import TOOLS

_OTHERS_NAMES = ("linux/amd64", "linux/arm64")  # what docker and crane would take


def analysis(session: Session, patterns: Sequence[str], *, keep_going: bool = False) -> Analysis:
    """Load and analyze what patterns name. Tells which targets a pattern passed over, since they cannot be built.

    Raises BuildErrors with the faults of what cannot be; with `keep_going`, they are in the result beside what can.
    """
    if not patterns:
        raise BuildError("no target named", hint="name one, such as //models:fraud, or //... for all")
    analyzed = _analysis(session, patterns, keep_going)
    for warning in analyzed.warnings:
        session.warn(warning)
    if analyzed.skipped:
        shown = ", ".join(f"'{label}'" for label in analyzed.skipped[:3])
        more = f" and {len(analyzed.skipped) - 3} more" if len(analyzed.skipped) > 3 else ""
        session.warn(f"passed over, not compatible with the platform: {shown}{more}")
    return analyzed


def _analysis(session: Session, patterns: Sequence[str], keep_going: bool) -> Analysis:
    workspace = session.workspace
    configuration = configuration_of(session)
    tools = [(name, tool.version) for name, tool in sorted(TOOLS.items())]
    key = kept_key(workspace, package_of(session), patterns, tools, configuration, session.stamp)
    if kept := recall(key, WorkspaceFiles(workspace), session.parsed):
        return kept
    printed: list[str] = []

    def printer(span: Span, text: str) -> None:
        printed.append(text)
        session.print_from_code(span, text)

    loader = Loader(workspace, session.parsed, printer, jobs=session.jobs)
    graph = loader.graph(_parsed(session, patterns), configuration, manual=False, keep_going=keep_going)
    with within(workspace.config.limits):
        analyzed = analyze(
            graph,
            loader.rules,
            TOOLS,
            printer,
            configuration=configuration,
            keep_going=keep_going,
            stamp=session.stamp,
        )
    loader.keep()
    if not printed and not analyzed.faults:  # what prints is loaded anew each time, so that it is seen each time
        keep(key, loader.files, analyzed, session.parsed)
    return analyzed


def lenient_analysis(session: Session, patterns: Sequence[str]) -> Analysis:
    """The same, where locks may be missing, stale or unreadable; with --keep-going, faults are in the result."""
    keep_going = session.options.keep_going
    loader = Loader(session.workspace, session.parsed, session.print_from_code, broken_locks=True)
    configuration = configuration_of(session)
    graph = loader.graph(_parsed(session, patterns), configuration, keep_going=keep_going)
    with within(session.workspace.config.limits):
        return analyze(
            graph,
            loader.rules,
            TOOLS,
            session.print_from_code,
            configuration=configuration,
            missing_locks=True,
            keep_going=keep_going,
        )


def configuration_of(session: Session) -> Configuration:
    """What mbuild.toml and, over it, the flags decide. Raises BuildError for a platform that is no label."""
    options, compression = session.options, session.workspace.config.compression
    settings = (("compression", compression),) if compression else ()
    platform = _platform(session, "--platform", options.platform)
    if options.host_platform == "auto":
        return Configuration.of(platform, (*settings, *options.defines), platform_of_machine(os.uname().machine))
    host = _platform(session, "--host-platform", options.host_platform)
    return Configuration.of(platform, (*settings, *options.defines), host)


def _platform(session: Session, flag: str, text: str | None) -> Label | None:
    if text in _OTHERS_NAMES:
        known = f"@mbuild//platforms:{text.replace('/', '_')}"
        raise BuildError(f"'{flag}' names a target, found '{text}'", hint=f"write '{flag} {known}'")
    return Label.parse(text, package_of(session)) if text else None


def one_target(analyzed: Analysis, text: str) -> ConfiguredTarget:
    """The one target that a command acts upon."""
    if len(analyzed.requested) != 1:
        raise BuildError(f"'{text}' names {len(analyzed.requested)} targets, expected one")
    return analyzed.configured[analyzed.requested[0]]


def _parsed(session: Session, patterns: Sequence[str]) -> list[TargetPattern]:
    package = package_of(session)
    faults: list[BuildError] = []
    parsed: list[TargetPattern] = []
    for text in patterns:
        try:
            parsed.append(TargetPattern.parse(text, package))
        except BuildError as error:
            faults.append(error)
    if faults:
        raise BuildErrors(faults)
    return parsed
