import io
import json
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest
import zstandard

from buildkit.content import Kind
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.oci import tar
from buildkit.oci.archive import write_archive
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, EMPTY, INDEX, LAYER, LAYER_ZSTD, MANIFEST, Descriptor
from buildkit.oci.image import image_for
from buildkit.oci.index import Index
from buildkit.oci.layout import write_layout
from buildkit.oci.layout_archive import write_layout_archive
from buildkit.oci.manifest import Manifest
from buildkit.oci.rootfs import write_rootfs


class Blobs(dict[Digest, bytes]):
    def add(self, data: bytes) -> Digest:
        self[Digest.of(data)] = data
        return Digest.of(data)

    def open(self, digest: Digest) -> BinaryIO:
        return io.BytesIO(self[digest])


def layer_tar(path: str, data: bytes) -> bytes:
    return tar.header(path, Kind.FILE, 0o644, len(data)) + data + tar.padding(len(data)) + tar.END


def image() -> tuple[Blobs, Descriptor]:
    blobs = Blobs()
    first, second = layer_tar("a", b"1" * 700), layer_tar("b", b"2")
    layers = (Descriptor(LAYER, blobs.add(first)), Descriptor(LAYER_ZSTD, blobs.add(zstandard.compress(second))))
    config = ImageConfig(
        "amd64", "linux", (str(Digest.of(first)), str(Digest.of(second))), (History("a"), History("b"))
    )
    manifest = Manifest(Descriptor(CONFIG, blobs.add(config.to_json())), layers)
    return blobs, Descriptor(MANIFEST, blobs.add(manifest.to_json()))


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_layout_holds_the_image_and_nothing_else(tmp_path: Path) -> None:
    blobs, root = image()
    write_layout(tmp_path / "out", root, blobs.open, tag="v1")
    expected = {f"blobs/sha256/{digest.hex}": data for digest, data in blobs.items()}
    expected["oci-layout"] = b'{"imageLayoutVersion":"1.0.0"}'
    expected["index.json"] = (
        '{"manifests":[{"annotations":{"org.opencontainers.image.ref.name":"v1"},'
        f'"digest":"{root.digest}","mediaType":"{MANIFEST}","size":{root.digest.size}}}],'
        f'"mediaType":"{INDEX}","schemaVersion":2}}'
    ).encode()
    assert files(tmp_path / "out") == expected


def test_a_layout_keeps_other_tags_and_replaces_its_own(tmp_path: Path) -> None:
    blobs, root = image()
    config = Manifest.from_json(blobs[root.digest]).config
    other = Descriptor(MANIFEST, blobs.add(Manifest(config, ()).to_json()))
    for descriptor, tag in ((root, "v1"), (root, "v2"), (other, "v1")):
        write_layout(tmp_path, descriptor, blobs.open, tag=tag)
    entries = json.loads((tmp_path / "index.json").read_bytes())["manifests"]
    names = {entry["annotations"]["org.opencontainers.image.ref.name"]: entry["digest"] for entry in entries}
    assert names == {"v1": str(other.digest), "v2": str(root.digest)}
    assert len(entries) == 2


def test_an_index_brings_its_manifests_along(tmp_path: Path) -> None:
    blobs, root = image()
    index = Descriptor(INDEX, blobs.add(Index((root,)).to_json()))
    write_layout(tmp_path, index, blobs.open)
    assert {path.name for path in (tmp_path / "blobs" / "sha256").iterdir()} == {digest.hex for digest in blobs}


def test_a_damaged_blob_never_gets_its_name(tmp_path: Path) -> None:
    blobs, root = image()
    layer = Manifest.from_json(blobs[root.digest]).layers[0].digest
    blobs[layer] = b"x" * layer.size
    with pytest.raises(BuildFailure) as caught:
        write_layout(tmp_path, root, blobs.open)
    assert caught.value.message == f"blob {layer} is damaged: found {Digest.of(blobs[layer])}"
    assert files(tmp_path) == {}


def test_what_fails_before_anything_came_leaves_no_folder(tmp_path: Path) -> None:
    blobs, root = image()
    layer = Manifest.from_json(blobs[root.digest]).layers[0].digest
    blobs[layer] = b"x" * layer.size
    with pytest.raises(BuildFailure):
        write_layout(tmp_path / "out" / "layout", root, blobs.open)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_the_environments_fault(tmp_path: Path) -> None:
    blobs, root = image()
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFault) as caught:
        write_layout(tmp_path / "file", root, blobs.open)
    assert caught.value.message == f"cannot write the OCI layout '{tmp_path / 'file'}': not a directory"


def test_an_archive_for_docker_load_holds_uncompressed_layers(tmp_path: Path) -> None:
    blobs, root = image()
    write_archive(tmp_path / "image.tar", root, blobs.open, name="fraud:v1")
    manifest = Manifest.from_json(blobs[root.digest])
    with tarfile.open(tmp_path / "image.tar") as archive:
        contents = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    (described,) = json.loads(contents.pop("manifest.json"))
    first, second = Digest.of(layer_tar("a", b"1" * 700)), Digest.of(layer_tar("b", b"2"))
    assert described == {
        "Config": f"{manifest.config.digest.hex}.json",
        "RepoTags": ["fraud:v1"],
        "Layers": [f"{first.hex}/layer.tar", f"{second.hex}/layer.tar"],
    }
    assert contents == {
        described["Config"]: blobs[manifest.config.digest],
        described["Layers"][0]: layer_tar("a", b"1" * 700),
        described["Layers"][1]: layer_tar("b", b"2"),
    }
    assert [path.name for path in tmp_path.iterdir()] == ["image.tar"]


def test_an_archive_of_a_layer_that_is_not_its_diff_id_is_refused(tmp_path: Path) -> None:
    blobs, root = image()
    layer = Manifest.from_json(blobs[root.digest]).layers[1].digest
    blobs[layer] = zstandard.compress(layer_tar("b", b"3"))
    with pytest.raises(BuildFailure) as caught:
        write_archive(tmp_path / "image.tar", root, blobs.open)
    found, expected = Digest.of(layer_tar("b", b"3")), Digest.of(layer_tar("b", b"2"))
    assert caught.value.message == f"layer {layer} has diff id {found}, expected {expected}"
    assert list(tmp_path.iterdir()) == []


def test_an_oci_archive_is_the_layout_as_one_tar(tmp_path: Path) -> None:
    blobs, root = image()
    index = Descriptor(INDEX, blobs.add(Index((root,)).to_json()))
    write_layout(tmp_path / "oci", root, blobs.open, tag="v1")
    write_layout(tmp_path / "oci", index, blobs.open, tag="all")
    write_layout_archive(tmp_path / "image.tar", [(root, "v1"), (index, "all")], blobs.open)
    with tarfile.open(tmp_path / "image.tar") as archive:
        names = archive.getnames()
        contents = {m.name: archive.extractfile(m).read() for m in archive if m.isfile()}  # type: ignore[union-attr]
    assert contents == files(tmp_path / "oci")
    assert names[:4] == ["oci-layout", "index.json", "blobs", "blobs/sha256"]
    assert len(names) == len(set(names))


def test_an_oci_archive_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    blobs, root = image()
    layer = Manifest.from_json(blobs[root.digest]).layers[0].digest
    blobs[layer] = blobs[layer] + b"x"
    with pytest.raises(BuildFailure) as caught:
        write_layout_archive(tmp_path / "image.tar", [(root, "")], blobs.open)
    assert caught.value.message == f"blob {layer} is damaged: it is longer than its {layer.size} bytes"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EnvironmentFault) as fault:
        write_layout_archive(tmp_path, [(root, "")], blobs.open)
    assert fault.value.message == f"cannot write the OCI archive '{tmp_path}': is a directory"


def for_platform(root: Descriptor, os: str, architecture: str, variant: str = "") -> Descriptor:
    said = (("architecture", architecture), ("os", os), *((("variant", variant),) if variant else ()))
    return Descriptor(MANIFEST, root.digest, platform=said)


def test_of_an_index_the_image_for_the_platform_is_taken(tmp_path: Path) -> None:
    blobs, root = image()
    config = Manifest.from_json(blobs[root.digest]).config
    other = Descriptor(MANIFEST, blobs.add(Manifest(config, ()).to_json()))
    entries = (for_platform(other, "unknown", "unknown"), for_platform(root, "linux", "amd64"))
    inner = Descriptor(INDEX, blobs.add(Index((*entries, for_platform(other, "linux", "arm64", "v8"))).to_json()))
    index = Descriptor(INDEX, blobs.add(Index((inner,)).to_json()))
    names = ("", "linux/amd64", "linux/amd64/v3", "linux/arm64", "linux/arm64/v8")
    found = [image_for(index, blobs.open, name).digest for name in names]
    assert found == [root.digest] * 3 + [other.digest] * 2
    assert image_for(root, blobs.open, "linux/riscv64") == root
    with pytest.raises(BuildError) as caught:
        image_for(index, blobs.open, "linux/riscv64")
    assert caught.value.message == "the index has no image for 'linux/riscv64'"
    assert caught.value.hint == "choose one with --platform: linux/amd64, linux/arm64/v8"


@pytest.mark.parametrize(("artifact_type", "named"), [("", EMPTY), ("application/vnd.acme", "application/vnd.acme")])
def test_an_artifact_has_no_root_file_system_to_write(tmp_path: Path, artifact_type: str, named: str) -> None:
    blobs, _ = image()
    config = Descriptor(EMPTY, blobs.add(b"{}"))
    root = Descriptor(MANIFEST, blobs.add(Manifest(config, (), (), artifact_type).to_json()))
    for write in (write_archive, write_rootfs):
        with pytest.raises(BuildError) as caught:
            write(tmp_path / "x", root, blobs.open)
        assert caught.value.message == f"an artifact of '{named}' has no root file system"
        assert caught.value.hint == "write it as 'oci:DIR' or 'oci-archive:FILE'"
    assert list(tmp_path.iterdir()) == []


def test_a_layer_of_eight_gigabytes_gets_the_longer_header_that_it_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs, root = image()
    monkeypatch.setattr(tar, "_LARGEST", 1000)  # eight gigabytes are many for a test
    write_archive(tmp_path / "image.tar", root, blobs.open)
    with tarfile.open(tmp_path / "image.tar") as archive:
        sizes = [found.size for found in archive if found.name.endswith("layer.tar")]
    assert sizes == [len(layer_tar("a", b"1" * 700)), len(layer_tar("b", b"2"))]


def test_what_killed_writers_left_in_a_layout_is_removed_and_what_is_whole_is_kept(tmp_path: Path) -> None:
    blobs, root = image()
    write_layout(tmp_path / "out", root, blobs.open, tag="v1")
    whole = files(tmp_path / "out")
    kept = min((tmp_path / "out/blobs/sha256").iterdir())
    before = kept.stat().st_ino
    lost = max((tmp_path / "out/blobs/sha256").iterdir())
    lost.rename(lost.with_name(f".{lost.name}.partial"))
    for name in (f"blobs/sha256/.{'0' * 64}.partial", f"blobs/sha256/.{'1' * 64}.4711", ".index.json.partial"):
        (tmp_path / "out" / name).write_bytes(b"half of it")
    write_layout(tmp_path / "out", root, blobs.open, tag="v1")
    assert (files(tmp_path / "out"), kept.stat().st_ino) == (whole, before)
