"""Providers as the language has them: `provider(...)`, and the instances that rules return.

In: calls in .bzl files. Out: `Provider`, `Instance`, with the names of fields checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from buildkit.errors import Span, did_you_mean
from buildkit.graph.argument import dictionary, text, wrong
from buildkit.lang import Builtin, Call, Dict, HostValue, List, Value, represent


class Provider(HostValue):
    """Called with its fields it makes an instance; it also is the key that finds one in a target.

    `fields` None means any; `required` are those that each instance must have.
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
    ) -> None:
        self.name = name
        self.fields = fields
        self.required = required
        self.doc = doc
        self.meanings = meanings or {}  # what a field is, where `fields` says it

    def exported(self, name: str) -> None:
        """Learn the name that the .bzl file gives it."""
        self.name = self.name or name

    def represent(self) -> str:
        """As it is printed."""
        return f"<provider {self.name}>"

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Make an instance, checking the names of its fields."""
        if positional:
            raise call.error(f"provider '{self.name}' takes its fields by name only", argument=0)
        for name in keyword:
            if self.fields is not None and name not in self.fields:
                hint = did_you_mean(name, self.fields) or "its fields are: " + ", ".join(self.fields)
                raise call.error(f"provider '{self.name}' has no field '{name}'", argument=name, hint=hint)
        for name in self.required:
            if name not in keyword:
                raise call.error(f"provider '{self.name}' needs the field '{name}'")
        return Instance(self, dict(keyword), call.span)


class Instance(HostValue):
    """One target's facts of one provider."""

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


def _provider(call: Call, doc: Value = "", *, fields: Value = None) -> Value:
    told = text(call, "doc", doc)
    if fields is None:
        return Provider("", None, doc=told)
    names = list(fields) if isinstance(fields, (List, tuple, Dict)) else [None]
    if not all(isinstance(name, str) for name in names):
        raise wrong(call, "fields", fields, "a list of names, or a dict of names to what they mean")
    meanings = dictionary(call, "fields", fields) if isinstance(fields, Dict) else {}
    meant = {name: meaning for name, meaning in meanings.items() if isinstance(meaning, str)}
    return Provider("", tuple(str(name) for name in names), doc=told, meanings=meant)


PROVIDER = Builtin("provider", _provider)
