"""Locking a base image: tags become digests, and no layer is asked for."""

from __future__ import annotations

from typing import Any

import pytest
from locked_images import CONFIG, config_of, descriptor_of, document, index_of, manifest_of, two_platforms

from buildkit.errors import BuildError
from buildkit.events import Event
from buildkit.graph.image_documents import INDEX, LARGEST, MANIFEST, LockedDocument
from buildkit.graph.lockfile import Lock, request_key
from buildkit.lock import image
from buildkit.registry.memory import MemoryRegistry

IMAGE = "registry.example/team/base:1"


def served(*found: tuple[str, LockedDocument], configs: tuple[LockedDocument, ...] = ()) -> MemoryRegistry:
    """A registry that holds documents under names, and under their digests."""
    registry = MemoryRegistry()
    for name, one in found:
        for key in (name, str(one.digest)):
            registry.manifests["team/base", key] = one.data
        registry.media_types[str(one.digest)] = one.media_type
    for config in configs:
        registry.blobs["team/base", str(config.digest)] = config.data
    return registry


def of_two_platforms() -> MemoryRegistry:
    base = two_platforms()
    assert base.index
    manifests = [("", found.manifest) for found in base.images]
    return served(("1", base.index), *manifests, configs=tuple(found.config for found in base.images))


def request(*platforms: str, image: str = IMAGE, digest: str = "") -> dict[str, Any]:
    return {"image": image, "digest": digest, "platforms": list(platforms)}


def resolved(registry: MemoryRegistry, asked: dict[str, Any]) -> Lock:
    heard: list[Event] = []
    return image.resolve(asked, registry, report=heard.append)


def refusal(registry: MemoryRegistry, asked: dict[str, Any]) -> str:
    with pytest.raises(BuildError) as caught:
        resolved(registry, asked)
    return str(caught.value)


def test_all_platforms_that_mbuild_builds_for_are_locked_and_no_layer_is_read() -> None:
    registry, base = of_two_platforms(), two_platforms()
    lock = resolved(registry, request())
    assert lock == Lock("image", request_key("image", request()), (), (("resolved from", IMAGE),), base)
    assert registry.calls == [f"open_blob {found.config.digest}" for found in base.images]


def test_only_the_platforms_that_are_asked_for_are_locked() -> None:
    lock, base = resolved(of_two_platforms(), request("linux/arm64", "linux/arm64")), two_platforms()
    assert lock.base
    assert lock.base.images == base.images[1:]
    assert lock.base.index == base.index


def test_a_digest_names_the_image_whatever_its_tag_has_become() -> None:
    registry, base = of_two_platforms(), two_platforms()
    registry.manifests["team/base", "1"] = b"{}"
    assert resolved(registry, request(digest=str(base.digest))).base == base
    assert resolved(registry, request(image=f"registry.example/team/base@{base.digest}")).base == base


def test_an_image_without_an_index_is_for_the_platform_that_its_config_names() -> None:
    config = config_of("arm64")
    registry = served(("1", manifest_of(config)), configs=(config,))
    lock = resolved(registry, request())
    assert lock.base
    assert (lock.base.index, [found.platform for found in lock.base.images]) == (None, ["linux/arm64"])
    assert refusal(registry, request("linux/amd64")) == (
        f"error: the image is not for linux/amd64\n  while locking '{IMAGE}'\nhint: its platforms are: linux/arm64"
    )


def test_the_variant_that_every_processor_is_comes_before_others() -> None:
    special, usual = config_of("amd64", author="v3"), config_of("amd64")
    index = index_of(("linux/amd64/v3", manifest_of(special)), ("linux/amd64", manifest_of(usual)))
    registry = served(("1", index), ("", manifest_of(special)), ("", manifest_of(usual)), configs=(special, usual))
    lock = resolved(registry, request())
    assert lock.base
    assert [found.config for found in lock.base.images] == [usual]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            request("linux/riscv64"),
            "error: the image is not for linux/riscv64\n"
            f"  while locking '{IMAGE}'\n"
            "hint: its platforms are: linux/amd64, linux/arm64",
        ),
        (
            request(image="registry.example/team/base:2"),
            "error: the registry has no image 'registry.example/team/base:2'\n"
            "  while locking 'registry.example/team/base:2'\n"
            "hint: check the name, and whether you may read it",
        ),
        (
            request(image="registry.example/team/base"),
            "error: 'registry.example/team/base' names no image: expected a tag or a digest\n"
            "hint: write 'registry.example/team/base:TAG'",
        ),
        (
            request(digest="sha256:../x"),
            "error: 'sha256:../x' is not a digest\nhint: write 'sha256:' and 64 lower-case hexadecimal digits",
        ),
        (
            request(image=f"registry.example/team/base@sha256:{'0' * 64}", digest=f"sha256:{'1' * 64}"),
            f"error: 'registry.example/team/base@sha256:{'0' * 64}' and the digest sha256:{'1' * 64} name two images\n"
            "hint: leave one of the two out",
        ),
    ],
)
def test_what_cannot_be_locked_is_told(asked: dict[str, Any], message: str) -> None:
    assert refusal(of_two_platforms(), asked) == message


def test_hostile_documents_of_a_registry_are_refused() -> None:
    config = config_of()
    huge = {**descriptor_of(config), "size": LARGEST + 1}
    lying = document(MANIFEST, schemaVersion=2, config=huge, layers=[])
    assert refusal(served(("1", lying)), request()) == (
        f"error: unfit as a base image: config has {LARGEST + 1} bytes, more than {LARGEST}\n  while locking '{IMAGE}'"
    )
    path = {"mediaType": MANIFEST, "digest": "sha256:../x", "size": 3, "platform": {"os": "linux"}}
    index = document(INDEX, schemaVersion=2, manifests=[path])
    assert refusal(served(("1", index)), request()) == (
        "error: unfit as a base image: entry of the index has digest 'sha256:../x', "
        "expected 'sha256:' and 64 hexadecimal digits\n"
        f"  while locking '{IMAGE}'"
    )
    old = document("application/vnd.docker.distribution.manifest.v1+prettyjws", schemaVersion=1)
    assert refusal(served(("1", old)), request()) == (
        "error: unfit as a base image: manifest is of Docker's schema 1, which has neither sizes nor a config\n"
        f"  while locking '{IMAGE}'\n"
        "hint: pull the image with a program of today, push it again, and name that"
    )
    nested = LockedDocument(CONFIG, b"[" * 100_000)
    assert refusal(served(("1", manifest_of(nested)), configs=(nested,)), request()) == (
        f"error: unfit as a base image: config is not JSON\n  while locking '{IMAGE}'"
    )
