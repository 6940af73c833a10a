"""Pushes over real HTTP: logins, retries, redirects, and what a user is told."""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from little_registry import Answer, LittleRegistry, Seen, Shelf, serving

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.events import Event, Progress, Warned, ignore
from buildkit.reference import Reference
from buildkit.registry.authorization import Authorization, TokenRequest
from buildkit.registry.credentials import Credential, Credentials
from buildkit.registry.faults import Peer
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.push import push
from buildkit.registry.retry import Patience
from buildkit.registry.trust import Trust

LAYER = b"layer" * 1000
CONFIG = Digest.of(b'{"architecture": "amd64"}')


class Client:
    """A user with a home and a store, who pushes to one registry."""

    def __init__(self, registry: LittleRegistry, home: Path) -> None:
        self.registry = registry
        self.home = home
        self.store = Shelf()
        self.events: list[Event] = []
        self.slept: list[float] = []

    def login(self, host: str, fields: str) -> None:
        folder = self.home / ".docker"
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(f'{{"auths": {{"{host}": {{{fields}}}}}}}')

    def oras(self) -> OrasRegistry:
        credentials = Credentials.of_machine({"HOME": str(self.home)}, self.events.append)
        patience = Patience(sleep=self.slept.append, jitter=lambda: 1.0, now=lambda: 0.0)
        return OrasRegistry(self.registry.address, credentials, self.events.append, plain_http=True, patience=patience)

    def push(self, image: Digest | None = None, tag: str = "v1") -> Digest:
        image = image or self.store.image(LAYER)
        reference = Reference(self.registry.address, "ml/fraud", tag)
        return push(reference, image, self.store, self.oras(), self.events.append, 1)

    def messages(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, Warned)]


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    with serving(LittleRegistry()) as little:
        yield little


@pytest.fixture
def client(registry: LittleRegistry, tmp_path: Path) -> Client:
    return Client(registry, tmp_path)


def failure(client: Client) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught:
        client.push()
    return caught.value


def test_blobs_go_first_then_the_manifest_by_digest_and_the_tag_last(client: Client) -> None:
    image = client.push()
    layer = Digest.of(LAYER)
    assert client.registry.lines() == [
        f"HEAD /v2/ml/fraud/blobs/{CONFIG}",
        f"HEAD /v2/ml/fraud/blobs/{layer}",
        "POST /v2/ml/fraud/blobs/uploads/",
        "PUT /v2/ml/fraud/blobs/uploads/7",
        "POST /v2/ml/fraud/blobs/uploads/",
        "PUT /v2/ml/fraud/blobs/uploads/7",
        f"PUT /v2/ml/fraud/manifests/{image}",
        "PUT /v2/ml/fraud/manifests/v1",
        "GET /v2/ml/fraud/manifests/v1",
    ]
    assert client.registry.blobs[str(layer)] == LAYER
    assert client.registry.manifests["v1"] == (str(image), client.store.read(image))
    assert client.events[-1] == Progress(f"push layer 1 ({layer.hex[:12]})", len(LAYER), len(LAYER))


def test_a_blob_that_is_there_is_not_opened(client: Client) -> None:
    client.push()
    client.store.opened.clear()
    client.push(tag="v2")
    assert client.store.opened == [CONFIG], "for the names of the layers"


def test_an_empty_blob_arrives(client: Client) -> None:
    client.push(client.store.image(b""))
    assert client.registry.blobs[str(Digest.of(b""))] == b""


def test_a_blob_of_many_chunks_arrives(client: Client) -> None:
    layer = bytes(range(256)) * 4096 * 2 + b"end"
    client.push(client.store.image(layer))
    assert client.registry.blobs[str(Digest.of(layer))] == layer


def test_an_upload_may_go_on_at_another_host_which_never_sees_the_login(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login(client.registry.address, '"auth": "bWU6c2VjcmV0"')
    with serving(LittleRegistry()) as elsewhere:
        client.registry.location_host = f"http://{elsewhere.address}"
        client.push()
        assert {request.authorization for request in elsewhere.seen} == {None}
        assert str(Digest.of(LAYER)) in elsewhere.blobs


def test_a_redirect_to_another_host_never_carries_the_login(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login(client.registry.address, '"auth": "bWU6c2VjcmV0"')
    with serving(LittleRegistry(blobs={str(CONFIG): b'{"architecture": "amd64"}'})) as elsewhere:
        place = f"http://{elsewhere.address}/v2/ml/fraud/blobs/{CONFIG}"
        client.registry.plant("HEAD", str(CONFIG), Answer(307, {"Location": place}))
        client.push()
        assert elsewhere.seen == [Seen("HEAD", f"/v2/ml/fraud/blobs/{CONFIG}", None, b"")]


SIGNED = "me:SECRET@{place}/SECRET?signature=SECRET"  # of such a URL only the host may be told


def test_a_place_elsewhere_that_cannot_be_reached_is_named(client: Client) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{unused.getsockname()[1]}"
        answer = Answer(307, {"Location": f"http://{SIGNED.format(place=place)}"})
        for _ in range(4):
            client.registry.plant("GET", f"blobs/{CONFIG}", answer)
        assert str(read_failure(client)) == (
            f"error: cannot reach '{place}', named by registry '{client.registry.address}',"
            f" while reading blob {CONFIG} of 'ml/fraud': connection refused\n"
            "hint: check the host, the port, the network and the proxy settings"
        )
    assert "SECRET" not in repr(client.messages())


def test_a_place_elsewhere_without_tls_is_named(client: Client) -> None:
    with serving(LittleRegistry()) as elsewhere:
        answer = Answer(307, {"Location": f"https://{SIGNED.format(place=elsewhere.address)}"})
        client.registry.plant("GET", f"blobs/{CONFIG}", answer)
        assert str(read_failure(client)) == (
            f"error: '{elsewhere.address}', named by registry '{client.registry.address}', does not speak TLS,"
            f" while reading blob {CONFIG} of 'ml/fraud'"
        )


def test_a_token_server_without_encryption_is_named() -> None:
    def ask(request: TokenRequest) -> tuple[int, bytes]:
        raise AssertionError("the login would be sent")

    authorization = Authorization(Peer("r.example", plain_http=False), Credential("me", "SECRET"), ask)
    with pytest.raises(EnvironmentFault) as caught:
        authorization.learn('Bearer realm="http://auth.example:8080/token?x=SECRET"', ["s"], None)
    assert caught.value.message == (
        "registry 'r.example' names the token server 'auth.example:8080' without encryption,"
        " to which no login is sent, while reading its challenge"
    )


@pytest.mark.parametrize("status", [400, 404, 416])
def test_an_answer_whose_status_says_all_is_not_held_to_its_length(client: Client, status: int) -> None:
    """docker-registry promises the blob's length with a 416, and sends a line."""
    said = {"Content-Length": "5000", "Connection": "close"}
    client.registry.plant("GET", f"blobs/{CONFIG}", Answer(status, said, b"invalid range"))
    assert read_failure(client).message == (
        f"registry '{client.registry.address}' answered {status} while reading blob {CONFIG} of 'ml/fraud':"
        " invalid range"
    )
    assert client.messages() == []


def test_an_answer_that_does_not_end_is_not_waited_for(client: Client) -> None:
    client.registry.plant("GET", f"blobs/{CONFIG}", Answer(416, {"Content-Length": "5000"}, b"invalid range"))
    assert read_failure(client).message.endswith("of 'ml/fraud': invalid range")
    assert client.messages() == []


def read_failure(client: Client) -> EnvironmentFault:
    with pytest.raises(EnvironmentFault) as caught, client.oras().open_blob("ml/fraud", CONFIG) as reader:
        reader.read(1)
    return caught.value


def test_a_server_elsewhere_that_asks_for_a_login_gets_none(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login(client.registry.address, '"auth": "bWU6c2VjcmV0"')
    with serving(LittleRegistry(basic="me:secret")) as elsewhere:
        client.registry.location_host = f"http://{elsewhere.address}"
        failure(client)
        assert {request.authorization for request in elsewhere.seen} == {None}


def test_basic_is_sent_unasked_once_it_is_known(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login(client.registry.address, '"auth": "bWU6c2VjcmV0"')
    client.push()
    assert [request.authorization for request in client.registry.seen] == [None, *["Basic bWU6c2VjcmV0"] * 9]


def test_a_token_is_asked_for_once_with_the_scopes_of_a_push(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.registry.realm = f"http://{client.registry.address}/token"
    client.login(client.registry.address, '"auth": "bWU6c2VjcmV0"')
    client.push()
    asked = [request for request in client.registry.seen if request.path.startswith("/token")]
    path = "/token?service=little&scope=repository%3Aml%2Ffraud%3Apull%2Cpush"
    assert asked == [Seen("GET", path, "Basic bWU6c2VjcmV0", b"")]
    assert {request.authorization for request in client.registry.seen[2:]} == {"Bearer token-0"}


def test_an_anonymous_token_is_tried_without_a_login(client: Client) -> None:
    client.registry.realm = f"http://{client.registry.address}/token"
    client.push()
    assert client.registry.seen[1].authorization is None
    assert {request.authorization for request in client.registry.seen[2:]} == {"Bearer token-0"}


def test_an_identity_token_is_exchanged_by_post(client: Client) -> None:
    client.registry.realm = f"http://{client.registry.address}/token"
    client.login(client.registry.address, '"identitytoken": "id/1"')
    client.push()
    form = (
        b"grant_type=refresh_token&refresh_token=id%2F1&service=little&client_id=mbuild"
        b"&scope=repository%3Aml%2Ffraud%3Apull%2Cpush"
    )
    assert client.registry.seen[1] == Seen("POST", "/token", None, form)


def test_a_token_that_ended_on_the_way_is_asked_for_again(client: Client) -> None:
    client.registry.realm = f"http://{client.registry.address}/token"
    image = client.store.image(LAYER)
    oras = client.oras()
    assert not oras.has("ml/fraud", CONFIG)
    client.registry.tokens[0] = "revoked"
    assert not oras.has("ml/fraud", image)
    assert client.registry.seen[-1].authorization == "Bearer token-1"


def test_without_a_login_a_user_is_told_to_log_in(client: Client) -> None:
    client.registry.basic = "me:secret"
    host = client.registry.address
    error = failure(client)
    assert str(error) == (
        f"error: registry '{host}' wants a login, while asking for blob {CONFIG};"
        f" none is kept for it\nhint: run 'mbuild login {host}'"
    )
    assert error.exit_code == 36
    assert len(client.registry.seen) == 1


def test_a_wrong_password_is_tried_once_and_never_shown(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login(client.registry.address, '"auth": "bWU6d3Jvbmc="')
    host = client.registry.address
    assert str(failure(client)) == (
        f"error: registry '{host}' refused the login from '{client.home}/.docker/config.json',"
        f" while asking for blob {CONFIG}\n"
        f"hint: run 'mbuild login {host}' again; the account must have the permission,"
        " and some registries want an access token as the password"
    )
    assert [request.authorization for request in client.registry.seen] == [None, "Basic bWU6d3Jvbmc="]


def test_a_wrong_login_of_the_environment_or_a_helper_is_told_where_it_is_from(client: Client) -> None:
    client.registry.basic = "me:secret"
    host = client.registry.address
    text = f'{{"auths": {{"{host}": {{"auth": "bWU6d3Jvbmc="}}}}}}'

    def told(credentials: Credentials) -> list[str]:
        registry = OrasRegistry(host, credentials, client.events.append, plain_http=True)
        with pytest.raises(EnvironmentFault) as caught:
            registry.has("ml/fraud", CONFIG)
        return str(caught.value).partition("; the account")[0].splitlines()

    assert told(Credentials.of_machine({"DOCKER_AUTH_CONFIG": text}, client.events.append)) == [
        f"error: registry '{host}' refused the login from 'DOCKER_AUTH_CONFIG', while asking for blob {CONFIG}",
        "hint: correct the environment variable DOCKER_AUTH_CONFIG, or unset it: it comes before all other logins",
    ]
    file = client.home / "config.json"
    file.write_text('{"credsStore": "safe"}')
    answer = '{"Username": "me", "Secret": "wrong"}'
    assert told(Credentials((file,), lambda name, host: answer, client.events.append)) == [
        f"error: registry '{host}' refused the login from credential helper 'docker-credential-safe',"
        f" named in '{file}', while asking for blob {CONFIG}",
        f"hint: run 'mbuild login {host}' again",
    ]


def test_a_token_server_that_refuses_is_named(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.registry.realm = f"http://{client.registry.address}/token"
    client.login(client.registry.address, '"auth": "bWU6d3Jvbmc="')
    host = client.registry.address
    assert str(failure(client)) == (
        f"error: registry '{host}' refused the login from '{client.home}/.docker/config.json',"
        f" while asking its token server '{host}' for a token: UNAUTHORIZED: who are you\n"
        f"hint: run 'mbuild login {host}' again; the account must have the permission,"
        " and some registries want an access token as the password"
    )


def test_a_login_of_another_host_is_not_used(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login("127.0.0.1:1", '"auth": "bWU6c2VjcmV0"')
    failure(client)
    assert [request.authorization for request in client.registry.seen] == [None]


def test_netrc_is_not_sent(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.registry.basic = "me:secret"
    netrc = client.home / ".netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    failure(client)
    assert [request.authorization for request in client.registry.seen] == [None]


def test_403_says_what_was_forbidden_in_the_registrys_words(client: Client) -> None:
    body = b'{"errors": [{"code": "DENIED", "message": "quota\\u001b[31m of the project"}]}'
    client.registry.plant("POST", "uploads", Answer(403, body=body))
    host = client.registry.address
    assert str(failure(client)) == (
        f"error: registry '{host}' forbids pushing blob {CONFIG} to 'ml/fraud': DENIED: quota [31m of the project\n"
        f"hint: run 'mbuild login {host}'"
    )


def test_429_is_tried_again_after_the_time_that_the_server_asks_for(client: Client) -> None:
    client.registry.plant("HEAD", str(CONFIG), Answer(429, {"Retry-After": "7"}))
    client.push()
    assert client.slept == [7.0]
    assert client.messages() == [
        f"registry '{client.registry.address}' answered 429 while asking for blob {CONFIG}; trying again in 7.0 s"
    ]


def test_retry_after_may_be_a_date(client: Client) -> None:
    client.registry.plant("HEAD", str(CONFIG), Answer(503, {"Retry-After": "Thu, 01 Jan 1970 00:00:09 GMT"}))
    client.push()
    assert client.slept == [9.0]


def test_retry_after_that_no_clock_can_tell_counts_as_none(client: Client) -> None:
    never = "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"
    client.registry.plant("HEAD", str(CONFIG), Answer(429, {"Retry-After": never}))
    client.push()
    assert client.slept == [0.5]


def test_a_page_where_a_manifest_was_asked_for_is_told_with_its_place(client: Client) -> None:
    for page in (b"<html>welcome</html>", b"[]"):
        client.registry.plant("GET", "manifests/v1", Answer(200, {"Content-Type": "text/html"}, page))
        with pytest.raises(EnvironmentFault) as caught:
            client.oras().manifest("ml/fraud", "v1")
        assert str(caught.value) == (
            f"error: registry '{client.registry.address}' sent a manifest that is no JSON object, while"
            " reading manifest 'v1' of 'ml/fraud'\nhint: check that the host is a registry; if so, it or a proxy before"
            " it is at fault"
        )


def test_patience_ends_and_the_last_answer_is_told(client: Client) -> None:
    for _ in range(4):
        client.registry.plant("HEAD", str(CONFIG), Answer(502, body=b"<html>bad gateway</html>"))
    assert (
        failure(client).message == f"registry '{client.registry.address}' answered 502 while asking for blob {CONFIG}"
    )
    assert client.slept == [0.5, 1.0, 2.0]


def test_an_upload_that_breaks_off_begins_again_with_a_new_session(client: Client) -> None:
    client.registry.plant("PUT", "uploads", Answer(0, drop=True))
    client.push()
    assert client.slept == [0.5]
    assert client.registry.lines()[2:7] == [
        "POST /v2/ml/fraud/blobs/uploads/",
        "PUT /v2/ml/fraud/blobs/uploads/7",
        "DELETE /v2/ml/fraud/blobs/uploads/7",
        "POST /v2/ml/fraud/blobs/uploads/",
        "PUT /v2/ml/fraud/blobs/uploads/7",
    ]
    assert client.registry.blobs[str(CONFIG)]


def test_an_upload_whose_session_is_lost_begins_again(client: Client) -> None:
    client.registry.plant("PUT", "uploads", Answer(404, body=b'{"errors": [{"code": "BLOB_UPLOAD_UNKNOWN"}]}'))
    client.push()
    assert client.slept == [0.5]
    assert client.registry.manifests["v1"]


def test_400_is_not_tried_again(client: Client) -> None:
    client.registry.plant("PUT", "manifests/v1", Answer(400, body=b'{"errors": [{"code": "MANIFEST_INVALID"}]}'))
    assert failure(client).message == (
        f"registry '{client.registry.address}' answered 400 while pushing manifest 'v1' to 'ml/fraud': MANIFEST_INVALID"
    )
    assert client.slept == []


def test_a_registry_that_stores_other_bytes_is_found_out_before_the_tag(client: Client) -> None:
    client.registry.wrong_digest = True
    host, zeros = client.registry.address, "0" * 64
    assert failure(client).message == (
        f"registry '{host}' stored 'sha256:{zeros}' where {CONFIG} was sent, while pushing blob {CONFIG} to 'ml/fraud'"
    )
    assert client.registry.manifests == {}


def test_a_file_edited_since_the_build_ends_the_upload_and_leaves_the_tag(client: Client) -> None:
    edited = BuildFailure("'models/weights.bin' has changed since it was built")

    class Edited(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 2 << 20:
                raise edited
            return super().read(size)

    class Store(Shelf):
        def open(self, digest: Digest) -> io.BytesIO:
            return Edited(self.blobs[digest]) if digest.size > 1 << 20 else super().open(digest)

    client.store = Store()
    with pytest.raises(BuildFailure) as caught:
        client.push(client.store.image(bytes(4 << 20)))
    assert caught.value is edited
    assert "DELETE /v2/ml/fraud/blobs/uploads/7" in client.registry.lines()
    assert client.registry.manifests == {}
    assert client.slept == []


def test_a_damaged_blob_is_found_out_before_its_last_byte(client: Client) -> None:
    image = client.store.image(LAYER)
    client.store.blobs[Digest.of(LAYER)] = b"other" * 1000
    with pytest.raises(BuildFailure, match="is damaged"):
        client.push(image)
    assert list(client.registry.blobs) == [str(CONFIG)]
    assert client.registry.manifests == {}


def test_an_unreachable_registry_is_named_with_the_reason(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unused.getsockname()[1]}"
        client = Client(LittleRegistry(address=host), tmp_path)
        assert str(failure(client)) == (
            f"error: cannot reach registry '{host}' while asking for blob {CONFIG}: connection refused\n"
            "hint: check the host, the port, the network and the proxy settings"
        )
    assert client.slept == [0.5, 1.0, 2.0]


def test_a_registry_without_tls_is_told_from_one_that_is_not_trusted(client: Client) -> None:
    credentials = Credentials((), lambda name, host: "", client.events.append)
    oras = OrasRegistry(client.registry.address, credentials, client.events.append)
    with pytest.raises(EnvironmentFault) as caught:
        oras.has("ml/fraud", CONFIG)
    assert str(caught.value) == (
        f"error: registry '{client.registry.address}' does not speak TLS, while asking for blob {CONFIG}\n"
        "hint: if it is meant to be spoken to without encryption, add '--plain-http'"
    )


def test_a_location_that_is_missing_or_broken_is_the_registrys_fault(client: Client) -> None:
    for headers in ({}, {"Location": "http://[broken"}, {"Location": "file:///etc/passwd"}):
        client.registry.plant("POST", "uploads", Answer(202, headers))
        assert failure(client).message == (
            f"registry '{client.registry.address}' did not say where to go on,"
            f" while pushing blob {CONFIG} to 'ml/fraud'"
        )


@pytest.mark.parametrize(("content", "why"), [(None, "no such file or directory"), ("x", "no certificate in it")])
def test_a_certificate_authority_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, why: str) -> None:
    ca = tmp_path / "ca.pem"
    if content:
        ca.write_text(content)
    credentials = Credentials((), lambda name, host: "", ignore)
    with pytest.raises(EnvironmentFault) as caught:
        OrasRegistry("registry.example", credentials, ignore, trust=Trust(str(ca)))
    assert str(caught.value) == (
        f"error: cannot read '{ca}', the certificate authority of registry 'registry.example': {why}\n"
        "hint: correct 'ca' below [registry.\"registry.example\"] in mbuild.toml"
    )


def test_redirects_without_end_end(client: Client) -> None:
    place = f"/v2/ml/fraud/blobs/{CONFIG}"
    for _ in range(5):
        client.registry.plant("HEAD", str(CONFIG), Answer(307, {"Location": place}))
    assert failure(client).message == (
        f"registry '{client.registry.address}' redirects more than 5 times, while asking for blob {CONFIG}"
    )


def test_the_calls_that_oras_brings_along_use_the_same_login(client: Client) -> None:
    client.registry.basic = "me:secret"
    client.login(client.registry.address, '"auth": "bWU6c2VjcmV0"')
    client.registry.plant("GET", "tags", Answer(401, {"WWW-Authenticate": 'Basic realm="little"'}))
    client.registry.plant("GET", "tags", Answer(200, body=b'{"tags": ["v1"]}'))
    assert client.oras().get_tags(f"{client.registry.address}/ml/fraud", N=1) == ["v1"]
    assert client.registry.seen[-1].authorization == "Basic bWU6c2VjcmV0"


def test_a_token_for_a_push_and_its_mounts_is_asked_for_at_once(client: Client) -> None:
    client.registry.realm = f"http://{client.registry.address}/token"
    oras = client.oras()
    oras.access("ml/fraud", push=True, sources=["library/base", "ml/fraud"])
    assert not oras.has("ml/fraud", CONFIG)
    assert not oras.mount("ml/fraud", CONFIG, "library/base")
    scopes = "scope=repository%3Aml%2Ffraud%3Apull%2Cpush&scope=repository%3Alibrary%2Fbase%3Apull"
    asked = [request.path for request in client.registry.seen if request.path.startswith("/token")]
    assert asked == [f"/token?service=little&{scopes}"]


def test_where_a_mount_is_forbidden_a_token_for_the_push_alone_is_taken(client: Client) -> None:
    client.registry.realm = f"http://{client.registry.address}/token"
    client.registry.plant("GET", "library", Answer(403))
    oras = client.oras()
    oras.access("ml/fraud", push=True, sources=["library/base"])
    assert not oras.has("ml/fraud", CONFIG)
    asked = [request.path for request in client.registry.seen if request.path.startswith("/token")]
    assert asked[1] == "/token?service=little&scope=repository%3Aml%2Ffraud%3Apull%2Cpush"
    assert client.registry.seen[-1].authorization == "Bearer token-0"
