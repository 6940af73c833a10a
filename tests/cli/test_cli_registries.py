"""Commands about registries: what is printed, and what a mistake is told. tests/e2e has them against a real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from invocations import Ran, in_process
from little_registry import Answer, LittleRegistry, serving

from buildkit.digest import Digest
from buildkit.oci.descriptor import INDEX, MANIFEST

CONFIG = b'{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]}}'


def image(note: str) -> bytes:
    config = {
        "mediaType": "application/vnd.oci.image.config.v1+json",
        "digest": str(Digest.of(CONFIG)),
        "size": len(CONFIG),
    }
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [], "annotations": {"n": note}}
    return json.dumps(document).encode()


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LittleRegistry]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    with serving(LittleRegistry()) as little:
        for tag in ("v1", "v2"):
            little.manifests[tag] = (str(Digest.of(image(tag))), image(tag))
        little.blobs[str(Digest.of(CONFIG))] = CONFIG
        yield little


def mbuild(*argv: str) -> Ran:
    return in_process(*argv, "--plain-http")


ONE, TWO = (str(Digest.of(image(tag))) for tag in ("v1", "v2"))


def test_a_tag_is_moved_and_the_one_before_told(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    assert mbuild("tag", f"{place}:v1", "prod") == Ran(
        0, f"{place}:prod@{ONE}\n", f"{place}:prod named nothing before\n"
    )
    assert mbuild("promote", f"{place}:v2", "--to", "prod", "--json") == Ran(
        0,
        json.dumps({"reference": f"{place}:prod", "digest": TWO, "before": ONE, "mounted": 0, "copied": 0}) + "\n",
        "",
    )
    assert [line for line in registry.lines() if line.startswith("P")] == ["PUT /v2/ml/fraud/manifests/prod"] * 2
    assert registry.manifests["prod"] == (TWO, image("v2"))


def test_a_tag_that_names_it_already_is_not_written(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    assert mbuild("promote", f"{place}:v1", "--to", f"{place}:v1") == Ran(0, f"{place}:v1@{ONE}\n", "")
    assert not [line for line in registry.lines() if line.startswith("P")]


def test_several_tags_are_promoted_at_once(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    assert mbuild("promote", f"{place}:v1", "--to", "prod", "--to", f"{place}:v2", "--to", "prod") == Ran(
        0,
        f"{place}:prod@{ONE}\n{place}:v2@{ONE}\n",
        f"{place}:prod named nothing before\n{place}:v2 named {TWO} before\n",
    )
    assert registry.manifests["prod"] == registry.manifests["v2"] == (ONE, image("v1"))


def test_an_image_is_pulled_to_several_outputs(registry: LittleRegistry, tmp_path: Path) -> None:
    place = f"{registry.address}/ml/fraud"
    assert mbuild("pull", f"{place}:v1", "--output", "oci:a:x", "--output", "rootfs:b") == Ran(
        0, f"oci:a:x {ONE}\nrootfs:b {ONE}\n", ""
    )
    assert (tmp_path / "a" / "index.json").is_file()
    assert list((tmp_path / "b").iterdir()) == []


def test_the_digest_that_is_told_is_of_what_was_written(registry: LittleRegistry) -> None:
    rows = [
        {
            "mediaType": MANIFEST,
            "digest": digest,
            "size": len(image(tag)),
            "platform": {"os": "linux", "architecture": architecture},
        }
        for digest, tag, architecture in ((ONE, "v1", "arm64"), (TWO, "v2", "amd64"))
    ]
    data = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
    index = str(Digest.of(data))
    registry.manifests |= {"many": (index, data), ONE: (ONE, image("v1")), TWO: (TWO, image("v2"))}
    place = f"{registry.address}/ml/fraud:many"
    sinks = ["oci:a", "oci-archive:a.tar", "docker-archive:b", "rootfs:c"]
    assert mbuild("pull", place, *(f"--output={sink}" for sink in sinks)).stdout == (
        f"oci:a {index}\noci-archive:a.tar {index}\ndocker-archive:b {TWO}\nrootfs:c {TWO}\n"
    )
    assert in_process("copy", "oci:a", "rootfs:d") == Ran(0, f"rootfs:d {TWO}\n", "")
    assert in_process("copy", "oci:a", "rootfs:e", "--platform", "linux/arm64") == Ran(0, f"rootfs:e {ONE}\n", "")


def test_a_registry_that_keeps_another_manifest_is_caught(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    registry.plant("PUT", "manifests/prod", Answer(201))
    assert mbuild("tag", f"{place}:v1", "prod") == Ran(
        36,
        "",
        f"error: '{place}:prod' names nothing just after it was set to {ONE}\n"
        "hint: try again; perhaps somebody else writes the same tag\n",
    )


def test_tags_are_listed_without_those_that_list_referrers(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    registry.manifests["sha256-" + "0" * 64] = ("", b"")
    assert mbuild("tags", place) == Ran(0, "v1\nv2\n", "")
    assert mbuild("tags", place, "--all") == Ran(0, f"sha256-{'0' * 64}\nv1\nv2\n", "")
    first = {"reference": f"{place}:v1", "tag": "v1"}
    assert json.loads(mbuild("tags", place, "--json").stdout.splitlines()[0]) == first


def test_tags_are_sorted_whatever_the_registrys_order(registry: LittleRegistry) -> None:
    registry.plant("GET", "tags/list?n=", Answer(200, {}, b'{"tags": ["b", "a"]}'))
    assert mbuild("tags", f"{registry.address}/ml/fraud").stdout == "a\nb\n"


@pytest.mark.parametrize("names", [b'["a", 5]', b'["a\\nforged"]', b'[""]'])
def test_names_that_are_no_tags_are_refused(registry: LittleRegistry, names: bytes) -> None:
    registry.plant("GET", "tags/list?n=", Answer(200, {}, b'{"tags": %s}' % names))
    assert mbuild("tags", f"{registry.address}/ml/fraud") == Ran(
        36,
        "",
        f"error: registry '{registry.address}' sent names that are no tags, while listing the tags of 'ml/fraud'\n"
        "hint: check that the host is a registry; if so, it or a proxy before it is at fault\n",
    )


@pytest.mark.parametrize(("named", "asked"), [("LOCALHOST", "localhost"), ("localhost", "LocalHost")])
def test_settings_hold_for_a_host_in_any_case(registry: LittleRegistry, tmp_path: Path, named: str, asked: str) -> None:
    port = registry.address.partition(":")[2]
    (tmp_path / "mbuild.toml").write_text(f'[registry."{named}:{port}"]\nplain_http = true\n')
    assert in_process("tags", f"{asked}:{port}/ml/fraud") == Ran(0, "v1\nv2\n", "")


def test_a_layouts_tag_is_kept_where_the_target_has_none(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    assert mbuild("copy", f"{place}:v1", "oci:layout:v7").code == 0
    assert mbuild("copy", "oci:layout:v7", place).code == 0
    assert registry.manifests["v7"] == (ONE, image("v1"))


def test_a_reference_without_a_tag_means_the_latest_and_says_so(registry: LittleRegistry) -> None:
    place = f"{registry.address}/ml/fraud"
    assert mbuild("promote", place, "--to", "prod") == Ran(
        1,
        "",
        f"error: '{place}:latest' does not exist\nhint: without a tag :latest is meant; see 'mbuild tags {place}'\n",
    )


def test_all_pages_of_tags_are_read(registry: LittleRegistry) -> None:
    link = {"Link": '</v2/ml/fraud/tags/list?last=b>; rel="next"'}
    registry.plant("GET", "tags/list?n=", Answer(200, link, b'{"tags": ["a", "b"]}'))
    registry.plant("GET", "tags/list?last=b", Answer(200, {}, b'{"tags": ["c"]}'))
    assert mbuild("tags", f"{registry.address}/ml/fraud").stdout == "a\nb\nc\n"


def test_a_file_is_attached_and_listed(registry: LittleRegistry, tmp_path: Path) -> None:
    place = f"{registry.address}/ml/fraud"
    (tmp_path / "card.md").write_text("# Card\n")
    ran = mbuild("attach", f"{place}:v1", "card.md", "--type", "text/markdown", "--annotation", "by=me", "--json")
    told = json.loads(ran.stdout)
    assert told["annotations"] == {"by": "me"}
    assert mbuild("referrers", f"{place}:v1") == Ran(0, f"{told['digest']} text/markdown\n", "")
    assert mbuild("referrers", f"{place}:v1", "--type", "x") == Ran(0, "", f"nothing refers to {ONE}\n")
    manifest = json.loads(dict(registry.manifests.values())[told["digest"]])
    (layer,) = manifest["layers"]
    assert layer["annotations"] == {"org.opencontainers.image.title": "card.md"}
    assert registry.blobs[layer["digest"]] == b"# Card\n"


ONE_CONFIG = str(Digest.of(CONFIG))


def test_more_referrers_than_anybody_has_are_not_copied(registry: LittleRegistry) -> None:
    rows = [{"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 2} for number in range(1001)]
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
    registry.manifests[ONE.replace(":", "-")] = str(Digest.of(index)), index
    place = f"{registry.address}/ml/fraud:v1"
    assert mbuild("copy", place, f"{registry.address}/ml/other:v1", "--referrers") == Ran(
        1,
        "",
        "error: the image was copied, but more than 1000 manifests refer to it, or to one another: "
        "these are not copied\n"
        "hint: copy those that you need, each by its digest; see 'mbuild referrers'\n",
    )


R = "r.example/ml/fraud"
MISTAKES = {
    "push": (
        ["copy", "//a:b", f"{R}:v1"],
        f"error: '//a:b' is no image that lies somewhere\nhint: write 'mbuild push //a:b {R}:v1'\n",
    ),
    "pull a layout": (
        ["pull", "oci:x"],
        "error: 'oci:x' is no image in a registry\nhint: references look like 'host/repository:tag'\n",
    ),
    "output": (
        ["pull", f"{R}:v1", "--output", "oc:x"],
        "error: cannot read the output 'oc:x'\nhint: did you mean 'oci'?\n",
    ),
    "referrers of a layout": (
        ["copy", "oci:x", f"{R}:v1", "--referrers"],
        "error: '--referrers' needs registries on both sides\nhint: leave it out\n",
    ),
    "referrers to a layout": (
        ["copy", f"{R}:v1", "oci:x", "--referrers"],
        "error: '--referrers' needs registries on both sides\nhint: leave it out\n",
    ),
    "no layout": (
        ["copy", "oci:nowhere", f"{R}:v1"],
        "error: 'oci:nowhere': there is no 'nowhere'\nhint: an image is //package:target, oci:DIR[:TAG],"
        " oci-archive:FILE[:TAG], docker-archive:FILE[:TAG] or HOST/REPOSITORY:TAG\n",
    ),
    "a tag's name": (
        ["tag", f"{R}:v1", "a b"],
        "error: 'a b' is not a tag\nhint: a tag has letters, digits, '_', '.' and '-', 128 at most\n",
    ),
    "another host": (
        ["promote", f"{R}:v1", "--to", "other.example/x:v1"],
        f"error: 'other.example/x:v1' is at another host than '{R}:v1', and a promotion moves no bytes\n"
        f"hint: write 'mbuild copy {R}:v1 other.example/x:v1'\n",
    ),
    "no tag": (
        ["promote", f"{R}:v1", "--to", "r.example/x"],
        "error: 'r.example/x' is not a tag\nhint: write 'r.example/x:TAG'\n",
    ),
    "tags of a tag": (["tags", f"{R}:v1"], f"error: '{R}:v1' is not a repository\nhint: write '{R}'\n"),
    "a file": (
        ["attach", f"{R}:v1", "nothing", "--type", "x/y"],
        "error: cannot read 'nothing': no such file or directory\n",
    ),
    "equal titles": (
        ["attach", f"{R}:v1", "a/card.md", "b/card.md", "--type", "x/y"],
        "error: cannot attach 'a/card.md' and 'b/card.md' together: both have the title 'card.md'\n"
        "hint: rename one of them, or attach each by itself\n",
    ),
    "the second of two tags": (
        ["promote", f"{R}:v1", "--to", "prod", "--to", "-"],
        "error: '-' is not a tag\nhint: a tag has letters, digits, '_', '.' and '-', 128 at most\n",
    ),
    "the second of two outputs": (
        ["pull", f"{R}:v1", "--output", "oci:x", "--output", "oci"],
        "error: cannot read the output 'oci'\nhint: use oci:DIR[:TAG], oci-archive:FILE[:TAG],"
        " docker-archive:FILE[:NAME:TAG] or rootfs:DIR: an OCI layout, one as a tar, an archive for docker load, a"
        " plain root file system\n",
    ),
    "a label as platform of a copy": (
        ["copy", f"{R}:v1", "oci:x", "--platform", "//platforms:arm64"],
        "error: '--platform //platforms:arm64' is what targets are built for, and there is none here\n"
        "hint: choose an image of an index by what it says, such as --platform linux/arm64\n",
    ),
    "a label as platform of a pull": (
        ["pull", f"{R}:v1", "--platform", "@mbuild//platforms:linux_arm64"],
        "error: '--platform @mbuild//platforms:linux_arm64' is what targets are built for, and there is none here\n"
        "hint: choose an image of an index by what it says, such as --platform linux/arm64\n",
    ),
    "a label as platform of an image that is no target": (
        ["image", "files", f"{R}:v1", "--platform", ":arm64"],
        "error: '--platform :arm64' is what targets are built for, and there is none here\n"
        "hint: choose an image of an index by what it says, such as --platform linux/arm64\n",
    ),
    "a device": (
        ["attach", f"{R}:v1", "/dev/null", "--type", "x/y"],
        "error: cannot read '/dev/null': it is not a file\nhint: write what it gives to a file first\n",
    ),
    "a type": (
        ["attach", f"{R}:v1", "nothing", "--type", "a b"],
        "error: 'a b' is not a media type\nhint: write one such as 'application/spdx+json': two names and a '/'\n",
    ),
    "an annotation": (
        ["attach", f"{R}:v1", "x", "--type", "x", "--annotation", "x"],
        "error: '--annotation' must be NAME=VALUE, found 'x'\nhint: see 'mbuild attach --help'\n",
    ),
    "offline": (
        ["tags", R, "--offline"],
        "error: listing tags needs the network, and --offline forbids it\nhint: leave out --offline\n",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_before_a_registry_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mistake: str
) -> None:
    monkeypatch.chdir(tmp_path)
    argv, told = MISTAKES[mistake]
    assert in_process(*argv) == Ran(2, "", told)


def test_an_image_beyond_the_workspaces_limits_is_refused_before_anything_moves(
    registry: LittleRegistry, tmp_path: Path
) -> None:
    with serving(LittleRegistry()) as target:
        (tmp_path / "mbuild.toml").write_text(f'[registry."{target.address}".limits]\nmax_blob_size = "10"\n')
        source, place = f"{registry.address}/ml/fraud:v1", f"{target.address}/ml/fraud:v1"
        assert mbuild("copy", source, place) == Ran(
            2,
            "",
            f"error: registry '{target.address}' does not take this image: config ({ONE_CONFIG[7:19]}) has"
            f" {len(CONFIG)} bytes, and it takes 10 bytes in a blob\n"
            f'hint: change the image, or correct [registry."{target.address}".limits] in mbuild.toml\n',
        )
        assert {request.method for request in target.seen} == {"HEAD"}
        (tmp_path / "mbuild.toml").write_text(f'[registry."{target.address}".limits]\nmax_blob_size = "10 kB"\n')
        assert mbuild("copy", source, place) == Ran(0, f"{target.address}/ml/fraud@{ONE}\n", "")
