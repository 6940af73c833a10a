"""examples/quantized: a workspace's own rule makes a network, and an image serves it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mbuild_command import ROOT, Mbuild, clone

pytestmark = pytest.mark.e2e

QUANTIZED = ROOT / "examples" / "quantized"


@pytest.fixture(scope="module")
def quantized(kept_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Mbuild:
    """A clone of the example on the kept store."""
    return Mbuild(clone(QUANTIZED, tmp_path_factory.mktemp("clones") / "quantized"), kept_store)


def test_a_rule_of_the_workspace_makes_a_smaller_network_that_predicts_as_well(quantized: Mbuild) -> None:
    assert quantized("test", "//models:digits_int8_test").out == "//models:digits_int8_test passed\n"
    report = json.loads((quantized.folder / "mbuild-out" / "models" / "digits_int8_test.json").read_text())
    assert report["bytes"]["quantized"] * 3 < report["bytes"]["exact"]
    assert report["accuracy"]["quantized"] > 0.9


def test_an_image_serves_what_the_rule_makes(quantized: Mbuild) -> None:
    answer = json.loads(quantized("predict", "//models:digits", "--input", "requests/digits.json").out)
    assert [output["data"] for output in answer["outputs"]] == [[0, 1]]


def test_no_lock_of_the_example_names_a_host() -> None:
    assert [path.name for path in QUANTIZED.glob("**/*.lock") if "://" in path.read_text()] == []
