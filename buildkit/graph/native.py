"""`native` in .bzl files: what BUILD files see without a load, for macros.

In: the functions of BUILD files, and where the prelude's names are had from. Out: a namespace; the prelude is loaded
only when one of its names is asked for, so that its own files may have a `native`, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from buildkit.lang import HostValue, Value


class Native(HostValue):
    """`native.NAME`."""

    type_name = "native"

    def __init__(self, functions: Mapping[str, Value], prelude: Callable[[], Mapping[str, Value]]) -> None:
        self._functions = functions
        self._prelude = prelude

    def attribute(self, name: str) -> Value:
        """A function of BUILD files, or a name of the prelude."""
        found = self._functions.get(name)
        return self._prelude()[name] if found is None else found

    def attributes(self) -> Iterable[str]:
        """All these names."""
        return sorted({*self._functions, *self._prelude()})
