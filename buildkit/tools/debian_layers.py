"""Debian packages → a layer with the files that an installation would leave, without dpkg and without scripts.

What maintainer scripts would have done and matters is done here: merged /usr; the bundle of CA certificates and
OpenSSL's way to it; /tmp; passwd, group, nsswitch.conf; the time zone; `python3`; `awk`. Every package's control
stanza is kept in var/lib/dpkg/status.d, where scanners look. Setuid bits are dropped, owners are root.

Left out: usr/share/{man,info,lintian,doc-base,bug}, and usr/share/doc but for `copyright` files. Nothing else.

What would be larger than a layer may be is split by file, so the outputs are folders: mostly of one layer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from buildkit.content import Blob, Kind
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.layer import About
from buildkit.store import BlobStore
from buildkit.tools import usrmerge
from buildkit.tools.deb import Package, read
from buildkit.tools.grouping import split
from buildkit.tools.layer_output import OUTPUTS, check_names, compressed, in_folders, versioned
from buildkit.tools.merge import Content, Found, MergedTar, archived, entry_of, folder, linked, made, merged
from buildkit.tools.tool import tool

_OWNER = "mbuild"
_LEFT_OUT = re.compile(r"usr/share/(man|info|lintian|doc-base|bug|doc)(/|$)")
_KEPT = re.compile(r"usr/share/doc/[^/]+/copyright")
_DOC = re.compile(r"usr/share/doc/[^/]+")
_CERTIFICATE = re.compile(r"usr/share/ca-certificates/mozilla/[^/]+\.crt")
_PYTHON = re.compile(r"usr/bin/python3\.(\d+)")
_BUNDLE = "etc/ssl/certs/ca-certificates.crt"
_FOLDERS = ("dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var/tmp", "usr/bin", "usr/lib", "usr/lib64")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@tool(version=versioned(5), outputs=OUTPUTS, costly=True)
def debian_layers(
    store: BlobStore,
    *,
    debs: list[Blob],
    names: list[str],
    user: str | None = None,
    compression: str | None = None,
    max_layer_size: int | None = None,
    about: dict[str, str] | None = None,
) -> dict[str, Digest]:
    """A layer of all the packages; several where their files have more than `max_layer_size` bytes together (2 GB).

    `user` names the account 1000:1000 that servers run as ("model").
    """
    if user and not _USER.fullmatch(user):
        raise BuildFailure(f"'{user}' cannot be a user's name: expected lower-case letters, digits, '-' and '_'")
    check_names(debs, names)
    with store.temporary() as scratch, ExitStack() as opened:
        packages = _packages(store, debs, names, scratch)
        _refuse_repeated(packages, names)
        content = Content(opened)
        things = merged(thing for package, name in zip(packages, names, strict=True) for thing in _files(package, name))
        own = [thing for thing in _own(things, packages, content, user or "model") if _is_missing(thing, things)]
        every = merged([*things.values(), *own])
        layers = []
        for part, told in split(map(entry_of, every.values()), max_layer_size, About.of(about)):
            layer = MergedTar({entry.path: every[entry.path] for entry in part}, content)
            layers.append(
                compressed(
                    store, layer.stream(), layer.size, layer.tree, compression, about=told, programs=layer.programs
                )
            )
        return in_folders(store, layers)


def _packages(store: BlobStore, debs: list[Blob], names: list[str], scratch: Path) -> list[Package]:
    def unpack(number: int) -> Package:
        with store.open(debs[number].digest) as source:
            return read(source, names[number], scratch / str(number))

    with ThreadPoolExecutor(2) as threads:  # decompressors leave Python's lock
        return list(threads.map(unpack, range(len(debs))))


def _refuse_repeated(packages: list[Package], names: list[str]) -> None:
    seen: dict[str, str] = {}
    for package, name in zip(packages, names, strict=True):
        other = seen.setdefault(package.name, name)
        if other != name:
            raise BuildFailure(f"package '{package.name}' is there twice: {other} and {name}")


def _files(package: Package, name: str) -> Iterator[Found]:
    """What a package brings, at its place in the merged /usr, without what is left out."""
    return filter(_is_wanted, archived(package.files, name, usrmerge.relocated))


def _is_wanted(thing: Found) -> bool:
    if not _LEFT_OUT.match(thing.path) or _KEPT.fullmatch(thing.path):
        return True
    # `doc/libgomp1 -> gcc-12-base`: the way to a shared copyright file.
    return thing.kind is Kind.SYMLINK and bool(_DOC.fullmatch(thing.path))


def _is_missing(thing: Found, things: dict[str, Found]) -> bool:
    """Whether no package brings a thing of ours. What must be a folder may not be a link that leads elsewhere."""
    theirs = things.get(thing.path)
    if theirs and thing.kind is Kind.DIRECTORY and theirs.kind is not Kind.DIRECTORY:
        raise BuildFailure(f"'{thing.path}' of {theirs.owner} is a {theirs.kind}: expected a directory")
    return theirs is None


def _own(things: dict[str, Found], packages: Iterable[Package], content: Content, user: str) -> Iterator[Found]:
    """What scripts would have made."""
    yield from (folder(path, _OWNER) for path in _FOLDERS)
    yield folder("usr/sbin", _OWNER)
    yield from (linked(path, f"usr/{path}", _OWNER) for path in usrmerge.MERGED)
    yield from _accounts(user)
    yield from (_status(package) for package in packages)
    yield from _certificates(things, content)
    yield from _links(things)
    if "usr/share/zoneinfo/Etc/UTC" in things:
        yield linked("etc/localtime", "/usr/share/zoneinfo/Etc/UTC", _OWNER)
        yield made("etc/timezone", b"Etc/UTC\n", _OWNER)


def _accounts(user: str) -> Iterator[Found]:
    accounts = (("root", 0, "root", "/root"), (user, 1000, user, "/tmp"), ("nobody", 65534, "nogroup", "/nonexistent"))
    passwd = "".join(f"{name}:x:{number}:{number}::{home}:/usr/sbin/nologin\n" for name, number, _, home in accounts)
    group = "".join(f"{name}:x:{number}:\n" for _, number, name, _ in accounts)
    yield made("etc/passwd", passwd.encode(), _OWNER)
    yield made("etc/group", group.encode(), _OWNER)
    names = "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\nprotocols: files\n"
    yield made("etc/nsswitch.conf", f"{names}services: files\n".encode(), _OWNER)


def _status(package: Package) -> Found:
    """The stanza as dpkg's status file has it."""
    first, rest = package.control.split("\n", 1)
    stanza = f"{first}\nStatus: install ok installed\n{rest}"
    return made(f"var/lib/dpkg/status.d/{package.name}", stanza.encode(), _OWNER)


def _certificates(things: dict[str, Found], content: Content) -> Iterator[Found]:
    found = sorted(path for path in things if _CERTIFICATE.fullmatch(path))
    if found:
        texts = (content.read(things[path]).rstrip(b"\n") + b"\n" for path in found)
        yield made(_BUNDLE, b"".join(texts), _OWNER)
        yield linked("usr/lib/ssl/cert.pem", f"/{_BUNDLE}", _OWNER)
        yield linked("usr/lib/ssl/certs", "/etc/ssl/certs", _OWNER)


def _links(things: dict[str, Found]) -> Iterator[Found]:
    versions = [int(match[1]) for path in things if (match := _PYTHON.fullmatch(path))]
    if versions:
        yield linked("usr/bin/python3", f"python3.{max(versions)}", _OWNER)
    for implementation in ("gawk", "mawk"):
        if f"usr/bin/{implementation}" in things:
            yield linked("usr/bin/awk", implementation, _OWNER)
            return
