"""The configuration: what the command line decides of a graph: the platforms and the defines.

In: `--platform`, `--host-platform`, `--define`. Out: `Configuration`, by which selections are resolved; and others that
are made of it, for what runs on the build machine and for what a transition asks for.
"""

from __future__ import annotations

from dataclasses import replace

from buildkit.digest import Key
from buildkit.graph.workspace import STANDARD_PLATFORMS, STANDARD_REPOSITORY
from buildkit.label import Label
from buildkit.records import dataclass

DEFAULT_PLATFORM = Label(STANDARD_REPOSITORY, STANDARD_PLATFORMS, "linux_amd64")


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a graph is configured for. `platform` None is linux/amd64, whatever the machine is that builds; so is
    `host`, the platform of programs that actions run.

    `defines` are sorted by name, and name each once; the default platform is None, and never its label: `of` and `to`
    see to it, so that equal configurations are one.
    """

    platform: Label | None = None
    defines: tuple[tuple[str, str], ...] = ()
    host: Label | None = None

    @classmethod
    def of(
        cls, platform: Label | None, defines: tuple[tuple[str, str], ...], host: Label | None = None
    ) -> Configuration:
        """The configuration of some flags, in their order: of two defines of one name the last holds."""
        return cls(_plain(platform), tuple(sorted(dict(defines).items())), _plain(host))

    def to(self, platform: Label | None, defines: tuple[tuple[str, str], ...]) -> Configuration:
        """The same with another platform and other defines."""
        return Configuration.of(platform, defines, self.host)

    @property
    def execution(self) -> Configuration:
        """The configuration of what actions run: the same, for the build machine's platform."""
        return self if self.platform == self.host else replace(self, platform=self.host)

    @property
    def key(self) -> Key:
        """Its identity."""
        host = (str(self.host),) if self.host else ()
        return Key.of("configuration 1", str(self.platform or ""), dict(self.defines), *host)

    @property
    def folder(self) -> str:
        """Where its outputs lie beside those of the configuration that was asked for: `linux_arm64-1a2b3c4`."""
        return f"{(self.platform or DEFAULT_PLATFORM).name.replace('/', '_')}-{self.short}"

    @property
    def short(self) -> str:
        """Its name in listings: 'default', or the first digits of its key."""
        return "default" if self == DEFAULT else self.key.hex[:7]

    @property
    def flags(self) -> tuple[str, ...]:
        """What the command line says to have it."""
        named = {"platform": self.platform, "host-platform": self.host}
        platforms = [f"--{flag}={label}" for flag, label in named.items() if label]
        return (*platforms, *(f"--define={name}={value}" for name, value in self.defines))

    def locking(self, label: Label) -> str:
        """The command that writes a target's lock in it."""
        return " ".join(("mbuild lock", *self.flags, str(label)))

    def __str__(self) -> str:
        return " ".join(self.flags) or "default"


def _plain(platform: Label | None) -> Label | None:
    return None if platform == DEFAULT_PLATFORM else platform


DEFAULT = Configuration()
