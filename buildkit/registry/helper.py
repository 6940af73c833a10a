"""Credential helpers: programs `docker-credential-NAME` that keep logins (docker-credential-helpers, README).

In: a helper's name, what it is to do, and its input. Out: what it printed; OSError says why there is nothing. What a
helper prints is never part of a message: it may hold a secret.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import field

from buildkit.records import dataclass

NOT_FOUND = "credentials not found in native keychain"  # the protocol's word for it: not an error
_SECONDS = 60
_MOST = 1 << 20  # bytes: no login is as long


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
            process = subprocess.Popen(
                [f"docker-credential-{name}", action],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.environment),
            )
        except ValueError:
            raise OSError("its name is none") from None
        with process:
            try:
                code, output, error = _spoken(process, given.encode())
            except BaseException:
                process.kill()
                raise
        if code != 0:
            raise OSError(NOT_FOUND if NOT_FOUND in output + error else f"exit code {code}")
        return output


def _spoken(process: subprocess.Popen[bytes], given: bytes) -> tuple[int, str, str]:
    """Give a process its input; its exit code, and what it printed on stdout and stderr. Raises OSError."""
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with suppress(BrokenPipeError), process.stdin as stdin:  # it need not read
        stdin.write(given)
    printed = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    deadline = time.monotonic() + _SECONDS
    with selectors.DefaultSelector() as open_pipes:
        for descriptor in printed:
            open_pipes.register(descriptor, selectors.EVENT_READ)
        while open_pipes.get_map():
            ready = open_pipes.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise OSError(f"no answer in {_SECONDS} s")
            for key, _ in ready:
                data = os.read(key.fd, _MOST)
                printed[key.fd] += data
                if len(printed[key.fd]) > _MOST:
                    raise OSError(f"an answer of more than {_MOST >> 10} KiB")
                if not data:
                    open_pipes.unregister(key.fd)
    try:
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise OSError(f"no answer in {_SECONDS} s") from None
    output, error = (text.decode(errors="replace") for text in printed.values())
    return code, output, error
