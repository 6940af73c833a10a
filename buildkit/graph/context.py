"""What a rule's implementation is given: `ctx`, with the target's attributes, files and `ctx.actions`.

In: a target and the targets that it depends on. Out: declared actions. Nothing is read, hashed or run here; wrong
calls of tools are found here, against their signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from buildkit.errors import BuildError, did_you_mean
from buildkit.graph.action import HOST, Action, ActionKind, Artifact, Data, Signature, artifacts_in
from buildkit.graph.attribute import LockFile
from buildkit.graph.package import Target
from buildkit.graph.provider import Instance, ProviderValue, files_of
from buildkit.graph.signature import check_call
from buildkit.graph.values import FileValue, LabelValue, LockValue, data_of
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, HostValue, List, Struct, Value, from_python, represent, type_name


class TargetValue(HostValue):
    """A configured dependency, as a rule sees it: `.label`, `.files`, and `dep[Provider]`, `Provider in dep`."""

    type_name = "Target"

    def __init__(self, label: Label, instances: Mapping[str, Instance], is_source: bool) -> None:
        self.label = label
        self.instances = instances
        self.is_source = is_source

    @property
    def artifacts(self) -> tuple[Artifact, ...]:
        """The files of its DefaultInfo."""
        return files_of(self.instances.get("DefaultInfo"))

    def attribute(self, name: str) -> Value:
        """`label`, `files`."""
        known: dict[str, Callable[[], Value]] = {
            "label": lambda: LabelValue(self.label),
            "files": lambda: _file_values(self.artifacts),
        }
        return known[name]()

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return ("files", "label")

    def represent(self) -> str:
        """As it is printed."""
        return f"<target {self.label}>"

    def index(self, key: Value) -> Value:
        """The facts of one provider."""
        if not isinstance(key, ProviderValue):
            raise BuildError(f"a target is indexed by a provider, found {represent(key)}")
        if not self.contains(key):
            has = ", ".join(sorted(self.instances)) or "none"
            raise BuildError(f"'{self.label}' does not provide {key.name}", hint=f"it provides: {has}")
        return self.instances[key.name]

    def contains(self, key: Value) -> bool:
        """Whether it has the facts of one provider."""
        found = self.instances.get(key.name) if isinstance(key, ProviderValue) else None
        return found is not None and found.provider is key


def _file_values(artifacts: Iterable[Artifact]) -> Value:
    return tuple(FileValue(artifact) for artifact in artifacts)


def attribute_values(
    target: Target, rule_kinds: Mapping[str, str], configured: Mapping[Label, TargetValue], lenient: bool
) -> dict[str, dict[str, Value]]:
    """The three views of a target's attributes: `attr` (values), `file` (the one file), `files` (all files)."""
    attr: dict[str, Value] = {}
    file: dict[str, Value] = {}
    files: dict[str, Value] = {}
    for name, plain in target.attributes.items():
        kind = rule_kinds[name]
        labels = _labels(kind, plain)
        if labels is None:
            attr[name] = _value(plain, target.label, lenient)
            continue
        found = [configured[label] for label in labels]
        if kind == "label":
            attr[name] = found[0] if found else None
        elif kind == "label_list":
            attr[name] = tuple(found)
        else:
            attr[name] = Dict(dict(zip(plain, found, strict=True)))
        artifacts = tuple(dict.fromkeys(artifact for dep in found for artifact in dep.artifacts))
        files[name] = _file_values(artifacts)
        if kind == "label":
            file[name] = FileValue(artifacts[0]) if len(artifacts) == 1 else None
    return {"attr": attr, "file": file, "files": files}


def _labels(kind: str, plain: Any) -> list[Label] | None:
    match kind:
        case "label":
            return [plain] if plain else []
        case "label_list":
            return list(plain)
        case "label_dict":
            return list(plain.values())
    return None


def _value(plain: Any, owner: Label, lenient: bool) -> Value:
    if isinstance(plain, LockFile):
        return LockValue(owner, plain.path, plain.lock, plain.span, lenient)
    return from_python(plain)


def rule_context(label: Label, views: dict[str, dict[str, Value]], actions: Actions) -> Value:
    """`ctx` for one target."""
    views_as_structs = {name: Struct("struct", fields) for name, fields in views.items()}
    return Struct("ctx", {"label": LabelValue(label), "actions": actions, **views_as_structs})


class Actions(HostValue):
    """`ctx.actions`: declares files and the actions that make them."""

    type_name = "actions"

    def __init__(self, owner: Label, tools: Mapping[str, Signature]) -> None:
        self.owner = owner
        self.declared: list[Action] = []
        self._tools = tools
        self._outputs: dict[Artifact, bool] = {}
        self._members: dict[str, Value] = {
            "declare_file": Builtin("declare_file", self._declare_file),
            "declare_tree": Builtin("declare_tree", self._declare_tree),
            "tool": Builtin("tool", self._tool),
            "run": Builtin("run", self._run),
            "write": Builtin("write", self._write),
            "fetch": Builtin("fetch", self._fetch),
        }

    def attribute(self, name: str) -> Value:
        """One of the functions."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)

    def unmade(self) -> list[Artifact]:
        """Declared files that no action makes."""
        return [artifact for artifact, made in self._outputs.items() if not made]

    def _declare_file(self, call: Call, name: str) -> Value:
        return self._declare(call, name, tree=False)

    def _declare_tree(self, call: Call, name: str) -> Value:
        return self._declare(call, name, tree=True)

    def _declare(self, call: Call, name: str, *, tree: bool) -> Value:
        try:
            path = Label.parse(f":{name}", self.owner.package).path
        except BuildError as error:
            raise call.error(f"{name!r} is not a file name: {error.message}") from None
        artifact = Artifact(self.owner, path, tree=tree)
        if any(artifact.path == other.path for other in self._outputs):
            raise call.error(f"'{path}' is declared twice by {self.owner}")
        self._outputs[artifact] = False
        return FileValue(artifact)

    def _tool(self, call: Call, tool: str, *, arguments: Value, outputs: Value, mnemonic: str = "") -> Value:
        signature = self._tools.get(tool)
        if signature is None:
            hint = did_you_mean(tool, self._tools) or "the tools are: " + ", ".join(sorted(self._tools))
            raise call.error(f"there is no tool '{tool}'", argument=0, hint=hint)
        given = self._data(call, "arguments", arguments)
        if not isinstance(given, dict):
            raise call.error(f"'arguments' must be a dict, found a {type_name(arguments)}", argument="arguments")
        made = self._named_outputs(call, outputs)
        check_call(call, tool, signature, given, made)
        self._add(
            call,
            Action(
                self.owner,
                mnemonic or tool,
                ActionKind.TOOL,
                tuple(sorted(made.items())),
                tool=tool,
                arguments=given,
                inputs=tuple(artifacts_in(given)),
            ),
        )
        return None

    def _write(self, call: Call, output: Value, content: str, *, executable: bool = False) -> Value:
        made = {"file": self._output(call, "output", output)}
        arguments: dict[str, Data] = {"content": content, "executable": executable}
        self._add(
            call,
            Action(self.owner, "write", ActionKind.TOOL, tuple(made.items()), tool="write", arguments=arguments),
        )
        return None

    def _fetch(
        self,
        call: Call,
        output: Value,
        *,
        source: str,
        filename: str,
        sha256: str,
        size: int = -1,
        name: str = "",
        version: str = "",
        urls: Any = (),
    ) -> Value:
        arguments: dict[str, Data] = {
            "source": source,
            "name": name,
            "version": version,
            "filename": filename,
            "urls": tuple(urls),
            "sha256": sha256,
            "size": size,
        }
        made = (("file", self._output(call, "output", output)),)
        self._add(call, Action(self.owner, "fetch", ActionKind.FETCH, made, arguments=arguments))
        return None

    def _run(
        self,
        call: Call,
        *,
        outputs: Value,
        command: Value,
        root: Value,
        inputs: Value = (),
        environment: Value = None,
        mnemonic: str = "run",
        timeout: int = 3600,
    ) -> Value:
        words, named = self._command(call, command)
        layers: tuple[Artifact, ...] | str = HOST if root == HOST else tuple(self._files(call, "root", root))
        made = [self._output(call, "outputs", item) for item in self._items(call, "outputs", outputs)]
        read = [artifact for artifact in (*self._files(call, "inputs", inputs), *named) if artifact not in made]
        unique = tuple(dict.fromkeys(read))
        self._check_paths(call, unique)
        variables = self._data(call, "environment", environment) if environment is not None else {}
        if not isinstance(variables, dict) or not all(isinstance(value, str) for value in variables.values()):
            raise call.error("'environment' must be a dict of strings", argument="environment")
        self._add(
            call,
            Action(
                self.owner,
                mnemonic,
                ActionKind.RUN,
                tuple((artifact.path, artifact) for artifact in made),
                inputs=unique,
                command=words,
                environment=tuple(sorted((name, str(value)) for name, value in variables.items())),
                root=layers,
                timeout=timeout,
            ),
        )
        return None

    def _command(self, call: Call, command: Value) -> tuple[tuple[str, ...], list[Artifact]]:
        """The words of a command; a File stands for its path, an output's below out/."""
        words: list[str] = []
        files: list[Artifact] = []
        for item in self._items(call, "command", command):
            if isinstance(item, FileValue):
                is_output = item.artifact in self._outputs
                words.append(f"out/{item.artifact.path}" if is_output else item.artifact.path)
                files += [] if is_output else [item.artifact]
            elif isinstance(item, str):
                words.append(item)
            else:
                raise call.error(f"'command' must hold strings and Files, found {represent(item)}", argument="command")
        if not words:
            raise call.error("'command' is empty", argument="command")
        return tuple(words), files

    def _check_paths(self, call: Call, inputs: tuple[Artifact, ...]) -> None:
        places: dict[str, Artifact] = {}
        for artifact in inputs:
            if artifact.path in places:
                raise call.error(
                    f"two inputs have the path '{artifact.path}': one of {places[artifact.path].owner}, "
                    f"one of {artifact.owner}",
                    argument="inputs",
                )
            places[artifact.path] = artifact

    def _add(self, call: Call, action: Action) -> None:
        for _, artifact in action.outputs:
            if self._outputs[artifact]:
                raise call.error(f"'{artifact.path}' is made by two actions of {self.owner}")
            self._outputs[artifact] = True
        self.declared.append(action)

    def _output(self, call: Call, name: str, value: Value) -> Artifact:
        if not isinstance(value, FileValue) or value.artifact not in self._outputs:
            raise call.error(
                f"'{name}' must be a file that this target declared, found {represent(value)}",
                argument=name,
                hint="declare it with ctx.actions.declare_file(name)",
            )
        return value.artifact

    def _named_outputs(self, call: Call, outputs: Value) -> dict[str, Artifact]:
        if not isinstance(outputs, Dict):
            raise call.error(f"'outputs' must be a dict, found a {type_name(outputs)}", argument="outputs")
        return {name: self._output(call, "outputs", value) for name, value in outputs.items()}

    def _items(self, call: Call, name: str, value: Value) -> list[Value]:
        if not isinstance(value, (List, tuple)):
            raise call.error(f"'{name}' must be a list, found a {type_name(value)}", argument=name)
        return list(value)

    def _files(self, call: Call, name: str, value: Value) -> list[Artifact]:
        found: list[Artifact] = []
        for item in self._items(call, name, value):
            if not isinstance(item, FileValue):
                raise call.error(f"'{name}' must hold Files, found {represent(item)}", argument=name)
            found.append(item.artifact)
        return found

    def _data(self, call: Call, name: str, value: Value) -> Data:
        try:
            return data_of(value)  # type: ignore[return-value]
        except TypeError as error:
            raise call.error(
                f"'{name}' must hold plain data and Files, found {represent(error.args[0])}", argument=name
            ) from None
