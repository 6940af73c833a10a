"""The workspace: the folder that `mbuild.toml` marks, its configuration, and where its files are.

In: a folder to start from. Out: `Workspace`.
"""

from __future__ import annotations

from pathlib import Path

from buildkit.errors import BuildError
from buildkit.graph.action import Artifact
from buildkit.graph.config import MARKER, Config, read_config
from buildkit.records import dataclass

OUTPUT_FOLDER = "mbuild-out"
STANDARD_REPOSITORY = "mbuild"
STANDARD_PACKAGE = "rules"
STANDARD_PLATFORMS = "platforms"  # the standard rules' one package of targets


@dataclass(frozen=True, slots=True)
class Workspace:
    """A workspace's root and configuration, and the folder of the standard rules."""

    root: Path
    config: Config
    rules: Path

    @classmethod
    def find(cls, start: Path) -> Workspace:
        """The workspace that a folder is in. Reads `mbuild.toml`; raises BuildError where there is none."""
        start = start.absolute()
        for folder in (start, *start.parents):
            if (folder / MARKER).is_file():
                return cls(folder, read_config(folder / MARKER), standard_rules())
        raise BuildError(
            f"no workspace here: neither '{start}' nor a folder above it holds '{MARKER}'",
            hint=f"create '{MARKER}' in the top folder of your repository (it may be empty), or name one with -C DIR",
        )

    def locate(self, artifact: Artifact) -> Path:
        """The absolute path of a source artifact."""
        return self.path_of(artifact.owner.repository, artifact.path)

    def path_of(self, repository: str, path: str) -> Path:
        """The absolute path of a file of the workspace (repository ''), or of the standard rules ('mbuild')."""
        if repository == STANDARD_REPOSITORY:
            return self.rules / path.removeprefix(STANDARD_PACKAGE + "/")
        return self.root / path


def standard_rules() -> Path:
    """The folder of the standard rules: data inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / STANDARD_PACKAGE
    return installed if installed.is_dir() else package.parent / STANDARD_PACKAGE
