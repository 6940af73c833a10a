"""Imports that others make and we hardly ever need: done when the module is first used.

In: a module's name. Out: nothing; whoever imports it from now on gets a stand-in, which imports the module when asked
for anything of it. (`importlib.util.LazyLoader` does so too, but before Python 3.12 a mere `import` was a use.)
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


class _Postponed(ModuleType):
    def __getattr__(self, attribute: str) -> object:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), attribute)


def postpone(name: str) -> None:
    """Let `import name` cost nothing until something of it is asked for. A module that is there stays as it is."""
    if name not in sys.modules and find_spec(name):
        sys.modules[name] = _Postponed(name)
