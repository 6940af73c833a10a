"""Reading documents from Debian mirrors: the first mirror that has the suite serves all of it.

In: this machine's sources. Out: bytes, checked against the Release where it names them. Touches the network.
"""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.fetch.address import local_path, shown
from buildkit.fetch.network import Absent, receive
from buildkit.fetch.sources import Sources
from buildkit.lock.release import Release
from buildkit.records import dataclass

if TYPE_CHECKING:
    import requests

_HINT = "check the network, and which mirror apt, or 'mirror' under [debian] in mbuild.toml, names"


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite on a mirror, and its InRelease as the mirror gave it."""

    address: str
    document: bytes
    sources: Sources

    @property
    def subject(self) -> str:
        """What messages call its Release."""
        return f"the Release of {shown(self.address)}"


def find_suite(name: str, sources: Sources) -> Suite:
    """The suite on the first mirror that has it. Raises EnvironmentFault if none has, or none answers."""
    if not sources.debian_mirrors:
        message = f"cannot resolve suite '{name}': no Debian mirror is configured"
        raise EnvironmentFault(message, hint="name one as 'mirror' under [debian] in mbuild.toml")
    faults: list[EnvironmentFault] = []
    for mirror in sources.debian_mirrors:
        address = f"{mirror}/dists/{name}"
        try:
            return Suite(address, _read(f"{address}/InRelease", f"the Release of suite '{name}'", sources), sources)
        except Absent:
            continue
        except EnvironmentFault as fault:
            faults.append(fault)
    asked = tuple(f"asked {shown(mirror)}" for mirror in sources.debian_mirrors)
    raise faults[0] if faults else EnvironmentFault(f"no mirror has the suite '{name}'", notes=asked, hint=_HINT)


def packages_text(suite: Suite, release: Release, component: str, architecture: str) -> str:
    """The Packages index of a component, unpacked, its size and sha256 checked against the Release."""
    folder = f"{component}/binary-{architecture}"
    for ending, unpack in (("xz", lzma.decompress), ("gz", lambda data: zlib.decompress(data, 31)), ("", bytes)):
        path = f"{folder}/Packages" + (f".{ending}" if ending else "")
        digest = release.files.get(path)
        if digest is None:
            continue
        for place in _places(path, digest, release):
            try:
                data = _read(f"{suite.address}/{place}", f"'{path}'", suite.sources)
            except Absent:
                continue
            _check(data, digest, f"{suite.address}/{place}")
            return unpack(data).decode("utf-8")
    raise BuildError(
        f"{suite.subject} has no packages of component '{component}' for architecture '{architecture}'",
        hint="check 'components' and 'architecture' of the target",
    )


def _places(path: str, digest: Digest, release: Release) -> Iterator[str]:
    """By digest first: a mirror in the middle of an update still has the index that its Release names."""
    if release.by_hash:
        yield f"{path.rpartition('/')[0]}/by-hash/SHA256/{digest.hex}"
    yield path


def _check(data: bytes, digest: Digest, address: str) -> None:
    found = Digest.of(data)
    if found != digest:
        raise BuildFailure(
            f"'{address.rpartition('/dists/')[2]}' is not the file that its Release names",
            notes=(
                f"expected {digest} ({digest.size} bytes)",
                f"found    {found} ({found.size} bytes)",
                f"from     {shown(address)}",
            ),
            hint="the mirror may be in the middle of an update: try again later, or use another one",
        )


def _read(url: str, subject: str, sources: Sources) -> bytes:
    path = local_path(url)
    if path is None:

        def whole(response: requests.Response) -> bytes:
            return response.content

        return receive(sources.network, url, whole, subject=subject, hint=_HINT)
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise Absent from None
    except OSError as fault:
        message = f"cannot read '{path}': {(fault.strerror or str(fault)).lower()}"
        raise EnvironmentFault(message, hint=_HINT) from fault
