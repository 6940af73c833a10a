"""The functions that BUILD files call besides rules: `glob`, `package`, `exports_files`, `package_group` and others.

In: a call while a package is loaded. Out: file names, or a change of the package's scope.
"""

from __future__ import annotations

from buildkit.errors import BuildError
from buildkit.graph.argument import boolean, text, texts
from buildkit.graph.depset import DEPSET
from buildkit.graph.existing import EXISTING_RULE, EXISTING_RULES
from buildkit.graph.kinds import KINDS, TEST_SUITE
from buildkit.graph.package import PUBLIC, Target
from buildkit.graph.scope import PackageScope
from buildkit.graph.select import SELECT
from buildkit.graph.values import LabelValue
from buildkit.graph.visibility import read_grants, read_packages
from buildkit.label import Label
from buildkit.lang import Builtin, Call, List, Value, represent


def scope_of(call: Call, name: str) -> PackageScope:
    """The package that is being loaded. Raises BuildError where none is: `name` is what was called."""
    if not isinstance(call.context, PackageScope):
        raise call.error(f"'{name}' can be called only while a BUILD file is loaded")
    return call.context


def _glob(call: Call, include: Value, exclude: Value = (), allow_empty: Value = False) -> Value:
    scope = scope_of(call, "glob")
    patterns = texts(call, "include", include)
    found = scope.files.glob(scope.package, patterns, texts(call, "exclude", exclude))
    if not found and not boolean(call, "allow_empty", allow_empty):
        what = ", ".join(represent(pattern) for pattern in patterns) or "an empty list of patterns"
        raise call.error(
            f"glob matches nothing: no file of package '//{scope.package}' matches {what}",
            hint="correct the pattern, or say allow_empty = True",
        )
    return List(found)


def _package(
    call: Call,
    *,
    default_visibility: Value = None,
    default_testonly: Value = None,
    default_deprecation: Value = None,
    default_licenses: Value = None,
) -> Value:
    scope = scope_of(call, "package")
    if scope.targets:
        raise call.error("'package' must come before the targets that it is about")
    if scope.described:
        raise call.error("'package' is called twice", hint="one call can say all of it")
    scope.described = True
    if default_visibility is not None:
        scope.default_visibility = _grants(call, "default_visibility", default_visibility)
    if default_testonly is not None:
        scope.defaults["testonly"] = boolean(call, "default_testonly", default_testonly)
    if default_deprecation is not None:
        scope.defaults["deprecation"] = text(call, "default_deprecation", default_deprecation)
    if default_licenses is not None:
        scope.defaults["licenses"] = texts(call, "default_licenses", default_licenses)
    return None


def _licenses(call: Call, license_types: Value) -> Value:
    scope_of(call, "licenses").defaults["licenses"] = texts(call, "license_types", license_types)
    return None


def _exports_files(call: Call, srcs: Value, visibility: Value = (PUBLIC,), licenses: Value = None) -> Value:
    scope = scope_of(call, "exports_files")
    grants = _grants(call, "visibility", (PUBLIC,) if visibility is None else visibility)
    if licenses is not None:
        texts(call, "licenses", licenses)
    for name in texts(call, "srcs", srcs):
        label = Label.parse(f":{name}", scope.package)
        if not scope.files.is_file("", label.path):
            raise call.error(f"no file '{label.path}' to export", argument=0)
        scope.declare(Target(label, "", {}, call.span, {}, (), grants))
    return None


def _package_group(call: Call, *, name: Value, packages: Value = (), includes: Value = ()) -> Value:
    scope = scope_of(call, "package_group")
    listed = read_packages(texts(call, "packages", packages), call.argument_spans.get("packages", call.span))
    span = call.argument_spans.get("includes", call.span)
    try:
        label = Label.parse(f":{text(call, 'name', name)}", scope.package)
        included = tuple(Label.parse(one, scope.package) for one in texts(call, "includes", includes))
    except BuildError as error:
        raise BuildError(error.message, span=error.span or span, hint=error.hint) from None
    spans = {name: span for name, span in call.argument_spans.items() if isinstance(name, str)}
    needed = tuple((one, "includes") for one in included)
    attributes = {"name": label.name, "packages": listed, "includes": included}
    scope.declare(Target(label, "", attributes, call.span, spans, needed))
    return None


def _package_name(call: Call) -> Value:
    return scope_of(call, "package_name").package


def _repository_name(call: Call) -> Value:
    return "@" + scope_of(call, "repository_name").repository


def _package_relative_label(call: Call, input: Value) -> Value:
    scope = scope_of(call, "package_relative_label")
    if isinstance(input, LabelValue):
        return input
    return LabelValue(Label.parse(text(call, "input", input), scope.package, scope.repository))


def _grants(call: Call, name: str, value: Value) -> tuple[str, ...]:
    package = scope_of(call, name).package
    return read_grants(texts(call, name, value), package, call.argument_spans.get(name, call.span))


BUILD_FUNCTIONS: dict[str, Value] = {
    "depset": DEPSET,
    "glob": Builtin("glob", _glob),
    "package": Builtin("package", _package),
    "exports_files": Builtin("exports_files", _exports_files),
    "package_group": Builtin("package_group", _package_group),
    "licenses": Builtin("licenses", _licenses),
    "package_name": Builtin("package_name", _package_name),
    "repository_name": Builtin("repository_name", _repository_name),
    "package_relative_label": Builtin("package_relative_label", _package_relative_label),
    "existing_rule": EXISTING_RULE,
    "existing_rules": EXISTING_RULES,
    "select": SELECT,
    **KINDS,
    "test_suite": TEST_SUITE,
}
