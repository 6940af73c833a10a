"""Pushes to Docker's own registry, as Debian ships it: plain, with a password over TLS, and with tokens."""

from __future__ import annotations

import base64
import io
import json
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from debian_programs import Programs
from little_registry import Shelf

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry import Credentials, RegistrySource, Trust, connect, copy_image, push

pytestmark = pytest.mark.e2e

# bcrypt of "secret", the only kind that this registry reads (htpasswd -Bbn me secret).
HTPASSWD = "me:$2b$04$h3UgXQnHFhe5ZcgxuUQFrODFuhe/WkjwPdC65kQLj3BQ3kgFkD9ui\n"
OCI = "application/vnd.oci.image.manifest.v1+json"


@pytest.fixture(scope="session")
def docker_registry(programs: Programs) -> str:
    """The registry's program, unpacked by mbuild."""
    return programs.path("docker-registry")


@contextmanager
def serving(program: str, folder: Path, settings: dict[str, object], http: dict[str, object]) -> Iterator[str]:
    """The registry with these settings, listening; gives its host."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    configuration = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "cache": {"blobdescriptor": "inmemory"}},
        "http": {"addr": host, "secret": "x", **http},
        **settings,
    }
    path = folder / "registry.yml"
    path.write_text(json.dumps(configuration))
    with (folder / "registry.log").open("wb") as log:
        server = subprocess.Popen([program, "serve", str(path)], stdout=log, stderr=log)
    try:
        _wait_for(host, server)
        yield host
    finally:
        server.terminate()
        server.wait()


def _wait_for(host: str, server: subprocess.Popen[bytes]) -> None:
    name, _, port = host.partition(":")
    for _ in range(200):
        assert server.poll() is None, "the registry did not start"
        with socket.socket() as tried:
            if tried.connect_ex((name, int(port))) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the registry does not listen")


def logins(folder: Path, host: str, login: str) -> Credentials:
    path = folder / "config.json"
    path.write_text(json.dumps({"auths": {host: {"auth": base64.b64encode(login.encode()).decode()}}}))
    return Credentials.of_machine({"DOCKER_CONFIG": str(folder)}, ignore)


def nobody(folder: Path) -> Credentials:
    return Credentials.of_machine({"DOCKER_CONFIG": str(folder / "none")}, ignore)


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and its key."""
    made, key = folder / "server.crt", folder / "server.key"
    request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1"
    address = ["-addext", "subjectAltName=IP:127.0.0.1"]
    command = [*request.split(), *address, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


def test_what_was_pushed_can_be_pulled_byte_for_byte(docker_registry: str, tmp_path: Path) -> None:
    store = Shelf()
    image = store.image(bytes(5 << 20), b"small", b"")
    with serving(docker_registry, tmp_path, {}, {}) as host:
        registry = connect(host, nobody(tmp_path), ignore, plain_http=True)
        assert push(Reference(host, "ml/fraud", "v1"), image, store, registry, ignore, 4) == image
        reader = _reader(host, tmp_path)
        for name, kind, expected in (
            ("v1", "manifests", store.read(image)),
            (str(Digest.of(b"small")), "blobs", b"small"),
            (str(Digest.of(b"")), "blobs", b""),
            (str(Digest.of(bytes(5 << 20))), "blobs", bytes(5 << 20)),
        ):
            url = f"http://{host}/v2/ml/fraud/{kind}/{name}"
            assert reader.do_request(url, headers={"Accept": OCI}, stream=True).content == expected


def _reader(host: str, folder: Path):  # type: ignore[no-untyped-def]
    from buildkit.registry.oras import OrasRegistry

    return OrasRegistry(host, nobody(folder), ignore, plain_http=True)


def test_a_manifest_whose_blobs_are_missing_is_refused(docker_registry: str, tmp_path: Path) -> None:
    store = Shelf()
    image = store.image(b"one")
    with serving(docker_registry, tmp_path, {}, {}) as host:
        registry = connect(host, nobody(tmp_path), ignore, plain_http=True)
        with pytest.raises(EnvironmentFault) as caught:
            registry.push_manifest("ml/fraud", "v1", store.read(image), OCI)
    assert caught.value.message == (
        f"registry '{host}' answered 400 while pushing manifest 'v1' to 'ml/fraud':"
        " MANIFEST_BLOB_UNKNOWN: blob unknown to registry; MANIFEST_BLOB_UNKNOWN: blob unknown to registry"
    )


def test_an_upload_that_fails_leaves_the_tag_as_it_was(docker_registry: str, tmp_path: Path) -> None:
    class Edited(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 2 << 20:
                raise BuildFailure("'models/weights.bin' has changed since it was built")
            return super().read(size)

    class Store(Shelf):
        def open(self, digest: Digest) -> io.BytesIO:
            return Edited(self.blobs[digest]) if digest.size == 4 << 20 else super().open(digest)

    store = Store()
    before, after = store.image(b"before"), store.image(bytes(4 << 20))
    with serving(docker_registry, tmp_path, {}, {}) as host:
        registry = connect(host, nobody(tmp_path), ignore, plain_http=True)
        push(Reference(host, "ml/fraud", "v1"), before, store, registry, ignore, 4)
        with pytest.raises(BuildFailure, match=r"models/weights\.bin"):
            push(Reference(host, "ml/fraud", "v1"), after, store, registry, ignore, 4)
        answer = _reader(host, tmp_path).do_request(
            f"http://{host}/v2/ml/fraud/manifests/v1", "HEAD", headers={"Accept": OCI}
        )
        assert answer.headers["Docker-Content-Digest"] == str(before)


def test_a_password_goes_over_tls_that_is_checked(docker_registry: str, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = {"auth": {"htpasswd": {"realm": "basic-realm", "path": str(tmp_path / "htpasswd")}}}
    tls = {"tls": {"certificate": str(made), "key": str(key), "minimumtls": "tls1.2"}}
    store = Shelf()
    image = store.image(bytes(3 << 20))

    def tried(login: Credentials, ca: str | None) -> str:
        try:
            registry = connect(host, login, ignore, trust=Trust(ca))
            return str(push(Reference(host, "ml/fraud", "v1"), image, store, registry, ignore, 4))
        except EnvironmentFault as error:
            return str(error)

    config = Digest.of(b'{"architecture": "amd64"}')
    with serving(docker_registry, tmp_path, auth, tls) as host:
        known = logins(tmp_path, host, "me:secret")
        assert tried(known, str(made)) == str(image)
        assert tried(known, None) == (
            f"error: cannot trust registry '{host}' while asking for blob {config}: self-signed certificate\n"
            f"hint: name its certificate authority as 'ca' below [registry.\"{host}\"] in mbuild.toml"
        )
        assert tried(nobody(tmp_path), str(made)) == (
            f"error: registry '{host}' wants a login, while asking for blob {config};"
            f" none is kept for it\nhint: run 'mbuild login {host}'"
        )
        assert tried(logins(tmp_path, host, "me:wrong"), str(made)) == (
            f"error: registry '{host}' refused the login from '{tmp_path}/config.json',"
            f" while asking for blob {config}\n"
            f"hint: run 'mbuild login {host}' again; the account must have the permission,"
            " and some registries want an access token as the password"
        )
        plain = connect(host, known, ignore, plain_http=True)
        with pytest.raises(EnvironmentFault) as caught:
            plain.has("ml/fraud", config)
        assert str(caught.value) == (
            f"error: registry '{host}' answered 400 while asking for blob {config}\n"
            "hint: if it speaks TLS, leave out '--plain-http', and 'plain_http' in mbuild.toml"
        )


def test_tokens_are_asked_for_and_hold_for_a_push(docker_registry: str, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    store = Shelf()
    image = store.image(bytes(3 << 20), b"small")
    with _token_server(made, key) as (realm, asked):
        token = {"realm": realm, "service": "reg", "issuer": "little", "rootcertbundle": str(made)}
        with serving(docker_registry, tmp_path, {"auth": {"token": token}}, {}) as host:
            login = logins(tmp_path, host, "me:secret")
            registry = connect(host, login, ignore, plain_http=True)
            assert push(Reference(host, "ml/fraud", "v1"), image, store, registry, ignore, 4) == image
            anonymous = connect(host, nobody(tmp_path), ignore, plain_http=True)
            with pytest.raises(EnvironmentFault, match=r"wants a login, while pushing blob"):
                push(Reference(host, "ml/other", "v1"), image, store, anonymous, ignore, 4)
    assert asked[0] == ("repository:ml/fraud:pull,push", "Basic bWU6c2VjcmV0")
    assert [login for scope, login in asked if "fraud" in scope] == ["Basic bWU6c2VjcmV0"]


def test_one_token_lets_blobs_be_mounted_from_another_repository(docker_registry: str, tmp_path: Path) -> None:
    made, key = certificate(tmp_path)
    store = Shelf()
    image = store.image(bytes(3 << 20), b"small")
    with _token_server(made, key) as (realm, asked):
        token = {"realm": realm, "service": "reg", "issuer": "little", "rootcertbundle": str(made)}
        with serving(docker_registry, tmp_path, {"auth": {"token": token}}, {}) as host:
            registry = connect(host, logins(tmp_path, host, "me:secret"), ignore, plain_http=True)
            source = Reference(host, "ml/fraud", "v1")
            push(source, image, store, registry, ignore, 4)
            before = len(asked)
            fresh = connect(host, logins(tmp_path, host, "me:secret"), ignore, plain_http=True)
            pushed = copy_image(
                RegistrySource(fresh, source), image, Reference(host, "prod/fraud", "v1"), fresh, ignore, 4
            )
            assert (pushed.uploaded, pushed.mounted) == (0, (3 << 20) + 5 + len(b'{"architecture": "amd64"}'))
    scopes = [scope for scope, _ in asked[before:]]
    assert scopes == ["repository:ml/fraud:pull", "repository:prod/fraud:pull,push repository:ml/fraud:pull"]


@contextmanager
def _token_server(made: Path, key: Path) -> Iterator[tuple[str, list[tuple[str, str | None]]]]:
    """A token server that grants a push to those who log in, and a pull to all."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            scopes = parse_qs(urlsplit(self.path).query)["scope"]
            login = self.headers.get("Authorization")
            asked.append((" ".join(scopes), login))
            access: list[dict[str, object]] = []
            for scope in scopes:
                kind, name, wanted = scope.split(":")
                actions = [action for action in wanted.split(",") if login or action == "pull"]
                access.append({"type": kind, "name": name, "actions": actions})
            body = json.dumps({"token": _signed(access, made, key, len(asked)), "expires_in": 300}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/token", asked
        finally:
            server.shutdown()
            thread.join()


def _signed(access: list[dict[str, object]], made: Path, key: Path, number: int) -> str:
    der = "".join(made.read_text().splitlines()[1:-1])
    header = {"typ": "JWT", "alg": "RS256", "x5c": [der]}
    now = int(time.time())
    claims = {"iss": "little", "sub": "me", "aud": "reg", "exp": now + 300, "nbf": now - 10, "iat": now - 10}
    claims |= {"jti": str(number), "access": access}
    text = ".".join(_url64(json.dumps(part).encode()) for part in (header, claims))
    signed = subprocess.run(
        ["openssl", "dgst", "-sha256", "-sign", str(key)], input=text.encode(), capture_output=True, check=True
    )
    return f"{text}.{_url64(signed.stdout)}"


def _url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


SCRIPT = """
import hashlib, io, os, resource, sys
from buildkit.digest import Digest
from buildkit.events import ignore
from buildkit.registry import Credentials, connect

SIZE = 1 << 28

class Zeros(io.RawIOBase):
    left = SIZE
    def read(self, size=-1):
        size = min(size, self.left)
        self.left -= size
        return bytes(size)

sha256 = hashlib.sha256()
for _ in range(256):
    sha256.update(bytes(1 << 20))
registry = connect(sys.argv[1], Credentials((), None, ignore), ignore, plain_http=True)
registry.has("ml/fraud", Digest.of(b""))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
registry.push_blob("ml/fraud", Digest(sha256.hexdigest(), SIZE), Zeros, lambda done: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_blob_takes_the_memory_of_a_few_chunks(docker_registry: str, tmp_path: Path) -> None:
    with serving(docker_registry, tmp_path, {}, {}) as host:
        done = subprocess.run([sys.executable, "-c", SCRIPT, host], capture_output=True, text=True, check=True)
        shutil.rmtree(tmp_path / "data")
    assert int(done.stdout) < 20_000, f"{done.stdout} kB more than before the push"


def test_bytes_that_are_sent_before_their_digest_is_known_become_the_blob(docker_registry: str, tmp_path: Path) -> None:
    data = bytes(5 << 20)
    with serving(docker_registry, tmp_path, {}, {}) as host:
        registry = connect(host, nobody(tmp_path), ignore, plain_http=True)
        right, wrong, unwanted = (
            registry.send_blob("ml/fraud", len(data), lambda: io.BytesIO(data), lambda done: None) for _ in range(3)
        )
        assert right
        assert wrong
        assert unwanted
        assert registry.name_blob(right, Digest.of(data))
        assert registry.has("ml/fraud", Digest.of(data))
        with pytest.raises(EnvironmentFault, match="DIGEST_INVALID"):
            registry.name_blob(wrong, Digest.of(b"\1" * len(data)))
        unwanted.cancel()
    assert list((tmp_path / "data").rglob("_uploads/*/data")) == []
