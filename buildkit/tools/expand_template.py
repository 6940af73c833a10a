"""A template → a file, with some strings replaced."""

from __future__ import annotations

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.store import BlobStore
from buildkit.tools.tool import Json, tool


@tool(version=1, outputs=("file",))
def expand_template(
    store: BlobStore, *, template: Blob, substitutions: Json, executable: bool | None = None
) -> dict[str, Digest]:
    """The template's bytes, each key of `substitutions` ([key, value] pairs) replaced, one after the other."""
    content = store.read(template.digest)
    for key, value in substitutions:
        content = content.replace(key.encode(), value.encode())
    return {"file": store.put(content)}
