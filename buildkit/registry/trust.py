"""Whom a registry is trusted by, and how this machine shows who it is: certificates and keys for TLS.

In: files. Out: TLS contexts: one for the registry's host, with the client certificate, and one for everywhere else that
it may send us to, such as a token server, which is never shown the client certificate.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from buildkit.errors import EnvironmentFault
from buildkit.records import dataclass


@dataclass(frozen=True, slots=True)
class Trust:
    """Files in PEM form. Without `client_key` the key stands beside the certificate, in `client_cert`."""

    ca: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    def elsewhere(self, host: str) -> ssl.SSLContext:
        """The machine's trust and `ca` beside it: a token server may have a certificate of another authority."""
        context = ssl.create_default_context()
        try:
            if self.ca:
                context.load_verify_locations(self.ca)
        except OSError as error:  # ssl.SSLError is one
            why = "no certificate in it" if isinstance(error, ssl.SSLError) else (error.strerror or str(error)).lower()
            raise EnvironmentFault(
                f"cannot read '{self.ca}', the certificate authority of registry '{host}': {why}",
                hint=f"correct 'ca' below [registry.\"{host}\"] in mbuild.toml",
            ) from error
        return context

    def at(self, host: str) -> ssl.SSLContext:
        """The same, and the client certificate. Raises EnvironmentFault for files that do not fit."""
        context = self.elsewhere(host)
        if self.client_cert:
            self._identify(context, self.client_cert, host)
        return context

    def _identify(self, context: ssl.SSLContext, certificate: str, host: str) -> None:
        asked: list[bool] = []

        def passphrase() -> str:  # without this, OpenSSL would ask on the terminal
            asked.append(True)
            return ""

        for name, file in (("client_cert", certificate), ("client_key", self.client_key)):
            _readable(name, file, host)
        try:
            context.load_cert_chain(certificate, self.client_key, passphrase)
        except OSError as error:
            raise self._unfit(host, error, bool(asked)) from error

    def _unfit(self, host: str, error: OSError, encrypted: bool) -> EnvironmentFault:
        key = self.client_key or self.client_cert
        where = f'below [registry."{host}"] in mbuild.toml'
        if encrypted:
            return EnvironmentFault(
                f"the client key '{key}' for registry '{host}' is encrypted, and mbuild asks for no passphrase",
                hint=f"decrypt it with 'openssl pkey -in KEY -out PLAIN' and name that as 'client_key' {where}",
            )
        if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
            return EnvironmentFault(
                f"the client key '{key}' for registry '{host}' is not the one of certificate '{self.client_cert}'",
                hint=f"correct 'client_cert' or 'client_key' {where}",
            )
        return EnvironmentFault(
            f"cannot use '{self.client_cert}' with key '{key}' as client certificate for registry '{host}':"
            " expected a certificate and a private key in PEM form",
            hint=f"correct 'client_cert' or 'client_key' {where}",
        )


def _readable(name: str, file: str | None, host: str) -> None:
    """Told apart here: OpenSSL does not say which of the two files it could not read."""
    if file is None:
        return
    try:
        with Path(file).open("rb"):
            return
    except OSError as error:
        raise EnvironmentFault(
            f"cannot read '{file}', the {name.replace('_cert', ' certificate').replace('_', ' ')}"
            f" for registry '{host}': {(error.strerror or '').lower()}",
            hint=f"correct '{name}' below [registry.\"{host}\"] in mbuild.toml",
        ) from error
