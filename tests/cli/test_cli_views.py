"""An image, a volume and an artifact of one model; stamps in them; where they are pushed to."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from invocations import Place
from little_registry import LittleRegistry, serving
from schemas import beside, validate, validate_model_config

from buildkit.commands.build import build
from buildkit.commands.session import Options, Session
from buildkit.events import ignore
from buildkit.reference import Reference
from buildkit.registry import push
from buildkit.registry.memory import MemoryRegistry

BASE = """
load("@mbuild//rules:layers.bzl", "LayersInfo", "make_layer")

def _files(ctx):
    layer = make_layer(ctx, "files", "files_layer", {"files": {"etc/name": ctx.file.src}})
    return [DefaultInfo(files = [layer.layer]), LayersInfo(layers = [layer])]

files = rule(implementation = _files, attrs = {"src": attr.label(allow_single_file = True)})
"""
BUILD = """
load(":base.bzl", "files")
files(name = "base", src = "name.txt")
runtime(name = "runtime", base = ":base", server = "mlserver", bytecode = False)
model(
    name = "m",
    srcs = ["w.safetensors", "config.json"],
    capabilities = {"inputTypes": ["text"], "languages": ["en"], "knowledgeCutoff": "2024-01-31T00:00:00Z"},
    card = "m.md",
    framework = "custom",
    implementation = "a.B",
    license = "MIT",
    param_size = "8b",
    version = "2.0",
)
model_image(name = "image", models = [":m"], runtime = ":runtime")
model_volume(name = "volume", models = [":m"])
model_artifact(name = "pack", authors = ["a", "b"], description = "Scores", models = [":m"], title = "M")
image_index(name = "index", images = [":image", ":pack"])
image_push(name = "push", image = ":image", reference = "localhost:5000/ml/m:v2", remote_tags = ["at-{revision}"])
"""
VIEWS = ("//:image", "//:volume", "//:pack")
KEY = "org.opencontainers.image."
SECRET = "https://user:hunter2@git.example/acme/models.git"
SOURCE = "https://git.example/acme/models"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    place = Place(tmp_path / "workspace", tmp_path / "store")
    place.write({"mbuild.toml": "", "BUILD": BUILD, "base.bzl": BASE, "name.txt": "n", "m.md": "# m"})
    place.write({"w.safetensors": b"w" * 5000, "config.json": "{}"})
    return place


def made(place: Place, *flags: str) -> dict[str, str]:
    """The digests of all targets, built."""
    ran = place.mbuild("//...", *flags)
    assert ran.code == 0, ran.stderr
    return dict(line.split() for line in ran.stdout.splitlines())


def document(place: Place, path: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((place.root / "mbuild-out" / path).read_text())
    return found


def git(place: Place, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *words], cwd=place.root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def committed(place: Place) -> str:
    git(place, "init", "-q")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "all")
    return git(place, "rev-parse", "HEAD")


# Three views


def test_three_views_of_a_model_are_stored_and_pushed_with_the_weights_once(place: Place) -> None:
    session = Session(Options(place.root, dict(os.environ), place.cache), ignore)
    built = {str(one.label): one.digest for one in build(session, VIEWS).checked().built}
    manifests = {label: json.loads(session.store.read(digest)) for label, digest in built.items() if digest}
    blobs = {label: [layer["digest"] for layer in data["layers"]] for label, data in manifests.items()}
    assert set(blobs["//:volume"]) < set(blobs["//:image"])
    assert blobs["//:pack"] == blobs["//:volume"]
    assert len(blobs["//:volume"]) == 3

    registry = MemoryRegistry()
    for number, digest in enumerate(built.values()):
        assert digest
        push(Reference.parse(f"localhost:5000/ml/m:{number}"), digest, session.store, registry, ignore, 2)
    sent = [call.split()[1] for call in registry.calls if call.startswith("push_blob")]
    assert len(sent) == len(set(sent))
    assert set(blobs["//:volume"]) < set(sent)


@beside
def test_the_artifact_is_what_modelpack_and_image_spec_say(place: Place) -> None:
    made(place)
    validate("image-manifest-schema.json", document(place, "pack/manifest.json"))
    validate_model_config(document(place, "pack/config.json"))


def test_the_artifacts_config_and_annotations_say_what_the_targets_do(place: Place) -> None:
    made(place)
    config = document(place, "pack/config.json")
    assert config["descriptor"] == {
        "authors": ["a", "b"],
        "description": "Scores",
        "licenses": ["MIT"],
        "name": "m",
        "title": "M",
        "version": "2.0",
    }
    assert config["config"] == {
        "capabilities": {"inputTypes": ["text"], "knowledgeCutoff": "2024-01-31T00:00:00Z", "languages": ["en"]},
        "format": "safetensors",
        "paramSize": "8b",
    }
    assert document(place, "pack/manifest.json")["annotations"] == {
        f"{KEY}authors": "a, b",
        f"{KEY}description": "Scores",
        f"{KEY}licenses": "MIT",
        f"{KEY}title": "M",
        f"{KEY}version": "2.0",
    }


def test_an_artifact_is_no_root_file_system(place: Place) -> None:
    made(place)
    ran = place.mbuild("//:pack", "--output", "rootfs:root")
    assert (ran.code, ran.told) == (
        2,
        "error: an artifact of 'application/vnd.cncf.model.manifest.v1+json' has no root file system\n"
        "hint: write it as 'oci:DIR' or 'oci-archive:FILE'",
    )
    assert not (place.root / "root").exists()


WRONG = [
    ('{"tasks": []}', "'capabilities' has no 'tasks': a model's are inputTypes, knowledgeCutoff, languages, "),
    ('{"inputTypes": ["txt"]}', "'inputTypes' in 'capabilities' has no 'txt': expected some of text, image, audio, "),
    ('{"inputTypes": "text"}', "'inputTypes' in 'capabilities' must be a list of strings, found \"text\""),
    ('{"languages": ["eng"]}', "'languages' in 'capabilities' holds 'eng', expected two letters such as en (ISO 639)"),
    ('{"reasoning": 1}', "'reasoning' in 'capabilities' must be True or False, found 1"),
    (
        '{"knowledgeCutoff": "2024"}',
        "'knowledgeCutoff' in 'capabilities' must be a time such as 2024-12-31T00:00:00Z, found \"2024\"",
    ),
    ('["text"]', "'capabilities' must be a dict, found list"),
]


@pytest.mark.parametrize(("value", "message"), WRONG)
def test_capabilities_that_modelpack_does_not_know_are_refused_where_they_stand(
    place: Place, value: str, message: str
) -> None:
    place.write(
        {
            "q/BUILD": f'model(name = "x", srcs = ["a.bin"], capabilities = {value}, '
            'framework = "custom", implementation = "a.B")\n',
            "q/a.bin": "",
        }
    )
    ran = place.mbuild("//q:x")
    assert ran.code == 2
    assert ran.told.startswith(f"q/BUILD:1:1: error: {message}"), ran.told


# Where they go


def test_a_push_target_writes_all_its_tags_last_and_each_names_the_image(place: Place) -> None:
    revision = committed(place)
    with serving(LittleRegistry()) as registry:
        place.edit("BUILD", "localhost:5000", registry.address)
        git(place, "commit", "-q", "-a", "-m", "there")
        revision = git(place, "rev-parse", "HEAD")
        ran = place.mbuild("push", "//:push", "--stamp", "--plain-http")
        assert ran.code == 0, ran.stderr
    digest = ran.stdout.strip().partition("@")[2]
    assert ran.stdout == f"{registry.address}/ml/m@{digest}\n"
    names = {name: found[0] for name, found in registry.manifests.items()}
    assert names == dict.fromkeys((digest, "v2", f"at-{revision}"), digest)
    written = [line.rpartition("/")[2] for line in registry.lines() if line.startswith("PUT /v2/ml/m/")]
    assert written[-2:] == [f"at-{revision}", "v2"]


def test_the_image_that_is_pushed_is_written_and_looked_into_by_the_pushs_name_too(place: Place) -> None:
    place.edit("BUILD", "at-{revision}", "v3")
    assert place.mbuild("//:push", "--output", "oci:out:x").code == 0
    ran = place.mbuild("image", "diff", "oci:out:x", "//:push")
    assert (ran.code, ran.stdout.partition(" ")[0]) == (0, "identical:")


def test_a_reference_on_the_command_line_takes_the_place_of_the_targets_own(place: Place) -> None:
    with serving(LittleRegistry()) as registry:
        ran = place.mbuild("push", "//:push", f"{registry.address}/other:one", "--plain-http")
        assert ran.code == 0, ran.stderr
    assert sorted(name for name in registry.manifests if ":" not in name) == ["one"]


@pytest.mark.parametrize(
    ("tag", "message"),
    [
        (
            "at-{revision}",
            "error: '//:push' is pushed as 'at-{revision}', which takes a git revision\nhint: push with --stamp",
        ),
        (
            "{branch}",
            "error: '//:push' is pushed as '{branch}': '{branch}' is not known\nhint: '{revision}' is",
        ),
        (
            "a b",
            "BUILD:20:1: error: invalid image reference 'localhost:5000/ml/m:a b': 'a b' is not a tag\n"
            '    image_push(name = "push", image = ":image", reference = "localhost:5000/ml/m:v2", '
            'remote_tags = ["a b"])\n'
            f"    ^{'~' * 103}\n"
            "  said by @mbuild//rules/push.bzl:LINE\n"
            "hint: references look like 'host/repository:tag'",
        ),
    ],
)
def test_a_tag_that_cannot_be_written_is_told_before_anything_is_built(place: Place, tag: str, message: str) -> None:
    place.edit("BUILD", "at-{revision}", tag)
    ran = place.mbuild("push", "//:push")
    assert (ran.code, ran.told) == (2, message)


# Stamps


def test_a_stamp_is_in_labels_annotations_and_tags_and_in_no_layer(place: Place) -> None:
    plain = made(place)
    revision = committed(place)
    git(place, "remote", "add", "origin", SECRET)
    assert made(place) == plain  # a checkout alone is nothing that enters
    ran = place.mbuild("//...", "--stamp")
    assert ran.code == 0, ran.stderr
    assert {line.split()[0] for line in ran.actions} == {"config", "index", "manifest"}
    labels = {f"{KEY}revision": revision, f"{KEY}source": SOURCE}
    for path in ("image/manifest.json", "volume/manifest.json", "pack/manifest.json", "index/index.json"):
        found = document(place, path)["annotations"]
        assert isinstance(found, dict)
        assert labels.items() <= found.items()
    for name in ("image", "volume"):
        config = document(place, f"{name}/config.json")["config"]
        assert isinstance(config, dict)
        assert labels.items() <= config["Labels"].items()
    descriptor = document(place, "pack/config.json")["descriptor"]
    assert isinstance(descriptor, dict)
    assert (descriptor["revision"], descriptor["sourceURL"]) == (revision, SOURCE)
    assert place.mbuild("//...", "--stamp").actions == []
    assert made(place) == plain


def test_a_working_tree_that_was_edited_is_marked(place: Place) -> None:
    revision = committed(place)
    place.write({"name.txt": "other"})
    made(place, "--stamp")
    annotations = document(place, "volume/manifest.json")["annotations"]
    assert isinstance(annotations, dict)
    assert annotations[f"{KEY}revision"] == f"{revision}-dirty"


def test_the_epoch_is_the_time_of_configs_and_of_no_layer(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made(place)
    layers = document(place, "image/manifest.json")["layers"]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    made(place)
    assert document(place, "image/manifest.json")["layers"] == layers
    assert document(place, "image/config.json")["created"] == "2023-11-14T22:13:20Z"
    descriptor = document(place, "pack/config.json")["descriptor"]
    assert isinstance(descriptor, dict)
    assert descriptor["createdAt"] == "2023-11-14T22:13:20Z"


@pytest.mark.parametrize("value", ["now", "1.5", "-1", "²", "999999999999"])
def test_an_epoch_that_is_no_number_of_seconds_is_refused(
    place: Place, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", value)
    ran = place.mbuild("//:volume")
    assert (ran.code, ran.told) == (
        2,
        f"error: SOURCE_DATE_EPOCH must be a whole number of seconds, from 1970 to the year 9999, found {value!r}\n"
        "hint: set it as in: SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)",
    )


def test_stamping_needs_a_checkout_with_a_commit(place: Place) -> None:
    hint = "hint: leave out --stamp, or build in a clone of the repository"
    ran = place.mbuild("//:volume", "--stamp")
    assert (ran.code, ran.told) == (2, f"error: --stamp: the workspace '{place.root}' is in no git checkout\n{hint}")
    git(place, "init", "-q")
    ran = place.mbuild("//:volume", "--stamp")
    what = "is in a git checkout without a commit"
    assert (ran.code, ran.told) == (2, f"error: --stamp: the workspace '{place.root}' {what}\n{hint}")


def test_stamping_without_git_says_what_is_missing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    ran = place.mbuild("//:volume", "--stamp")
    assert (ran.code, ran.told) == (
        36,
        "error: --stamp needs git, which is not installed\nhint: leave out --stamp",
    )


def test_rules_of_ones_own_are_told_the_stamp(place: Place) -> None:
    rule = """
def _told(ctx):
    file = ctx.actions.declare_file(ctx.label.name + ".txt")
    ctx.actions.write(file, ctx.stamp.get("revision", "none"))
    return [DefaultInfo(files = [file])]

told = rule(implementation = _told)
"""
    place.write({"told.bzl": rule, "t/BUILD": 'load("//:told.bzl", "told")\ntold(name = "t")\n'})
    revision = committed(place)
    found = []
    for flags in ((), ("--stamp",)):
        assert place.mbuild("//t", *flags).code == 0
        found.append((place.root / "mbuild-out/t/t.txt").read_text())
    assert found == ["none", revision]


def test_of_several_models_an_artifact_says_what_all_have_in_common(place: Place) -> None:
    own = """
load("@mbuild//rules:layers.bzl", "make_layer")
load("@mbuild//rules:model.bzl", "ModelInfo")

def _bare(ctx):
    layer = make_layer(ctx, "files", "files_layer", {"files": {"models/bare/x": ctx.file.src}})
    return [ModelInfo(name = "bare", layers = [layer], license = "MIT", version = "7")]

bare = rule(implementation = _bare, attrs = {"src": attr.label(allow_single_file = True)})
"""
    build_file = """
load("//:own.bzl", "bare")
[model(
    name = name,
    srcs = [name + ".onnx"],
    family = "trees",
    framework = "sklearn",
    license = license,
    precision = precision,
) for name, license, precision in [("a", "MIT", "float32"), ("b", "Apache-2.0", "float64")]]
model_artifact(name = "both", models = [":a", ":b"])
bare(name = "own", src = "a.onnx")
model_artifact(name = "with_own", models = [":own"])
"""
    place.write({"own.bzl": own, "two/BUILD": build_file, "two/a.onnx": "a", "two/b.onnx": "b"})
    ran = place.mbuild("//two:both", "//two:with_own")
    assert ran.code == 0, ran.stderr
    both = document(place, "two/both/config.json")
    assert (both["descriptor"], both["config"]) == (
        {"family": "trees", "licenses": ["Apache-2.0", "MIT"], "name": "both"},
        {"format": "onnx"},
    )
    own_config = document(place, "two/with_own/config.json")
    assert (own_config["descriptor"], own_config["config"]) == (
        {"licenses": ["MIT"], "name": "bare", "version": "7"},
        {},
    )


CLASH = """
model(name = "m", srcs = ["README.txt", "readme.TXT", "w.bin"], framework = "sklearn")
model_volume(name = "volume", models = [":m"])
model_artifact(name = "pack", models = [":m"])
image_index(
    name = "both",
    image = ":volume",
    platforms = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"],
)
"""


def test_names_that_are_one_on_other_systems_are_warned_of_in_every_build(place: Place) -> None:
    place.write({"BUILD": CLASH, "README.txt": "a", "readme.TXT": "b", "w.bin": "w", "mbuild.toml": ""})
    for target, owner in (("//:volume", "//:volume"), ("//:pack", "//:pack"), ("//:both", "//:volume")):
        for _ in range(2):  # done anew, and from the cache
            ran = place.mbuild(target)
            assert ran.code == 0, ran.stderr
            told = [line for line in ran.stderr.splitlines() if "warning" in line]
            assert told == [
                f"warning: '{owner}': 'models/m/README.txt' in layer 2 (README.txt) and 'models/m/readme.TXT' in layer "
                "1 (m weights) are one name on macOS and Windows, where case and Unicode form do not count: "
                "rename one of them"
            ]


@pytest.mark.parametrize("rule", ["model_volume", "model_artifact"])
def test_two_models_of_one_name_do_not_share_a_folder(tmp_path: Path, rule: str) -> None:
    model = 'model(name = "m", srcs = ["w.bin"], framework = "sklearn", visibility = ["//visibility:public"])\n'
    place = Place(tmp_path / "w", tmp_path / "cache")
    place.write({"a/BUILD": model, "a/w.bin": "a", "b/BUILD": model, "b/w.bin": "b"})
    place.write({"mbuild.toml": "", "BUILD": f'{rule}(name = "x", models = ["//a:m", "//b:m"])\n'})
    ran = place.mbuild("//:x")
    assert ran.code == 2
    assert ran.stderr.startswith(
        "BUILD:1:1: error: '//a:m' and '//b:m' would share the folder 'models/m': rename one of them\n"
    )
