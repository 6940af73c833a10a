"""The functions that BUILD files call besides rules: `glob`, `package`, `exports_files`.

In: a call while a package is loaded. Out: file names, or a change of the package's scope.
"""

from __future__ import annotations

from buildkit.graph.argument import boolean, texts
from buildkit.graph.depset import DEPSET
from buildkit.graph.kinds import KINDS
from buildkit.graph.package import PUBLIC, Target, check_visibility
from buildkit.graph.scope import PackageScope
from buildkit.graph.select import SELECT
from buildkit.label import Label
from buildkit.lang import Builtin, Call, List, Value, represent


def _scope(call: Call, name: str) -> PackageScope:
    if not isinstance(call.context, PackageScope):
        raise call.error(f"'{name}' can be called only while a BUILD file is loaded")
    return call.context


def _glob(call: Call, include: Value, exclude: Value = (), allow_empty: Value = False) -> Value:
    scope = _scope(call, "glob")
    patterns = texts(call, "include", include)
    found = scope.files.glob(scope.package, patterns, texts(call, "exclude", exclude))
    if not found and not boolean(call, "allow_empty", allow_empty):
        what = ", ".join(represent(pattern) for pattern in patterns) or "an empty list of patterns"
        raise call.error(
            f"glob matches nothing: no file of package '//{scope.package}' matches {what}",
            hint="correct the pattern, or say allow_empty = True",
        )
    return List(found)


def _package(call: Call, *, default_visibility: Value) -> Value:
    scope = _scope(call, "package")
    if scope.targets:
        raise call.error("'package' must come before the targets that it is about")
    scope.default_visibility = _grants(call, "default_visibility", default_visibility)
    return None


def _exports_files(call: Call, files: Value, *, visibility: Value = (PUBLIC,)) -> Value:
    scope = _scope(call, "exports_files")
    grants = _grants(call, "visibility", visibility)
    for name in texts(call, "files", files):
        label = Label.parse(f":{name}", scope.package)
        if not scope.files.is_file("", label.path):
            raise call.error(f"no file '{label.path}' to export", argument=0)
        scope.declare(Target(label, "", {}, call.span, {}, (), grants))
    return None


def _grants(call: Call, name: str, value: Value) -> tuple[str, ...]:
    grants = texts(call, name, value)
    check_visibility(grants, call.argument_spans.get(name, call.span))
    return grants


BUILD_FUNCTIONS: dict[str, Value] = {
    "depset": DEPSET,
    "glob": Builtin("glob", _glob),
    "package": Builtin("package", _package),
    "exports_files": Builtin("exports_files", _exports_files),
    "select": SELECT,
    **KINDS,
}
