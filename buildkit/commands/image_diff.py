"""`mbuild image diff`: names of two images → how they differ."""

from __future__ import annotations

from buildkit.commands.image import Asked, read
from buildkit.commands.session import Session
from buildkit.images.compare import Compared, compare
from buildkit.images.difference import Difference
from buildkit.registry.mirror import past_mirrors


@past_mirrors
def diff(session: Session, first: str, second: str, asked: Asked, *, deep: bool = False) -> Difference:
    """Read both and compare them; with `deep` all of both is read. Asked for a platform, only its images count."""
    one, two = (read(session, text, asked) for text in (first, second))
    sides = (Compared(side.name, side.opened, side.image, not asked.platform) for side in (one, two))
    return compare(*sides, deep=deep)
