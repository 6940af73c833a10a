"""What a rule's implementation returns, checked against what the rule promises.

In: its result, its rule and the files that its target declares. Out: instances by provider, a DefaultInfo among them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.graph.depset import Depset
from buildkit.graph.instance import Instance, Provider
from buildkit.graph.package import Target
from buildkit.graph.provider import DEFAULT_INFO, TEST_INFO
from buildkit.graph.rule import Rule
from buildkit.graph.runfiles import Runfiles
from buildkit.graph.values import FileValue
from buildkit.lang import List, Value, represent


def returned(result: Value, rule: Rule, target: Target, outputs: Sequence[FileValue]) -> dict[Provider, Instance]:
    """The instances. Raises BuildError where one is missing, or is there twice."""
    if not isinstance(result, (List, tuple)):
        result = () if result is None else (result,)
    found: dict[Provider, Instance] = {}
    for item in result:
        if not isinstance(item, Instance):
            raise BuildError(f"rule '{rule.name}' must return a list of provider instances, found {represent(item)}")
        if item.provider in found:
            raise BuildError(f"rule '{rule.name}' returns {item.provider.name} twice")
        found[item.provider] = item
    found[DEFAULT_INFO] = _default(found.get(DEFAULT_INFO), target, outputs)
    _check(found, rule, target)
    return found


def default_info(files: Sequence[FileValue], span: Span) -> Instance:
    """The DefaultInfo of what no implementation speaks for."""
    none = Runfiles(Depset("default"))
    fields: dict[str, Value] = {"files": Depset("default", files), "runfiles": none, "default_runfiles": none}
    return Instance(DEFAULT_INFO, fields, span)


def _default(given: Instance | None, target: Target, outputs: Sequence[FileValue]) -> Instance:
    """The DefaultInfo: where it names no files, they are those that the target declares, and what it runs."""
    if given is None:
        return default_info(outputs, target.span)
    fields = dict(given.fields)
    if fields.get("files") is None:
        runs = fields.get("executable")
        files = [*outputs, *([runs] if isinstance(runs, FileValue) else [])]
        fields["files"] = Depset("default", list(dict.fromkeys(files)))
    return Instance(DEFAULT_INFO, fields, given.span)


def program_of(default: Instance | None) -> dict[str, Any]:
    """The file that runs, and what it needs around it; nothing for a target that is no program."""
    executable = default.fields.get("executable") if default else None
    if default is None or not isinstance(executable, FileValue):
        return {}
    runfiles = default.fields["runfiles"]
    needed = runfiles.files.items() if isinstance(runfiles, Runfiles) else []
    return {
        "executable": executable.artifact,
        "runfiles": tuple(file.artifact for file in needed if isinstance(file, FileValue)),
    }


def _check(found: dict[Provider, Instance], rule: Rule, target: Target) -> None:
    for provider in rule.provides:
        if provider not in found:
            names = ", ".join(sorted(one.name for one in found))
            message = (
                f"rule '{rule.name}' says that it provides {provider.name}, and returned none for '{target.label}'"
            )
            raise BuildError(message, span=rule.span, notes=[f"it returned: {names}"])
    if rule.executable and found[DEFAULT_INFO].fields.get("executable") is None:
        message = f"rule '{rule.name}' is executable: it must return DefaultInfo(executable = FILE)"
        raise BuildError(message, span=rule.span)
    if rule.test and TEST_INFO not in found:
        message = f"rule '{rule.name}' is a test: it must return TestInfo(report = FILE)"
        raise BuildError(
            message, span=rule.span, hint="the test's action makes the report; it has failed if that fails"
        )
