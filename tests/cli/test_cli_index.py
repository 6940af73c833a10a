"""`image_index` from BUILD text to a layout and a registry; its locks, one for each platform."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from invocations import Place, Ran

from buildkit.digest import Digest
from buildkit.graph.configuration import Configuration
from buildkit.label import Label

BUILD = """
model(name = "m", srcs = ["a.bin"], framework = "sklearn")
model_volume(name = "volume", models = [":m"])
image_index(
    name = "everywhere",
    image = ":volume",
    platforms = ["//platforms:big", "@mbuild//platforms:linux_amd64"],
    annotations = {"org.example.team": "scoring"},
)
image_index(name = "both", images = [":volume", ":everywhere"])
"""
PLATFORMS = 'platform(name = "big", parents = ["@mbuild//platforms:linux_arm64"], variant = "v8")\n'
BIG = Configuration.of(Label("", "platforms", "big"), ())

LOCKED = """
python_packages(name = "packages", requirements = ["six"], lock = {lock})
runtime(name = "server", base = ":base", packages = [":packages"], server = "mlserver")
debian_packages(name = "base", packages = ["python3.11-minimal"], lock = select({{
    "@mbuild//platforms:arm64": "debian.arm64.lock",
    "//conditions:default": "debian.lock",
}}))
model(name = "m", srcs = ["a.bin"], framework = "sklearn")
model_image(name = "image", models = [":m"], runtime = ":server")
model_test(name = "image_test", image = ":image", golden = "golden.json")
image_index(
    name = "index",
    image = ":image",
    platforms = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"],
)
"""
SELECT = 'select({"@mbuild//platforms:arm64": "p.arm64.lock", "//conditions:default": "p.lock"})'


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "w", tmp_path / "cache")
    place.write({"mbuild.toml": "", "BUILD": BUILD, "platforms/BUILD": PLATFORMS, "a.bin": b"weights"})
    return place


def built(ran: Ran) -> dict[str, str]:
    assert ran.code == 0, ran.stderr
    return dict(line.split() for line in ran.stdout.splitlines())


def test_an_index_is_built_and_written_as_a_layout(place: Place, tmp_path: Path) -> None:
    layout = tmp_path / "layout"
    digests = built(place.mbuild("build", "//:everywhere", "//:volume", f"--output=oci:{layout}"))
    document = (place.root / "mbuild-out" / "everywhere" / "index.json").read_bytes()
    assert digests["//:everywhere"] == str(Digest.of(document))
    index = json.loads(document)
    assert index["annotations"] == {"org.example.team": "scoring"}
    assert [row["platform"] for row in index["manifests"]] == [
        {"architecture": "arm64", "os": "linux", "variant": "v8"},
        {"architecture": "amd64", "os": "linux"},
    ]
    assert index["manifests"][1]["digest"] == digests["//:volume"]

    def blob(digest: str) -> dict[str, object]:
        found: dict[str, object] = json.loads((layout / "blobs" / digest.replace(":", "/")).read_bytes())
        return found

    manifests = [blob(row["digest"]) for row in index["manifests"]]
    configs = [blob(manifest["config"]["digest"]) for manifest in manifests]  # type: ignore[index]
    assert [(one["architecture"], one.get("variant")) for one in configs] == [("arm64", "v8"), ("amd64", None)]
    assert manifests[0]["layers"] == manifests[1]["layers"]  # weights are the same on all processors


def test_images_of_their_own_and_indexes_stand_side_by_side(place: Place) -> None:
    digests = built(place.mbuild("//..."))
    rows = json.loads((place.root / "mbuild-out" / "both" / "index.json").read_bytes())["manifests"]
    assert [(row["digest"], row.get("platform")) for row in rows] == [
        (digests["//:volume"], {"architecture": "amd64", "os": "linux"}),
        (digests["//:everywhere"], None),
    ]


def test_a_second_build_runs_nothing(place: Place) -> None:
    first = place.mbuild("//:both")
    assert sum(" small_file_layers " in line or " big_file_layers " in line for line in first.actions) <= 2
    again = place.mbuild("//:both")
    assert again.actions == []
    assert again.stdout == first.stdout


def test_a_listing_has_a_target_once_for_each_configuration(place: Place) -> None:
    shown = place.mbuild("cquery", "kind('model.*', deps(//:everywhere))").stdout.splitlines()
    assert shown == ["//:m (default)", f"//:m ({BIG.short})", "//:volume (default)", f"//:volume ({BIG.short})"]
    one = place.mbuild("cquery", f"config(deps(//:everywhere), {BIG.short})").stdout.splitlines()
    assert one == [f"//:m ({BIG.short})", f"//:volume ({BIG.short})"]
    rows = place.mbuild("cquery", "//:volume", "--universe-scope=//...", "--output=jsonl").stdout.splitlines()
    assert [json.loads(row)["configuration"] for row in rows] == ["default", BIG.short]
    actions = place.mbuild("aquery", "mnemonic(index, //:everywhere)").stdout.splitlines()
    assert f"  Inputs: [{BIG.folder}/volume/manifest.json, volume/manifest.json]" in actions


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ("", "an index of nothing: give 'image' and 'platforms', or 'images'"),
        ('image = ":volume"', "'image' and 'platforms' belong together: give both, or only 'images'"),
        ('images = [":volume", ":other"]', "'//:volume' and '//:other' are both for linux/amd64"),
        (
            'image = ":fixed", platforms = ["//platforms:big", "@mbuild//platforms:linux_amd64"]',
            "'//:fixed' is for linux/amd64 on two of the 'platforms'; does it, or its runtime, say 'platform' itself?",
        ),
    ],
)
def test_a_wrong_index_is_told(place: Place, attributes: str, message: str) -> None:
    more = """
model_volume(name = "other", models = [":m"])
model_volume(name = "fixed", models = [":m"], platform = "linux/amd64")
"""
    place.write({"BUILD": f'{BUILD}{more}image_index(name = "x", {attributes})\n'})
    ran = place.mbuild("//:x")
    assert ran.code == 2
    assert f"error: {message}\n" in ran.stderr


def test_all_locks_of_an_index_are_checked_in_one_go(place: Place) -> None:
    place.write({"BUILD": LOCKED.format(lock=SELECT), "golden.json": "{}"})
    ran = place.mbuild("lock", "--check", "//:index")
    assert ran.code == 2
    told = [line for line in ran.stderr.splitlines() if line.startswith(("error", "hint", "  the lock"))]
    arm = "--platform=@mbuild//platforms:linux_arm64"
    assert told == [
        "error: the lock 'debian.arm64.lock' does not exist",
        "  the lock of //:base",
        f"hint: run 'mbuild lock {arm} //:base'",
        "error: the lock 'debian.lock' does not exist",
        "  the lock of //:base",
        "hint: run 'mbuild lock //:base'",
        "error: the lock 'p.arm64.lock' does not exist",
        "  the lock of //:packages",
        f"hint: run 'mbuild lock {arm} //:packages'",
        "error: the lock 'p.lock' does not exist",
        "  the lock of //:packages",
        "hint: run 'mbuild lock //:packages'",
    ]


def test_one_lock_for_two_platforms_is_refused(place: Place) -> None:
    place.write({"BUILD": LOCKED.format(lock='"p.lock"'), "golden.json": "{}"})
    ran = place.mbuild("lock", "--check", "//:index")
    assert (ran.code, ran.stderr) == (
        2,
        "error: 'p.lock' cannot be the lock of '//:packages' in two configurations that ask for other things\n"
        "  in default\n"
        "  in --platform=@mbuild//platforms:linux_arm64\n"
        "hint: name a file for each: lock = select({'@mbuild//platforms:arm64': …, '//conditions:default': …})\n",
    )


def test_a_test_of_an_image_that_cannot_run_here_is_refused_by_name(place: Place) -> None:
    place.write({"BUILD": LOCKED.format(lock=SELECT), "golden.json": "{}"})
    arm = "--platform=@mbuild//platforms:linux_arm64"
    ran = place.mbuild("test", arm, "//:image_test")
    assert ran.code == 2
    told = ran.stderr.splitlines()
    assert told[0].endswith(
        "error: '//:image_test' is not compatible with the platform '@mbuild//platforms:linux_arm64' (linux/arm64)"
    )
    hint = "hint: it runs what is built, and actions run on another platform; --host-platform says on which"
    assert told[-1] == hint


@pytest.mark.parametrize(
    ("platform", "told"),
    [
        (
            "//nope:x",
            "error: no package '//nope': there is no 'nope/BUILD.mbuild' or 'nope/BUILD'\n"
            "  asked for by --host-platform\n",
        ),
        ("//:volume", "error: '//:volume' is not a platform: it is a target of 'model_volume'\n"),
    ],
)
def test_a_wrong_host_platform_is_told(place: Place, platform: str, told: str) -> None:
    ran = place.mbuild(f"--host-platform={platform}", "//:volume")
    assert (ran.code, ran.stderr) == (2, told)


@pytest.mark.parametrize("flag", ["--platform", "--host-platform"])
def test_a_platform_as_other_programs_write_it_is_told_its_target(place: Place, flag: str) -> None:
    place.write({"mbuild.toml": "", "BUILD": ""})
    assert place.mbuild("//...", f"{flag}=linux/arm64") == Ran(
        2,
        "",
        f"error: '{flag}' names a target, found 'linux/arm64'\nhint: write '{flag} @mbuild//platforms:linux_arm64'\n",
    )


def test_what_ships_does_not_depend_on_where_actions_run(place: Place) -> None:
    hosts = ("auto", "@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64")
    here, *there = [place.mbuild("//...", f"--host-platform={host}") for host in hosts]
    assert here.code == 0, here.stderr
    assert [one.stdout for one in there] == [here.stdout] * 2
    assert list(built(here)) == ["//:both", "//:everywhere", "//:m", "//:volume"]


def test_of_an_index_the_image_of_the_builds_platform_is_looked_at(place: Place) -> None:
    for platform, told in (
        ("//platforms:big", "linux/arm64/v8"),
        ("linux/arm64", "linux/arm64/v8"),
        ("", "linux/amd64"),
    ):
        ran = place.mbuild("image", "inspect", "--json", "//:everywhere", f"--platform={platform}")
        assert ran.code == 0, ran.stderr
        assert json.loads(ran.stdout)["platform"] == told


def test_an_artifact_is_not_put_into_an_index_twice(place: Place) -> None:
    place.write({"BUILD": BUILD.replace("model_volume(", "model_artifact(", 1)})
    ran = place.mbuild("//:everywhere")
    assert ran.code == 2
    assert "error: '//:volume' is for no platform, being an artifact or an index: name it in 'images'" in ran.stderr


def test_a_variant_is_a_word(place: Place) -> None:
    place.write({"platforms/BUILD": PLATFORMS.replace('"v8"', '"v8/x"')})
    assert place.mbuild("//:everywhere").stderr.startswith(
        "platforms/BUILD:1:70: error: platform '//platforms:big' has the variant 'v8/x', expected letters, digits, "
        "'.', '_' or '-'\n"
    )
