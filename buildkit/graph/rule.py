"""Rules: an attribute schema plus an implementation, and how a call of one in a BUILD file declares a target.

In: `rule(...)` in a .bzl file, then calls of it. Out: `Rule`; each call adds a `Target` to the package that is being
loaded, or a fault to its list, so that all faults of a file are shown together.
"""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildError, Span, did_you_mean, nearest
from buildkit.graph.attribute import Attribute, convert
from buildkit.graph.package import Target, check_visibility
from buildkit.graph.scope import PackageScope
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, HostValue, Value, freeze, represent

_COMMON = {
    "name": Attribute("string", mandatory=True),
    "visibility": Attribute("string_list"),
    "tags": Attribute("string_list"),
}


class Rule(HostValue):
    """A kind of target. Its identity is the file and name that it was first bound to."""

    type_name = "rule"

    def __init__(
        self, implementation: Value, attributes: dict[str, Attribute], *, test: bool, doc: str, span: Span
    ) -> None:
        self.name = ""
        self.implementation = implementation
        self.schema = {**_COMMON, **attributes}
        self.test = test
        self.doc = doc
        self.span = span

    @property
    def identity(self) -> str:
        """`file%name`, by which targets name their rule."""
        return f"{self.span.path}%{self.name}"

    def exported(self, name: str) -> None:
        """Learn the name that the .bzl file gives it."""
        self.name = self.name or name

    def represent(self) -> str:
        """As it is printed."""
        return f"<rule {self.name}>"

    def freeze(self) -> None:
        """A rule is made of frozen things."""
        freeze(self.implementation)

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Declare a target in the package that is being loaded."""
        scope = call.context
        if not isinstance(scope, PackageScope):
            raise call.error(f"rule '{self.name}' can be called only while a BUILD file is loaded")
        if positional:
            raise call.error(f"rule '{self.name}' takes its attributes by name only", argument=0)
        faults: list[BuildError] = []
        target = self._target(call, keyword, scope, faults)
        if target and not faults:
            scope.declare(target, self)
        scope.faults += faults
        return None

    def _target(
        self, call: Call, given: dict[str, Value], scope: PackageScope, faults: list[BuildError]
    ) -> Target | None:
        values: dict[str, Any] = {}
        dependencies: list[tuple[Label, str]] = []
        unknown = [name for name in given if name not in self.schema]
        faults += [self._unknown(call, name) for name in unknown]
        meant = {nearest(name, self.schema) for name in unknown}
        for name, attribute in self.schema.items():
            span = call.argument_spans.get(name, call.span)
            value = given.get(name)
            if value is None and attribute.mandatory:
                if name not in meant:  # a misspelt attribute is one mistake, not two
                    faults.append(BuildError(f"rule '{self.name}' needs the attribute '{name}'", span=call.span))
                continue
            # A default was written in the rule's file: its labels are relative to that.
            written = scope.place(span) if value is not None else scope.place_in(self.span.path, span)
            try:
                plain = convert(attribute, name, attribute.default if value is None else value, written)
            except BuildError as error:
                faults.append(error)
                continue
            values[name] = plain
            dependencies += [(label, name) for label in _labels(attribute, plain)]
        if faults:
            return None
        return self._checked(call, values, dependencies, scope, faults)

    def _checked(
        self,
        call: Call,
        values: dict[str, Any],
        dependencies: list[tuple[Label, str]],
        scope: PackageScope,
        faults: list[BuildError],
    ) -> Target | None:
        try:
            label = Label.parse(f":{values['name']}", scope.package)
            visibility = values.pop("visibility") or scope.default_visibility
            check_visibility(visibility, call.argument_spans.get("visibility", call.span))
        except BuildError as error:
            span = error.span or call.argument_spans.get("name", call.span)
            faults.append(BuildError(error.message, span=span, hint=error.hint))
            return None
        spans = {name: span for name, span in call.argument_spans.items() if isinstance(name, str)}
        return Target(label, self.identity, values, call.span, spans, tuple(dependencies), visibility)

    def _unknown(self, call: Call, name: str) -> BuildError:
        return BuildError(
            f"rule '{self.name}' has no attribute '{name}'",
            span=call.argument_spans.get(name, call.span),
            hint=did_you_mean(name, self.schema) or "its attributes are: " + ", ".join(sorted(self.schema)),
        )


def _labels(attribute: Attribute, plain: Any) -> tuple[Label, ...]:
    match attribute.kind:
        case "label":
            return (plain,) if plain else ()
        case "label_list":
            return tuple(plain)
        case "label_dict":
            return tuple(plain.values())
    return ()


def _rule(call: Call, *, implementation: Value, attrs: Value = None, test: bool = False, doc: str = "") -> Value:
    attributes: dict[str, Attribute] = {}
    for name, attribute in attrs.items() if isinstance(attrs, Dict) else ():
        if not isinstance(attribute, Attribute):
            raise call.error(
                f"attribute '{name}' must be made by attr.*, found {represent(attribute)}", argument="attrs"
            )
        if name in _COMMON:
            raise call.error(f"attribute '{name}' is common to all rules", argument="attrs")
        attributes[name] = attribute
    return Rule(implementation, attributes, test=test, doc=doc, span=call.span)


RULE = Builtin("rule", _rule)
