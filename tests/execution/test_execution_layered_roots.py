"""The root of a stack of layers is what the layers come to, laid over each other in one flat folder."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from debian_programs import Programs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from layer_stacks import PATHS, STACKS, TARGETS, DoNotFit, Flat, Member, flat, listing, packed

from buildkit.content import Entry, Kind
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.execution import prepare_root
from buildkit.execution.root import MOUNT_POINTS
from buildkit.oci import tar
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, LAYER, MANIFEST, Descriptor
from buildkit.oci.layer import directory, symlink, with_parents
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


SHARED = {Digest.of(data): data for data in (b"", b"one", b"two" * 300)}
OWN = st.one_of(
    st.builds(
        lambda path, mode, digest: Entry(path, Kind.FILE, mode, digest),
        PATHS,
        st.sampled_from([0o644, 0o755]),
        st.sampled_from(sorted(SHARED, key=lambda digest: digest.size)),
    ),
    st.builds(symlink, PATHS, TARGETS),
    st.builds(directory, st.one_of(PATHS, st.just("tmp"))),
)


@st.composite
def shares(draw: st.DrawFn) -> list[list[Entry]]:
    """Entries of one tree in a few groups, and some of them in two."""
    chosen: dict[str, Entry] = {}
    for entry in draw(st.lists(OWN, max_size=12)):
        try:
            with_parents([*chosen.values(), entry])
        except BuildFailure:
            continue
        chosen[entry.path] = entry
    groups: list[list[Entry]] = [[] for _ in range(draw(st.integers(1, 5)))]
    for entry in chosen.values():
        for group in draw(st.sets(st.integers(0, len(groups) - 1), min_size=1, max_size=2)):
            groups[group].append(entry)
    return groups


def root_of(groups: list[list[Entry]], store: DiskStore) -> Flat:
    trees = [with_parents(group) for group in groups]
    archives = [tar.stream(tar.recipe(tree), lambda digest: io.BytesIO(SHARED[digest])) for tree in trees]
    root = prepare_root([store.put(archive) for archive in archives], store).folder
    assert root is not None
    return listing(root)


def test_a_tree_in_layers_is_the_tree_in_one_whatever_their_number_and_order(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    @settings(max_examples=60, deadline=None, database=None, suppress_health_check=ALL_CHECKS)
    @given(shares())
    def check(groups: list[list[Entry]]) -> None:
        store = DiskStore(tmp_path_factory.mktemp("tree") / "store")
        whole = list({entry.path: entry for group in groups for entry in group}.values())
        expected = root_of([whole], store)
        assert root_of(groups, store) == expected
        assert root_of(groups[::-1], store) == expected

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
