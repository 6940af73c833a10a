"""`base_image`: what an image inherits from its base, with nothing but the lock at hand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from locked_images import config_of, descriptor_of, index_of, layer_of, manifest_of

from buildkit.commands.build import build
from buildkit.commands.graph import analysis
from buildkit.commands.lock import check
from buildkit.commands.session import Options, Session
from buildkit.digest import Digest
from buildkit.errors import BuildErrors
from buildkit.events import Event
from buildkit.graph.action import Action
from buildkit.graph.image_documents import LockedDocument, locked_image
from buildkit.graph.image_lock import base_images
from buildkit.graph.lockfile import Lock, LockEntry, render_lock, request_key

IMAGE = "registry.invalid/team/python:3.11"
LAYERS = [layer_of(b"one"), layer_of(b"two", "application/vnd.docker.image.rootfs.diff.tar.gzip")]
DIFF_IDS = ["sha256:" + "1" * 64, "sha256:" + "2" * 64]
HISTORY = [
    {"created": "2024-01-01T00:00:00Z", "created_by": "ADD root"},
    {"created": "2024-01-01T00:00:00Z", "created_by": "ENV X=1", "empty_layer": True},
    {"created": "2024-01-01T00:00:00Z", "created_by": "RUN make", "comment": "python", "more": 1},
    {"created_by": "CMD python", "empty_layer": True},
]
SETTINGS = {
    "Env": ["PATH=/opt/conda/bin:/usr/bin", "PYTHON_VERSION=3.11.9", "PYTHONPATH=/opt/lib", "HOME=/root"],
    "User": "65532:65532",
    "Entrypoint": ["/tini"],
    "Labels": {"maker": "them", "org.opencontainers.image.title": "python"},
    "ExposedPorts": {"9000/udp": {}},
    "StopSignal": "SIGINT",
}
BUILD = """
base_image(name = "base", image = "%s", lock = "base.lock")
runtime(name = "server", base = ":base", server = "mlserver")
model(name = "m", srcs = ["a.bin"], framework = "sklearn", version = "1")
model_image(name = "x", models = [":m"], runtime = ":server")
"""


def lock_text(*platforms: str, request: dict[str, Any] | None = None, **config: Any) -> str:
    """A lock of the base for some architectures."""
    fields = {"config": SETTINGS, "history": HISTORY, "rootfs": {"type": "layers", "diff_ids": DIFF_IDS}, **config}
    configs = {name: config_of(name, **fields) for name in platforms or ("amd64", "arm64")}
    manifests = {name: manifest_of(made, layers=LAYERS) for name, made in configs.items()}
    index = index_of(*((f"linux/{name}", made) for name, made in manifests.items()))
    found = [locked_image(f"linux/{name}", manifests[name], configs[name]) for name in configs]
    asked = {"image": IMAGE, "digest": "", "platforms": []} | (request or {})
    return render_lock(Lock("image", request_key("image", asked), (), (), base_images(index, found)))


def session_of(tmp_path: Path, build_file: str, lock: str, platform: str | None = None) -> Session:
    heard: list[Event] = []
    for name, text in {"mbuild.toml": "", "BUILD": build_file, "base.lock": lock, "a.bin": "weights"}.items():
        (tmp_path / name).write_text(text)
    options = Options(tmp_path, {}, cache_dir=tmp_path / "cache", offline=True, sandbox="none", platform=platform)
    return Session(options, heard.append)


def built(session: Session, target: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and config of an image."""
    digest = build(session, [target]).checked().built[0].digest
    assert digest
    manifest = json.loads(session.store.read(digest))
    named = manifest["config"]
    return manifest, json.loads(session.store.read(Digest.parse(named["digest"], named["size"])))


def test_an_image_is_built_on_a_base_whose_layers_nobody_has(tmp_path: Path) -> None:
    session = session_of(tmp_path, BUILD % IMAGE, lock_text())
    manifest, config = built(session, "//:x")
    gzip = "application/vnd.oci.image.layer.v1.tar+gzip"
    assert manifest["layers"][:2] == [
        descriptor_of(LockedDocument(gzip, b"one")),
        descriptor_of(LockedDocument(gzip, b"two")),
    ]
    assert config["rootfs"]["diff_ids"][:2] == DIFF_IDS
    assert not session.store.has(Digest.of(b"one"))


def test_the_history_of_the_base_stays(tmp_path: Path) -> None:
    _, config = built(session_of(tmp_path, BUILD % IMAGE, lock_text()), "//:x")
    own = HISTORY[2] | {}
    del own["more"]
    assert config["history"][:4] == [HISTORY[0], HISTORY[1], own, HISTORY[3]]
    layers = [entry for entry in config["history"] if not entry.get("empty_layer")]
    assert len(layers) == len(config["rootfs"]["diff_ids"])


def test_a_history_that_does_not_fit_the_layers_is_replaced(tmp_path: Path) -> None:
    _, config = built(session_of(tmp_path, BUILD % IMAGE, lock_text(history=HISTORY[:1])), "//:x")
    assert [entry["created_by"] for entry in config["history"][:2]] == [
        f"mbuild: {IMAGE}, layer 1 of 2",
        f"mbuild: {IMAGE}, layer 2 of 2",
    ]


def test_settings_of_the_base_are_inherited_and_own_ones_win(tmp_path: Path) -> None:
    manifest, found = built(session_of(tmp_path, BUILD % IMAGE, lock_text()), "//:x")
    config = found["config"]
    environment = dict(variable.split("=", 1) for variable in config["Env"])
    assert config["User"] == "65532:65532"
    assert config["StopSignal"] == "SIGINT"
    assert config["Entrypoint"] == ["/usr/local/bin/python3", "/usr/local/bin/mlserver", "start", "/models"]
    assert "9000/udp" in config["ExposedPorts"]
    assert config["Labels"] == {
        "maker": "them",
        "org.opencontainers.image.title": "x",
        "org.opencontainers.image.version": "1",
    }
    assert environment["PATH"] == "/opt/conda/bin:/usr/bin"
    assert environment["PYTHONPATH"] == "/opt/lib"
    assert environment["HOME"] == "/tmp"
    assert "SSL_CERT_FILE" not in environment
    assert manifest["annotations"]["org.opencontainers.image.base.name"] == IMAGE
    assert manifest["annotations"]["org.opencontainers.image.base.digest"].startswith("sha256:")
    assert "maker" not in manifest["annotations"]


def test_the_platform_of_the_configuration_chooses_the_image(tmp_path: Path) -> None:
    arm = 'platform(name = "arm", arch = "arm64")\n'
    session = session_of(tmp_path, BUILD % IMAGE + arm, lock_text(), platform="//:arm")
    assert built(session, "//:x")[1]["architecture"] == "arm64"


def test_a_base_is_an_image_itself(tmp_path: Path) -> None:
    session = session_of(tmp_path, BUILD % IMAGE, lock_text())
    manifest, config = built(session, "//:base")
    assert (len(manifest["layers"]), config["architecture"]) == (2, "amd64")


def test_root_is_not_inherited(tmp_path: Path) -> None:
    lock = lock_text(config={**SETTINGS, "User": "0:0"})
    assert built(session_of(tmp_path, BUILD % IMAGE, lock), "//:x")[1]["config"]["User"] == "1000:1000"


@pytest.mark.parametrize(
    ("build_file", "lock", "message"),
    [
        (
            BUILD % IMAGE,
            lock_text("arm64"),
            f"'{IMAGE}' is not locked for linux/amd64, only for linux/arm64: name it in 'platforms' and "
            "run 'mbuild lock //:base', or choose one of these with 'platform' (a runtime for another platform "
            "compiles bytecode on the host platform, which needs the base too, unless it has 'bytecode = False')",
        ),
        (
            BUILD % IMAGE.replace("3.11", "3.12"),
            lock_text(),
            "the lock 'base.lock' is stale: it answers another request",
        ),
        (
            (BUILD % IMAGE).replace("lock =", f'digest = "sha256:{"0" * 64}", lock ='),
            lock_text(request={"digest": "sha256:" + "0" * 64}),
            "the lock 'base.lock' is of ",
        ),
        (
            (BUILD % IMAGE).replace('base = ":base",', 'base = ":base", platform = "linux/arm64",'),
            lock_text(),
            "'base' is for linux/amd64, the runtime is for linux/arm64",
        ),
        (
            (BUILD % IMAGE).replace('base = ":base",', 'base = ":base", packages = [":new"],')
            + 'python_packages(name = "new", lock = "new.lock", requirements = [], python = "3.12")',
            lock_text(),
            "attribute 'requirements' must not be empty",
        ),
        (
            (BUILD % IMAGE).replace('base = ":base",', 'base = ":base", bytecode = "yes",'),
            lock_text(),
            "'bytecode' is True or False, found \"yes\"",
        ),
        (
            BUILD % "python:3.11",
            lock_text(request={"image": "python:3.11"}),
            "invalid image reference 'python': it must begin with a registry's host",
        ),
    ],
)
def test_a_base_that_does_not_fit_is_refused_at_analysis(
    tmp_path: Path, build_file: str, lock: str, message: str
) -> None:
    with pytest.raises(BuildErrors) as caught:
        build(session_of(tmp_path, build_file, lock), ["//:x"])
    assert caught.value.errors[0].message.startswith(message)


def test_packages_are_for_the_python_of_the_base(tmp_path: Path) -> None:
    text = (BUILD % IMAGE).replace('base = ":base",', 'base = ":base", packages = [":new"],')
    text += 'python_packages(name = "new", lock = "new.lock", requirements = ["x"], python = "3.12")\n'
    asked = {"requirements": ["x"], "constraints": [], "python": "3.12", "platform": "linux/amd64", "glibc": "2.36"}
    (tmp_path / "new.lock").write_text(render_lock(Lock("python", request_key("python", asked), ())))
    with pytest.raises(BuildErrors) as caught:
        build(session_of(tmp_path, text, lock_text()), ["//:x"])
    assert caught.value.errors[0].message == "packages '//:new' are for Python 3.12, base '//:base' has 3.11"


def history(*steps: str) -> dict[str, Any]:
    return {"history": [{"created_by": step} for step in steps]}


UBUNTU = (
    "/bin/sh -c #(nop)  LABEL org.opencontainers.image.ref.name=ubuntu",
    "/bin/sh -c #(nop)  LABEL org.opencontainers.image.version=20.04",
    "LABEL org.opencontainers.image.version=9",
)
UBI = {"Env": ["PYTHON_VERSION=3.11"], "Labels": {"vendor": "Red Hat, Inc.", "name": "ubi8/python-311"}}
BARE: dict[str, Any] = {"config": {}}
WHEEL = "x-1.0-cp311-cp311-manylinux_2_34_x86_64.whl"
NEEDS = f"'{WHEEL}' of packages '//:new' needs glibc 2.34, base '//:base' has "
NO_PYTHON = (
    "nothing tells which Python base '//:base' has, so it is not known whether packages for Python 3.11 work: name its "
    "version with 'python_version' there"
)
NO_LIBC = (
    f"nothing tells which C library base '//:base' has, so it is not known whether '{WHEEL}' works, which needs glibc "
    "2.34: name its version with 'glibc' there"
)


def with_wheel(tmp_path: Path, base: str = "", runtime: str = "", wheel: str = WHEEL, **config: Any) -> Session:
    """A workspace whose runtime lays a wheel on a base of which its config tells so much."""
    text = (BUILD % IMAGE).replace('base = ":base",', f'base = ":base", packages = [":new"],{runtime}')
    text = text.replace('lock = "base.lock"', f'lock = "base.lock", {base}')
    text += 'python_packages(name = "new", lock = "new.lock", requirements = ["x"])\n'
    asked = {"requirements": ["x"], "constraints": [], "python": "3.11", "platform": "linux/amd64", "glibc": "2.36"}
    entry = LockEntry("x", "1.0", wheel, 1, "1" * 64)
    (tmp_path / "new.lock").write_text(render_lock(Lock("python", request_key("python", asked), (entry,))))
    return session_of(tmp_path, text, lock_text(**config))


@pytest.mark.parametrize(
    ("base", "config", "message"),
    [
        ("", history("# debian.sh --arch 'amd64' out/ 'bullseye' '@1'"), NEEDS + "2.31"),
        ("", history(*UBUNTU), NEEDS + "2.31"),
        ("", {"history": [{"created_by": None}, *history(*UBUNTU)["history"]]}, NEEDS + "2.31"),
        ("", {"config": UBI}, NEEDS + "2.28"),
        ('glibc = "2.33"', history("# debian.sh --arch 'arm64' out/ 'trixie' '@1'"), NEEDS + "2.33"),
        (
            "",
            history("ADD alpine-minirootfs-3.22.2-x86_64.tar.gz / # buildkit"),
            NEEDS.removesuffix("has ") + "has musl in its place: choose a base with glibc, such as one of Debian",
        ),
        (
            'python_version = "3.10"',
            BARE,
            "packages '//:new' are for Python 3.11, base '//:base' has 3.10",
        ),
    ],
)
def test_packages_must_fit_what_a_base_tells_of_itself_or_is_said_to_have(
    tmp_path: Path, base: str, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(BuildErrors) as caught:
        analysis(with_wheel(tmp_path, base, **config), ["//:x"])
    assert caught.value.errors[0].message == message


@pytest.mark.parametrize(
    ("base", "runtime", "wheel", "config", "expected"),
    [
        ("", "", WHEEL, BARE, [NO_PYTHON, NO_LIBC]),
        ("", "", "x-1.0-py3-none-any.whl", BARE, [NO_PYTHON]),
        ('python_version = "3.11.4", glibc = "2.34"', "", WHEEL, BARE, []),
        ("", "", WHEEL, history("# debian.sh --arch 'amd64' out/ 'bookworm' '@1'"), []),
        ("", "", WHEEL, history("# debian.sh --arch 'amd64' out/ 'zurg' '@1'"), [NO_LIBC]),
        (
            'glibc = "2.41"',
            'python = "/opt/python3", ',
            WHEEL,
            {},
            [NO_PYTHON + ", and its path with 'python' there in place of here"],
        ),
    ],
)
def test_what_nothing_tells_of_a_base_is_warned_of_in_every_build(
    tmp_path: Path, base: str, runtime: str, wheel: str, config: dict[str, Any], expected: list[str]
) -> None:
    found = analysis(with_wheel(tmp_path, base, runtime, wheel, **config), ["//:x"])
    configs = [action.arguments for action in found.actions.actions if action.tool == "image_config"]
    assert [list(arguments["remarks"]) for arguments in configs] == [expected]


def test_a_lock_is_checked_without_a_network(tmp_path: Path) -> None:
    session = session_of(tmp_path, BUILD % IMAGE, lock_text())
    assert [(str(found.label), found.file) for found in check(session, ["//:base"])] == [("//:base", "base.lock")]


@pytest.mark.parametrize("lock", ["", "# mbuild lock 1 python " + "0" * 64 + "\n"])
def test_a_missing_lock_or_one_of_another_kind_is_told_when_it_is_checked(tmp_path: Path, lock: str) -> None:
    session = session_of(tmp_path, BUILD % IMAGE, lock)
    with pytest.raises(BuildErrors) as caught:
        check(session, ["//..."])
    assert caught.value.errors[0].hint == "run 'mbuild lock //:base'"


def test_an_index_takes_the_base_of_each_platform_from_one_lock(tmp_path: Path) -> None:
    platforms = "".join(f'platform(name = "{name}", arch = "{name}")\n' for name in ("amd64", "arm64"))
    text = BUILD % IMAGE + platforms
    text += 'image_index(name = "all", image = ":x", platforms = [":amd64", ":arm64"])\n'
    session = session_of(tmp_path, text, lock_text())
    digest = build(session, ["//:all"]).checked().built[0].digest
    assert digest
    rows = json.loads(session.store.read(digest))["manifests"]
    found = []
    for row in rows:
        named = json.loads(session.store.read(Digest.parse(row["digest"], row["size"])))["config"]
        found.append(json.loads(session.store.read(Digest.parse(named["digest"], named["size"])))["architecture"])
    assert found == [row["platform"]["architecture"] for row in rows] == ["amd64", "arm64"]


PACKAGES = """
python_packages(name = "packages", lock = "packages.lock", requirements = ["x"])
python_sources(name = "code", srcs = ["s.py"])
runtime(
    name = "packed",
    base = ":base",
    packages = [":packages"],
    sources = [":code"],
    bytecode = %s,
)
"""


def actions_of(tmp_path: Path, bytecode: str) -> tuple[Mapping[str, str], list[Action]]:
    """The environment of a runtime with packages, and the actions that pick its modules and compile them."""
    asked = {"requirements": ["x"], "constraints": [], "python": "3.11", "platform": "linux/amd64", "glibc": "2.36"}
    wheel = LockEntry("x", "1.0", "x-1.0-py3-none-any.whl", 5, "1" * 64)
    (tmp_path / "packages.lock").write_text(render_lock(Lock("python", request_key("python", asked), (wheel,))))
    (tmp_path / "s.py").write_text("")
    image = 'model_image(name = "y", models = [":m"], runtime = ":packed")\n'
    text = BUILD % IMAGE + PACKAGES.replace("base =", 'server = "mlserver", base =') % bytecode + image
    analyzed = analysis(session_of(tmp_path, text, lock_text()), ["//:y"])
    run = analyzed.configured[analyzed.requested[0]].run
    assert run
    wanted = ("modules", "bytecode")
    return run.environment, [action for action in analyzed.actions.actions if action.mnemonic in wanted]


def test_packages_are_found_by_a_python_that_is_not_debians(tmp_path: Path) -> None:
    environment, compiled = actions_of(tmp_path, "None")
    assert environment["PYTHONPATH"] == "/opt/app:/usr/local/lib/python3.11/dist-packages:/opt/lib"
    assert compiled == []


def test_bytecode_is_compiled_on_demand_by_the_base_in_its_layers(tmp_path: Path) -> None:
    _, actions = actions_of(tmp_path, "True")
    modules, compiled = actions
    assert modules.arguments == {
        "layer": modules.inputs[0],
        "folder": "/usr/local/lib/python3.11/dist-packages",
        "without": ("test", "tests"),
    }
    assert compiled.command[0] == "/usr/local/bin/python3"
    assert compiled.command[-2] == modules.subject
    assert not isinstance(compiled.root, str)
    assert [layer.path for layer in compiled.root] == ["base/layer-1.layer", "base/layer-2.layer"]
