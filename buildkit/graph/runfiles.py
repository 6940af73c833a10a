"""`runfiles`: the files that a target needs where it is run, gathered from what it depends on.

In: `ctx.runfiles(files, transitive_files)`. Out: `Runfiles`, whose `files` are a depset; merging copies nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from buildkit.graph.argument import boolean, items
from buildkit.graph.depset import Depset
from buildkit.graph.values import FileValue
from buildkit.lang import Builtin, Call, HostValue, Value, represent, type_name


class Runfiles(HostValue):
    """`.files`, `.merge(other)`, `.merge_all(others)`."""

    type_name = "runfiles"

    def __init__(self, files: Depset) -> None:
        self.files = files

    def attribute(self, name: str) -> Value:
        """The files, and the methods."""
        known: dict[str, Value] = {
            "files": self.files,
            "merge": Builtin("merge", self._merge),
            "merge_all": Builtin("merge_all", self._merge_all),
        }
        return known[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return ("files", "merge", "merge_all")

    def _merge(self, call: Call, other: Value) -> Value:
        return self._merged(call, [other])

    def _merge_all(self, call: Call, other: Value) -> Value:
        return self._merged(call, items(call, "other", other))

    def _merged(self, call: Call, others: Sequence[Value]) -> Value:
        found = [other for other in others if isinstance(other, Runfiles)]
        for other in others:
            if not isinstance(other, Runfiles):
                raise call.error(f"'merge' takes runfiles, found {represent(other)}", argument=0)
        return Runfiles(Depset("default", (), [self.files, *(other.files for other in found)]))


def file_depset(call: Call, name: str, value: Value) -> Depset:
    """A depset or list of Files, as a depset. Raises BuildError at the argument for anything else."""
    if isinstance(value, Depset):
        if value.element_type not in ("", "File"):
            raise call.error(f"'{name}' must hold Files, found a depset of '{value.element_type}'", argument=name)
        return value
    found = [] if value is None else items(call, name, value)
    for item in found:
        if not isinstance(item, FileValue):
            hint = "use its files: x.files" if type_name(item) == "Target" else None
            raise call.error(f"'{name}' must hold Files, found {represent(item)}", argument=name, hint=hint)
    return Depset("default", found)


def _runfiles(
    call: Call,
    *,
    files: Value = (),
    transitive_files: Value = None,
    collect_data: Value = False,
    collect_default: Value = False,
) -> Value:
    for name, value in (("collect_data", collect_data), ("collect_default", collect_default)):
        if boolean(call, name, value):
            message = f"'{name}' is not known here"
            raise call.error(message, argument=name, hint="merge the runfiles of dependencies: x.merge(other)")
    direct = file_depset(call, "files", files)
    below = file_depset(call, "transitive_files", transitive_files)
    return Runfiles(Depset("default", direct.items(), [below]))


RUNFILES = Builtin("runfiles", _runfiles)
