"""Providers: typed facts that a target hands to those that depend on it.

In: `provider(...)` in a .bzl file. Out: instances in the language, and for the six that the engine knows by name
(DESIGN.md section 3) frozen Python values, checked field by field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.graph.action import Artifact
from buildkit.graph.values import FileValue
from buildkit.lang import Builtin, Call, HostValue, List, Value, freeze, represent, to_python, type_name


class ProviderValue(HostValue):
    """A provider: called with its fields it makes an instance; it also is the key that finds one in a target."""

    type_name = "provider"

    def __init__(self, name: str, fields: tuple[str, ...] | None, required: tuple[str, ...] = ()) -> None:
        self.name = name
        self.fields = fields
        self.required = required

    def exported(self, name: str) -> None:
        """Learn the name that the .bzl file gives it."""
        self.name = self.name or name

    def represent(self) -> str:
        """As it is printed."""
        return f"<provider {self.name}>"

    def invoke(self, call: Call, positional: list[Value], keyword: dict[str, Value]) -> Value:
        """Make an instance, checking the names of its fields."""
        if positional:
            raise call.error(f"{self.name} takes its fields by name only")
        for name in keyword:
            if self.fields is not None and name not in self.fields:
                raise call.error(
                    f"provider '{self.name}' has no field '{name}'",
                    argument=name,
                    hint="its fields are: " + ", ".join(self.fields),
                )
        for name in self.required:
            if name not in keyword:
                raise call.error(f"provider '{self.name}' needs the field '{name}'")
        return Instance(self, dict(keyword), call.span)


class Instance(HostValue):
    """One target's facts of one provider."""

    def __init__(self, provider: ProviderValue, fields: dict[str, Value], span: Span) -> None:
        self.provider = provider
        self.fields = fields
        self.span = span

    @property
    def type_name(self) -> str:  # type: ignore[override]
        """The provider's name."""
        return self.provider.name

    def attribute(self, name: str) -> Value:
        """A field; None for one that the provider has and this instance was not given."""
        if name in self.fields or name not in (self.provider.fields or ()):
            return self.fields[name]
        return None

    def attributes(self) -> Iterable[str]:
        """The names of the fields."""
        return sorted({*self.fields, *(self.provider.fields or ())})

    def represent(self) -> str:
        """As it is printed."""
        return f"{self.provider.name}({', '.join(f'{k} = {represent(v)}' for k, v in sorted(self.fields.items()))})"

    def freeze(self) -> None:
        """Freeze the fields' values."""
        for value in self.fields.values():
            freeze(value)


def _provider(call: Call, doc: str = "", *, fields: Any = None) -> Value:
    names = None if fields is None else tuple(str(name) for name in fields)
    return ProviderValue("", names)


PROVIDER = Builtin("provider", _provider)
DEFAULT_INFO = ProviderValue("DefaultInfo", ("files",))
IMAGE_INFO = ProviderValue(
    "ImageInfo", ("manifest", "config", "layers", "platform"), ("manifest", "config", "layers", "platform")
)
LOCK_INFO = ProviderValue("LockInfo", ("kind", "request", "file"), ("kind", "request", "file"))
PUSH_INFO = ProviderValue("PushInfo", ("image", "reference"), ("image", "reference"))
TEST_INFO = ProviderValue("TestInfo", ("report",), ("report",))
RUN_INFO = ProviderValue(
    "RunInfo", ("root", "command", "environment", "ports", "readiness", "requests"), ("root", "command")
)
KNOWN = {
    value.name: value for value in (DEFAULT_INFO, IMAGE_INFO, LOCK_INFO, PUSH_INFO, TEST_INFO, RUN_INFO)
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image: its manifest, its config, its layers' blobs (lowest first), its platform (`linux/amd64`)."""

    manifest: Artifact
    config: Artifact
    layers: tuple[Artifact, ...]
    platform: str


@dataclass(frozen=True, slots=True)
class LockInfo:
    """What `mbuild lock` resolves: a kind, a request in plain data, the lock's path from the workspace's root."""

    kind: str
    request: Mapping[str, Any]
    file: str


@dataclass(frozen=True, slots=True)
class PushInfo:
    """An image and the reference that it is pushed to."""

    image: Artifact
    reference: str


@dataclass(frozen=True, slots=True)
class TestInfo:
    """Building the report is running the test."""

    __test__ = False
    report: Artifact


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A server: its root's layers, command, environment, ports by name, readiness path, and named HTTP requests.

    Values of the environment may hold `{host}` and `{PORT}` (a port's name), which `mbuild run` fills in.
    """

    root: tuple[Artifact, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    readiness: str = ""
    requests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def files_of(instance: Instance | None) -> tuple[Artifact, ...]:
    """The files of a DefaultInfo."""
    return _artifacts(instance, "files") if instance else ()


def image_info(instance: Instance) -> ImageInfo:
    """Read an ImageInfo."""
    return ImageInfo(
        _artifact(instance, "manifest"),
        _artifact(instance, "config"),
        _artifacts(instance, "layers"),
        _plain(instance, "platform", str, "string"),
    )


def lock_info(instance: Instance) -> LockInfo:
    """Read a LockInfo."""
    return LockInfo(
        _plain(instance, "kind", str, "string"),
        _plain(instance, "request", dict, "dict"),
        _plain(instance, "file", str, "string"),
    )


def push_info(instance: Instance) -> PushInfo:
    """Read a PushInfo."""
    return PushInfo(_artifact(instance, "image"), _plain(instance, "reference", str, "string"))


def test_info(instance: Instance) -> TestInfo:
    """Read a TestInfo."""
    return TestInfo(_artifact(instance, "report"))


def run_info(instance: Instance) -> RunInfo:
    """Read a RunInfo."""
    return RunInfo(
        _artifacts(instance, "root"),
        tuple(_plain(instance, "command", list, "list")),
        _plain(instance, "environment", dict, "dict", {}),
        _plain(instance, "ports", dict, "dict", {}),
        _plain(instance, "readiness", str, "string", ""),
        _plain(instance, "requests", dict, "dict", {}),
    )


READERS: dict[str, Callable[[Instance], Any]] = {
    "ImageInfo": image_info,
    "LockInfo": lock_info,
    "PushInfo": push_info,
    "TestInfo": test_info,
    "RunInfo": run_info,
}


def _artifact(instance: Instance, name: str) -> Artifact:
    value = instance.attribute(name)
    if not isinstance(value, FileValue):
        raise _wrong(instance, name, "File", value)
    return value.artifact


def _artifacts(instance: Instance, name: str) -> tuple[Artifact, ...]:
    value = instance.attribute(name)
    if value is None:
        return ()
    artifacts: list[Artifact] = []
    for item in value if isinstance(value, (List, tuple)) else [value]:
        if not isinstance(item, FileValue):
            raise _wrong(instance, name, "list of Files", value)
        artifacts.append(item.artifact)
    return tuple(artifacts)


def _plain(instance: Instance, name: str, kind: type, expected: str, default: Any = None) -> Any:
    value = to_python(instance.attribute(name))
    if value is None and default is not None:
        return default
    if not isinstance(value, kind):
        raise _wrong(instance, name, expected, instance.attribute(name))
    return value


def _wrong(instance: Instance, name: str, expected: str, value: Value) -> BuildError:
    return BuildError(
        f"field '{name}' of {instance.provider.name} must be a {expected}, found a {type_name(value)}",
        span=instance.span,
    )
