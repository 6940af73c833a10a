"""`model_test`: an image's server, started and asked, against golden predictions."""

load(":runtime.bzl", "InterpreterInfo")

_PYTHON = "/usr/bin/python3"

def _model_test(ctx):
    run = ctx.attr.image[RunInfo]
    served = ctx.attr.served_name
    request = run.requests.get("predict:" + served if served else "predict")
    if not request:
        fail("image %s serves several models: choose one with 'served_name'" % ctx.attr.image.label)
    report = ctx.actions.declare_file(ctx.label.name + "/report.json")
    address = {"{host}": "127.0.0.1"} | {"{%s}" % name: str(port) for name, port in run.ports.items()}
    ctx.actions.run(
        outputs = [report],
        inputs = [ctx.file._driver, ctx.file.golden],
        command = [
            ctx.attr.image[InterpreterInfo].python if InterpreterInfo in ctx.attr.image else _PYTHON,
            "-I",
            ctx.file._driver,
            "--golden",
            ctx.file.golden,
            "--report",
            report,
            "--port",
            str(run.ports[request["port"]]),
            "--ready",
            run.readiness,
            "--predict",
            request["path"],
            "--tolerance",
            str(ctx.attr.tolerance),
            "--startup",
            str(ctx.attr.startup_seconds),
            "--",
        ] + list(run.command),
        environment = {name: _filled(value, address) for name, value in run.environment.items()},
        root = list(run.root),
        mnemonic = "test",
        timeout = ctx.attr.timeout,
    )
    return [DefaultInfo(files = [report]), TestInfo(report = report)]

def _filled(text, values):
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text

model_test = rule(
    implementation = _model_test,
    test = True,
    runs_on_target = True,
    doc = """Starts an image's server in the sandbox, asks it, and compares with golden predictions.

    The golden file is JSON: {"cases": [{"name", "request", "response"}]}, requests and responses of the Open
    Inference Protocol. Of each response the outputs are compared: their values within the tolerance, their shapes and
    datatypes where the golden file has them. A pass is cached until anything of the image changes.

    Example:
        ```python
        model_test(
            name = "fraud_test",
            golden = "golden.json",
            image = ":fraud",
            tolerance = 1e-9,
        )
        ```
    """,
    attrs = {
        "image": attr.label(mandatory = True, providers = [RunInfo], doc = "The model_image under test."),
        "golden": attr.label(mandatory = True, allow_single_file = [".json"], doc = "Requests and expected responses."),
        "served_name": attr.string(doc = "Which model is asked, where the image holds several."),
        "tolerance": attr.float(default = 1e-6, doc = "How far numbers may be off, relative and absolute."),
        "startup_seconds": attr.int(default = 120, doc = "How long the server may take until it is ready."),
        "timeout": attr.int(default = 600, doc = "Seconds for the whole test."),
        "_driver": attr.label(default = "@mbuild//rules:check_predictions.py", allow_single_file = True),
    },
)
