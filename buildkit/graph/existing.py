"""`existing_rule` and `existing_rules`: what a package has declared so far, as macros may ask it.

In: the scope of the package that is being loaded. Out: dicts of attributes, a `kind` among them.
"""

from __future__ import annotations

from typing import Any

from buildkit.graph.argument import text
from buildkit.graph.attribute import LABELS
from buildkit.graph.conversion import LockFile
from buildkit.graph.package import Target
from buildkit.graph.rule import Rule
from buildkit.graph.scope import PackageScope
from buildkit.graph.select import Choice, SelectValue
from buildkit.graph.selection import DEFAULT, Branches, Selection
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Value, from_python


def _existing_rule(call: Call, name: Value) -> Value:
    return _all(call, "existing_rule").get(text(call, "name", name))


def _existing_rules(call: Call) -> Value:
    return from_python(_all(call, "existing_rules"))


def _all(call: Call, function: str) -> dict[str, Value]:
    scope = call.context
    if not isinstance(scope, PackageScope):
        raise call.error(f"'{function}' can be called only while a BUILD file is loaded")
    return {name: _described(scope.targets[name], rule) for name, rule in scope.rules.items()}


def _described(target: Target, rule: Rule) -> Value:
    """The attributes that a BUILD file may give; labels as they are written in the package."""
    shown = {"kind": rule.name, "visibility": list(target.visibility)}
    for name, plain in target.attributes.items():
        if not name.startswith("_") and plain is not None:
            shown[name] = _value(plain, target.label, rule.schema[name].kind in LABELS)
    return from_python(shown)


def _value(plain: Any, owner: Label, labels: bool) -> Any:
    if isinstance(plain, Selection):
        return SelectValue(tuple(_part(part, owner, labels) for part in plain.parts))
    if isinstance(plain, Label):
        return f":{plain.name}" if plain.package == owner.package and not plain.repository else str(plain)
    if isinstance(plain, LockFile):
        return plain.path
    if isinstance(plain, tuple):
        return [_value(item, owner, labels) for item in plain]
    if isinstance(plain, dict) and labels:
        return {_value(key, owner, labels): _value(item, owner, labels) for key, item in plain.items()}
    return plain


def _part(part: Any, owner: Label, labels: bool) -> Value | Choice:
    if not isinstance(part, Branches):
        return from_python(_value(part, owner, labels))
    branches = tuple(
        (str(label) if label else DEFAULT, from_python(_value(value, owner, labels)))
        for label, value in part.conditions
    )
    return Choice(branches, part.no_match_error)


EXISTING_RULE = Builtin("existing_rule", _existing_rule)
EXISTING_RULES = Builtin("existing_rules", _existing_rules)
