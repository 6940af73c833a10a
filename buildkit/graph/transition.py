"""`transition(...)`: a dependency in another configuration than its user's, or in several.

In: calls in .bzl files; a target's attributes and its configuration. Out: `Transition`, and what it comes to for a
target: configurations, by the keys that `ctx.split_attr` has. `exec` is the transition that needs no function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.graph.argument import described, texts, wrong
from buildkit.graph.configuration import DEFAULT_PLATFORM, Configuration
from buildkit.graph.values import LabelValue, written_in
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, Function, HostValue, List, Printer, Struct, Value, call, from_python
from buildkit.lang import represent as shown

_FLAG = "//command_line_option:"
PLATFORMS, HOST, DEFINE = f"{_FLAG}platforms", f"{_FLAG}host_platform", f"{_FLAG}define"
_READ, _WRITTEN = (PLATFORMS, HOST, DEFINE), (PLATFORMS, DEFINE)

Branches = tuple[tuple[str | None, Configuration], ...]  # the key None is that of the only one


class Transition(HostValue):
    """How the configuration of a dependency follows from its user's: `implementation(settings, attr)` gives settings.

    One dict of settings is one configuration; a list of such, or a dict of such by keys, is several.
    """

    type_name = "transition"

    def __init__(self, implementation: Function, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> None:
        self.implementation = implementation
        self.inputs = inputs
        self.outputs = outputs

    def represent(self) -> str:
        """As it is printed."""
        return "<transition object>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return (self.implementation,)

    def branches(self, configuration: Configuration, attributes: Mapping[str, Any], printer: Printer) -> Branches:
        """The configurations of a dependency. Raises BuildError for what is no settings."""
        settings = _settings(configuration)
        given = Dict([(name, settings[name]) for name in self.inputs])
        attr = Struct("struct", {name: _attribute(plain) for name, plain in attributes.items()})
        result = call(self.implementation, [given, attr], {}, printer=printer)
        if isinstance(result, (List, tuple)):
            rows = [(str(number), one) for number, one in enumerate(result)]
        elif isinstance(result, Dict) and result.items() and all(isinstance(one, Dict) for _, one in result.items()):
            rows = [(self._key(key), one) for key, one in result.items()]
        else:
            return ((None, self._changed(configuration, result)),)
        if not rows:
            raise self._wrong(result)
        return tuple((key, self._changed(configuration, one)) for key, one in rows)

    def _key(self, key: Value) -> str:
        if isinstance(key, str):
            return key
        message = f"the transition '{self.implementation.name}' has the key {shown(key)}, expected a string"
        raise BuildError(message, hint="the keys are those of 'ctx.split_attr'")

    def _changed(self, configuration: Configuration, settings: Value) -> Configuration:
        if settings is None:
            return configuration
        if not isinstance(settings, Dict):
            raise self._wrong(settings)
        given = dict(settings.items())
        for name in given:
            if name not in self.outputs:
                message = (
                    f"the transition '{self.implementation.name}' gives {shown(name)}, which is none of its outputs"
                )
                raise BuildError(message, hint="its outputs are: " + (", ".join(self.outputs) or "none"))
        platform, defines = configuration.platform, configuration.defines
        if PLATFORMS in given:
            platform = self._platform(given[PLATFORMS])
        if DEFINE in given:
            defines = self._defines(given[DEFINE])
        return configuration.to(platform, defines)

    def _platform(self, value: Value) -> Label:
        one = value[0] if isinstance(value, (List, tuple)) and len(value) == 1 else value
        if isinstance(one, LabelValue):
            return one.label
        if not isinstance(one, str):
            message = f"the transition '{self.implementation.name}' gives '{PLATFORMS}' {described(value)}"
            raise BuildError(f"{message}, expected a label", hint="give one platform for each configuration")
        repository, package = written_in(self.implementation.span.path)
        return Label.parse(one, package, repository)

    def _defines(self, value: Value) -> tuple[tuple[str, str], ...]:
        rows = list(value) if isinstance(value, (List, tuple)) else [value]
        if not all(isinstance(one, str) and "=" in one[1:] for one in rows):
            message = f"the transition '{self.implementation.name}' gives '{DEFINE}' {shown(value)}"
            raise BuildError(f"{message}, expected a list of 'NAME=VALUE'")
        pairs = [str(one).partition("=") for one in rows]
        return tuple((name, text) for name, _, text in pairs)

    def _wrong(self, value: Value) -> BuildError:
        message = f"the transition '{self.implementation.name}' returned {shown(value)}, expected settings"
        hint = "return a dict of settings to values, or for several configurations a list or a dict of such"
        return BuildError(message, hint=hint)


def _settings(configuration: Configuration) -> dict[str, Value]:
    platform, host = configuration.platform or DEFAULT_PLATFORM, configuration.host or DEFAULT_PLATFORM
    defines = [f"{name}={text}" for name, text in configuration.defines]
    return {
        PLATFORMS: from_python([LabelValue(platform)]),
        HOST: LabelValue(host),
        DEFINE: from_python(defines),
    }


def _attribute(plain: Any) -> Value:
    """The plain value of an attribute as a transition sees it: labels, not what they name."""
    if isinstance(plain, Label):
        return LabelValue(plain)
    if isinstance(plain, (list, tuple)):
        return from_python([_attribute(item) for item in plain])
    if isinstance(plain, dict):
        return Dict([(_attribute(key), _attribute(item)) for key, item in plain.items()])
    return plain if plain is None or isinstance(plain, (bool, int, float, str)) else None


def _transition(call: Call, implementation: Value, inputs: Value, outputs: Value) -> Value:
    if not isinstance(implementation, Function) or len(implementation.parameters) != 2:
        raise wrong(call, "implementation", implementation, "a function of two arguments, settings and attr")
    return Transition(implementation, _named(call, "inputs", inputs, _READ), _named(call, "outputs", outputs, _WRITTEN))


def _named(call: Call, name: str, value: Value, known: tuple[str, ...]) -> tuple[str, ...]:
    found = texts(call, name, value)
    for one in found:
        if one not in known:
            hint = did_you_mean(one, known) or "there are: " + ", ".join(known)
            raise call.error(f"'{name}' has '{one}', which is no setting that it can be", argument=name, hint=hint)
    return found


TRANSITION = Builtin("transition", _transition)
