"""Referrers: listed by the registry, or by an index under the fallback tag that clients maintain themselves."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.oci.descriptor import CONFIG, EMPTY, INDEX, MANIFEST, Descriptor
from buildkit.oci.manifest import Manifest
from buildkit.registry.memory import MemoryRegistry
from buildkit.registry.referrers import attach, fallback_tag, list_referrer, push_referrer, referrers

REPOSITORY = "ml/fraud"
SUBJECT = Descriptor(MANIFEST, Digest.of(b"the image"))
TAG = fallback_tag(SUBJECT.digest)
NOTE = b"a note"


def calmly(took: float) -> None:
    """Wait for nobody."""


def attached(registry: MemoryRegistry, kind: str = "application/x.note", text: bytes = NOTE) -> Descriptor:
    blob = Descriptor("text/plain", Digest.of(text))
    return attach(registry, REPOSITORY, SUBJECT, kind, [(blob, lambda: io.BytesIO(text))], {"b": "2", "a": "1"})


def test_a_registry_with_a_list_lists_what_is_attached_and_gets_no_tag() -> None:
    registry = MemoryRegistry(lists_referrers=True)
    note = attached(registry)
    assert referrers(registry, REPOSITORY, SUBJECT.digest) == (note,)
    assert referrers(registry, REPOSITORY, SUBJECT.digest, "application/x.other") == ()
    assert registry.tags(REPOSITORY) == []
    assert note.annotations == (("a", "1"), ("b", "2"))


def test_what_is_attached_is_a_manifest_with_an_empty_config() -> None:
    registry = MemoryRegistry(lists_referrers=True)
    note = attached(registry)
    manifest = registry.manifest(REPOSITORY, str(note.digest))
    assert manifest is not None
    assert Manifest.from_json(manifest.data) == Manifest(
        Descriptor(EMPTY, Digest.of(b"{}")),
        (Descriptor("text/plain", Digest.of(NOTE)),),
        (("a", "1"), ("b", "2")),
        "application/x.note",
        SUBJECT,
    )
    assert registry.blobs[REPOSITORY, str(Digest.of(b"{}"))] == b"{}"


def test_without_a_list_an_index_under_a_tag_is_one() -> None:
    registry = MemoryRegistry()
    assert referrers(registry, REPOSITORY, SUBJECT.digest) == ()
    note, other = attached(registry), attached(registry, "application/x.other", b"another")
    assert referrers(registry, REPOSITORY, SUBJECT.digest) == (note, other)
    assert referrers(registry, REPOSITORY, SUBJECT.digest, "application/x.other") == (other,)
    index = registry.manifest(REPOSITORY, TAG)
    assert index is not None
    assert json.loads(index.data) == {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "digest": str(one.digest),
                "size": one.digest.size,
                "artifactType": kind,
                "annotations": {"a": "1", "b": "2"},
            }
            for one, kind in ((note, "application/x.note"), (other, "application/x.other"))
        ],
    }


def test_attaching_again_changes_nothing() -> None:
    registry = MemoryRegistry()
    attached(registry)
    before = registry.manifests[REPOSITORY, TAG]
    attached(registry)
    assert registry.manifests[REPOSITORY, TAG] == before


def test_a_referrer_without_a_type_has_its_configs() -> None:
    registry = MemoryRegistry()
    config = b'{"architecture": "amd64"}'
    registry.blobs[REPOSITORY, str(Digest.of(config))] = config
    manifest = Manifest(Descriptor(CONFIG, Digest.of(config)), (), subject=SUBJECT).to_json()
    pushed = push_referrer(registry, REPOSITORY, manifest, MANIFEST, calmly)
    assert pushed == Descriptor(MANIFEST, Digest.of(manifest), artifact_type=CONFIG)
    assert referrers(registry, REPOSITORY, SUBJECT.digest) == (pushed,)


class Crowded(MemoryRegistry):
    """Others write the fallback tag just after we do."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def push_manifest(self, repository: str, name: str, manifest: bytes, media_type: str) -> bool:
        listed = super().push_manifest(repository, name, manifest, media_type)
        if name == TAG and self.times:
            self.times -= 1
            theirs = Descriptor(MANIFEST, self._theirs(), artifact_type=f"application/x.{self.times}").to_data()
            rows = [row for row in json.loads(manifest)["manifests"] if "x.note" not in row["artifactType"]]
            data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [*rows, theirs]}).encode()
            super().push_manifest(repository, name, data, INDEX)
        return listed

    def _theirs(self) -> Digest:
        config = b"{}"
        self.blobs[REPOSITORY, str(Digest.of(config))] = config
        kind = f"application/x.{self.times}"
        manifest = Manifest(Descriptor(EMPTY, Digest.of(config)), (), (), kind, SUBJECT).to_json()
        super().push_manifest(REPOSITORY, str(Digest.of(manifest)), manifest, MANIFEST)
        return Digest.of(manifest)


def test_an_index_that_others_overwrite_is_read_again_and_nothing_is_lost() -> None:
    registry = Crowded(3)
    attached(registry)
    kinds = [row.artifact_type for row in referrers(registry, REPOSITORY, SUBJECT.digest)]
    assert kinds == ["application/x.2", "application/x.1", "application/x.0", "application/x.note"]


def test_who_is_always_overwritten_gives_up() -> None:
    registry = Crowded(100)
    with pytest.raises(EnvironmentFault) as caught:
        attached(registry)
    assert str(caught.value).startswith("error: cannot list sha256:")
    assert str(caught.value).endswith(
        f" among what refers to {SUBJECT.digest} in 'ml/fraud': others write the tag '{TAG}' at the same time\n"
        "hint: try again"
    )


def test_what_others_wrote_into_the_index_stays() -> None:
    registry = MemoryRegistry()
    config = Digest.of(b"{}")
    registry.blobs[REPOSITORY, str(config)] = b"{}"
    row = {
        "mediaType": MANIFEST,
        "digest": str(config),
        "size": config.size,
        "x-theirs": [1],
        "platform": {"os": "linux"},
    }
    document = {"schemaVersion": 2, "mediaType": INDEX, "annotations": {"k": "v"}, "manifests": [row]}
    registry.push_manifest(REPOSITORY, TAG, json.dumps(document).encode(), INDEX)
    note = attached(registry)
    kept = json.loads(registry.manifests[REPOSITORY, TAG])
    assert kept == document | {"manifests": [row, note.to_data()]}


IMAGE = Manifest(Descriptor(EMPTY, Digest.of(b"{}")), ()).to_json()


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (IMAGE, MANIFEST),
        (b'{"manifests": [{"digest": 1}]}', INDEX),
        (b'{"manifests": [{"digest": "sha256:../x", "size": 1, "mediaType": "x"}]}', INDEX),
    ],
)
def test_a_tag_that_is_no_list_is_refused_and_left_as_it_is(data: bytes, media_type: str) -> None:
    registry = MemoryRegistry()
    registry.manifests[REPOSITORY, TAG] = data
    registry.media_types[str(Digest.of(data))] = media_type
    asks: tuple[Callable[[], object], ...] = (
        lambda: referrers(registry, REPOSITORY, SUBJECT.digest),
        lambda: attached(registry),
    )
    for ask in asks:
        with pytest.raises(BuildFailure) as caught:
            ask()
        assert str(caught.value) == (
            f"error: the tag '{TAG}' of 'ml/fraud' is no list of referrers\n"
            "hint: delete the tag; it is reserved for such lists"
        )
    assert registry.manifests[REPOSITORY, TAG] == data


def test_a_manifest_without_a_subject_is_no_referrer() -> None:
    with pytest.raises(BuildError, match="a referrer has no subject"):
        list_referrer(MemoryRegistry(), REPOSITORY, IMAGE, MANIFEST)
