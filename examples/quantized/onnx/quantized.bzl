"""`onnx_quantized_model`: a network as ONNX, with weights of 8 bits. A rule of this workspace, not of mbuild."""

load("@mbuild//rules:runtime.bzl", "RuntimeInfo", "root_of")

QuantizedInfo = provider(
    doc = "A network in two precisions.",
    fields = {
        "exact": "the ONNX file as it was exported, with weights of 32 bits",
        "quantized": "the same with weights of 8 bits",
    },
)

def _run(ctx, mnemonic, script, inputs, output, args):
    """Declares a Python program that makes one file, run in the layers of the target's runtime."""
    runtime = ctx.attr.runtime[RuntimeInfo]
    ctx.actions.run(
        outputs = [output],
        inputs = depset([script], transitive = inputs),
        executable = runtime.python,
        arguments = [ctx.actions.args().add(script), args],
        environment = runtime.environment,
        root = root_of(ctx.attr.runtime),
        mnemonic = mnemonic,
    )

def _onnx_quantized_model(ctx):
    data = [target.files for target in ctx.attr.srcs]
    args = ctx.actions.args().add_all("--data", depset(transitive = data)).add("--out", ctx.outputs.exact)
    _run(ctx, "export", ctx.file.script, data, ctx.outputs.exact, args)

    args = ctx.actions.args().add(ctx.outputs.exact).add(ctx.outputs.quantized)
    _run(ctx, "quantize", ctx.file._quantize, [depset([ctx.outputs.exact])], ctx.outputs.quantized, args)
    return [
        DefaultInfo(files = depset([ctx.outputs.quantized])),
        QuantizedInfo(exact = ctx.outputs.exact, quantized = ctx.outputs.quantized),
    ]

onnx_quantized_model = rule(
    implementation = _onnx_quantized_model,
    doc = "Trains and exports a network, then stores its weights in 8 bits instead of 32.",
    attrs = {
        "script": attr.label(
            mandatory = True,
            allow_single_file = [".py"],
            doc = "The program that trains and exports; it takes --data FILE... and --out FILE.",
        ),
        "srcs": attr.label_list(allow_files = True, doc = "What it learns from."),
        "runtime": attr.label(mandatory = True, providers = [RuntimeInfo], doc = "Where it runs."),
        "_quantize": attr.label(default = "//onnx:quantize.py", allow_single_file = True),
    },
    outputs = {
        "exact": "%{name}.exact.onnx",
        "quantized": "%{name}.onnx",
    },
    provides = [QuantizedInfo],
)

def _onnx_quantized_test(ctx):
    info = ctx.attr.model[QuantizedInfo]
    runtime = ctx.attr.runtime[RuntimeInfo]
    report = ctx.actions.declare_file(ctx.label.name + ".json")
    ctx.actions.run(
        outputs = [report],
        executable = runtime.python,
        arguments = [ctx.file.script, info.exact, info.quantized, report],
        environment = runtime.environment,
        root = root_of(ctx.attr.runtime),
        mnemonic = "compare",
    )
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

onnx_quantized_test = rule(
    implementation = _onnx_quantized_test,
    test = True,
    doc = "Fails unless the quantized network is smaller than the exact one and predicts nearly as well.",
    attrs = {
        "model": attr.label(mandatory = True, providers = [QuantizedInfo], doc = "The network."),
        "script": attr.label(mandatory = True, allow_single_file = [".py"], doc = "Takes EXACT QUANTIZED REPORT."),
        "runtime": attr.label(mandatory = True, providers = [RuntimeInfo], doc = "Where it runs."),
    },
)
