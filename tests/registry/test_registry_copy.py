"""Images brought from a store, a registry or another host: what is mounted, what is streamed, what is found out."""

from __future__ import annotations

import json
from collections.abc import Iterable

import pytest
from little_registry import Shelf

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry import MemoryRegistry, OpenedSource, Registry, RegistrySource, StoreSource, copy_image
from buildkit.registry.registry import Document

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
TO = Reference("registry.example", "ml/fraud", "v1")
BASE, CODE = b"base" * 1000, b"code"


class Place:
    """An image whose first layer is a base's, in a store that lacks this layer."""

    def __init__(self) -> None:
        self.store = Shelf()
        self.image = self.store.image(BASE, CODE)
        del self.store.blobs[Digest.of(BASE)]
        self.registries: dict[str, MemoryRegistry] = {
            "registry.example": MemoryRegistry(),
            "hub.example": MemoryRegistry(),
        }
        self.to = self.registries["registry.example"]

    def push(self, base: Reference) -> tuple[int, int, int]:
        origins = {Digest.of(BASE): base}
        source = StoreSource(self.store, origins, self.registry)
        done = copy_image(source, self.image, TO, self.to, ignore, 2)
        return done.uploaded, done.mounted, done.skipped

    def registry(self, host: str) -> Registry:
        return self.registries[host]


def test_a_bases_layer_in_the_same_registry_is_mounted() -> None:
    place, origin = Place(), Reference("registry.example", "library/base")
    place.to.blobs["library/base", str(Digest.of(BASE))] = BASE
    sent = len(CODE) + len(b'{"architecture": "amd64"}')
    assert place.push(origin) == (sent, len(BASE), 0)
    assert place.to.blobs["ml/fraud", str(Digest.of(BASE))] == BASE
    assert place.push(origin) == (0, 0, sent + len(BASE))


def test_a_bases_layer_in_another_registry_is_streamed_from_there() -> None:
    place = Place()
    place.registries["hub.example"].blobs["library/base", str(Digest.of(BASE))] = BASE
    assert place.push(Reference("hub.example", "library/base"))[1:] == (0, 0)
    assert place.to.blobs["ml/fraud", str(Digest.of(BASE))] == BASE
    assert place.to.manifests["ml/fraud", "v1"] == place.store.read(place.image)


def test_a_bases_layer_that_its_registry_has_lost_is_told_and_nothing_is_tagged() -> None:
    place = Place()
    with pytest.raises(EnvironmentFault) as caught:
        place.push(Reference("hub.example", "library/base"))
    assert caught.value.message == f"registry has no blob {Digest.of(BASE)} in 'library/base'"
    assert place.to.manifests == {}


def test_an_index_is_copied_from_registry_to_registry_with_all_below_it() -> None:
    store, here, there = Shelf(), MemoryRegistry(), MemoryRegistry()
    children = store.image(b"amd64"), store.image(b"arm64")
    rows = [{"mediaType": OCI, "digest": str(child), "size": child.size} for child in children]
    root = store.put(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode())
    from_store = copy_image(StoreSource(store), root, Reference("a.example", "x", "v1"), here, ignore, 2)
    source = RegistrySource(here, Reference("a.example", "x"))
    copied = copy_image(source, root, TO, there, ignore, 2, ["latest"])
    assert copied == from_store
    assert {name for _, name in there.manifests} == {"v1", "latest", *map(str, (*children, root))}
    assert {digest for _, digest in there.blobs} == {digest for _, digest in here.blobs}


def test_within_one_registry_everything_is_mounted() -> None:
    store, registry = Shelf(), MemoryRegistry()
    root = store.image(BASE, CODE)
    copy_image(StoreSource(store), root, Reference("registry.example", "ci/fraud", "1"), registry, ignore, 2)
    source = RegistrySource(registry, Reference("registry.example", "ci/fraud"))
    copied = copy_image(source, root, TO, registry, ignore, 2)
    assert (copied.uploaded, copied.skipped) == (0, 0)
    assert copied.mounted == len(BASE) + len(CODE) + len(b'{"architecture": "amd64"}')


def test_an_image_comes_from_anything_that_opens_blobs() -> None:
    store, registry = Shelf(), MemoryRegistry()
    root = store.image(BASE, CODE)
    copy_image(OpenedSource(store.open), root, TO, registry, ignore, 2)
    assert registry.manifests["ml/fraud", "v1"] == store.read(root)


def test_layers_that_may_not_be_handed_on_stay_where_they_are() -> None:
    class Lenient(MemoryRegistry):
        def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
            self.media_types[str(Digest.of(manifest))] = media_type
            self.manifests[repository, name] = manifest
            return False

    store, registry = Shelf(), Lenient()
    kind = "application/vnd.oci.image.layer.nondistributable.v1.tar"
    layer = {"mediaType": kind, "digest": str(Digest.of(BASE)), "size": len(BASE), "urls": ["https://cdn.example/x"]}
    root = store.put(json.dumps({"mediaType": OCI, "layers": [layer]}).encode())
    copy_image(StoreSource(store), root, TO, registry, ignore, 2)
    assert registry.blobs == {}


def test_a_manifest_with_a_subject_that_the_registry_does_not_list_is_handed_back() -> None:
    store = Shelf()
    subject = store.image(b"subject")
    document = json.loads(store.read(store.image(b"signature")))
    document["subject"] = {"mediaType": OCI, "digest": str(subject), "size": subject.size}
    root = store.put(json.dumps(document).encode())
    silent = copy_image(StoreSource(store), root, TO, MemoryRegistry(), ignore, 2)
    assert [manifest.digest for manifest in silent.unlisted] == [root]
    listing = MemoryRegistry(lists_referrers=True)
    assert copy_image(StoreSource(store), root, TO, listing, ignore, 2).unlisted == ()
    assert [row.digest for row in listing.referrers("ml/fraud", subject) or ()] == [root]


class Forgetful(MemoryRegistry):
    """Says that it has a blob, and finds at the manifest that it has not."""

    def __init__(self, gone: Iterable[Digest], *, always: bool = False) -> None:
        super().__init__()
        self.gone = set(gone)
        self.always = always

    def has(self, repository: str, digest: Digest) -> bool:
        return digest in self.gone or super().has(repository, digest)

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        if self.gone:
            self.gone = self.gone if self.always else set()
            raise EnvironmentFault("registry answered 400: MANIFEST_BLOB_UNKNOWN: blob unknown to registry")
        return super().push_manifest(repository, name, manifest, media_type)


def test_a_blob_that_is_missing_after_all_is_sent_once_more() -> None:
    store = Shelf()
    root, registry = store.image(BASE, CODE), Forgetful([Digest.of(CODE)])
    copy_image(StoreSource(store), root, TO, registry, ignore, 2)
    assert registry.blobs["ml/fraud", str(Digest.of(CODE))] == CODE
    assert registry.manifests["ml/fraud", "v1"] == store.read(root)


def test_a_registry_that_does_not_know_what_it_has_is_told_once() -> None:
    store = Shelf()
    root, registry = store.image(BASE, CODE), Forgetful([Digest.of(CODE)], always=True)
    with pytest.raises(EnvironmentFault, match="MANIFEST_BLOB_UNKNOWN"):
        copy_image(StoreSource(store), root, TO, registry, ignore, 2)
    assert registry.manifests == {}


def test_a_tag_that_names_another_image_at_the_end_is_told() -> None:
    other = b'{"layers": []}'

    class Contested(MemoryRegistry):
        def manifest(self, repository: str, name: str) -> Document | None:
            return Document(other, OCI, Digest.of(other)) if name == "v1" else super().manifest(repository, name)

    store = Shelf()
    root = store.image(CODE)
    with pytest.raises(EnvironmentFault) as caught:
        copy_image(StoreSource(store), root, TO, Contested(), ignore, 2)
    assert str(caught.value) == (
        f"error: 'registry.example/ml/fraud:v1' names {Digest.of(other)} just after {root} was pushed there\n"
        "hint: push again; perhaps somebody else pushes to the same tag"
    )


def test_a_digest_that_leads_elsewhere_is_told() -> None:
    store = Shelf()
    hostile = {"layers": [{"digest": "sha256:../../etc/hostname", "size": 1}]}
    root = store.put(json.dumps(hostile).encode())
    with pytest.raises(BuildFailure) as caught:
        copy_image(StoreSource(store), root, TO, MemoryRegistry(), ignore, 2)
    assert caught.value.message == (
        f"{root} is no image manifest or index: 'sha256:../../etc/hostname' is not a digest"
    )


@pytest.mark.parametrize(
    "document",
    [
        {"layers": [{"digest": "sha256:../../x", "size": 1}]},
        {"layers": [{"digest": f"sha256:{'0' * 64}", "size": -1}]},
        {"layers": "many"},
        {"manifests": [{"digest": f"sha256:{'0' * 64}", "size": 1 << 40}]},
        {"config": []},
        {"manifests": 7},
    ],
)
def test_a_hostile_manifest_is_refused(document: object) -> None:
    store = Shelf()
    root = store.put(json.dumps(document).encode())
    with pytest.raises(BuildFailure, match="is no image manifest or index"):
        copy_image(StoreSource(store), root, TO, MemoryRegistry(), ignore, 2)
