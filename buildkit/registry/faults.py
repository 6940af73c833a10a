"""What stood between us and a registry, said so that a person can mend it.

In: a host, what was being done, and a status or a transport error. Out: `EnvironmentFault`s. No URL, header or secret
is ever part of one: URLs may be signed.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Set
from dataclasses import field

from buildkit.errors import EnvironmentFault
from buildkit.records import dataclass
from buildkit.registry.credentials import VARIABLE, Credential
from buildkit.registry.secrets import Secrets
from buildkit.registry.trust import Trust

_TEXT_LIMIT = 300
_NO_PLACE = ("InvalidURL", "LocationParseError", "LocationValueError")  # by name: requests is imported late
_NOT_TLS = {"WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
# Alerts of a server that is shown no certificate, or none that it believes; older ones do not tell the two apart.
_UNKNOWN_CLIENT = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED",
    "SSLV3_ALERT_BAD_CERTIFICATE",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
    "TLSV1_ALERT_UNKNOWN_CA",
}
_UNTIMELY, _OTHER_NAME = (9, 10), (62, 64)  # X509_V_ERR_… of OpenSSL: not yet valid, expired; host, IP mismatch


class NoAccess(EnvironmentFault):
    """No answer, or no permission: whatever else is asked of the registry meets the same."""


class Unanswered(EnvironmentFault):
    """A status that says to ask later, or that the registry itself failed, as often as it was asked."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The host spoken to, and what about the way of speaking can be mended by a setting."""

    host: str
    plain_http: bool
    trust: Trust = Trust()
    secrets: Secrets = field(default_factory=Secrets, compare=False, repr=False)

    def unreachable(self, doing: str, error: BaseException, place: str = "") -> EnvironmentFault:
        """No answer: the name, the network, the port, or a connection that broke. `place` is another host that the
        registry named, without the rest of its URL.
        """
        causes = _causes(error)
        who = f"'{_plain(self.secrets.hide(place))}', named by registry '{self.host}'," if place else self._itself
        if is_refused_tls(error):
            return self._untrusted(who, doing, causes)
        return NoAccess(
            f"cannot reach {who} while {doing}: {_why(causes)}",
            hint="check the host, the port, the network and the proxy settings",
        )

    @property
    def _itself(self) -> str:
        return f"registry '{self.host}'"

    def _untrusted(self, who: str, doing: str, causes: list[BaseException]) -> EnvironmentFault:
        failed = next((cause for cause in causes if isinstance(cause, ssl.SSLCertVerificationError)), None)
        if failed:
            return NoAccess(
                f"cannot trust {who} while {doing}: {_plain(failed.verify_message)}",
                hint=self._mistrusted(failed),
            )
        reasons = {cause.reason for cause in causes if isinstance(cause, ssl.SSLError)}
        if reasons & _UNKNOWN_CLIENT:
            return self._unknown_client(who, doing, reasons)
        if not reasons & _NOT_TLS:
            why = ", ".join(sorted(reason.lower().replace("_", " ") for reason in reasons if reason))
            return NoAccess(f"cannot speak TLS with {who} while {doing}: {why or 'the connection broke'}")
        return NoAccess(
            f"{who} does not speak TLS, while {doing}",
            hint="if it is meant to be spoken to without encryption, add '--plain-http'"
            if who == self._itself
            else None,
        )

    def _mistrusted(self, error: ssl.SSLCertVerificationError) -> str:
        if error.verify_code in _UNTIMELY:
            return "its owner must renew the certificate, if this machine's clock is right"
        if error.verify_code in _OTHER_NAME:
            return "use the name that its certificate is for; one for this name is its owner's to make"
        if self.trust.ca:
            return f"'{self.trust.ca}' is not its certificate authority: correct 'ca' {self._settings}"
        return f"name its certificate authority as 'ca' {self._settings}"

    def _unknown_client(self, who: str, doing: str, reasons: Set[str]) -> EnvironmentFault:
        certificate = self.trust.client_cert if who == self._itself else None  # it is shown to nobody else
        if not certificate or "TLSV13_ALERT_CERTIFICATE_REQUIRED" in reasons:
            return NoAccess(
                f"{who} wants a client certificate that it trusts, while {doing}",
                hint=f"name one as 'client_cert' and its key as 'client_key' {self._settings}",
            )
        why = ": it has expired" if "SSLV3_ALERT_CERTIFICATE_EXPIRED" in reasons else ""
        return NoAccess(
            f"{who} refused the client certificate '{certificate}' while {doing}{why}",
            hint=f"name one that is valid and that the registry trusts as 'client_cert' {self._settings}",
        )

    @property
    def _settings(self) -> str:
        return f'below [registry."{self.host}"] in mbuild.toml'

    def unauthorized(self, doing: str, login: Credential | None, body: bytes) -> EnvironmentFault:
        """401: no login, or one that is not accepted."""
        if login:
            place = f" from {login.place}" if login.place else ""
            cure = f"run 'mbuild login {self.host}' again"
            if login.place == f"'{VARIABLE}'":
                cure = f"correct the environment variable {VARIABLE}, or unset it: it comes before all other logins"
            return NoAccess(
                f"registry '{self.host}' refused the login{place}, while {doing}{self._said(body)}",
                hint=f"{cure}; the account must have the permission,"
                " and some registries want an access token as the password",
            )
        return NoAccess(
            f"registry '{self.host}' wants a login, while {doing}; none is kept for it",
            hint=f"run 'mbuild login {self.host}'",
        )

    def forbidden(self, doing: str, login: Credential | None, body: bytes) -> EnvironmentFault:
        """403: the login is known and may not do this."""
        cure = "ask its owner for the permission" if login else f"run 'mbuild login {self.host}'"
        return NoAccess(f"registry '{self.host}' forbids {doing}{self._said(body)}", hint=cure)

    def unexpected(self, doing: str, status: int, body: bytes) -> EnvironmentFault:
        """Any other answer that is not the one hoped for."""
        hint = None
        if self.plain_http and status == 400 and _errors(body) is None:  # what servers say to plain HTTP on a TLS port
            hint = "if it speaks TLS, leave out '--plain-http', and 'plain_http' in mbuild.toml"
        elif status == 404 and doing.startswith("pushing"):
            hint = "check the host and the repository; some registries want a repository to be created first"
        elif status == 404:
            hint = "check the host and the repository"
        elif status == 413:
            hint = "a proxy before the registry limits the size of uploads"
        what = f"registry '{self.host}' answered {status} while {doing}{self._said(body)}"
        if status in (408, 429) or status >= 500:
            return Unanswered(what, hint=hint)
        return EnvironmentFault(what, hint=hint)

    def wrong(self, doing: str, what: str) -> EnvironmentFault:
        """An answer that breaks the distribution specification."""
        return EnvironmentFault(
            f"registry '{self.host}' {_plain(self.secrets.hide(what))}, while {doing}",
            hint="check that the host is a registry; if so, it or a proxy before it is at fault",
        )

    def _said(self, body: bytes) -> str:
        """The registry's own words: the errors of the distribution specification, or the first line of a text."""
        words = _errors(body)
        if words is None:
            # Hidden before it is cut: the beginning of a secret is not known for one.
            words = self.secrets.hide(body.decode("utf-8", "replace")).strip().partition("\n")[0]
            words = "" if words.startswith("<") else words
        words = _plain(self.secrets.hide(words))
        return f": {words}" if words else ""


def _errors(body: bytes) -> str | None:
    """The errors of the distribution specification; None where an answer has none."""
    try:
        rows = json.loads(body)["errors"]
        return "; ".join(f"{row['code']}: {row.get('message', '')}".rstrip(": ") for row in rows)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def is_refused_tls(error: BaseException) -> bool:
    """Whether the two sides do not agree on TLS; a TLS connection that merely broke off is told apart."""
    return any(isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """An error and all that it wraps: `requests` wraps urllib3's, which wraps the socket's."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        next_one = waiting.pop()
        if isinstance(next_one, BaseException) and next_one not in found:
            found.append(next_one)
            waiting += [*next_one.args, next_one.__cause__, next_one.__context__, getattr(next_one, "reason", None)]
    return found


def _why(causes: list[BaseException]) -> str:
    for cause in causes:
        if isinstance(cause, TimeoutError) or "timed out" in str(cause):
            return "no answer in time"
        if isinstance(cause, UnicodeError) or type(cause).__name__ in _NO_PLACE:
            return "there can be no such place"
        if isinstance(cause, OSError) and cause.strerror and type(cause).__module__ in ("builtins", "socket"):
            return _plain(cause.strerror).lower()
    return "the connection broke"


def _plain(text: str) -> str:
    """Text from outside, made safe for a terminal and short."""
    return re.sub(r" {2,}", " ", "".join(c if c.isprintable() else " " for c in text[: 4 * _TEXT_LIMIT]))[
        :_TEXT_LIMIT
    ].strip()
