import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from buildkit.errors import BuildError, BuildFailure, EnvironmentFault
from buildkit.events import ignore
from buildkit.fetch import Network, Sources
from buildkit.graph.lockfile import Lock, LockEntry, request_key
from buildkit.lock.platform import PythonPlatform
from buildkit.lock.python import resolve

NETWORK = Network(attempts=1, backoff=0)


def request(*requirements: str, **changes: object) -> dict[str, object]:
    shape: dict[str, object] = {"python": "3.11", "platform": "linux/amd64", "glibc": "2.36", "constraints": []}
    return {**shape, "requirements": list(requirements), **changes}


def wheel(folder: Path, name: str, version: str, tag: str = "py3-none-any", needs: str = "", python: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {needs}"] if needs else []
    lines += [f"Requires-Python: {python}"] if python else []
    path = folder / f"{name}-{version}-{tag}.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in (
            ("METADATA", "\n".join(lines) + "\n"),
            ("WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n"),
            ("RECORD", ""),
        ):
            archive.writestr(zipfile.ZipInfo(f"{info}/{member}"), text)
    return path


def entry(path: Path) -> LockEntry:
    name, version = path.name.split("-")[:2]
    return LockEntry(name.replace("_", "-"), version, path.name, path.stat().st_size, digest(path))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publish(root: Path, *wheels: Path, python: str = "") -> None:
    """Write a simple index in JSON's stead: HTML, as a static server gives it."""
    for path in wheels:
        page = root / "simple" / path.name.split("-")[0].replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        attribute = f' data-requires-python="{python}"' if python else ""
        anchor = f'<a href="/files/{path.name}#sha256={digest(path)}"{attribute}>{path.name}</a>\n'
        page.write_text((page.read_text() if page.exists() else "<!DOCTYPE html>\n") + anchor)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "www" / "files").mkdir(parents=True)
    return tmp_path / "www"


@pytest.fixture
def sources(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sources]:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield Sources(python_index=f"http://127.0.0.1:{server.server_port}/simple", network=NETWORK)
        server.shutdown()
        thread.join()


def locked(sources: Sources, *requirements: str, **changes: object) -> Lock:
    return resolve(request(*requirements, **changes), sources, report=ignore)


def fault_of(sources: Sources, *requirements: str, **changes: object) -> BuildError:
    with pytest.raises(BuildError) as caught:
        locked(sources, *requirements, **changes)
    return caught.value


def test_requirements_become_the_wheels_that_the_platform_gets(root: Path, sources: Sources) -> None:
    files = root / "files"
    best = wheel(files, "fast_pkg", "1.1", "cp311-cp311-manylinux_2_28_x86_64")
    pure = wheel(files, "pure", "2.0", needs="fast-pkg<2")
    rest = [
        wheel(files, "fast_pkg", "1.1", tag)
        for tag in (
            "py3-none-any",
            "cp311-cp311-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux_2_39_x86_64",
            "cp312-cp312-manylinux_2_28_x86_64",
            "cp311-cp311-manylinux_2_28_aarch64",
            "cp311-cp311-musllinux_1_2_x86_64",
        )
    ]
    publish(root, *rest, best, pure, wheel(files, "fast_pkg", "2.0"))
    lock = locked(sources, "pure")
    assert lock == Lock("python", request_key("python", request("pure")), (entry(best), entry(pure)))


def test_the_platform_is_the_requests_and_not_the_hosts(root: Path, sources: Sources) -> None:
    arm = wheel(root / "files", "fast_pkg", "1.1", "cp312-cp312-manylinux2014_aarch64")
    publish(root, arm, wheel(root / "files", "fast_pkg", "1.1", "cp311-cp311-manylinux2014_x86_64"))
    lock = locked(sources, "fast-pkg", python="3.12", platform="linux/arm64")
    assert lock.entries == (entry(arm),)


def test_constraints_bind(root: Path, sources: Sources) -> None:
    old = wheel(root / "files", "pure", "1.0")
    publish(root, old, wheel(root / "files", "pure", "2.0"))
    assert locked(sources, "pure", constraints=["pure<2"]).entries == (entry(old),)


def test_a_find_links_folder_serves_and_is_noted(root: Path, sources: Sources, tmp_path: Path) -> None:
    built = wheel(tmp_path / "built", "pure", "1.0")
    with_folder = replace(sources, find_links=(str(tmp_path / "absent"), str(tmp_path / "built")))
    lock = locked(with_folder, "pure")
    assert lock.entries == (entry(built),)
    assert lock.notes == (("served by find-links-2", "pure"),)


def test_another_index_that_serves_is_noted(root: Path, sources: Sources) -> None:
    shutil.copytree(root, root / "more")
    ours = wheel(root / "files", "ours", "1.0")
    publish(root / "more", ours)
    extra = str(sources.python_index).replace("/simple", "/more/simple")
    lock = locked(replace(sources, python_extra_indexes=(extra,)), "ours")
    assert lock.notes == (("served by extra-1", "ours"),)


def test_a_json_index_needs_no_download_of_wheels(root: Path, sources: Sources) -> None:
    path = wheel(root / "files", "pure", "1.0")
    page = {
        "meta": {"api-version": "1.1"},
        "name": "pure",
        "files": [{"filename": path.name, "url": f"/files/{path.name}", "hashes": {"sha256": digest(path)}, "size": 4}],
    }
    folder = root / "simple" / "pure"
    folder.mkdir(parents=True)
    (folder / "index.html").write_text(json.dumps(page))

    class Json(Quiet):
        def guess_type(self, path: object) -> str:
            return "application/vnd.pypi.simple.v1+json" if str(path).endswith("html") else "application/zip"

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Json, directory=str(root))) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        lock = locked(replace(sources, python_index=f"http://127.0.0.1:{server.server_port}/simple"), "pure")
        server.shutdown()
        thread.join()
    assert lock.entries == (replace(entry(path), size=4),)


def test_an_upper_bound_of_requires_python_is_heeded(root: Path, sources: Sources) -> None:
    path = wheel(root / "files", "pure", "1.0", python=">=3.8,<3.11")
    publish(root, path, python="&gt;=3.8,&lt;3.11")
    assert str(fault_of(sources, "pure")) == (
        "error: 'pure' 1.0 requires Python >=3.8,<3.11, the runtime has 3.11\n"
        "hint: require another version of 'pure'; uv does not look at upper bounds"
    )


def test_requires_python_of_a_local_wheel_is_read_from_it(sources: Sources, tmp_path: Path) -> None:
    wheel(tmp_path / "built", "pure", "1.0", python="<3.11")
    fault = fault_of(replace(sources, find_links=(str(tmp_path / "built"),)), "pure")
    assert fault.message == "'pure' 1.0 requires Python <3.11, the runtime has 3.11"


def test_a_source_archive_is_never_built(root: Path, sources: Sources) -> None:
    archive = root / "files" / "code-1.0.tar.gz"
    archive.write_bytes(b"never opened")
    publish(root, archive)
    fault = fault_of(sources, "code")
    assert type(fault) is BuildError
    assert fault.message == "uv finds no set of wheels that meets the requirements"
    assert "code" in fault.details


def test_a_wheel_that_is_not_what_its_index_says_is_refused(root: Path, sources: Sources) -> None:
    path = wheel(root / "files", "pure", "1.0")
    publish(root, path)
    page = root / "simple" / "pure" / "index.html"
    page.write_text(page.read_text().replace(digest(path), "0" * 64))
    fault = fault_of(sources, "pure")
    assert isinstance(fault, BuildFailure)
    assert fault.message == "'pure-1.0-py3-none-any.whl' is not the file that its index names"
    assert fault.notes[:2] == (f"expected sha256:{'0' * 64}", f"found    sha256:{digest(path)}")


def test_an_index_that_does_not_answer_is_the_machines_fault(sources: Sources) -> None:
    fault = fault_of(replace(sources, python_index="http://user:secret@127.0.0.1:9/simple"), "pure")
    assert isinstance(fault, EnvironmentFault)
    assert fault.message == "uv cannot reach an index to resolve the lock"
    assert "secret" not in str(fault)
    assert fault.hint == "check the network, and which index pip, uv or 'index' under [python] in mbuild.toml name"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"requirements": ["-r x.txt"]}, "'-r x.txt' is not a requirement"),
        ({"requirements": ["x @ https://h.example/x.whl"]}, "requirement 'x' names an address"),
        ({"requirements": "x"}, "'requirements' must be a list of strings, found 'x'"),
        ({"python": "3"}, "'python' must be a version such as '3.11', found '3'"),
        ({"platform": "windows/amd64"}, "no wheels can be locked for the platform 'windows/amd64'"),
        ({"glibc": "musl"}, "'glibc' must be a version such as '2.36', found 'musl'"),
    ],
)
def test_an_unfit_request_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(BuildError) as caught:
        resolve({**request("x"), **changes}, Sources(), report=ignore)
    assert caught.value.message == message


def test_tags_are_those_of_the_platform_best_first() -> None:
    tags = [str(tag) for tag in PythonPlatform.of(request()).tags()]
    ordered = sorted(PythonPlatform.of(request()).tags().items(), key=lambda pair: pair[1])
    names = [str(tag) for tag, _ in ordered]
    assert names[:2] == ["cp311-cp311-manylinux_2_36_x86_64", "cp311-cp311-manylinux_2_35_x86_64"]
    assert names[-1] == "py30-none-any"
    assert names.index("cp311-cp311-manylinux_2_17_x86_64") + 1 == names.index("cp311-cp311-manylinux2014_x86_64")
    assert "cp311-abi3-manylinux1_x86_64" in tags
    assert not any("2_37" in name or "musl" in name for name in names)
