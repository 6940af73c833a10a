"""Credential helpers: programs `docker-credential-NAME` that keep logins (docker-credential-helpers, README).

In: a helper's name, what it is to do, and its input. Out: what it printed; OSError says why there is nothing. What a
helper prints is never part of a message: it may hold a secret.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import field

from buildkit.records import dataclass

NOT_FOUND = "credentials not found in native keychain"  # the protocol's word for it: not an error
_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Helpers:
    """The helpers of this machine, found on the PATH of `environment`."""

    environment: Mapping[str, str] = field(repr=False)

    def get(self, name: str, server: str) -> str:
        """A JSON object with `Username` and `Secret`."""
        return self.run(name, "get", server)

    def run(self, name: str, action: str, given: str) -> str:
        """Run a helper with `given` on its stdin. Raises OSError."""
        if "/" in name:
            raise OSError("its name is none")
        try:
            done = subprocess.run(
                [f"docker-credential-{name}", action],
                input=given,
                capture_output=True,
                text=True,
                errors="replace",
                env=dict(self.environment),
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise OSError(f"no answer in {_SECONDS} s") from None
        except ValueError:
            raise OSError("its name is none") from None
        if done.returncode != 0:
            known = NOT_FOUND if NOT_FOUND in done.stdout + done.stderr else f"exit code {done.returncode}"
            raise OSError(known)
        return done.stdout
