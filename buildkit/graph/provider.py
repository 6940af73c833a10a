"""The six providers that the engine knows by name (DESIGN.md section 3), as frozen Python values.

In: instances that rules return. Out: what commands act upon, checked field by field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from buildkit.errors import BuildError
from buildkit.graph.action import Artifact
from buildkit.graph.argument import described, wrong
from buildkit.graph.depset import Depset
from buildkit.graph.instance import Instance, Provider
from buildkit.graph.runfiles import Runfiles, file_depset
from buildkit.graph.values import FileValue
from buildkit.lang import Call, List, Value, to_python
from buildkit.records import dataclass
from buildkit.reference import Reference


def _default_info(call: Call, fields: dict[str, Value]) -> dict[str, Value]:
    """The files as a depset; the other fields checked."""
    executable = fields.get("executable")
    if executable is not None and not isinstance(executable, FileValue):
        raise wrong(call, "executable", executable, "a File")
    found: dict[str, Value] = {"executable": executable}
    if fields.get("files") is not None:
        found["files"] = file_depset(call, "files", fields["files"])
    for name in ("runfiles", "default_runfiles"):
        if fields.get(name) is not None and not isinstance(fields[name], Runfiles):
            raise call.error(f"'{name}' must be made by ctx.runfiles", argument=name)
    runfiles = fields.get("runfiles") or fields.get("default_runfiles") or Runfiles(Depset("default"))
    return found | {"runfiles": runfiles, "default_runfiles": runfiles}


DEFAULT_INFO = Provider("DefaultInfo", ("files", "runfiles", "executable", "default_runfiles"), prepare=_default_info)
_IMAGE_FIELDS = ("manifest", "config", "layers", "platform")
IMAGE_INFO = Provider("ImageInfo", _IMAGE_FIELDS, _IMAGE_FIELDS)
LOCK_INFO = Provider("LockInfo", ("kind", "request", "file"), ("kind", "request", "file"))
PUSH_INFO = Provider("PushInfo", ("image", "reference", "tags"), ("image", "reference"))
TEST_INFO = Provider("TestInfo", ("report",), ("report",))
RUN_INFO = Provider(
    "RunInfo", ("root", "command", "environment", "ports", "readiness", "requests"), ("root", "command")
)
KNOWN = {one.name: one for one in (DEFAULT_INFO, IMAGE_INFO, LOCK_INFO, PUSH_INFO, TEST_INFO, RUN_INFO)}


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """An image: its manifest, its config, its layers' blobs (lowest first), its platform (`linux/amd64`).

    Of an index: the index in the manifest's place, no config, the layers of all images in it, no platform.
    """

    manifest: Artifact
    config: Artifact | None
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
    """An image, the reference that it is pushed to, and further tags that it gets there.

    A tag may hold `{revision}` still, where the build is not stamped: whoever pushes says so then.
    """

    image: Artifact
    reference: str
    tags: tuple[str, ...] = ()


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
    requests: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def files_of(instance: Instance | None) -> tuple[Artifact, ...]:
    """The files of a DefaultInfo."""
    return _files(instance, "files") if instance else ()


def _image_info(instance: Instance) -> ImageInfo:
    return ImageInfo(
        _file(instance, "manifest"),
        _file(instance, "config") if instance.attribute("config") is not None else None,
        _files(instance, "layers"),
        _plain(instance, "platform", _is(str), "a string"),
    )


def _lock_info(instance: Instance) -> LockInfo:
    return LockInfo(
        _plain(instance, "kind", _is(str), "a string"),
        _plain(instance, "request", _mapping(_is_answerable), "a dict of strings to strings or lists of strings"),
        _plain(instance, "file", _is(str), "a string"),
    )


def _push_info(instance: Instance) -> PushInfo:
    info = PushInfo(
        _file(instance, "image"),
        _plain(instance, "reference", _is(str), "a string"),
        tuple(_plain(instance, "tags", _strings, "a list of strings", ())),
    )
    try:
        place = Reference.parse(_as_filled(info.reference))
        for tag in info.tags:
            Reference.parse(f"{place.host}/{place.repository}:{_as_filled(tag)}")
    except BuildError as error:
        raise BuildError(error.message, span=instance.span, hint=error.hint) from None
    return info


def _as_filled(text: str) -> str:
    """A reference or a tag, with a word in place of each part that is not filled in."""
    return re.sub(r"\{[^}]*\}", "x", text)


def _test_info(instance: Instance) -> TestInfo:
    return TestInfo(_file(instance, "report"))


def _run_info(instance: Instance) -> RunInfo:
    return RunInfo(
        _files(instance, "root"),
        tuple(_plain(instance, "command", _strings, "a list of strings")),
        _plain(instance, "environment", _mapping(_is(str)), "a dict of strings", {}),
        _plain(instance, "ports", _mapping(_is(int)), "a dict of strings to ints", {}),
        _plain(instance, "readiness", _is(str), "a string", ""),
        _plain(instance, "requests", _mapping(_mapping(_is_scalar)), "a dict of strings to dicts", {}),
    )


READERS: dict[Provider, Callable[[Instance], Any]] = {
    IMAGE_INFO: _image_info,
    LOCK_INFO: _lock_info,
    PUSH_INFO: _push_info,
    TEST_INFO: _test_info,
    RUN_INFO: _run_info,
}


def _file(instance: Instance, name: str) -> Artifact:
    value = instance.attribute(name)
    if not isinstance(value, FileValue):
        raise _wrong(instance, name, "a File", value)
    return value.artifact


def _files(instance: Instance, name: str) -> tuple[Artifact, ...]:
    value = instance.attribute(name)
    items = () if value is None else value
    listed = items.items() if isinstance(items, Depset) else items
    if not isinstance(listed, (list, List, tuple)):
        raise _wrong(instance, name, "a depset or list of Files", value)
    artifacts = [item.artifact for item in listed if isinstance(item, FileValue)]
    if len(artifacts) != len(listed):
        raise _wrong(instance, name, "a depset or list of Files", value)
    return tuple(artifacts)


_Check = Callable[[Any], bool]


def _plain(instance: Instance, name: str, fits: _Check, expected: str, default: Any = None) -> Any:
    value = to_python(instance.attribute(name))
    if value is None and default is not None:
        return default
    if not fits(value):
        raise _wrong(instance, name, expected, instance.attribute(name))
    return value


def _is(kind: type) -> _Check:
    return lambda value: type(value) is kind


def _strings(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, bool))


def _is_answerable(value: Any) -> bool:
    return _is_scalar(value) or _strings(value)


def _mapping(fits: _Check) -> _Check:
    return lambda value: isinstance(value, dict) and all(isinstance(k, str) and fits(v) for k, v in value.items())


def _wrong(instance: Instance, name: str, expected: str, value: Value) -> BuildError:
    message = f"field '{name}' of {instance.provider.name} must be {expected}, found {described(value)}"
    return BuildError(message, span=instance.span)
