"""The script that compiles modules, as images' interpreters run it."""

import importlib.util
import marshal
import runpy
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import CodeType
from typing import Any

from buildkit.content import Kind
from buildkit.oci import tar

SCRIPT = Path(__file__).parent.parent.parent / "rules" / "compile_bytecode.py"
MODULES = {f"/usr/lib/p/m{number}.py": b"def f(x):\n    return x\n" * (number + 1) for number in range(7)}


def tar_of(path: Path, sources: dict[str, bytes], links: dict[str, str]) -> None:
    """As the tool `modules` writes it."""
    with path.open("wb") as file:
        for name, source in sources.items():
            file.write(tar.header(name.lstrip("/"), Kind.FILE, 0o644, len(source)) + source + tar.padding(len(source)))
        for name, target in links.items():
            file.write(tar.header(name.lstrip("/"), Kind.SYMLINK, 0o777, target=target))
        file.write(tar.END)


def compiled(folder: Path, sources: dict[str, bytes], links: dict[str, str]) -> dict[str, bytes]:
    tar_of(folder / "modules.tar", sources, links)
    command = [sys.executable, "-I", "-S", str(SCRIPT), "modules.tar", "bytecode.tar"]
    subprocess.run(command, cwd=folder, check=True, stdin=subprocess.DEVNULL)
    with tarfile.open(folder / "bytecode.tar") as archive:
        return {member.name: read.read() for member in archive if (read := archive.extractfile(member))}


def test_modules_become_unchecked_bytecode_of_their_own_places(tmp_path: Path) -> None:
    source = b"def f():\n    return __file__\n"
    sources = {"/usr/lib/p/a.py": source, "/usr/lib/p/template.py": b"class {{ name }}:\n", "/usr/lib/p/null.py": b"\0"}
    made = compiled(tmp_path, sources, {"/usr/lib/q/linked.py": "../p/a.py"})
    tag = sys.implementation.cache_tag
    assert list(made) == [f"usr/lib/p/__pycache__/a.{tag}.pyc", f"usr/lib/q/__pycache__/linked.{tag}.pyc"]
    header = importlib.util.MAGIC_NUMBER + b"\1\0\0\0" + importlib.util.source_hash(source)
    for path, bytecode in zip(["/usr/lib/p/a.py", "/usr/lib/q/linked.py"], made.values(), strict=True):
        assert bytecode[:16] == header
        code = marshal.loads(bytecode[16:])
        assert isinstance(code, CodeType)
        assert code.co_filename == path


def test_modules_may_have_long_and_foreign_names(tmp_path: Path) -> None:
    folder = "usr/lib/" + "/".join(["long" * 20] * 4)
    names = [f"{folder}/m.py", f"{folder}/{'m' * 120}.py", "usr/lib/größe/м.py", f"usr/lib/{'p' * 70}/{'q' * 70}.py"]
    links = {"/usr/lib/link.py": f"../../{names[1]}"}
    made = compiled(tmp_path, {f"/{name}": b"x = 1\n" for name in names}, links)
    files = {marshal.loads(bytecode[16:]).co_filename for bytecode in made.values()}
    assert files == {f"/{name}" for name in [*names, "usr/lib/link.py"]}
    places = sorted(importlib.util.cache_from_source(f"/{name}") for name in [*names, "usr/lib/link.py"])
    assert sorted(f"/{name}" for name in made) == places


def test_the_bytecode_does_not_depend_on_the_number_of_processes() -> None:
    script: dict[str, Any] = runpy.run_path(str(SCRIPT))
    in_processes: Callable[[dict[str, bytes], int], dict[str, bytes]] = script["in_processes"]
    alone = in_processes(MODULES, 1)
    assert set(alone) == set(MODULES)
    assert in_processes(MODULES, 2) == in_processes(MODULES, 5) == in_processes(MODULES, 20) == alone
