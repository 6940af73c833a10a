"""A push in words: what it will move, and what it has moved."""

from __future__ import annotations

import json

from buildkit.digest import Digest
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry, Pushed, StoreSource, carry_out, planned
from buildkit.report.pushing import plan_data, plan_lines, pushed_data, pushed_text
from buildkit.store.memory import MemoryStore

LAYER = "application/vnd.oci.image.layer.v1.tar"
TO = Reference("registry.example", "ml/fraud", "v1")


def descriptor(digest: Digest, media_type: str) -> dict[str, object]:
    return {"mediaType": media_type, "digest": str(digest), "size": digest.size}


def image(store: MemoryStore) -> Digest:
    base, weights, code = store.put(bytes(3_000_000)), store.put(bytes(20_000)), store.put(b"code")
    history = [{"created_by": "mbuild: system packages"}, {"created_by": "mbuild: model.safetensors"}]
    config = store.put(json.dumps({"history": [*history, {"empty_layer": True}, {"created_by": "COPY"}]}).encode())
    manifest = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [descriptor(blob, LAYER) for blob in (base, weights, code)],
    }
    return store.put(json.dumps(manifest).encode())


def test_a_plan_names_each_layer_its_size_and_its_way() -> None:
    store, registry = MemoryStore(), MemoryRegistry()
    root = image(store)
    base, weights, code = (Digest.of(data) for data in (bytes(3_000_000), bytes(20_000), b"code"))
    registry.blobs["ml/fraud", str(code)] = b"code"
    origins = {
        base: Reference("registry.example", "library/base"),
        weights: Reference("hub.example", "acme/weights"),
    }
    elsewhere = MemoryStore()
    elsewhere.put(store.read(root))
    config = Digest.parse(*(json.loads(store.read(root))["config"][key] for key in ("digest", "size")))
    elsewhere.put(store.read(config))
    plan = planned(StoreSource(elsewhere, origins), root, TO, registry, 2)
    assert list(plan_lines(plan)) == [
        f"upload      {config.size} B  config             {config.hex[:12]}",
        f"mount      3.0 MB  system packages    {base.hex[:12]}  from registry.example/library/base",
        f"copy      20.0 kB  model.safetensors  {weights.hex[:12]}  from hub.example/acme/weights",
        f"skip          4 B  layer 3            {code.hex[:12]}",
        f"upload      {root.size} B  manifest           {root.hex[:12]}",
        f"registry.example/ml/fraud:v1: {config.size + root.size} B to be uploaded, "
        "20.0 kB to be copied from another registry, 3.0 MB to be mounted, 4 B there already",
    ]
    assert plan_data(plan) == {
        "reference": "registry.example/ml/fraud:v1",
        "tags": ["v1"],
        "digest": str(root),
        "bytes": {"skip": 4, "mount": 3_000_000, "copy": 20_000, "upload": config.size + root.size},
        "blobs": [
            {"digest": str(config), "size": config.size, "name": "config", "way": "upload"},
            {
                "digest": str(base),
                "size": 3_000_000,
                "name": "system packages",
                "way": "mount",
                "from": "registry.example/library/base",
            },
            {
                "digest": str(weights),
                "size": 20_000,
                "name": "model.safetensors",
                "way": "copy",
                "from": "hub.example/acme/weights",
            },
            {"digest": str(code), "size": 4, "name": "layer 3", "way": "skip"},
        ],
        "manifests": [
            {
                "digest": str(root),
                "size": root.size,
                "media_type": "application/vnd.oci.image.manifest.v1+json",
            }
        ],
    }
    assert [call.split()[0] for call in registry.calls] == ["has"] * 4, "nothing moves"


def test_each_of_several_tags_is_told_and_written() -> None:
    store, registry, events = MemoryStore(), MemoryRegistry(), list[object]()
    root = image(store)
    plan = planned(StoreSource(store), root, TO, registry, 2, ("latest", "v1"))
    assert [line.split() for line in plan_lines(plan)][-3:-1] == [["tag", "latest"], ["tag", "v1"]]
    assert pushed_data(plan) == {
        "reference": "registry.example/ml/fraud:v1",
        "tags": ["latest", "v1"],
        "digest": str(root),
    }
    carry_out(plan, StoreSource(store), registry, events.append, 2)
    assert sorted(registry.tags("ml/fraud")) == ["latest", "v1"]


def test_what_was_pushed_is_said_in_one_line() -> None:
    digest = Digest.of(b"")
    assert pushed_text(Pushed(digest, 1500, 0, 0)) == "pushed 1.5 kB"
    assert pushed_text(Pushed(digest, 0, 2_000_000, 999)) == "pushed 0 B; 2.0 MB mounted; 999 B were there already"
