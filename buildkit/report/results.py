"""What a build gives, on stdout, and nothing else there.

In: results. Out: a line a target, `label digest`; or with `--json` an object a target.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TextIO

from buildkit.digest import Digest
from buildkit.label import Label
from buildkit.records import dataclass
from buildkit.report.writing import write_line


@dataclass(frozen=True, slots=True)
class Result:
    """One target that was asked for: its digest unless it failed, and the paths of its outputs."""

    label: Label
    digest: Digest | None
    outputs: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it was built."""
        return self.digest is not None


def write_results(results: Iterable[Result], stream: TextIO) -> None:
    """A line for each target that was built, in the order of their labels."""
    for result in sorted(results, key=lambda result: result.label):
        if result.digest is not None:
            write_line(stream, f"{result.label} {result.digest}")


def write_json(results: Iterable[Result], stream: TextIO) -> None:
    """An object for each target, failed ones too, each on a line of its own."""
    for result in sorted(results, key=lambda result: result.label):
        row = {
            "label": str(result.label),
            "ok": result.ok,
            "digest": str(result.digest) if result.digest else None,
            "outputs": list(result.outputs),
        }
        write_line(stream, json.dumps(row))
