"""The language of BUILD and .bzl files: Starlark. Text goes in, frozen values or errors with a place come out.

`run` does all of it for a program by itself. `parse` gives a syntax tree that may be pickled; `evaluate` runs it;
`call` calls one of its functions from Python.
"""

from buildkit.lang.builtins import UNIVERSE
from buildkit.lang.conversion import from_python, to_python
from buildkit.lang.evaluator import Load, call, evaluate
from buildkit.lang.freezing import freeze
from buildkit.lang.functions import Builtin, Call, Function
from buildkit.lang.json_module import JsonModule
from buildkit.lang.limits import LIMIT_NAMES, Limits, within
from buildkit.lang.program import parse, run
from buildkit.lang.range import Range
from buildkit.lang.syntax import File
from buildkit.lang.text import represent
from buildkit.lang.thread import Printer
from buildkit.lang.values import Dict, HostValue, List, Set, Struct, Value, equal, type_name

__all__ = [
    "run",
    "parse",
    "evaluate",
    "call",
    "File",
    "Limits",
    "LIMIT_NAMES",
    "within",
    "Load",
    "Printer",
    "Value",
    "List",
    "Dict",
    "Set",
    "Range",
    "Struct",
    "HostValue",
    "Function",
    "Builtin",
    "Call",
    "UNIVERSE",
    "JsonModule",
    "freeze",
    "equal",
    "type_name",
    "represent",
    "to_python",
    "from_python",
]
