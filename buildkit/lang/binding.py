"""Arguments → parameters, and what to say when they do not fit."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.lang.thread import UNBOUND, Site
from buildkit.lang.values import Dict, Value


class Signature:
    """The parameters of a function of the language."""

    __slots__ = ("keywords", "name", "named", "positional", "slots", "star")

    def __init__(
        self, name: str, positional: Sequence[str], keyword_only: Sequence[str], star: int, keywords: int
    ) -> None:
        self.name = name
        self.positional = len(positional)  # how many parameters take positional arguments
        self.named = (*positional, *keyword_only)  # the parameters with names of their own
        self.slots = {parameter: place for place, parameter in enumerate(self.named)}
        self.star = star  # slot of *args, or 0
        self.keywords = keywords  # slot of **kwargs, or 0


def bind(
    code: Signature, defaults: Sequence[Value], positional: list[Value], keyword: dict[str, Value], site: Site
) -> list[Value]:
    """The values of all parameters in the order of their slots. Raises BuildError at the call."""
    values: list[Any] = list(positional[: code.positional])
    values += [UNBOUND] * (len(code.named) - len(values))
    extra = tuple(positional[code.positional :])
    if extra and not code.star:
        raise BuildError(
            f"{code.name}() accepts {_count(code.positional, 'positional argument')}, found {len(positional)}",
            span=site.span,
        )
    others: dict[str, Value] = {}
    for name, value in keyword.items():
        slot = code.slots.get(name)
        if slot is None:
            if not code.keywords:
                raise _unexpected(code.name, name, code.named, site)
            others[name] = value
        elif values[slot] is not UNBOUND:
            raise BuildError(
                f'{code.name}() got multiple values for parameter "{name}"',
                span=site.argument_spans.get(name) or site.span,
            )
        else:
            values[slot] = value
    missing = []
    for slot, value in enumerate(values):
        if value is UNBOUND:
            values[slot] = defaults[slot]
            if values[slot] is UNBOUND:
                missing.append(code.named[slot])
    if missing:
        raise _missing(code.name, missing, site)
    if code.star:
        values.append(extra)
    if code.keywords:
        values.append(Dict(others))
    return values


def _count(number: int, noun: str) -> str:
    if number == 0:
        return f"no {noun}s"
    return f"at most {number} {noun}" + ("s" if number > 1 else "")


def _unexpected(function: str, name: str, known: Iterable[str], site: Site) -> BuildError:
    return BuildError(
        f"{function}() has no parameter '{name}'",
        span=site.argument_spans.get(name) or site.span,
        hint=did_you_mean(name, known),
    )


def _missing(function: str, names: list[str], site: Site) -> BuildError:
    noun = "argument" if len(names) == 1 else "arguments"
    return BuildError(f"{function}() missing {len(names)} {noun} ({', '.join(names)})", span=site.span)


def mismatch(
    error: TypeError,
    name: str,
    function: Callable[..., Value],
    leading: int,
    positional: Sequence[Value],
    keyword: Mapping[str, Value],
    site: Site,
) -> Exception:
    """Explain a TypeError of a call to Python code: arguments that do not fit, or else a fault of ours."""
    signature = inspect.signature(function)
    try:
        signature.bind(*[None] * leading, *positional, **keyword)
    except TypeError:
        return _binding_error(name, list(signature.parameters.values())[leading:], positional, keyword, site)
    return error


def _binding_error(
    name: str,
    parameters: list[inspect.Parameter],
    positional: Sequence[Value],
    keyword: Mapping[str, Value],
    site: Site,
) -> BuildError:
    kinds = inspect.Parameter
    places = [one for one in parameters if one.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    named = [one.name for one in parameters if one.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)]
    if len(positional) > len(places) and not any(one.kind is kinds.VAR_POSITIONAL for one in parameters):
        least = sum(one.default is kinds.empty for one in places)
        most = _count(len(places), "positional argument")
        wanted = most if least < len(places) else most.removeprefix("at most ")
        found = _count(len(positional), "argument").removeprefix("at most ")
        return BuildError(f"{name}: got {found}, want {wanted}", span=site.span)
    taken = {one.name for one in places[: len(positional)]}
    for key in keyword:
        if key in taken and key in named:
            return BuildError(
                f'{name}() got multiple values for parameter "{key}"', span=site.argument_spans.get(key) or site.span
            )
        if key not in named:
            said = f"unexpected keyword argument {key}" if named else f"unexpected keyword arguments: {key}"
            place = site.argument_spans.get(key) or site.span
            return BuildError(f"{name}: {said}", span=place, hint=did_you_mean(key, named))
    given = taken | set(keyword)
    missing = [
        one.name
        for one in parameters
        if one.default is kinds.empty
        and one.kind not in (kinds.VAR_POSITIONAL, kinds.VAR_KEYWORD)
        and one.name not in given
    ]
    said = f"missing argument for {', '.join(missing)}"
    if not keyword and set(missing) <= {one.name for one in places}:
        found = _count(len(positional), "argument").removeprefix("at most ").replace("no ", "0 ")
        said = f"got {found}, want {len(taken) + len(missing)}: {said}"
    return BuildError(f"{name}: {said}", span=site.span)
