"""The image's configuration: how to run it, and which layers make its root (image-spec, config.md).

In: a platform, settings of the process, the layers' diff ids. Out: the canonical JSON of an OCI image config.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from buildkit.oci.document import canonical
from buildkit.records import dataclass

EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class History:
    """A layer as the config's history tells it: what made it, and a remark; or an entry of another image's config."""

    created_by: str
    comment: str = ""
    inherited: Mapping[str, Any] | None = None

    def to_data(self, created: str) -> dict[str, Any]:
        """The entry of a layer made at a time; an inherited one stays as it is."""
        if self.inherited is not None:
            return dict(self.inherited)
        data = {"created": created, "created_by": self.created_by}
        return data | ({"comment": self.comment} if self.comment else {})


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """An image config. `process` holds the `config` object's fields: User, Env, Entrypoint and so on."""

    architecture: str
    os: str
    diff_ids: tuple[str, ...]
    history: tuple[History, ...]  # one for each layer, lowest first, and those of a base that made none
    process: dict[str, Any] = field(default_factory=dict)
    variant: str = ""
    author: str = ""
    created: str = EPOCH

    def to_json(self) -> bytes:
        """The canonical document; empty fields are left out."""
        data: dict[str, Any] = {
            "created": self.created,
            "architecture": self.architecture,
            "os": self.os,
            "rootfs": {"type": "layers", "diff_ids": list(self.diff_ids)},
            "history": [entry.to_data(self.created) for entry in self.history],
        }
        optional = {"config": self.process, "variant": self.variant, "author": self.author}
        return canonical(data | {key: value for key, value in optional.items() if value})
