"""Layers and settings → an image's configuration, once the layers are known to fit each other.

Settings: `platform` (`os`, `architecture`, if need be `variant`), and if wanted `user`, `environment` (a mapping,
written in the order of its names), `entrypoint`, `command`, `working_dir`, `ports` (numbers, or texts such as
"53/udp"), `labels`, `stop_signal`, `author`, `created`, and `foreign_files` (patterns of files that may be for other
processors). What the layers are called, in errors and in the history, they say themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildFailure
from buildkit.oci.blobs import bounded
from buildkit.oci.config import EPOCH, History, ImageConfig
from buildkit.oci.layer import Layer
from buildkit.store import BlobStore
from buildkit.tools.keys import check_keys, check_variables
from buildkit.tools.layer_output import names_of
from buildkit.tools.machines import check_machines
from buildkit.tools.overlays import check_layers
from buildkit.tools.remarks import put_remarks
from buildkit.tools.stack import documents_of, stacked
from buildkit.tools.tool import Json, tool

_KNOWN = frozenset(
    {"platform", "user", "environment", "entrypoint", "command", "working_dir", "ports", "labels", "stop_signal"}
    | {"author", "created", "foreign_files"}
)


MOST_LAYERS = 100


@tool(version=7, outputs=("config", "warnings"))
def image_config(
    store: BlobStore,
    *,
    descriptors: list[Blob],
    trees: list[Blob],
    settings: Json,
    remarks: list[str] | None = None,
) -> dict[str, Digest]:
    """The OCI config of an image with the given layers, lowest first; and what its user is to be warned of.

    `remarks` are warnings of the rules, which come first.

    Raises BuildFailure where two layers hold different things at one path, or where a path of one leads through a
    symlink or a file of another: the image would depend on the order in which layers are laid over each other. Also
    where one holds a program for another processor than the image's.
    """
    unknown = sorted(set(settings) - _KNOWN)
    if unknown:
        raise BuildFailure(
            f"an image has no setting '{unknown[0]}'", hint=f"its settings are: {', '.join(sorted(_KNOWN))}"
        )
    layers = stacked(store, descriptors)
    names = names_of(layers)
    _refuse_too_many(layers)
    documents = documents_of(store, layers, trees, "an image")
    known = [name for layer, name in zip(layers, names, strict=True) if layer.tree]  # not those of a base
    paths = check_layers([document for document in documents if document is not None], known)
    platform = settings.get("platform")
    if not isinstance(platform, Mapping) or not {"os", "architecture"} <= set(platform):
        raise BuildFailure(f"'platform' of an image must have 'os' and 'architecture', found {platform!r}")
    check_machines(layers, names, platform, settings.get("foreign_files") or ())
    config = ImageConfig(
        architecture=str(platform["architecture"]),
        os=str(platform["os"]),
        diff_ids=tuple(layer.diff_id for layer in layers),
        history=tuple(entry for layer in layers for entry in _history(layer)),
        process=_process(settings),
        variant=str(platform.get("variant") or ""),
        author=str(settings.get("author") or ""),
        created=str(settings.get("created") or EPOCH),
    )
    return {
        "config": store.put(bounded(config.to_json(), "config")),
        "warnings": put_remarks(store, layers, names, paths, remarks or ()),
    }


_LIMITED = ("split at", " at most", "also one larger than")  # how `grouping` tells of a 'max_layer_size'


def _refuse_too_many(layers: Sequence[Layer]) -> None:
    if len(layers) <= MOST_LAYERS:
        return
    counts = Counter(layer.about.role or "others" for layer in layers)
    told = ", ".join(f"{role} {count}" for role, count in counts.most_common())
    raise BuildFailure(
        f"an image of {len(layers)} layers: expected {MOST_LAYERS} at most; Docker and containerd refuse about 127",
        notes=[f"its layers are: {told}"],
        hint="; ".join(_advice(layers, counts)) or "let more files share a layer",
    )


def _advice(layers: Sequence[Layer], counts: Mapping[str, int]) -> Iterator[str]:
    """What can make them fewer, of what there is."""
    if counts.get("packages", 0) > 1:
        yield "lower 'layers' of the packages, so that more of them share one"
    if counts.get("bytecode"):
        yield "leave out the bytecode with 'bytecode = False' in the runtime"
    limited = [layer for layer in layers if any(words in layer.about.why for words in _LIMITED)]
    if sum(layer.about.role == "weights" and layer not in limited for layer in layers) > 1:
        yield "lower 'max_layers' of the models"
    if limited:
        yield "raise 'max_layer_size' where layers were split at that"
    if counts.get("base", 0) > MOST_LAYERS // 2:
        yield "choose a base of fewer layers"


def _history(layer: Layer) -> list[History]:
    if layer.history:
        return [History("", inherited=entry) for entry in layer.history]
    return [History(f"mbuild: {layer.about.name}" if layer.about.name else "mbuild", layer.about.why)]


def _process(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The config's own object (image-spec, config.md), without what is empty. Raises BuildFailure for odd names."""
    environment, labels = settings.get("environment") or {}, settings.get("labels") or {}
    check_variables(environment)
    check_keys("a label", labels)
    process: dict[str, Any] = {
        "User": settings.get("user"),
        "Env": [f"{name}={value}" for name, value in sorted(environment.items())],
        "Entrypoint": list(settings.get("entrypoint") or ()),
        "Cmd": list(settings.get("command") or ()),
        "WorkingDir": settings.get("working_dir"),
        "ExposedPorts": {_port(port): {} for port in settings.get("ports") or ()},
        "Labels": dict(labels),
        "StopSignal": settings.get("stop_signal"),
    }
    return {name: value for name, value in process.items() if value}


def _port(port: object) -> str:
    return str(port) if "/" in str(port) else f"{port}/tcp"
