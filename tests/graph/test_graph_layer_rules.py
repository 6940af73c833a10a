"""How the standard rules spread packages over layers, and what they find wrong before anything runs."""

from pathlib import Path
from random import Random
from typing import Any

import pytest
from graph_fakes import Place, place

from buildkit.errors import BuildErrors
from buildkit.graph.action import Action
from buildkit.graph.analysis import Analysis, analyze
from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key
from buildkit.label import Label, TargetPattern
from buildkit.tools import TOOLS
from buildkit.tools.grouping import role_of

MIB = 1 << 20
PURE = "py3-none-any"
NATIVE = "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64"


def python_lock(*wheels: tuple[str, int, str], python: str = "3.11", glibc: str = "2.36") -> str:
    request = {"requirements": ["x"], "constraints": [], "python": python, "platform": "linux/amd64", "glibc": glibc}
    entries = (
        LockEntry(name, "1.0", f"{name.replace('-', '_')}-1.0-{tags}.whl", size, f"{number:064x}")
        for number, (name, size, tags) in enumerate(wheels)
    )
    return render_lock(Lock("python", request_key("python", request), tuple(entries)))


def debian_lock(*packages: tuple[str, str]) -> str:
    request = {"suite": "bookworm", "components": ["main"], "architecture": "amd64", "packages": ["p"], "omit": []}
    entries = (
        LockEntry(name, version, f"pool/{name}.deb", 1, f"{number:064x}", "amd64")
        for number, (name, version) in enumerate(packages)
    )
    return render_lock(Lock("debian", request_key("debian", request), tuple(entries)))


def packages(name: str, more: str = "") -> str:
    return f'python_packages(name = "{name}", lock = "{name}.lock", requirements = ["x"]{more})\n'


BASE = 'debian_packages(name = "base", lock = "d.lock", packages = ["p"])\n'


def analyzed(made: Place, *labels: str) -> Analysis:
    loader = made.loader()
    graph = loader.graph([TargetPattern.parse(label) for label in labels])
    return analyze(graph, loader.rules, TOOLS, made.print)


def refused(made: Place, label: str) -> str:
    with pytest.raises(BuildErrors) as raised:
        analyzed(made, label)
    return made.text(raised.value).splitlines()[0]


def groups(analysis: Analysis, owner: str) -> dict[str, list[str]]:
    """The wheels of each layer of a target, by the layer's name."""
    found = {}
    for action in analysis.actions.actions:
        if action.tool == "wheel_layers" and action.owner.name == owner:
            arguments: dict[str, Any] = action.arguments
            found[arguments["about"]["name"]] = [name.partition("-")[0] for name in arguments["names"]]
    return found


def reasons(analysis: Analysis) -> list[str]:
    """Why there are layers of wheels, each answer once."""
    found: list[dict[str, Any]] = [dict(action.arguments) for action in analysis.actions.actions]
    return sorted({arguments["about"]["why"] for arguments in found if "wheels" in arguments})


def without_paths(action: Action) -> Any:
    return [(name, value) for name, value in action.arguments.items() if name != "wheels"]


SMALL = [(f"small-{number}", 1000, PURE) for number in range(40)]


def test_a_big_wheel_is_a_layer_by_itself_and_the_same_in_every_target(tmp_path: Path) -> None:
    torch = ("torch", 800 * MIB, NATIVE)
    files = {
        "BUILD": packages("a") + packages("b"),
        "a.lock": python_lock(torch, *SMALL[:10]),
        "b.lock": python_lock(*SMALL[20:], ("numpy", 4 * MIB, NATIVE), torch),
    }
    analysis = analyzed(place(tmp_path, files), "//:a", "//:b")
    assert groups(analysis, "a")["torch 1.0"] == ["torch"]
    assert groups(analysis, "b")["numpy 1.0"] == ["numpy"]
    torches = (f"torch-1.0-{NATIVE}.whl",)
    both = [action for action in analysis.actions.actions if action.arguments.get("names") == torches]
    assert len(both) == 2
    assert without_paths(both[0]) == without_paths(both[1])


def test_one_more_package_changes_one_layer(tmp_path: Path) -> None:
    files = {
        "BUILD": packages("a") + packages("b"),
        "a.lock": python_lock(*SMALL),
        "b.lock": python_lock(("added", 1000, PURE), *SMALL),
    }
    analysis = analyzed(place(tmp_path, files), "//:a", "//:b")
    before, after = (set(map(tuple, groups(analysis, name).values())) for name in ("a", "b"))
    assert len(before) == len(after) == 6
    assert len(after - before) == 1


def test_where_big_wheels_are_too_many_only_the_biggest_have_layers_of_their_own(tmp_path: Path) -> None:
    wheels = [(f"big-{number}", (4 + number) * MIB, NATIVE) for number in range(30)]
    made = place(tmp_path, {"BUILD": packages("a"), "a.lock": python_lock(*wheels, *SMALL)})
    analysis = analyzed(made, "//:a")
    found = groups(analysis, "a")
    assert len(found) == 30
    alone = sorted(names[0] for names in found.values() if len(names) == 1 and names[0].startswith("big"))
    assert alone == sorted(f"big_{number}" for number in range(6, 30))
    assert reasons(analysis) == [
        "a wheel of 4 MiB or more is a layer by itself",
        "wheels below 4 MiB, and the smallest of more big ones than 'layers' has room for, "
        "share 6 layers by their names",
    ]
    made = place(tmp_path / "few", {"BUILD": packages("a", ", layers = 1"), "a.lock": python_lock(*wheels, *SMALL)})
    assert [len(names) for names in groups(analyzed(made, "//:a"), "a").values()] == [70]


def test_one_more_wheel_of_any_size_makes_two_layers_anew_at_most(tmp_path: Path) -> None:
    """Any sizes, any number of wheels, any `layers`: its own layer, and that of the one that had to make room."""
    random = Random(8)
    for number in range(40):
        limit, count = random.choice([2, 7, 12, 30]), random.randrange(45)
        wheels = [(f"w-{index}", random.choice([1000, 4 * MIB, 5 * MIB, 300 * MIB]), NATIVE) for index in range(count)]
        added = ("added", random.choice([1000, 4 * MIB, 6 * MIB, 900 * MIB]), NATIVE)
        files = {
            "BUILD": packages("a", f", layers = {limit}") + packages("b", f", layers = {limit}"),
            "a.lock": python_lock(("first", 10, NATIVE), *wheels),
            "b.lock": python_lock(("first", 10, NATIVE), *wheels, added),
        }
        analysis = analyzed(place(tmp_path / str(number), files), "//:a", "//:b")
        before, after = (set(map(tuple, groups(analysis, name).values())) for name in ("a", "b"))
        assert len(after) <= limit
        assert len(after - before) <= 2
        assert len(before - after) <= 2


def test_a_wheel_more_leaves_every_other_big_wheel_its_layer_where_there_are_layers(tmp_path: Path) -> None:
    files = {
        f"{count}/{name}": text
        for count in (13, 14, 15)
        for name, text in {
            "BUILD": packages("a"),
            "a.lock": python_lock(*[(f"big-{index}", 5 * MIB, NATIVE) for index in range(count)], *SMALL),
        }.items()
    }
    made = place(tmp_path, files)
    found = [groups(analyzed(made, f"//{count}:a"), "a") for count in (13, 14, 15)]
    shared = [set(map(tuple, one.values())) for one in found]
    assert [len(one) for one in shared] == [19, 20, 21]
    assert shared[0] < shared[1] < shared[2]


def test_a_readme_is_a_document_and_no_weights(tmp_path: Path) -> None:
    srcs = '["w.bin", "README", "LICENSE", "README.txt"]'
    text = f'model(name = "a", srcs = {srcs}, framework = "custom", implementation = "x.Y")'
    files = {"BUILD": text, "w.bin": "", "README": "", "LICENSE": "", "README.txt": ""}
    found: dict[str, dict[str, Any]] = {
        action.tool: dict(action.arguments)
        for action in analyzed(place(tmp_path, files), "//:a").actions.actions
        if action.tool
    }
    assert [*found["big_file_layers"]["files"]] == ["models/a/w.bin"]
    beside = sorted(found["small_file_layers"]["files"])
    assert beside == ["models/a/LICENSE", "models/a/README", "models/a/README.txt"]
    roles = found["small_file_layers"]["roles"]
    assert [role_of(path, roles) for path in beside] == ["doc", "doc", "doc"]


def test_a_package_can_be_given_a_layer_of_its_own(tmp_path: Path) -> None:
    text = packages("a", ', own_layer = ["small-3"], own_layer_size = 2000')
    made = place(tmp_path, {"BUILD": text, "a.lock": python_lock(*SMALL, ("middle", 2000, PURE))})
    found = groups(analyzed(made, "//:a"), "a")
    assert found["small-3 1.0"] == ["small_3"]
    assert found["middle 1.0"] == ["middle"]
    assert len(found) == 8


REFUSED = [
    (', own_layer = ["none"]', "'own_layer' names \"none\", which is not in the lock 'a.lock'"),
    (
        ', own_layer = ["Small_3"]',
        "'own_layer' names \"Small_3\", which is not in the lock 'a.lock': write \"small-3\"",
    ),
    (", layers = 0", "'layers' must be 1 or more, found 0"),
    (", max_layer_size = -1", "'max_layer_size' must be 1 or more, found -1"),
    (
        ', own_layer = ["small-0", "small-1"], layers = 2',
        "'own_layer' names 2 packages, 1 layers are shared: more than the 2 of 'layers'",
    ),
]


@pytest.mark.parametrize(("more", "message"), REFUSED)
def test_layers_that_cannot_be_are_refused_at_the_target(tmp_path: Path, more: str, message: str) -> None:
    made = place(tmp_path, {"BUILD": packages("a", more), "a.lock": python_lock(*SMALL)})
    assert refused(made, "//:a") == f"BUILD:1:1: error: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'model(name = "a", srcs = ["w"], framework = "sklearn", max_layers = 0)',
            "'max_layers' must be 1 or more, found 0",
        ),
        (
            'debian_packages(name = "a", packages = ["x"], lock = "d.lock", max_layer_size = 0)',
            "'max_layer_size' must be 1 or more, found 0",
        ),
    ],
)
def test_a_limit_below_one_is_refused(tmp_path: Path, text: str, message: str) -> None:
    made = place(tmp_path, {"BUILD": text, "w": ""})
    assert refused(made, "//:a") == f"BUILD:1:1: error: {message}"


FITTING = [
    "py2.py3-none-any",
    "py311-none-any",
    "py37-none-any",
    "cp311-cp311-linux_x86_64",
    "cp311-none-manylinux1_x86_64",
    "cp38-abi3-manylinux_2_36_x86_64.macosx_11_0_arm64",
    "cp310.cp311-cp310.cp311-manylinux2014_x86_64",
]
UNFIT = {
    "cp312-cp312-manylinux2014_x86_64": "is for cp312 (cp312)",
    "cp310-none-any": "is for cp310 (none)",
    "cp312-abi3-any": "is for cp312 (abi3)",
    "pp311-pypy311_pp73-manylinux2014_x86_64": "is for pp311 (pypy311_pp73)",
    "py2-none-any": "is for py2 (none)",
    "cp311-cp311-manylinux2014_aarch64": "is for manylinux2014_aarch64",
    "cp311-cp311-musllinux_1_2_x86_64": "is for musllinux_1_2_x86_64",
    "cp311-cp311-win_amd64.macosx_11_0_arm64": "is for win_amd64 or macosx_11_0_arm64",
    "cp311-cp311-manylinux_2_39_x86_64": "needs glibc 2.39",
}


@pytest.mark.parametrize("tags", FITTING)
def test_a_wheel_that_fits_is_taken(tmp_path: Path, tags: str) -> None:
    made = place(tmp_path, {"BUILD": packages("a"), "a.lock": python_lock(("x", 1, tags))})
    assert Label("", "", "a") in analyzed(made, "//:a").configured


@pytest.mark.parametrize("tags", UNFIT)
def test_a_wheel_that_does_not_fit_is_told_with_what_is_expected(tmp_path: Path, tags: str) -> None:
    made = place(tmp_path, {"BUILD": packages("a"), "a.lock": python_lock(("x", 1, tags))})
    assert refused(made, "//:a") == (
        f"BUILD:1:1: error: 'x-1.0-{tags}.whl' of lock 'a.lock' {UNFIT[tags]}: "
        "expected one for Python 3.11, linux/amd64, glibc 2.36"
    )


DEBIAN = (("libc6", "2.36-9+deb12u9"), ("python3.11-minimal", "3.11.2-6"), ("python3-apt", "2"))
BASES = [
    (DEBIAN, "cp311-cp311-manylinux_2_36_x86_64", "", ""),
    (
        (("libc6", "2.31-13"), ("python3.11", "3.11.2")),
        "cp311-cp311-manylinux_2_35_x86_64",
        "",
        "'x-1.0-cp311-cp311-manylinux_2_35_x86_64.whl' of packages '//:a' needs glibc 2.35, base '//:base' has 2.31",
    ),
    (
        (("python3.12-minimal", "3.12"), ("python3.13", "3.13")),
        PURE,
        "",
        "packages '//:a' are for Python 3.11, base '//:base' has 3.12, 3.13",
    ),
    (DEBIAN, PURE, ', platform = "linux/arm64"', "'packages' are for linux/amd64, the runtime is for linux/arm64"),
]


@pytest.mark.parametrize(("base", "tags", "more", "message"), BASES)
def test_packages_must_fit_the_base(
    tmp_path: Path, base: tuple[tuple[str, str], ...], tags: str, more: str, message: str
) -> None:
    text = f'{BASE}{packages("a")}runtime(name = "r", base = ":base", packages = [":a"]{more})\n'
    made = place(tmp_path, {"BUILD": text, "a.lock": python_lock(("x", 1, tags)), "d.lock": debian_lock(*base)})
    if message:
        assert refused(made, "//:r") == f"BUILD:3:1: error: {message}"
    else:
        assert analyzed(made, "//:r")


def test_layers_stand_from_stable_to_volatile_and_commands_see_the_code(tmp_path: Path) -> None:
    text = (
        BASE
        + packages("a")
        + packages("b")
        + 'python_sources(name = "code", srcs = ["c.py"])\n'
        + 'runtime(name = "r", base = ":base", packages = [":a", ":b"], sources = [":code"], server = "mlserver")\n'
        + 'model(name = "m", srcs = ["w.bin", "v.bin"], framework = "sklearn")\n'
        + 'model_image(name = "i", models = [":m"], runtime = ":r")\n'
        + 'genrule(name = "g", runtime = ":r", outs = ["o"], cmd = "true")\n'
    )
    files = {
        "BUILD": text,
        "d.lock": debian_lock(*DEBIAN),
        "a.lock": python_lock(("a-small", 1, PURE), ("a-big", 4 * MIB, NATIVE)),
        "b.lock": python_lock(("b-small", 1, PURE), ("b-big", 4 * MIB, NATIVE)),
    }
    made = place(tmp_path, files | dict.fromkeys(("c.py", "w.bin", "v.bin"), ""))
    analysis = analyzed(made, "//:i", "//:g")
    image = analysis.configured[Label("", "", "i")].image
    assert image is not None
    order = [layer.path for layer in image.layers]
    shared_a, shared_b = (path for path in order if path.startswith(("a/shared", "b/shared")))
    assert order == [
        "base/root.layers",
        "a/a-big.layers",
        "b/b-big.layers",
        shared_a,
        shared_b,
        "r/bytecode-0-a-big.layer",
        "r/bytecode-1-b-big.layer",
        f"r/bytecode-0-{shared_a[2:].removesuffix('s')}",
        f"r/bytecode-1-{shared_b[2:].removesuffix('s')}",
        "m/weights-0.layers",
        "m/weights-1.layers",
        "m/files.layers",
        "code/sources.layer",
        "i/settings.layer",
    ]
    (command,) = [action for action in analysis.actions.actions if action.mnemonic == "genrule"]
    assert [layer.path for layer in command.root] == [*order[:9], "code/sources.layer"]  # type: ignore[union-attr]
