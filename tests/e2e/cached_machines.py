"""Machines that share a registry as a build cache: each a clone of one small workspace, and a store of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

from debian_programs import WORKSPACE
from mbuild_command import Mbuild

BUILD = """
debian_packages(
    name = "packages",
    lock = "umoci.lock",
    omit = ["libc6"],
    packages = ["umoci"],
    suite = "trixie-backports",
)

runtime(
    name = "runtime",
    base = ":packages",
    bytecode = False,
    server = "mlserver",
)

model(
    name = "weights",
    srcs = ["weights.json"],
    framework = "custom",
    implementation = "serve.Model",
)

model_image(
    name = "image",
    models = [":weights"],
    runtime = ":runtime",
)
"""


def machine(folder: Path, settings: str) -> Mbuild:
    """A clone and an empty store."""
    workspace = folder / "workspace"
    workspace.mkdir(parents=True)
    (workspace / "mbuild.toml").write_text(settings)
    (workspace / "BUILD").write_text(BUILD)
    (workspace / "weights.json").write_text("{}\n")
    shutil.copyfile(WORKSPACE / "umoci.lock", workspace / "umoci.lock")
    return Mbuild(workspace, folder / "store")


def with_package(machine: Mbuild, kept: Path) -> Mbuild:
    """The machine's store has the Debian package that its lock names."""
    digest = (machine.folder / "umoci.lock").read_text().split()[-1]
    blob = Path("blobs", "sha256", digest[:2], digest)
    (machine.store / blob).parent.mkdir(parents=True)
    shutil.copyfile(kept / blob, machine.store / blob)
    return machine


def settings(host: str, more: str = "", name: str = "ci/cache") -> str:
    """An mbuild.toml that names the cache."""
    return f'[cache]\nregistry = "{host}/{name}"\n{more}\n[registry."{host}"]\nplain_http = true\n'
