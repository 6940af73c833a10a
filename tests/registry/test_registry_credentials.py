"""Where a login is found, in which order, and what happens when a helper does not help."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from buildkit.events import Event, Warned
from buildkit.registry.credentials import Credential, Credentials

HOST = "registry.example:5000"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class Machine:
    """A home folder, helpers on a PATH, and what was warned of."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.environment = {"HOME": str(home), "PATH": f"{home}/bin:/usr/bin:/bin"}
        self.events: list[Event] = []

    def write(self, path: str, content: object) -> Path:
        place = self.home / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content if isinstance(content, str) else json.dumps(content))
        return place

    def helper(self, name: str, script: str) -> None:
        self.write(f"bin/docker-credential-{name}", f"#!/bin/sh\n{script}\n").chmod(0o755)

    def find(self, host: str = HOST, repository: str = "ml/fraud") -> Credential | None:
        return Credentials.of_machine(self.environment, self.events.append).find(host, repository)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_no_file_means_an_anonymous_try(machine: Machine) -> None:
    assert machine.find() is None
    assert machine.events == []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"auth": encoded("me:pass:word")}, Credential("me", "pass:word")),
        ({"username": "me", "password": "secret"}, Credential("me", "secret")),
        ({"auth": encoded("me:"), "identitytoken": "id"}, Credential(identity_token="id")),
        ({"registrytoken": "bearer"}, Credential(registry_token="bearer")),
        ({}, None),
    ],
)
def test_an_entry_of_auths_is_a_login(machine: Machine, entry: dict[str, str], expected: Credential | None) -> None:
    machine.write(".docker/config.json", {"auths": {HOST: entry}})
    assert machine.find() == expected


@pytest.mark.parametrize("key", [HOST, f"https://{HOST}", f"https://{HOST}/v1/", f"http://{HOST}/v2/"])
def test_docker_writes_a_host_in_several_ways(machine: Machine, key: str) -> None:
    machine.write(".docker/config.json", {"auths": {key: {"auth": encoded("me:secret")}}})
    assert machine.find() == Credential("me", "secret")


@pytest.mark.parametrize("other", ["registry.example", "evil.example:5000", f"x{HOST}", f"{HOST}/other"])
def test_a_login_is_for_its_own_host_only(machine: Machine, other: str) -> None:
    machine.write(".docker/config.json", {"auths": {other: {"auth": encoded("me:secret")}}})
    assert machine.find() is None


def test_podmans_login_for_a_repository_comes_before_the_hosts(machine: Machine) -> None:
    auths = {HOST: {"auth": encoded("host:1")}, f"{HOST}/ml": {"auth": encoded("ml:2")}}
    machine.write("run/containers/auth.json", {"auths": auths})
    machine.environment["XDG_RUNTIME_DIR"] = str(machine.home / "run")
    assert machine.find(repository="ml/fraud") == Credential("ml", "2")
    assert machine.find(repository="other") == Credential("host", "1")


def test_files_are_asked_in_order_and_docker_config_replaces_dockers_own(machine: Machine) -> None:
    places = {
        "XDG": ".config/containers/auth.json",
        "runtime": "run/containers/auth.json",
        "file": "auth.json",
        "home": ".docker/config.json",
        "moved": "docker/config.json",
    }
    machine.environment["XDG_RUNTIME_DIR"] = str(machine.home / "run")
    machine.environment["REGISTRY_AUTH_FILE"] = str(machine.home / "auth.json")
    found = []
    for name, path in places.items():
        if name == "moved":
            machine.environment["DOCKER_CONFIG"] = str(machine.home / "docker")
            assert machine.find() == Credential("file", "1")
        machine.write(path, {"auths": {HOST: {"auth": encoded(f"{name}:1")}}})
        found.append(machine.find())
    assert found == [Credential(name, "1") for name in places]


def test_the_hosts_helper_comes_before_the_store_and_the_store_before_auths(machine: Machine) -> None:
    configuration = {
        "credHelpers": {HOST: "own"},
        "credsStore": "store",
        "auths": {HOST: {"auth": encoded("plain:1")}},
    }
    machine.write(".docker/config.json", configuration)
    not_found = "echo credentials not found in native keychain; exit 1"
    answer = 'read host; echo \'{"Username": "%s", "Secret": "\'$host\'"}\''
    machine.helper("own", answer % "own")
    machine.helper("store", answer % "store")
    assert machine.find() == Credential("own", HOST)
    machine.helper("own", not_found)
    assert machine.find() == Credential("store", HOST)
    machine.helper("store", not_found)
    assert machine.find() == Credential("plain", "1")
    assert machine.events == []


def test_the_environments_own_text_comes_before_all_files(machine: Machine) -> None:
    machine.write(".docker/config.json", {"auths": {HOST: {"auth": encoded("file:1")}}})
    machine.environment["DOCKER_AUTH_CONFIG"] = json.dumps({"auths": {HOST: {"auth": encoded("text:1")}}})
    assert machine.find() == Credential("text", "1")
    assert machine.find(host="other.example") is None
    machine.environment["DOCKER_AUTH_CONFIG"] = '{"auths": "secret'
    assert machine.find() == Credential("file", "1")
    assert machine.events == [Warned("cannot read logins from 'DOCKER_AUTH_CONFIG': it is not JSON")]


@pytest.mark.parametrize("host", ["docker.io", "index.docker.io", "registry-1.docker.io"])
@pytest.mark.parametrize(
    "key", ["https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io", "docker.io/library"]
)
def test_docker_hubs_login_is_found_under_each_of_its_names(machine: Machine, host: str, key: str) -> None:
    machine.write(".docker/config.json", {"auths": {key: {"auth": encoded("me:secret")}}})
    assert machine.find(host, "library/debian") == Credential("me", "secret")
    assert machine.find("hub.docker.io", "library/debian") is None


def test_a_helper_is_asked_for_docker_hub_as_docker_asks_it(machine: Machine) -> None:
    machine.write(".docker/config.json", {"credsStore": "store"})
    machine.helper("store", """read host; echo '{"Username": "me", "Secret": "'$host'"}'""")
    assert machine.find("docker.io") == Credential("me", "https://index.docker.io/v1/")


def test_a_helpers_bearer_user_gives_a_token_for_the_registry_itself(machine: Machine) -> None:
    machine.write(".docker/config.json", {"credHelpers": {HOST: "own"}})
    machine.helper("own", """echo '{"Username": "Bearer", "Secret": "jwt"}'""")
    assert machine.find() == Credential(registry_token="jwt")


@pytest.mark.parametrize("name", ["../bin/own", "\0", ""])
def test_a_helpers_name_is_a_name(machine: Machine, name: str) -> None:
    machine.write(".docker/config.json", {"credsStore": name, "auths": {HOST: {"auth": encoded("me:1")}}})
    machine.helper("own", "touch called")
    assert machine.find() == Credential("me", "1")
    why = "its name is none"
    warned = Warned(f"credential helper 'docker-credential-{name}' failed for '{HOST}': {why}")
    assert machine.events == ([warned] if name else [])


def test_a_helpers_token_user_gives_an_identity_token(machine: Machine) -> None:
    machine.write(".docker/config.json", {"credsStore": "store"})
    machine.helper("store", """echo '{"Username": "<token>", "Secret": "id"}'""")
    assert machine.find() == Credential(identity_token="id")


@pytest.mark.parametrize(
    ("script", "warning"),
    [
        (None, f"credential helper 'docker-credential-store' failed for '{HOST}': No such file or directory"),
        ("echo secret >&2; exit 3", f"credential helper 'docker-credential-store' failed for '{HOST}': exit code 3"),
        ("echo '[]'", f"credential helper 'docker-credential-store' gave no login for '{HOST}'"),
        ("echo secret", f"credential helper 'docker-credential-store' gave no login for '{HOST}'"),
        (
            """echo '{"Username": 5, "Secret": null}'""",
            f"credential helper 'docker-credential-store' gave no login for '{HOST}'",
        ),
        (
            "yes secret",
            f"credential helper 'docker-credential-store' failed for '{HOST}': an answer of more than 1024 KiB",
        ),
    ],
)
def test_a_helper_that_fails_is_warned_of_and_passed_over(machine: Machine, script: str | None, warning: str) -> None:
    machine.write(".docker/config.json", {"credsStore": "store"})
    if script:
        machine.helper("store", script)
    assert machine.find() is None
    assert machine.events == [Warned(warning)]


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        ("{secret", "cannot read logins from '{path}': it is not JSON"),
        ('{"auths": {"' + HOST + '": {"auth": "!"}}}', f"the login for '{HOST}' in '{{path}}' is damaged"),
        ('{"auths": {"' + HOST + '": {"auth": "bWU="}}}', f"the login for '{HOST}' in '{{path}}' is damaged"),
        ('["secret"]', "cannot read all logins from '{path}': it must be an object, found a list"),
        ("null", "cannot read all logins from '{path}': it must be an object, found null"),
        ("5", "cannot read all logins from '{path}': it must be an object, found a number"),
        ('{"auths": ["secret"]}', "cannot read all logins from '{path}': 'auths' must be an object, found a list"),
        ('{"auths": []}', "cannot read all logins from '{path}': 'auths' must be an object, found a list"),
        (
            '{"credHelpers": "secret"}',
            "cannot read all logins from '{path}': 'credHelpers' must be an object, found a text",
        ),
        ('{"credsStore": 5}', "cannot read all logins from '{path}': 'credsStore' must be a text, found a number"),
        (
            '{"credHelpers": {"x": true}}',
            "cannot read all logins from '{path}': a helper in 'credHelpers' must be a text, found true or false",
        ),
        ('{"auths": {"' + HOST + '": "secret"}}', f"the login for '{HOST}' in '{{path}}' is damaged"),
    ],
)
def test_a_damaged_file_is_warned_of_without_its_content(machine: Machine, text: str, warning: str) -> None:
    path = machine.write(".docker/config.json", text)
    assert machine.find() is None
    assert machine.events == [Warned(warning.format(path=path))]


@pytest.mark.parametrize(
    "text", ['{"auths": null, "credsStore": null}', json.dumps({"auths": {"x": 1, HOST: None}}), "{}"]
)
def test_what_docker_takes_as_nothing_is_not_spoken_of(machine: Machine, text: str) -> None:
    machine.write(".docker/config.json", text)
    assert machine.find() is None
    assert machine.events == []


def test_what_is_sound_in_a_damaged_file_holds(machine: Machine) -> None:
    machine.write(".docker/config.json", {"credsStore": 5, "auths": {HOST: {"auth": encoded("me:secret")}}})
    assert machine.find() == Credential("me", "secret")


def test_secrets_are_not_shown() -> None:
    shown = repr(Credential("me", "PASSWORD", "IDENTITY", "REGISTRY"))
    assert shown == "Credential(username='me')"


@pytest.mark.parametrize(
    "entry",
    [
        '{"username": "me", "password": "sec\\ud800ret"}',
        '{"identitytoken": "sec\\ud800ret"}',
        '{"registrytoken": "sec\\nret"}',
        '{"registrytoken": "geheim ü"}',
    ],
)
def test_a_login_that_cannot_be_sent_counts_as_damaged(machine: Machine, entry: str) -> None:
    path = machine.write(".docker/config.json", '{"auths": {"' + HOST + '": ' + entry + "}}")
    assert machine.find() is None
    assert machine.events == [Warned(f"the login for '{HOST}' in '{path}' is damaged")]


def test_a_helper_whose_login_cannot_be_sent_is_warned_of(machine: Machine) -> None:
    machine.write(".docker/config.json", {"credsStore": "store"})
    machine.helper("store", r"""echo '{"Username": "me", "Secret": "sec\ud800ret"}'""")
    assert machine.find() is None
    assert machine.events == [Warned(f"credential helper 'docker-credential-store' gave no login for '{HOST}'")]
