"""`mbuild login` and `mbuild logout`: what is checked, kept, dropped and told; secrets are not told."""

from __future__ import annotations

import base64
import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from invocations import MBUILD, Ran, in_process
from little_registry import LittleRegistry, serving

SECRET = "pass:word"
ENTRY = {"auth": base64.b64encode(b"me:pass:word").decode()}


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    with serving(LittleRegistry(basic=f"me:{SECRET}")) as little:
        yield little


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "DOCKER_AUTH_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def login(monkeypatch: pytest.MonkeyPatch, host: str, *argv: str, typed: str = SECRET + "\n") -> Ran:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    return in_process("login", host, "-u", "me", "--password-stdin", "--plain-http", *argv)


def warned(file: Path) -> str:
    return (
        f"warning: the login is kept in '{file}' without encryption;"
        " a credential helper, named there as 'credsStore', would encrypt it\n"
    )


def test_a_login_is_kept_in_dockers_file_and_everything_else_in_it_stays(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, file = registry.address, home / ".docker" / "config.json"
    assert login(monkeypatch, host) == Ran(0, f"logged in to {host} as me\n", warned(file))
    assert json.loads(file.read_text()) == {"auths": {host: ENTRY}}
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    others = {"HttpHeaders": {"x": "ü"}, "auths": {f"https://{host}/v1/": {"auth": "b2xk"}, "other": {}}, "zzz": [1]}
    file.write_text(json.dumps(others))
    file.chmod(0o644)
    assert login(monkeypatch, host, "--json") == Ran(
        0,
        json.dumps({"registry": host, "username": "me", "file": str(file), "helper": None}) + "\n",
        warned(file),
    )
    expected = {"HttpHeaders": {"x": "ü"}, "auths": {"other": {}, host: ENTRY}, "zzz": [1]}
    assert json.loads(file.read_text()) == expected
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == ["config.json"]


def test_a_file_that_is_a_link_stays_one(registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "docker").mkdir()
    (home / "docker" / "config.json").symlink_to(home / "real.json")
    monkeypatch.setenv("DOCKER_CONFIG", str(home / "docker"))
    assert login(monkeypatch, registry.address).code == 0
    assert (home / "docker" / "config.json").is_symlink()
    assert json.loads((home / "real.json").read_text()) == {"auths": {registry.address: ENTRY}}


def test_podmans_file_is_written_where_the_environment_names_it(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "auth.json"))
    assert login(monkeypatch, registry.address).stderr == warned(home / "auth.json")
    assert json.loads((home / "auth.json").read_text()) == {"auths": {registry.address: ENTRY}}
    assert not (home / ".docker").exists()


def test_a_helper_keeps_the_login_and_drops_it(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, file = registry.address, home / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"credsStore": "shelf"}))
    helper = home / "bin" / "docker-credential-shelf"
    helper.parent.mkdir()
    helper.write_text(
        f"""#!/bin/sh
        echo "$1" >> {home}/asked
        case $1 in
          store) cat > {home}/kept;;
          erase) rm {home}/kept;;
          *) [ -f {home}/kept ] && cat {home}/kept || {{ echo credentials not found in native keychain; exit 1; }};;
        esac
        """
    )
    helper.chmod(0o755)
    assert login(monkeypatch, host) == Ran(0, f"logged in to {host} as me\n", "")
    assert json.loads((home / "kept").read_text()) == {"ServerURL": host, "Username": "me", "Secret": SECRET}
    assert json.loads(file.read_text()) == {"credsStore": "shelf", "auths": {host: {}}}
    dropped = f"dropped the login for {host} from helper 'docker-credential-shelf'\n"
    assert in_process("logout", host) == Ran(0, dropped, "")
    assert json.loads(file.read_text()) == {"credsStore": "shelf", "auths": {}}
    assert in_process("logout", host) == Ran(0, "", f"no login was kept for {host}\n")
    assert (home / "asked").read_text().split() == ["store", "get", "get", "erase", "get"]


def test_a_helper_that_does_not_give_back_what_it_took_is_told(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(json.dumps({"credsStore": "hole"}))
    (home / "bin").mkdir()
    helper = home / "bin" / "docker-credential-hole"
    helper.write_text(
        "#!/bin/sh\ncat > /dev/null; [ $1 = store ] || { echo credentials not found in native keychain; exit 1; }"
    )
    helper.chmod(0o755)
    told = "warning: credential helper 'docker-credential-hole' took the login, and does not give it back\n"
    assert login(monkeypatch, registry.address) == Ran(0, f"logged in to {registry.address} as me\n", told)


def test_a_helper_that_fails_is_named_and_its_words_are_not(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home / ".docker" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"credHelpers": {registry.address: "broken"}}))
    helper = home / "bin" / "docker-credential-broken"
    helper.parent.mkdir()
    told = (
        "error: credential helper 'docker-credential-broken' could not store"
        f" the login for '{registry.address}': {{}}\n"
        f"hint: install the helper, or take it out of '{file}'\n"
    )
    assert login(monkeypatch, registry.address) == Ran(36, "", told.format("no such file or directory"))
    helper.write_text("#!/bin/sh\ncat >&2; exit 3\n")
    helper.chmod(0o755)
    assert login(monkeypatch, registry.address) == Ran(36, "", told.format("exit code 3"))
    assert json.loads(file.read_text()) == {"credHelpers": {registry.address: "broken"}}


def test_a_login_that_is_refused_changes_nothing(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert login(monkeypatch, registry.address, typed="wrong") == Ran(
        36,
        "",
        f"error: registry '{registry.address}' refused the login, while checking the login: UNAUTHORIZED\n"
        f"hint: run 'mbuild login {registry.address}' again; the account must have the permission,"
        " and some registries want an access token as the password\n",
    )
    assert not (home / ".docker").exists()


def test_a_token_server_checks_the_login(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(LittleRegistry(basic=f"me:{SECRET}")) as registry:
        registry.realm = f"http://{registry.address}/token"
        ran = login(monkeypatch, registry.address, typed="wrong")
        assert (ran.code, ran.stdout) == (36, "")
        assert ran.stderr.startswith(
            f"error: registry '{registry.address}' refused the login,"
            f" while asking its token server '{registry.address}' for a token: UNAUTHORIZED: who are you\n"
        )
        assert login(monkeypatch, registry.address).code == 0


def test_a_registry_that_does_not_ask_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(LittleRegistry()) as registry:
        told = f"warning: registry '{registry.address}' did not ask for the login: whether it is right is not known\n"
        assert login(monkeypatch, registry.address).stderr == told + warned(home / ".docker" / "config.json")


def test_an_identity_token_is_kept_as_one(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.basic, registry.realm = None, f"http://{registry.address}/token"
    monkeypatch.setattr(sys, "stdin", io.StringIO("idtoken"))
    ran = in_process("login", registry.address, "-u", "<token>", "--password-stdin", "--plain-http")
    assert ran.code == 0
    entry = {"auth": base64.b64encode(b"<token>:").decode(), "identitytoken": "idtoken"}
    kept = json.loads((home / ".docker" / "config.json").read_text())
    assert kept == {"auths": {registry.address: entry}}
    (asked,) = [request.body.decode() for request in registry.seen if request.method == "POST"]
    scope = "client_id=mbuild&scope=repository%3Aml%2Ffraud%3Apull"
    assert asked == f"grant_type=refresh_token&refresh_token=idtoken&service=little&{scope}"


def test_a_login_that_comes_before_the_new_one_is_told_and_logout_drops_both(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, old = registry.address, home / ".docker" / "config.json"
    assert login(monkeypatch, host).code == 0
    old.write_text(json.dumps({"auths": {host: {"auth": base64.b64encode(b"you:old").decode()}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(home / "auth.json"))
    assert login(monkeypatch, host).stderr == warned(home / "auth.json") + (
        f"warning: another login for '{host}' comes before this one; 'mbuild logout {host}' drops all of them\n"
    )
    both = f"dropped the login for {host} from '{old}'\ndropped the login for {host} from '{home}/auth.json'\n"
    assert in_process("logout", host) == Ran(0, both, "")
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {host: ENTRY}}))
    assert in_process("logout", host, "--json") == Ran(
        0,
        json.dumps({"registry": host, "dropped": []}) + "\n",
        f"warning: the environment variable DOCKER_AUTH_CONFIG still has a login for '{host}'\n"
        f"no login was kept for {host}\n",
    )


def test_logout_drops_what_it_can_and_tells_the_rest(home: Path) -> None:
    file = home / ".docker" / "config.json"
    file.parent.mkdir()
    auths = {"r.example": ENTRY, "https://r.example/v1/": ENTRY, "r.example/ml": ENTRY, "r.example.org": ENTRY}
    file.write_text(json.dumps({"credsStore": "gone", "auths": auths}))
    (home / ".config" / "containers").mkdir(parents=True)
    (home / ".config" / "containers" / "auth.json").write_text("{")
    assert in_process("logout", "r.example") == Ran(
        36,
        "",
        "error: credential helper 'docker-credential-gone' could not erase the login for 'r.example':"
        f" no such file or directory\nhint: install the helper, or take it out of '{file}'\n"
        f"error: cannot change the logins in '{home}/.config/containers/auth.json': it is not JSON\n"
        "hint: mend or remove the file; it was left as it is\n",
    )
    assert json.loads(file.read_text()) == {"credsStore": "gone", "auths": {"r.example.org": ENTRY}}


@pytest.mark.parametrize(
    ("argv", "typed", "told"),
    [
        (["r.example/ml"], "", "error: 'r.example/ml' is not a registry's host\nhint: write 'r.example'\n"),
        (["x/y"], "", "error: 'x/y' is not a registry's host\nhint: write 'x'\n"),
        (
            ["https://registry.example/v2"],
            "",
            "error: 'https://registry.example/v2' is not a registry's host\nhint: write 'registry.example'\n",
        ),
        (["nowhere"], "", "error: 'nowhere' is not a registry's host\nhint: hosts look like 'registry.example:5000'\n"),
        (
            ["r.example", "--password-stdin"],
            "x",
            "error: '--password-stdin' needs a user\nhint: name the account with '-u USER'\n",
        ),
        (["r.example", "--password-stdin", "-u", "me"], "\n", "error: the password is empty\n"),
        (
            ["r.example", "-u", "me"],
            "x",
            "error: there is no terminal to ask for the password at\nhint: pass it to '-u USER --password-stdin'\n",
        ),
        (
            ["r.example", "--password-stdin", "-u", "me", "--offline"],
            "x",
            "error: logging in needs the network, and --offline forbids it\nhint: leave out --offline\n",
        ),
    ],
)
def test_what_is_missing_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], typed: str, told: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert in_process("login", *argv) == Ran(2, "", told)
    if len(argv) == 1:  # a host is one to both
        assert in_process("logout", *argv) == Ran(2, "", told)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[]", "it must be an object, found a list"),
        ("null", "it must be an object, found null"),
        ("{", "it is not JSON"),
        ('{"auths": []}', "'auths' must be an object, found a list"),
        ('{"credsStore": 5}', "'credsStore' must be a text, found a number"),
    ],
)
def test_a_file_of_another_shape_is_left_as_it_is(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch, text: str, what: str
) -> None:
    file = home / "auth.json"
    file.write_text(text)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(file))
    told = f"error: cannot change the logins in '{file}': {what}\nhint: mend or remove the file; it was left as it is\n"
    assert login(monkeypatch, registry.address) == Ran(36, "", told)
    assert in_process("logout", registry.address) == Ran(36, "", told)
    assert file.read_text() == text


@pytest.mark.parametrize("strict", [True, False])
def test_a_password_that_is_no_text_is_refused_by_name(
    registry: LittleRegistry, home: Path, monkeypatch: pytest.MonkeyPatch, strict: bool
) -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"sec\xffret\n"), "utf-8", "strict" if strict else "surrogateescape")
    monkeypatch.setattr(sys, "stdin", typed)
    assert in_process("login", registry.address, "-u", "me", "--password-stdin", "--plain-http") == Ran(
        2,
        "",
        "error: the user or the password is not text in UTF-8\n"
        "hint: check what is passed on standard input: a password of other bytes cannot be sent\n",
    )
    assert registry.lines() == []


def test_on_a_terminal_the_password_is_asked_for_and_not_shown(registry: LittleRegistry, home: Path) -> None:
    terminal, end = pty.openpty()
    command = [*MBUILD, "login", registry.address, "--plain-http"]
    with subprocess.Popen(command, stdin=end, stdout=end, stderr=end, start_new_session=True) as process:
        os.close(end)
        shown = b""
        with suppress(OSError):  # which says that nobody writes any more
            for prompt, typed in ((b"user: ", b"me\n"), (b"password: ", f"{SECRET}\n".encode())):
                while not shown.endswith(prompt):
                    shown += os.read(terminal, 65536)
                os.write(terminal, typed)
            while chunk := os.read(terminal, 65536):
                shown += chunk
        os.close(terminal)
    assert process.returncode == 0
    assert f"logged in to {registry.address} as me".encode() in shown
    assert SECRET.encode() not in shown
    assert json.loads((home / ".docker" / "config.json").read_text()) == {"auths": {registry.address: ENTRY}}
