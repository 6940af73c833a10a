"""The standard rules for another platform than the build machine: what runs is for that machine, what ships is not."""

from dataclasses import replace
from pathlib import Path

import pytest
from graph_fakes import Place, place

from buildkit.digest import Key
from buildkit.errors import BuildError, BuildErrors
from buildkit.graph.action import Action, ActionKind
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.configuration import DEFAULT, Configuration
from buildkit.graph.lockfile import Lock, LockEntry, render_lock
from buildkit.graph.platform import platform_of_machine
from buildkit.label import Label, TargetPattern
from buildkit.tools import TOOLS

ARM_LABEL = Label("mbuild", "platforms", "linux_arm64")
ARM = Configuration.of(ARM_LABEL, ())
BUILD = """
debian_packages(name = "base", packages = ["python"], lock = select({
    "@mbuild//platforms:arm64": "base.arm64.lock",
    "//conditions:default": "base.lock",
}))
python_packages(name = "packages", requirements = ["six"], lock = "packages.lock")
runtime(name = "server", base = ":base", packages = [":packages"], server = "mlserver")
runtime(name = "slow", base = ":base", packages = [":packages"], server = "mlserver", bytecode = False)
trained_model(name = "model", script = "train.py", outs = ["m.bin"], framework = "sklearn", runtime = ":slow")
genrule(name = "said", outs = ["said.txt"], cmd = "echo $(location :model) > $@", srcs = [":model"], runtime = ":slow")
model_image(name = "image", models = [":model"], runtime = ":server")
image_index(
    name = "index",
    image = ":image",
    platforms = ["@mbuild//platforms:linux_amd64", "@mbuild//platforms:linux_arm64"],
)
"""


def debian(architecture: str, python: str) -> str:
    name = f"python{python}-minimal"
    path = f"pool/{name}_1_{architecture}.deb"
    return render_lock(Lock("debian", Key("0" * 64), (LockEntry(name, "1", path, 1, "0" * 64, architecture),)))


@pytest.fixture
def made(tmp_path: Path) -> Place:
    wheel = LockEntry("six", "1", "six-1-py3-none-any.whl", 1, "1" * 64)
    files = {
        "BUILD": BUILD,
        "base.lock": debian("amd64", "3.11"),
        "base.arm64.lock": debian("arm64", "3.11"),
        "packages.lock": render_lock(Lock("python", Key("0" * 64), (wheel,))),
        "train.py": "",
    }
    return place(tmp_path, files)


def analyzed(made: Place, label: str, configuration: Configuration = DEFAULT) -> Analysis:
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(label)], configuration)
    return analyze(graph, loader.rules, TOOLS, made.print, configuration=configuration, missing_locks=True)


def runs(analysis: Analysis, mnemonic: str) -> list[Action]:
    return [one for one in analysis.actions.actions if one.kind is ActionKind.RUN and one.mnemonic == mnemonic]


def roots(actions: list[Action]) -> set[tuple[str, ...]]:
    return {
        tuple(f"{layer.root}:{layer.owner.name}" for layer in one.root if not isinstance(layer, str)) for one in actions
    }


def test_bytecode_of_another_platform_is_compiled_by_the_base_of_the_machine(made: Place) -> None:
    analysis = analyzed(made, "//:server", ARM)
    assert roots(runs(analysis, "bytecode")) == {("linux_amd64-default:base",)}
    assert roots(runs(analyzed(made, "//:server"), "bytecode")) == {(":base",)}


def test_on_a_machine_of_the_platform_everything_is_configured_once(made: Place) -> None:
    for configuration in (DEFAULT, Configuration.of(ARM_LABEL, (), ARM_LABEL)):
        analysis = analyzed(made, "//:image", configuration)
        assert analysis.elsewhere == ()
        assert {one.configuration for one in analysis.actions.actions} == {""}


def test_an_index_trains_and_compiles_alike_for_all_its_platforms(made: Place) -> None:
    analysis = analyzed(made, "//:index")
    here, there = runs(analysis, "train")
    assert (here.command, here.root, here.environment) == (there.command, there.root, there.environment)
    assert roots([here, there]) == {(":base", ":packages")}
    assert len({one.command for one in runs(analysis, "bytecode")}) == 1


def test_a_genrule_runs_for_the_machine(made: Place) -> None:
    (action,) = runs(analyzed(made, "//:said", ARM), "genrule")
    assert roots([action]) == {("linux_amd64-default:base", "linux_amd64-default:packages")}
    assert action.command[-1] == "echo m.bin > out/said.txt"


def test_the_bases_of_both_platforms_must_have_one_python(made: Place) -> None:
    version = 'python = select({"@mbuild//platforms:arm64": "3.12", "//conditions:default": "3.11"}), lock = "pack'
    made.write({"base.arm64.lock": debian("arm64", "3.12"), "BUILD": BUILD.replace('lock = "pack', version)})
    with pytest.raises((BuildError, BuildErrors)) as raised:
        analyzed(made, "//:server", ARM)
    first = made.text(raised.value).splitlines()[0]
    assert first.endswith(
        "error: 'base' has Python 3.12, but as configured for the build machine, where it compiles bytecode, 3.11"
    )
    analyzed(made, "//:slow", ARM)


def test_without_bytecode_the_machine_needs_no_base(made: Place) -> None:
    text = BUILD.replace('"//conditions:default": "base.lock",', "")
    made.write({"BUILD": text})
    assert analyzed(made, "//:slow", ARM).elsewhere == ()
    with pytest.raises((BuildError, BuildErrors)) as raised:
        analyzed(made, "//:server", ARM)
    assert "no branch of 'lock' holds for '//:base'" in made.text(raised.value)


def test_the_host_platform_decides_of_roots_only(made: Place) -> None:
    """Commands, inputs and outputs are the same on both hosts, and so are the actions that run nothing."""
    on_arm = Configuration.of(None, (), ARM_LABEL)
    assert analyzed(made, "//:slow", on_arm).actions == analyzed(made, "//:slow").actions
    here, there = (analyzed(made, "//:server", configuration) for configuration in (DEFAULT, on_arm))
    assert roots(runs(there, "bytecode")) == {(f"{on_arm.execution.folder}:base",)}
    ours, theirs = (
        [replace(one, root=()) for one in found.actions.actions if not one.configuration] for found in (here, there)
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("processor", "name"),
    [("x86_64", "amd64"), ("AMD64", "amd64"), ("aarch64", "arm64"), ("arm64", "arm64")],
)
def test_a_machine_has_a_standard_platform_by_its_processor(processor: str, name: str) -> None:
    assert platform_of_machine(processor) == Label("mbuild", "platforms", f"linux_{name}")


def test_a_machine_of_another_processor_is_told(made: Place) -> None:
    with pytest.raises(BuildError) as raised:
        platform_of_machine("riscv64")
    assert made.text(raised.value) == (
        "error: mbuild knows no platform of this machine's processor 'riscv64'\n"
        "hint: name a platform target that has its 'arch'"
    )
