"""mbuild.toml: what it may say, and the place of what it may not."""

from pathlib import Path

import pytest
from graph_fakes import place

from buildkit.errors import BuildError, Span
from buildkit.graph.action import Artifact
from buildkit.graph.config import Config, DebianConfig, FlagsConfig
from buildkit.graph.registry_config import RegistryConfig, RegistryLimits
from buildkit.graph.workspace import Workspace, standard_rules
from buildkit.label import Label

FULL = """
[workspace]
name = "acme"
build_files = ["BUILD.mbuild"]
[python]
index = "https://index.example/simple"
extra_indexes = ["https://extra.example/simple"]
[debian]
suite = "bookworm"
mirror = "https://mirror.example"
snapshot = "https://snapshot.example"
keyring = "keys.gpg"
[cache]
dir = ".cache"
max_size = "10GB"
[registry."registry.example:5000"]
plain_http = true
ca = "ca.pem"
mirror = "mirror.example"
client_cert = "me.crt"
client_key = "me.key"
[registry."registry.example:5000".limits]
max_blob_size = "10 GB"
max_layers = 100
max_manifest_size = "4 MiB"
chunk_size = "100"
[registry.localhost]
[image]
compression = "gzip"
[config.base]
flags = ["--define=mode=release"]
[config.ci]
flags = ["--keep-going"]
configs = ["base"]
"""


def test_an_empty_file_is_a_configuration(tmp_path: Path) -> None:
    assert place(tmp_path, {}).workspace.config == Config()


def test_every_key_is_read(tmp_path: Path) -> None:
    assert place(tmp_path, {"mbuild.toml": FULL}).workspace.config == Config(
        name="acme",
        build_files=("BUILD.mbuild",),
        python_index="https://index.example/simple",
        python_extra_indexes=("https://extra.example/simple",),
        debian=DebianConfig("bookworm", "https://mirror.example", "https://snapshot.example", "keys.gpg"),
        cache_dir=".cache",
        cache_max_size="10GB",
        registries={
            "registry.example:5000": RegistryConfig(
                True, "ca.pem", "me.crt", "me.key", "mirror.example", RegistryLimits(10**10, 100, 4 << 20, 100)
            ),
            "localhost": RegistryConfig(),
        },
        compression="gzip",
        configs={
            "base": FlagsConfig(("--define=mode=release",), (), (Span("mbuild.toml", 31, 10, 31, 33),)),
            "ci": FlagsConfig(
                ("--keep-going",),
                ("base",),
                (Span("mbuild.toml", 33, 10, 33, 24), Span("mbuild.toml", 34, 12, 34, 18)),
            ),
        },
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[workspce]\n",
            "mbuild.toml:1:2: error: unknown table 'workspce'\n"
            "    [workspce]\n     ^~~~~~~~\nhint: did you mean 'workspace'?",
        ),
        (
            "[zzz]\n",
            "mbuild.toml:1:2: error: unknown table 'zzz'\n    [zzz]\n     ^~~\n"
            "hint: the tables are: workspace, python, debian, cache, image, limits, registry, config",
        ),
        (
            'cache = "x"\n',
            "mbuild.toml:1:1: error: 'cache' must be a table\n    cache = \"x\"\n    ^~~~~\nhint: write '[cache]'",
        ),
        (
            '[workspace]\nname = "a"\n[cache]\nname = "b"\n',
            "mbuild.toml:4:1: error: unknown key 'name' in [cache]\n    name = \"b\"\n    ^~~~\n"
            "hint: its keys are: dir, max_size, registry, registry_access, registry_max_age",
        ),
        (
            "[workspace]\nname = 3\n",
            "mbuild.toml:2:1: error: 'name' in [workspace] must be a string, found 3\n    name = 3\n    ^~~~",
        ),
        (
            '[python]\nextra_indexes = ["a", 1]\n',
            "mbuild.toml:2:1: error: 'extra_indexes' in [python] must be a list of strings, found ['a', 1]\n"
            '    extra_indexes = ["a", 1]\n    ^~~~~~~~~~~~~',
        ),
        (
            "[workspace]\nbuild_files = []\n",
            "mbuild.toml:2:1: error: 'build_files' in [workspace] must be names of files, found []\n"
            "    build_files = []\n    ^~~~~~~~~~~",
        ),
        (
            '[workspace]\nbuild_files = ["a/BUILD"]\n',
            "mbuild.toml:2:1: error: 'build_files' in [workspace] must be names of files, found ['a/BUILD']\n"
            '    build_files = ["a/BUILD"]\n    ^~~~~~~~~~~',
        ),
        (
            '[registry."r.example"]\nplain_http = "yes"\n',
            "mbuild.toml:2:1: error: 'plain_http' in [registry.\"r.example\"] must be true or false, found 'yes'\n"
            '    plain_http = "yes"\n    ^~~~~~~~~~',
        ),
        (
            "[registry]\nplain_http = true\n",
            "mbuild.toml:2:1: error: 'registry.\"plain_http\"' must be a table\n    plain_http = true\n    ^~~~~~~~~~\n"
            'hint: a registry is a table: [registry."registry.example:5000"]',
        ),
        (
            '[registry."https://r.example/x"]\nplain_http = true\n',
            "mbuild.toml:1:12: error: 'https://r.example/x' in [registry] is not a registry's host\n"
            '    [registry."https://r.example/x"]\n'
            "               ^~~~~~~~~~~~~~~~~~~\n"
            "hint: write '[registry.\"r.example\"]'",
        ),
        (
            "[registry.nowhere]\nplain_http = true\n",
            "mbuild.toml:1:11: error: 'nowhere' in [registry] is not a registry's host\n"
            "    [registry.nowhere]\n              ^~~~~~~\nhint: hosts look like 'registry.example:5000'",
        ),
        (
            '[registry."r.example"]\nmirror = "nowhere"\n',
            "mbuild.toml:2:1: error: 'mirror' must be HOST or HOST/PREFIX, found 'nowhere',"
            ' in [registry."r.example"]\n'
            '    mirror = "nowhere"\n    ^~~~~~',
        ),
        (
            '[registry."r.example"]\nclient_key = "me.key"\n',
            "mbuild.toml:2:1: error: 'client_key' needs 'client_cert' beside it, in [registry.\"r.example\"]\n"
            '    client_key = "me.key"\n    ^~~~~~~~~~\nhint: the key may also stand in the same file',
        ),
        (
            '[registry."r.example"]\nlimits = { max_blob_size = "10 GX" }\n',
            "mbuild.toml:2:12: error: 'max_blob_size' must be a size, found '10 GX', in [registry.\"r.example\"]\n"
            '    limits = { max_blob_size = "10 GX" }\n               ^~~~~~~~~~~~~\n'
            "hint: write '10 GB', '512 MiB' or bytes as text; units: kB, MB, GB, TB, KiB, MiB, GiB, TiB",
        ),
        (
            '[registry."r.example"]\nca = "x" # max_layers = 1\nlimits = { chunk_size = "1", "max_layers" = 0 }\n'
            '[registry."s.example".limits]\nmax_layers = 2\n',
            "mbuild.toml:3:31: error: 'max_layers' must be 1 or more, found 0, in [registry.\"r.example\"]\n"
            '    limits = { chunk_size = "1", "max_layers" = 0 }\n                                  ^~~~~~~~~~',
        ),
        (
            '[registry]\n"s.example" = { plain_http = true }\n"r.example" = { plain_http = "x" }\n',
            "mbuild.toml:3:17: error: 'plain_http' in [registry.\"r.example\"] must be true or false, found 'x'\n"
            '    "r.example" = { plain_http = "x" }\n                    ^~~~~~~~~~',
        ),
        (
            '[registry."r.example"]\nlimits.max_layers = 0\n',
            "mbuild.toml:2:8: error: 'max_layers' must be 1 or more, found 0, in [registry.\"r.example\"]\n"
            "    limits.max_layers = 0\n           ^~~~~~~~~~",
        ),
        (
            '[registry."r.example"]\n[registry."R.example"]\n',
            "mbuild.toml:2:12: error: 'R.example' in [registry] is the host 'r.example' once more:"
            " upper and lower case are the same\n"
            '    [registry."R.example"]\n               ^~~~~~~~~\nhint: join the two tables',
        ),
        (
            '[registry."r.example".limits]\nmax_layers = 0\n',
            "mbuild.toml:2:1: error: 'max_layers' must be 1 or more, found 0, in [registry.\"r.example\"]\n"
            "    max_layers = 0\n    ^~~~~~~~~~",
        ),
        (
            '[registry."r.example".limits]\nmax_layer = 3\n',
            "mbuild.toml:2:1: error: unknown key 'max_layer' in [registry.\"r.example\".limits]\n"
            "    max_layer = 3\n    ^~~~~~~~~\nhint: did you mean 'max_layers'?",
        ),
        (
            '[registry."r.example".limits]\nmax_blob_size = 100\n',
            "mbuild.toml:2:1: error: 'max_blob_size' in [registry.\"r.example\".limits] must be a string, found 100\n"
            "    max_blob_size = 100\n    ^~~~~~~~~~~~~\n"
            "hint: write '10 GB', '512 MiB' or bytes as text; units: kB, MB, GB, TB, KiB, MiB, GiB, TiB",
        ),
        (
            "[cache]\nregistry_max_age = 30\n",
            "mbuild.toml:2:1: error: 'registry_max_age' in [cache] must be a string, found 30\n"
            "    registry_max_age = 30\n    ^~~~~~~~~~~~~~~~\nhint: write '30d', '12h' or '90m'",
        ),
        (
            '[registry."r.example"]\nlimits = 3\n',
            "mbuild.toml:2:1: error: 'limits' in [registry.\"r.example\"] must be a table, found 3\n"
            "    limits = 3\n    ^~~~~~",
        ),
        (
            '[config.ci]\nflag = ["--json"]\n',
            "mbuild.toml:2:1: error: unknown key 'flag' in [config.ci]\n    flag = [\"--json\"]\n    ^~~~\n"
            "hint: did you mean 'flags'?",
        ),
        (
            '[config.ci]\nflags = "--json"\n',
            "mbuild.toml:2:1: error: 'flags' in [config.ci] must be a list of strings, found '--json'\n"
            '    flags = "--json"\n    ^~~~~',
        ),
        (
            '[config]\nflags = ["--json"]\n',
            "mbuild.toml:2:1: error: 'config.flags' must be a table\n    flags = [\"--json\"]\n    ^~~~~\n"
            "hint: a config is a table: [config.ci]",
        ),
        (
            '[cache]\nregistry = "cache:v1"\n',
            "mbuild.toml:2:1: error: 'registry' must be HOST/REPOSITORY: invalid image reference 'cache:v1': "
            "it must begin with a registry's host, in [cache]\n"
            "    registry = \"cache:v1\"\n    ^~~~~~~~\nhint: references look like 'host/repository:tag'",
        ),
        (
            '[cache]\nregistry = "a.example/cache"\nregistry_access = "write"\n',
            "mbuild.toml:3:1: error: 'registry_access' must be one of read-write, read, off, found 'write', "
            'in [cache]\n    registry_access = "write"\n    ^~~~~~~~~~~~~~~',
        ),
        (
            '[cache]\nregistry_max_age = "a month"\n',
            "mbuild.toml:2:1: error: 'registry_max_age' must be a time, found 'a month', in [cache]\n"
            "    registry_max_age = \"a month\"\n    ^~~~~~~~~~~~~~~~\nhint: write '30d', '12h' or '90m'",
        ),
        (
            "[workspace\n",
            "mbuild.toml:1:11: error: not valid TOML: Expected ']' at the end of a table declaration "
            "(at line 1, column 11)\n    [workspace\n              ^",
        ),
    ],
)
def test_a_mistake_has_its_place(tmp_path: Path, text: str, message: str) -> None:
    made = place(tmp_path, {"mbuild.toml": text})
    with pytest.raises(BuildError) as error:
        Workspace.find(tmp_path)
    assert made.text(error.value) == message


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mbuild.toml").write_bytes(b'[workspace]\nname = "\xff"\n')
    with pytest.raises(BuildError) as error:
        Workspace.find(tmp_path)
    assert str(error.value) == "mbuild.toml:1:1: error: not UTF-8 text: invalid start byte"


def test_a_workspace_is_found_from_any_folder_inside(tmp_path: Path) -> None:
    (tmp_path / "mbuild.toml").touch()
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert Workspace.find(inner).root == tmp_path


def test_where_there_is_no_workspace_the_marker_is_named(tmp_path: Path) -> None:
    with pytest.raises(BuildError) as error:
        Workspace.find(tmp_path)
    assert error.value.message == (f"no workspace here: neither '{tmp_path}' nor a folder above it holds 'mbuild.toml'")


def test_files_of_the_workspace_and_of_the_standard_rules_are_located(tmp_path: Path) -> None:
    workspace = place(tmp_path, {}).workspace
    own, standard = Label("", "rules", "x.py"), Label("mbuild", "rules", "check_predictions.py")
    assert workspace.locate(Artifact(own, own.path, source=True)) == tmp_path / "rules" / "x.py"
    located = workspace.locate(Artifact(standard, standard.path, source=True))
    assert (located, located.is_file()) == (standard_rules() / "check_predictions.py", True)
