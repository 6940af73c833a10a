"""`rule(...)` as .bzl files call it.

In: an implementation, attributes, and what else makes a kind of target. Out: a `Rule`, or the first fault in them.
"""

from __future__ import annotations

from typing import Any

from buildkit.errors import BuildError, BuildErrors, Span
from buildkit.graph.argument import boolean, dictionary, items, text, wrong
from buildkit.graph.attribute import Attribute
from buildkit.graph.conversion import LockFile, Place, convert
from buildkit.graph.instance import Provider
from buildkit.graph.outputs import places
from buildkit.graph.rule import COMMON, Rule
from buildkit.graph.values import written_in
from buildkit.lang import Builtin, Call, Dict, Function, Value, represent

_WORDS = ("string", "int", "bool", "label")  # kinds that a name of a file can be made of


def _rule(
    call: Call,
    implementation: Value,
    *,
    attrs: Value = None,
    test: Value = False,
    doc: Value = "",
    executable: Value = False,
    outputs: Value = None,
    provides: Value = (),
    runs_on_target: Value = False,
) -> Value:
    if not isinstance(implementation, Function):
        raise wrong(call, "implementation", implementation, "a function")
    if len(implementation.parameters) != 1:
        message = f"an implementation takes one argument, ctx: '{implementation.name}' takes "
        raise call.error(message + str(len(implementation.parameters)), argument="implementation")
    attributes = _attributes(call, {} if attrs is None else dictionary(call, "attrs", attrs))
    return Rule(
        implementation,
        attributes,
        test=boolean(call, "test", test),
        doc="" if doc is None else text(call, "doc", doc),
        span=call.span,
        executable=boolean(call, "executable", executable),
        outputs=_outputs(call, outputs, attributes),
        provides=_provides(call, provides),
        runs_on_target=boolean(call, "runs_on_target", runs_on_target),
    )


def _attributes(call: Call, given: dict[str, Value]) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {}
    for name, attribute in given.items():
        if not isinstance(attribute, Attribute):
            message = f"attribute '{name}' must be made by attr.*, found {represent(attribute)}"
            raise call.error(message, argument="attrs")
        if name in COMMON or not name.isidentifier():
            why = "is common to all rules" if name in COMMON else "is no name that a call can give"
            raise call.error(f"attribute '{name}' {why}", argument="attrs")
        if name.startswith("_") and attribute.mandatory:
            hint = "an attribute whose name begins with '_' is the rule's own: give it a default"
            message = f"attribute '{name}' is mandatory, and no BUILD file can give it"
            raise BuildError(message, span=attribute.span or call.span, hint=hint)
        _check_default(call, name, attribute)
        attributes[name] = attribute
    return attributes


def _check_default(call: Call, name: str, attribute: Attribute) -> None:
    """Raise BuildError where a default, or one of the values allowed, is not of the attribute's kind."""
    span = attribute.span or call.span
    place = Place(*written_in(call.span.path), lambda: span, _no_lock)
    checked = Attribute(attribute.kind)
    for value in attribute.values:
        _converted(checked, f"a value of attribute '{name}'", name, value, place)
    if attribute.default is not None:
        checked = Attribute(attribute.kind, values=attribute.values)
        _converted(checked, f"the default of attribute '{name}'", name, attribute.default, place)


def _converted(attribute: Attribute, what: str, name: str, value: Value, place: Place) -> None:
    try:
        convert(attribute, name, value, place)
    except BuildError as error:
        message = error.message.replace(f"attribute '{name}'", what, 1)
        raise BuildError(message, span=place.span, hint=error.hint) from None
    except BuildErrors as errors:
        raise errors.errors[0] from None


def _no_lock(path: str, span: Span) -> LockFile:
    return LockFile(path, None, span)


def _outputs(call: Call, value: Value, attributes: dict[str, Attribute]) -> dict[str, str]:
    """Patterns by name, each of attributes that a name can be made of."""
    found: dict[str, str] = {}
    for name, pattern in ({} if value is None else dictionary(call, "outputs", value)).items():
        if not isinstance(pattern, str) or not isinstance(value, Dict):
            raise wrong(call, "outputs", value, "a dict of names to patterns such as '%{name}.txt'")
        if name in attributes or not name.isidentifier():
            why = "is an attribute too" if name in attributes else "is no name"
            raise call.error(f"output '{name}' {why}", argument="outputs")
        for place in places(pattern):
            if place != "name" and (place not in attributes or attributes[place].kind not in _WORDS[:3]):
                message = f"output '{name}': '%{{{place}}}' names no attribute of one word"
                raise call.error(message, argument="outputs", hint="use %{name}, or a string, int or bool attribute")
        if "%{" not in pattern:
            message = f"output '{name}': '{pattern}' is the same file for each target of a package"
            raise call.error(message, argument="outputs", hint="put %{name} into it")
        found[name] = pattern
    return found


def _provides(call: Call, value: Value) -> tuple[Provider, ...]:
    found: list[Any] = items(call, "provides", value)
    if not all(isinstance(provider, Provider) for provider in found):
        raise wrong(call, "provides", value, "a list of providers")
    return tuple(found)


RULE = Builtin("rule", _rule)
