import subprocess
import sys
from pathlib import Path

import pytest

from buildkit.errors import BuildError, EnvironmentFault
from buildkit.fetch import Sources
from buildkit.fetch.address import host, joined, local_path, shown
from buildkit.fetch.apt_configuration import apt_mirrors
from buildkit.fetch.sources import PackageIndex


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "home"
    folder.mkdir()
    return {"HOME": str(folder), "XDG_CONFIG_DIRS": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"}


def pip_conf(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def of_machine(environment: dict[str, str], tmp_path: Path, **values: str) -> Sources:
    return Sources.of_machine(environment, prefix=tmp_path / "prefix", apt=tmp_path / "apt", **values)  # type: ignore[arg-type]


def test_the_nearest_of_pips_files_wins_and_the_environment_over_all(home: dict[str, str], tmp_path: Path) -> None:
    pip_conf(
        Path(home["HOME"]) / ".config/pip/pip.conf",
        "[global]\nindex-url = https://user.example/simple\nfind_links = /a\n    /b\n[install]\nindex-url = https://i.example/\n",
    )
    pip_conf(tmp_path / "prefix/pip.conf", "[global]\nextra-index-url = https://site.example/simple\ncert = /ca.pem\n")
    sources = of_machine({**home, "PIP_FIND_LINKS": "/c /d"}, tmp_path)
    assert sources.python_index == "https://i.example/"
    assert sources.python_extra_indexes == ("https://site.example/simple",)
    assert sources.find_links == ("/c", "/d")
    assert sources.network.certificate == "/ca.pem"


def test_a_named_file_comes_last_and_the_null_device_means_none(home: dict[str, str], tmp_path: Path) -> None:
    pip_conf(tmp_path / "prefix/pip.conf", "[global]\nindex-url = https://site.example/simple\n")
    pip_conf(tmp_path / "named.conf", "[global]\nindex-url = https://named.example/simple\n")
    named = of_machine({**home, "PIP_CONFIG_FILE": str(tmp_path / "named.conf")}, tmp_path)
    assert named.python_index == "https://named.example/simple"
    assert of_machine({**home, "PIP_CONFIG_FILE": "/dev/null"}, tmp_path).python_index is None


def test_what_mbuild_toml_names_is_all_there_is(home: dict[str, str], tmp_path: Path) -> None:
    environment = {**home, "PIP_EXTRA_INDEX_URL": "https://x.example/simple", "PIP_FIND_LINKS": "/c"}
    sources = of_machine(environment, tmp_path, python_index="https://toml.example/simple")
    assert sources.python_indexes() == (PackageIndex("index", "https://toml.example/simple"),)
    assert sources.python_places() == ()


def test_uv_tells_its_own_indexes(home: dict[str, str], tmp_path: Path) -> None:
    environment = {
        **home,
        "UV_DEFAULT_INDEX": "https://user:secret@uv.example/simple",
        "UV_INDEX": "https://more.example/simple",
        "UV_FIND_LINKS": str(tmp_path / "absent"),
        "PIP_EXTRA_INDEX_URL": "https://pip.example/simple",
    }
    sources = of_machine(environment, tmp_path)
    assert sources.python_indexes() == (
        PackageIndex("index", "https://user:secret@uv.example/simple"),
        PackageIndex("extra-1", "https://pip.example/simple"),
        PackageIndex("extra-2", "https://more.example/simple"),
    )
    assert sources.python_places() == (PackageIndex("find-links-1", str(tmp_path / "absent")),)


def test_where_nothing_names_an_index_uv_knows_one(home: dict[str, str], tmp_path: Path) -> None:
    (index,) = of_machine(home, tmp_path).python_indexes()
    assert index.alias == "index"
    assert index.url.startswith("https://")


def test_threads_may_ask_at_once(home: dict[str, str], tmp_path: Path) -> None:
    script = (
        "import os, sys; from concurrent.futures import ThreadPoolExecutor; from buildkit.fetch import Sources\n"
        "sources = Sources.of_machine(os.environ)\n"
        "with ThreadPoolExecutor(8) as threads:\n"
        "    found = threads.map(lambda _: sources.python_indexes(), range(8))\n"
        "    print({index.url for indexes in found for index in indexes})"
    )
    environment = {**home, "UV_DEFAULT_INDEX": "https://uv.example/simple", "PIP_CONFIG_FILE": "/dev/null"}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert (answer.stdout, answer.stderr) == ("{'https://uv.example/simple'}\n", "")


def test_a_broken_configuration_of_uv_is_the_machines_fault(home: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "uv.toml").write_text("index-url = 3\n")
    with pytest.raises(EnvironmentFault) as caught:
        of_machine({**home, "UV_CONFIG_FILE": str(tmp_path / "uv.toml")}, tmp_path).python_indexes()
    assert caught.value.message == "no index of Python packages is configured, and uv cannot tell its own"
    assert caught.value.hint == "name one as 'index' under [python] in mbuild.toml"


def test_pip_may_forbid_indexes(home: dict[str, str], tmp_path: Path) -> None:
    assert of_machine({**home, "PIP_NO_INDEX": "1"}, tmp_path).python_indexes() == ()


def test_apts_mirrors_come_from_lists_sources_and_mirror_files(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "mirrors.list").write_text("# chosen\nhttps://c.example/debian priority:1\n")
    (tmp_path / "sources.list").write_text(
        "# deb http://no.example/debian stable main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://a.example/debian/ stable main\n"
        "deb-src http://src.example/debian stable main\n"
    )
    (parts / "a.sources").write_text(
        f"# comment\nTypes: deb\nURIs: http://b.example/debian\n  mirror+file:{tmp_path}/mirrors.list\n"
        "Suites: stable\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example/\n\nTypes: deb-src\nURIs: http://src.example/\n"
    )
    (parts / "b.list").write_text("deb http://a.example/debian stable-updates main\ndeb cdrom:[x]/ stable main\n")
    assert apt_mirrors(tmp_path) == ("http://a.example/debian", "http://b.example/debian", "https://c.example/debian")


def test_mirrors_of_mbuild_toml_come_before_apts(home: dict[str, str], tmp_path: Path) -> None:
    named = of_machine(home, tmp_path, debian_mirror="http://m.example/debian/", debian_snapshot="http://s.example/x/")
    assert named.debian_mirrors == ("http://m.example/debian", "http://s.example/x")
    assert of_machine(home, tmp_path).debian_mirrors == ()


def test_addresses_are_shown_without_credentials_and_keep_them_on_their_own_host() -> None:
    assert shown("https://u:p@h.example:1/x?token=1#f") == "https://h.example:1/x"
    assert (shown("ftp://u:p@h.example/x"), host("ftp://u:p@h.example/x")) == ("ftp://h.example/x", "h.example")
    assert joined("https://u:p@h.example/simple/a/", "../../f.whl") == "https://u:p@h.example/f.whl"
    assert joined("https://u:p@h.example/simple/a/", "https://h.example/f.whl") == "https://u:p@h.example/f.whl"
    assert joined("https://u:p@h.example/simple/a/", "https://o.example/f.whl") == "https://o.example/f.whl"
    assert joined("https://u:p@h.example/simple/a/", "http://h.example/f.whl") == "http://h.example/f.whl"


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("https://u:p@[h.example/x?token=1", "'[h.example/x' is not an address"),
        ("~nobody-of-that-name/x", "'~nobody-of-that-name/x' is no path of this machine: there is no such user"),
    ],
)
def test_what_is_no_address_is_told_without_credentials(address: str, message: str) -> None:
    with pytest.raises(BuildError) as caught:
        local_path(address)
    assert caught.value.message == message
