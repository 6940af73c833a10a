"""`mbuild copy`, `pull`, `tag`, `promote`, `tags`, `referrers`, `attach` against Docker's own registry."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from debian_programs import Programs
from invocations import MBUILD, Ran, in_process
from real_registry import registry

pytestmark = pytest.mark.e2e

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Layout:
    """An OCI layout with images of one file each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries: list[dict[str, Any]] = []
        (folder / "blobs" / "sha256").mkdir(parents=True)
        (folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, media_type: str, **more: Any) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (self.folder / "blobs" / "sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data), **more}

    def image(self, text: str, architecture: str = "amd64") -> dict[str, Any]:
        layer = tar(text)
        diff_id = "sha256:" + hashlib.sha256(layer).hexdigest()
        config = {"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": [diff_id]}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(json.dumps(config).encode(), "application/vnd.oci.image.config.v1+json"),
            "layers": [self.blob(layer, "application/vnd.oci.image.layer.v1.tar")],
        }
        platform = {"os": "linux", "architecture": architecture}
        return self.blob(json.dumps(manifest).encode(), MANIFEST, platform=platform)

    def index(self, *images: dict[str, Any]) -> dict[str, Any]:
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": list(images)}
        return self.blob(json.dumps(document).encode(), INDEX)

    def tag(self, name: str, entry: dict[str, Any]) -> str:
        self.entries.append(entry | {"annotations": {"org.opencontainers.image.ref.name": name}})
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.entries}
        (self.folder / "index.json").write_text(json.dumps(document))
        return str(entry["digest"])


def tar(text: str) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        member = tarfile.TarInfo("hello")
        member.size = len(text.encode())
        archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


def blobs(folder: Path) -> set[str]:
    return {path.name for path in (folder / "blobs" / "sha256").iterdir()}


@pytest.fixture
def host(programs: Programs, tmp_path: Path) -> Iterator[str]:
    with registry(programs, tmp_path / "registry", settings={"storage": storage(tmp_path)}) as host:
        yield host


def storage(folder: Path) -> dict[str, Any]:
    return {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": True}}


@pytest.fixture
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layout:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return Layout(tmp_path / "layout")


def mbuild(*argv: str) -> Ran:
    return in_process(*argv, "--plain-http")


def test_an_image_goes_from_a_layout_through_registries_and_comes_back(
    host: str, layout: Layout, programs: Programs, tmp_path: Path
) -> None:
    digest = layout.tag("v1", layout.index(layout.image("one"), layout.image("two", "arm64")))
    assert mbuild("copy", f"oci:{layout.folder}:v1", f"{host}/ml/fraud:v1") == Ran(0, f"{host}/ml/fraud@{digest}\n", "")
    with registry(programs, tmp_path / "second") as other:
        ran = mbuild("copy", f"{host}/ml/fraud:v1", f"{other}/copy/fraud", "--json")
        told = json.loads(ran.stdout)
        assert (ran.code, told["digest"], told["reference"]) == (0, digest, f"{other}/copy/fraud@{digest}")
        assert told["uploaded"] > 0
        again = json.loads(mbuild("copy", f"{host}/ml/fraud:v1", f"{other}/copy/fraud", "--json").stdout)
        assert (again["uploaded"], again["skipped"]) == (0, told["uploaded"])
        assert mbuild("tags", f"{other}/copy/fraud").stdout == "v1\n"
        assert mbuild("pull", f"{other}/copy/fraud:v1", "--output", "oci:back").stdout == f"oci:back {digest}\n"
    assert blobs(tmp_path / "back") == blobs(layout.folder)
    assert mbuild("pull", f"{host}/ml/fraud:v1", "--output", "rootfs:tree", "--platform", "linux/arm64").code == 0
    assert (tmp_path / "tree" / "hello").read_text() == "two"
    assert mbuild("pull", f"{host}/ml/fraud:v1", "--output", "docker-archive:one.tar").code == 0
    told = json.loads(programs.run("skopeo", "inspect", f"docker-archive:{tmp_path}/one.tar"))
    assert told["Architecture"] == "amd64"
    with tarfile.open(tmp_path / "one.tar") as archive:
        member = archive.extractfile("manifest.json")
        assert member is not None
        assert json.load(member)[0]["RepoTags"] == [f"{host}/ml/fraud:v1"]


def test_a_pull_without_an_output_fills_the_store(host: str, layout: Layout, tmp_path: Path) -> None:
    digest = layout.tag("v1", layout.image("one"))
    mbuild("copy", f"oci:{layout.folder}:v1", f"{host}/ml/fraud:v1")
    ran = mbuild("pull", f"{host}/ml/fraud:v1", "--cache-dir", str(tmp_path / "store"))
    assert (ran.code, ran.stdout) == (0, f"{host}/ml/fraud@{digest}\n")
    held = {path.name for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert all(any(hex[2:] in name for name in held) for hex in blobs(layout.folder))


def test_a_tag_names_another_image_and_what_it_named_before_is_told(host: str, layout: Layout) -> None:
    one, two = layout.tag("one", layout.image("1")), layout.tag("two", layout.image("2"))
    for name in ("one", "two"):
        mbuild("copy", f"oci:{layout.folder}:{name}", f"{host}/ml/fraud:{name}")
    place = f"{host}/ml/fraud"
    assert mbuild("tag", f"{place}:one", "prod", "latest") == Ran(
        0,
        f"{place}:prod@{one}\n{place}:latest@{one}\n",
        f"{place}:prod named nothing before\n{place}:latest named nothing before\n",
    )
    assert mbuild("promote", f"{place}:two", "--to", "prod") == Ran(
        0, f"{place}:prod@{two}\n", f"{place}:prod named {one} before\n"
    )
    assert mbuild("promote", f"{place}@{two}", "--to", "prod") == Ran(0, f"{place}:prod@{two}\n", "")
    assert sorted(mbuild("tags", place).stdout.split()) == ["latest", "one", "prod", "two"]


def test_a_promotion_to_another_repository_mounts(host: str, layout: Layout) -> None:
    digest = layout.tag("v1", layout.index(layout.image("one"), layout.image("two", "arm64")))
    mbuild("copy", f"oci:{layout.folder}:v1", f"{host}/dev/fraud:v1")
    ran = mbuild("promote", f"{host}/dev/fraud:v1", "--to", f"{host}/prod/fraud:v1", "--json")
    told = json.loads(ran.stdout)
    assert told == {
        "reference": f"{host}/prod/fraud:v1",
        "digest": digest,
        "before": None,
        "mounted": told["mounted"],
        "copied": 0,
    }
    assert told["mounted"] > 0
    assert mbuild("pull", f"{host}/prod/fraud:v1", "--output", "oci:back").code == 0


def test_what_is_attached_is_listed_and_comes_along(
    host: str, layout: Layout, programs: Programs, tmp_path: Path
) -> None:
    digest = layout.tag("v1", layout.image("one"))
    place = f"{host}/ml/fraud"
    mbuild("copy", f"oci:{layout.folder}:v1", f"{place}:v1")
    assert mbuild("referrers", f"{place}:v1") == Ran(0, "", f"nothing refers to {digest}\n")
    (tmp_path / "card.md").write_text("# Card\n")
    ran = mbuild("attach", f"{place}:v1", "card.md", "--type", "text/markdown", "--annotation", "by=me", "--json")
    told = json.loads(ran.stdout)
    card = told["digest"]
    assert mbuild("referrers", f"{place}:v1") == Ran(0, f"{card} text/markdown\n", "")
    (tmp_path / "seen.json").write_text("{}")
    seen = mbuild("attach", f"{place}@{card}", "seen.json", "--type", "application/x.seen").stdout.strip()
    listed = json.loads(mbuild("referrers", f"{place}@{digest}", "--type", "text/markdown", "--json").stdout)
    assert listed == {key: value for key, value in told.items() if key != "reference"}
    assert mbuild("referrers", f"{place}@{digest}", "--type", "text/other").stdout == ""
    with registry(programs, tmp_path / "second") as other:
        copied = json.loads(mbuild("copy", f"{place}:v1", f"{other}/fraud:v1", "--referrers", "--json").stdout)
        assert copied["referrers"] == 2
        assert mbuild("referrers", f"{other}/fraud:v1").stdout == f"{card} text/markdown\n"
        assert mbuild("referrers", f"{other}/fraud@{card}").stdout == f"{seen.partition('@')[2]} application/x.seen\n"
        assert mbuild("pull", f"{other}/fraud@{card}", "--output", "oci:card").code == 0
    assert hashlib.sha256(b"# Card\n").hexdigest() in blobs(tmp_path / "card")


def test_files_that_are_attached_at_the_same_time_are_all_listed(host: str, layout: Layout, tmp_path: Path) -> None:
    layout.tag("v1", layout.image("one"))
    mbuild("copy", f"oci:{layout.folder}:v1", f"{host}/ml/fraud:v1")
    processes = []
    for number in range(6):
        (tmp_path / f"{number}.txt").write_text(str(number))
        words = ["attach", f"{host}/ml/fraud:v1", f"{number}.txt", "--type", "text/plain", "--plain-http"]
        processes.append(subprocess.Popen([*MBUILD, *words], stdout=subprocess.PIPE, text=True))
    attached = sorted(process.communicate()[0].strip().partition("@")[2] for process in processes)
    listed = mbuild("referrers", f"{host}/ml/fraud:v1").stdout
    assert sorted(line.removesuffix(" text/plain") for line in listed.splitlines()) == attached


def test_a_mirror_is_asked_first_and_the_registry_after_it(
    host: str, layout: Layout, programs: Programs, tmp_path: Path
) -> None:
    digest = layout.tag("v1", layout.image("one"))
    mbuild("copy", f"oci:{layout.folder}:v1", f"{host}/ml/fraud:v1")
    with registry(programs, tmp_path / "second") as mirror:
        mbuild("copy", f"{host}/ml/fraud:v1", f"{mirror}/hub/ml/fraud:v1")
        (tmp_path / "mbuild.toml").write_text(
            f'[registry."{host}"]\nplain_http = true\nmirror = "{mirror}/hub"\n'
            f'[registry."{mirror}"]\nplain_http = true\n'
        )
        manifest, layer = layout.folder / "blobs/sha256" / digest[7:], ""
        layer = json.loads(manifest.read_text())["layers"][0]["digest"]
        for place in (tmp_path / "data").rglob(f"*{layer[7:]}*"):  # the registry itself lacks the layer
            if place.is_dir() and "blobs" in place.parts[:-3]:
                (place / "data").unlink(missing_ok=True)
        assert mbuild("pull", f"{host}/ml/fraud:v1", "--output", "oci:back") == Ran(0, f"oci:back {digest}\n", "")
    layout.tag("v2", layout.image("two"))
    assert mbuild("copy", f"oci:{layout.folder}:v2", f"{host}/ml/fraud:v2").code == 0
    ran = mbuild("pull", f"{host}/ml/fraud:v2", "--output", "oci:back2")
    assert ran.code == 0
    assert f"mirror '{mirror}' does not help, so registry '{host}' itself is asked: cannot reach registry" in ran.stderr


def test_what_is_not_there_is_told(host: str, layout: Layout) -> None:
    layout.tag("v1", layout.image("one"))
    mbuild("copy", f"oci:{layout.folder}:v1", f"{host}/ml/fraud:v1")
    hint = f"hint: see 'mbuild tags {host}/ml/fraud'\n"
    missing = f"error: '{host}/ml/fraud:v2' does not exist\n"
    assert mbuild("tag", f"{host}/ml/fraud:v2", "v3") == Ran(1, "", missing + hint)
    assert mbuild("promote", f"{host}/ml/fraud:v2", "--to", "v3") == Ran(1, "", missing + hint)
    assert mbuild("referrers", f"{host}/ml/fraud:v2") == Ran(1, "", missing + hint)
    assert mbuild("pull", f"{host}/ml/fraud:v2", "--output", "oci:x") == Ran(1, "", missing + hint)
    assert mbuild("tags", f"{host}/ml/none") == Ran(0, "", f"{host}/ml/none has no tags\n")
