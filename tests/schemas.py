"""The schemas of the OCI image specification, where they lie beside the project, and documents checked by them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT4

CONFORMANCE = Path(__file__).parents[2] / "shared" / "conformance"
FOLDER = CONFORMANCE / "oci-image-spec"
MODEL_CONFIG = CONFORMANCE / "modelpack" / "config-schema.json"

# Of a test that uses `validate`.
beside = pytest.mark.may_skip("the schemas lie beside the project, not in it")


def validate(name: str, document: Any) -> None:
    """Check a document by a schema such as 'image-index-schema.json'; skips the test where there are no schemas."""
    if not FOLDER.is_dir():
        pytest.skip("no ../shared/conformance beside this checkout: only mbuild's own checks are made")
    schemas = {path.name: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    resources: dict[str, Resource[Any]] = {}
    for file, schema in schemas.items():
        resource = Resource.from_contents(schema, default_specification=DRAFT4)
        resources |= {file: resource, schema.get("id", file): resource}
        # References are taken from the schema's own id, whatever folder that names.
        for folder in ("", "image/", "image/descriptor/"):
            resources[f"https://opencontainers.org/schema/{folder}{file}"] = resource
    registry: Registry[Any] = Registry().with_resources(resources.items())
    Draft4Validator(schemas[name], registry=registry).validate(document)


def validate_model_config(document: Any) -> None:
    """Check the config of a model artifact by CNCF's schema; skips the test where that is not."""
    if not MODEL_CONFIG.is_file():
        pytest.skip("no ../shared/conformance beside this checkout: only mbuild's own checks are made")
    checker = Draft202012Validator.FORMAT_CHECKER
    Draft202012Validator(json.loads(MODEL_CONFIG.read_text()), format_checker=checker).validate(document)
