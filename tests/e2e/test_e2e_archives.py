"""Archives whose members climb out: refused by name, nothing written outside, the store usable after."""

from __future__ import annotations

import base64
import gzip
import io
import json
import struct
import tarfile
import textwrap
import zipfile
from hashlib import sha256
from pathlib import Path

import pytest
from invocations import Place

from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key
from buildkit.store import DiskStore

pytestmark = pytest.mark.e2e

SITE = "usr/local/lib/python3.11/dist-packages"
BUILD = """
python_packages(name = "wheels", lock = "wheels.lock", requirements = ["demo"])
debian_packages(name = "debs", lock = "debs.lock", packages = ["demo"])
runtime(name = "runtime", base = ":debs", packages = [":wheels"], bytecode = False)
genrule(name = "runs", outs = ["o"], command = ["/bin/true"], runtime = ":runtime")
"""
PYTHON = {
    "requirements": ["demo"],
    "constraints": [],
    "python": "3.11",
    "platform": "linux/amd64",
    "glibc": "2.36",
}
DEBIAN = {
    "suite": "bookworm",
    "components": ["main"],
    "architecture": "amd64",
    "packages": ["demo"],
    "omit": [],
}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "a" / "workspace", tmp_path / "a" / "store")
    place.write({"mbuild.toml": "", "p/BUILD": BUILD})
    lock_wheels(place, wheel({"demo.py": b"x = 1\n"}))
    lock_debs(place, deb("demo", ("./usr/share/demo/file", b"demo\n")))
    return place


def lock_wheels(place: Place, *wheels: bytes) -> None:
    entries = []
    for number, data in enumerate(wheels):
        digest, name = DiskStore(place.cache).put(data), "demo" if number == 0 else f"demo{number}"
        entries.append(LockEntry(name, "1.0", f"{name}-1.0-py3-none-any.whl", digest.size, digest.hex))
    place.write({"p/wheels.lock": render_lock(Lock("python", request_key("python", PYTHON), tuple(entries)))})


def lock_debs(place: Place, *debs: bytes) -> None:
    entries = []
    for number, data in enumerate(debs):
        digest, name = DiskStore(place.cache).put(data), "demo" if number == 0 else f"demo{number}"
        entries.append(LockEntry(name, "1.0", f"pool/{name}_1.0_all.deb", digest.size, digest.hex, "all"))
    place.write({"p/debs.lock": render_lock(Lock("debian", request_key("debian", DEBIAN), tuple(entries)))})


def wheel(files: dict[str, bytes]) -> bytes:
    """A wheel whose RECORD is right, whatever its members are called."""
    info = "demo-1.0.dist-info"
    members = {
        **files,
        f"{info}/METADATA": b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n",
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(
        f"{path},sha256={base64.urlsafe_b64encode(sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for path, data in members.items()
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for path, data in {**members, f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}.items():
            archive.writestr(zipfile.ZipInfo(path), data)
    return out.getvalue()


def deb(package: str, *members: tuple[str, bytes | str]) -> bytes:
    """A Debian package; bytes are a file, a text is a symlink's target."""
    control = f"Package: {package}\nVersion: 1.0\nArchitecture: all\nDescription: a test\n".encode()
    parts = (
        ("debian-binary", b"2.0\n"),
        ("control.tar.gz", gzip.compress(tarred(("./control", control)))),
        ("data.tar.gz", gzip.compress(tarred(*members))),
    )
    out = b"!<arch>\n"
    for name, data in parts:
        header = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        out += header.encode() + data + b"\n" * (len(data) % 2)
    return out


def tarred(*members: tuple[str, bytes | str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in members:
            info = tarfile.TarInfo(path)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def lying_size(archive: bytes) -> bytes:
    """The zip's directory says that its first member, of 6 bytes, has 5."""
    return archive.replace(struct.pack("<II", 6, 6), struct.pack("<II", 6, 5))


def lying_name(archive: bytes) -> bytes:
    """The name in a member's own header is not the directory's."""
    return archive.replace(b"demo.py", b"../a.py", 1)


def refused(place: Place, label: str) -> str:
    before = outside(place)
    ran = place.mbuild(label)
    assert (ran.code, ran.stdout) == (1, ""), ran.stderr
    assert outside(place) == before
    lock_wheels(place, wheel({"demo.py": b"x = 2\n"}))
    lock_debs(place, deb("demo", ("./usr/share/demo/file", b"good\n")))
    after = place.mbuild("//p:wheels", "//p:debs")
    assert after.code == 0, after.stderr
    return ran.told


def outside(place: Place) -> list[Path]:
    """What lies around the workspace and the store."""
    return sorted(place.root.parent.parent.rglob("evil*")) + sorted(Path("/tmp").glob("evil*"))


def text(message: str) -> str:
    return textwrap.dedent(message).strip("\n")


WHEELS = {
    "../": (
        wheel({"../evil.py": b"evil"}),
        "demo-1.0-py3-none-any.whl: member '../evil.py' has an unsafe name: it would leave its folder",
    ),
    "an absolute path": (
        wheel({"/tmp/evil.py": b"evil"}),
        "demo-1.0-py3-none-any.whl: member '/tmp/evil.py' has an unsafe name: it would leave its folder",
    ),
    "a backslash": (
        wheel({"..\\evil.py": b"evil"}),
        "demo-1.0-py3-none-any.whl: member '..\\\\evil.py' has an unsafe name: it holds a backslash",
    ),
    "data outside of its scheme": (
        wheel({"demo-1.0.data/data/../../../evil": b"evil"}),
        "demo-1.0-py3-none-any.whl: member 'demo-1.0.data/data/../../../evil' has an unsafe name: "
        "it would leave its folder",
    ),
    "a size that lies": (
        lying_size(wheel({"demo.py": b"x = 1\n"})),
        "demo-1.0-py3-none-any.whl: 'demo.py' has 6 bytes, but declares 5",
    ),
    "a name that lies": (
        lying_name(wheel({"demo.py": b"x = 1\n"})),
        "demo-1.0-py3-none-any.whl: member 'demo.py' has another name in its own header",
    ),
    "no archive": (
        b"PK",
        "demo-1.0-py3-none-any.whl is not a zip archive that can be read: File is not a zip file",
    ),
}


@pytest.mark.parametrize("trick", WHEELS)
def test_a_wheel_that_climbs_out_is_refused(place: Place, trick: str) -> None:
    data, message = WHEELS[trick]
    lock_wheels(place, data)
    assert refused(place, "//p:wheels") == text(
        f"""
        error: {message}
          while making 'p/wheels/shared-1.descriptors' for //p:wheels
        """
    )


DEBS = {
    "../": (
        (deb("demo", ("./../evil", b"evil")),),
        "demo_1.0_all.deb: member '../evil' has an unsafe name: it would leave its folder",
    ),
    "an absolute path": (
        (deb("demo", ("/tmp/evil", b"evil")),),
        "demo_1.0_all.deb: member '/tmp/evil' has an unsafe name: it would leave its folder",
    ),
    "a symlink of its own": (
        (deb("demo", ("./etc/way", "/tmp"), ("./etc/way/evil", b"evil")),),
        "'etc/way/evil' of demo_1.0_all.deb lies inside 'etc/way', which is a symlink of demo_1.0_all.deb",
    ),
    "a symlink of another archive": (
        (deb("demo", ("./etc/way", "/tmp")), deb("demo1", ("./etc/way/evil", b"evil"))),
        "'etc/way/evil' of demo1_1.0_all.deb lies inside 'etc/way', which is a symlink of demo_1.0_all.deb",
    ),
    "no archive": (
        (b"!<arch>\n" + b"x" * 60,),
        "demo_1.0_all.deb is damaged: expected the header of an ar member",
    ),
}


@pytest.mark.parametrize("trick", DEBS)
def test_a_debian_package_that_climbs_out_is_refused(place: Place, trick: str) -> None:
    debs, message = DEBS[trick]
    lock_debs(place, *debs)
    assert refused(place, "//p:debs") == text(
        f"""
        error: {message}
          while making 'p/debs/root.descriptors' for //p:debs
        """
    )


def test_a_wheel_through_a_symlink_of_a_debian_package_is_refused(place: Place) -> None:
    lock_debs(place, deb("demo", ("./usr/local/lib", "/tmp/evil")))
    assert refused(place, "//p:runs") == text(
        """
        error: layers do not fit: 'usr/local/lib' is a symlink in one and a directory in a later one
          while making the root of //p:runs
        """
    )


def test_what_python_runs_as_it_starts_is_listed_where_a_person_looks(place: Place) -> None:
    lock_wheels(place, wheel({"demo.py": b"x = 1\n", "demo.pth": b"import demo\n"}))
    assert place.mbuild("//p:wheels").code == 0
    shown = (place.root / "mbuild-out/p/wheels").glob("*.descriptors/*")
    assert [json.loads(path.read_text())["pth"] for path in shown] == [[f"{SITE}/demo.pth"]]
