"""The tar of a layer's modules, for whoever compiles them."""

import gzip
import io
import tarfile

import pytest
import zstandard

from buildkit.content import Blob, Entry, Kind, Tree
from buildkit.errors import BuildFailure
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS

PACKAGES = "/usr/local/lib"


def layer(*members: tuple[str, bytes | str], kinds: dict[str, bytes] | None = None) -> bytes:
    """A tar of files, and of links (a text is the target) whose types `kinds` says."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = (kinds or {}).get(name, tarfile.SYMTYPE), content
                tar.addfile(member)
            else:
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return made.getvalue()


def modules(*layers: bytes, without: list[str] | None = None) -> dict[str, bytes | str]:
    """What the tool keeps of a layer, or of a folder of layers."""
    store = MemoryStore()
    digests = [store.put(data) for data in layers]
    given = Blob(digests[0])
    if len(layers) > 1:
        entries = [Entry(str(number), Kind.FILE, 0o644, digest) for number, digest in enumerate(digests)]
        given = Blob(store.put(Tree.of(entries).to_json()), tree=True)
    made = TOOLS["modules"](store, layer=given, folder=PACKAGES, without=without)
    with tarfile.open(fileobj=io.BytesIO(store.read(made["archive"]))) as tar:
        return {one.name: one.linkname or _content(tar, one) for one in tar}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file
    return file.read()


FILES = layer(
    ("./usr/local/lib/p/a.py", b"a = 1\n"),
    ("usr/local/lib/p/data.txt", b"d" * 1000),
    ("usr/local/lib/p/" + "long" * 40 + ".py", b"x" * 1500),
    ("usr/local/lib/p/.wh.gone.py", b""),
    ("usr/lib/elsewhere.py", b"e"),
    ("usr/local/lib/p/empty.py", b""),
)
KEPT = {
    "usr/local/lib/p/a.py": b"a = 1\n",
    "usr/local/lib/p/" + "long" * 40 + ".py": b"x" * 1500,
    "usr/local/lib/p/empty.py": b"",
}


@pytest.mark.parametrize("pack", [bytes, zstandard.compress, gzip.compress], ids=["plain", "zstd", "gzip"])
def test_the_modules_of_a_layer_are_kept_at_their_paths_however_it_is_compressed(pack: object) -> None:
    assert callable(pack)
    assert modules(pack(FILES)) == KEPT


def test_modules_inside_named_folders_are_left_out_but_not_modules_of_that_name() -> None:
    files = layer(
        ("usr/local/lib/p/tests/test_a.py", b""),
        ("usr/local/lib/p/sub/test/deep/b.py", b""),
        ("usr/local/lib/p/test.py", b"1"),
        ("usr/local/lib/p/testing/c.py", b"2"),
    )
    assert modules(files, without=["test", "tests"]) == {
        "usr/local/lib/p/test.py": b"1",
        "usr/local/lib/p/testing/c.py": b"2",
    }
    assert len(modules(files)) == 4


def test_hard_links_to_modules_stay_links_and_symlinks_are_no_modules() -> None:
    files = layer(
        ("usr/local/lib/p/a.py", b"a"),
        ("usr/local/lib/q/hard.py", "usr/local/lib/p/a.py"),
        ("usr/local/lib/q/data.py", "usr/local/lib/p/data.txt"),
        ("usr/local/lib/q/soft.py", "../p/a.py"),
        kinds={"usr/local/lib/q/hard.py": tarfile.LNKTYPE, "usr/local/lib/q/data.py": tarfile.LNKTYPE},
    )
    assert modules(files) == {"usr/local/lib/p/a.py": b"a", "usr/local/lib/q/hard.py": "../p/a.py"}


def test_a_folder_of_layers_gives_the_modules_of_all() -> None:
    more = layer(("usr/local/lib/q/b.py", b"b"))
    assert modules(FILES, more) == KEPT | {"usr/local/lib/q/b.py": b"b"}


def test_a_path_that_leads_out_of_the_layer_is_refused() -> None:
    files = layer(("usr/local/lib/../../../a.py", b"a"))
    with pytest.raises(BuildFailure) as raised:
        modules(files)
    digest = MemoryStore().put(files)
    assert str(raised.value) == (
        f"error: layer {digest}: member 'usr/local/lib/../../../a.py' has an unsafe name: it would leave its folder"
    )


def test_a_layer_that_is_cut_off_is_refused() -> None:
    files = FILES[:700]
    with pytest.raises(BuildFailure) as raised:
        modules(files)
    digest = MemoryStore().put(files)
    assert str(raised.value) == f"error: layer {digest} is damaged: it ends 324 bytes before its last member does"


def test_a_hard_link_that_leads_out_of_the_layer_is_refused() -> None:
    files = layer(
        ("usr/local/lib/a.py", "usr/local/lib/../../../../a.py"), kinds={"usr/local/lib/a.py": tarfile.LNKTYPE}
    )
    with pytest.raises(BuildFailure) as raised:
        modules(files)
    digest = MemoryStore().put(files)
    assert str(raised.value) == (
        f"error: layer {digest}: member 'usr/local/lib/../../../../a.py' has an unsafe name: it would leave its folder"
    )
