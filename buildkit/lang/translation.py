"""Starlark functions → Python functions: what all translators share.

In: the resolved syntax of one file. Out: Python source, compiled, that computes the same. Locals become Python's
locals, closures its cells, loops its loops; each operation that may fail stands on a line of its own, and a table says
which piece of syntax a line belongs to. So running costs what Python costs, and an error's place costs nothing until
there is one (see `faults`).

No name of the program reaches Python: variables are `v1`, `v2` …, globals `g1` …, constants are passed by reference,
and `__builtins__` is empty. Attributes, calls and operators go through `runtime`, except where the kind of a value has
been tested, or inferred (see `inference`).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias

from buildkit.errors import BuildError
from buildkit.lang import syntax
from buildkit.lang.functions import Code
from buildkit.lang.inference import Inference, Kind
from buildkit.lang.resolver import Layout, Resolution, Variable
from buildkit.lang.runtime import RUNTIME
from buildkit.lang.site import CodeSite
from buildkit.lang.values import Value

INDENTATION = 90  # Python's own bound is 100
LOOPS = 18  # loops in loops; Python's own bound is 20


class Operand(NamedTuple):
    """Python text that gives a value, cannot fail, and may stand in any line; and what kind of value it is."""

    text: str
    kind: Kind = None
    parts: tuple[Operand, ...] = ()  # of a tuple that was just made


# Writes what computes an expression, which may be left in the variable named, or what does a statement.
Translator: TypeAlias = Callable[..., Any]


class Step(NamedTuple):
    """What a line of Python stands for: a piece of syntax, and how to say what is wrong when Python refuses.

    `again` is the general form of the line's operation, with the texts of its operands.
    """

    node: Any
    again: tuple[str, ...] = ()


class Unit:
    """One file under translation, and the Python globals that its functions share."""

    def __init__(
        self,
        file: syntax.File,
        resolution: Resolution,
        predeclared: Mapping[str, Value],
        builtins: Mapping[str, Value],
    ) -> None:
        self.file = file
        self.resolution = resolution
        self.predeclared = predeclared
        self.builtins = builtins
        self.namespace: dict[str, Any] = {**RUNTIME, "unit": self}
        self.steps: dict[str, list[Step]] = {}  # by the file name of Python code; a line's number is its place
        self.definitions: dict[int, syntax.Definition] = {}  # top-level functions by slot
        self.names: dict[Variable, str] = {}
        self._constants: dict[int, str] = {}
        self._number = itertools.count(1)
        for layout in resolution.layouts.values():
            self._name(layout)
        if not file.build_file:  # where a name is bound once
            for statement in file.statements:
                if type(statement) is syntax.Definition:
                    slot = resolution.bindings[statement.name.start][1]
                    self.definitions[slot] = statement

    def _name(self, layout: Layout) -> None:
        for variable in layout.variables:
            self.names[variable] = f"v{next(self._number)}"
        for outer, inner in layout.free:
            self.names[inner] = self.names[outer]

    def constant(self, value: object) -> str:
        """The Python name of a value."""
        name = self._constants.get(id(value))
        if name is None:
            name = self._constants[id(value)] = f"k{next(self._number)}"
            self.namespace[name] = value
        return name

    def inference(self) -> Inference:
        """Nothing known yet of any variable."""
        return Inference(self.resolution, self.predeclared, self.builtins)

    def run(self, writer: Writer, name: str) -> Any:
        """Compile what was written, and give the function of that name."""
        path = f"{self.file.path}#{len(self.steps)}"
        self.steps[path] = writer.steps
        exec(compile("\n".join(writer.lines), path, "exec", dont_inherit=True), self.namespace)
        return self.namespace.pop(name)


class Writer:
    """Python source that grows line by line."""

    def __init__(self, unit: Unit, translators: Mapping[type, Translator]) -> None:
        self.unit = unit
        self._translators = translators
        self.lines: list[str] = []
        self.steps: list[Step] = []
        self.inference = unit.inference()
        self.code: Code | None = None  # the function that is being written
        self.marked = False  # whether the function says that it is active
        self.guards: list[str] = []  # what the loops around iterate over, and must not change
        self._indent = ""
        self._temporaries = itertools.count(1)

    def line(self, text: str, node: Any = None, *again: str) -> None:
        """One line, and the syntax that errors in it belong to."""
        self.lines.append(self._indent + text)
        self.steps.append(Step(node, again))

    def insert(self, place: int, text: str, node: Any) -> None:
        """A line that comes before lines written already, as far indented as the next one would be."""
        self.lines.insert(place, self._indent + text)
        self.steps.insert(place, Step(node))

    @contextmanager
    def block(self, header: str, node: Any = None, *again: str) -> Iterator[None]:
        """What is written inside is indented below a header."""
        self.line(header, node, *again)
        if len(self._indent) >= INDENTATION:
            raise BuildError(f"blocks are nested too deeply: the bound is {INDENTATION}", span=self.span(node))
        self._indent += " "
        begun = len(self.lines)
        yield
        if len(self.lines) == begun:
            self.line("pass")
        self._indent = self._indent[:-1]

    def expression(self, node: Any, into: str | None = None) -> Operand:
        """Write what computes a value. It may be left in the variable `into`, but need not be."""
        return self._translators[type(node)](self, node, into)  # type: ignore[no-any-return]

    def assign(self, node: Any, name: str) -> None:
        """Write what computes a value and leaves it in a variable."""
        value = self.expression(node, name)
        if value.text != name:
            self.line(f"{name} = {value.text}", node)

    def store(self, text: str, node: Any, into: str | None, *again: str) -> str:
        """A line that keeps a value; gives the variable."""
        name = into or self.temporary()
        self.line(f"{name} = {text}", node, *again)
        return name

    def statements(self, nodes: Sequence[Any]) -> None:
        """Write statements one after the other."""
        for node in nodes:
            self._translators[type(node)](self, node)

    def span(self, node: Any) -> Any:
        """The place of a node."""
        return self.unit.file.span(node.start, node.end) if node is not None else None

    def temporary(self) -> str:
        """A new Python local."""
        return f"t{next(self._temporaries)}"

    def constant(self, value: object) -> str:
        """The Python name of a value."""
        return self.unit.constant(value)

    def site(self, node: syntax.Invocation) -> str:
        """The Python name of the place of a call."""
        return self.unit.constant(CodeSite(self.unit.file, node))
