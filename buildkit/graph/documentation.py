"""What .bzl files offer, as facts: their rules, functions, providers and constants, with what their docs say.

In: a loader and the labels of .bzl files. Out: a `Module` a file, in the order of the file; nothing is written here.
A name that a file only hands on (`model = _model`) is told as such: it is documented where it is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from buildkit.errors import BuildError, nearest
from buildkit.graph.attribute import KINDS, Attribute
from buildkit.graph.docstring import DocString
from buildkit.graph.instance import Provider
from buildkit.graph.kinds import KINDS as NATIVE
from buildkit.graph.loader import Loader
from buildkit.graph.modules import check_repository
from buildkit.graph.rule import COMMON, Rule
from buildkit.graph.workspace import STANDARD_PACKAGE, STANDARD_REPOSITORY
from buildkit.label import Label, TargetPattern
from buildkit.lang import Function, Value, parse, represent, syntax, type_name
from buildkit.records import dataclass

_EXTENSION = ".bzl"


@dataclass(frozen=True, slots=True)
class AttributeFacts:
    """One attribute. `default` is as BUILD files write it, '' for one without; `files` are endings, or ('*',);
    `providers` are sets, one of which a target in its place must provide; `rules` are those that it must be of;
    `deprecated` says what to use instead, '' where nothing has to be.
    """

    name: str
    kind: str
    mandatory: bool
    default: str
    values: tuple[str, ...]
    files: tuple[str, ...]
    providers: tuple[tuple[str, ...], ...]
    rules: tuple[str, ...]
    configurable: bool
    deprecated: str
    doc: str


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """One rule, with the attributes that it adds to those of every rule."""

    name: str
    doc: DocString
    test: bool
    executable: bool
    outputs: tuple[str, ...]
    provides: tuple[str, ...]
    attributes: tuple[AttributeFacts, ...]


@dataclass(frozen=True, slots=True)
class ParameterFacts:
    """One parameter of a function; `default` is its source text, '' for none."""

    name: str
    default: str
    doc: str


@dataclass(frozen=True, slots=True)
class FunctionFacts:
    """One function or macro."""

    name: str
    doc: DocString
    parameters: tuple[ParameterFacts, ...]


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """One provider; `fields` is None where it takes any."""

    name: str
    doc: DocString
    fields: tuple[tuple[str, str], ...] | None


@dataclass(frozen=True, slots=True)
class ConstantFacts:
    """Any other value."""

    name: str
    type: str


Facts: TypeAlias = RuleFacts | FunctionFacts | ProviderFacts | ConstantFacts


@dataclass(frozen=True, slots=True)
class Module:
    """One .bzl file: its doc string, what it makes, and what it hands on from others."""

    label: Label
    doc: DocString
    symbols: tuple[Facts, ...]
    handed_on: tuple[str, ...]


def common_attributes() -> tuple[AttributeFacts, ...]:
    """The attributes of every rule."""
    return tuple(_attribute(name, schema) for name, schema in COMMON.items())


def native() -> Module:
    """The kinds of targets that every workspace has, without a file that makes them."""
    doc = "Kinds of targets that mbuild itself knows: what configures a build, and other names for targets."
    symbols = tuple(_rule(name, rule) for name, rule in sorted(NATIVE.items()))
    return Module(Label(STANDARD_REPOSITORY, STANDARD_PACKAGE, "native"), DocString(doc), symbols, ())


def document(loader: Loader, labels: Sequence[Label]) -> list[Module]:
    """The facts of files, in the order of their labels. Raises BuildError for one that cannot be loaded."""
    return [_module(loader, label) for label in sorted(set(labels))]


def files_of_patterns(loader: Loader, patterns: Sequence[str], package: str) -> list[Label]:
    """The .bzl files that are meant: files by label, and all files of the packages that patterns name.

    `@mbuild//rules:all` means the standard rules. Raises BuildError for what names no file.
    """
    found: list[Label] = []
    for text in patterns:
        found += _named_by(loader, text, package)
    return sorted(set(found))


def _named_by(loader: Loader, text: str, package: str) -> list[Label]:
    if text.startswith("@"):
        label = Label.parse(text, package)
        check_repository(label)
        if text in (f"@{STANDARD_REPOSITORY}//{STANDARD_PACKAGE}{end}" for end in ("", ":all", "/...")):
            return _standard(loader)
        return [_existing(loader, label)]
    if text.endswith(_EXTENSION):
        return [_existing(loader, Label.parse(text, package) if text[0] in "/:" else _file(loader, text, package))]
    pattern = TargetPattern.parse(text, package)
    if pattern.negative or (pattern.name is not None and ":" in text):
        raise BuildError(
            f"'{text}' names no .bzl file", hint="name one, such as //tools:defs.bzl, or packages, such as //tools/..."
        )
    packages = list(loader.files.packages_below(pattern.package)) if pattern.below else [pattern.package]
    return [
        Label("", name, file) for name in packages for file in loader.files.files_of(name) if file.endswith(_EXTENSION)
    ]


def _file(loader: Loader, path: str, package: str) -> Label:
    """The label of a file by its path from `package`: it is of the nearest package above it, if there is one."""
    label = Label.parse(f":{path}", package)
    folder = label.path
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        if loader.files.build_file(folder):
            return Label("", folder, label.path.removeprefix(f"{folder}/"))
    return label


def _standard(loader: Loader) -> list[Label]:
    folder = loader.workspace.rules
    return [Label(STANDARD_REPOSITORY, STANDARD_PACKAGE, path.name) for path in sorted(folder.glob(f"*{_EXTENSION}"))]


def _existing(loader: Loader, label: Label) -> Label:
    if loader.files.is_file(label.repository, label.path):
        return label
    known = [label] if label.repository else [Label("", label.package, name) for name in _names(loader, label.package)]
    near = nearest(str(label), [str(one) for one in known if one != label])
    raise BuildError(f"no file '{label.path}' to document", hint=f"did you mean '{near}'?" if near else None)


def _names(loader: Loader, package: str) -> list[str]:
    return [name for name in loader.files.files_of(package) if name.endswith(_EXTENSION)]


def _module(loader: Loader, label: Label) -> Module:
    values = loader.module(label)
    text = loader.files.read(label.repository, label.path) or ""
    file = parse(text, label.path, build_file=False)
    symbols: list[Facts] = []
    handed_on: list[str] = []
    for name, made in _bound(file):
        if name.startswith("_") or name not in values:
            continue
        if isinstance(made, syntax.Name):
            handed_on.append(name)
        else:
            symbols.append(_facts(name, values[name], made, text))
    return Module(label, DocString.parse(_doc(file)), tuple(symbols), tuple(handed_on))


def _bound(file: syntax.File) -> Iterator[tuple[str, object]]:
    """The top-level names of a file, in its order, with what each is bound to."""
    for statement in file.statements:
        if isinstance(statement, syntax.Definition):
            yield statement.name.name, statement
        elif isinstance(statement, syntax.Assignment):
            target = statement.target
            names = target.items if isinstance(target, syntax.Sequence) else (target,)
            for name in names:
                if isinstance(name, syntax.Name):
                    yield name.name, statement.value


def _doc(file: syntax.File) -> str:
    first = file.statements[0] if file.statements else None
    if isinstance(first, syntax.Evaluation) and isinstance(first.value, syntax.Literal):
        return first.value.value if isinstance(first.value.value, str) else ""
    return ""


def _facts(name: str, value: Value, made: object, text: str) -> Facts:
    if isinstance(value, Rule):
        return _rule(name, value)
    if isinstance(value, Provider):
        fields = None if value.fields is None else tuple((one, value.meanings.get(one, "")) for one in value.fields)
        return ProviderFacts(name, DocString.parse(value.doc), fields)
    if isinstance(value, Function) and isinstance(made, syntax.Definition):
        return _function(value, made, text)
    return ConstantFacts(name, type_name(value))


def _rule(name: str, rule: Rule) -> RuleFacts:
    own = [
        _attribute(attribute, schema)
        for attribute, schema in rule.schema.items()
        if not attribute.startswith("_") and attribute not in COMMON
    ]
    ordered = sorted(own, key=lambda attribute: (not attribute.mandatory, attribute.name))
    return RuleFacts(
        name,
        DocString.parse(rule.doc),
        rule.test,
        rule.executable,
        tuple(rule.patterns.values()),
        tuple(provider.name for provider in rule.provides),
        tuple(ordered),
    )


def _attribute(name: str, schema: Attribute) -> AttributeFacts:
    allowed = schema.allow_files
    empty = schema.default is None or schema.mandatory
    return AttributeFacts(
        name,
        KINDS[schema.kind],
        schema.mandatory,
        "" if empty else represent(schema.default),
        tuple(represent(value) for value in schema.values),
        allowed if isinstance(allowed, tuple) else ("*",) * allowed,
        tuple(tuple(provider.name for provider in one) for one in schema.alternatives),
        schema.rules,
        schema.configurable,
        schema.deprecated,
        " ".join(schema.doc.split()),
    )


def _function(value: Function, made: syntax.Definition, text: str) -> FunctionFacts:
    doc = DocString.parse(value.doc)
    told = dict(doc.parameters)
    parameters = []
    for parameter in made.parameters:
        name = parameter.kind + parameter.name
        default = parameter.default
        shown = text[default.start : default.end] if default else ""
        parameters.append(ParameterFacts(name, shown, told.get(name, told.get(parameter.name, ""))))
    return FunctionFacts(value.name, doc, tuple(parameters))
