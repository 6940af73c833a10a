"""MLServer: how it serves models that lie below /models, and the environment that it was found to need.

A server is a struct of
    command        what starts it
    environment    variables of the image
    local          variables that make it listen elsewhere; {host} and {PORT} are filled in where it is run
    ports          its ports by name
    readiness      the HTTP path that answers 200 once all models are loaded
    settings       function(model, served_name) -> the text of the model's settings file
    settings_file  that file's name in the model's folder
    predict        function(served_name) -> the HTTP request that predicts
"""

# The class that loads each framework's files.
_IMPLEMENTATIONS = {
    "sklearn": "mlserver_sklearn.SKLearnModel",
    "xgboost": "mlserver_xgboost.XGBoostModel",
    "lightgbm": "mlserver_lightgbm.LightGBMModel",
    "catboost": "mlserver_catboost.CatboostModel",
}

def _settings(model, served_name):
    implementation = model.implementation or _IMPLEMENTATIONS.get(model.framework)
    if not implementation:
        fail("mlserver has no class for framework %r: name one with implementation = 'module.Class'" % model.framework)
    parameters = {"uri": "./" + model.uri}
    if model.version:
        parameters["version"] = model.version
    settings = {"name": served_name, "implementation": implementation, "parameters": parameters}
    if model.inputs:
        settings["inputs"] = model.inputs
    if model.outputs:
        settings["outputs"] = model.outputs
    return json.encode_indent(settings, indent = "  ") + "\n"

def _predict(served_name):
    return {"method": "POST", "port": "http", "path": "/v2/models/" + served_name + "/infer"}

mlserver = struct(
    command = ["/usr/local/bin/mlserver", "start", "/models"],
    environment = {
        # One process: worker processes break with newer uvloop and may hang at the end.
        "MLSERVER_PARALLEL_WORKERS": "0",
        "MLSERVER_DEBUG": "false",
        # What it writes must not lie in the image's read-only folders.
        "MLSERVER_METRICS_DIR": "/tmp",
        "MLSERVER_ENVIRONMENTS_DIR": "/tmp",
    },
    local = {
        "MLSERVER_HOST": "{host}",
        "MLSERVER_HTTP_PORT": "{http}",
        "MLSERVER_GRPC_PORT": "{grpc}",
        "MLSERVER_METRICS_PORT": "{metrics}",
    },
    ports = {"http": 8080, "grpc": 8081, "metrics": 8082},
    readiness = "/v2/health/ready",
    settings = _settings,
    settings_file = "model-settings.json",
    predict = _predict,
)
