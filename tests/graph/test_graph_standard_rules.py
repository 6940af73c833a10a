"""What the standard rules refuse, and what they declare."""

from pathlib import Path

import pytest
from graph_fakes import Place, place

from buildkit.errors import BuildErrors
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.configuration import Configuration
from buildkit.label import Label, TargetPattern
from buildkit.tools import TOOLS

BASE = """
debian_packages(name = "base", lock = "d.lock", packages = ["python3.11-minimal"])
python_packages(name = "new", lock = "n.lock", requirements = ["x"], python = "3.12")
python_packages(name = "old", lock = "o.lock", requirements = ["x"])
python_packages(name = "arm", lock = "a.lock", requirements = ["x"], platform = "linux/arm64")
runtime(name = "plain", base = ":base")
runtime(name = "served", base = ":base", server = "mlserver")
model(name = "m", srcs = ["a.bin"], framework = "sklearn", version = "1")
model(name = "n", srcs = ["a.bin"], framework = "custom", implementation = "n.N")
"""


def analyzed(made: Place, label: str) -> Analysis:
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(label)])
    return analyze(graph, loader.rules, TOOLS, made.print, missing_locks=True)


def workspace(tmp_path: Path, text: str) -> Place:
    return place(tmp_path, {"BUILD": BASE + text + "\n", "a.bin": "", "b/a.bin": "", "s.py": "", "g.json": ""})


REFUSED = [
    ('genrule(name = "x", host_tools = True, cmd = "x")', "rule 'genrule' needs the attribute 'outs'"),
    ('genrule(name = "x", outs = [], cmd = "c", host_tools = True)', "attribute 'outs' must not be empty"),
    (
        'genrule(name = "x", outs = ["o"], host_tools = True)',
        "give either 'cmd', a line for the shell, or 'command', a list of words",
    ),
    (
        'genrule(name = "x", outs = ["o", "p"], cmd = "$@", host_tools = True)',
        "'$@' needs exactly one output, there are 2",
    ),
    (
        'genrule(name = "x", srcs = ["a.bin", "s.py"], outs = ["o"], cmd = "cat $<", host_tools = True)',
        "'$<' needs exactly one source file, there are 2",
    ),
    (
        'genrule(name = "x", outs = ["o"], cmd = "echo $(date) > $@", host_tools = True)',
        "'$(date)' is no variable that mbuild knows; write '$$(date)' for the shell's own",
    ),
    (
        'genrule(name = "x", outs = ["o"], command = ["echo", "$(date"], host_tools = True)',
        "'$(' has no ')'; write '$$(' for the shell's own",
    ),
    (
        'genrule(name = "x", outs = ["o"], cmd = "$(location :y)", host_tools = True)',
        "'$(location :y)': '//:y' is not a dependency of '//:x'",
    ),
    ('http_file(name = "x", urls = [], sha256 = "0")', "attribute 'urls' must not be empty"),
    ('python_sources(name = "x", srcs = ["s.py"], strip_prefix = "lib")', "'s.py' does not lie below 'lib/'"),
    (
        'runtime(name = "x", base = ":base", packages = [":old", ":new"])',
        "'packages' are for several Pythons: 3.11, 3.12",
    ),
    (
        'runtime(name = "x", base = ":base", packages = [":arm"])',
        "'packages' are for linux/arm64, the runtime is for linux/amd64",
    ),
    ('model(name = "x", srcs = [], framework = "sklearn")', "attribute 'srcs' must not be empty"),
    (
        'model(name = "x", srcs = ["a.bin"], framework = "custom")',
        'a custom model needs implementation = "module.Class"',
    ),
    (
        'model(name = "x", srcs = ["a.bin", "b/a.bin"], framework = "sklearn")',
        "'a.bin' and 'b/a.bin' would both be 'models/x/a.bin': a model's files lie side by side, so rename one",
    ),
    ('model_image(name = "x", models = [], runtime = ":served")', "attribute 'models' must not be empty"),
    ('model_image(name = "x", models = [":m"], runtime = ":plain")', "runtime '//:plain' has no server"),
    (
        'model_image(name = "x", models = [":m", ":n"], runtime = ":served", served_name = "s")',
        "'served_name' names one model, this image holds 2",
    ),
    (
        'model_volume(name = "x", models = [":m"], platform = "linux/mips")',
        'attribute \'platform\' must be one of "", "linux/amd64", "linux/arm64", found "linux/mips"',
    ),
    (
        'model_test(name = "x", image = ":y", golden = "g.json")\n'
        'model_image(name = "y", models = [":m", ":n"], runtime = ":served")',
        "image //:y serves several models: choose one with 'served_name'",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_a_standard_rule_refuses_at_the_target(tmp_path: Path, text: str, message: str) -> None:
    made = workspace(tmp_path, text)
    with pytest.raises(BuildErrors) as raised:
        analyzed(made, "//:x")
    first = made.text(raised.value).splitlines()[0]
    assert first.startswith("BUILD:10:")
    assert first.partition(": error: ")[2] == message


def test_an_image_is_made_of_its_runtime_its_models_and_their_settings(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'model_image(name = "x", models = [":m"], runtime = ":served")')
    found = analyzed(made, "//:x").configured[Label("", "", "x")]
    assert found.image is not None
    assert [layer.path for layer in found.image.layers] == [
        "base/root.layers",
        "m/weights-0.layers",
        "m/files.layers",
        "x/settings.layer",
    ]
    assert found.run is not None
    assert found.run.root == found.image.layers
    assert found.run.ports == {"http": 8080, "grpc": 8081, "metrics": 8082}
    assert found.run.requests == {"predict": {"method": "POST", "port": "http", "path": "/v2/models/x/infer"}}
    assert found.run.environment["MLSERVER_HTTP_PORT"] == "{http}"
    assert found.files == (found.image.manifest,)


def test_an_image_of_several_models_serves_each_under_its_name(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'model_image(name = "x", models = [":m", ":n"], runtime = ":served")')
    analysis = analyzed(made, "//:x")
    run = analysis.configured[Label("", "", "x")].run
    assert run is not None
    assert sorted(run.requests) == ["predict:m", "predict:n"]
    written = {
        action.subject: action.arguments["content"] for action in analysis.actions.actions if action.tool == "write"
    }
    assert written == {
        "x/m/model-settings.json": '{\n  "implementation": "mlserver_sklearn.SKLearnModel",\n  "name": "m",\n'
        '  "parameters": {\n    "uri": "./a.bin",\n    "version": "1"\n  }\n}\n',
        "x/n/model-settings.json": '{\n  "implementation": "n.N",\n  "name": "n",\n'
        '  "parameters": {\n    "uri": "./a.bin"\n  }\n}\n',
    }


def test_each_weights_file_has_an_action_of_its_own_until_there_are_too_many(tmp_path: Path) -> None:
    text = 'model(name = "x", srcs = glob(["w/*"]), card = "c.md", framework = "custom", implementation = "s.M"%s)'
    for count, more, expected in ((5, "", 5), (5, ", max_layers = 2", 5), (300, "", 100)):
        weights = {f"w/{number:03}.bin": "" for number in range(count)}
        made = place(tmp_path / str(count), {"BUILD": text % more, "c.md": "", "w/c.json": "", **weights})
        actions = analyzed(made, "//:x").actions.actions
        big = [list(action.arguments["files"]) for action in actions if action.tool == "big_file_layers"]  # type: ignore[arg-type]
        assert len(big) == expected
        assert sorted(path for group in big for path in group) == [
            f"models/x/{number:03}.bin" for number in range(count)
        ]
        assert [action.tool for action in actions].count("fewer_layers") == bool(more or count > 30)
        (small,) = [action for action in actions if action.tool == "small_file_layers"]
        assert list(small.arguments["files"]) == ["models/x/c.json", "models/x/c.md"]  # type: ignore[arg-type]


def test_a_json_file_alone_is_the_model(tmp_path: Path) -> None:
    made = workspace(tmp_path, 'model(name = "x", srcs = ["g.json"], framework = "xgboost")')
    (action,) = [action for action in analyzed(made, "//:x").actions.actions if action.tool == "big_file_layers"]
    assert list(action.arguments["files"]) == ["models/x/g.json"]  # type: ignore[arg-type]
    assert ".json" not in action.arguments["roles"]  # type: ignore[operator]


EXPANDED = {
    "$(SRCS)|$(OUTS)": "p/a.txt p/b/c.txt|out/p/o out/p/d/e",
    "$(location a.txt) $(execpath :a.txt) $(locations //p:b/c.txt)": "p/a.txt p/a.txt p/b/c.txt",
    "$(RULEDIR)|$(@D)|$(location d/e)": "out/p|out/p|out/p/d/e",
    "$$(date) $$$$ $$$(SRCS) $$": "$(date) $$ $p/a.txt p/b/c.txt $",
    "i=$$((i+1)); echo $$(date) $i; done": "i=$((i+1)); echo $(date) $i; done",
    "$x ${x} $1 $": "$x ${x} $1 $",
    "$(mode)": "fast",
}


@pytest.mark.parametrize("cmd", EXPANDED)
def test_a_command_is_expanded_as_in_bazel(tmp_path: Path, cmd: str) -> None:
    text = f'genrule(name = "x", srcs = ["a.txt", "b/c.txt"], outs = ["o", "d/e"], cmd = "{cmd}", host_tools = True)'
    assert command_of(tmp_path, text) == EXPANDED[cmd]


def test_a_command_names_its_only_source_and_output(tmp_path: Path) -> None:
    text = 'genrule(name = "x", srcs = ["a.txt"], outs = ["d/e"], cmd = "cat $< > $@; ls $(@D)", host_tools = True)'
    assert command_of(tmp_path, text) == "cat p/a.txt > out/p/d/e; ls out/p/d"


def command_of(tmp_path: Path, text: str) -> str:
    made = place(tmp_path, {"p/BUILD": text + "\n", "p/a.txt": "", "p/b/c.txt": ""})
    loader = made.loader()
    configuration = Configuration.of(None, (("mode", "fast"),))
    graph = loader.graph([TargetPattern.parse("//p:x")], configuration)
    [action] = analyze(graph, loader.rules, TOOLS, made.print, configuration=configuration).actions.actions
    return str(action.command[-1])
