"""How a registry wants large blobs, learnt from its settings and its answers.

In: a chunk size from `mbuild.toml` if there is one, and refusals. Out: whether a blob is to be sent in chunks, and how
large these are.
"""

from __future__ import annotations

from buildkit.records import dataclass

_CHUNK = 64 << 20


@dataclass(slots=True)
class Manner:
    """Shared by all uploads to a host. `chunk` is in bytes; None where one PUT is the way."""

    chunk: int | None = None
    limited: bool = False  # something on the way refused a larger request
    whole_only: bool = False  # the registry takes no chunks

    def chunk_for(self, size: int, least: int) -> int | None:
        """The size of the chunks for a blob; None for one PUT. `least` is what the registry asks for, 0 if nothing."""
        if self.whole_only:
            return None
        chunk = self.chunk or (_CHUNK if least else None)
        if chunk is None or size <= max(chunk, least):
            return None
        return max(chunk, least)

    def lost_whole(self) -> None:
        """Take in that a break cost all that was sent, though the upload is known: something on the way may collect
        requests before it hands them on. In chunks, the next break costs one.
        """
        self.chunk = self.chunk or _CHUNK

    def smaller_chunks(self, refused: int, least: int) -> bool:
        """Take in that a request of this size was too large; whether a smaller one is worth a try."""
        if self.whole_only or refused <= least:
            return False
        smaller = _CHUNK if refused > _CHUNK else refused // 4
        self.chunk, self.limited = max(min(smaller, self.chunk or smaller), least), True
        return True
