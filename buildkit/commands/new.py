"""`mbuild new model|runtime|rule NAME`: targets that build, added to a package.

In: a kind, a name, and what options say. Out: files written and a BUILD file with more at its end; what is there
already stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from buildkit.commands.init import Beginning, checked_framework
from buildkit.commands.session import Session
from buildkit.commands.templates import checked_name, template, write_new, write_text
from buildkit.errors import BuildError
from buildkit.graph.declare import BUILD_FUNCTIONS
from buildkit.graph.loader import Loader
from buildkit.graph.modules import PRELUDE
from buildkit.graph.package import Target
from buildkit.graph.selection import Selection
from buildkit.label import Label, TargetPattern
from buildkit.lang import UNIVERSE, parse, syntax
from buildkit.records import dataclass

KINDS = {"model": "models", "runtime": "third_party", "rule": "rules"}  # with the package that each goes to
_NAME = re.compile(r'^    name = "(.+?)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for: a kind and a name; what is '' is found out."""

    kind: str
    name: str
    package: str
    framework: str
    runtime: str


@dataclass(frozen=True, slots=True)
class _Addition:
    """What a template gives: files beside the BUILD file, text for its end, names to load, and what comes next."""

    files: Mapping[str, str]
    build: str
    load: str
    next: tuple[str, ...]


def new(session: Session, wanted: Wanted) -> Beginning:
    """Write what is wanted. Raises BuildError for a name or a file that is taken, and where nothing fits."""
    name = checked_name(f"a {wanted.kind}'s name", wanted.name)
    package = _package(wanted.package or KINDS[wanted.kind])
    loader = Loader(session.workspace, session.parsed, session.print_from_code, broken_locks=True)
    make = {"model": _model, "runtime": _runtime, "rule": _rule}[wanted.kind]
    addition = make(loader, wanted, name, package)
    path = loader.files.build_file(package) or _below(package, _build_file_name(session))
    _check_names(loader, package, addition)
    written = write_new(session.workspace.root, {_below(package, file): text for file, text in addition.files.items()})
    write_text(session.workspace.root / path, _extended(loader.files.read("", path) or "", path, addition))
    return Beginning((*written, path), addition.next)


def _package(text: str) -> str:
    package = text.removeprefix("//").strip("/")
    return Label.parse(f"//{package}:x").package


def _below(package: str, name: str) -> str:
    return f"{package}/{name}" if package else name


def _build_file_name(session: Session) -> str:
    names = session.workspace.config.build_files
    return "BUILD" if "BUILD" in names else names[0]


def _check_names(loader: Loader, package: str, addition: _Addition) -> None:
    """Raise BuildErrors of a package that cannot be loaded, and BuildError for a name that it has already."""
    if not loader.files.build_file(package):
        return
    known = loader.package(package)
    for name in _NAME.findall(addition.build):
        if found := known.targets.get(name):
            raise BuildError(
                f"target '{name}' is there already in package '//{package}' ({found.span})",
                hint="choose another name, or another package with --package",
            )


def _extended(before: str, path: str, addition: _Addition) -> str:
    """A BUILD file's text with more at its end, and a load after those that it has."""
    text = before.rstrip("\n")
    if addition.load:
        file = parse(before, path, build_file=True)
        loads = [statement.end for statement in file.statements if isinstance(statement, syntax.Load)]
        begins = [statement.start for statement in file.statements if not _is_doc(statement)]
        if loads:
            text = text[: loads[-1]] + "\n" + addition.load + text[loads[-1] :]
        elif begins and "#" not in before[: begins[0]]:
            text = text[: begins[0]] + addition.load + "\n\n" + text[begins[0] :]
        else:
            text = addition.load + "\n\n" + text
    return (text.strip("\n") + "\n\n" if text.strip() else "") + addition.build


def _is_doc(statement: object) -> bool:
    return isinstance(statement, syntax.Evaluation) and isinstance(statement.value, syntax.Literal)


def _addition(folder: str, values: Mapping[str, str], following: Sequence[str], load: str = "") -> _Addition:
    texts = template(f"new/{folder}", values)
    build = texts.pop("BUILD")
    return _Addition(texts, build, load, tuple(following))


def _model(loader: Loader, wanted: Wanted, name: str, package: str) -> _Addition:
    runtimes = _runtimes(loader, wanted.runtime, package)
    framework = wanted.framework or _framework(loader, runtimes)
    checked_framework(framework)
    label = Label("", package, name)
    if framework == "none":
        return _addition("model_none", {"name": name}, [f"mbuild {label}"])
    fitting = [one for one in runtimes if framework != "sklearn" or _serves_sklearn(loader, one)]
    if not fitting:
        raise BuildError(
            f"no runtime of this workspace that '//{package}' sees can serve '{framework}'",
            hint=f"make one with 'mbuild new runtime NAME --framework {framework}', or take --framework none",
        )
    chosen = fitting[0]
    packages = _listed([str(one) for one in chosen.attributes["packages"]])
    values = {"name": name, "upper": name.upper(), "runtime": str(chosen.label), "packages": packages}
    values["base"] = str(chosen.attributes["base"])
    return _addition(f"model_{framework}", values, [f"mbuild {label}", f"mbuild test {label}_test"])


def _listed(words: Sequence[str]) -> str:
    """A list as BUILD files have it in their canonical form."""
    if len(words) < 2:
        return "[" + "".join(f'"{word}"' for word in words) + "]"
    return "[\n" + "".join(f'        "{word}",\n' for word in words) + "    ]"


def _runtimes(loader: Loader, named: str, package: str) -> list[Target]:
    """The runtimes with a server that a package sees, in the order of their labels; or the one that is named."""
    found = [target for target in _targets(loader, "runtime") if target.attributes.get("server") and _is_plain(target)]
    if not named:
        return [target for target in found if target.visible_from(package)]
    label = Label.parse(named)
    fitting = [target for target in found if target.label == label]
    if not fitting:
        raise BuildError(f"'{named}' is not a runtime with a server", hint="make one with 'mbuild new runtime NAME'")
    return fitting


def _is_plain(runtime: Target) -> bool:
    """Whether what a runtime is made of is the same in every configuration, so that it can be copied."""
    return not any(isinstance(runtime.attributes[name], Selection) for name in ("server", "base", "packages"))


def _targets(loader: Loader, rule: str) -> list[Target]:
    if not any(True for _ in loader.files.packages_below("")):
        return []
    labels = loader.expand([TargetPattern.parse("//...")])
    found = [loader.target(label) for label in sorted(labels)]
    return [target for target in found if target.rule == rule]


def _framework(loader: Loader, runtimes: Sequence[Target]) -> str:
    """What fits a workspace best: what its first runtimes serve."""
    if any(_serves_sklearn(loader, runtime) for runtime in runtimes):
        return "sklearn"
    return "custom" if runtimes else "none"


def _serves_sklearn(loader: Loader, runtime: Target) -> bool:
    packages = [loader.target(label) for label in runtime.attributes["packages"]]
    requirements = [target.attributes.get("requirements") or () for target in packages]
    asked = [line for lines in requirements if not isinstance(lines, Selection) for line in lines]
    return any(re.match(r"mlserver[-_]sklearn\b", line) for line in asked)


def _runtime(loader: Loader, wanted: Wanted, name: str, package: str) -> _Addition:
    framework = checked_framework(wanted.framework or "custom", ("sklearn", "custom"))
    bases = [target.label for target in _targets(loader, "debian_packages") if target.visible_from(package)]
    base = str(bases[0]) if bases else ":debian_python"
    label = Label("", package, name)
    locks = [] if bases else [f"mbuild lock //{package}:debian_python"]
    following = [*locks, f"mbuild lock {label}_packages", f"mbuild {label}"]
    made = _addition(f"runtime_{framework}", {"name": name, "base": base}, following)
    if bases:
        return made
    return _Addition(made.files, _addition("debian", {}, ()).build + "\n" + made.build, "", made.next)


def _can_be_bound(name: str) -> bool:
    try:
        parse(f"{name} = 1\n", "", build_file=True)
    except BuildError:
        return False
    return True


def _rule(loader: Loader, wanted: Wanted, name: str, package: str) -> _Addition:
    if wanted.framework or wanted.runtime:
        raise BuildError("a rule takes neither --framework nor --runtime", hint="leave them out")
    if name.endswith("_test"):
        raise BuildError(f"'{name}' is a test's name, and what is made here is none", hint="choose another name")
    if name in {*UNIVERSE, *BUILD_FUNCTIONS, *loader.module(PRELUDE)} or not _can_be_bound(name):
        raise BuildError(f"'{name}' is a word of the language already", hint="choose another name")
    file, target = Label("", package, f"{name}.bzl"), Label("", package, f"{name}_example")
    camel = "".join(word.capitalize() for word in name.split("_"))
    values = {"name": name, "camel": camel, "label": str(file), "target": str(target)}
    load = f'load(":{name}.bzl", "{name}")'
    return _addition("rule", values, [f"mbuild {target}", f"mbuild docs {file} --output -"], load)
