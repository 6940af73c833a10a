"""Conditions: which of them hold in a configuration, and which branch of a select that chooses.

In: a configuration, and the targets of a graph. Out: targets whose attributes are plain, or an error that tells what
was tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from buildkit.errors import BuildError, BuildErrors, did_you_mean
from buildkit.graph.configuration import Configuration
from buildkit.graph.package import Target
from buildkit.graph.platform import (
    COMPATIBLE_WITH,
    Platform,
    constraints_of,
    part_of,
    platform_of,
    real,
    setting_of,
)
from buildkit.graph.rule import Rule
from buildkit.graph.select import put_together
from buildkit.graph.selection import DEFAULT, Branches, Selection
from buildkit.label import Label

Requirements = frozenset[tuple[str, ...]]  # such as ("define", name, value): the more, the more specialised


class Conditions:
    """Decides conditions, each once. `platform` is the configuration's."""

    def __init__(
        self, configuration: Configuration, targets: Mapping[Label, Target], rules: Mapping[Label, Rule]
    ) -> None:
        """Raises BuildError where the configuration's platform is none."""
        self.configuration = configuration
        self._targets = targets
        self._rules = rules
        self._defines = dict(configuration.defines)
        self._decided: dict[Label, Requirements | None] = {}
        self.platform = _platform(configuration.platform, targets)
        self._host = _platform(configuration.host, targets)

    def resolved(self, target: Target) -> Target:
        """A target without selections: its attributes plain, its dependencies those of the branches that hold.

        Raises BuildErrors with the faults of all its attributes.
        """
        if Selection not in map(type, target.attributes.values()):  # most of many: found without a loop of Python's
            return target
        chosen = [name for name, plain in target.attributes.items() if isinstance(plain, Selection)]
        faults: list[BuildError] = []
        attributes = dict(target.attributes)
        for name in chosen:
            try:
                attributes[name] = self._plain(target, name)
            except BuildError as error:
                faults.append(error)
        if faults:
            raise BuildErrors(faults)
        return replace(target, attributes=attributes, dependencies=self._rules[target.label].needs(attributes))

    def lacking(self, target: Target) -> Label | None:
        """A constraint value that a resolved target must have and the platform has not; None where it has all."""
        for label in target.attributes.get(COMPATIBLE_WITH) or ():
            value = part_of(target, COMPATIBLE_WITH, label, self._targets)
            if not self._constraint(value)[1]:
                return value.label
        rule = self._rules.get(target.label)
        if rule and rule.runs_on_target and not self._host.runs(self.platform):
            return self._host.label
        return None

    def _plain(self, target: Target, name: str) -> Any:
        span = target.spans.get(name, target.span)
        values = [
            self._branch(part, target, name) if isinstance(part, Branches) else part
            for part in target.attributes[name].parts
        ]
        return put_together(self._rules[target.label].schema[name], name, values, span)

    def _branch(self, branches: Branches, target: Target, name: str) -> Any:
        held = [
            (label, needs, value)
            for label, value in branches.conditions
            if label is not None and (needs := self.requirements(label, target, name)) is not None
        ]
        best = [one for one in held if not any(one[1] < other[1] for other in held)]
        if not best:
            otherwise = [value for label, value in branches.conditions if label is None]
            if not otherwise:
                raise self._no_match(branches, target, name)
            return otherwise[0]
        if any(value != best[0][2] for _, _, value in best):
            raise BuildError(
                f"several branches of '{name}' hold, and none is more specialised than the others",
                span=target.spans.get(name, target.span),
                notes=[f"'{label}' asks for {_said(needs)}" for label, needs, _ in best],
                hint="let the condition that is to win ask for all that the others do, and more",
            )
        return best[0][2]

    def _no_match(self, branches: Branches, target: Target, name: str) -> BuildError:
        notes = [branches.no_match_error] if branches.no_match_error else []
        notes += [f"'{label}' does not hold" for label, _ in branches.conditions]
        notes.append(f"the configuration: {self.configuration} ({self.platform})")
        return BuildError(
            f"no branch of '{name}' holds for '{target.label}'",
            span=target.spans.get(name, target.span),
            notes=notes,
            hint=f"add a branch '{DEFAULT}', or build for another configuration",
        )

    def requirements(self, label: Label, user: Target, attribute: str) -> Requirements | None:
        """All that a condition asks for, or None where it does not hold.

        Raises BuildError, at the attribute of `user` that names it, where it is no condition.
        """
        if label not in self._decided:
            self._decided[label] = self._decide(self._actual(label), label, user, attribute)
        return self._decided[label]

    def _actual(self, label: Label) -> Target:
        target = self._targets[label]
        while target.rule == "alias":
            target = self._targets[self.resolved(target).attributes["actual"]]
        return target

    def _decide(self, target: Target, label: Label, user: Target, attribute: str) -> Requirements | None:
        if target.rule == "constraint_value":
            return self._all([self._constraint(target)])
        if target.rule == "config_setting":
            return self._all(self._asked(target))
        message = f"'{label}' is not a condition: it is {target.a_kind}"
        hint = "conditions are config_setting and constraint_value targets"
        raise BuildError(message, span=user.spans.get(attribute, user.span), hint=hint)

    @staticmethod
    def _all(asked: list[tuple[tuple[str, ...], bool]]) -> Requirements | None:
        return frozenset(what for what, _ in asked) if all(holds for _, holds in asked) else None

    def _asked(self, target: Target) -> list[tuple[tuple[str, ...], bool]]:
        """What a config_setting asks for, each with whether it is so."""
        given = target.attributes
        values = {name: self._targets[value] for name, value in constraints_of(target, self._targets).items()}
        asked = [self._constraint(value) for value in values.values()]
        defines = [*given["define_values"].items()]
        for flag, text in given["values"].items():
            if flag == "define":
                name, sign, value = text.partition("=")
                if not sign:
                    raise _flaw(target, f"'define' must be 'NAME=VALUE', found '{text}'")
                defines.append((name, value))
            elif flag in ("platform", "platforms"):
                label = _label(target, text)
                asked.append((("platform", str(label)), label == self.platform.label))
            else:
                hint = did_you_mean(flag, ("define", "platform")) or "it may ask for: define, platform"
                raise _flaw(target, f"config_setting cannot ask for the flag '{flag}'", hint)
        asked += [(("define", name, value), self._defines.get(name) == value) for name, value in defines]
        if not asked:
            hint = "give it define_values, constraint_values or values"
            raise BuildError(f"config_setting '{target.label}' asks for nothing", span=target.span, hint=hint)
        return asked

    def _constraint(self, value: Target) -> tuple[tuple[str, ...], bool]:
        setting = self._targets[setting_of(value, self._targets)]
        found = self.platform.constraints.get(setting.label)
        if found is None and (default := setting.attributes["default_constraint_value"]):
            found = _label(setting, default, "default_constraint_value")
        return ("constraint", str(value.label)), found == value.label


def _platform(label: Label | None, targets: Mapping[Label, Target]) -> Platform:
    if label is None:
        return Platform.default()
    if label in targets:
        return platform_of(real(label, targets), targets)
    if known := Platform.standard(label):
        return known
    hint = "let the rule have an attribute that names it, such as attr.label_list(), so that it is loaded"
    raise BuildError(f"a transition leads to the platform '{label}', which nothing names", hint=hint)


def _label(target: Target, text: str, attribute: str = "values") -> Label:
    try:
        return Label.parse(text, target.label.package, target.label.repository)
    except BuildError as error:
        raise _flaw(target, error.message, error.hint, attribute) from None


def _flaw(target: Target, message: str, hint: str | None = None, attribute: str = "values") -> BuildError:
    return BuildError(message, span=target.spans.get(attribute, target.span), hint=hint)


def _said(needs: Requirements) -> str:
    return ", ".join(f"{kind} {'='.join(rest)}" for kind, *rest in sorted(needs))
