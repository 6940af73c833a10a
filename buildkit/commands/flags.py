"""`--config=NAME` → the flags that `[config.NAME]` in `mbuild.toml` stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from buildkit.errors import BuildError, Span, did_you_mean
from buildkit.graph.config import MARKER, FlagsConfig
from buildkit.graph.workspace import Workspace

Flags = tuple[tuple[str, Span], ...]


def config_flags(directory: Path, name: str) -> list[tuple[str, Flags]]:
    """The configs that a name stands for, each with its own flags and their places, in the order that they apply in.

    Raises BuildError for a config that `mbuild.toml` does not have, or that leads back to itself.
    """
    return list(_expanded(Workspace.find(directory).config.configs, name, None, ()))


def _expanded(
    configs: Mapping[str, FlagsConfig], name: str, span: Span | None, around: tuple[str, ...]
) -> Iterator[tuple[str, Flags]]:
    if name in around:
        circle = [*around[around.index(name) :], name]
        notes = [circle[0], *(f"  takes in {config}" for config in circle[1:])]
        raise BuildError(f"config '{name}' takes in itself", span=span, notes=notes)
    if name not in configs:
        known = ", ".join(sorted(configs))
        hint = did_you_mean(name, configs) or (f"its configs are: {known}" if known else f"add '[config.{name}]' to it")
        raise BuildError(f"no config '{name}' in '{MARKER}'", span=span, hint=hint)
    config = configs[name]
    own = len(config.flags)
    for inner, place in zip(config.configs, config.places[own:], strict=True):
        yield from _expanded(configs, inner, place, (*around, name))
    yield name, tuple(zip(config.flags, config.places[:own], strict=True))
