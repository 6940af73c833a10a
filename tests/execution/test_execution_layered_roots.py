"""The root of a stack of layers is what the layers come to, laid over each other in one flat folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from debian_programs import Programs
from hypothesis import HealthCheck, given, settings
from layer_stacks import STACKS, DoNotFit, Flat, Member, flat, listing, packed

from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution import prepare_root
from buildkit.execution.root import MOUNT_POINTS
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, LAYER, MANIFEST, Descriptor
from buildkit.oci.layout import write_layout
from buildkit.oci.manifest import Manifest
from buildkit.store import DiskStore

ALL_CHECKS = list(HealthCheck)


def by_mbuild(stack: list[list[Member]], folder: Path) -> Flat:
    store = DiskStore(folder / "store")
    root = prepare_root([store.put(packed(layer)) for layer in stack], store).folder
    assert root is not None
    found = listing(root)
    return {path: told for path, told in found.items() if path not in MOUNT_POINTS}


def by_umoci(stack: list[list[Member]], folder: Path, programs: Programs) -> Flat:
    blobs: dict[Digest, bytes] = {}

    def add(content: bytes) -> Digest:
        blobs[Digest.of(content)] = content
        return Digest.of(content)

    digests = tuple(add(packed(layer)) for layer in stack)
    config = ImageConfig("amd64", "linux", tuple(map(str, digests)), (History("test"),) * len(digests))
    described = tuple(Descriptor(LAYER, digest) for digest in digests)
    manifest = Manifest(Descriptor(CONFIG, add(config.to_json())), described)
    root = Descriptor(MANIFEST, add(manifest.to_json()))
    write_layout(folder / "oci", root, lambda digest: io.BytesIO(blobs[digest]), tag="t")
    programs.run("umoci", "unpack", "--rootless", "--image", f"{folder / 'oci'}:t", folder / "bundle")
    return listing(folder / "bundle" / "rootfs")


def test_a_root_is_what_its_layers_come_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=150, deadline=None, database=None, suppress_health_check=ALL_CHECKS)
    @given(STACKS)
    def check(stack: list[list[Member]]) -> None:
        folder = tmp_path_factory.mktemp("stack")
        try:
            expected = flat(stack)
        except DoNotFit:
            with pytest.raises(BuildFailure, match="layers do not fit: "):
                by_mbuild(stack, folder)
            return
        assert by_mbuild(stack, folder) == expected

    check()


@pytest.mark.e2e
def test_umoci_finds_the_same(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> None:
    @settings(max_examples=25, deadline=None, database=None, suppress_health_check=ALL_CHECKS)
    @given(STACKS)
    def check(stack: list[list[Member]]) -> None:
        try:
            expected = flat(stack)
        except DoNotFit:
            return
        assert by_umoci(stack, tmp_path_factory.mktemp("stack"), programs) == expected

    check()
