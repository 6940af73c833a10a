from collections.abc import Callable

import pytest
from tools_archives import PACKERS, ar, blob, control, deb, only, tarred, unpacked

from buildkit.content import Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS, usrmerge


def layer(*debs: tuple[str, bytes], user: str | None = None) -> tuple[MemoryStore, dict[str, Digest]]:
    store = MemoryStore()
    names, blobs = [name for name, _ in debs], [blob(store, data) for _, data in debs]
    return store, only(store, TOOLS["debian_layers"](store, debs=blobs, names=names, user=user))


def contents(*debs: tuple[str, bytes], user: str | None = None) -> dict[str, tuple[str, int, bytes | str]]:
    store, made = layer(*debs, user=user)
    found = unpacked(store.read(made["layer"]))
    assert [entry.path for entry in Tree.from_json(store.read(made["tree"])).entries] == list(found)
    return found


def failure(*debs: tuple[str, bytes]) -> str:
    with pytest.raises(BuildFailure) as caught:
        layer(*debs)
    return caught.value.message


def holding(*members: tuple[str, str | bytes | None], package: str = "demo") -> tuple[str, bytes]:
    return f"{package}.deb", deb(package, tarred(*members))


BARE = contents(holding())


def added(*debs: tuple[str, bytes]) -> dict[str, tuple[str, int, bytes | str]]:
    """What packages bring beyond what every root has."""
    found = contents(*debs)
    assert BARE.keys() <= found.keys() | {"var/lib/dpkg/status.d/demo"}
    return {path: entry for path, entry in found.items() if path not in BARE and "status.d" not in path}


def test_every_root_has_the_folders_links_and_accounts_that_programs_expect() -> None:
    links = {path: target for path, (kind, _, target) in BARE.items() if kind == "symlink"}
    assert links == {"bin": "usr/bin", "lib": "usr/lib", "lib64": "usr/lib64", "sbin": "usr/sbin"}
    assert (BARE["tmp"], BARE["var/tmp"], BARE["root"]) == (
        ("directory", 0o1777, ""),
        ("directory", 0o1777, ""),
        ("directory", 0o755, ""),
    )
    assert BARE["etc/passwd"][2] == (
        b"root:x:0:0::/root:/usr/sbin/nologin\n"
        b"model:x:1000:1000::/tmp:/usr/sbin/nologin\n"
        b"nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin\n"
    )
    assert BARE["etc/group"][2] == b"root:x:0:\nmodel:x:1000:\nnogroup:x:65534:\n"
    assert b"hosts: files dns\n" in BARE["etc/nsswitch.conf"][2]


def test_scanners_find_each_packages_control_fields() -> None:
    found = contents(holding(), holding(package="other"))
    assert found["var/lib/dpkg/status.d/other"] == (
        "file",
        0o644,
        b"Package: other\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\nDescription: a test\n",
    )
    assert "var/lib/dpkg/status.d/demo" in found


@pytest.mark.parametrize("packing", PACKERS)
def test_every_packing_of_a_deb_gives_the_same_layer(packing: str) -> None:
    data = tarred(("./", None), ("./etc/", None), ("./etc/demo.conf", b"x\n"))
    assert layer(("demo.deb", deb("demo", data, packing)))[1] == layer(("demo.deb", deb("demo", data, "xz")))[1]


def test_the_bytes_of_the_layer_are_pinned() -> None:
    # If this changes, everybody's images change: raise the tool's version.
    made = layer(holding(("./etc/demo.conf", b"x\n"), ("./lib/a.so", b"elf"), ("./lib/b.so", "-> a.so")))[1]
    assert str(made["layer"]) == "sha256:51ec29e3e3ce1b6dbc6c7962a20e73f115493346d2ae8d13af65fa01a79d83ca"


def test_files_below_the_old_folders_move_to_usr_hard_links_and_all() -> None:
    found = added(
        holding(
            ("./bin/sh", b"elf"),
            ("./lib/x/a.so.1", b"elf1"),
            ("./lib/x/a.so", "-> a.so.1"),
            ("./lib/x/up.so", "-> ../../usr/lib/b.so"),
            ("./lib/x/self.so", "-> /usr/lib/x/self.so"),
            ("./lib64/ld.so", "-> /lib/x/a.so.1"),
            ("./sbin/init", "= ./bin/sh"),
            ("./usr/lib/b.so", "-> ../../lib/x/a.so"),
        )
    )
    assert found == {
        "usr/bin/sh": ("file", 0o644, b"elf"),
        "usr/lib/x": ("directory", 0o755, ""),
        "usr/lib/x/a.so.1": ("file", 0o644, b"elf1"),
        "usr/lib/x/a.so": ("symlink", 0o777, "a.so.1"),
        "usr/lib/x/up.so": ("symlink", 0o777, "/usr/lib/b.so"),
        "usr/lib64/ld.so": ("symlink", 0o777, "/lib/x/a.so.1"),
        "usr/sbin/init": ("file", 0o644, b"elf"),
        "usr/lib/b.so": ("symlink", 0o777, "../../lib/x/a.so"),
    }


@pytest.mark.parametrize(
    ("path", "text", "relocated"),
    [
        ("lib/a", "", ("usr/lib/a", "")),
        ("lib/x/a", "../b", ("usr/lib/x/a", "../b")),
        ("lib/a", "../usr/lib/b", ("usr/lib/a", "/usr/lib/b")),
        ("bin/a", "../lib/b", ("usr/bin/a", "/usr/lib/b")),
        ("bin/a", "/bin/b", ("usr/bin/a", "/bin/b")),
        ("usr/bin/a", "../../lib/b", ("usr/bin/a", "../../lib/b")),
        ("etc/a", "../lib/b", ("etc/a", "../lib/b")),
        ("bin", "usr/bin", None),
        ("lib/a", "/usr/lib/a", None),
        ("usr/lib/a", "/lib/a", None),
    ],
)
def test_links_lead_where_they_led(path: str, text: str, relocated: tuple[str, str] | None) -> None:
    assert usrmerge.relocated(path, text) == relocated


def test_newer_packages_that_ship_the_merged_links_are_welcome() -> None:
    assert added(holding(("./bin", "-> usr/bin"), ("./usr/bin/", None), ("./lib64", "-> usr/lib64"))) == {}


def test_manuals_and_the_like_are_left_out_but_copyrights_are_kept() -> None:
    found = added(
        holding(
            ("./usr/share/doc/demo/", None),
            ("./usr/share/doc/demo/copyright", b"free\n"),
            ("./usr/share/doc/demo/changelog.gz", b"z"),
            ("./usr/share/doc/libdemo", "-> demo"),
            ("./usr/share/man/man1/demo.1.gz", b"z"),
            ("./usr/share/info/demo.info.gz", b"z"),
            ("./usr/share/lintian/overrides/demo", b"z"),
            ("./usr/share/locale/de/demo.mo", b"kept"),
        )
    )
    assert {path for path, (kind, _, _) in found.items() if kind != "directory"} == {
        "usr/share/doc/demo/copyright",
        "usr/share/doc/libdemo",
        "usr/share/locale/de/demo.mo",
    }


def test_certificates_are_bundled_in_the_order_of_their_names() -> None:
    folder = "./usr/share/ca-certificates/mozilla/"
    found = added(holding((folder + "B.crt", b"bbb"), (folder + "A.crt", b"aaa\n\n"), (folder + "README", b"no")))
    assert found["etc/ssl/certs/ca-certificates.crt"] == ("file", 0o644, b"aaa\nbbb\n")
    assert found["usr/lib/ssl/cert.pem"][2] == "/etc/ssl/certs/ca-certificates.crt"
    assert found["usr/lib/ssl/certs"][2] == "/etc/ssl/certs"


def test_python3_awk_and_the_time_zone_are_linked_as_scripts_would_have_done() -> None:
    found = added(
        holding(
            ("./usr/bin/python3.9", b"elf"),
            ("./usr/bin/python3.11", b"elf"),
            ("./usr/bin/mawk", b"elf"),
            ("./usr/share/zoneinfo/Etc/UTC", b"TZif"),
        )
    )
    assert found["usr/bin/python3"] == ("symlink", 0o777, "python3.11")
    assert found["usr/bin/awk"] == ("symlink", 0o777, "mawk")
    assert found["etc/localtime"] == ("symlink", 0o777, "/usr/share/zoneinfo/Etc/UTC")
    assert found["etc/timezone"] == ("file", 0o644, b"Etc/UTC\n")


def test_what_packages_bring_themselves_is_theirs() -> None:
    found = contents(
        holding(("./usr/bin/python3.11", b"elf"), ("./usr/bin/python3", "-> python3.11"), ("./etc/passwd", b"own\n"))
    )
    assert found["etc/passwd"] == ("file", 0o644, b"own\n")


def test_setuid_bits_and_strange_modes_are_dropped() -> None:
    modes = {"./usr/bin/su": 0o4755, "./etc/shadow": 0o640, "./var/local": 0o2775}
    data = tarred(("./usr/bin/su", b"elf"), ("./etc/shadow", b""), ("./var/local", None), modes=modes)
    found = contents(("demo.deb", deb("demo", data)))
    assert [found[path][1] for path in ("usr/bin/su", "etc/shadow", "var/local")] == [0o755, 0o644, 0o755]


def test_the_servers_account_can_have_another_name() -> None:
    assert b"\nserver:x:1000:1000::/tmp:" in contents(holding(), user="server")["etc/passwd"][2]
    with pytest.raises(BuildFailure) as caught:
        layer(holding(), user="a:b\n")
    assert caught.value.message == ("'a:b\n' cannot be a user's name: expected lower-case letters, digits, '-' and '_'")


def cut(name: str, change: Callable[[bytes], bytes]) -> tuple[str, bytes]:
    return name, change(holding(("./etc/x", b"x" * 3000))[1])


HOSTILE: dict[str, tuple[list[tuple[str, bytes]], str]] = {
    "climbs out": (
        [holding(("./../evil", b"1"))],
        "demo.deb: member '../evil' has an unsafe name: it would leave its folder",
    ),
    "absolute": (
        [holding(("/etc/passwd", b"1"))],
        "demo.deb: member '/etc/passwd' has an unsafe name: it would leave its folder",
    ),
    "climbs out in the middle": (
        [holding(("./usr/../../evil", b"1"))],
        "demo.deb: member 'usr/../../evil' has an unsafe name: it would leave its folder",
    ),
    "hard link that climbs out": (
        [holding(("./etc/x", "= ../../etc/passwd"))],
        "demo.deb: member '../../etc/passwd' has an unsafe name: it would leave its folder",
    ),
    "hard link to nothing": (
        [holding(("./etc/x", "= ./etc/y"))],
        "demo.deb: hard link 'etc/x' leads to 'etc/y', which is no file before it in the archive",
    ),
    "hard link to a symlink": (
        [holding(("./etc/y", "-> /etc/shadow"), ("./etc/x", "= ./etc/y"))],
        "demo.deb: hard link 'etc/x' leads to 'etc/y', which is no file before it in the archive",
    ),
    "hard link into another package": (
        [holding(("./etc/y", b"1"), package="other"), holding(("./etc/x", "= ./etc/y"))],
        "demo.deb: hard link 'etc/x' leads to 'etc/y', which is no file before it in the archive",
    ),
    "through its own symlink": (
        [holding(("./etc/y", "-> /"), ("./etc/y/x", b"1"))],
        "'etc/y/x' of demo.deb lies inside 'etc/y', which is a symlink of demo.deb",
    ),
    "through the symlink of another package": (
        [holding(("./etc/y", "-> /"), package="other"), holding(("./etc/y/x", b"1"))],
        "'etc/y/x' of demo.deb lies inside 'etc/y', which is a symlink of other.deb",
    ),
    "through the file of another package": (
        [holding(("./etc/y/x", b"1")), holding(("./etc/y", b"1"), package="other")],
        "'etc/y/x' of demo.deb lies inside 'etc/y', which is a file of other.deb",
    ),
    "over one of the merged links": (
        [holding(("./bin", "-> /tmp"))],
        "'usr/bin' of demo.deb is a symlink: expected a directory",
    ),
    "two owners": (
        [holding(("./etc/x", b"1")), holding(("./etc/x", b"1"), package="other")],
        "'etc/x' is in demo.deb and in other.deb: expected one owner",
    ),
    "two owners after the merge": (
        [holding(("./bin/x", b"1")), holding(("./usr/bin/x", b"1"), package="other")],
        "'usr/bin/x' is in demo.deb and in other.deb: expected one owner",
    ),
    "twice in one package": (
        [holding(("./etc/x", b"1"), ("./etc/x", b"2"))],
        "demo.deb: member 'etc/x' is there twice",
    ),
    "device": (
        [holding(("./dev/sda", "dev"))],
        "demo.deb: member 'dev/sda' is a device or pipe: only files, folders and links are allowed",
    ),
    "whiteout": (
        [holding(("./etc/.wh.passwd", b""))],
        "'etc/.wh.passwd' cannot be in a layer: names that start with '.wh.' are reserved for whiteouts",
    ),
    "package twice": (
        [holding(), ("again.deb", holding()[1])],
        "package 'demo' is there twice: demo.deb and again.deb",
    ),
    "not a package": (
        [("demo.deb", b"nonsense!")],
        "demo.deb is not a Debian package: expected an ar archive",
    ),
    "cut in the middle": (
        [cut("demo.deb", lambda data: data[:-10])],
        "demo.deb is damaged: a member claims 10 bytes more than are left",
    ),
    "no data": (
        [("demo.deb", ar(("debian-binary", b"2.0\n"), ("control.tar", tarred(("control", control("demo"))))))],
        "demo.deb is not a whole Debian package: 'data.tar' is missing",
    ),
    "no control file": (
        [("demo.deb", ar(("debian-binary", b"2.0\n"), ("control.tar", tarred(("x", b""))), ("data.tar", tarred())))],
        "demo.deb has no control file",
    ),
    "name of a package that climbs out": (
        [("demo.deb", deb("../../evil", tarred()))],
        "demo.deb: its control file names the package '../../evil', which no package can be called",
    ),
    "format of the future": (
        [("demo.deb", ar(("debian-binary", b"3.0\n")))],
        "demo.deb: its package format is not known: expected 2.x",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_package_that_is_damaged_or_hostile_is_refused(kind: str) -> None:
    debs, message = HOSTILE[kind]
    assert failure(*debs) == message


def test_a_file_that_claims_more_than_the_archive_holds_is_refused() -> None:
    data = bytearray(tarred(("./etc/x", b"x" * 600)))
    data[124:136] = b"00000777777\0"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:512])
    assert failure(("demo.deb", deb("demo", bytes(data)))) == (
        f"demo.deb is damaged: a member claims {0o777777} bytes, but {len(data) - 512} are left"
    )
