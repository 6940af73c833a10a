"""Registries that mean harm: whatever they answer, there is one clear error, soon, in little memory."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from little_registry import Answer, LittleRegistry, serving

from buildkit.digest import Digest
from buildkit.errors import BuildError, EnvironmentFault
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry.contents import read_contents
from buildkit.registry.credentials import Credential, OneLogin
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.retry import Patience
from buildkit.registry.sources import RegistrySource

BLOB = b"a layer" * 10
DIGEST = Digest.of(BLOB)
LONG = "9" * 5000  # Python reads no integer from so many digits
DEEP = b"[" * 200_000
PLACES = (
    "http://[",
    "http://a..b/x",
    f"http://{'a' * 70}.example/x",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:x/",
    "http://\x1b[31m/",
    "http://user:secret@/",
    "file:///etc/passwd",
    "//",
    "http://\xff\xfe/",
)


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    with serving(LittleRegistry(blobs={str(DIGEST): BLOB})) as little:
        yield little


def oras(registry: LittleRegistry) -> OrasRegistry:
    patience = Patience(tries=2, most=4, connect=2.0, stall=1.0, sleep=lambda seconds: None)
    login = OneLogin(registry.address, Credential("me", "pass+word/1"))
    return OrasRegistry(registry.address, login, ignore, plain_http=True, patience=patience)


def push(registry: OrasRegistry, data: bytes = BLOB) -> object:
    return registry.push_blob("ml/x", Digest.of(data), lambda: io.BytesIO(data), lambda done: None)


def read(registry: OrasRegistry) -> object:
    with registry.open_blob("ml/x", DIGEST) as reader:
        return reader.read()


def contents(registry: OrasRegistry) -> object:
    document = registry.manifest("ml/x", "v1")
    assert document
    source = RegistrySource(registry, Reference(registry._host.peer.host, "ml/x", "v1"))
    return read_contents(source, document.digest)


DOINGS: dict[str, tuple[str, str, Callable[[OrasRegistry], object]]] = {
    "has": ("HEAD", "blobs/", lambda found: found.has("ml/x", DIGEST)),
    "mount": ("POST", "uploads/", lambda found: found.mount("ml/x", DIGEST, "ml/y")),
    "push": ("POST", "uploads/", push),
    "finish": ("PUT", "uploads/", push),
    "read": ("GET", "blobs/", read),
    "manifest": ("GET", "manifests/", lambda found: found.manifest("ml/x", "v1")),
    "put": ("PUT", "manifests/", lambda found: found.push_manifest("ml/x", "v1", b"{}", "a/b")),
    "tags": ("GET", "tags/list", lambda found: found.tags("ml/x")),
    "referrers": ("GET", "referrers/", lambda found: found.referrers("ml/x", DIGEST)),
    "login": ("GET", "/v2/", lambda found: found.accepts_login()),
}


def told(do: Callable[[], object]) -> str:
    """What a user sees; anything but an error for users, or a result, is a fault of ours."""
    message = ""
    try:
        do()
    except BuildError as error:
        message = error.message
    assert message == "" or message.isprintable(), repr(message)
    assert len(message) < 1000
    return message


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize("place", PLACES)
def test_a_place_to_go_on_at_that_is_none_is_refused(registry: LittleRegistry, doing: str, place: str) -> None:
    method, part, do = DOINGS[doing]
    for _ in range(8):
        registry.plant(method, part, Answer(307, {"Location": place}))
    # What a mount or an upload that is cancelled leaves behind is no concern of the user.
    assert told(lambda: do(oras(registry))) or doing in ("mount", "push")


@pytest.mark.parametrize("doing", ["mount", "push"])
@pytest.mark.parametrize("place", PLACES)
def test_an_upload_that_goes_on_nowhere_is_refused(registry: LittleRegistry, doing: str, place: str) -> None:
    for _ in range(8):
        registry.plant("POST", "uploads/", Answer(202, {"Location": place}))
    assert told(lambda: DOINGS[doing][2](oras(registry))) or doing == "mount"


@pytest.mark.parametrize("doing", DOINGS)
@pytest.mark.parametrize(
    "token",
    [
        DEEP,
        b'{"token": "t", "expires_in": 1%s}' % (b"0" * 400),
        b'{"token": "t", "expires_in": 1e999}',
        '{"token": "\u2603"}'.encode(),
        b'{"token": "a\\nb: c"}',
        b'{"token": "\\ud800"}',
        b'{"token": ["a"]}',
        b'{"token": ""}',
        b"[]",
    ],
    ids=lambda token: token[:24].decode(),
)
def test_a_token_that_is_none_is_refused(registry: LittleRegistry, doing: str, token: bytes) -> None:
    registry.realm = f"http://{registry.address}/token"
    for _ in range(20):
        registry.plant("GET", "/token", Answer(200, {}, token))
    assert told(lambda: DOINGS[doing][2](oras(registry)))


@pytest.mark.parametrize("realm", [*PLACES, "http://h\x1b]0;x\x07/"])
def test_a_token_server_that_cannot_be_is_refused(registry: LittleRegistry, realm: str) -> None:
    registry.realm = realm
    assert "secret" not in told(lambda: oras(registry).tags("ml/x")) != ""


@pytest.mark.parametrize(
    "headers",
    [
        {"OCI-Chunk-Min-Length": LONG},
        {"Range": f"0-{LONG}"},
        {"Retry-After": LONG},
        {"Retry-After": f"Mon, 1 Jan {LONG[:20]} 00:00:00 GMT"},
    ],
)
def test_numbers_too_long_to_be_read_are_passed_over(registry: LittleRegistry, headers: dict[str, str]) -> None:
    registry.plant("POST", "uploads/", Answer(202, headers | {"Location": "/v2/ml/x/blobs/uploads/7?_state=a%2Fb"}))
    told(lambda: push(oras(registry)))
    for _ in range(4):
        registry.plant("GET", "blobs/", Answer(206, {"Content-Range": f"bytes 0-{LONG}/{LONG}"}, BLOB))
        registry.plant("GET", "tags/", Answer(503, headers, b""))
    told(lambda: oras(registry).tags("ml/x"))
    assert "another part" in told(lambda: read(oras(registry)))


@pytest.mark.parametrize("link", [*PLACES, "/v2/ml/x/tags/list?last=a"])
def test_a_list_that_continues_nowhere_or_for_ever_ends(registry: LittleRegistry, link: str) -> None:
    for _ in range(1100):
        registry.plant("GET", "tags/list", Answer(200, {"Link": f'<{link}>; rel="next"'}, b'{"tags": ["a"]}'))
    assert told(lambda: oras(registry).tags("ml/x"))
    assert len(registry.seen) < 10


@pytest.mark.parametrize("doing", ["manifest", "tags", "referrers", "read", "push", "put"])
@pytest.mark.parametrize("status", [200, 202, 307, 401, 403, 404, 418, 500])
@pytest.mark.parametrize("encoding", ["gzip", "", "gzip, gzip"])
def test_an_answer_that_grows_without_end_is_cut_off(
    registry: LittleRegistry, doing: str, status: int, encoding: str
) -> None:
    method, part, do = DOINGS[doing]
    body = b" " * (24 << 20)
    for _ in filter(None, encoding.split(", ")):
        body = gzip.compress(body)
    realm = {"WWW-Authenticate": 'Basic realm="x"', "Location": "/v2/ml/x/blobs/uploads/7"}
    headers = {"Content-Encoding": encoding} if encoding else {}
    for _ in range(8):
        registry.plant(method, part, Answer(status, headers | realm, body))
    found = oras(registry)
    told(lambda: found.has("ml/x", DIGEST))  # imports are not what is measured
    tracemalloc.start()
    try:
        told(lambda: do(found))
        assert tracemalloc.get_traced_memory()[1] < 14 << 20
    finally:
        tracemalloc.stop()


def test_a_token_server_whose_answer_grows_without_end_is_cut_off(registry: LittleRegistry) -> None:
    registry.realm = f"http://{registry.address}/token"
    for _ in range(4):
        registry.plant("GET", "/token", Answer(200, {}, b" " * (24 << 20)))
    tracemalloc.start()
    try:
        assert told(lambda: oras(registry).tags("ml/x"))
        assert tracemalloc.get_traced_memory()[1] < 14 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("host", ["127.0.0.1:99999", "[::::]:1", "a..b"])
def test_a_host_that_cannot_be_is_a_clear_error(host: str) -> None:
    patience = Patience(tries=1, sleep=lambda seconds: None)
    found = OrasRegistry(host, OneLogin(host, Credential("me", "word")), ignore, patience=patience)
    assert told(lambda: found.tags("ml/x")).startswith(f"cannot reach registry '{host}' while ")


def test_a_long_secret_that_is_repeated_is_not_shown_in_part(registry: LittleRegistry) -> None:
    """A token is often longer than what is quoted."""
    secret = "eyJ" + "x" * 3000
    login = OneLogin(registry.address, Credential(registry_token=secret))
    registry.realm = f"http://{registry.address}/token"
    patience = Patience(tries=1, sleep=lambda seconds: None)
    found = OrasRegistry(registry.address, login, ignore, plain_http=True, patience=patience)
    registry.tokens.append(secret)
    for _ in range(4):
        registry.plant("GET", "tags/list", Answer(418, {}, f"teapot got {secret}".encode()))
        registry.plant("GET", "manifests/", Answer(200, {"Docker-Content-Digest": f"sha256:{secret}"}, b"{}"))
    assert "teapot got ***" in told(lambda: found.tags("ml/x"))
    assert "sha256:***" in told(lambda: found.manifest("ml/x", "v1"))


@pytest.mark.parametrize("size", ["1e999", "-1", LONG, '"x"', "9" * 30, "NaN", "null", "true", f'"{LONG}"'])
def test_a_manifest_with_sizes_that_cannot_be_is_refused(registry: LittleRegistry, size: str) -> None:
    row = f'{{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": "{DIGEST}", "size": {size}}}'
    data = f'{{"schemaVersion": 2, "config": {row}, "layers": [{row}]}}'.encode()
    registry.plant("GET", "manifests/", Answer(200, {}, data))
    for _ in range(2):
        registry.plant("GET", "manifests/", Answer(200, {}, data))
    with pytest.raises(BuildError):
        contents(oras(registry))


@pytest.mark.parametrize("body", [DEEP, b'{"tags": %s}' % DEEP, b"\xff", b'{"errors": %s' % DEEP], ids=range(4))
def test_documents_nested_too_deep_are_refused(registry: LittleRegistry, body: bytes) -> None:
    for status in (200, 400):
        for _ in range(4):
            registry.plant("GET", "tags/", Answer(status, {}, body))
            registry.plant("GET", "referrers/", Answer(status, {}, body))
            registry.plant("GET", "manifests/", Answer(status, {}, body))
    for doing in ("tags", "referrers", "manifest", "tags", "referrers", "manifest"):
        told(lambda doing=doing: DOINGS[doing][2](oras(registry)))  # type: ignore[misc]


def test_a_registry_that_keeps_a_byte_of_each_chunk_is_given_up(registry: LittleRegistry) -> None:
    data = b"x" * 100_000
    patience = Patience(tries=2, most=4, sleep=lambda seconds: None)
    login = OneLogin(registry.address, Credential("me", "word"))
    found = OrasRegistry(registry.address, login, ignore, plain_http=True, patience=patience, chunk=50_000)
    for kept in range(1, 5000):
        headers = {"Location": "/v2/ml/x/blobs/uploads/7", "Range": f"0-{kept}"}
        registry.plant("PATCH", "uploads/", Answer(202, headers))
    with pytest.raises(EnvironmentFault):
        push(found, data)
    assert len(registry.seen) < 200


def test_a_list_of_ever_more_pages_is_cut_off(registry: LittleRegistry) -> None:
    for number in range(1100):
        link = f'</v2/ml/x/tags/list?last={number}>; rel="next"'
        registry.plant("GET", "tags/list", Answer(200, {"Link": link}, b'{"tags": ["a"]}'))
    assert told(lambda: oras(registry).tags("ml/x")) == (
        f"registry '{registry.address}' sent a list of more than 1000 pages, while listing the tags of 'ml/x'"
    )
    assert len(registry.seen) == 1000


@pytest.mark.parametrize("link", ["<" * 60_000, "<a>;" * 15_000])
def test_a_link_that_is_one_long_puzzle_is_read_at_once(registry: LittleRegistry, link: str) -> None:
    """A hundred headers of this size may come, and are joined to one: read carelessly, they take a day."""
    registry.plant("GET", "tags/list", Answer(200, {"Link": link}, b'{"tags": ["a"]}'))
    assert oras(registry).tags("ml/x") == ["a"]


def test_a_list_of_ever_more_bytes_is_cut_off(registry: LittleRegistry) -> None:
    page = b'{"tags": []}' + b" " * ((4 << 20) - 20)
    for number in range(30):
        link = f'</v2/ml/x/tags/list?last={number}>; rel="next"'
        registry.plant("GET", "tags/list", Answer(200, {"Link": link}, page))
    assert told(lambda: oras(registry).tags("ml/x")) == (
        f"registry '{registry.address}' sent a list of more than 64 MiB, while listing the tags of 'ml/x'"
    )
    assert len(registry.seen) == 17


def test_cookies_are_never_kept(registry: LittleRegistry) -> None:
    registry.realm = f"http://{registry.address}/token"
    registry.headers = {"Set-Cookie": "session=secret; Path=/"}
    found = oras(registry)
    for do in (
        push,
        read,
        lambda found: found.tags("ml/x"),
        lambda found: found.push_manifest("ml/x", "v1", b"{}", "a"),
    ):
        do(found)
    assert {request.method for request in registry.seen} == {"GET", "POST", "PUT"}
    assert {request.cookie for request in registry.seen} == {None}
    assert list(found.session.cookies) == []
