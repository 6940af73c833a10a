"""`mbuild image diff`: names of two images → how they differ."""

from __future__ import annotations

from buildkit.commands.image import Asked, read
from buildkit.commands.session import Session
from buildkit.images.compare import Compared, compare
from buildkit.images.difference import Difference


def diff(session: Session, first: str, second: str, asked: Asked, *, deep: bool = False) -> Difference:
    """Read both and compare them; with `deep` all of both is read."""
    one, two = (read(session, text, asked) for text in (first, second))
    return compare(Compared(one.name, one.opened, one.image), Compared(two.name, two.opened, two.image), deep=deep)
