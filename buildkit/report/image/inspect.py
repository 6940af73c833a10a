"""`mbuild image inspect`: an image's facts → lines, or plain data for JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from buildkit.digest import size_text
from buildkit.images.facts import ImageFacts, names_of, rows_of
from buildkit.report.image.text import named, printable

WEIGHTS = (".safetensors", ".gguf", ".onnx", ".joblib", ".pt", ".pth", ".bin", ".pkl", ".ubj", ".cbm")


def inspect_lines(name: str, facts: ImageFacts, members: Sequence[str] = ()) -> Iterator[str]:
    """What a person wants to know first; `members` are lines of the index that the image is of."""
    process = facts.process
    title = {key.rpartition(".")[2]: facts.labels[key] for key in _MODEL if facts.labels.get(key)}
    base = facts.base
    rows = [
        ("image", [printable(name)]),
        ("digest", [str(facts.digest)]),
        ("index", [str(facts.index)] if facts.index else []),
        ("artifact", _one(facts.artifact_type)),
        ("platform", _one(facts.platform)),
        ("created", _one(facts.created)),
        ("size", [f"{size_text(facts.size)} in {_count(len(facts.layers), 'layer')}"]),
        ("base", _one(" ".join(base.values()))),
        ("title", _one(" ".join(title.values()))),
        ("model", list(_model_lines(facts.model))),
        ("weights", [f"{printable(one['name'])} ({size_text(one['size'])})" for one in weights(facts)]),
        ("user", _one(process.get("User"))),
        ("folder", _one(process.get("WorkingDir"))),
        ("entrypoint", _one(process.get("Entrypoint"))),
        ("command", _one(process.get("Cmd"))),
        ("ports", _one(" ".join(names_of(process, "ExposedPorts")))),
        ("volumes", _one(" ".join(names_of(process, "Volumes")))),
        ("environment", list(map(printable, rows_of(process, "Env")))),
        ("labels", _pairs(facts.labels)),
        ("annotations", _pairs(facts.annotations)),
        ("members", members),
    ]
    yield from named(rows)


def _model_lines(model: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in sorted(model.items()):
        if isinstance(value, dict) and not above:
            yield from _model_lines(value, f"{printable(key)}.")
            continue
        plain = isinstance(value, list) and all(isinstance(item, str) for item in value)
        shown = ", ".join(value) if plain else "".join(_one(value)) or json.dumps(value)
        yield f"{above}{printable(key)} = {printable(shown)}"


_MODEL = ("org.opencontainers.image.title", "org.opencontainers.image.version")


def weights(facts: ImageFacts) -> list[dict[str, Any]]:
    """The layers that hold weights, as their names tell."""
    return [
        {"name": row.name, "size": row.descriptor.digest.size}
        for row in facts.layers
        if row.name.split(" ")[0].endswith(WEIGHTS)
    ]


def inspect_data(name: str, facts: ImageFacts) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "image": name,
        "digest": str(facts.digest),
        "mediaType": facts.media_type,
        "index": str(facts.index) if facts.index else None,
        "artifactType": facts.artifact_type or None,
        "platform": facts.platform,
        "created": facts.created or None,
        "size": facts.size,
        "layers": len(facts.layers),
        "base": dict(facts.base),
        "weights": weights(facts),
        "model": dict(facts.model) or None,
        "config": dict(facts.process),
        "labels": dict(facts.labels),
        "annotations": dict(facts.annotations),
    }


def _one(value: object) -> list[str]:
    if not value:
        return []
    return [printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))]


def _pairs(mapping: Mapping[str, str]) -> list[str]:
    return [f"{printable(key)} = {printable(value)}" for key, value in sorted(mapping.items())]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
