"""Logins for registries, from where docker and podman keep them.

In: the machine's environment and configuration files. Out: at most one `Credential` for a host and repository. Files
are asked in this order: `$DOCKER_CONFIG/config.json` (else `~/.docker/config.json`), `$REGISTRY_AUTH_FILE`,
`$XDG_RUNTIME_DIR/containers/auth.json`, `~/.config/containers/auth.json`; within one, `credHelpers`, then
`credsStore`, then `auths`. A file or helper that does not work is warned of and passed over: many registries answer
without a login, and those that do not will say so.
"""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buildkit.events import Listener, Warned

_HELPER_SECONDS = 60
_NOT_FOUND = "credentials not found in native keychain"  # docker-credential-helpers' protocol: not an error


@dataclass(frozen=True, slots=True)
class Credential:
    """A login: user and password, or one of docker's two kinds of token. Secrets are not in its `repr`."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The value of an `Authorization` header (RFC 7617)."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()


RunHelper = Callable[[str, str], str]
"""Runs `docker-credential-<name> get` for a host and gives what it printed; raises OSError if it fails."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where logins are looked for. Each is for one host only: nothing is ever guessed from another's."""

    files: tuple[Path, ...]
    run_helper: RunHelper
    listener: Listener

    @classmethod
    def of_machine(cls, environment: Mapping[str, str], listener: Listener) -> Credentials:
        """The files and helpers that this environment names."""
        return cls(tuple(_files(environment)), _Helpers(environment).run, listener)

    def find(self, host: str, repository: str) -> Credential | None:
        """Read the files, ask the helpers: the first login for this host, or None for an anonymous try."""
        for path in self.files:
            found = self._in_file(path, host, repository)
            if found:
                return found
        return None

    def _in_file(self, path: Path, host: str, repository: str) -> Credential | None:
        try:
            configuration = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            self._warn(f"cannot read logins from '{path}': {_reason(error)}")
            return None
        helpers = [_table(configuration, "credHelpers").get(host), _entry(configuration, "credsStore")]
        for helper in helpers:
            found = self._from_helper(helper, host) if isinstance(helper, str) and helper else None
            if found:
                return found
        return self._from_auths(_table(configuration, "auths"), path, host, repository)

    def _from_helper(self, name: str, host: str) -> Credential | None:
        try:
            answer = json.loads(self.run_helper(name, host))
            username, secret = str(answer["Username"]), str(answer["Secret"])
        except OSError as error:
            if _NOT_FOUND not in str(error):
                self._warn(f"credential helper 'docker-credential-{name}' failed for '{host}': {_reason(error)}")
            return None
        except (ValueError, KeyError, TypeError):
            self._warn(f"credential helper 'docker-credential-{name}' gave no login for '{host}'")
            return None
        if username == "<token>":
            return Credential(identity_token=secret)
        return Credential(username, secret) if secret else None

    def _from_auths(self, auths: dict[str, Any], path: Path, host: str, repository: str) -> Credential | None:
        by_place = {_place(key): entry for key, entry in auths.items() if isinstance(entry, dict)}
        for place in _places(host, repository):
            if place in by_place:
                try:
                    found = _credential(by_place[place])
                except (ValueError, binascii.Error):
                    self._warn(f"the login for '{place}' in '{path}' is damaged")
                    return None
                if found:
                    return found
        return None

    def _warn(self, message: str) -> None:
        self.listener(Warned(message))


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
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


def _table(configuration: object, name: str) -> dict[str, Any]:
    value = _entry(configuration, name)
    return value if isinstance(value, dict) else {}


def _entry(configuration: object, name: str) -> object:
    return configuration.get(name) if isinstance(configuration, dict) else None


def _place(key: str) -> str:
    """A key of `auths` without what docker's oldest logins put around the host: `https://HOST/v1/`."""
    scheme, separator, rest = key.partition("://")
    if separator and scheme in ("http", "https"):
        key = rest
    for ending in ("/", "/v1", "/v2"):
        key = key.removesuffix(ending)
    return key


def _places(host: str, repository: str) -> Iterator[str]:
    """Where a login may stand, the closest first: podman keeps some by repository or by a part of its path."""
    parts = [host, *repository.split("/")]
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])


def _credential(entry: dict[str, Any]) -> Credential | None:
    if entry.get("registrytoken"):
        return Credential(registry_token=str(entry["registrytoken"]))
    if entry.get("identitytoken"):
        return Credential(identity_token=str(entry["identitytoken"]))
    if entry.get("auth"):
        text = base64.b64decode(str(entry["auth"]), validate=True).decode()
        username, colon, password = text.rstrip("\0").partition(":")
        if not colon:
            raise ValueError("no colon")
        return Credential(username, password)
    if entry.get("username") and entry.get("password"):
        return Credential(str(entry["username"]), str(entry["password"]))
    return None


def _reason(error: Exception) -> str:
    """Why, without what a file or helper holds: a JSON error would quote nothing, but its text is not ours either."""
    if isinstance(error, ValueError):
        return "it is not JSON"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


@dataclass(frozen=True, slots=True)
class _Helpers:
    environment: Mapping[str, str]

    def run(self, name: str, host: str) -> str:
        """Run a helper: the host on its stdin, a JSON object on its stdout (docker-credential-helpers, README)."""
        command = [f"docker-credential-{name}", "get"]
        try:
            done = subprocess.run(
                command,
                input=host,
                capture_output=True,
                text=True,
                env=dict(self.environment),
                timeout=_HELPER_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"no answer in {_HELPER_SECONDS} s") from None
        if done.returncode != 0:
            # What it printed may hold a secret; only the protocol's own "not found" is looked at.
            known = _NOT_FOUND if _NOT_FOUND in done.stdout + done.stderr else f"exit code {done.returncode}"
            raise OSError(known)
        return done.stdout
