"""Layers: how the standard rules name, make and hand on the layers of an image.

A layer is `struct(layer, descriptor, tree)`: the blob as it is shipped, the small document that describes it (media
type, digest, size, diff_id; name, role and why), and the list of what it holds. Where only the tool can tell how many
layers there are, one such struct stands for several: its three Files are folders of as many entries, lowest layer first.

From stable to volatile, an image's layers are: base, system packages, Python packages, their bytecode, weights, what
lies beside weights, code, settings.

The layers of a base image have no list (`tree` is None): nobody here has their bytes.
"""

# A layer that several files share has so many bytes at most: 2 GB.
MAX_LAYER_SIZE = 2000000000

LayersInfo = provider(
    doc = "Layers of a root or an image, lowest first.",
    fields = {"layers": "structs of layer, descriptor and tree"},
)

def compression_attribute(layers):
    """The attribute `compression` of a rule that makes layers, of which `layers` tells in its documentation."""
    return attr.string(
        values = ["", "zstd", "gzip", "none"],
        doc = "How " + layers + ": \"zstd\", \"gzip\" for consumers that know no zstd, or \"none\" for what does " +
              "not shrink. By default what `[image] compression` in mbuild.toml or `--define=compression=…` says, or zstd.",
    )

COMPRESSION = compression_attribute("its layers are compressed")

def compression_of(ctx):
    """How a target's layers are compressed: as its attribute says, or else the configuration."""
    said = getattr(ctx.attr, "compression", "") or ctx.var.get("compression", "zstd")
    if said not in ("zstd", "gzip", "none"):
        fail("'--define=compression=%s' is no way to compress layers: expected zstd, gzip or none" % said)
    return said

def check_limits(ctx, names):
    """Fails for attributes of these names that are no limit: below 1."""
    for name in names:
        if getattr(ctx.attr, name) < 1:
            fail("'%s' must be 1 or more, found %d" % (name, getattr(ctx.attr, name)))

def make_layer(ctx, name, tool, arguments):
    """Declares the action of a layer tool.

    Args:
        ctx: the context of the rule that makes the layer.
        name: the layer's name, unique in the target.
        tool: the tool that writes it, such as `files_layer`.
        arguments: the tool's arguments; without a `compression` there, it is what `compression_of` says.

    Returns:
        the layer: a struct of layer, descriptor and tree.
    """
    made = struct(
        layer = ctx.actions.declare_file(ctx.label.name + "/" + name + ".layer"),
        descriptor = ctx.actions.declare_file(ctx.label.name + "/" + name + ".descriptor.json"),
        tree = ctx.actions.declare_file(ctx.label.name + "/" + name + ".tree.json"),
    )
    ctx.actions.tool(
        tool,
        arguments = {"compression": compression_of(ctx)} | arguments,
        outputs = {"layer": made.layer, "descriptor": made.descriptor, "tree": made.tree},
        mnemonic = tool,
    )
    return made

def make_layers(ctx, name, tool, arguments, more = {}):
    """Declares the action of a tool that makes any number of layers.

    Args:
        ctx: the context of the rule that makes the layers.
        name: the name of their folders, unique in the target.
        tool: the tool that writes them, such as `wheel_layers`.
        arguments: the tool's arguments.
        more: further outputs of the tool, by name.

    Returns:
        the layers: one struct of layer, descriptor and tree, each a folder.
    """
    made = struct(
        layer = ctx.actions.declare_tree(ctx.label.name + "/" + name + ".layers"),
        descriptor = ctx.actions.declare_tree(ctx.label.name + "/" + name + ".descriptors"),
        tree = ctx.actions.declare_tree(ctx.label.name + "/" + name + ".trees"),
    )
    ctx.actions.tool(
        tool,
        arguments = arguments,
        outputs = {"layer": made.layer, "descriptor": made.descriptor, "tree": made.tree} | more,
        mnemonic = tool,
    )
    return made

def blobs(layers):
    """The files of layers as they are shipped; a root is made of these."""
    return [layer.layer for layer in layers]

def descriptors(layers):
    """The documents that describe layers."""
    return [layer.descriptor for layer in layers]

def trees(layers):
    """The lists of what layers hold; of a base's layers nobody knows."""
    return [layer.tree for layer in layers if layer.tree != None]

def own_blobs(layers):
    """The files of the layers that this build makes; those of a base lie in a registry."""
    return [layer.layer for layer in layers if layer.tree != None]
