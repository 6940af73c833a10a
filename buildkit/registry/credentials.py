"""Logins for registries, from where docker and podman keep them.

In: the machine's environment and configuration files. Out: at most one `Credential` for a host and repository. Places
are asked in this order: the text in `$DOCKER_AUTH_CONFIG`, `$DOCKER_CONFIG/config.json` (else `~/.docker/config.json`),
`$REGISTRY_AUTH_FILE`, `$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`; within one,
`credHelpers`, then `credsStore`, then `auths`. A file or helper that does not work is warned of and passed over: many
registries answer without a login, and those that do not will say so.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field, replace
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote_plus

from buildkit.events import Listener, Warned
from buildkit.records import dataclass
from buildkit.registry.helper import NOT_FOUND, Helpers
from buildkit.registry.hub import login_key, login_names

VARIABLE = "DOCKER_AUTH_CONFIG"
_TOKEN = re.compile(r"[!-~]*")  # what may stand in a header
# docker takes null for each of them
_FORMS = {"auths": (dict, "an object"), "credHelpers": (dict, "an object"), "credsStore": (str, "a text")}


@dataclass(frozen=True, slots=True)
class Credential:
    """A login: user and password, or one of docker's two kinds of token. Secrets are not in its `repr`.

    Raises ValueError for what cannot be sent: text that is none in UTF-8, or a token that no header takes.
    """

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)
    place: str = field(default="", compare=False, repr=False)  # where it was found, as errors name it

    def __post_init__(self) -> None:
        for text in (self.username, self.password, self.identity_token):
            text.encode()
        if not _TOKEN.fullmatch(self.registry_token):
            raise ValueError("no token")

    @classmethod
    def of(cls, username: str, secret: str) -> Credential:
        """A user and a secret as helpers give them: `<token>` has an identity token, `Bearer` one for the registry."""
        if username == "<token>":
            return cls(identity_token=secret)
        return cls(registry_token=secret) if username == "Bearer" else cls(username, secret)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be told, in the forms in which it is sent."""
        plain = (self.password, self.identity_token, self.registry_token)
        encoded = self.basic.removeprefix("Basic ") if self.password else ""
        return (*plain, *map(quote_plus, plain), encoded)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


class Logins(Protocol):
    """Whoever may know a login for a host."""

    def find(self, host: str, repository: str) -> Credential | None:
        """The login for a repository of a host, or None for an anonymous try."""
        ...


@dataclass(frozen=True, slots=True)
class OneLogin:
    """A login that was just typed: for one host, and no other."""

    host: str
    credential: Credential

    def find(self, host: str, repository: str) -> Credential | None:
        """The login, for its host."""
        return self.credential if host == self.host else None


RunHelper = Callable[[str, str], str]
"""Runs `docker-credential-<name> get` for a host and gives what it printed; raises OSError if it fails."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where logins are looked for. Each is for one host only: nothing is ever guessed from another's."""

    files: tuple[Path, ...]
    run_helper: RunHelper
    listener: Listener
    text: str = field(default="", repr=False)  # a configuration file's text, asked before all files

    @classmethod
    def of_machine(cls, environment: Mapping[str, str], listener: Listener) -> Credentials:
        """The files and helpers that this environment names."""
        text = environment.get(VARIABLE, "")
        return cls(tuple(login_files(environment)), Helpers(environment).get, listener, text)

    def find(self, host: str, repository: str) -> Credential | None:
        """Read the files, ask the helpers: the first login for this host, or None for an anonymous try."""
        for place, configuration in self._configurations():
            if what := damage(configuration):
                self._warn(f"cannot read all logins from '{place}': {what}")
            found = self._in_configuration(configuration, place, host, repository)
            if found:
                return found
        return None

    def _configurations(self) -> Iterator[tuple[str, object]]:
        """Places and what they hold, one after the other: a later one is not read where an earlier one has a login."""
        if self.text:
            yield from self._parsed(VARIABLE, lambda: self.text)
        for path in self.files:
            yield from self._parsed(str(path), lambda path=path: path.read_text(encoding="utf-8"))  # type: ignore[misc]

    def _parsed(self, place: str, read: Callable[[], str]) -> Iterator[tuple[str, object]]:
        try:
            yield place, json.loads(read())
        except FileNotFoundError:
            return
        except (OSError, ValueError, RecursionError) as error:
            self._warn(f"cannot read logins from '{place}': {_reason(error)}")

    def _in_configuration(self, configuration: object, place: str, host: str, repository: str) -> Credential | None:
        for helper in helpers_of(configuration, host):
            found = self._from_helper(helper, host)
            if found:
                return replace(found, place=f"credential helper 'docker-credential-{helper}', named in '{place}'")
        return self._from_auths(table(configuration, "auths"), place, host, repository)

    def _from_helper(self, name: str, host: str) -> Credential | None:
        try:
            answer = json.loads(self.run_helper(name, login_key(host)))
            username, secret = answer["Username"], answer["Secret"]
            if not isinstance(username, str) or not isinstance(secret, str):
                raise TypeError("texts are wanted")
            return Credential.of(username, secret) if secret else None
        except OSError as error:
            if NOT_FOUND not in str(error):
                self._warn(f"credential helper 'docker-credential-{name}' failed for '{host}': {_reason(error)}")
        except (ValueError, KeyError, TypeError, RecursionError):
            self._warn(f"credential helper 'docker-credential-{name}' gave no login for '{host}'")
        return None

    def _from_auths(self, auths: dict[str, Any], file: str, host: str, repository: str) -> Credential | None:
        by_place = {place_of(key): entry for key, entry in auths.items() if entry is not None}
        for place in _places(host, repository):
            if place in by_place:
                try:
                    found = _credential(by_place[place])
                except (ValueError, binascii.Error):
                    self._warn(f"the login for '{place}' in '{file}' is damaged")
                    return None
                if found:
                    return replace(found, place=f"'{file}'")
        return None

    def _warn(self, message: str) -> None:
        self.listener(Warned(message))


def login_files(environment: Mapping[str, str]) -> Iterator[Path]:
    """The files that may hold logins, in the order in which they are asked."""
    home = environment.get("HOME")
    if environment.get("DOCKER_CONFIG"):
        yield Path(environment["DOCKER_CONFIG"], "config.json")
    elif home:
        yield Path(home, ".docker", "config.json")
    if environment.get("REGISTRY_AUTH_FILE"):
        yield Path(environment["REGISTRY_AUTH_FILE"])
    if environment.get("XDG_RUNTIME_DIR"):
        yield Path(environment["XDG_RUNTIME_DIR"], "containers", "auth.json")
    if home:
        yield Path(home, ".config", "containers", "auth.json")


def helpers_of(configuration: object, host: str) -> list[str]:
    """The helpers that a configuration names for a host, the host's own before the one for all."""
    own = table(configuration, "credHelpers")
    store = configuration.get("credsStore") if isinstance(configuration, dict) else None
    names = [own.get(name) for name in (login_key(host), *login_names(host))]
    return list(dict.fromkeys(name for name in (*names, store) if isinstance(name, str) and name))


def damage(configuration: object) -> str:
    """What is wrong with the form of a configuration, told without what it holds; '' where nothing is."""
    if not isinstance(configuration, dict):
        return f"it must be an object, found {_form(configuration)}"
    for name, (kind, wanted) in _FORMS.items():
        if not isinstance(configuration.get(name, kind()), kind | None):
            return f"'{name}' must be {wanted}, found {_form(configuration[name])}"
    helpers = table(configuration, "credHelpers").values()
    return next(
        (f"a helper in 'credHelpers' must be a text, found {_form(x)}" for x in helpers if type(x) is not str), ""
    )


def _form(value: object) -> str:
    forms = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return forms.get(type(value), "a number")


def table(configuration: object, name: str) -> dict[str, Any]:
    """A table of a configuration; an empty one where there is none."""
    value = configuration.get(name) if isinstance(configuration, dict) else None
    return value if isinstance(value, dict) else {}


def place_of(key: str) -> str:
    """A key of `auths` without what docker's oldest logins put around the host: `https://HOST/v1/`."""
    scheme, separator, rest = key.partition("://")
    if separator and scheme in ("http", "https"):
        key = rest
    for ending in ("/", "/v1", "/v2"):
        key = key.removesuffix(ending)
    return key


def _places(host: str, repository: str) -> Iterator[str]:
    """Where a login may stand, the closest first: podman keeps some by repository or by a part of its path."""
    parts = repository.split("/") if repository else []
    for count in range(len(parts), -1, -1):
        for name in login_names(host):
            yield "/".join([name, *parts[:count]])


def _credential(entry: object) -> Credential | None:
    if not isinstance(entry, dict):
        raise ValueError("no object")
    if entry.get("registrytoken"):
        return Credential(registry_token=str(entry["registrytoken"]))
    if entry.get("identitytoken"):
        return Credential(identity_token=str(entry["identitytoken"]))
    if entry.get("auth"):
        text = base64.b64decode("".join(str(entry["auth"]).split()), validate=True).decode()  # it may have lines
        username, colon, password = text.rstrip("\0").partition(":")
        if not colon:
            raise ValueError("no colon")
        return Credential.of(username, password)
    if entry.get("username") and entry.get("password"):
        return Credential.of(str(entry["username"]), str(entry["password"]))
    return None


def _reason(error: Exception) -> str:
    """Why, without what a file or helper holds: a JSON error would quote nothing, but its text is not ours either."""
    if isinstance(error, ValueError | RecursionError):
        return "it is not JSON"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
