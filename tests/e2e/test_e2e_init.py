"""A workspace that `mbuild init` writes, and what `mbuild new` adds to it: locked, built, tested, asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mbuild_command import Mbuild

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, kept_store: Path) -> Mbuild:
    mbuild = Mbuild(tmp_path_factory.mktemp("begun"), kept_store)
    mbuild("init", "--name", "shop", "--framework", "custom")
    mbuild("lock", "//...", "--allow-unsigned")
    return mbuild


def test_the_workspace_builds_passes_its_test_and_answers(begun: Mbuild) -> None:
    begun("build", "//...")
    assert begun("test", "//...").out == "//models:shop_test passed\n"
    answer = json.loads(begun("predict", "//models:shop", "--input", "requests/example.json").out)
    assert answer["outputs"][0]["data"] == [1.0]
    assert begun("build", "//...").ran == 0


def test_a_new_model_and_a_new_rule_build_at_once(begun: Mbuild) -> None:
    begun("new", "model", "second", "--package", "more")
    begun("new", "rule", "listing")
    begun("build", "//...")
    assert begun("test", "//more/...").out == "//more:second_test passed\n"


def test_the_workspace_of_another_framework_trains_its_model(tmp_path: Path, kept_store: Path) -> None:
    mbuild = Mbuild(tmp_path, kept_store)
    mbuild("init", "--name", "flowers", "--framework", "sklearn")
    mbuild("lock", "//...", "--allow-unsigned")
    assert mbuild("test", "//...").out == "//models:flowers_test passed\n"
    answer = json.loads(mbuild("predict", "//models:flowers", "--input", "requests/example.json").out)
    assert answer["outputs"][0]["data"] == [1]
