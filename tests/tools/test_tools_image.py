import json
from typing import Any

import pytest
from tools_archives import blob

from buildkit.content import Blob, Tree
from buildkit.digest import Digest
from buildkit.errors import BuildFailure, InternalError
from buildkit.store import MemoryStore
from buildkit.tools import TOOLS
from buildkit.tools.layer_output import in_folders
from buildkit.tools.tool import Parameter, tool

PLATFORM = {"platform": {"os": "linux", "architecture": "amd64"}}


class Layers:
    """Layers made by the real tool."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.made: list[dict[str, Digest]] = []
        self.folders: set[Digest] = set()

    def add(
        self, links: dict[str, str] | None = None, name: str = "", why: str = "", role: str = "", **files: bytes
    ) -> None:
        placed = {path.replace("__", "/"): blob(self.store, data) for path, data in files.items()}
        about = {"name": name, "role": role, "why": why}
        self.made.append(TOOLS["files_layer"](self.store, files=placed, links=links, about=about))

    def config(self, **settings: Any) -> dict[str, Any]:
        arguments = {"descriptors": self.blobs("descriptor"), "trees": self.blobs("tree")}
        made = TOOLS["image_config"](self.store, **arguments, settings=PLATFORM | settings)
        document: dict[str, Any] = json.loads(self.store.read(made["config"]))
        return document

    def blobs(self, output: str) -> list[Blob]:
        return [Blob(layer[output], tree=layer[output] in self.folders) for layer in self.made if output in layer]

    def folder(self, *made: dict[str, Digest]) -> None:
        self.made.append(in_folders(self.store, made))
        self.folders |= set(self.made[-1].values())

    def manifest(self) -> bytes:
        config = blob(self.store, b"{}")
        made = TOOLS["image_manifest"](self.store, config=config, descriptors=self.blobs("descriptor"))
        return self.store.read(made["manifest"])

    def failure(self, **settings: Any) -> str:
        with pytest.raises(BuildFailure) as caught:
            self.config(**settings)
        return caught.value.message


def test_a_config_holds_the_settings_and_the_layers_diff_ids() -> None:
    layers = Layers()
    layers.add(a__b=b"1", name="base")
    layers.add(a__c=b"2", name="model", why="weights are a layer by themselves")
    config = layers.config(
        user="1000:1000",
        environment={"B": "2", "A": "1"},
        entrypoint=["/usr/bin/python3", "-m", "server"],
        command=["start"],
        working_dir="/tmp",
        ports=[8080, "53/udp"],
        labels={"org.opencontainers.image.title": "fraud"},
    )
    diff_ids = [json.loads(layers.store.read(made["descriptor"]))["diffID"] for made in layers.made]
    assert config == {
        "architecture": "amd64",
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "User": "1000:1000",
            "Env": ["A=1", "B=2"],
            "Entrypoint": ["/usr/bin/python3", "-m", "server"],
            "Cmd": ["start"],
            "WorkingDir": "/tmp",
            "ExposedPorts": {"8080/tcp": {}, "53/udp": {}},
            "Labels": {"org.opencontainers.image.title": "fraud"},
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [
            {"created": "1970-01-01T00:00:00Z", "created_by": "mbuild: base"},
            {
                "created": "1970-01-01T00:00:00Z",
                "created_by": "mbuild: model",
                "comment": "weights are a layer by themselves",
            },
        ],
    }


def test_a_data_only_image_has_no_settings_at_all() -> None:
    layers = Layers()
    layers.add(models__w=b"1")
    assert layers.config().keys() == {"architecture", "os", "created", "rootfs", "history"}


def test_an_image_of_too_many_layers_is_refused_with_their_roles() -> None:
    layers = Layers()
    for number in range(101):
        layers.add(name=f"{number}", **{f"f__{number}": b"1"})
    with pytest.raises(BuildFailure) as caught:
        layers.config()
    assert str(caught.value) == (
        "error: an image of 101 layers: expected 100 at most; Docker and containerd refuse about 127\n"
        "  its layers are: others 101\n"
        "hint: let more files share a layer"
    )
    layers.made.pop()
    assert len(layers.config()["history"]) == 100


def test_what_makes_layers_fewer_is_told_of_the_layers_that_there_are() -> None:
    layers = Layers()
    for number in range(101):
        role = ("packages", "bytecode", "weights")[number % 3] if number > 9 else ""
        why = "files below 64 MiB share a layer, split at 2 GB" if number == 50 else ""
        layers.add(name=f"{number}", role=role, why=why, **{f"f__{number}": b"1"})
    with pytest.raises(BuildFailure) as caught:
        layers.config()
    assert caught.value.notes == ("its layers are: bytecode 31, packages 30, weights 30, others 10",)
    assert caught.value.hint == (
        "lower 'layers' of the packages, so that more of them share one; "
        "leave out the bytecode with 'bytecode = False' in the runtime; "
        "lower 'max_layers' of the models; raise 'max_layer_size' where layers were split at that"
    )


def test_layers_that_are_many_by_their_size_are_not_made_fewer_by_their_number() -> None:
    layers = Layers()
    for number in range(101):
        why = "files below 64 MiB share a layer, of 1 bytes at most"
        layers.add(name=f"{number}", role="weights", why=why, **{f"f__{number}": b"1"})
    with pytest.raises(BuildFailure) as caught:
        layers.config()
    assert caught.value.hint == "raise 'max_layer_size' where layers were split at that"


def test_a_base_of_too_many_layers_is_what_is_told() -> None:
    layers = Layers()
    layers.add(m__w=b"1", role="weights")
    for number in range(100):
        digest = Digest.of(b"%d" % number)
        arguments = {"media_type": "application/vnd.oci.image.layer.v1.tar", "sha256": digest.hex, "size": digest.size}
        made = TOOLS["foreign_layer"](layers.store, **arguments, diff_id=str(digest), about={"role": "base"})
        layers.made.append(made)
    with pytest.raises(BuildFailure) as caught:
        layers.config()
    assert caught.value.hint == "choose a base of fewer layers"


ODD_NAMES = [
    ({"environment": {"A=B": "x"}}, "'A=B': expected a name, without '=' and NUL in it"),
    ({"environment": {"": "x"}}, "'': expected a name, without '=' and NUL in it"),
    ({"environment": {"A\0": "x"}}, "'A\\x00': expected a name, without '=' and NUL in it"),
]


@pytest.mark.parametrize(("settings", "message"), ODD_NAMES)
def test_variables_that_no_process_could_have_are_refused(settings: dict[str, Any], message: str) -> None:
    assert Layers().failure(**settings) == f"an image cannot have a variable {message}"


def test_values_with_nul_and_labels_and_annotations_without_names_are_refused() -> None:
    layers = Layers()
    told = layers.failure(environment={"A": "x\0y"})
    assert told == "an image cannot have the value 'x\\x00y' of variable 'A': no variable may hold NUL"
    told = layers.failure(labels={"": "x"})
    assert told == "an image cannot have a label without a name, found one with the value 'x'"
    config, annotations = blob(layers.store, b"{}"), {"": "x"}
    told = given("image_manifest", config=config, descriptors=[], annotations=annotations)
    assert told == "an image cannot have an annotation without a name, found one with the value 'x'"
    told = given("image_index", manifests=[], platforms=[], annotations=annotations)
    assert told == "an image cannot have an annotation without a name, found one with the value 'x'"


def test_layers_may_repeat_directories_and_equal_files() -> None:
    layers = Layers()
    layers.add(a__b=b"1", a__c=b"1")
    layers.add(a__b=b"1", a__d=b"2")
    assert len(layers.config()["history"]) == 2


def test_two_layers_with_different_files_at_one_path_are_both_named() -> None:
    layers = Layers()
    layers.add(a__b=b"1", name="base")
    layers.add(a__b=b"2")
    one, two = Digest.of(b"1"), Digest.of(b"2")
    second = layers.made[1]["layer"]
    assert layers.failure() == (
        f"'a/b' is a file ({one}, mode 0644) in layer 1 (base) and a file ({two}, mode 0644) in layer 2 ({second})"
    )


def test_folders_of_layers_stand_for_their_layers_in_order() -> None:
    layers = Layers()
    for number in range(12):
        layers.add(name=f"shard {number}", **{f"models__{number}": b"%d" % number})
    flat = layers.config()
    manifest = layers.manifest()
    made, layers.made = layers.made, layers.made[:1]
    layers.folder(*made[1:])
    assert layers.config() == flat
    assert layers.manifest() == manifest
    assert Tree.from_json(layers.store.read(layers.made[1]["layer"])).entries[1].path == "02"


def test_a_folder_may_hold_no_layer_at_all() -> None:
    layers = Layers()
    layers.folder()
    assert layers.config()["rootfs"] == {"type": "layers", "diff_ids": []}


@pytest.mark.parametrize("order", [1, -1])
def test_a_path_that_leads_through_another_layers_symlink_is_refused(order: int) -> None:
    layers = Layers()
    layers.add(links={"lib": "usr/lib"}, name="base")
    layers.add(lib__x__y=b"1", name="model")
    layers.made = layers.made[::order]
    assert layers.failure().startswith(f"'lib' is {'a symlink' if order == 1 else 'a directory'}")


def test_what_is_told_of_a_layer_has_known_names() -> None:
    message = given("files_layer", files={}, about={"nam": "base"})
    assert message == "a layer has no 'nam'"


def test_settings_that_nobody_knows_are_refused() -> None:
    assert Layers().failure(entry_point=["x"]) == "an image has no setting 'entry_point'"


def test_a_manifest_points_at_config_and_layers() -> None:
    layers = Layers()
    layers.add(a=b"1")
    config = blob(layers.store, b"{}")
    arguments = {"config": config, "descriptors": layers.blobs("descriptor"), "annotations": {"b": "2", "a": "1"}}
    made = TOOLS["image_manifest"](layers.store, **arguments)
    assert json.loads(layers.store.read(made["manifest"])) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": str(config.digest),
            "size": 2,
        },
        "layers": [
            {
                "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
                "digest": str(layers.made[0]["layer"]),
                "size": layers.made[0]["layer"].size,
            }
        ],
        "annotations": {"a": "1", "b": "2"},
    }


def test_a_tools_signature_is_read_from_its_annotations() -> None:
    found = TOOLS["files_layer"]
    assert found.parameters == {
        "files": Parameter("dict[str, Blob]", required=True),
        "compression": Parameter("str", required=False),
        "links": Parameter("dict[str, str]", required=False),
        "executables": Parameter("list[str]", required=False),
        "about": Parameter("dict[str, str]", required=False),
    }
    assert (found.name, found.outputs) == ("files_layer", ("layer", "descriptor", "tree"))


def test_the_table_names_each_tool_by_its_name_and_workers_find_it_by_module() -> None:
    assert {name: tool.name for name, tool in TOOLS.items()} == {name: name for name in TOOLS}
    assert {found.function.__module__ for found in TOOLS.values()} == {f"buildkit.tools.{name}" for name in TOOLS}


def test_a_tool_that_forgets_an_output_is_our_own_fault() -> None:
    @tool(version=1, outputs=("file", "log"))
    def forgetful(store: MemoryStore, *, content: "str") -> dict[str, Digest]:
        return {"file": store.put(content.encode())}

    with pytest.raises(InternalError, match=r"tool 'forgetful' gave \['file'\], declared \['file', 'log'\]"):
        forgetful(MemoryStore(), content="x")


def test_a_parameter_of_no_known_type_is_our_own_fault() -> None:
    with pytest.raises(InternalError, match="tool 'odd': parameter 'x: bytes' is of no type that tools can take"):

        @tool(version=1, outputs=())
        def odd(store: MemoryStore, *, x: "bytes") -> dict[str, Digest]:
            return {}


def given(tool: str, **arguments: Any) -> str:
    with pytest.raises(BuildFailure) as caught:
        TOOLS[tool](MemoryStore(), **arguments)
    return caught.value.message


def test_arguments_that_do_not_fit_are_told_as_a_rules_mistake() -> None:
    store = MemoryStore()
    other = blob(store, b"{}")
    with pytest.raises(BuildFailure, match="not the document of a tree: expected the 'tree' output of a layer"):
        Tree.from_json(store.read(other.digest))
    with pytest.raises(BuildFailure, match="not a layer's descriptor: expected the 'descriptor' output of a layer"):
        TOOLS["image_manifest"](store, config=other, descriptors=[other])
    nameless = "a layer is made of 1 files with 0 names: expected as many"
    assert given("wheel_layers", wheels=[other], names=[], python="3.11") == nameless
    assert given("debian_layers", debs=[other], names=[]) == nameless


@pytest.mark.parametrize("platform", [None, "linux", {"os": "linux"}])
def test_an_image_needs_a_whole_platform(platform: object) -> None:
    message = given("image_config", descriptors=[], trees=[], settings={"platform": platform})
    assert message == f"'platform' of an image must have 'os' and 'architecture', found {platform!r}"
