"""`base_image` from `mbuild lock` to a fetched layer, against a registry that notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from invocations import Place, Ran
from little_registry import LittleRegistry, serving
from locked_images import LAYER, config_of, descriptor_of, index_of, layer_of, manifest_of

from buildkit.commands.graph import analysis
from buildkit.commands.origins import origins_of
from buildkit.commands.session import Options, Session
from buildkit.digest import Digest
from buildkit.graph.image_documents import LockedDocument
from buildkit.graph.lockfile import parse_lock, render_lock, request_key
from buildkit.reference import Reference

ONE = b"not really a tar"
BUILD = """
load(":fetched.bzl", "fetched")

base_image(name = "base", image = "{host}/team/base:1", lock = "base.lock", platforms = ["linux/amd64"])
runtime(name = "server", base = ":base", server = "mlserver")
model(name = "m", srcs = ["a.bin"], framework = "sklearn")
model_image(name = "x", models = [":m"], runtime = ":server")
fetched(name = "bytes", base = ":base")
"""
FETCHED = """
load("@mbuild//rules:layers.bzl", "LayersInfo", "blobs")

fetched = rule(
    implementation = lambda ctx: [DefaultInfo(files = blobs(ctx.attr.base[LayersInfo].layers))],
    attrs = {"base": attr.label(mandatory = True)},
)
"""


@pytest.fixture
def registry() -> Iterator[LittleRegistry]:
    with serving(LittleRegistry()) as little:
        config = config_of()
        manifest = manifest_of(config, layers=[layer_of(ONE)])
        for name, found in (("1", index_of(("linux/amd64", manifest))), (str(manifest.digest), manifest)):
            little.manifests[name] = (str(found.digest), found.data)
        little.blobs = {str(config.digest): config.data, str(Digest.of(ONE)): ONE}
        yield little


@pytest.fixture
def place(tmp_path: Path, registry: LittleRegistry) -> Place:
    place = Place(tmp_path / "w", tmp_path / "cache")
    settings = f'[registry."{registry.address}"]\nplain_http = true\n'
    build_file = BUILD.format(host=registry.address)
    place.write({"mbuild.toml": settings, "BUILD": build_file, "fetched.bzl": FETCHED, "a.bin": "weights"})
    return place


def asked(registry: LittleRegistry) -> list[str]:
    """The requests since the last look, but for those that find out how to log in."""
    lines = [line for line in registry.lines() if line != "GET /v2/"]
    registry.seen.clear()
    return lines


def locked(place: Place, registry: LittleRegistry) -> None:
    ran = place.mbuild("lock", "//:base")
    assert ran.code == 0, ran.stderr
    registry.seen.clear()


def test_locking_asks_for_documents_only(place: Place, registry: LittleRegistry) -> None:
    ran = place.mbuild("lock", "//...")
    assert (ran.code, ran.stdout) == (0, "//:base base.lock written\n"), ran.stderr
    config = config_of()
    manifest = manifest_of(config, layers=[layer_of(ONE)])
    assert asked(registry) == [
        "GET /v2/team/base/manifests/1",
        f"GET /v2/team/base/manifests/{manifest.digest}",
        f"GET /v2/team/base/blobs/{config.digest}",
    ]
    assert place.mbuild("lock", "--check", "//...").code == 0
    assert asked(registry) == []


def test_an_image_on_a_base_is_built_without_a_request(place: Place, registry: LittleRegistry) -> None:
    locked(place, registry)
    ran = place.mbuild("//:x", "//:server", "//:base")
    assert ran.code == 0, ran.stderr
    assert asked(registry) == []
    assert place.mbuild("--offline", "//:x").code == 0


def test_a_layer_is_fetched_once_when_its_bytes_are_wanted(place: Place, registry: LittleRegistry) -> None:
    locked(place, registry)
    digest = Digest.of(ONE)
    offline = place.mbuild("--offline", "//:bytes")
    assert (offline.code, asked(registry)) == (36, [])
    assert offline.told.splitlines()[:3] == [
        f"error: layer {digest} of '{registry.address}/team/base' is not in the store, "
        "and --offline forbids to fetch it",
        "  needed by //:base",
        "hint: build once without --offline",
    ]
    assert place.mbuild("//:bytes").stdout == f"//:bytes {digest}\n"
    assert asked(registry) == [f"GET /v2/team/base/blobs/{digest}"]
    assert place.mbuild("--offline", "//:bytes").stdout == f"//:bytes {digest}\n"


def test_other_bytes_than_those_of_the_lock_are_refused(place: Place, registry: LittleRegistry) -> None:
    locked(place, registry)
    registry.blobs[str(Digest.of(ONE))] = ONE[::-1]
    ran = place.mbuild("//:bytes")
    assert ran.code == 36
    assert f"sent other bytes than those of its digest ({Digest.of(ONE[::-1])})" in ran.told


def test_a_tag_that_moved_changes_nothing_until_it_is_locked_again(place: Place, registry: LittleRegistry) -> None:
    locked(place, registry)
    before = (place.root / "base.lock").read_text()
    config = config_of(author="another")
    moved = manifest_of(config, layers=[layer_of(ONE)])
    registry.manifests["1"] = (str(moved.digest), moved.data)
    registry.blobs[str(config.digest)] = config.data
    assert place.mbuild("lock", "--check", "//...").code == 0
    assert place.mbuild("//:base").code == 0
    assert (place.root / "base.lock").read_text() == before
    assert place.mbuild("lock", "//:base").code == 0
    assert str(moved.digest.hex) in (place.root / "base.lock").read_text()


def test_layers_of_a_base_keep_their_digests(place: Place, registry: LittleRegistry) -> None:
    locked(place, registry)
    assert place.mbuild("//:x").code == 0
    text = (place.root / "mbuild-out" / "x" / "manifest.json").read_text()
    row = descriptor_of(LockedDocument(LAYER, ONE))
    assert f'"digest":"{row["digest"]}"' in text


def test_output_takes_the_layers_of_a_base_in_a_stream_from_its_registry(
    place: Place, registry: LittleRegistry
) -> None:
    locked(place, registry)
    digest = Digest.of(ONE)
    offline = place.mbuild("--offline", "//:x", "--output", "oci:out")
    assert (offline.code, offline.told) == (
        2,
        f"error: reading layers of a base image from '{registry.address}' needs the network, and --offline forbids it\n"
        "hint: leave out --offline",
    )
    assert not (place.root / "out" / "index.json").exists()
    ran = place.mbuild("//:x", "--output", "oci:out")
    assert ran.code == 0, ran.stderr
    assert (place.root / "out" / "blobs" / "sha256" / digest.hex).read_bytes() == ONE
    assert asked(registry) == [f"GET /v2/team/base/blobs/{digest}"]


def test_of_two_registries_that_hold_a_layer_the_one_that_is_pushed_to_is_its_origin(
    place: Place, registry: LittleRegistry
) -> None:
    locked(place, registry)
    text = (place.root / "BUILD").read_text()
    here, there = f"{registry.address}/team/base:1", "registry.invalid/team/base:1"
    request = {"image": there, "digest": "", "platforms": ["linux/amd64"]}
    lock = parse_lock((place.root / "base.lock").read_text(), "base.lock")
    place.write({"z.lock": render_lock(replace(lock, request_key=request_key("image", request)))})
    (line,) = (line for line in text.splitlines() if line.startswith("base_image("))
    other = line.replace(here, there).replace("base.lock", "z.lock").replace('"base"', '"z"')
    place.write({"BUILD": text + other + "\n"})
    session = Session(Options(place.root, {}, cache_dir=place.cache, offline=True), lambda event: None)
    analyzed = analysis(session, ["//:base", "//:z"])
    digest = Digest.of(ONE)
    assert origins_of(analyzed, registry.address) == {digest: Reference(registry.address, "team/base")}
    assert origins_of(analyzed, "registry.invalid") == {digest: Reference("registry.invalid", "team/base")}


def test_locking_keeps_going_past_what_cannot_be_locked(place: Place, registry: LittleRegistry) -> None:
    gone = f'base_image(name = "a", image = "{registry.address}/team/base:2", lock = "a.lock")\n'
    place.write({"BUILD": gone + BUILD.format(host=registry.address), "broken/BUILD": "nothing()\n"})
    broken = """\
broken/BUILD:1:1: error: name 'nothing' is not defined
    nothing()
    ^~~~~~~
"""
    assert place.mbuild("lock", "//...") == Ran(2, "", broken)
    missing = f"""\
error: the registry has no image '{registry.address}/team/base:2'
  while locking '{registry.address}/team/base:2'
hint: check the name, and whether you may read it
"""
    assert place.mbuild("lock", "-k", "//...") == Ran(2, "//:base base.lock written\n", broken + missing)
    assert place.mbuild("lock", "--check", "//:base").code == 0
    assert place.mbuild("lock", "-k", "--check", "//...") == Ran(
        2, "", broken + "error: the lock 'a.lock' does not exist\n  the lock of //:a\nhint: run 'mbuild lock //:a'\n"
    )
