"""A suite's Release: what it is called, from when, until when, and the digests of its indexes.

In: the signed text. Out: `Release`; or a fault, if the suite is another one, from the future, expired, or older than
what the lock was made from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from buildkit.digest import Digest
from buildkit.errors import BuildFailure, EnvironmentFault
from buildkit.records import dataclass

_SLACK = timedelta(days=1)
_HINT = "use another mirror: 'mirror' under [debian] in mbuild.toml, else apt's"


@dataclass(frozen=True, slots=True)
class Release:
    """A suite at a moment. `valid_until` is None for a frozen suite, such as a point release's."""

    suite: str
    codename: str
    version: str
    date: datetime
    valid_until: datetime | None
    by_hash: bool
    files: Mapping[str, Digest]

    @property
    def note(self) -> str:
        """How a lock records it: codename, version, date."""
        return " ".join(part for part in (self.codename, self.version, stamp(self.date)) if part)


def parse_release(text: str, subject: str) -> Release:
    """Read a Release's text. Raises BuildFailure for what is not one."""
    fields = dict(re.findall(r"^([A-Za-z0-9-]+):[ \t]*(.*)$", text, re.MULTILINE))
    try:
        until = fields.get("Valid-Until")
        return Release(
            fields.get("Suite", ""),
            fields.get("Codename", ""),
            fields.get("Version", ""),
            _moment(fields["Date"]),
            _moment(until) if until else None,
            fields.get("Acquire-By-Hash") == "yes",
            _files(text),
        )
    except (KeyError, ValueError) as fault:
        raise BuildFailure(f"{subject} is not a Release file of a Debian archive", hint=_HINT) from fault


def check_release(release: Release, wanted: str, now: datetime, previous: str | None, subject: str) -> None:
    """Raise unless it is the suite that was asked for, of today, and not older than the lock's `previous` note."""
    if wanted not in (release.suite, release.codename):
        message = f"{subject} is of suite '{release.codename}' ('{release.suite}'), expected '{wanted}'"
        raise BuildFailure(message, hint=_HINT)
    if release.date > now + _SLACK:
        message = f"{subject} is dated {stamp(release.date)}, which is in the future"
        raise EnvironmentFault(message, hint=f"check this machine's clock: it says {stamp(now)}")
    if release.valid_until and release.valid_until < now:
        message = f"{subject} expired on {stamp(release.valid_until)}: the mirror is stale, or somebody holds it back"
        raise EnvironmentFault(message, hint=_HINT)
    before = _recorded(previous, release.codename)
    if before and release.date < before:
        raise EnvironmentFault(
            f"{subject} is dated {stamp(release.date)}, the lock was made from one of {stamp(before)}",
            hint="a mirror must not step back in time: use another one; to go back on purpose, delete the lock first",
        )


def stamp(moment: datetime) -> str:
    """A moment as locks and messages write it: '2026-07-11T10:16:37Z'."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _recorded(note: str | None, codename: str) -> datetime | None:
    words = note.split() if note else []
    if len(words) < 2 or words[0] != codename:
        return None
    try:
        return datetime.fromisoformat(words[-1])
    except ValueError:
        return None


def _moment(text: str) -> datetime:
    moment = parsedate_to_datetime(text.replace("UTC", "+0000"))
    return moment.astimezone(UTC)


def _files(text: str) -> dict[str, Digest]:
    listed = re.search(r"^SHA256:[ \t]*\n((?: .*(?:\n|$))+)", text, re.MULTILINE)
    if not listed:
        raise ValueError("no SHA256 section")
    rows = (line.split() for line in listed.group(1).splitlines())
    return {path: Digest.parse(f"sha256:{digest}", int(size)) for digest, size, path in rows}
