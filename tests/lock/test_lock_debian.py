import gzip
import hashlib
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pysequoia import SignatureMode, Tsk, sign

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Event, Warned, ignore
from buildkit.fetch import Network, Sources
from buildkit.graph.lockfile import Lock, LockEntry, parse_lock, render_lock, request_key
from buildkit.lock.debian import resolve
from buildkit.lock.openpgp import machine_keyring

NOW = datetime(2026, 7, 20, tzinfo=UTC)
KEY = Tsk.generate("Archive of tests <archive@example.org>")
CERTIFICATE = KEY.extract_certificate()
SHA = "0123456789abcdef" * 4


def stanza(name: str, version: str = "1.0", architecture: str = "amd64", **fields: str) -> str:
    rows = {
        "Package": name,
        "Version": version,
        "Architecture": architecture,
        "Filename": f"pool/main/{name[0]}/{name}/{name}_{version}_{architecture}.deb",
        "Size": "7",
        "SHA256": SHA,
        **{field.replace("_", "-"): value for field, value in fields.items()},
    }
    return "".join(f"{field}: {value}\n" for field, value in rows.items())


@dataclass
class Archive:
    """A mirror in a folder, with one suite 'demo' (codename 'toy')."""

    root: Path

    @property
    def suite(self) -> Path:
        return self.root / "dists" / "toy"

    def publish(
        self,
        stanzas: Sequence[str],
        *,
        date: str = "Sat, 11 Jul 2026 10:16:37 UTC",
        extra: str = "",
        key: Tsk = KEY,
        by_hash: bool = False,
    ) -> None:
        packages = lzma.compress("\n".join(stanzas).encode())
        digest = hashlib.sha256(packages).hexdigest()
        folder = self.suite / "main" / "binary-amd64"
        place = folder / "by-hash" / "SHA256" / digest if by_hash else folder / "Packages.xz"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(packages)
        extra += "Acquire-By-Hash: yes\n" if by_hash else ""
        self.sign(
            f"Origin: Tests\nSuite: demo\nVersion: 12.3\nCodename: toy\nDate: {date}\n{extra}"
            f"MD5Sum:\n {'0' * 32} 1 main/x\nSHA256:\n {digest} {len(packages)} main/binary-amd64/Packages.xz\n",
            key,
        )

    def sign(self, text: str, key: Tsk = KEY) -> None:
        self.suite.mkdir(parents=True, exist_ok=True)
        (self.suite / "InRelease").write_bytes(sign(key.signer(), text.encode(), mode=SignatureMode.CLEAR))

    @property
    def sources(self) -> Sources:
        return Sources(debian_mirrors=(self.root.as_uri(),), network=Network(attempts=1))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "mirror")


@pytest.fixture
def keyring(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.gpg"
    path.write_bytes(bytes(CERTIFICATE))
    return path


def request(*packages: str, omit: Sequence[str] = (), suite: str = "toy") -> dict[str, object]:
    return {
        "suite": suite,
        "packages": list(packages),
        "omit": list(omit),
        "architecture": "amd64",
        "components": ["main"],
    }


def locked(archive: Archive, keyring: Path | None, *packages: str, omit: Sequence[str] = (), **options: object) -> Lock:
    return resolve(
        request(*packages, omit=omit), archive.sources, **{"keyring": keyring, "report": ignore, "now": NOW, **options}
    )  # type: ignore[arg-type]


def names(lock: Lock) -> str:
    return " ".join(entry.name for entry in lock.entries)


def fault_of(archive: Archive, keyring: Path | None, *packages: str, **options: object) -> BuildError:
    with pytest.raises(BuildError) as caught:
        locked(archive, keyring, *packages, **options)  # type: ignore[arg-type]
    return caught.value


def test_the_closure_of_a_package_is_locked(archive: Archive, keyring: Path) -> None:
    archive.publish(
        [
            stanza("app", "2:1.0-1", "all", Depends="lib (>= 1.0~rc1), data | other", Pre_Depends="libc6"),
            stanza("lib", Depends="libc6 (>= 2.0), app (>= 2:1)"),
            stanza("libc6", "2.36"),
            stanza("data"),
            stanza("other"),
            stanza("unrelated"),
        ]
    )
    lock = locked(archive, keyring, "app")
    assert lock == Lock(
        "debian",
        request_key("debian", request("app")),
        (
            LockEntry("app", "2:1.0-1", "pool/main/a/app/app_2:1.0-1_all.deb", 7, SHA, "all"),
            LockEntry("data", "1.0", "pool/main/d/data/data_1.0_amd64.deb", 7, SHA, "amd64"),
            LockEntry("lib", "1.0", "pool/main/l/lib/lib_1.0_amd64.deb", 7, SHA, "amd64"),
            LockEntry("libc6", "2.36", "pool/main/l/libc6/libc6_2.36_amd64.deb", 7, SHA, "amd64"),
        ),
        (("release", "toy 12.3 2026-07-11T10:16:37Z"), ("signed by", CERTIFICATE.fingerprint)),
    )
    assert parse_lock(render_lock(lock), "x") == lock


GAWK = stanza("gawk", Provides="awk")
MAWK = stanza("mawk", Provides="awk", Priority="required")
P_AND_Q = [stanza("p", Provides="v"), stanza("q", Provides="v (= 2.1)")]
OLD_AND_NEW = [stanza("a", "1.9"), stanza("a", "1.10", Depends="b")]


@pytest.mark.parametrize(
    ("stanzas", "omit", "expected"),
    [
        ([stanza("app", Depends="a | b"), stanza("a"), stanza("b")], [], "a app"),
        ([stanza("app", Depends="absent | b"), stanza("b")], [], "app b"),
        ([stanza("app", Depends="a (>= 2) | b"), stanza("a"), stanza("b")], [], "app b"),
        ([stanza("app", Depends="x, a | b", Pre_Depends="b"), stanza("a"), stanza("b"), stanza("x")], [], "app b x"),
        ([stanza("app", Depends="awk"), GAWK, MAWK], [], "app mawk"),
        ([stanza("app", Depends="awk"), GAWK, MAWK], ["mawk"], "app"),
        ([stanza("app", Depends="v (>= 2)"), *P_AND_Q], [], "app q"),
        ([stanza("app", Depends="a"), stanza("a", Depends="b"), stanza("b")], ["a"], "app"),
        ([stanza("app", Depends="py:any (>= 1)"), stanza("py")], [], "app py"),
        ([stanza("app", Depends="a"), *OLD_AND_NEW, stanza("b")], [], "a app b"),
        ([stanza("app", Depends="libc6 (>= 2)")], ["libc6"], "app"),
    ],
)  # fmt: skip
def test_choices_are_fixed(archive: Archive, keyring: Path, stanzas: list[str], omit: list[str], expected: str) -> None:
    archive.publish(stanzas)
    assert names(locked(archive, keyring, "app", omit=omit)) == expected


def test_an_index_is_found_by_its_digest(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")], by_hash=True)
    assert names(locked(archive, keyring, "app")) == "app"


def test_a_gzipped_index_serves_too(archive: Archive, keyring: Path) -> None:
    data = gzip.compress(stanza("app").encode())
    digest = Digest.of(data)
    (archive.suite / "main/binary-amd64").mkdir(parents=True)
    (archive.suite / "main/binary-amd64/Packages.gz").write_bytes(data)
    archive.sign(
        "Suite: demo\nCodename: toy\nDate: Sat, 11 Jul 2026 10:16:37 UTC\n"
        f"SHA256:\n {digest.hex} {digest.size} main/binary-amd64/Packages.gz\n"
    )
    assert names(locked(archive, keyring, "app")) == "app"


def test_a_package_that_is_not_there_gets_the_nearest_name(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("python3.11-minimal")])
    assert str(fault_of(archive, keyring, "python3.11-minimum")) == (
        "error: suite 'toy' has no package 'python3.11-minimum'\nhint: did you mean 'python3.11-minimal'?"
    )
    assert fault_of(archive, keyring, "python3.11-minimal", omit=["pyton3.11-minimal"]).message == (
        "suite 'toy' has no package 'pyton3.11-minimal'"
    )


def test_a_dependency_that_cannot_be_met_tells_the_way_to_it(archive: Archive, keyring: Path) -> None:
    archive.publish(
        [stanza("app", Depends="lib"), stanza("lib", Depends="libc6 (>= 3) | musl"), stanza("libc6", "2.36")]
    )
    assert str(fault_of(archive, keyring, "app")) == (
        "error: 'lib' 1.0 depends on 'libc6 (>= 3) | musl', which suite 'toy' does not have\n"
        "  needed by 'app'\n"
        "hint: add the component that has it, or its name to 'omit'"
    )


def test_packages_that_exclude_each_other_are_refused(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app", Breaks="lib (<< 2), app"), stanza("lib")])
    assert fault_of(archive, keyring, "app", "lib").message == "'app' 1.0 cannot be beside 'lib' 1.0"


def test_a_release_that_was_changed_is_refused(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")])
    path = archive.suite / "InRelease"
    path.write_bytes(path.read_bytes().replace(b"Version: 12.3", b"Version: 12.4"))
    fault = fault_of(archive, keyring, "app")
    assert isinstance(fault, BuildFailure)
    assert str(fault) == (
        f"error: the Release of {archive.suite.as_uri()} is not signed by a key of '{keyring}'\n"
        "hint: use another mirror, or a newer keyring: 'keyring' under [debian] in mbuild.toml"
    )


def test_a_stranger_signs_in_vain(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")], key=Tsk.generate("Stranger <s@example.org>"))
    assert "is not signed by a key of" in fault_of(archive, keyring, "app").message


def test_text_around_the_signed_part_is_not_believed(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")])
    path = archive.suite / "InRelease"
    path.write_bytes(b"Date: Sat, 11 Jul 2099 10:16:37 UTC\n\n" + path.read_bytes())
    assert names(locked(archive, keyring, "app")) == "app"


def test_without_a_keyring_nothing_is_locked_unless_allowed(archive: Archive) -> None:
    archive.publish([stanza("app")])
    fault = fault_of(archive, None, "app")
    assert isinstance(fault, EnvironmentFault)
    assert str(fault) == (
        f"error: no keyring to check the signature of the Release of {archive.suite.as_uri()}\n"
        "hint: install the package 'debian-archive-keyring', name a 'keyring' under [debian] in mbuild.toml, "
        "or accept an unsigned mirror with --allow-unsigned"
    )
    events: list[Event] = []
    lock = locked(archive, None, "app", allow_unsigned=True, report=events.append)
    assert lock.note("signed by") == "nobody that was checked"
    assert events[0] == Warned(f"the signature of the Release of {archive.suite.as_uri()} is not checked")


def test_a_file_that_is_no_keyring_is_named(archive: Archive, tmp_path: Path) -> None:
    archive.publish([stanza("app")])
    (tmp_path / "no.gpg").write_text("nonsense")
    assert fault_of(archive, tmp_path / "no.gpg", "app").message == f"'{tmp_path}/no.gpg' is not an OpenPGP keyring"
    assert fault_of(archive, tmp_path / "absent", "app").message == (
        f"cannot read the keyring '{tmp_path}/absent': no such file or directory"
    )


def test_the_machines_keyring_is_the_first_that_is_there(tmp_path: Path) -> None:
    (tmp_path / "b").write_text("")
    assert machine_keyring((tmp_path / "a", tmp_path / "b")) == tmp_path / "b"
    assert machine_keyring((tmp_path / "a",)) is None


def test_an_expired_release_is_refused_and_a_moving_suite_is_warned_of(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")], extra="Valid-Until: Sun, 19 Jul 2026 10:16:37 UTC\n")
    fault = fault_of(archive, keyring, "app")
    assert isinstance(fault, EnvironmentFault)
    assert fault.message == (
        f"the Release of {archive.suite.as_uri()} expired on 2026-07-19T10:16:37Z: "
        "the mirror is stale, or somebody holds it back"
    )
    events: list[Event] = []
    locked(archive, keyring, "app", now=datetime(2026, 7, 18, tzinfo=UTC), report=events.append)
    assert Warned("suite 'toy' is not frozen: its files leave the mirrors when it moves on") in events


def test_a_release_from_the_future_questions_the_clock(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")])
    fault = fault_of(archive, keyring, "app", now=datetime(2026, 7, 1, tzinfo=UTC))
    assert fault.message.endswith("is dated 2026-07-11T10:16:37Z, which is in the future")
    assert fault.hint == "check this machine's clock: it says 2026-07-01T00:00:00Z"


def test_a_mirror_never_steps_back_in_time(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")])
    newer = locked(archive, keyring, "app")
    archive.publish([stanza("app")], date="Sat, 16 May 2026 10:00:00 UTC")
    fault = fault_of(archive, keyring, "app", previous=newer)
    assert fault.message == (
        f"the Release of {archive.suite.as_uri()} is dated 2026-05-16T10:00:00Z, "
        "the lock was made from one of 2026-07-11T10:16:37Z"
    )
    older = locked(archive, keyring, "app")
    archive.publish([stanza("app")])
    assert locked(archive, keyring, "app", previous=older).note("release") == "toy 12.3 2026-07-11T10:16:37Z"


def test_another_suite_under_the_name_is_refused(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")])
    archive.suite.rename(archive.suite.parent / "new")
    with pytest.raises(BuildFailure) as caught:
        resolve(request("app", suite="new"), archive.sources, keyring=keyring, report=ignore, now=NOW)
    assert caught.value.message.endswith("is of suite 'toy' ('demo'), expected 'new'")


def test_an_index_that_its_release_does_not_name_is_refused(archive: Archive, keyring: Path) -> None:
    archive.publish([stanza("app")])
    path = archive.suite / "main/binary-amd64/Packages.xz"
    expected = Digest.of(path.read_bytes())
    path.write_bytes(b"other")
    found = Digest.of(b"other")
    assert str(fault_of(archive, keyring, "app")) == (
        "error: 'toy/main/binary-amd64/Packages.xz' is not the file that its Release names\n"
        f"  expected {expected} ({expected.size} bytes)\n"
        f"  found    {found} (5 bytes)\n"
        f"  from     {path.as_uri()}\n"
        "hint: the mirror may be in the middle of an update: try again later, or use another one"
    )


def test_what_no_mirror_has_is_said(archive: Archive, keyring: Path) -> None:
    assert str(fault_of(archive, keyring, "app")) == (
        "error: no mirror has the suite 'toy'\n"
        f"  asked {archive.root.as_uri()}\n"
        "hint: check the network, and which mirror apt, or 'mirror' under [debian] in mbuild.toml, names"
    )
