"""podman on this machine, with storage and settings of its own: nothing of the machine's podman is read or changed."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from debian_programs import Programs


@dataclass(frozen=True, slots=True)
class Podman:
    """podman, started with one storage folder and one set of settings."""

    command: tuple[str, ...]
    environment: dict[str, str]

    @classmethod
    def of(cls, programs: Programs, folder: Path) -> Podman:
        """podman with its storage in an empty folder; layers are copied where overlays cannot be laid over each other.

        The folder's path must be short: podman takes one of 50 bytes at most.
        """
        places = ("--root", f"{folder}/root", "--runroot", f"{folder}/run", "--tmpdir", f"{folder}/tmp")
        environment = _settings(programs, folder)
        for driver in ("overlay", "vfs"):
            found = cls((programs.path("podman"), *places, "--storage-driver", driver), environment)
            if found.start("info").returncode == 0:
                break
        return found

    def start(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command of podman's, to its end."""
        command = [*self.command, *arguments]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False
        )

    def __call__(self, *arguments: str) -> str:
        """What one command prints; it must end well."""
        done = self.start(*arguments)
        assert done.returncode == 0, f"podman {shlex.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
        return done.stdout.strip()


def _settings(programs: Programs, folder: Path) -> dict[str, str]:
    # runc, since crun refuses hybrid cgroups; limits that a root without CAP_SYS_RESOURCE may set.
    containers = (
        '[containers]\ndefault_ulimits=["nofile=1024:1024","nproc=4096:4096"]\n'
        '[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n'
        f"conmon_path=[{json.dumps(programs.path('conmon'))}]\n"
        f"[engine.runtimes]\nrunc=[{json.dumps(programs.path('runc'))}]\n"
    )
    storage = f'[storage]\ndriver="overlay"\ngraphroot="{folder}/root"\nrunroot="{folder}/run"\n'
    (folder / "containers.conf").write_text(containers)
    (folder / "storage.conf").write_text(storage)
    (folder / "registries.conf").write_text("")
    policy = folder / ".config" / "containers" / "policy.json"
    policy.parent.mkdir(parents=True)
    policy.write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    return dict(
        os.environ,
        HOME=str(folder),
        CONTAINERS_CONF=f"{folder}/containers.conf",
        CONTAINERS_STORAGE_CONF=f"{folder}/storage.conf",
        CONTAINERS_REGISTRIES_CONF=f"{folder}/registries.conf",
    )
