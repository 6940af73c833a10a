"""What registries take: `mbuild.toml` refuses, what is only known of a host warns, both before bytes move."""

from __future__ import annotations

import pytest
from little_registry import Shelf

from buildkit.errors import BuildError
from buildkit.events import Event, Warned, ignore
from buildkit.graph.registry_config import RegistryLimits
from buildkit.registry.contents import Contents, read_contents
from buildkit.registry.limits import check_limits, known_limits
from buildkit.registry.sources import StoreSource

GIB = 1 << 30


def contents(*layers: bytes) -> Contents:
    store = Shelf()
    return read_contents(StoreSource(store), store.image(*layers))


@pytest.mark.parametrize(
    ("host", "most"),
    [
        ("ghcr.io", 10**10),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", 52_000 << 20),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", 52_000 << 20),
        ("public.ecr.aws", 10_000 << 20),
        ("acme.azurecr.io", 200 * GIB),
        ("quay.io", 20 * GIB),
        ("registry.example:5000", None),
        ("ghcr.io.example", None),
    ],
)
def test_limits_are_known_of_some_hosts(host: str, most: int | None) -> None:
    assert known_limits(host).max_blob_size == most


@pytest.mark.parametrize(
    ("own", "why"),
    [
        (
            RegistryLimits(max_blob_size=25),
            "layer 2 (ad7901548628) has 30 bytes, and it takes 25 bytes in a blob",
        ),
        (RegistryLimits(max_layers=1), "it has 2 layers, and 1 is the most"),
        (RegistryLimits(max_manifest_size=100), "its manifest has 564 bytes, and it takes 100 bytes in a manifest"),
    ],
)
def test_what_the_workspace_says_refuses(own: RegistryLimits, why: str) -> None:
    with pytest.raises(BuildError) as caught:
        check_limits(contents(b"x", b"y" * 30), "registry.example", own, ignore)
    assert str(caught.value) == (
        f"error: registry 'registry.example' does not take this image: {why}\n"
        'hint: change the image, or correct [registry."registry.example".limits] in mbuild.toml'
    )


def test_large_sizes_are_told_to_read_and_exactly() -> None:
    with pytest.raises(BuildError) as caught:
        check_limits(contents(b"x" * 1501), "r.example", RegistryLimits(max_blob_size=1500), ignore)
    assert caught.value.message.endswith(" has 1.5 kB (1501 bytes), and it takes 1.5 kB (1500 bytes) in a blob")


def test_what_fits_is_not_spoken_of() -> None:
    events: list[Event] = []
    own = RegistryLimits(max_blob_size=30, max_layers=2, max_manifest_size=1000, chunk_size=1)
    check_limits(contents(b"x", b"y" * 30), "ghcr.io", own, events.append)
    assert events == []


def test_more_layers_than_can_be_run_are_warned_of_unless_the_workspace_allows_them() -> None:
    events: list[Event] = []
    many = contents(*(bytes([number]) for number in range(128)))
    check_limits(many, "registry.example", RegistryLimits(), events.append)
    assert events == [
        Warned("registry 'registry.example' may refuse this image: it has 128 layers, and 127 is the most")
    ]
    events.clear()
    check_limits(many, "registry.example", RegistryLimits(max_layers=200), events.append)
    assert events == []
