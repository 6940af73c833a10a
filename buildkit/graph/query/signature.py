"""What a query function takes.

In: a form such as `deps(expression[, depth])`. Out: `Signature`, by which the parser reads its arguments.
"""

from __future__ import annotations

import re

from buildkit.records import dataclass

_NUMBERS = ("depth", "count")
_WORDS = ("attribute", "pattern", "mnemonic", "configuration", "path")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: its name and kind: 'expression', 'word' or 'number'."""

    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Signature:
    """A function's name and parameters; `required` must be given, with `repeated` the last may come again."""

    name: str
    parameters: tuple[Parameter, ...]
    required: int
    repeated: bool
    form: str

    @classmethod
    def of(cls, form: str) -> Signature:
        """Read a form; the kind of a parameter is told by its name.

        >>> Signature.of("deps(expression[, depth])").required
        1
        """
        name, _, inner = form.removesuffix(")").partition("(")
        needed, *optional = inner.split("[")
        names = re.findall(r"\w+", inner)
        return cls(
            name,
            tuple(Parameter(one, _kind(one)) for one in dict.fromkeys(names)),
            len(re.findall(r"\w+", needed)),
            "…" in "".join(optional),
            form,
        )

    def __str__(self) -> str:
        return self.form

    def parameter(self, number: int) -> Parameter | None:
        """The parameter of an argument, or None where there are too many."""
        if number < len(self.parameters):
            return self.parameters[number]
        return self.parameters[-1] if self.repeated else None

    @property
    def counted(self) -> str:
        """How many arguments it takes, as an error says it."""
        most = len(self.parameters)
        if self.repeated:
            return f"'{self.name}' takes at least {self.required} argument{'s' * (self.required != 1)}"
        many = f"{self.required}" if self.required == most else f"{self.required} or {most}"
        return f"'{self.name}' takes {many} argument{'s' * (most != 1)}"


def _kind(name: str) -> str:
    return "number" if name in _NUMBERS else "word" if name in _WORDS else "expression"
