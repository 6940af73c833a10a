"""Who signed a Release: OpenPGP by Sequoia, against a keyring of the machine or the workspace.

In: the bytes of an InRelease and a keyring. Out: the text that was really signed and the fingerprints of its signers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.records import dataclass

# Where Debian's and Ubuntu's own package `debian-archive-keyring` puts it, newest layout first.
KEYRINGS = (
    Path("/usr/share/keyrings/debian-archive-keyring.pgp"),
    Path("/usr/share/keyrings/debian-archive-keyring.gpg"),
)
_NO_KEYRING_HINT = (
    "install the package 'debian-archive-keyring', name a 'keyring' under [debian] in mbuild.toml, "
    "or accept an unsigned mirror with --allow-unsigned"
)


@dataclass(frozen=True, slots=True)
class Signed:
    """A text with the fingerprints of the certificates that signed it; none if nobody was asked to have signed."""

    text: str
    signers: tuple[str, ...] = ()


def machine_keyring(candidates: Sequence[Path] = KEYRINGS) -> Path | None:
    """The keyring of Debian's archive on this machine, if it has one."""
    return next((path for path in candidates if path.is_file()), None)


def verified(document: bytes, keyring: Path | None, subject: str) -> Signed:
    """The signed text. Raises EnvironmentFault without a keyring, BuildFailure if no key in it signed these bytes."""
    from pysequoia import Cert, verify

    if keyring is None:
        raise EnvironmentFault(f"no keyring to check the signature of {subject}", hint=_NO_KEYRING_HINT)
    try:
        certificates = Cert.split_bytes(keyring.read_bytes())
    except OSError as fault:
        reason = (fault.strerror or str(fault)).lower()
        raise EnvironmentFault(f"cannot read the keyring '{keyring}': {reason}", hint=_NO_KEYRING_HINT) from fault
    except (RuntimeError, ValueError) as fault:
        raise EnvironmentFault(f"'{keyring}' is not an OpenPGP keyring", hint=_NO_KEYRING_HINT) from fault
    try:
        result = verify(document, store=lambda _: certificates)
    except (RuntimeError, ValueError) as fault:
        raise _unsigned(subject, keyring) from fault
    signers = tuple(sorted({signature.certificate for signature in result.valid_sigs}))
    if not signers or result.bytes is None:
        raise _unsigned(subject, keyring)
    return Signed(result.bytes.decode("utf-8"), signers)


def unverified(document: bytes) -> Signed:
    """The text of a cleartext-signed document, on trust."""
    text = document.decode("utf-8", "replace").replace("\r\n", "\n")
    if text.startswith("-----BEGIN PGP SIGNED MESSAGE-----"):
        text = text.partition("\n\n")[2].partition("\n-----BEGIN PGP SIGNATURE-----")[0]
    return Signed(text)


def _unsigned(subject: str, keyring: Path) -> BuildFailure:
    return BuildFailure(
        f"{subject} is not signed by a key of '{keyring}'",
        hint="use another mirror, or a newer keyring: 'keyring' under [debian] in mbuild.toml",
    )
