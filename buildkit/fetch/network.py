"""HTTP, with patience: one GET at a time, tried again where trying again can help.

In: a URL and what to do with its answer. Out: what that returned; or `Absent` (the server does not have it), or an
EnvironmentFault that says what was fetched, from which host, what went wrong and what to do. Touches the network.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from buildkit.errors import EnvironmentFault
from buildkit.fetch.address import host
from buildkit.records import dataclass

if TYPE_CHECKING:
    import requests

_Result = TypeVar("_Result")
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_ABSENT = frozenset({404, 410})
_LONGEST_WAIT = 30.0


class Absent(Exception):
    """The server answered, and does not have what was asked for."""


class _AgainLater(Exception):
    """A failure that may pass."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Network:
    """How patient to be, and whom to trust (`certificate`: a file of certificate authorities, else requests' own)."""

    attempts: int = 5
    backoff: float = 0.5
    connect_timeout: float = 15.0
    read_timeout: float = 60.0
    certificate: str | None = None
    sleep: Callable[[float], None] = time.sleep


def receive(
    network: Network,
    url: str,
    consume: Callable[[requests.Response], _Result],
    *,
    subject: str,
    hint: str,
    headers: Mapping[str, str] | None = None,
) -> _Result:
    """GET `url` and give the answer to `consume`, which is called anew for each attempt."""
    for attempt in range(1, network.attempts + 1):
        try:
            return _once(network, url, consume, headers or {})
        except _AgainLater as failure:
            reason, wait = str(failure), max(failure.wait, network.backoff * 2 ** (attempt - 1))
        except _Refused as refusal:
            reason = str(refusal)
            break
        if attempt < network.attempts:
            network.sleep(min(wait, _LONGEST_WAIT))
    else:
        reason += f" ({network.attempts} attempts)" if network.attempts > 1 else ""
    raise EnvironmentFault(f"cannot fetch {subject} from {host(url)}: {reason}", hint=hint)


class _Refused(Exception):
    """A failure that trying again does not mend."""


def _once(
    network: Network, url: str, consume: Callable[[requests.Response], _Result], headers: Mapping[str, str]
) -> _Result:
    import requests

    try:
        # The bytes are checked as the server stores them: no transfer compression.
        with requests.get(
            url,
            headers={"Accept-Encoding": "identity", "User-Agent": "mbuild", **headers},
            timeout=(network.connect_timeout, network.read_timeout),
            verify=network.certificate or True,
            stream=True,
        ) as response:
            _check_status(response)
            return consume(response)
    except requests.exceptions.SSLError as failure:
        raise _Refused(f"the certificate was not accepted: {_cause(failure)}") from failure
    except requests.Timeout as failure:
        raise _AgainLater("timed out") from failure
    except requests.exceptions.ChunkedEncodingError as failure:
        raise _AgainLater("the connection broke off") from failure
    except requests.ConnectionError as failure:
        raise _AgainLater(_cause(failure)) from failure
    except requests.RequestException as failure:
        raise _Refused(f"not an address that can be fetched ({type(failure).__name__})") from failure


def _check_status(response: requests.Response) -> None:
    status = response.status_code
    if status in _ABSENT:
        raise Absent
    if status in _RETRIED:
        after = response.headers.get("Retry-After", "")
        raise _AgainLater(f"it answered {status} {response.reason}", float(after) if after.isdecimal() else 0.0)
    if status != 200:
        raise _Refused(f"it answered {status} {response.reason}")


def _cause(failure: BaseException) -> str:
    """The innermost reason in the system's words; the outer texts hold whole URLs, credentials included."""
    reasons: list[str] = []
    seen: list[BaseException] = []
    rest: list[object] = [failure]
    while rest:
        current = rest.pop(0)
        if not isinstance(current, BaseException) or current in seen:
            continue
        seen.append(current)
        if isinstance(current, OSError) and current.strerror:
            reasons.append(current.strerror.lower())
        rest += [*current.args, getattr(current, "reason", None), current.__cause__, current.__context__]
    return reasons[-1] if reasons else "no connection"
