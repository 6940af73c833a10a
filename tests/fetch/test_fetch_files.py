import hashlib
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from fetch_server import Answer, Served

from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import Event, Progress, ignore
from buildkit.fetch import FetchRequest, Network, Source, Sources, fetch
from buildkit.store import MemoryStore

WHEEL = b"the bytes of a wheel"
NAME = "demo_pkg-1.0-py3-none-any.whl"
NETWORK = Network(attempts=3, backoff=0, sleep=lambda _: None)


def wanted(source: Source = Source.PYTHON, data: bytes = WHEEL, **changes: object) -> FetchRequest:
    sha256 = hashlib.sha256(data).hexdigest()
    request = FetchRequest(source, "demo-pkg", "1.0", NAME, (), sha256, len(data))
    return replace(request, **changes)  # type: ignore[arg-type]


def index_of(server: Served, **changes: object) -> Sources:
    return replace(Sources(python_index=f"{server.url}/simple", network=NETWORK), **changes)  # type: ignore[arg-type]


def html_index(server: Served, data: bytes = WHEEL) -> None:
    page = (
        f'<html><body><a href="../../files/{NAME}#sha256={hashlib.sha256(data).hexdigest()}">{NAME}</a></body></html>'
    )
    server.answers["/simple/demo-pkg/"] = Answer(page.encode(), "text/html")
    server.answers[f"/files/{NAME}"] = Answer(data)


def get(request: FetchRequest, sources: Sources, store: MemoryStore | None = None, offline: bool = False) -> Digest:
    return fetch(request, store or MemoryStore(), sources, offline=offline, report=ignore)


def failure(request: FetchRequest, sources: Sources, offline: bool = False) -> BuildError:
    store = MemoryStore()
    with pytest.raises(BuildError) as caught:
        get(request, sources, store, offline)
    assert store.blobs == {}
    return caught.value


def test_a_wheel_comes_from_an_html_index(server: Served) -> None:
    html_index(server)
    store = MemoryStore()
    assert get(wanted(), index_of(server), store) == Digest.of(WHEEL)
    assert store.read(Digest.of(WHEEL)) == WHEEL


def test_a_wheel_comes_from_a_json_index(server: Served) -> None:
    page = {
        "files": [
            {"filename": NAME, "url": f"/files/{NAME}", "hashes": {"sha256": "0"}},
            {"filename": NAME, "url": "/f", "hashes": {}},
        ]
    }
    server.answers["/simple/demo-pkg/"] = Answer(json.dumps(page).encode(), "application/vnd.pypi.simple.v1+json")
    server.answers["/f"] = Answer(WHEEL)
    assert get(wanted(), index_of(server)) == Digest.of(WHEEL)
    assert server.asked == ["/simple/demo-pkg/", "/f"]


def test_what_the_store_has_is_not_fetched() -> None:
    store = MemoryStore()
    store.put(WHEEL)
    assert get(wanted(), Sources(), store, offline=True) == Digest.of(WHEEL)


def test_a_find_links_folder_serves_before_the_network_and_offline(server: Served, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(WHEEL)
    sources = index_of(server, find_links=(str(tmp_path / "absent"), str(tmp_path)))
    assert get(wanted(), sources) == Digest.of(WHEEL)
    assert get(wanted(), sources, offline=True) == Digest.of(WHEEL)
    assert server.asked == []


def test_an_index_in_the_file_system_serves_offline(tmp_path: Path) -> None:
    folder = tmp_path / "simple" / "demo-pkg"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(f'<a href="../../{NAME}">x</a>')
    (tmp_path / NAME).write_bytes(WHEEL)
    sources = Sources(python_index=(tmp_path / "simple").as_uri())
    assert get(wanted(), sources, offline=True) == Digest.of(WHEEL)


def test_another_place_mends_other_bytes(server: Served, tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"a local build of the same name")
    html_index(server)
    assert get(wanted(), index_of(server, find_links=(str(tmp_path),))) == Digest.of(WHEEL)


def test_a_debian_package_comes_from_the_first_mirror_that_has_it(server: Served) -> None:
    server.answers["/second/pool/main/d/demo/demo_1_all.deb"] = Answer(WHEEL)
    request = wanted(Source.DEBIAN, filename="pool/main/d/demo/demo_1_all.deb")
    sources = Sources(debian_mirrors=(f"{server.url}/first", f"{server.url}/second"), network=NETWORK)
    assert get(request, sources) == Digest.of(WHEEL)


def test_a_file_of_unknown_size_comes_from_the_addresses_of_its_target(server: Served) -> None:
    server.answers["/b"] = Answer(WHEEL)
    request = wanted(Source.HTTP, urls=(f"{server.url}/a", f"{server.url}/b"), size=-1)
    assert get(request, Sources(network=NETWORK)) == Digest.of(WHEEL)


def test_failures_that_may_pass_are_tried_again(server: Served) -> None:
    server.answers["/a"] = Answer(WHEEL, failures=1, cut=1)
    request = wanted(Source.HTTP, urls=(f"{server.url}/a",))
    assert get(request, Sources(network=NETWORK)) == Digest.of(WHEEL)
    assert server.asked == ["/a", "/a", "/a"]


def test_credentials_of_an_index_go_to_its_own_files_only(server: Served) -> None:
    html_index(server)
    server.answers[f"/files/{NAME}"] = Answer(b"", location=f"http://localhost:{server.port}/elsewhere")
    server.answers["/elsewhere"] = Answer(WHEEL)
    sources = Sources(python_index=f"http://user:secret@127.0.0.1:{server.port}/simple", network=NETWORK)
    assert get(wanted(), sources) == Digest.of(WHEEL)
    assert server.authorizations == ["Basic dXNlcjpzZWNyZXQ=", "Basic dXNlcjpzZWNyZXQ=", None]


def test_bytes_on_their_way_are_reported(server: Served) -> None:
    data = bytes(3 << 20)
    server.answers["/a"] = Answer(data)
    events: list[Event] = []
    request = wanted(Source.HTTP, data, urls=(f"{server.url}/a",))
    fetch(request, MemoryStore(), Sources(network=NETWORK), offline=False, report=events.append)
    assert events == [Progress(NAME, done << 20, 3 << 20) for done in (1, 2, 3)]


def test_other_bytes_show_both_digests_and_are_not_kept(server: Served) -> None:
    html_index(server, b"replaced")
    fault = failure(wanted(), index_of(server, python_index=f"http://user:secret@127.0.0.1:{server.port}/simple"))
    assert isinstance(fault, BuildFailure)
    assert str(fault) == (
        "error: the fetched 'demo_pkg-1.0-py3-none-any.whl' is not the file that the lock names\n"
        f"  expected {Digest.of(WHEEL)} (20 bytes)\n"
        f"  found    {Digest.of(b'replaced')} (8 bytes)\n"
        f"  from     {server.url}/files/{NAME}\n"
        "hint: nothing was kept; find out who changed the file before you trust its new digest"
    )


def test_more_bytes_than_expected_are_other_bytes(server: Served) -> None:
    server.answers["/a"] = Answer(WHEEL * 2)
    fault = failure(wanted(Source.HTTP, urls=(f"{server.url}/a?token=1",)), Sources(network=NETWORK))
    assert isinstance(fault, EnvironmentFault)
    assert fault.message == f"nobody serves '{NAME}'"
    fault = failure(wanted(Source.HTTP, urls=(f"{server.url}/a",)), Sources(network=NETWORK))
    assert fault.message == f"the fetched '{NAME}' is not the file that its 'sha256' attribute names"
    assert fault.notes[1] == f"found    {Digest.of(WHEEL * 2)} (40 bytes)"


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_an_unreachable_index_is_named_without_credentials() -> None:
    port = closed_port()
    fault = failure(wanted(), Sources(python_index=f"http://user:secret@127.0.0.1:{port}/simple", network=NETWORK))
    assert isinstance(fault, EnvironmentFault)
    assert str(fault) == (
        f"error: cannot fetch the index page of 'demo-pkg' from 127.0.0.1:{port}: connection refused (3 attempts)\n"
        "hint: check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name"
    )


def test_an_index_that_does_not_answer_does_not_hide_one_that_does(server: Served) -> None:
    html_index(server)
    dead = f"http://127.0.0.1:{closed_port()}/simple"
    sources = Sources(python_index=dead, python_extra_indexes=(f"{server.url}/simple",), network=NETWORK)
    assert get(wanted(), sources) == Digest.of(WHEEL)


def test_what_nobody_serves_tells_who_was_asked(server: Served) -> None:
    fault = failure(wanted(), index_of(server))
    assert str(fault) == (
        "error: nobody serves 'demo_pkg-1.0-py3-none-any.whl'\n"
        f"  asked index: 127.0.0.1:{server.port}\n"
        "hint: check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name"
    )


def test_offline_names_what_is_missing(server: Served) -> None:
    html_index(server)
    fault = failure(wanted(), index_of(server), offline=True)
    assert isinstance(fault, EnvironmentFault)
    assert str(fault) == (
        f"error: 'demo_pkg-1.0-py3-none-any.whl' ({Digest.of(WHEEL)}) is not in the store, "
        "and --offline forbids to fetch it\n"
        "hint: fetch it once, with 'mbuild fetch'"
    )
    assert server.asked == []


def test_a_machine_without_mirrors_is_told_where_to_name_one() -> None:
    fault = failure(wanted(Source.DEBIAN, filename="pool/main/d/demo/demo_1_all.deb"), Sources())
    assert str(fault) == (
        "error: cannot fetch 'demo_1_all.deb': no Debian mirror is configured\n"
        "hint: name one as 'mirror' under [debian] in mbuild.toml"
    )


def test_a_refusal_is_not_tried_again(server: Served) -> None:
    server.answers["/a"] = Answer(b"", location="ftp://127.0.0.1/x")
    fault = failure(wanted(Source.HTTP, urls=(f"{server.url}/a",)), Sources(network=NETWORK))
    assert fault.message == (
        f"cannot fetch '{NAME}' from 127.0.0.1:{server.port}: not an address that can be fetched (InvalidSchema)"
    )
    assert server.asked == ["/a"]


def test_a_request_is_read_from_the_arguments_of_an_action() -> None:
    arguments = {
        "source": "python",
        "name": "demo-pkg",
        "version": "1.0",
        "filename": NAME,
        "urls": [],
        "sha256": hashlib.sha256(WHEEL).hexdigest(),
        "size": len(WHEEL),
    }
    assert FetchRequest.of(arguments) == wanted()
