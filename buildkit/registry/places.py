"""Which repository of a registry a blob was brought to before, by this machine.

In: a host, a digest, a repository. Out: a repository to mount from, so that what was pushed once is not sent again to
another repository of the same host. Only a hint: a registry that lacks the blob there takes it as an upload.
"""

from __future__ import annotations

from buildkit.digest import Digest, Key
from buildkit.errors import BuildError
from buildkit.records import dataclass
from buildkit.reference import Reference
from buildkit.store import SpareFiles


@dataclass(frozen=True, slots=True)
class Places:
    """Kept in the store's folder, a small file for each blob and host."""

    files: SpareFiles

    def find(self, host: str, digest: Digest) -> Reference | None:
        """The last repository of the host that got the blob."""
        kept = self.files.get(_key(host, digest))
        try:
            return Reference.parse(f"{host}/{kept.decode()}") if kept else None
        except (BuildError, UnicodeDecodeError):
            return None

    def note(self, host: str, repository: str, digest: Digest) -> None:
        """Keep where a blob is now."""
        key, data = _key(host, digest), repository.encode()
        if self.files.get(key) != data:
            self.files.put(key, data)


def _key(host: str, digest: Digest) -> Key:
    return Key.of("pushed", host, digest.hex)
