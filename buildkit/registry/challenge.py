"""What a server asks for when it answers 401.

In: the value of `WWW-Authenticate` (RFC 9110, 11.6.1). Out: its challenges, schemes in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from buildkit.records import dataclass

# Words are taken whole (`++`, and none begins inside another): else a long one takes the square of its length.
_PART = re.compile(
    r"""(?<![\w-])(?:(?P<key>[\w-]++)\s*+=\s*+(?:"(?P<quoted>(?:\\.|[^"\\])*+)"|(?P<plain>[^\s,"]++))"""
    r"""|(?P<scheme>[A-Za-z][\w-]*+)(?=\s++[\w-]++\s*+=|\s*+,|\s*+$))"""
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """One scheme and its parameters, such as `bearer` with `realm`, `service` and `scope`."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> tuple[Challenge, ...]:
    """Read all challenges of a header; what is no challenge is passed over.

    >>> [challenge.scheme for challenge in parse_challenges('Bearer realm="https://a/t",scope="x:y:pull,push", Basic')]
    ['bearer', 'basic']
    """
    found: list[tuple[str, dict[str, str]]] = []
    for part in _PART.finditer(header):
        if part["scheme"]:
            found.append((part["scheme"].lower(), {}))
        elif found:
            value = part["plain"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"])
            found[-1][1][part["key"].lower()] = value
    return tuple(Challenge(scheme, MappingProxyType(parameters)) for scheme, parameters in found)
