"""The tools that actions call, by name."""

from __future__ import annotations

from collections.abc import Mapping

from buildkit.tools.big_file_layers import big_file_layers
from buildkit.tools.debian_layers import debian_layers
from buildkit.tools.expand_template import expand_template
from buildkit.tools.fewer_layers import fewer_layers
from buildkit.tools.files_layer import files_layer
from buildkit.tools.foreign_image import foreign_image
from buildkit.tools.foreign_layer import foreign_layer
from buildkit.tools.image_config import image_config
from buildkit.tools.image_index import image_index
from buildkit.tools.image_manifest import image_manifest
from buildkit.tools.model_config import model_config
from buildkit.tools.modules import modules
from buildkit.tools.small_file_layers import small_file_layers
from buildkit.tools.symlink import symlink
from buildkit.tools.tar_layer import tar_layer
from buildkit.tools.tool import Parameter, Tool, tool
from buildkit.tools.wheel_layers import wheel_layers
from buildkit.tools.write import write

TOOLS: Mapping[str, Tool] = {
    found.name: found
    for found in (
        big_file_layers,
        debian_layers,
        expand_template,
        fewer_layers,
        files_layer,
        foreign_image,
        foreign_layer,
        image_config,
        image_index,
        image_manifest,
        model_config,
        modules,
        small_file_layers,
        symlink,
        tar_layer,
        wheel_layers,
        write,
    )
}

__all__ = ["TOOLS", "Parameter", "Tool", "tool"]
