"""`--config=NAME` on the command line: what it stands for is put in its place, so that later flags win."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from buildkit.cli.arguments import common_parser, shield_negative
from buildkit.errors import BuildError, Span

_OPTION = "--config"
_REFUSED = {"-C": "the workspace is found before its configs are", _OPTION: "name other configs with 'configs = [...]'"}


def with_configs(argv: Sequence[str]) -> list[str]:
    """The words of a command line, each config expanded. Raises BuildError for a flag that cannot stand in one."""
    words = list(argv)
    if not any(word == _OPTION or word.startswith(_OPTION + "=") for word in words):
        return words
    return list(_expanded(words, directory_of(words)))


def directory_of(argv: Sequence[str]) -> Path:
    """The folder that a command line starts from; the working folder where it cannot be read."""
    try:
        return Path(common_parser().parse_known_args(shield_negative(argv))[0].directory).absolute()
    except BuildError:
        return Path.cwd()


def _expanded(words: list[str], directory: Path) -> Iterator[str]:
    pending = iter(words)
    for word in pending:
        if word == "--":
            yield from (word, *pending)
        elif word == _OPTION:
            yield from _flags(next(pending, ""), directory)
        elif word.startswith(_OPTION + "="):
            yield from _flags(word.removeprefix(_OPTION + "="), directory)
        else:
            yield word


def _flags(name: str, directory: Path) -> Iterator[str]:
    if not name:
        raise BuildError(f"'{_OPTION}' needs a value", hint="see 'mbuild --help'")
    from buildkit.commands.flags import config_flags  # late: only who names a config reads mbuild.toml here

    for config, flags in config_flags(directory, name):
        _check(config, flags)
        yield from (word for word, _ in flags)


def _check(config: str, flags: Sequence[tuple[str, Span]]) -> None:
    """Raise BuildError, at its place, for what is not an option that every command takes."""
    for word, span in flags:
        option = word.partition("=")[0]
        if option in _REFUSED:
            raise BuildError(f"'{option}' cannot stand in [config.{config}]", span=span, hint=_REFUSED[option])
    words = [word for word, _ in flags]
    try:
        _, odd = common_parser().parse_known_args(words)
    except BuildError as error:
        place = next((span for word, span in flags if word.partition("=")[0] in error.message), None)
        raise BuildError(error.message, span=place or flags[0][1], hint=error.hint) from None
    for word, span in flags:
        if word in odd:
            hint = "a config holds the options that every command takes; see 'mbuild --help'"
            raise BuildError(f"'{word}' cannot stand in [config.{config}]", span=span, hint=hint)
