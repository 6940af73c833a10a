"""`kill -9` at a seeded sample of moments: nothing half is believed, nothing stays that grows, the next call goes on.

The moments are bytes on the way to the registry, so they fall within blobs and between documents, not only where time
is spent; some come a little later, when files get their names.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import random
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from counted_line import Line, line_to
from debian_programs import Programs
from invocations import Place
from real_registry import registry

from buildkit.digest import Digest

pytestmark = pytest.mark.e2e

MOMENTS = 8
SIZE = 3_000_000
BUILD = """
model(name = "m", framework = "sklearn", srcs = ["m.joblib"])
model_volume(name = "volume", models = [":m"])
"""
ALONE = urllib.request.build_opener(urllib.request.ProxyHandler({}))
ACCEPT = {"Accept": "application/vnd.oci.image.manifest.v1+json"}


@pytest.fixture(scope="module")
def host(programs: Programs, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with registry(programs, tmp_path_factory.mktemp("registry") / "registry") as host:
        yield host


@pytest.fixture
def line(host: str) -> Iterator[Line]:
    with line_to(host) as line:
        yield line


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "BUILD": BUILD})
    return place


def ended(place: Place, *argv: str) -> str:
    """What an invocation that must end well prints."""
    ran = place.mbuild(*argv, "--plain-http")
    assert ran.code == 0, ran.stderr
    return ran.stdout


def written(place: Place, seed: object) -> None:
    """Other weights."""
    place.write({"m.joblib": random.Random(str(seed)).randbytes(SIZE)})


def pushed(place: Place, seed: object, where: str) -> str:
    """The digest of a new image, which was pushed."""
    written(place, seed)
    return ended(place, "push", "//:volume", where).strip().rpartition("@")[2]


def killed(place: Place, line: Line, dice: random.Random, total: int, *argv: str) -> bool:
    """Kill an invocation when a part of `total` bytes has moved, half of them in the last few; False if it was done."""
    late = dice.random() < 0.5
    at = dice.randrange(max(total - 6000, 1), total) if late else dice.randrange(1, total)
    delay = dice.choice((0.0, 0.0, 0.004, 0.02)) if late else 0.0
    process = place.start(*argv, "--plain-http")

    def kill() -> None:
        time.sleep(delay)
        process.kill()

    line.restart((at, kill))
    _, told = process.communicate(timeout=60)
    assert process.returncode in (-9, 0), told
    return process.returncode == -9


def whole(where: str) -> str | None:
    """The digest that a tag names, all of it looked at; None where there is no such tag."""
    host, _, rest = where.partition("/")
    repository, _, tag = rest.partition(":")
    manifest = got(f"http://{host}/v2/{repository}/manifests/{tag}")
    if manifest is None:
        return None
    document = json.loads(manifest)
    for row in (document["config"], *document["layers"]):
        data = got(f"http://{host}/v2/{repository}/blobs/{row['digest']}")
        assert data is not None, f"{where} names an incomplete image"
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == row["digest"]
    return str(Digest.of(manifest))


def got(url: str) -> bytes | None:
    try:
        with ALONE.open(urllib.request.Request(url, headers=ACCEPT)) as answer:
            data: bytes = answer.read()
            return data
    except urllib.error.HTTPError as error:
        error.close()
        if error.code != 404:
            raise
        return None


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def check_layout(folder: Path) -> None:
    """Whatever a layout names is there, whole."""
    if (folder / "index.json").exists():
        for row in json.loads((folder / "index.json").read_bytes())["manifests"]:
            document = json.loads(blob(folder, row["digest"]))
            for part in (document["config"], *document["layers"]):
                blob(folder, part["digest"])
    for path in (folder / "blobs/sha256").glob("[!.]*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def blob(folder: Path, digest: str) -> bytes:
    return (folder / "blobs" / digest.replace(":", "/")).read_bytes()


def check_store(place: Place) -> None:
    """Each blob is what its name says, and of what is temporary nothing is left that is nobody's."""
    for path in (place.cache / "blobs/sha256").glob("*/*"):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
    assert [path.name for path in (place.cache / "tmp").iterdir() if not is_held(path.with_suffix(".lock"))] == []


def is_held(lock: Path) -> bool:
    """Whether a process that lives (this one, too) has a lock."""
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def test_a_push_that_is_killed_leaves_the_tag_as_it_was_and_the_next_one_completes(
    host: str, place: Place, line: Line
) -> None:
    there, here = f"{host}/push/it:v1", f"{line.address}/push/it:v1"
    line.restart()
    old = pushed(place, "first", here)
    total, kills, dice = line.moved, 0, random.Random(1)
    for moment in range(MOMENTS):
        written(place, moment)
        kills += killed(place, line, dice, total, "push", "//:volume", here)
        found = whole(there)
        line.restart()
        new = pushed(place, moment, here)
        assert (found in (old, new), whole(there)) == (True, new)
        check_store(place)
        old = new
    assert kills >= MOMENTS // 2


def test_a_copy_that_is_killed_tags_nothing_and_the_next_one_completes(host: str, place: Place, line: Line) -> None:
    digest = pushed(place, "copied", f"{host}/source/it:v1")
    line.restart()
    ended(place, "copy", f"{host}/source/it:v1", f"{line.address}/copied/first:v1")
    total, kills, dice = line.moved, 0, random.Random(2)
    for moment in range(MOMENTS):
        name = f"copied/it{moment}:v1"
        kills += killed(place, line, dice, total, "copy", f"{host}/source/it:v1", f"{line.address}/{name}")
        assert whole(f"{host}/{name}") in (None, digest)
        ended(place, "copy", f"{host}/source/it:v1", f"{line.address}/{name}")
        assert whole(f"{host}/{name}") == digest
    assert kills >= MOMENTS // 2


def test_a_pull_into_a_layout_that_is_killed_leaves_it_readable_and_nothing_that_grows(
    host: str, place: Place, line: Line, programs: Programs, tmp_path: Path
) -> None:
    one, two = (pushed(place, name, f"{host}/pulled/it:{name}") for name in ("one", "two"))
    line.restart()
    pull = ("pull", f"{line.address}/pulled/it:two", "--output")
    ended(place, *pull, f"oci:{tmp_path}/whole")
    total, kills, dice = line.moved, 0, random.Random(3)
    ended(place, "pull", f"{line.address}/pulled/it:one", "--output", f"oci:{tmp_path}/whole")
    for moment in range(MOMENTS):
        layout = tmp_path / f"layout{moment}"
        ended(place, "pull", f"{host}/pulled/it:one", "--output", f"oci:{layout}")
        for _ in range(2):
            kills += killed(place, line, dice, total, *pull, f"oci:{layout}")
            check_layout(layout)
            assert len([name for name in files(layout) if "/." in name]) <= 1
        assert ended(place, "pull", f"{host}/pulled/it:two", "--output", f"oci:{layout}").split()[1] == two
        check_layout(layout)
        assert files(layout) == files(tmp_path / "whole")
        for tag, digest in (("one", one), ("two", two)):
            assert json.loads(programs.run("newer-skopeo", "inspect", f"oci:{layout}:{tag}"))["Digest"] == digest
    assert kills >= MOMENTS


@pytest.mark.parametrize("kind", ["oci-archive", "docker-archive"])
def test_a_pull_into_an_archive_that_is_killed_leaves_one_file_that_the_next_one_uses(
    kind: str, host: str, place: Place, line: Line, tmp_path: Path
) -> None:
    pushed(place, "archived", f"{host}/archived/it:v1")
    folder = tmp_path / "archives"
    folder.mkdir()
    pull = ("pull", f"{line.address}/archived/it:v1", "--output")
    line.restart()
    ended(place, *pull, f"{kind}:{folder}/whole.tar")
    total, kills, dice = line.moved, 0, random.Random(4)
    for _ in range(MOMENTS // 2):
        kills += killed(place, line, dice, total, *pull, f"{kind}:{folder}/it.tar")
        assert files(folder) <= {"whole.tar", "it.tar", ".it.tar.partial"}
        if "it.tar" in files(folder):
            assert (folder / "it.tar").read_bytes() == (folder / "whole.tar").read_bytes()
    ended(place, *pull, f"{kind}:{folder}/it.tar")
    assert files(folder) == {"whole.tar", "it.tar"}
    assert (folder / "it.tar").read_bytes() == (folder / "whole.tar").read_bytes()
    assert kills >= MOMENTS // 4


def test_a_pull_into_the_store_that_is_killed_leaves_it_whole_and_swept(
    host: str, place: Place, line: Line, tmp_path: Path
) -> None:
    digest = pushed(place, "stored", f"{host}/stored/it:v1")
    total, kills, dice = SIZE + 5000, 0, random.Random(5)
    for moment in range(MOMENTS):
        other = Place(place.root, tmp_path / f"store{moment}")
        for _ in range(2):
            kills += killed(other, line, dice, total, "pull", f"{line.address}/stored/it:v1")
        assert ended(other, "pull", f"{line.address}/stored/it:v1").strip().endswith(digest)
        check_store(other)
    assert kills >= MOMENTS
