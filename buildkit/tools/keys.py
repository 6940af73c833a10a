"""Names of an image's variables, labels and annotations → nothing, if every reader can tell name and value apart."""

from __future__ import annotations

from collections.abc import Mapping

from buildkit.errors import BuildFailure


def check_variables(environment: Mapping[str, str]) -> None:
    """Raise BuildFailure for a variable that no process could have: 'Env' of a config is NAME=VALUE (image-spec)."""
    for name, value in sorted(environment.items()):
        if not name or "=" in name or "\0" in name:
            raise BuildFailure(
                f"an image cannot have a variable {name!r}: expected a name, without '=' and NUL in it",
                hint='write \'environment\' as {"NAME": "value"}',
            )
        if "\0" in str(value):
            raise BuildFailure(
                f"an image cannot have the value {value!r} of variable '{name}': no variable may hold NUL"
            )


def check_keys(kind: str, texts: Mapping[str, str]) -> None:
    """Raise BuildFailure for a label or annotation without a name."""
    if "" in texts:
        raise BuildFailure(
            f"an image cannot have {kind} without a name, found one with the value {texts['']!r}",
            hint='name it as in "org.opencontainers.image.source": "https://…"',
        )
