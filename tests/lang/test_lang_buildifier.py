"""What the formatter writes is what buildifier writes: the real program, over our own files and generated ones.

docs/formatting.md lists where the two differ, and why.
"""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path

import pytest
from format_programs import programs

from buildkit.lang.format import format_source

ROOT = Path(__file__).parent.parent.parent
VERSION = "8.2.1"
MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}

pytestmark = pytest.mark.may_skip("buildifier comes from npm, as this machine is configured to reach it")


@pytest.fixture(scope="session")
def buildifier(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, from npm; kept in pytest's cache."""
    if platform.machine() not in MACHINES:
        pytest.skip("there is no buildifier for this machine")
    kept = ROOT / ".pytest_cache" / f"buildifier-{VERSION}"
    program = kept / f"node_modules/@bazel/buildifier/buildifier-linux_{MACHINES[platform.machine()]}"
    if not program.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("there is no npm here")
        command = [npm, "install", "--no-audit", "--no-fund", "--prefix", str(kept), f"@bazel/buildifier@{VERSION}"]
        installed = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        if installed.returncode:
            pytest.skip(f"npm cannot fetch buildifier: {installed.stderr[-200:]}")
    program.chmod(0o755)
    return program


def _run(program: Path, files: list[Path], build_file: bool) -> str:
    """Let buildifier rewrite files; gives what it says of those that it cannot read."""
    kind = "build" if build_file else "bzl"
    command = [str(program), "-mode=fix", "-lint=off", f"-type={kind}", *map(str, files)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def _run_both(program: Path, files: list[Path]) -> str:
    kinds = {kind: [path for path in files if (path.suffix == ".BUILD") is kind] for kind in (True, False)}
    return "".join(_run(program, paths, kind) for kind, paths in kinds.items())


def test_our_own_files_are_formatted_as_both_say(buildifier: Path, tmp_path: Path) -> None:
    patterns = ("rules/*.bzl", "examples/**/BUILD", "examples/**/*.bzl", "BUILD.example", "tests/e2e/tools/BUILD")
    ours = [path for pattern in patterns for path in ROOT.glob(pattern) if "mbuild-out" not in path.parts]
    assert len(ours) > 10
    for number, path in enumerate(ours):
        build_file = path.suffix != ".bzl"
        text = path.read_text(encoding="utf-8")
        assert format_source(text, path.name, build_file) == text, path
        copy = tmp_path / f"{number}.{path.name}"
        copy.write_text(text, encoding="utf-8")
        assert _run(buildifier, [copy], build_file) == ""
        assert copy.read_text(encoding="utf-8") == text, path


@pytest.mark.parametrize("first", [100_000, 200_000, 300_000, 400_000])
def test_buildifier_changes_nothing_of_what_was_formatted(buildifier: Path, tmp_path: Path, first: int) -> None:
    formatted = {}
    for number, (program, build_file) in enumerate(programs(first, 250)):
        path = tmp_path / f"{number}.{'BUILD' if build_file else 'bzl'}"
        formatted[path] = format_source(program, path.name, build_file)
        path.write_text(formatted[path], encoding="utf-8")
    said = _run_both(buildifier, list(formatted))
    unread = [path for path in formatted if f"{path}:" in said]
    changed = [path.name for path, text in formatted.items() if path not in unread and path.read_text("utf-8") != text]
    assert changed == []
    # What it cannot read are conditionals in tuples without brackets: docs/formatting.md.
    assert len(unread) < len(formatted) / 20


def test_well_kept_text_comes_out_as_buildifier_writes_it(buildifier: Path, tmp_path: Path) -> None:
    """Without comments in odd places, what either makes of a text is the same."""
    texts = {}
    for number, (program, build_file) in enumerate(programs(500_000, 300, wild=0.0)):
        path = tmp_path / f"{number}.{'BUILD' if build_file else 'bzl'}"
        path.write_text(program, encoding="utf-8")
        texts[path] = format_source(program, path.name, build_file)
    said = _run_both(buildifier, list(texts))
    differing = [
        path.name for path, text in texts.items() if f"{path}:" not in said and path.read_text("utf-8") != text
    ]
    assert len(differing) <= len(texts) / 50, differing
