"""Images of others, read where they lie: layouts, archives; and everything that one may lie about."""

from __future__ import annotations

import bz2
import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from buildkit.content import Kind
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.oci import tar
from buildkit.oci.archive import write_archive
from buildkit.oci.archive_reader import ArchiveReader
from buildkit.oci.blobs import OpenPart, Parts, Passing, read_document
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, INDEX, LAYER, MANIFEST, Descriptor, pairs
from buildkit.oci.document import canonical
from buildkit.oci.image import OpenedImage, read_image
from buildkit.oci.index import Index
from buildkit.oci.layout import write_layout
from buildkit.oci.layout_reader import LayoutReader
from buildkit.oci.manifest import Manifest


class Blobs(dict[Digest, bytes]):
    def add(self, data: bytes) -> Digest:
        self[Digest.of(data)] = data
        return Digest.of(data)

    def open(self, digest: Digest, /, offset: int = 0, length: int | None = None) -> io.BytesIO:
        return io.BytesIO(self[digest][offset : None if length is None else offset + length])


def layer_tar(path: str, data: bytes) -> bytes:
    return tar.header(path, Kind.FILE, 0o644, len(data)) + data + tar.padding(len(data)) + tar.END


def add_image(blobs: Blobs, content: bytes, architecture: str = "amd64") -> Descriptor:
    layer = blobs.add(layer_tar("f", content))
    config = ImageConfig(architecture, "linux", (str(layer),), (History("a"),)).to_json()
    manifest = Manifest(Descriptor(CONFIG, blobs.add(config)), (Descriptor(LAYER, layer),))
    platform = pairs({"architecture": architecture, "os": "linux"})
    return Descriptor(MANIFEST, blobs.add(manifest.to_json()), platform=platform)


def content_of(open_blob: OpenPart, root: Descriptor, platform: str = "") -> bytes:
    """The bytes of the one file in the image."""
    layer = read_image(OpenedImage(root, open_blob), platform).manifest.layers[0].digest
    with open_blob(layer) as source:
        data = source.read(layer.size + 1)
    with open_blob(layer, offset=512, length=3) as source:
        assert source.read(9) == data[512:515]
    return data[512:].split(b"\0")[0]


def packed(folder: Path, archive: Path) -> Path:
    """A folder as one tar."""
    with tarfile.open(archive, "w") as out:
        out.add(folder, ".")
    return archive


# -- what is there -----------------------------------------------------------------------------------------------------


def test_a_layout_names_its_one_image_or_one_by_its_tag(tmp_path: Path) -> None:
    blobs = Blobs()
    one, two = add_image(blobs, b"one"), add_image(blobs, b"two")
    write_layout(tmp_path, one, blobs.open)
    assert content_of(LayoutReader(tmp_path).open, LayoutReader(tmp_path).root()) == b"one"
    write_layout(tmp_path, two, blobs.open, tag="v2")
    reader = LayoutReader(tmp_path)
    assert content_of(reader.open, reader.root("v2")) == b"two"
    assert message(reader.root, BuildError) == (
        f"error: OCI layout '{tmp_path}' holds 2 images\nhint: name one by its tag: it has 'v2'"
    )
    assert message(lambda: reader.root("v3"), BuildError) == (
        f"error: OCI layout '{tmp_path}' has no tag 'v3'\nhint: it has 'v2'"
    )


def test_of_an_index_the_platform_chooses(tmp_path: Path) -> None:
    blobs = Blobs()
    amd, arm = add_image(blobs, b"amd"), add_image(blobs, b"arm", "arm64")
    about = Descriptor(MANIFEST, amd.digest, platform=pairs({"architecture": "unknown", "os": "unknown"}))
    index = Descriptor(INDEX, blobs.add(Index((arm, amd, about)).to_json()))
    write_layout(tmp_path, index, blobs.open)
    reader = LayoutReader(tmp_path)
    assert content_of(reader.open, reader.root()) == b"amd"
    assert content_of(reader.open, reader.root(), "linux/arm64") == b"arm"
    opened = OpenedImage(reader.root(), reader.open, "oci:x")
    assert message(lambda: read_image(opened, "linux/s390x"), BuildError) == (
        "error: 'oci:x' has no image for 'linux/s390x'\nhint: choose one with --platform: linux/amd64, linux/arm64"
    )
    alone = Descriptor(INDEX, blobs.add(Index((arm, about)).to_json()))
    assert content_of(blobs.open, alone) == b"arm"
    nested = Descriptor(INDEX, blobs.add(Index((index,)).to_json()))
    assert content_of(blobs.open, nested) == b"amd"


def test_an_index_json_without_tags_is_an_index(tmp_path: Path) -> None:
    blobs = Blobs()
    write_layout(tmp_path, add_image(blobs, b"amd"), blobs.open)
    write_layout(tmp_path, add_image(blobs, b"arm", "arm64"), blobs.open)
    reader = LayoutReader(tmp_path)
    assert content_of(reader.open, reader.root(), "linux/arm64") == b"arm"
    assert content_of(reader.open, reader.root()) == b"amd"


def test_an_oci_archive_is_read_without_unpacking(tmp_path: Path) -> None:
    blobs = Blobs()
    write_layout(tmp_path / "oci", add_image(blobs, b"one"), blobs.open, tag="v1")
    archive = packed(tmp_path / "oci", tmp_path / "a.tar")
    for kind in ("oci-archive", "docker-archive"):  # what docker saves today is both
        reader = ArchiveReader(archive, kind)
        assert content_of(reader.open, reader.root("v1")) == content_of(reader.open, reader.root()) == b"one"


def test_a_docker_archive_gets_a_manifest_of_its_layers(tmp_path: Path) -> None:
    blobs = Blobs()
    image = add_image(blobs, b"one")
    write_archive(tmp_path / "a.tar", image, blobs.open, name="acme/fraud:v1")
    reader = ArchiveReader(tmp_path / "a.tar", "docker-archive")
    assert {content_of(reader.open, reader.root(tag)) for tag in ("", "v1", "acme/fraud:v1")} == {b"one"}
    # The same layers and config under the same manifest: what was written comes back.
    assert reader.root().digest == image.digest
    assert message(lambda: reader.root("v2"), BuildError) == (
        f"error: docker-archive '{tmp_path / 'a.tar'}' has no tag 'v2'\nhint: its tags: 'acme/fraud:v1'"
    )


def old_archive(path: Path, manifest: object, members: Mapping[str, bytes | str], *, twice: str = "") -> Path:
    """A tar of files and (text) symbolic links, with a `manifest.json`."""
    with tarfile.open(path, "w") as out:
        for name, content in {"manifest.json": json.dumps(manifest).encode(), **members}.items():
            for _ in range(2 if name == twice else 1):
                member = tarfile.TarInfo(name)
                if isinstance(content, bytes):
                    member.size = len(content)
                    out.addfile(member, io.BytesIO(content))
                else:
                    member.type, member.linkname = tarfile.SYMTYPE, content
                    out.addfile(member)
    return path


def saved(layers: list[str], *contents: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """A `manifest.json` and a config over layers."""
    config = ImageConfig(
        "amd64", "linux", tuple(str(Digest.of(one)) for one in contents), (History("a"),) * len(contents)
    )
    return [{"Config": "c.json", "RepoTags": None, "Layers": layers}], config.to_json()


def test_links_between_layers_of_old_archives_are_followed_inside(tmp_path: Path) -> None:
    layer = layer_tar("f", b"one")
    manifest, config = saved(["a/layer.tar", "b/layer.tar"], layer, layer)
    files: dict[str, bytes | str] = {"c.json": config, "a/layer.tar": "../b/layer.tar", "b/layer.tar": layer}
    reader = ArchiveReader(old_archive(tmp_path / "a.tar", manifest, files), "docker-archive")
    assert content_of(reader.open, reader.root()) == b"one"


def test_a_layer_whose_first_file_is_called_like_a_format_is_a_plain_one(tmp_path: Path) -> None:
    layer = layer_tar("BZh91AY&SY", b"one")
    manifest, config = saved(["l.tar"], layer)
    reader = ArchiveReader(
        old_archive(tmp_path / "a.tar", manifest, {"c.json": config, "l.tar": layer}), "docker-archive"
    )
    assert content_of(reader.open, reader.root()) == b"one"


def test_a_layer_that_is_compressed_as_no_layer_is_refused(tmp_path: Path) -> None:
    layer = bz2.compress(layer_tar("f", b"one"))
    manifest, config = saved(["l.tar"], layer)
    file = old_archive(tmp_path / "a.tar", manifest, {"c.json": config, "l.tar": layer})
    assert message(lambda: ArchiveReader(file, "docker-archive").root()) == (
        f"error: docker-archive '{file}': layer 'l.tar' is compressed as images are not"
    )


@pytest.mark.parametrize("platform", ["", "linux/arm64", "linux/arm64/v8"])
def test_an_image_alone_is_chosen_as_one_of_an_index_is(platform: str) -> None:
    """The variant counts where both name one."""
    blobs = Blobs()
    arm = add_image(blobs, b"arm", "arm64")
    index = Descriptor(INDEX, blobs.add(Index((arm,)).to_json()))
    assert content_of(blobs.open, arm, platform) == content_of(blobs.open, index, platform) == b"arm"


def test_an_image_alone_for_another_platform_is_refused() -> None:
    blobs = Blobs()
    opened = OpenedImage(add_image(blobs, b"arm", "arm64"), blobs.open, "x")
    assert message(lambda: read_image(opened, "linux/arm"), BuildError) == (
        "error: 'x' is for linux/arm64, not for 'linux/arm'\n"
        "hint: --platform chooses from an index, which this is not: leave it out, or name an image for 'linux/arm'; "
        "a target is built for what a label says, such as --platform @mbuild//platforms:linux_arm64"
    )


# -- what is not ------------------------------------------------------------------------------------------------------


def message(action: Callable[[], object], kind: type[BuildError] = BuildFailure) -> str:
    with pytest.raises(kind) as caught:
        action()
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize(
    ("member", "content", "expected"),
    [
        (
            "a/layer.tar",
            "../../../etc/passwd",
            "layer 'a/layer.tar' leads outside the archive, to '../../../etc/passwd'",
        ),
        ("a/layer.tar", "/etc/passwd", "layer 'a/layer.tar' leads outside the archive, to '/etc/passwd'"),
        ("a/layer.tar", "layer.tar", "layer 'a/layer.tar' is no file"),
        ("../a", b"", "holds the unsafe path '../a'"),
        ("x", b"", "has no layer 'a/layer.tar'"),
    ],
)
def test_a_hostile_archive_is_refused(tmp_path: Path, member: str, content: bytes | str, expected: str) -> None:
    manifest, config = saved(["a/layer.tar"], b"x")
    file = old_archive(tmp_path / "a.tar", manifest, {"c.json": config, member: content})
    text = message(lambda: ArchiveReader(file, "docker-archive").root())
    assert text.removeprefix(f"error: docker-archive '{file}'").lstrip(": ") == expected


def test_members_that_come_twice_are_refused(tmp_path: Path) -> None:
    file = old_archive(tmp_path / "a.tar", [], {"c.json": b""}, twice="c.json")
    assert message(lambda: ArchiveReader(file, "docker-archive")) == (
        f"error: docker-archive '{file}' holds two members with the path 'c.json'"
    )


def test_a_layer_of_an_archive_is_what_the_config_says(tmp_path: Path) -> None:
    manifest, config = saved(["l.tar"], layer_tar("f", b"one"))
    other = layer_tar("f", b"two")
    file = old_archive(tmp_path / "a.tar", manifest, {"c.json": config, "l.tar": other})
    reader = ArchiveReader(file, "docker-archive")
    root = reader.root()
    digest = read_image(OpenedImage(root, reader.open)).manifest.layers[0].digest
    assert message(lambda: read(reader.open, digest)) == (
        f"error: docker-archive '{file}': blob {digest} is damaged: found {Digest.of(other)}"
    )


def read(open_blob: OpenPart, digest: Digest) -> bytes:
    with open_blob(digest) as source:
        out = b""
        while chunk := source.read(1000):
            out += chunk
        return out


def test_an_archive_cut_anywhere_is_refused_or_still_whole(tmp_path: Path) -> None:
    blobs = Blobs()
    write_archive(tmp_path / "a.tar", add_image(blobs, b"one"), blobs.open)
    whole = (tmp_path / "a.tar").read_bytes()
    ends = 0
    for size in (0, 1, 511, 512, 700, 1024, 2000, len(whole) // 2, len(whole) - 1500, len(whole) - 1, len(whole)):
        (tmp_path / "b.tar").write_bytes(whole[:size])
        try:
            reader = ArchiveReader(tmp_path / "b.tar", "docker-archive")
            assert content_of(reader.open, reader.root()) == b"one"
            ends += 1
        except BuildFailure:
            continue
    assert ends >= 1


def layout(folder: Path, root: Descriptor, blobs: Blobs) -> Path:
    """Written without a check, as nobody honest would."""
    (folder / "blobs/sha256").mkdir(parents=True)
    for digest, data in blobs.items():
        (folder / "blobs/sha256" / digest.hex).write_bytes(data)
    (folder / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    (folder / "index.json").write_bytes(Index((root,)).to_json())
    return folder


def test_a_blob_that_leads_outside_the_layout_is_refused(tmp_path: Path) -> None:
    blobs = Blobs()
    root = add_image(blobs, b"one")
    folder = layout(tmp_path / "oci", root, blobs)
    inner = folder / "blobs/sha256" / root.digest.hex
    (tmp_path / "secret").write_bytes(blobs[root.digest])
    inner.unlink()
    inner.symlink_to(tmp_path / "secret")
    what = f"error: OCI layout '{folder}': blob {root.digest}"
    assert message(lambda: read(LayoutReader(folder).open, root.digest)) == (
        f"{what} leads outside the folder, to '{tmp_path / 'secret'}'"
    )
    inner.unlink()
    inner.symlink_to(inner.name)
    assert message(lambda: read(LayoutReader(folder).open, root.digest)).startswith(f"{what} is no file")
    inner.unlink()
    os.mkfifo(inner)
    assert message(lambda: read(LayoutReader(folder).open, root.digest)) == f"{what} is no file"
    inner.unlink()
    (folder / "kept").write_bytes(blobs[root.digest])
    inner.symlink_to("../../kept")  # stays inside
    assert read(LayoutReader(folder).open, root.digest) == blobs[root.digest]


def test_a_blob_of_another_size_or_content_is_refused(tmp_path: Path) -> None:
    blobs = Blobs()
    root = add_image(blobs, b"one")
    folder = layout(tmp_path / "oci", root, blobs)
    file = folder / "blobs/sha256" / root.digest.hex
    file.write_bytes(blobs[root.digest][:-1])
    what = f"error: OCI layout '{folder}': blob {root.digest}"
    assert message(lambda: read(LayoutReader(folder).open, root.digest)) == (
        f"{what} has {root.digest.size - 1} bytes, expected {root.digest.size}"
    )
    file.write_bytes(bytes(root.digest.size))
    assert message(lambda: read(LayoutReader(folder).open, root.digest)) == (
        f"{what} is damaged: found {Digest.of(bytes(root.digest.size))}"
    )
    file.unlink()
    assert message(lambda: read(LayoutReader(folder).open, root.digest)) == (
        f"error: OCI layout '{folder}' has no blob {root.digest}"
    )


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (
            {"manifests": [{"mediaType": MANIFEST, "digest": "sha256:../../../../etc/passwd", "size": 1}]},
            "'sha256:../../../../etc/passwd' is not a digest\n"
            "hint: write 'sha256:' and 64 lower-case hexadecimal digits",
        ),
        (
            {"manifests": [{"mediaType": MANIFEST, "digest": f"sha256:{'a' * 64}", "size": -1}]},
            f"the descriptor of 'sha256:{'a' * 64}' has the size -1",
        ),
        (
            {"manifests": [{"mediaType": MANIFEST, "digest": f"sha256:{'a' * 64}", "size": "12"}]},
            "not a descriptor: expected mediaType, digest and size, found "
            f"{{'mediaType': '{MANIFEST}', 'digest': 'sha256:{'a' * 64}', 'size': '12'}}",
        ),
        ({"manifests": ["x"]}, "an image index: 'manifests' is not a list of objects"),
        ({"manifests": {"a": 1}}, "an image index: 'manifests' is not a list of objects"),
        (
            {"manifests": [], "layers": []},
            "an image index has no layers and no config: this document is two things at once",
        ),
        ({"annotations": {"a": 1}}, "an image index: 'annotations' is not an object of texts"),
        ([], "an image index is not a JSON object: found list"),
    ],
)
def test_an_index_that_says_something_odd_is_refused(tmp_path: Path, index: object, expected: str) -> None:
    folder = layout(tmp_path / "oci", Descriptor(MANIFEST, Digest.of(b"")), Blobs())
    (folder / "index.json").write_text(json.dumps(index))
    assert message(lambda: LayoutReader(folder)) == f"error: {expected}"


def test_json_that_is_nested_deep_is_refused(tmp_path: Path) -> None:
    folder = layout(tmp_path / "oci", Descriptor(MANIFEST, Digest.of(b"")), Blobs())
    (folder / "index.json").write_bytes(b"[" * 1_000_000)
    assert message(lambda: LayoutReader(folder)) == (
        "error: an image index is not JSON that can be read: it is nested too deep"
    )


def test_large_documents_are_refused_before_they_are_read(tmp_path: Path) -> None:
    folder = layout(tmp_path / "oci", Descriptor(MANIFEST, Digest("a" * 64, 1 << 40)), Blobs())
    reader = LayoutReader(folder)
    assert message(lambda: read_image(OpenedImage(reader.root(), reader.open))) == (
        f"error: manifest sha256:{'a' * 64} has {1 << 40} bytes, more than the 4194304 that mbuild reads"
    )
    (folder / "index.json").write_bytes(bytes((4 << 20) + 1))
    assert message(lambda: LayoutReader(folder)) == (
        f"error: OCI layout '{folder}': 'index.json' has more than the 4194304 bytes that mbuild reads"
    )


def test_what_a_document_is_and_what_points_to_it_must_agree() -> None:
    blobs = Blobs()
    root = add_image(blobs, b"one")
    assert message(lambda: read_image(OpenedImage(Descriptor(INDEX, root.digest), blobs.open))) == (
        f"error: index {root.digest} says that it is '{MANIFEST}', and what points to it says '{INDEX}'"
    )
    odd = Descriptor("text/html", root.digest)
    assert message(lambda: read_image(OpenedImage(odd, blobs.open))) == (
        f"error: {root.digest} is no image manifest: its media type is 'text/html'"
    )
    both = blobs.add(canonical(json.loads(blobs[root.digest]) | {"manifests": []}))
    assert message(lambda: read_image(OpenedImage(Descriptor(MANIFEST, both), blobs.open))) == (
        "error: an image manifest has one config and no manifests of its own: expected an image manifest"
    )


def test_indexes_are_followed_four_deep_and_no_further() -> None:
    blobs = Blobs()
    root = add_image(blobs, b"one")
    for depth in range(6):
        root = Descriptor(INDEX, blobs.add(Index((root,)).to_json()))
        if depth < 4:
            assert content_of(blobs.open, root) == b"one"
    assert message(lambda: read_image(OpenedImage(root, blobs.open))).endswith(
        "is nested too deep: mbuild reads 4 indexes in a row"
    )


def test_an_index_that_names_others_a_million_times_ends() -> None:
    blobs = Blobs()
    root = add_image(blobs, b"one")
    for _ in range(3):
        root = Descriptor(INDEX, blobs.add(Index((root,) * 1000).to_json()))
    assert content_of(blobs.open, root) == b"one"


# -- bytes ------------------------------------------------------------------------------------------------------------


def test_a_file_over_parts_fetches_what_is_looked_at() -> None:
    data = os.urandom(1 << 20)
    fetched: list[tuple[int, int | None]] = []
    blobs = Blobs()
    digest = blobs.add(data)

    def open_part(wanted: Digest, /, offset: int = 0, length: int | None = None) -> io.BytesIO:
        fetched.append((offset, length))
        return blobs.open(wanted, offset, length)

    file = Parts(digest, open_part)
    assert file.read(8) == data[:8]
    file.seek(1000)
    assert file.read(100) == data[1000:1100]
    file.seek(500_000)
    assert file.read(20_000) == data[500_000:520_000]
    assert file.seek(-10, os.SEEK_END) == len(data) - 10
    assert file.read(100) == data[-10:]
    assert file.read(100) == b""
    assert fetched == [(0, 16384), (500_000, 20_000), (len(data) - 10, 10)]
    file.seek(0)
    assert file.read() == data


def test_a_stream_goes_on_only_and_ends_where_it_ends() -> None:
    file = Passing(iter([b"abc", b"", b"defgh"]), "layer x")
    assert (file.read(2), file.seek(4), file.read(2), file.read(9), file.read(1)) == (b"ab", 4, b"ef", b"gh", b"")
    with pytest.raises(io.UnsupportedOperation):
        file.seek(0)
    assert message(lambda: file.seek(10)) == "error: layer x is damaged: it ends 2 bytes early"


def test_a_document_that_goes_on_is_refused() -> None:
    def endless(wanted: Digest, /, offset: int = 0, length: int | None = None) -> io.BytesIO:
        return io.BytesIO(b"x" * 1000)

    text = message(lambda: read_document(Digest.of(b"abc"), endless, "config"))
    assert text.startswith(f"error: config {Digest.of(b'abc')} is damaged: found sha256:")
