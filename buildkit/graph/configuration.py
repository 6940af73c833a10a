"""The configuration: what the command line decides of a graph: the platform and the defines.

In: `--platform`, `--define`. Out: `Configuration`, by which selections are resolved.
"""

from __future__ import annotations

from dataclasses import dataclass

from buildkit.digest import Key
from buildkit.label import Label


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a graph is configured for. `platform` None is linux/amd64, whatever the machine is that builds.

    `defines` are sorted by name, and name each once: `of` sees to it.
    """

    platform: Label | None = None
    defines: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, platform: Label | None, defines: tuple[tuple[str, str], ...]) -> Configuration:
        """The configuration of some flags, in their order: of two defines of one name the last holds."""
        return cls(platform, tuple(sorted(dict(defines).items())))

    @property
    def key(self) -> Key:
        """Its identity."""
        return Key.of("configuration 1", str(self.platform or ""), dict(self.defines))

    @property
    def short(self) -> str:
        """Its name in listings: 'default', or the first digits of its key."""
        return "default" if self == DEFAULT else self.key.hex[:7]

    @property
    def flags(self) -> tuple[str, ...]:
        """What the command line says to have it."""
        platform = (f"--platform={self.platform}",) if self.platform else ()
        return (*platform, *(f"--define={name}={value}" for name, value in self.defines))

    def locking(self, label: Label) -> str:
        """The command that writes a target's lock in it."""
        return " ".join(("mbuild lock", *self.flags, str(label)))

    def __str__(self) -> str:
        return " ".join(self.flags) or "default"


DEFAULT = Configuration()
