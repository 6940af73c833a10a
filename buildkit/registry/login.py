"""Logins kept and dropped where docker and podman look for them too.

In: a host and a login that was found to be right. Out: one entry of a configuration file, or of the credential helper
that the file names; everything else in the file stays. Files are replaced whole, readable by their owner only.
"""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buildkit.errors import BuildErrors, EnvironmentFault
from buildkit.records import dataclass
from buildkit.registry.credentials import VARIABLE, Credential, damage, helpers_of, login_files, place_of, table
from buildkit.registry.helper import NOT_FOUND, Helpers
from buildkit.registry.hub import login_key, login_names


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where a login is kept: a file, and the helper that the file names, if it names one."""

    file: Path
    helper: str = ""


def keep(environment: Mapping[str, str], host: str, credential: Credential) -> Keeping:
    """Keep a login: in `$REGISTRY_AUTH_FILE` if that is set, else docker's file; or with the helper named there."""
    file = _written(environment)
    document = _read(file)
    helper = next(iter(helpers_of(document, host)), "")
    username, secret = credential.username or "<token>", credential.password or credential.identity_token
    if helper:
        given = json.dumps({"ServerURL": login_key(host), "Username": username, "Secret": secret})
        _helped(environment, helper, "store", given, host, file)
        entry: dict[str, str] = {}
    elif credential.identity_token:
        entry = {"auth": _encoded("<token>:"), "identitytoken": secret}
    else:
        entry = {"auth": _encoded(f"{username}:{secret}")}
    key = login_key(host) if file.name == "config.json" else host
    document["auths"] = _without(table(document, "auths"), host) | {key: entry}
    _write(file, document)
    return Keeping(file, helper)


def forget(environment: Mapping[str, str], host: str) -> tuple[Keeping, ...]:
    """Drop a host's logins, those for its repositories too, from all files and helpers; gives where there were some.

    Raises EnvironmentFault for what could not be dropped, after everything else was.
    """
    dropped: list[Keeping] = []
    faults: list[EnvironmentFault] = []
    for file in map(Path.resolve, login_files(environment)):
        try:
            document = _read(file)
            auths = table(document, "auths")
            left = {key: entry for key, entry in auths.items() if not _is_below(place_of(key), host)}
            if left != auths:
                _write(file, document | {"auths": left})
                dropped += [Keeping(file)] if any(auths[key] for key in auths.keys() - left.keys()) else []
        except EnvironmentFault as fault:
            faults.append(fault)
            continue
        for helper in helpers_of(document, host):
            try:
                if _helped(environment, helper, "erase", login_key(host), host, file):
                    dropped.append(Keeping(file, helper))
            except EnvironmentFault as fault:
                faults.append(fault)
    if faults:
        raise BuildErrors(faults)
    return tuple(dropped)


def _is_below(place: str, host: str) -> bool:
    return any(place == name or place.startswith(f"{name}/") for name in login_names(host))


def is_in_variable(environment: Mapping[str, str], host: str) -> bool:
    """Whether the environment itself holds a login for a host, which comes before all that is kept."""
    try:
        auths = table(json.loads(environment.get(VARIABLE, "")), "auths")
    except (ValueError, RecursionError):
        return False
    return any(_is_below(place_of(key), host) for key in auths)


def _written(environment: Mapping[str, str]) -> Path:
    named = environment.get("REGISTRY_AUTH_FILE")
    file = Path(named) if named else next(login_files(environment), None)
    if file is None:
        raise EnvironmentFault("there is no place to keep a login: no home folder is known", hint="set DOCKER_CONFIG")
    return file.resolve()  # a link stays one, and what it leads to is replaced


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (ValueError, RecursionError):
        document, what = {}, "it is not JSON"
    except OSError as error:
        raise _fault("read", file, error) from error
    else:
        what = damage(document)
    if what:
        raise EnvironmentFault(
            f"cannot change the logins in '{file}': {what}", hint="mend or remove the file; it was left as it is"
        )
    return dict(document)


def _write(file: Path, document: Mapping[str, Any]) -> None:
    text = json.dumps(document, indent="\t", ensure_ascii=False) + "\n"
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # of mode 0600
        try:
            with os.fdopen(number, "w", encoding="utf-8", errors="surrogatepass") as out:
                out.write(text)
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _fault("write", file, error) from error


def _fault(doing: str, file: Path, error: OSError) -> EnvironmentFault:
    why = (error.strerror or str(error)).lower()
    return EnvironmentFault(
        f"cannot {doing} the logins in '{file}': {why}", hint="name another folder with DOCKER_CONFIG"
    )


def _helped(environment: Mapping[str, str], helper: str, action: str, given: str, host: str, file: Path) -> bool:
    """Let a helper store or erase; False where it had nothing to erase."""
    helpers = Helpers(environment)
    try:
        if action == "erase":
            helpers.get(helper, given)  # some helpers say nothing of a login that they do not have
        helpers.run(helper, action, given)
    except OSError as error:
        if action == "erase" and NOT_FOUND in str(error):
            return False
        raise EnvironmentFault(
            f"credential helper 'docker-credential-{helper}' could not {action} the login for '{host}':"
            f" {(error.strerror or str(error)).lower()}",
            hint=f"install the helper, or take it out of '{file}'",
        ) from error
    return True


def _without(auths: Mapping[str, Any], host: str) -> dict[str, Any]:
    return {key: entry for key, entry in auths.items() if place_of(key) not in login_names(host)}


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
