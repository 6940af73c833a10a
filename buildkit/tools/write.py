"""Text from a rule → a file."""

from __future__ import annotations

from buildkit.digest import Digest
from buildkit.store import BlobStore
from buildkit.tools.tool import tool


@tool(version=1, outputs=("file",))
def write(store: BlobStore, *, content: str, executable: bool | None = None) -> dict[str, Digest]:
    """A file with the given text. `executable` is the artifact's affair: bytes have no mode."""
    return {"file": store.put(content.encode())}
