"""A Python exception out of translated code → the error that people see: its place, and the calls that led there.

Translated code keeps no record of where it is. Its frames are known by their globals, and the table of each says what
syntax a line stands for; so the places are read from the traceback, once there is an error. Where Python itself refuses
an operation (an index out of range, a variable without a value), the operation's general form is asked for the reason.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any

from buildkit.errors import BuildError, Span
from buildkit.lang import syntax
from buildkit.lang.binding import mismatch
from buildkit.lang.site import CodeSite
from buildkit.lang.thread import place

FAULTS = (BuildError, NameError, TypeError, LookupError, ArithmeticError, AttributeError)
_VARIABLE = re.compile(r"'([vgd])(\d+)'")


class _Spot:
    """One frame of translated code, and the syntax that it is at."""

    __slots__ = ("frame", "step", "unit")

    def __init__(self, frame: FrameType, unit: Any, line: int) -> None:
        self.frame = frame
        self.unit = unit
        self.step = unit.steps[frame.f_code.co_filename][line - 1]

    @property
    def span(self) -> Span:
        node = self.step.node
        return self.unit.file.span(node.start, node.end)  # type: ignore[no-any-return]


def _unit(frame: FrameType) -> Any:
    unit = frame.f_globals.get("unit")
    return unit if unit is not None and frame.f_code.co_filename in getattr(unit, "steps", ()) else None


def located(error: Exception) -> tuple[BuildError, bool]:
    """The error with its place and the calls that led there, and whether translated code was running.

    What is no fault of the program is raised again as it is.
    """
    spots, last = _spots(error.__traceback__)
    fault = error if isinstance(error, BuildError) else _explained(error, spots, last)
    spots = [spot for spot in spots if spot.step.node is not None]  # what has not begun: a fault is its caller's
    if not spots:
        return fault, False
    fault = place(fault, spots.pop().span)
    for spot in reversed(spots):
        fault = fault.noted(f"called from {spot.span}")
    return fault, True


def _spots(traceback: TracebackType | None) -> tuple[list[_Spot], bool]:
    """The frames of translated code, outermost first, and whether the innermost frame of all is among them."""
    found, last = [], False
    while traceback is not None:
        unit = _unit(traceback.tb_frame)
        last = unit is not None
        if last:
            found.append(_Spot(traceback.tb_frame, unit, traceback.tb_lineno))
        traceback = traceback.tb_next
    return found, last


def _explained(error: Exception, spots: list[_Spot], last: bool) -> BuildError:
    if not last or spots[-1].step.node is None:
        raise error
    spot = spots[-1]
    if isinstance(error, NameError):
        return _unset(error, spot)
    if not spot.step.again:
        raise error
    function, *texts = spot.step.again
    values = [eval(text, spot.frame.f_globals, spot.frame.f_locals) for text in texts]
    if function == "call":
        return _refused(error, values[0], int(values[1]), spot)
    try:
        spot.frame.f_globals[function](*values)
    except BuildError as reason:
        return reason
    raise error


def _refused(error: Exception, function: Any, leading: int, spot: _Spot) -> BuildError:
    """Why Python code does not take the arguments of a call; their values do not matter."""
    if not isinstance(error, TypeError):
        raise error
    node = spot.step.node
    positional = [None for argument in node.arguments if argument.kind == ""]
    keyword = {argument.name: None for argument in node.arguments if argument.kind == "="}
    reason = mismatch(error, node.function.name, function, leading, positional, keyword, CodeSite(spot.unit.file, node))
    if not isinstance(reason, BuildError):
        raise reason
    return reason


def _unset(error: NameError, spot: _Spot) -> BuildError:
    match = _VARIABLE.search(str(error))
    if match is None:
        raise error
    letter, number = match[1], int(match[2])
    unit = spot.unit
    if letter == "v":
        name = next(variable.name for variable, text in unit.names.items() if text == f"v{number}")
    else:
        name = unit.resolution.global_names[number]
    spans = [unit.file.span(node.start, node.end) for node in _names(spot.step.node) if node.name == name]
    said = unset(name, unit) if letter != "v" else BuildError(f"local variable {name} referenced before assignment")
    return place(said, spans[0] if spans else spot.span)


def unset(name: str, unit: Any) -> BuildError:
    """The error for a name of the file that has no value yet; loaded ones are local to their file."""
    kind = "local" if name in unit.resolution.loaded else "global"
    return BuildError(f"{kind} variable {name} referenced before assignment")


def _names(node: Any) -> Iterator[syntax.Name]:
    """The names in a piece of syntax, in order."""
    if type(node) is syntax.Name:
        yield node
    elif isinstance(node, tuple):
        for child in node:
            yield from _names(child)


def calls_around(boundary: Any) -> tuple[Span, ...]:
    """The places of the calls that are under way, outermost first; `boundary` is the code that calls from Python."""
    found: list[Span] = []
    inside = False  # whether a function was met of which the call is still to be found
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        unit = _unit(frame)
        if unit is not None:
            if inside:
                found.append(_Spot(frame, unit, frame.f_lineno).span)
            inside = True
        elif inside and frame.f_code is boundary:
            site = frame.f_locals["site"]
            if getattr(site, "place", site) is not None:
                found.append(site.span)
            inside = False
        frame = frame.f_back
    return tuple(reversed(found))
