"""Layers applied to a folder: what a container would see, and nothing outside."""

import gzip
import io
import stat
import tarfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import BinaryIO

import pytest

from buildkit.content import parents
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.oci.config import History, ImageConfig
from buildkit.oci.descriptor import CONFIG, LAYER, LAYER_GZIP, MANIFEST, Descriptor
from buildkit.oci.manifest import Manifest
from buildkit.oci.rootfs import write_rootfs


class Blobs(dict[Digest, bytes]):
    def add(self, data: bytes) -> Digest:
        self[Digest.of(data)] = data
        return Digest.of(data)

    def open(self, digest: Digest) -> BinaryIO:
        return io.BytesIO(self[digest])

    def root(self, manifest: Manifest) -> Descriptor:
        return Descriptor(MANIFEST, self.add(manifest.to_json()))


def member(name: str, data: bytes | None = None, **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member: a file where there is data, a folder where the name ends with '/', else what the fields say."""
    info = tarfile.TarInfo(name.rstrip("/"))
    info.type = tarfile.DIRTYPE if name.endswith("/") else tarfile.REGTYPE
    info.mode = 0o755 if name.endswith("/") else 0o644
    info.size = len(data or b"")
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data or b""


def link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.SYMTYPE, linkname=target)


def hard_link(name: str, target: str) -> tuple[tarfile.TarInfo, bytes]:
    return member(name, type=tarfile.LNKTYPE, linkname=target)


def layer(members: Iterable[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def image(*layers: Iterable[tuple[tarfile.TarInfo, bytes]]) -> tuple[Blobs, Manifest]:
    """An image of layers, every second one compressed."""
    blobs = Blobs()
    descriptors, ids = [], []
    for number, members in enumerate(layers):
        plain = layer(members)
        ids.append(str(Digest.of(plain)))
        if number % 2:
            descriptors.append(Descriptor(LAYER_GZIP, blobs.add(gzip.compress(plain))))
        else:
            descriptors.append(Descriptor(LAYER, blobs.add(plain)))
    config = ImageConfig("amd64", "linux", tuple(ids), (History(""),) * len(ids))
    return blobs, Manifest(Descriptor(CONFIG, blobs.add(config.to_json())), tuple(descriptors))


def applied(folder: Path, *layers: Iterable[tuple[tarfile.TarInfo, bytes]]) -> dict[str, str]:
    """What a folder holds when the layers were written to it: paths, and contents or targets."""
    blobs, manifest = image(*layers)
    write_rootfs(folder, blobs.root(manifest), blobs.open)
    return {path.relative_to(folder).as_posix(): shown(path) for path in sorted(folder.rglob("*"))}


def shown(path: Path) -> str:
    if path.is_symlink():
        return f"-> {path.readlink()}"
    return "/" if path.is_dir() else path.read_text()


def refused(folder: Path, *layers: Iterable[tuple[tarfile.TarInfo, bytes]]) -> str:
    """Why layers are refused; nothing is left then. The digest of the layer stands as DIGEST."""
    blobs, manifest = image(*layers)
    with pytest.raises(BuildFailure) as caught:
        write_rootfs(folder / "root", blobs.root(manifest), blobs.open)
    assert list(folder.iterdir()) == []
    message = caught.value.message
    for descriptor in manifest.layers:
        message = message.replace(str(descriptor.digest), "DIGEST")
    return message


def test_later_layers_lie_over_earlier_ones(tmp_path: Path) -> None:
    first = [member("a/"), member("a/one", b"1"), member("a/two", b"2"), link("to", "a")]
    second = [member("a/two", b"II"), member("b/three", b"3")]
    assert applied(tmp_path / "root", first, second) == {
        "a": "/",
        "a/one": "1",
        "a/two": "II",
        "b": "/",
        "b/three": "3",
        "to": "-> a",
    }


def test_modes_times_and_hard_links_are_the_images(tmp_path: Path) -> None:
    members = [
        member("closed/", mode=0o555, mtime=5),
        member("closed/tool", b"x", mode=0o4751, mtime=7),
        hard_link("closed/same", "closed/tool"),
        member("tmp/", mode=0o1777),
    ]
    applied(tmp_path / "root", members)
    tool, closed = tmp_path / "root/closed/tool", tmp_path / "root/closed"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (closed, tool, tmp_path / "root/tmp", tmp_path / "root")] == [
        0o555,
        0o751,
        0o1777,
        0o755,
    ]
    assert (closed.stat().st_mtime, tool.stat().st_mtime) == (5, 7)
    assert tool.stat().st_ino == (closed / "same").stat().st_ino
    closed.chmod(0o755)


def test_whiteouts_hide_what_lower_layers_have_and_never_their_own(tmp_path: Path) -> None:
    lower = [member("a/one", b"1"), member("a/two", b"2"), member("b/c/deep", b"d"), member("gone/x", b"x")]
    upper = [
        member("a/new", b"n"),
        member("a/.wh.one", b""),
        member("b/c/kept", b"k"),
        member("b/.wh..wh..opq", b""),
        member(".wh.gone", b""),
        member(".wh..wh.plnk", b""),
        member(".wh.never", b""),
    ]
    assert applied(tmp_path / "root", lower, upper) == {
        "a": "/",
        "a/new": "n",
        "a/two": "2",
        "b": "/",
        "b/c": "/",
        "b/c/kept": "k",
    }


def test_a_whiteout_before_what_replaces_it_hides_only_the_old(tmp_path: Path) -> None:
    lower, upper = [member("a/old", b"o")], [member(".wh.a", b""), member("a/"), member("a/new", b"n")]
    assert applied(tmp_path / "root", lower, upper) == {"a": "/", "a/new": "n"}


def test_files_folders_and_links_replace_each_other(tmp_path: Path) -> None:
    lower = [member("x/in", b"i"), member("y", b"file"), link("z", "y"), member("w", b"w"), hard_link("v", "w")]
    upper = [member("x", b"file now"), member("y/"), member("y/in", b"y"), member("z/"), member("w", b"other")]
    assert applied(tmp_path / "root", lower, upper) == {
        "v": "w",
        "w": "other",
        "x": "file now",
        "y": "/",
        "y/in": "y",
        "z": "/",
    }


def test_a_path_through_a_link_of_a_lower_layer_stays_below_the_root(tmp_path: Path) -> None:
    lower = [member("usr/lib/"), link("lib", "usr/lib"), link("up", "../../../.."), link("abs", "/usr")]
    upper = [member("lib/a", b"1"), member("up/b", b"2"), member("abs/c", b"3"), hard_link("d", "lib/a")]
    assert applied(tmp_path / "root", lower, upper) == {
        "abs": "-> /usr",
        "b": "2",
        "d": "1",
        "lib": "-> usr/lib",
        "up": "-> ../../../..",
        "usr": "/",
        "usr/c": "3",
        "usr/lib": "/",
        "usr/lib/a": "1",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["root"]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ([member("../x", b"")], "unsafe path '../x': expected a plain relative path below the root"),
        ([member("a/.wh...", b"")], "unsafe path '..': expected a plain relative path below the root"),
        (
            [member("f", b""), member("f/x", b"")],
            "layer DIGEST: 'f/x' lies inside 'f', which is a file",
        ),
        (
            [link("a", "b"), link("b", "a"), member("a/x", b"")],
            "layer DIGEST: 'a/x' lies inside 'a', which is a circle of symlinks",
        ),
        (
            [hard_link("h", "/etc/passwd")],
            "layer DIGEST: 'h' is a hard link to 'etc/passwd', which is no file before it",
        ),
        (
            [member("usr/f", b""), link("s", "usr"), hard_link("s/f", "usr/f")],
            "layer DIGEST: 's/f' is a hard link to 'usr/f', which is no file before it",
        ),
        (
            [member("d/f", b""), hard_link("d", "d/f")],
            "layer DIGEST: 'd' is a hard link to 'd/f', which is no file before it",
        ),
        ([member("n", type=tarfile.CHRTYPE)], "layer DIGEST: 'n' is a device or pipe, which only root can make"),
        ([link("s", "")], "layer DIGEST: 's' is a symlink to nothing"),
        (
            [member("d/" * 300 + "x", b"")],
            f"layer DIGEST: '{'d/' * 300}x' lies inside '{('d/' * 300)[:-1]}', which is more than 256 folders deep",
        ),
    ],
)
def test_what_leads_out_or_is_no_file_is_refused_by_name(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], message: str
) -> None:
    assert refused(tmp_path, members) == message


def test_a_layer_that_is_not_its_diff_id_leaves_nothing(tmp_path: Path) -> None:
    blobs, manifest = image([member("a/", mode=0o500), member("a/b", b"x")])
    digest = manifest.layers[0].digest
    other = layer([member("a/", mode=0o500), member("a/b", b"y")])
    blobs[digest] = other
    with pytest.raises(BuildFailure) as caught:
        write_rootfs(tmp_path / "root", blobs.root(manifest), blobs.open)
    assert caught.value.message == f"layer {digest} has diff id {Digest.of(other)}, expected {digest}"
    assert list(tmp_path.iterdir()) == []


def test_a_layer_that_is_cut_off_is_named(tmp_path: Path) -> None:
    blobs = Blobs()
    digest = blobs.add(layer([member("a", b"x" * 5000)])[:1024])
    config = ImageConfig("amd64", "linux", (str(digest),), (History(""),))
    manifest = Manifest(Descriptor(CONFIG, blobs.add(config.to_json())), (Descriptor(LAYER, digest),))
    with pytest.raises(BuildFailure) as caught:
        write_rootfs(tmp_path / "root", blobs.root(manifest), blobs.open)
    assert caught.value.message == f"layer {digest} is damaged: it ends 4488 bytes before the end of 'a'"


def test_only_a_missing_or_an_empty_folder_is_filled(tmp_path: Path) -> None:
    blobs, manifest = image([member("a", b"x")])
    folder = tmp_path / "root"
    folder.mkdir()
    write_rootfs(folder, blobs.root(manifest), blobs.open)
    with pytest.raises(BuildError) as caught:
        write_rootfs(folder, blobs.root(manifest), blobs.open)
    assert caught.value.message == f"cannot write the root file system to '{folder}': it is not an empty folder"
    assert caught.value.hint == "name a folder that is not there yet, or empty it"
    assert [path.name for path in folder.iterdir()] == ["a"]
    with pytest.raises(EnvironmentFault) as fault:
        write_rootfs(folder / "a" / "below", blobs.root(manifest), blobs.open)
    assert fault.value.message == f"cannot write the root file system '{folder}/a/below': not a directory"


def test_an_artifact_without_a_root_is_told(tmp_path: Path) -> None:
    blobs, manifest = image([])
    config = blobs.add(b"{}")
    with pytest.raises(BuildFailure) as caught:
        write_rootfs(tmp_path / "root", blobs.root(Manifest(Descriptor(CONFIG, config), manifest.layers)), blobs.open)
    assert caught.value.message == f"{config} is not the config of an image: it has no 'rootfs' with 'diff_ids'"


# What an overlay of folders would show, against any layers


def overlaid(layers: list[dict[str, str | None]]) -> dict[str, str]:
    """What layers come to, said as simply as can be: text is a file, '/' a folder, None a whiteout."""
    found: dict[str, str] = {}
    for entries in layers:
        for path, content in entries.items():
            if content is None and path.endswith("/*"):
                found = {known: held for known, held in found.items() if not known.startswith(path[:-1])}
            elif content is None:
                found = {known: held for known, held in found.items() if known != path and not below(known, path)}
        for path, content in sorted(entries.items()):
            if content is None:
                continue
            if content != "/" or found.get(path) != "/":
                found = {known: held for known, held in found.items() if known != path and not below(known, path)}
            found[path] = content
            for parent in parents(path):
                found[parent] = "/"
    return found


def below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


NAMES = ["a", "b", "a/a", "a/b", "b/a", "a/a/a", "a/a/b", "b/a/b"]


def one_layer(random: Random, number: int) -> dict[str, str | None]:
    """Some files, folders and whiteouts, with all folders above; nothing lies in a file or in what the layer hides."""
    entries: dict[str, str | None] = {}
    for name in random.sample(NAMES, random.randrange(1, len(NAMES))):
        content = random.choice([f"file {number} {name}", "/", None])
        solid = any(below(name, other) and entries[other] != "/" for other in entries)
        if solid or (content != "/" and any(below(other, name) for other in entries)):
            continue
        entries |= dict.fromkeys(parents(name), "/") | {name: content}
        if content == "/" and random.random() < 0.3:
            entries[f"{name}/*"] = None
    return entries


def members_of(entries: dict[str, str | None], random: Random) -> list[tuple[tarfile.TarInfo, bytes]]:
    """A layer's members: whiteouts stand anywhere among them."""
    members = []
    for path, content in sorted(entries.items()):
        above, _, name = path.rpartition("/")
        if content is None:
            mark = ".wh..wh..opq" if name == "*" else f".wh.{name}"
            members.insert(random.randrange(len(members) + 1), member(f"{above}/{mark}".lstrip("/"), b""))
        else:
            members.append(member(f"{path}/") if content == "/" else member(path, content.encode()))
    return members


@pytest.mark.parametrize("seed", range(150))
def test_any_layers_come_to_what_an_overlay_of_them_shows(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    layers = [one_layer(random, number) for number in range(random.randrange(2, 6))]
    found = applied(tmp_path / "root", *(members_of(entries, random) for entries in layers))
    assert found == overlaid(layers), layers


@pytest.mark.parametrize("seed", range(150))
def test_a_layer_with_wrong_bytes_is_refused_or_stays_in_its_folder(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    members = [
        member("a/"),
        link("a/up", "../.."),
        member("a/f", b"x" * 700),
        hard_link("a/g", "a/f"),
        member("b", b""),
    ]
    data = bytearray(layer(members))
    for _ in range(random.randrange(1, 6)):
        data[random.randrange(len(data) // 2)] = random.choice([0, 0x2E, 0x2F, 0x30, 0x31, 0x35, 0xFF])
    for start in range(0, 5 * 512, 512):  # headers whose checksums hold, so that it is what they say that counts
        if random.random() < 0.8:
            data[start + 148 : start + 156] = b" " * 8
            data[start + 148 : start + 156] = b"%06o\0 " % sum(data[start : start + 512])
    blobs = Blobs()
    digest = blobs.add(bytes(data))
    config = ImageConfig("amd64", "linux", (str(digest),), (History(""),))
    manifest = Manifest(Descriptor(CONFIG, blobs.add(config.to_json())), (Descriptor(LAYER, digest),))
    with suppress(BuildError):
        write_rootfs(tmp_path / "root", blobs.root(manifest), blobs.open)
    assert {path.name for path in tmp_path.iterdir()} <= {"root"}


@pytest.mark.parametrize(
    "again",
    [
        [member("a", b"1"), member("./a", b"2")],
        [member("b/a", b"1"), link("b/./a", "b")],
        [link("a", "b"), member("a/")],
        [member("a/"), member("a", b"1")],
        [member("x", b"1"), hard_link("a", "x"), hard_link("a", "x")],
        [member("b/.wh.a", b""), member("b/.wh.a", b"")],
    ],
)
def test_a_path_that_comes_twice_in_one_layer_is_refused(
    tmp_path: Path, again: list[tuple[tarfile.TarInfo, bytes]]
) -> None:
    last = again[-1][0]
    path = f"{last.name}/" if last.isdir() else last.name
    expected = f"layer DIGEST: want each path once, got {path!r} twice"
    assert refused(tmp_path, [member("c", b"0")], again) == expected


def test_a_folder_may_be_named_again_and_a_path_come_in_each_layer(tmp_path: Path) -> None:
    first = [member("./"), member("a/"), member("./"), member("./a/", mode=0o700), member("a/b", b"1")]
    assert applied(tmp_path / "root", first, [member("a/"), member("a/b", b"2")]) == {"a": "/", "a/b": "2"}
