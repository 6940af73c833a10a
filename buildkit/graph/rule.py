"""Rules: an attribute schema plus an implementation, and how a call of one in a BUILD file declares a target.

In: `rule(...)` in a .bzl file, then calls of it. Out: `Rule`; each call adds a `Target` to the package that is being
loaded, or faults to its list, so that all faults of a file are shown together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from buildkit.errors import BuildError, BuildErrors, Span, did_you_mean, nearest
from buildkit.graph.attribute import LABELS, OUTPUTS, Attribute
from buildkit.graph.conversion import convert
from buildkit.graph.instance import Provider
from buildkit.graph.outputs import filled
from buildkit.graph.package import PRIVATE, Target
from buildkit.graph.scope import PackageScope
from buildkit.graph.select import SelectValue, convert_select
from buildkit.graph.selection import Selection, attribute_labels
from buildkit.graph.visibility import read_grants
from buildkit.label import Label
from buildkit.lang import Call, HostValue, Value

# The attributes of every rule.
COMMON = {
    "name": Attribute("string", mandatory=True, configurable=False, doc="The target's name."),
    "visibility": Attribute(
        "string_list", configurable=False, doc="Who may depend on it; else the package's default_visibility."
    ),
    "target_compatible_with": Attribute(
        "label_list",
        doc="Constraint values that the platform must have; else patterns pass it over, and it cannot be built.",
    ),
    "tags": Attribute(
        "string_list",
        configurable=False,
        doc="Words that people find it by; 'manual' keeps it out of what patterns such as //... build and test.",
    ),
    "testonly": Attribute(
        "bool", configurable=False, doc="Whether only tests, and what is testonly too, may depend on it."
    ),
    "deprecation": Attribute("string", configurable=False, doc="What to use instead: told to who depends on it."),
    "licenses": Attribute("string_list", configurable=False, doc="Its licences, as SPDX names them."),
}


class Rule(HostValue):
    """A kind of target. It is known by the top-level name of a .bzl file that it was first bound to."""

    type_name = "rule"

    def __init__(
        self,
        implementation: Value,
        attributes: dict[str, Attribute],
        *,
        test: bool,
        doc: str,
        span: Span,
        executable: bool = False,
        outputs: Mapping[str, str] | None = None,
        provides: tuple[Provider, ...] = (),
        runs_on_target: bool = False,
    ) -> None:
        """`outputs` are patterns of the files that each target makes, by name: `%{name}.txt`. `runs_on_target` says
        that its actions run what is built for the target's platform.
        """
        self.name = ""
        self.executable = executable
        self.patterns = dict(outputs or {})
        self.provides = provides
        self.runs_on_target = runs_on_target
        self.visibility: tuple[str, ...] = (PRIVATE,)  # where neither a target nor its package says it
        self.testonly = test  # what its targets are that do not say it
        self.implementation = implementation
        self.schema = {**COMMON, **attributes}
        self.test = test
        self.doc = doc
        self.span = span
        self.public = sorted(name for name in self.schema if not name.startswith("_"))  # what a BUILD file may give
        self.naming = {name for name, attribute in self.schema.items() if attribute.kind in LABELS}
        self.outputs = [name for name, attribute in self.schema.items() if attribute.kind in OUTPUTS]
        self.edges = {name: attribute.cfg for name, attribute in self.schema.items() if attribute.cfg}
        self.defaults: dict[str, Any] = {}  # plain, as far as they were needed

    def needs(self, values: Mapping[str, Any]) -> tuple[tuple[Label, str], ...]:
        """The labels in some values of its attributes, and in their selections, with the attributes that name them."""
        found: list[tuple[Label, str]] = []
        for name, plain in values.items():
            if type(plain) is Selection:
                found += [(label, name) for label in attribute_labels(self.schema[name].kind, plain) or ()]
                found += [(label, name) for label in plain.conditions()]
            elif plain and name in self.naming:
                found += [(label, name) for label in attribute_labels(self.schema[name].kind, plain) or ()]
        return tuple(dict.fromkeys(found))

    def made(self, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The files that a target with these attributes says that it makes: pairs of what names it, and its name."""
        if not self.outputs and not self.patterns:
            return ()
        named = [(name, values.get(name)) for name in self.outputs]
        found = [
            (name, file)
            for name, plain in named
            for file in ((plain,) if isinstance(plain, str) else plain or ())
            if file
        ]
        return (*found, *((name, filled(pattern, values)) for name, pattern in self.patterns.items()))

    def exported(self, name: str) -> None:
        """Learn the name that the .bzl file gives it. Raises BuildError where it does not tell tests from others."""
        if self.implementation is not None and not self.name and self.test != name.endswith("_test"):
            what = "a rule with test = True" if self.test else "the name of a rule without test = True"
            raise BuildError(f"{what} must {'' if self.test else 'not '}end in '_test': '{name}'")
        self.name = self.name or name

    def represent(self) -> str:
        """As it is printed."""
        return f"<rule {self.name}>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return (self.implementation, *self.schema.values(), *self.provides)

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Declare a target in the package that is being loaded."""
        scope = call.context
        if not isinstance(scope, PackageScope):
            raise call.error(f"rule '{self.name}' can be called only while a BUILD file is loaded")
        if not self.name:
            raise call.error("a rule must be assigned to a top-level name of its .bzl file before it is called")
        if positional:
            raise call.error(f"rule '{self.name}' takes its attributes by name only", argument=0)
        declaration = _Declaration(self, call, keyword, scope)
        target = declaration.target()
        if target:
            scope.declare(target, self)
        scope.faults += declaration.faults
        return None


class _Declaration:
    """One call of a rule: what it gives, and what is wrong with it."""

    def __init__(self, rule: Rule, call: Call, given: dict[str, Value], scope: PackageScope) -> None:
        self.rule = rule
        self.call = call
        self.given = given
        self.scope = scope
        self.spans = call.argument_spans
        self.attribute = ""
        self.place = scope.place(self._current_span)
        self.faults: list[BuildError] = []
        self.meant: set[str | None] = set()

    def target(self) -> Target | None:
        """The target, or None where there are faults."""
        unknown = [name for name in self.given if name not in self.rule.public]
        self.faults += [self._unknown(name) for name in unknown]
        self.meant = {nearest(name, self.rule.public) for name in unknown}
        given, defaults = self.given.get, self.rule.defaults
        values = {
            name: defaults[name] if name in defaults and given(name) is None else self._value(name, attribute)
            for name, attribute in self.rule.schema.items()
        }
        self._inherit(values)
        label, visibility = self._label(values["name"]), self._visibility(values.pop("visibility"))
        if self.faults or label is None:
            return None
        spans: Any = self.spans  # by name only: no rule takes anything by position
        if unwritten := [name for name, value in self.given.items() if value is not None and name not in spans]:
            spans = {**spans, **dict.fromkeys(unwritten, self.call.span)}  # they came by **kwargs
        return Target(label, self.rule.name, values, self.call.span, spans, self.rule.needs(values), visibility)

    def _inherit(self, values: dict[str, Any]) -> None:
        """What the package says of all its targets, where this one says nothing."""
        for name, default in self.scope.defaults.items():
            if self.given.get(name) is None:
                values[name] = default
        if self.rule.testonly and self.given.get("testonly") is None:
            values["testonly"] = True

    def _value(self, name: str, attribute: Attribute) -> Any:
        value, self.attribute = self.given.get(name), name
        if value is None and attribute.mandatory:
            if name not in self.meant:  # a misspelt attribute is one mistake, not two
                message = f"rule '{self.rule.name}' needs the attribute '{name}'"
                self.faults.append(BuildError(message, span=self.call.span))
            return None
        try:
            if isinstance(value, SelectValue):
                return convert_select(attribute, name, value, self._default(name, attribute), self.place)
            return self._default(name, attribute) if value is None else convert(attribute, name, value, self.place)
        except BuildError as error:
            self.faults.append(error)
        except BuildErrors as errors:  # a lock may have several
            self.faults += errors.errors
        return None

    def _default(self, name: str, attribute: Attribute) -> Any:
        """It was written in the rule's file: its labels are relative to that."""
        defaults = self.rule.defaults
        if name not in defaults:
            place = self.scope.place_in(self.rule.span.path, self._current_span)
            plain = convert(attribute, name, attribute.default, place)
            if attribute.kind == "lock":  # it is read for each package that needs it
                return plain
            defaults[name] = plain
        return defaults[name]

    def _label(self, name: str | None) -> Label | None:
        try:
            return Label.parse(f":{name}", self.scope.package, self.scope.repository) if name is not None else None
        except BuildError:
            self.faults.append(BuildError(f"{name!r} is not a target name", span=self._span("name")))
            return None

    def _visibility(self, grants: tuple[str, ...]) -> tuple[str, ...]:
        if self.given.get("visibility") is None:
            default = self.scope.default_visibility
            return self.rule.visibility if default is None else default
        try:
            return read_grants(grants or (), self.scope.package, self._span("visibility"))
        except BuildError as error:
            self.faults.append(error)
        return ()

    def _current_span(self) -> Span:
        return self._span(self.attribute)

    def _span(self, name: str) -> Span:
        return self.spans.get(name) or self.call.span

    def _unknown(self, name: str) -> BuildError:
        known = self.rule.public
        hint = did_you_mean(name, known) or "its attributes are: " + ", ".join(known)
        return BuildError(f"rule '{self.rule.name}' has no attribute '{name}'", span=self._span(name), hint=hint)
