"""BUILD.example is valid as it stands, and builds with the files of examples/fraud."""

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest
from invocations import Place
from locked_images import two_platforms

from buildkit.graph.loader import Loader
from buildkit.graph.lockfile import Lock, render_lock, request_key
from buildkit.graph.modules import PRELUDE
from buildkit.graph.rule import Rule
from buildkit.graph.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
FRAUD = ROOT / "examples" / "fraud"
# Where the example has its runtimes: what both build at the same path is the same action, and built once.
PACKAGE = "third_party"
FILES = {
    "BUILD": ROOT / "BUILD.example",
    "debian.lock": FRAUD / "third_party" / "debian.lock",
    "training.lock": FRAUD / "third_party" / "training.lock",
    "serving.lock": FRAUD / "third_party" / "serving.lock",
    "generate.py": FRAUD / "data" / "generate.py",
    "train.py": FRAUD / "models" / "train.py",
    "golden.py": FRAUD / "models" / "golden.py",
    "fraud.md": FRAUD / "models" / "fraud.md",
}
IMAGE = {"image": "registry.acme.example/library/python:3.11-slim", "digest": "", "platforms": []}
WRITTEN = {
    "python_base.lock": render_lock(Lock("image", request_key("image", IMAGE), (), (), two_platforms())),
    "drafts/unfinished.md": "# Not yet\n",
    "lib/features.py": "class Rules:\n    pass\n",
    "weights/rules.bin": bytes(range(256)),
    "weights/rules.json": "{}\n",
}


@pytest.fixture
def tour(tmp_path: Path, kept_store: Path) -> Place:
    place = Place(tmp_path / "tour", kept_store)
    place.write({"mbuild.toml": "", **{f"{PACKAGE}/{name}": content for name, content in WRITTEN.items()}})
    for name, path in FILES.items():
        shutil.copyfile(path, place.root / PACKAGE / name)
    return place


class _Forgetful:
    """A ParsedCache that keeps nothing."""

    def get(self, key: object) -> None:
        return None

    def put(self, key: object, data: bytes) -> None:
        pass


def test_it_shows_every_rule_that_build_files_know(tour: Place) -> None:
    loader = Loader(Workspace.find(tour.root), _Forgetful(), lambda span, text: None)
    known = {name for name, value in loader.module(PRELUDE).items() if isinstance(value, Rule)}
    shown = set(re.findall(r"^(\w+)\($", (ROOT / "BUILD.example").read_text(), re.MULTILINE))
    assert shown - {"package", "exports_files"} == known
    loader.package(PACKAGE)
    assert {rule.name for rule in loader.rules.values()} == known


def test_every_target_has_a_comment(tour: Place) -> None:
    blocks = re.split(r"\n\n", (ROOT / "BUILD.example").read_text())
    silent = [block for block in blocks if re.match(r"\w+\(", block)]
    assert [re.search(r'name = "(\w+)"', block)[1] for block in silent] == [
        "sklearn_server"
    ]  # it is told with "training"


def test_it_loads_and_analyzes_with_its_locks(tour: Place) -> None:
    listed = tour.mbuild("query", "//...")
    assert (listed.code, listed.told) == (0, "")
    assert listed.stdout.split() == [
        "//third_party:contents",
        "//third_party:debian_python",
        "//third_party:documents",
        "//third_party:features",
        "//third_party:fraud",
        "//third_party:fraud_golden",
        "//third_party:fraud_model",
        "//third_party:fraud_test",
        "//third_party:licence",
        "//third_party:python_base",
        "//third_party:rules_everywhere",
        "//third_party:rules_model",
        "//third_party:rules_pack",
        "//third_party:rules_volume",
        "//third_party:serving_packages",
        "//third_party:ship",
        "//third_party:sklearn_server",
        "//third_party:training",
        "//third_party:training_packages",
        "//third_party:transactions",
    ]
    current = tour.mbuild("lock", "--check", "//...")
    assert current.code == 0, current.stderr


def test_what_needs_nothing_from_outside_builds(tour: Place) -> None:
    names = ("contents", "documents", "features", "python_base", "rules_pack", "rules_volume")
    ran = tour.mbuild(*(f"//third_party:{name}" for name in names))
    assert ran.code == 0, ran.stderr
    digests = dict(line.split() for line in ran.stdout.splitlines())
    assert list(digests) == [f"//third_party:{name}" for name in names]
    out = tour.root / "mbuild-out" / PACKAGE
    card = (FRAUD / "models" / "fraud.md").read_bytes()
    assert digests["//third_party:python_base"] == str(two_platforms().images[0].manifest.digest)
    assert (out / "contents.txt").read_text() == f"{len(card)} third_party/fraud.md\n"
    assert digests["//third_party:documents"] == f"sha256:{hashlib.sha256(card).hexdigest()}"
    manifest = (out / "rules_volume" / "manifest.json").read_bytes()
    assert digests["//third_party:rules_volume"] == f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    types = [layer["mediaType"] for layer in json.loads(manifest)["layers"]]
    assert types == ["application/vnd.oci.image.layer.v1.tar"] * 2  # the rules, and the card


@pytest.mark.e2e
def test_the_rest_builds_too_and_its_test_passes(tour: Place) -> None:
    ran = tour.mbuild("test", "//...")
    assert (ran.code, ran.stdout.split()[:1]) == (0, ["//third_party:fraud_test"]), ran.stderr
