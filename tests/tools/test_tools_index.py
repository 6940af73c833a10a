"""The tool that writes an image index."""

import json

import pytest
from tools_archives import blob

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.descriptor import INDEX, MANIFEST
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS

IMAGE = {"schemaVersion": 2, "mediaType": MANIFEST}
ARTIFACT = IMAGE | {"artifactType": "application/vnd.cncf.model.manifest.v1+json"}


def test_an_index_names_its_manifests_in_order_with_their_platforms() -> None:
    store = MemoryStore()
    documents = [
        json.dumps(one).encode()
        for one in (IMAGE, IMAGE | {"config": 1}, ARTIFACT, {"mediaType": INDEX, "manifests": []})
    ]
    platforms = ["linux/arm64/v8", "linux/amd64", "", ""]
    made = TOOLS["image_index"](
        store,
        manifests=[blob(store, one) for one in documents],
        platforms=platforms,
        annotations={"b": "2", "a": "1"},
    )
    rows = [{"digest": str(Digest.of(one)), "size": len(one)} for one in documents]
    assert json.loads(store.read(made["index"])) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {"mediaType": MANIFEST, "platform": {"architecture": "arm64", "os": "linux", "variant": "v8"}} | rows[0],
            {"mediaType": MANIFEST, "platform": {"architecture": "amd64", "os": "linux"}} | rows[1],
            {
                "mediaType": MANIFEST,
                "artifactType": "application/vnd.cncf.model.manifest.v1+json",
                "platform": {"architecture": "unknown", "os": "unknown"},
            }
            | rows[2],
            {"mediaType": INDEX} | rows[3],
        ],
        "annotations": {"a": "1", "b": "2"},
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"text", r"sha256:[0-9a-f]{64}, a manifest for an index, is not JSON: Expecting value"),
        (b"[]", r"sha256:[0-9a-f]{64}, a manifest for an index, is not a JSON object: found list$"),
        (b"{}", r"sha256:[0-9a-f]{64} is no manifest: it has no mediaType$"),
        (b'{"mediaType": 1}', r"sha256:[0-9a-f]{64} is no manifest: it has no mediaType$"),
    ],
)
def test_an_index_of_what_is_no_manifest_is_refused(document: bytes, message: str) -> None:
    store = MemoryStore()
    with pytest.raises(BuildFailure, match=message):
        TOOLS["image_index"](store, manifests=[blob(store, document)], platforms=[""])
