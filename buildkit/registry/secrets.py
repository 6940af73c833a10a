"""Secrets that are in use, so that they can be kept out of what is told: servers may repeat what they were sent.

In: passwords and tokens, as they become known. Out: texts without them.
"""

from __future__ import annotations

_SHORTEST = 4  # characters; what is shorter would blot out ordinary words


class Secrets:
    """A growing set of secrets. Safe to use from several threads; its `repr` shows none."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def add(self, *secrets: str) -> None:
        """Keep these out of texts from now on."""
        new = {secret for secret in secrets if len(secret) >= _SHORTEST}
        self._known = tuple(sorted(new | set(self._known), key=lambda secret: (-len(secret), secret)))

    def hide(self, text: str) -> str:
        """The text, with `***` where a secret was.

        >>> secrets = Secrets(); secrets.add("hunter2"); secrets.hide("no user hunter2 here")
        'no user *** here'
        """
        for secret in self._known:
            text = text.replace(secret, "***")
        return text
