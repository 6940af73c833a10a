"""Certificates for TLS: a client certificate is shown to its own host, and files that do not fit are named."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from debian_programs import Programs
from little_registry import Shelf
from real_registry import registry as docker_registry

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry import connect, push
from buildkit.registry.credentials import Credentials
from buildkit.registry.faults import Peer
from buildkit.registry.oras import OrasRegistry
from buildkit.registry.retry import Patience
from buildkit.registry.trust import Trust

HOST = "registry.example"


def openssl(words: str) -> None:
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with certificates (`server`, `me`, `you`) and their keys, and `me`'s key with a passphrase."""
    folder = tmp_path_factory.mktemp("certificates")
    for name, address in (("server", " -addext subjectAltName=IP:127.0.0.1"), ("me", ""), ("you", "")):
        files = f"-keyout {folder}/{name}.key -out {folder}/{name}.crt"
        openssl(
            f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={name} {files}{address}"
        )
    openssl(f"pkey -in {folder}/me.key -aes128 -passout pass:secret -out {folder}/encrypted.key")
    (folder / "both.pem").write_text((folder / "me.crt").read_text() + (folder / "me.key").read_text())
    (folder / "text.pem").write_text("no certificate\n")
    return folder


def fault(trust: Trust) -> str:
    with pytest.raises(EnvironmentFault) as caught:
        OrasRegistry(HOST, Credentials((), lambda name, host: "", ignore), ignore, trust=trust)
    return str(caught.value)


def test_files_that_do_not_fit_are_named(made: Path) -> None:
    me, you = f"{made}/me.crt", f"{made}/you.key"
    where = f'below [registry."{HOST}"] in mbuild.toml'
    assert fault(Trust(client_cert=me, client_key=you)) == (
        f"error: the client key '{you}' for registry '{HOST}' is not the one of certificate '{me}'\n"
        f"hint: correct 'client_cert' or 'client_key' {where}"
    )
    assert fault(Trust(client_cert=f"{made}/none.crt")) == (
        f"error: cannot read '{made}/none.crt', the client certificate for registry '{HOST}':"
        " no such file or directory\n"
        f"hint: correct 'client_cert' {where}"
    )
    assert fault(Trust(client_cert=me, client_key=f"{made}/none.key")) == (
        f"error: cannot read '{made}/none.key', the client key for registry '{HOST}': no such file or directory\n"
        f"hint: correct 'client_key' {where}"
    )
    for bad in (Trust(client_cert=me), Trust(client_cert=me, client_key=f"{made}/text.pem")):
        assert fault(bad) == (
            f"error: cannot use '{me}' with key '{bad.client_key or me}' as client certificate for registry '{HOST}':"
            " expected a certificate and a private key in PEM form\n"
            f"hint: correct 'client_cert' or 'client_key' {where}"
        )


def test_an_encrypted_key_is_refused_and_no_passphrase_asked_for(made: Path) -> None:
    assert fault(Trust(client_cert=f"{made}/me.crt", client_key=f"{made}/encrypted.key")) == (
        f"error: the client key '{made}/encrypted.key' for registry '{HOST}' is encrypted,"
        " and mbuild asks for no passphrase\n"
        "hint: decrypt it with 'openssl pkey -in KEY -out PLAIN' and name that as 'client_key'"
        f' below [registry."{HOST}"] in mbuild.toml'
    )


MISTRUSTED = [
    (10, Trust(ca="ca.pem"), "its owner must renew the certificate, if this machine's clock is right"),
    (9, Trust(), "its owner must renew the certificate, if this machine's clock is right"),
    (62, Trust(ca="ca.pem"), "use the name that its certificate is for; one for this name is its owner's to make"),
    (64, Trust(), "use the name that its certificate is for; one for this name is its owner's to make"),
    (19, Trust(), f"name its certificate authority as 'ca' below [registry.\"{HOST}\"] in mbuild.toml"),
    (
        20,
        Trust(ca="ca.pem"),
        f"'ca.pem' is not its certificate authority: correct 'ca' below [registry.\"{HOST}\"] in mbuild.toml",
    ),
]


@pytest.mark.parametrize(("code", "trust", "hint"), MISTRUSTED)
def test_what_is_wrong_with_a_servers_certificate_is_what_the_hint_mends(code: int, trust: Trust, hint: str) -> None:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, "the reason"
    assert str(Peer(HOST, plain_http=False, trust=trust).unreachable("asking", error)) == (
        f"error: cannot trust registry '{HOST}' while asking: the reason\nhint: {hint}"
    )


def test_an_expired_client_certificate_is_told_to_have_expired() -> None:
    error = ssl.SSLError(1, "alert")
    error.reason = "SSLV3_ALERT_CERTIFICATE_EXPIRED"
    assert str(Peer(HOST, plain_http=False, trust=Trust(client_cert="me.crt")).unreachable("asking", error)) == (
        f"error: registry '{HOST}' refused the client certificate 'me.crt' while asking: it has expired\n"
        "hint: name one that is valid and that the registry trusts as 'client_cert'"
        f' below [registry."{HOST}"] in mbuild.toml'
    )


class Server:
    """An HTTPS server on loopback that asks for a client certificate, and remembers whose it was shown."""

    def __init__(self) -> None:
        self.shown: list[str | None] = []
        self.location = ""
        self.host = ""


@contextmanager
def serving(made: Path, *, needed: bool) -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            certificate = self.connection.getpeercert()  # type: ignore[attr-defined]
            state.shown.append(certificate["subject"][0][0][1] if certificate else None)
            self.send_response(307 if state.location else 404)
            self.send_header("Location", state.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made / "server.crt", made / "server.key")
    context.load_verify_locations(made / "me.crt")
    context.verify_mode = ssl.CERT_REQUIRED if needed else ssl.CERT_OPTIONAL

    class Quiet(ThreadingHTTPServer):
        def get_request(self):  # type: ignore[no-untyped-def]
            connection, address = super().get_request()
            return context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False), address

        def handle_error(self, request: object, client_address: object) -> None:
            """A client that shows no certificate is expected."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        state.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()


def head(host: str, trust: Trust) -> None:
    credentials = Credentials((), lambda name, host: "", ignore)
    registry = OrasRegistry(host, credentials, ignore, trust=trust, patience=Patience(tries=1))
    assert not registry.has("ml/fraud", Digest.of(b""))


@pytest.mark.parametrize("client", [("me.crt", "me.key"), ("both.pem", None)])
def test_a_client_certificate_is_shown(made: Path, client: tuple[str, str | None]) -> None:
    certificate, key = client
    with serving(made, needed=True) as server:
        head(server.host, Trust(f"{made}/server.crt", f"{made}/{certificate}", f"{made}/{key}" if key else None))
    assert server.shown == ["me"]


def test_a_client_certificate_is_not_shown_where_a_redirect_leads(made: Path) -> None:
    trust = Trust(f"{made}/server.crt", f"{made}/me.crt", f"{made}/me.key")
    with serving(made, needed=False) as server, serving(made, needed=False) as elsewhere:
        server.location = f"https://{elsewhere.host}/blob"
        head(server.host, trust)
    assert (server.shown, elsewhere.shown) == (["me"], [None])


@pytest.mark.e2e
def test_a_registry_that_wants_a_client_certificate_says_so(made: Path, programs: Programs, tmp_path: Path) -> None:
    tls = {"certificate": f"{made}/server.crt", "key": f"{made}/server.key", "clientcas": [f"{made}/me.crt"]}
    image = (store := Shelf()).image(b"layer")

    def tried(host: str, trust: Trust) -> str:
        try:
            registry = connect(host, Credentials((), lambda name, host: "", ignore), ignore, trust=trust)
            return str(push(Reference(host, "ml/fraud", "v1"), image, store, registry, ignore, 1))
        except EnvironmentFault as error:
            return str(error)

    with docker_registry(programs, tmp_path / "registry", {"tls": tls}) as host:
        assert tried(host, Trust(f"{made}/server.crt", f"{made}/me.crt", f"{made}/me.key")) == str(image)
        doing = "while asking for blob " + str(Digest.of(b'{"architecture": "amd64"}'))
        wanted = (
            f"error: registry '{host}' wants a client certificate that it trusts, {doing}\n"
            f"hint: name one as 'client_cert' and its key as 'client_key' below [registry.\"{host}\"] in mbuild.toml"
        )
        assert tried(host, Trust(f"{made}/server.crt")) == wanted
        assert tried(host, Trust(f"{made}/server.crt", f"{made}/you.crt", f"{made}/you.key")) == (
            f"error: registry '{host}' refused the client certificate '{made}/you.crt' {doing}\n"
            "hint: name one that is valid and that the registry trusts as 'client_cert'"
            f' below [registry."{host}"] in mbuild.toml'
        )
