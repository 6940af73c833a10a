"""A mirror that does something wrong, over HTTP: the image is whole all the same, and one warning says why."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest
from invocations import in_process
from little_registry import Answer, LittleRegistry, Seen, serving

from buildkit.commands.base_layers import fetch_layer
from buildkit.commands.session import Options, Session
from buildkit.digest import Digest
from buildkit.events import Event, Warned
from buildkit.oci.descriptor import MANIFEST

_Kind = TypeVar("_Kind", bound=LittleRegistry)
BIG = random.Random(4).randbytes(6 << 20)


def layer() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("weights.bin")
        member.size = len(BIG)
        tar.addfile(member, io.BytesIO(BIG))
    return out.getvalue()


LAYER = layer()
CONFIG = json.dumps(
    {"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": [str(Digest.of(LAYER))]}}
).encode()


def row(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": str(Digest.of(data)), "size": len(data)}


IMAGE = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": row(CONFIG, "config.v1+json"),
        "layers": [row(LAYER, "layer.v1.tar")],
    }
).encode()
DIGEST, BLOB, SMALL = (str(Digest.of(data)) for data in (IMAGE, LAYER, CONFIG))


@dataclass
class Mirror(LittleRegistry):
    """A registry that spoils its answers to GET as it is told, by a part of the path."""

    spoilt: dict[str, Callable[[Answer], Answer]] = field(default_factory=dict)

    def answer(self, request: Seen) -> Answer:
        answer = super().answer(request)
        for part, spoil in self.spoilt.items():
            if part in request.path and request.method == "GET":
                return spoil(answer)
        return answer


def filled(registry: _Kind) -> _Kind:
    registry.manifests["v1"] = (DIGEST, IMAGE)
    registry.blobs |= {BLOB: LAYER, SMALL: CONFIG}
    return registry


@dataclass
class Pair:
    host: LittleRegistry
    mirror: Mirror

    def warning(self, why: str) -> str:
        place = f"registry '{self.mirror.address}'"
        asked = f"so registry '{self.host.address}' itself is asked"
        return f"warning: mirror '{self.mirror.address}' does not help, {asked}: {why.replace('MIRROR', place)}\n"


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("MBUILD_CACHE", str(tmp_path / "store"))
    with serving(filled(LittleRegistry())) as host, serving(filled(Mirror())) as mirror:
        (tmp_path / "mbuild.toml").write_text(
            f'[registry."{host.address}"]\nplain_http = true\nmirror = "{mirror.address}"\n'
            f'[registry."{mirror.address}"]\nplain_http = true\n'
        )
        yield Pair(host, mirror)


def garbage(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, b"\0" * len(answer.body))


def half_wrong(answer: Answer) -> Answer:
    return Answer(answer.status, answer.headers, b"\0" + answer.body[1:])


def short(answer: Answer) -> Answer:
    return Answer(200, {}, b"<html>no</html>")


def cut(answer: Answer) -> Answer:
    said = {"Content-Length": str(len(answer.body)), "Connection": "close"}
    return Answer(answer.status, answer.headers | said, answer.body[: len(answer.body) // 2])


def long(answer: Answer) -> Answer:
    return Answer(200, {}, answer.body + b"more")


def down(answer: Answer) -> Answer:
    return Answer(503)


def missing(answer: Answer) -> Answer:
    return Answer(404)


def empty(answer: Answer) -> Answer:
    return Answer(200, {}, b"{}")


READING = f"while reading blob {BLOB} of 'ml/fraud'"
FAULTS: dict[str, tuple[str, Callable[[Answer], Answer], str]] = {
    "a manifest that is none": (
        "manifests/v1",
        empty,
        "what it has as 'v1' of 'ml/fraud' is no image manifest or index",
    ),
    "a manifest of numbers": (
        "manifests/v1",
        lambda answer: Answer(200, {}, b'{"layers": 5}'),
        "what it has as 'v1' of 'ml/fraud' is no image manifest or index",
    ),
    "a manifest that is down": ("manifests/v1", down, "MIRROR answered 503 while reading manifest 'v1' of 'ml/fraud'"),
    "a layer of other bytes": (BLOB, garbage, "MIRROR sent other bytes than those of its digest (sha256:"),
    "a layer with one wrong byte": (BLOB, half_wrong, "MIRROR sent other bytes than those of its digest (sha256:"),
    "a layer that is a page": (BLOB, short, f"MIRROR sent {len(LAYER) - 15} bytes too few, {READING}"),
    "a layer that is cut": (BLOB, cut, f"cannot reach MIRROR {READING}: the connection broke"),
    "a layer that is too long": (BLOB, long, f"MIRROR sent more bytes than the blob has, {READING}"),
    "a layer that is down": (BLOB, down, f"MIRROR answered 503 {READING}"),
    "a layer that it lacks": (BLOB, missing, f"MIRROR answered 404 {READING}"),
    "a config of other bytes": (SMALL, garbage, "MIRROR sent other bytes than those of its digest (sha256:"),
    "a config that is a page": (SMALL, short, f"MIRROR sent {len(CONFIG) - 15} bytes too few, "),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_a_mirror_does_wrong_the_registry_makes_good(pair: Pair, fault: str, tmp_path: Path) -> None:
    part, spoil, why = FAULTS[fault]
    pair.mirror.spoilt[part] = spoil
    ran = in_process("pull", f"{pair.host.address}/ml/fraud:v1", "--output", "oci:out")
    assert (ran.code, ran.stdout) == (0, f"oci:out {DIGEST}\n")
    assert ran.stderr.startswith(pair.warning(why).rstrip())
    assert ran.stderr.count("\n") == 1
    blobs = {path.name: path.read_bytes() for path in (tmp_path / "out" / "blobs" / "sha256").iterdir()}
    assert blobs == {DIGEST[7:]: IMAGE, BLOB[7:]: LAYER, SMALL[7:]: CONFIG}


COMMANDS = {
    "into the store": ("pull", "{image}"),
    "a root file system": ("pull", "{image}", "--output", "rootfs:root"),
    "an archive for docker": ("pull", "{image}", "--output", "docker-archive:a.tar"),
    "files": ("image", "files", "{image}"),
    "files of a layer": ("image", "files", "{image}", "--layer", "1"),
    "validate": ("image", "validate", "{image}"),
    "diff": ("image", "diff", "--deep", "{image}", "{image}"),
}


@pytest.mark.parametrize("spoil", [garbage, half_wrong])  # an empty tar, and none
@pytest.mark.parametrize("command", COMMANDS)
def test_whoever_reads_gets_what_the_registry_has(
    pair: Pair, command: str, spoil: Callable[[Answer], Answer], tmp_path: Path
) -> None:
    words = [word.format(image=f"{pair.host.address}/ml/fraud:v1") for word in COMMANDS[command]]
    expected = in_process(*words, "--cache-dir", str(tmp_path / "other"))
    assert (expected.code, expected.stderr) == (0, "")
    shutil.rmtree(tmp_path / "root", ignore_errors=True)
    pair.mirror.spoilt[BLOB] = spoil
    found = in_process(*words)
    assert (found.code, found.stdout) == (0, expected.stdout), found.stderr
    assert found.stderr.count("\n") <= 1
    if (tmp_path / "root").exists():
        assert (tmp_path / "root" / "weights.bin").read_bytes() == BIG


def test_a_copy_begins_anew_where_the_mirror_lied(pair: Pair) -> None:
    pair.mirror.spoilt[BLOB] = garbage
    with serving(LittleRegistry()) as target:
        ran = in_process("copy", f"{pair.host.address}/ml/fraud:v1", f"{target.address}/ml/fraud:v1", "--plain-http")
        assert (ran.code, ran.stdout) == (0, f"{target.address}/ml/fraud@{DIGEST}\n")
        assert ran.stderr.startswith(pair.warning("MIRROR sent other bytes than those of its digest").rstrip())
        assert ran.stderr.count("\n") == 1
        assert target.blobs == {BLOB: LAYER, SMALL: CONFIG}
        assert target.manifests["v1"] == (DIGEST, IMAGE)


def test_a_layer_of_a_base_begins_anew_where_the_mirror_lied(pair: Pair, tmp_path: Path) -> None:
    pair.mirror.spoilt[BLOB] = garbage
    events: list[Event] = []
    session = Session(Options(tmp_path, dict(os.environ)), events.append)
    place = f"{pair.host.address}/ml/fraud"
    digest = fetch_layer(session, {"filename": BLOB, "size": len(LAYER), "name": place})
    assert session.store.read(digest) == LAYER
    (told,) = [event.message for event in events if isinstance(event, Warned)]
    assert told.startswith(f"mirror '{pair.mirror.address}' does not help, ")


def test_a_mirror_that_does_nothing_wrong_serves_alone(pair: Pair) -> None:
    ran = in_process("pull", f"{pair.host.address}/ml/fraud:v1", "--output", "oci:out")
    assert (ran.code, ran.stderr, pair.host.seen) == (0, "", [])
