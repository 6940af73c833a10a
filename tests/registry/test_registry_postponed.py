"""Imports that wait for their first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
from buildkit.registry.postponed import postpone
postpone("xml")
import xml
before = "xml.etree" in sys.modules
import xml.etree.ElementTree as read
real = sys.modules["xml"]
print(before, read.fromstring("<a/>").tag, type(real).__name__, xml.__path__ == real.__path__)
"""


def test_a_postponed_module_is_read_when_something_of_it_is_used() -> None:
    assert _printed(PROGRAM) == "False a module True\n"


@pytest.mark.parametrize("name", ["sys", "no_such_module_at_all"])
def test_what_is_there_or_nowhere_is_left_alone(name: str) -> None:
    told = _printed(
        f"import sys\nfrom buildkit.registry.postponed import postpone\nbefore = sys.modules.get({name!r})\n"
        f"postpone({name!r})\nprint(sys.modules.get({name!r}) is before)\n"
    )
    assert told == "True\n"


def _printed(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout


def test_a_registry_is_spoken_to_without_what_oras_alone_needs() -> None:
    told = _printed("import sys, buildkit.registry.oras\nprint('jsonschema.validators' in sys.modules)\n")
    assert told == "False\n"
