"""DESIGN's table of rows, enforced: a part imports itself and parts in rows above it, late imports included."""

import ast
from pathlib import Path

import pytest

import buildkit

ROOT = Path(buildkit.__file__).parent

ROWS = (
    {"records"},
    {"errors"},
    {"digest", "label", "reference", "content", "events"},
    {"lang", "store", "oci"},
    {"graph", "fetch", "images"},
    {"tools", "execution", "registry", "lock"},
    {"remote", "report"},
    {"commands"},
    {"cli"},
)
ROW = {part: number for number, parts in enumerate(ROWS) for part in parts}

# Where a part may know less than all of the rows above it.
ONLY = {
    "errors": {"records"},
    "digest": {"records", "errors"},
    "label": {"records", "errors"},
    "reference": {"records", "errors"},
    "content": {"records", "errors", "digest"},
    "events": {"records", "errors", "label"},
    "graph": {"records", "errors", "digest", "label", "reference", "content", "events", "lang"},
    "fetch": {"records", "errors", "digest", "label", "reference", "content", "events", "store"},
    "images": {"records", "errors", "digest", "content", "oci"},
    "cli": {"records", "errors", "digest", "label", "reference", "content", "events", "report", "commands"},
}

FILES = sorted(path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in ("rules", "__init__.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_parts(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: relative imports hide which part is meant"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name.split(".")[1] for name in names if name.startswith("buildkit.")} & set(ROW)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_part_imports_only_itself_and_the_rows_above(path: Path) -> None:
    part = part_of(path)
    above = {name for name, row in ROW.items() if row < ROW[part]}
    allowed = ONLY.get(part, above) | {part}
    assert imported_parts(path) <= allowed


def test_every_part_has_a_row() -> None:
    assert {part_of(path) for path in FILES} <= set(ROW)
