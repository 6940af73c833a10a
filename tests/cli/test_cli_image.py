"""`mbuild image`: what layouts and archives are and hold, as text and as JSON."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from image_layouts import Blobs, Files, Made, layer_of, safetensors
from invocations import Place, Ran
from little_registry import LittleRegistry, serving

from buildkit.digest import Digest
from buildkit.oci.archive import write_archive
from buildkit.oci.descriptor import EMPTY, INDEX, MANIFEST, Descriptor
from buildkit.oci.index import Index
from buildkit.oci.layout import write_layout
from buildkit.oci.manifest import Manifest

BASE: Files = {"etc": None, "etc/os": "debian", "bin": ("link", "usr/bin")}
TOP: Files = {"etc/.wh.os": "", "models": None, "models/m.bin": "12345", "models/\x1b[31mred": "x"}
CONFIG = {
    "config": {
        "User": "1000",
        "WorkingDir": "/tmp",
        "Entrypoint": ["serve", "/models"],
        "Env": ["A=1", "B=\x1b[2J"],
        "ExposedPorts": {"8080/tcp": {}},
        "Labels": {"org.opencontainers.image.title": "fraud", "org.opencontainers.image.version": "1.0"},
    }
}
UNKNOWN = (("architecture", "unknown"), ("os", "unknown"))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    root = tmp_path / "folder"  # no workspace: none is needed
    root.mkdir()
    return Place(root, tmp_path / "store")


def test_inspect_says_what_an_image_says(place: Place) -> None:
    made = Made([BASE, TOP], config=CONFIG, manifest={"annotations": {"org.opencontainers.image.base.name": "debian"}})
    digest = made.root().digest
    size = sum(map(len, made.blobs.values()))
    made.write(place.root / "oci")
    assert place.mbuild("image", "inspect", "oci:oci") == Ran(
        0,
        f"""\
image        oci:oci
digest       {digest}
platform     linux/amd64
created      1970-01-01T00:00:00Z
size         {size / 1000:.1f} kB in 2 layers
base         debian
title        fraud 1.0
user         1000
folder       /tmp
entrypoint   ["serve", "/models"]
ports        8080/tcp
environment  A=1
             B=\\x1b[2J
labels       org.opencontainers.image.title = fraud
             org.opencontainers.image.version = 1.0
annotations  org.opencontainers.image.base.name = debian
""",
        "",
    )
    found = json.loads(place.mbuild("image", "inspect", "--json", "oci:oci").stdout)
    assert (found["digest"], found["size"], found["config"]) == (str(digest), size, CONFIG["config"])
    assert place.mbuild("image", "inspect", "--raw", "oci:oci").stdout.encode() == made.blobs[digest]
    config = place.mbuild("image", "inspect", "--raw-config", "oci:oci").stdout.encode()
    assert Digest.of(config) in made.blobs


def test_layers_have_names_reasons_and_those_who_share_them(place: Place) -> None:
    one, two = Made([BASE, TOP]), Made([BASE])
    one.write(place.root / "one")
    two.write(place.root / "two")
    base, top = Digest.of(layer_of(BASE)), Digest.of(layer_of(TOP))
    ran = place.mbuild("image", "layers", "oci:one", "oci:two")
    assert ran == Ran(
        0,
        f"""\
#1 oci:one {one.root().digest}
   digest           size  unpacked  as    shared  name    why
1  {base.hex[:12]}  10.2 kB   10.2 kB  none  #2      part 1  because of 1
2  {top.hex[:12]}  10.2 kB   10.2 kB  none          part 2  because of 2

#2 oci:two {two.root().digest}
   digest           size  unpacked  as    shared  name    why
1  {base.hex[:12]}  10.2 kB   10.2 kB  none  #1      part 1  because of 1

2 images: 30.7 kB of layers, 20.5 kB where each is kept once
""",
        "",
    )
    rows = [json.loads(line) for line in place.mbuild("image", "layers", "--json", "oci:one").stdout.splitlines()]
    assert rows[1] == {
        "image": "oci:one",
        "number": 2,
        "digest": str(top),
        "size": 10240,
        "unpackedSize": 10240,
        "diffId": str(top),
        "mediaType": "application/vnd.oci.image.layer.v1.tar",
        "name": "part 2",
        "why": "because of 2",
    }


@pytest.mark.parametrize("compression", ["none", "gzip", "zstd"])
def test_files_are_those_that_a_container_sees(place: Place, compression: str) -> None:
    Made([BASE, TOP], compression).write(place.root / "oci")
    assert place.mbuild("image", "files", "oci:oci") == Ran(
        0,
        """\
lrw-r--r--            0   1 bin -> usr/bin
drwxr-xr-x            0   1 etc
drwxr-xr-x            0   2 models
-rw-r--r--            1   2 models/\\x1b[31mred
-rw-r--r--            5   2 models/m.bin
""",
        "",
    )
    for pattern in ("m.bin", "*.bin", "models/m.bin", "/models/m.bin"):
        assert place.mbuild("image", "files", "oci:oci", pattern).stdout == (
            "-rw-r--r--            5   2 models/m.bin\n"
        )
    assert place.mbuild("image", "files", "oci:oci", "nothing") == Ran(1, "", "")
    assert place.mbuild("image", "files", "oci:oci", "etc", "--layer", "2").stdout == (
        "-rw-r--r--            0   2 etc/.wh.os\n"
    )
    assert json.loads(place.mbuild("--json", "image", "files", "oci:oci", "bin").stdout) == {
        "path": "bin",
        "type": "symlink",
        "mode": "0644",
        "size": 0,
        "layer": 1,
        "target": "usr/bin",
    }
    assert place.mbuild("image", "files", "oci:oci", "--layer", "3") == Ran(
        2, "", "error: there is no layer 3\nhint: the image has 2; 1 is the lowest\n"
    )


def test_validate_tells_all_and_fails(place: Place) -> None:
    Made([BASE, TOP]).write(place.root / "good")
    ran = place.mbuild("image", "validate", "oci:good")
    assert (ran.code, ran.stdout.partition(" bytes")[0].rpartition(",")[0]) == (0, "sound: 1 manifest, 4 blobs")
    told = json.loads(place.mbuild("image", "validate", "oci:good", "--json").stdout)
    assert (told["sound"], told["manifests"], told["blobs"]) == (True, 1, 4)
    bad = Made([[("../x\n", "1")]], config={"os": ""})
    bad.write(place.root / "bad")
    config = next(digest for digest, data in bad.blobs.items() if b'"rootfs"' in data)
    layer = Digest.of(layer_of([("../x\n", "1")]))
    assert place.mbuild("image", "validate", "oci:bad") == Ran(
        1,
        f"config {config}: want 'os', got ''\nlayer {layer}: want paths below the root, got '../x\\n'\n",
        "",
    )
    assert [
        json.loads(line)["where"] for line in place.mbuild("image", "validate", "oci:bad", "--json").stdout.splitlines()
    ]


def test_archives_and_platforms(place: Place) -> None:
    blobs = Blobs()
    amd, arm = Made([BASE], blobs=blobs), Made([TOP], blobs=blobs, architecture="arm64")
    index = Descriptor(INDEX, blobs.add(Index((amd.root(), arm.root())).to_json()))
    write_layout(place.root / "oci", index, blobs.open, tag="v1")
    write_archive(place.root / "a.tar", amd.root(), blobs.open, name="acme/fraud:v1")
    for name in ("docker-archive:a.tar", "docker-archive:a.tar:v1", "oci:oci:v1"):
        assert place.mbuild("image", "inspect", name).stdout.splitlines()[1].split()[1] == str(amd.root().digest)
    text = place.mbuild("image", "inspect", "oci:oci", "--platform", "linux/arm64").stdout.splitlines()
    assert [line.split()[1] for line in text[1:4]] == [str(arm.root().digest), str(index.digest), "linux/arm64"]
    assert place.mbuild("image", "inspect", "oci:oci", "--raw").stdout.encode() == blobs[index.digest]
    assert place.mbuild("image", "inspect", "docker-archive:a.tar", "--platform", "linux/arm64") == Ran(
        2,
        "",
        "error: 'docker-archive:a.tar' is for linux/amd64, not for 'linux/arm64'\n"
        "hint: --platform chooses from an index, which this is not: leave it out, or name an image for 'linux/arm64'; "
        "a target is built for what a label says, such as --platform @mbuild//platforms:linux_arm64\n",
    )
    assert place.mbuild("image", "inspect", "docker-archive:a.tar", "--platform", "linux/amd64").code == 0
    (place.root / "oci/index.json").write_text("nope")
    assert place.mbuild("image", "inspect", "oci:oci").stderr.endswith("\n  in 'oci:oci'\n")


def shelved(registry: LittleRegistry, made: Made, tag: str) -> str:
    """Put an image where a registry has it."""
    root = made.root()
    for digest, data in made.blobs.items():
        if digest == root.digest:
            registry.manifests[tag] = (str(digest), data)
        else:
            registry.blobs[str(digest)] = data
    return f"{registry.address}/ml/fraud:{tag}"


def test_an_image_without_a_tag_that_is_missing_is_told_with_the_tag_that_was_asked_for(place: Place) -> None:
    with serving(LittleRegistry()) as registry:
        host = registry.address
        assert place.mbuild("image", "inspect", f"{host}/a/b", "--plain-http") == Ran(
            1,
            "",
            f"error: '{host}/a/b:latest' does not exist\n"
            f"hint: without a tag :latest is meant; see 'mbuild tags {host}/a/b'\n",
        )
        assert place.mbuild("image", "inspect", f"{host}/a/b:v1", "--plain-http") == Ran(
            1, "", f"error: '{host}/a/b:v1' does not exist\nhint: see 'mbuild tags {host}/a/b'\n"
        )


def test_a_layer_that_stays_at_its_urls_is_not_looked_for_in_vain_in_a_registry(place: Place) -> None:
    image = Made([BASE, TOP])
    _, second = json.loads(image.blobs[image.root().digest])["layers"]
    absent = Descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar", Digest.of(b"not here"))
    image.manifest = {"layers": [absent.to_data(), second]}
    with serving(LittleRegistry()) as registry:
        ran = place.mbuild("image", "files", shelved(registry, image, "v1"), "--plain-http")
        assert (ran.code, ran.stderr.startswith(f"error: layer {absent.digest} stays at its URLs: ")) == (1, True)
        ran = place.mbuild("image", "validate", f"{registry.address}/ml/fraud:v1", "--plain-http")
        assert (ran.code, ran.stdout.splitlines()[0]) == (
            0,
            f"note: layer {absent.digest} is not looked into: it stays at its URLs",
        )


def test_an_index_without_an_image_is_listed(place: Place) -> None:
    blobs = Made([BASE]).blobs
    kinds = ("application/x.card", "application/x.weights")
    members = []
    for kind in kinds:
        manifest = Manifest(Descriptor(EMPTY, blobs.add(b"{}")), (), artifact_type=kind)
        digest = blobs.add(manifest.to_json())
        members.append(Descriptor(MANIFEST, digest, platform=UNKNOWN, artifact_type=kind))
    root = Descriptor(INDEX, blobs.add(Index(tuple(members), annotations=(("a", "b"),)).to_json()))
    write_layout(place.root / "oci", root, blobs.open, tag="v1")
    rows = [f"artifact {kind}" for kind in kinds]
    width = max(map(len, rows))
    sizes = [f"{one.digest.size} B" for one in members]
    assert place.mbuild("image", "inspect", "oci:oci") == Ran(
        0,
        f"""\
image    oci:oci
index    {root.digest}
members  annotation a = b
         {rows[0]:<{width}}  {members[0].digest}  {sizes[0]}  {MANIFEST}
         {rows[1]:<{width}}  {members[1].digest}  {sizes[1]}  {MANIFEST}
""",
        "",
    )
    data = json.loads(place.mbuild("image", "inspect", "--json", "oci:oci").stdout)
    assert (data["index"], data["indexSays"], [one["artifactType"] for one in data["members"]]) == (
        str(root.digest),
        {"annotation a": "b"},
        list(kinds),
    )
    ran = place.mbuild("image", "layers", "oci:oci")
    assert (ran.code, ran.stderr.partition("\n")[0]) == (2, "error: 'oci:oci' has 2 artifacts and no image")


def test_names_of_strangers_are_one_line_in_errors(place: Place) -> None:
    blobs = Made([BASE]).blobs
    hostile = "x\nhint: run rm -rf\x1b["
    shown = "x\\nhint: run rm -rf\\x1b["
    image = Made([BASE], blobs=blobs).root()
    members = [replace(image, platform=(("architecture", hostile), ("os", name))) for name in ("a", "b")]
    index = Descriptor(INDEX, blobs.add(Index(tuple(members)).to_json()))
    named = replace(index, annotations=(("org.opencontainers.image.ref.name", hostile),))
    write_layout(place.root / "oci", index, blobs.open)
    place.write({"oci/index.json": Index((named, replace(named, media_type=hostile))).to_json().decode()})
    assert place.mbuild("image", "inspect", "oci:oci:v1") == Ran(
        2, "", f"error: OCI layout '{place.root}/oci' has no tag 'v1'\nhint: it has '{shown}'\n"
    )
    place.write({"oci/index.json": Index((named,)).to_json().decode()})
    assert place.mbuild("image", "inspect", "oci:oci") == Ran(
        2,
        "",
        f"error: 'oci:oci' has no image for 'linux/amd64'\nhint: choose one with --platform: a/{shown}, b/{shown}\n",
    )
    place.write({"oci/index.json": Index((replace(named, media_type=hostile),)).to_json().decode()})
    assert place.mbuild("image", "inspect", "oci:oci") == Ran(
        1, "", f"error: {index.digest} is no image manifest: its media type is '{shown}'\n"
    )


def test_of_a_registry_headers_are_read_and_shared_layers_are_not(place: Place) -> None:
    values = bytes(8 << 20)
    one = Made([BASE, {"m/x.safetensors": safetensors({"a": ("F32", [1 << 21], values)})}])
    two = Made([BASE, {"m/x.safetensors": safetensors({"a": ("F16", [1 << 22], values)})}])
    with serving(LittleRegistry()) as registry:
        first, second = shelved(registry, one, "v1"), shelved(registry, two, "v2")
        ran = place.mbuild("image", "files", first, "*.safetensors", "--plain-http")
        assert (ran.code, ran.stdout.split()[-1], ran.stderr) == (0, "m/x.safetensors", "")
        assert registry.sent < 100_000
        registry.sent = 0
        ran = place.mbuild("image", "diff", first, second, "--plain-http")
        assert (ran.code, ran.stderr) == (0, "")
        assert registry.sent < 100_000
        base = Digest.of(layer_of(BASE))
        before = len(registry.seen)
        assert place.mbuild("image", "diff", first, second, "--plain-http").stdout == ran.stdout
        assert f"GET /v2/ml/fraud/blobs/{base}" not in registry.lines()[before:]
        assert place.mbuild("image", "validate", first, "--plain-http").code == 0
        assert place.mbuild("image", "inspect", f"{registry.address}/ml/fraud:v3", "--plain-http") == Ran(
            1,
            "",
            f"error: '{registry.address}/ml/fraud:v3' does not exist\n"
            f"hint: see 'mbuild tags {registry.address}/ml/fraud'\n",
        )
    assert (
        ran.stdout.partition("layers:")[0]
        == f"""\
--- {first} {one.root().digest}
+++ {second} {two.root().digest}

weights in m/: 1 changed, 0 the same
  ~ a F32 [2097152] → F16 [4194304]

files: 1 not compared
  ? m/x.safetensors (8.4 MB; content not compared)

"""
    )


def test_a_diff_says_what_changed(place: Place) -> None:
    before: Files = {"a\x1b[2J": "1", "gone": "1"}
    after: Files = {"a\x1b[2J": "12", "new<script>": "1"}
    removed, added = Digest.of(layer_of(before)), Digest.of(layer_of(after))
    Made([BASE, before], config={"config": {"Env": ["A=1"]}}).write(place.root / "one")
    two = Made([BASE, after], config={"config": {"Env": ["A=2"]}})
    two.write(place.root / "two")
    same = place.mbuild("image", "diff", "oci:one", "oci:one", "--exit-code", "--html", "same.html")
    assert (same.code, same.stdout.partition(":")[0]) == (0, "identical")
    assert "The images are identical." in (place.root / "same.html").read_text()
    ran = place.mbuild("image", "diff", "oci:one", "oci:two", "--html", "diff.html")
    assert (ran.code, ran.stderr) == (0, "")
    assert (
        ran.stdout.partition("\n\n")[2]
        == f"""\
config
  ~ env A 1 → 2

files: 1 added, 1 removed, 1 changed
  ~ a\\x1b[2J (1 B → 2 B; content)
  - gone (1 B)
  + new<script> (1 B)

layers: 1 shared (10.2 kB), 1 removed (10.2 kB), 1 added (10.2 kB)
  - {removed.hex[:12]} 10.2 kB part 2
  + {added.hex[:12]} 10.2 kB part 2
"""
    )
    page = (place.root / "diff.html").read_text()
    assert "<td>new&lt;script&gt;</td>" in page
    assert "<script>1" not in page
    assert place.mbuild("image", "diff", "oci:one", "oci:two", "--exit-code").code == 1
    found = json.loads(place.mbuild("image", "diff", "oci:one", "oci:two", "--json").stdout)
    assert (found["identical"], found["config"]) == (
        False,
        [{"name": "env A", "change": "changed", "before": "1", "after": "2"}],
    )
    assert found["second"] == {"image": "oci:two", "digest": str(two.root().digest)}
    assert [(file["path"], file["change"], file["before"], file["after"]) for file in found["files"]] == [
        ("a\x1b[2J", "changed", 1, 2),
        ("gone", "removed", 1, None),
        ("new<script>", "added", None, 1),
    ]
    assert place.mbuild("image", "diff", "oci:one", "oci:two", "--html", "no/x.html") == Ran(
        36, "", f"error: cannot write '{place.root}/no/x.html': no such file or directory\n"
    )


VOLUMES = """\
[model(
    name = name,
    srcs = [name + ".json"],
    framework = "custom",
    implementation = "m.M",
) for name in ("x", "y")]

model_volume(name = "one", models = [":x"])
model_volume(name = "two", models = [":x", ":y"])
model_volume(name = "three", models = [":y"])
model_artifact(name = "artifact", models = [":x"])
image_index(name = "index", images = [":one"])
"""


def test_a_target_is_built_and_its_layers_are_counted_in_others(place: Place) -> None:
    place.write({"mbuild.toml": "", "BUILD": VOLUMES, "x.json": "1", "y.json": "2"})
    first = place.mbuild("image", "layers", "//:one", "--json")
    assert first.code == 0
    assert "warning: 'shared' counts 0 of 4 other images: those that are built as they are now" in first.stderr
    assert place.mbuild("//:two", "//:three", "//:artifact", "//:index").code == 0
    ran = place.mbuild("image", "layers", ":one", "--json")
    assert "warning" not in ran.stderr
    rows = {row["name"]: row["shared"] for row in map(json.loads, ran.stdout.splitlines())}
    assert rows == {"x.json": "2 of 3"}
    lines = place.mbuild("image", "layers", ":two", "--json").stdout.splitlines()
    shown = {row["name"]: row["shared"] for row in map(json.loads, lines)}
    assert shown == {"x.json": "2 of 3", "y.json": "1 of 3"}
    artifact = place.mbuild("image", "inspect", "//:artifact")
    assert "artifact     application/vnd.cncf.model.manifest.v1+json" in artifact.stdout
    assert place.mbuild("image", "validate", "//:artifact").stdout.startswith("sound: 1 manifest, ")
    assert place.mbuild("image", "validate", "//:two").stdout.startswith("sound: 1 manifest, ")
    changes = json.loads(place.mbuild("image", "diff", ":one", ":three", "--json").stdout)
    assert [(file["path"], file["change"]) for file in changes["files"]] == [
        ("models/x/x.json", "removed"),
        ("models/y/y.json", "added"),
    ]
    ran = place.mbuild("image", "inspect", "//:x")
    assert (ran.code, ran.stderr.partition("\n")[0]) == (2, "error: '//:x' is not an image")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["oci:nowhere"], "error: 'oci:nowhere': there is no 'nowhere'\nhint: an image is //package:target, "),
        (
            ["oci:file"],
            "error: 'oci:file': '{root}/file' is no folder\nhint: an OCI image layout is a folder; see ",
        ),
        (["oci-archive:."], "error: 'oci-archive:.': '{root}' is no file\nhint: "),
        (["oci:empty"], "error: OCI layout '{root}/empty' has no 'oci-layout'\n"),
        (["oci-archive:file"], "error: oci-archive '{root}/file' is no tar archive\n"),
        (["//a:b"], "error: no workspace here: "),
        (["ocl:file"], "error: 'ocl:file' is no image\nhint: an image is //package:target, "),
        (["library/python:3.11"], "error: 'library/python:3.11' is no image\nhint: an image is //package:target, "),
        (["./x"], "error: './x' is no image\nhint: an image is //package:target, "),
        (["{root}/x"], "error: '{root}/x' is no image\nhint: an image is //package:target, "),
        (["./layout"], "error: './layout' is no image\nhint: write 'oci:./layout'\n"),
        (["x.tar"], "error: 'x.tar' is no image\nhint: write 'oci-archive:x.tar' or 'docker-archive:x.tar'\n"),
    ],
)
def test_what_names_no_image_is_told(place: Place, words: list[str], expected: str) -> None:
    (place.root / "file").write_text("x")
    (place.root / "x.tar").write_text("x")
    (place.root / "empty").mkdir()
    (place.root / "layout").mkdir()
    (place.root / "layout" / "oci-layout").write_text("x")
    ran = place.mbuild("image", "inspect", *(word.replace("{root}", str(place.root)) for word in words))
    assert ran.stdout == ""
    assert ran.stderr.startswith(expected.replace("{root}", str(place.root))), ran.stderr
    assert ran.code in (1, 2)


@pytest.mark.parametrize("compression", ["none", "zstd"])
def test_a_path_that_comes_twice_is_refused_in_the_same_words_by_all_who_read_layers(
    place: Place, compression: str
) -> None:
    made = Made([BASE, [("f", "1"), ("./f", "2")]], compression)
    made.write(place.root / "twice")
    Made([BASE]).write(place.root / "one")
    layer = json.loads(made.blobs[made.root().digest])["layers"][1]["digest"]
    fault = f"layer {layer}: want each path once, got './f' twice\n"
    assert place.mbuild("image", "validate", "oci:twice") == Ran(1, fault, "")
    for argv in (
        ["image", "files", "oci:twice"],
        ["image", "files", "oci:twice", "--layer", "2"],
        ["image", "diff", "oci:one", "oci:twice"],
        ["copy", "oci:twice", "rootfs:root"],
    ):
        ran = place.mbuild(*argv)
        assert (ran.code, ran.stderr) == (1, f"error: {fault}"), argv
    assert sorted(path.name for path in place.root.iterdir()) == ["one", "twice"]
