"""`ctx.actions.run` and `ctx.actions.fetch`: what they are given, checked and made plain.

In: arguments of a call. Out: a command's words, root and environment; what to fetch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from buildkit.errors import BuildError
from buildkit.graph.action import HOST, Artifact, Data
from buildkit.graph.args import Args
from buildkit.graph.argument import dictionary, elements, integer, text, texts, wrong
from buildkit.graph.values import FileValue
from buildkit.lang import Call, Value, represent
from buildkit.reference import Reference

_SOURCES = ("python", "debian", "http", "registry")
_SHA256 = re.compile(r"[0-9a-f]{64}")
OUT = "out"

# Linux: a string of a command is at most 32 pages, and all of them together a quarter of the usual stack; the sandbox
# and the variables that every command has need a little of it.
_LONGEST = (128 << 10) - 1
_MOST = (2 << 20) - (128 << 10)
_POINTER = 8
_SHOWN = 40
_FILE = "write it to a file with ctx.actions.write, and let the command read that"


def words_of(
    call: Call, name: str, items: Iterable[Value], outputs: Collection[Artifact]
) -> tuple[tuple[str, ...], list[Artifact]]:
    """The words of a command, given as the argument `name`, and the Files among them that it reads.

    A File stands for its path in the working folder; an output's is out/PATH.
    """
    words: list[str] = []
    read: list[Artifact] = []

    def place(file: FileValue) -> str:
        if file.artifact in outputs:
            return f"{OUT}/{file.artifact.path}"
        read.append(file.artifact)
        return file.artifact.path

    for item in items:
        if isinstance(item, FileValue):
            words.append(place(item))
        elif isinstance(item, Args):
            words += item.expanded(call, place)
        elif isinstance(item, str):
            words.append(item)
        else:
            raise call.error(f"'{name}' must hold strings and Files, found {represent(item)}", argument=name)
    if not words:
        raise call.error(f"'{name}' is empty", argument=name)
    for word in words:
        _check_string(call, name, f"the word {_short(word)}", word)
    return tuple(words), read


def files_in(call: Call, name: str, value: Value) -> list[Artifact]:
    """A list or depset of Files."""
    found = elements(call, name, value)
    for item in found:
        if not isinstance(item, FileValue):
            raise call.error(f"'{name}' must hold Files, found {represent(item)}", argument=name)
    return [item.artifact for item in found]


def root_of(call: Call, value: Value) -> tuple[Artifact, ...] | str:
    """The layers that a command runs in, or "host"."""
    if isinstance(value, str):
        if value != HOST:
            raise call.error(f"'root' must be a list of layers or \"host\", found {represent(value)}", argument="root")
        return HOST
    layers = tuple(files_in(call, "root", value))
    if not layers:
        raise call.error("'root' is empty: a command needs layers to run in", argument="root")
    return layers


def environment_of(call: Call, value: Value) -> tuple[tuple[str, str], ...]:
    """The variables that a command sees, sorted."""
    variables = {} if value is None else dictionary(call, "environment", value)
    if not all(isinstance(content, str) for content in variables.values()):
        raise wrong(call, "environment", value, "a dict of strings")
    for name, content in variables.items():
        if not name or "=" in name or "\0" in name:
            message = f"'environment' has the name {_short(name)}: expected one that is not empty, without '=' and NUL"
            raise call.error(message, argument="environment")
        _check_string(call, "environment", f"the variable '{name}'", f"{name}={content}")
    return tuple(sorted((name, str(content)) for name, content in variables.items()))


def check_size(call: Call, words: Collection[str], environment: Collection[tuple[str, str]]) -> None:
    """Raise BuildError for a command that is too long to be started."""
    strings = (*words, *(f"{name}={content}" for name, content in environment))
    size = sum(_bytes(string) + 1 + _POINTER for string in strings)
    if size > _MOST:
        message = f"the command and its environment take {size} bytes, more than the {_MOST} that Linux can start"
        raise call.error(message, argument="command", hint=_FILE)


def _check_string(call: Call, argument: str, what: str, string: str) -> None:
    if "\0" in string:
        raise call.error(
            f"'{argument}' holds a NUL character in {what}, which no program can be given", argument=argument
        )
    if _bytes(string) > _LONGEST:
        message = (
            f"'{argument}' has {_bytes(string)} bytes in {what}, more than the {_LONGEST} that Linux allows in one"
        )
        raise call.error(message, argument=argument, hint=_FILE)


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def _short(text: str) -> str:
    return represent(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")


def check_places(call: Call, inputs: Collection[Artifact], where: Collection[str]) -> None:
    """Raise BuildError where a command would find two inputs in one place, or its outputs in an input's."""
    placed = list(zip(where, inputs, strict=True))
    places = dict(reversed(placed))
    for path, artifact in placed:
        above = path.split("/")
        if above[0] == OUT:
            raise call.error(
                f"a command could not see the input '{artifact.path}' of {artifact.owner}: "
                f"'{OUT}' in its working folder is for its outputs",
                argument="inputs",
                hint=f"give the folder or file '{OUT}' of the workspace another name",
            )
        for depth in range(1, len(above) + 1):
            other = places.get("/".join(above[:depth]), artifact)
            if other != artifact:
                which = f"'{artifact.path}' of {artifact.owner} and '{other.path}' of {other.owner}"
                raise call.error(f"two inputs would lie in one place: {which}", argument="inputs")


def fetch_arguments(call: Call, given: dict[str, Value]) -> dict[str, Data]:
    """What a fetch action is told, checked."""
    source, sha256 = text(call, "source", given["source"]), text(call, "sha256", given["sha256"])
    urls, size = texts(call, "urls", given["urls"]), integer(call, "size", given["size"])
    if source not in _SOURCES:
        raise call.error(f"'source' must be one of {', '.join(_SOURCES)}, found {represent(source)}", argument="source")
    if not _SHA256.fullmatch(sha256):
        raise call.error(
            f"'sha256' must be 64 lower-case hexadecimal digits, found {represent(sha256)}", argument="sha256"
        )
    if size < -1:
        raise call.error(f"'size' must be a number of bytes, or -1 where it is unknown, found {size}", argument="size")
    if source == "http" and not urls:
        raise call.error("'urls' is empty: a file from the web needs one", argument="urls")
    if source == "registry":
        _check_blob(call, given, sha256, size)
    return {
        "source": source,
        "name": text(call, "name", given["name"]),
        "version": text(call, "version", given["version"]),
        "filename": text(call, "filename", given["filename"]),
        "urls": urls,
        "sha256": sha256,
        "size": size,
    }


def _check_blob(call: Call, given: dict[str, Value], sha256: str, size: int) -> None:
    """A registry is asked for a blob of a repository by its digest; without its size it could be anything."""
    try:
        named = Reference.parse(text(call, "name", given["name"]))
    except BuildError as fault:
        raise call.error(fault.message, argument="name", hint="write 'host/repository'") from None
    if named.tag or named.digest:
        raise call.error(f"'name' must be 'host/repository', found {represent(given['name'])}", argument="name")
    if text(call, "filename", given["filename"]) != f"sha256:{sha256}":
        raise call.error("'filename' must be the blob's digest", argument="filename", hint=f"write 'sha256:{sha256}'")
    if size < 0:
        raise call.error("'size' is missing: a blob of a registry has one", argument="size")
