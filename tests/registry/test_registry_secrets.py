"""Logins and tokens reach the registry and the token server that it names, and nobody and nothing else."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from little_registry import Answer, LittleRegistry, Seen, serving

from buildkit.digest import Digest
from buildkit.errors import BuildError
from buildkit.events import Event
from buildkit.reference import Reference
from buildkit.registry.credentials import Credentials
from buildkit.registry.mirror import MirroredRegistry
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.registry import Registry
from buildkit.registry.retry import Patience

BLOB = b"a layer"
DIGEST = Digest.of(BLOB)
REPOSITORY = "ml/fraud"
PASSWORD, IDENTITY, TOKEN = "pass+word/1", "identity/1", "bearer/1"
ENTRIES = {
    "password": {"auth": base64.b64encode(f"me:{PASSWORD}".encode()).decode()},
    "identity token": {"identitytoken": IDENTITY},
    "registry token": {"registrytoken": TOKEN},
}
SECRETS = (PASSWORD, IDENTITY, TOKEN, ENTRIES["password"]["auth"], "token-0", "token-1", "pass%2Bword", "identity%2F1")


class Scene:
    """A registry that wants tokens, with a login of one kind, and another host beside it."""

    def __init__(self, home: Path, registry: LittleRegistry, elsewhere: LittleRegistry, kind: str) -> None:
        self.home, self.registry, self.elsewhere, self.kind = home, registry, elsewhere, kind
        self.events: list[Event] = []
        registry.realm = f"http://{registry.address}/token"
        if kind == "password":
            registry.basic = f"me:{PASSWORD}"
        if kind == "registry token":
            registry.tokens.append(TOKEN)
        registry.blobs[str(DIGEST)] = elsewhere.blobs[str(DIGEST)] = BLOB
        self.log_in({registry.address: ENTRIES[kind]})

    def log_in(self, auths: dict[str, dict[str, str]]) -> None:
        (self.home / "config.json").write_text(json.dumps({"auths": auths}))

    def oras(self, host: str = "") -> OrasRegistry:
        logins = Credentials.of_machine({"DOCKER_CONFIG": str(self.home)}, self.events.append)
        patience = Patience(tries=2, sleep=lambda seconds: None)
        host = host or self.registry.address
        return OrasRegistry(host, logins, self.events.append, plain_http=True, patience=patience)

    def read(self, registry: Registry) -> bytes:
        with registry.open_blob(REPOSITORY, DIGEST) as reader:
            return b"".join(iter(lambda: reader.read(1 << 20), b""))

    def told(self, do: Callable[[], object]) -> str:
        """All that a user, a log or a debugger can see of it."""
        try:
            result = repr(do())
        except BuildError as error:
            chain, cause = [repr(error), str(error)], error.__cause__
            while cause:
                chain.append(repr(cause))
                cause = cause.__cause__
            result = "\n".join(chain)
        return "\n".join([result, *map(repr, self.events)])


@pytest.fixture(params=list(ENTRIES))
def scene(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Scene]:
    with serving(LittleRegistry()) as registry, serving(LittleRegistry()) as elsewhere:
        yield Scene(tmp_path, registry, elsewhere, request.param)


def everything(seen: list[Seen]) -> str:
    return "\n".join(repr(request) for request in seen)


def hidden(text: str) -> bool:
    return not any(secret in text for secret in SECRETS)


def test_the_registry_itself_gets_the_login(scene: Scene) -> None:
    assert scene.read(scene.oras()) == BLOB
    assert not hidden(everything(scene.registry.seen))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_blob_that_lies_elsewhere_is_fetched_without_a_login(scene: Scene, status: int) -> None:
    place = f"http://{scene.elsewhere.address}/v2/cdn/blobs/{DIGEST}"
    scene.oras().has(REPOSITORY, DIGEST)
    registry = scene.oras()
    for _ in range(2):
        scene.registry.plant("GET", f"blobs/{DIGEST}", Answer(status, {"Location": place}))
    scene.read(registry)
    assert scene.elsewhere.seen
    assert hidden(everything(scene.elsewhere.seen))


def test_a_place_elsewhere_that_wants_a_login_gets_none(scene: Scene) -> None:
    scene.elsewhere.basic = f"me:{PASSWORD}"
    place = f"http://{scene.elsewhere.address}/v2/cdn/blobs/{DIGEST}"
    for _ in range(3):
        scene.registry.plant("GET", f"blobs/{DIGEST}", Answer(307, {"Location": place}))
    assert hidden(scene.told(lambda: scene.read(scene.oras())))
    assert hidden(everything(scene.elsewhere.seen))


def test_an_upload_that_goes_on_elsewhere_carries_no_login(scene: Scene) -> None:
    import io

    scene.registry.location_host = f"http://{scene.elsewhere.address}"
    data = b"new bytes"
    scene.oras().push_blob(REPOSITORY, Digest.of(data), lambda: io.BytesIO(data), lambda done: None)
    assert scene.elsewhere.blobs[str(Digest.of(data))] == data
    assert hidden(everything(scene.elsewhere.seen))


def test_a_token_server_that_sends_on_is_not_followed(scene: Scene) -> None:
    place = f"http://{scene.elsewhere.address}/token"
    for method in ("GET", "POST"):
        scene.registry.plant(method, "/token", Answer(307, {"Location": place}))
    scene.told(lambda: scene.read(scene.oras()))
    assert scene.elsewhere.seen == []


def test_a_list_that_continues_elsewhere_is_not_followed(scene: Scene) -> None:
    link = {"Link": f'<http://{scene.elsewhere.address}/v2/ml/fraud/tags/list>; rel="next"'}
    registry = scene.oras()
    registry.has(REPOSITORY, DIGEST)
    scene.registry.plant("GET", "tags/list", Answer(200, link, b'{"tags": ["a"]}'))
    assert "continues its list at another place" in scene.told(lambda: registry.tags(REPOSITORY))
    assert scene.elsewhere.seen == []


def test_a_mirror_and_its_registry_get_each_their_own_login(scene: Scene) -> None:
    scene.elsewhere.basic = "you:theirs"
    scene.log_in(
        {
            scene.registry.address: ENTRIES[scene.kind],
            scene.elsewhere.address: {"auth": base64.b64encode(b"you:theirs").decode()},
        }
    )
    mirrored = _mirrored(scene)
    assert scene.read(mirrored) == BLOB
    assert scene.registry.seen == []
    scene.elsewhere.blobs.clear()
    assert scene.read(_mirrored(scene)) == BLOB
    assert hidden(everything(scene.elsewhere.seen))
    assert base64.b64encode(b"you:theirs").decode() not in everything(scene.registry.seen)


def test_a_mirror_without_a_login_of_its_own_gets_none(scene: Scene) -> None:
    scene.elsewhere.basic = f"me:{PASSWORD}"
    assert scene.read(_mirrored(scene)) == BLOB
    assert {request.authorization for request in scene.elsewhere.seen} == {None}
    assert hidden(scene.told(lambda: None))


def _mirrored(scene: Scene) -> MirroredRegistry:
    mirror = scene.oras(scene.elsewhere.address)
    host, place = scene.registry.address, scene.elsewhere.address
    return MirroredRegistry(host, scene.oras(), mirror, lambda name: Reference(place, name), scene.events.append, set())


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_registry_that_repeats_what_it_was_sent_is_not_quoted(scene: Scene, status: int) -> None:
    """Some servers put the request into the answer."""
    words = f"you sent me {' and '.join(SECRETS)}"
    body = json.dumps({"errors": [{"code": "DENIED", "message": words}]}).encode()
    registry = scene.oras()
    scene.read(registry)
    for _ in range(4):
        scene.registry.plant("GET", f"blobs/{DIGEST}", Answer(status, {}, body))
        scene.registry.plant("GET", "manifests/v1", Answer(status, {"Docker-Content-Digest": words}, words.encode()))
    mine = [secret for secret in SECRETS if secret in everything(scene.registry.seen)]
    assert mine
    for told in (
        scene.told(lambda: scene.read(registry)),
        scene.told(lambda: registry.manifest(REPOSITORY, "v1")),
    ):
        assert [secret for secret in mine if secret in told] == []


def test_what_holds_secrets_does_not_show_them(scene: Scene) -> None:
    registry = scene.oras()
    scene.read(registry)
    logins = Credentials.of_machine({"DOCKER_AUTH_CONFIG": (scene.home / "config.json").read_text()}, print)
    shown = [repr(registry), repr(vars(registry)), repr(logins), repr(logins.find(scene.registry.address, ""))]
    assert hidden("\n".join(shown))
