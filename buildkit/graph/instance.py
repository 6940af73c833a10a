"""Providers as the language has them: `provider(...)`, and the instances that rules return.

In: calls in .bzl files. Out: `Provider`, `Instance`, with the names of fields checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from buildkit.errors import Span, did_you_mean
from buildkit.graph.argument import described, text, wrong
from buildkit.lang import Builtin, Call, Dict, Function, HostValue, List, Value, equal, represent
from buildkit.lang.values import to_key

Prepare = Callable[[Call, dict[str, Value]], dict[str, Value]]


class Provider(HostValue):
    """Called with its fields it makes an instance; it also is the key that finds one in a target.

    `fields` None means any; `required` are those that each instance must have; `meanings` say what fields are. `init`
    is a function of the language whose result, a dict, are the fields; `prepare` is the same for the engine's own.
    """

    type_name = "provider"

    def __init__(
        self,
        name: str,
        fields: tuple[str, ...] | None,
        required: tuple[str, ...] = (),
        *,
        doc: str = "",
        meanings: Mapping[str, str] | None = None,
        init: Value = None,
        prepare: Prepare | None = None,
    ) -> None:
        self.name = name
        self.fields = fields
        self.required = required
        self.doc = doc
        self.meanings = dict(meanings or {})
        self.init = init
        self.prepare = prepare

    def exported(self, name: str) -> None:
        """Learn the name that the .bzl file gives it."""
        self.name = self.name or name

    def represent(self) -> str:
        """As it is printed."""
        return f"<provider {self.name}>" if self.name else "<provider>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return (self.init,) if self.init else ()

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Make an instance, from the fields or from what `init` makes of the arguments."""
        if self.init is None:
            return self.instance(call, positional, keyword)
        made = call.callback(self.init, positional, keyword)
        if not isinstance(made, Dict) or not all(isinstance(name, str) for name in made):
            message = f"'init' of provider '{self.name}' must return a dict of fields, found {described(made)}"
            raise call.error(message)
        return self.instance(call, [], {str(name): value for name, value in made.items()})

    def instance(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Make an instance of these fields, checking their names."""
        if positional:
            raise call.error(f"provider '{self.name}' takes its fields by name only", argument=0)
        for name in keyword:
            if self.fields is not None and name not in self.fields:
                hint = did_you_mean(name, self.fields) or "its fields are: " + (", ".join(self.fields) or "none")
                raise call.error(f"provider '{self.name}' has no field '{name}'", argument=name, hint=hint)
        for name in self.required:
            if name not in keyword:
                raise call.error(f"provider '{self.name}' needs the field '{name}'")
        fields = dict(keyword)
        return Instance(self, self.prepare(call, fields) if self.prepare else fields, call.span)


class RawConstructor(HostValue):
    """Makes instances of a provider without its `init`: the second result of `provider(init = ...)`."""

    type_name = "builtin_function_or_method"

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def represent(self) -> str:
        """As it is printed."""
        return f"<raw constructor of provider {self.provider.name}>"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return (self.provider,)

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Make an instance."""
        return self.provider.instance(call, positional, keyword)


class Instance(HostValue):
    """One target's facts of one provider. Two are equal where their provider and fields are."""

    is_instance = True

    def __init__(self, provider: Provider, fields: dict[str, Value], span: Span) -> None:
        self.provider = provider
        self.fields = fields
        self.span = span

    @property
    def type_name(self) -> str:  # type: ignore[override]
        """The provider's name."""
        return self.provider.name

    def attribute(self, name: str) -> Value:
        """A field; None for one that the provider has and this instance was not given."""
        if name in (self.provider.fields or ()):
            return self.fields.get(name)
        return self.fields[name]

    def attributes(self) -> Iterable[str]:
        """The names of the fields."""
        return sorted({*self.fields, *(self.provider.fields or ())})

    def represent(self) -> str:
        """As it is printed."""
        fields = ", ".join(f"{name} = {represent(value)}" for name, value in sorted(self.fields.items()))
        return f"{self.provider.name}({fields})"

    def holds(self) -> Iterable[Value]:
        """What freezes with it."""
        return self.fields.values()

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, Instance)
            and other.provider is self.provider
            and other.fields.keys() == self.fields.keys()
            and all(equal(value, other.fields[name]) for name, value in self.fields.items())
        )

    def __hash__(self) -> int:
        return hash((id(self.provider), *((name, to_key(value)) for name, value in sorted(self.fields.items()))))


def _provider(call: Call, doc: Value = "", *, fields: Value = None, init: Value = None) -> Value:
    if init is not None and not isinstance(init, Function):
        raise wrong(call, "init", init, "a function")
    names, meanings = _fields(call, fields)
    found = Provider("", names, doc="" if doc is None else text(call, "doc", doc), meanings=meanings, init=init)
    return (found, RawConstructor(found)) if init is not None else found


def _fields(call: Call, fields: Value) -> tuple[tuple[str, ...] | None, dict[str, str]]:
    """The names of fields, and what the author says of them."""
    if fields is None:
        return None, {}
    items: list[tuple[Any, Any]] = (
        list(fields.items()) if isinstance(fields, Dict) else [(name, "") for name in _listed(fields)]
    )
    if not all(isinstance(name, str) and isinstance(doc, str) for name, doc in items):
        raise wrong(call, "fields", fields, "a list of names, or a dict of names to what they mean")
    for name, _ in items:
        if not name.isidentifier():
            raise call.error(f"'fields' has {represent(name)}, which is no name", argument="fields")
    return tuple(name for name, _ in items), {name: doc for name, doc in items if doc}


def _listed(fields: Value) -> list[Value]:
    return list(fields) if isinstance(fields, (List, tuple)) else [None]


PROVIDER = Builtin("provider", _provider)
