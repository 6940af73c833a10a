"""What a rule's implementation is given: `ctx`, with the target's attributes, its files and `ctx.actions`.

In: a target, and the targets that it depends on. Out: declared actions. Nothing is read, hashed or run here; wrong
calls of tools are found here, against their signatures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from buildkit.errors import BuildError, did_you_mean
from buildkit.graph.action import Action, ActionKind, Artifact, Data, Signature, artifacts_in
from buildkit.graph.args import Args
from buildkit.graph.argument import dictionary, elements, integer, items, text, wrong
from buildkit.graph.command import (
    OUT,
    check_places,
    check_size,
    environment_of,
    fetch_arguments,
    files_in,
    root_of,
    words_of,
)
from buildkit.graph.configuration import Configuration
from buildkit.graph.expansion import expand_location
from buildkit.graph.made_in import MadeIn
from buildkit.graph.package import Target
from buildkit.graph.platform import Platform
from buildkit.graph.rule import Rule
from buildkit.graph.runfiles import RUNFILES
from buildkit.graph.signature import check_call
from buildkit.graph.target_value import TargetValue
from buildkit.graph.values import FileValue, LabelValue, data_of
from buildkit.label import Label
from buildkit.lang import Builtin, Call, Dict, HostValue, List, Struct, Value, freeze, represent


def rule_context(target: Target, rule: Rule, views: Mapping[str, Value], actions: Actions, workspace: str) -> Value:
    """`ctx` for one target."""
    fields: dict[str, Value] = {
        "label": LabelValue(target.label),
        "actions": actions,
        "runfiles": RUNFILES,
        "workspace_name": workspace,
        "expand_location": Builtin("expand_location", _expander(target, rule, views, actions)),
    }
    return Struct("ctx", {**fields, **views})


def _expander(target: Target, rule: Rule, views: Mapping[str, Value], actions: Actions) -> Callable[..., Value]:
    """`ctx.expand_location` knows the targets of all attributes, those in `targets`, and the target's own outputs."""

    def expand(call: Call, input: Value, targets: Value = ()) -> Value:
        own = [value for name in rule.schema for value in _targets_in(getattr(views["attr"], "fields", {}).get(name))]
        more = items(call, "targets", targets)
        for one in more:
            if not isinstance(one, TargetValue):
                raise call.error(f"'targets' must hold targets, found {represent(one)}", argument="targets")
        outputs = {
            file.artifact.short_path.removeprefix(f"{target.label.package}/"): path for file, path in actions.outputs()
        }
        return expand_location(text(call, "input", input), target.label, [*own, *more], outputs)

    return expand


def _targets_in(value: Value) -> list[TargetValue]:
    found = [value] if isinstance(value, TargetValue) else list(value) if isinstance(value, (List, tuple)) else []
    if isinstance(value, Dict):
        found = [item for pair in value.items() for item in pair]
    return [item for item in found if isinstance(item, TargetValue)]


def configuration_views(configuration: Configuration, platform: Platform) -> dict[str, Value]:
    """What `ctx` tells of the configuration: `platform`, and `var`, the defines."""
    fields = {"label": LabelValue(platform.label), "os": platform.os, "arch": platform.arch}
    told = Struct("platform", {**fields, "variant": platform.variant})
    return {"platform": told, "var": freeze(Dict(configuration.defines))}


class Actions(HostValue):
    """`ctx.actions`: declares files and the actions that make them."""

    type_name = "actions"

    def __init__(self, owner: Label, tools: Mapping[str, Signature], made_in: MadeIn | None = None) -> None:
        self.owner = owner
        self.made_in = made_in or MadeIn()
        self.declared: list[Action] = []
        self._tools = tools
        self._made: dict[Artifact, bool] = {}
        self._paths: set[str] = set()
        self._predeclared: dict[str, Artifact] = {}
        self._members: dict[str, Value] = {
            "declare_file": Builtin("declare_file", self._declare_file),
            "declare_tree": Builtin("declare_tree", self._declare_tree),
            "tool": Builtin("tool", self._tool),
            "run": Builtin("run", self._run),
            "write": Builtin("write", self._write),
            "fetch": Builtin("fetch", self._fetch),
            "args": Builtin("args", self._args),
            "run_shell": Builtin("run_shell", self._run_shell),
            "expand_template": Builtin("expand_template", self._expand_template),
            "symlink": Builtin("symlink", self._symlink),
            "declare_directory": Builtin("declare_directory", self._declare_tree),
        }

    def attribute(self, name: str) -> Value:
        """One of the functions."""
        return self._members[name]

    def attributes(self) -> Iterable[str]:
        """Their names."""
        return sorted(self._members)

    def unmade(self) -> list[Artifact]:
        """Declared files that no action makes."""
        return [artifact for artifact, made in self._made.items() if not made]

    def _declare_file(self, call: Call, name: Value) -> Value:
        return self._declare(call, text(call, "name", name), tree=False)

    def _declare_tree(self, call: Call, name: Value) -> Value:
        return self._declare(call, text(call, "name", name), tree=True)

    def predeclare(self, made: Iterable[tuple[str, str]]) -> list[tuple[str, FileValue]]:
        """Declare the files that the target's attributes and its rule name; `declare_file` of one of these gives it."""
        found: list[tuple[str, FileValue]] = []
        for attribute, name in made:
            path = Label.parse(f":{name}", self.owner.package).path
            artifact = self.made_in.artifact(self.owner, path)
            self._made.setdefault(artifact, False)
            self._predeclared[path] = artifact
            found.append((attribute, FileValue(artifact)))
        return found

    def outputs(self) -> list[tuple[FileValue, str]]:
        """The files that are declared so far, with the paths at which a command leaves them."""
        return [(FileValue(artifact), f"{OUT}/{artifact.path}") for artifact in self._made]

    def _declare(self, call: Call, name: str, *, tree: bool) -> Value:
        try:
            path = Label.parse(f":{name}", self.owner.package).path
        except BuildError:
            raise call.error(f"{name!r} is not a file name: it must be a path below the package") from None
        if path in self._predeclared and not tree:
            return FileValue(self._predeclared.pop(path))
        if path in self._paths:
            raise call.error(f"'{path}' is declared twice by {self.owner}")
        artifact = self.made_in.artifact(self.owner, path, tree=tree)
        if named := self._predeclared.pop(path, None):  # the file that an attribute names is a folder
            del self._made[named]
        self._paths.add(path)
        self._made[artifact] = False
        return FileValue(artifact)

    def _tool(self, call: Call, tool: Value, *, arguments: Value, outputs: Value, mnemonic: Value = "") -> Value:
        name = text(call, "tool", tool)
        signature = self._tools.get(name)
        if signature is None:
            hint = did_you_mean(name, self._tools) or "the tools are: " + ", ".join(sorted(self._tools))
            raise call.error(f"unknown tool '{name}'", argument=0, hint=hint)
        given = {key: _data(call, "arguments", item) for key, item in dictionary(call, "arguments", arguments).items()}
        named = dictionary(call, "outputs", outputs).items()
        made = {key: self._output(call, "outputs", item) for key, item in named}
        check_call(call, name, signature, given, made)
        self._add(
            call,
            Action(
                self.owner,
                text(call, "mnemonic", mnemonic) or name,
                ActionKind.TOOL,
                tuple(sorted(made.items())),
                tool=name,
                arguments=given,
                inputs=tuple(artifacts_in(given)),
            ),
        )
        return None

    def _write(
        self, call: Call, output: Value, content: Value, executable: Value = False, *, is_executable: Value = False
    ) -> Value:
        made = {"file": self._output(call, "output", output)}
        if isinstance(content, Args):
            content = "".join(f"{word}\n" for word in content.expanded(call, lambda file: file.artifact.path))
        executable = executable or is_executable
        given = {"content": _data(call, "content", content), "executable": _data(call, "executable", executable)}
        self._made_by(call, "write", given, made)
        return None

    def _fetch(
        self,
        call: Call,
        output: Value,
        *,
        source: Value,
        filename: Value,
        sha256: Value,
        size: Value = -1,
        name: Value = "",
        version: Value = "",
        urls: Value = (),
    ) -> Value:
        arguments = fetch_arguments(
            call,
            {
                "source": source,
                "filename": filename,
                "sha256": sha256,
                "size": size,
                "name": name,
                "version": version,
                "urls": urls,
            },
        )
        made = (("file", self._output(call, "output", output)),)
        self._add(call, Action(self.owner, "fetch", ActionKind.FETCH, made, arguments=arguments))
        return None

    def _expand_template(
        self,
        call: Call,
        *,
        template: Value,
        output: Value,
        substitutions: Value = None,
        is_executable: Value = False,
    ) -> Value:
        made = {"file": self._output(call, "output", output)}
        pairs = {} if substitutions is None else dictionary(call, "substitutions", substitutions)
        given = {
            "template": _data(call, "template", template),
            "substitutions": _data(call, "substitutions", tuple(pairs.items())),
            "executable": _data(call, "is_executable", is_executable),
        }
        if not all(isinstance(value, str) for value in pairs.values()):
            raise wrong(call, "substitutions", substitutions, "a dict of strings to strings")
        self._made_by(call, "expand_template", given, made)
        return None

    def _symlink(self, call: Call, *, output: Value, target_file: Value) -> Value:
        made = {"file": self._output(call, "output", output)}
        self._made_by(call, "symlink", {"target": _data(call, "target_file", target_file)}, made)
        return None

    def _made_by(self, call: Call, tool: str, given: dict[str, Data], made: dict[str, Artifact]) -> None:
        check_call(call, tool, self._tools[tool], given, made)
        inputs, outputs = tuple(artifacts_in(given)), tuple(made.items())
        self._add(call, Action(self.owner, tool, ActionKind.TOOL, outputs, tool=tool, arguments=given, inputs=inputs))

    def _args(self, call: Call) -> Value:
        return Args()

    def _run(
        self,
        call: Call,
        *,
        outputs: Value,
        root: Value,
        command: Value = None,
        executable: Value = None,
        arguments: Value = (),
        inputs: Value = (),
        tools: Value = (),
        environment: Value = None,
        env: Value = None,
        mnemonic: Value = "run",
        progress_message: Value = None,
        timeout: Value = 3600,
    ) -> Value:
        name = "command" if executable is None else "executable"
        if (command is None) == (executable is None):
            raise call.error("give either 'command', a list of words, or 'executable' and 'arguments'")
        if executable is None and arguments != ():
            raise call.error("'arguments' belong to an 'executable'", argument="arguments")
        words = elements(call, name, command) if executable is None else [executable]
        given = (outputs, inputs, tools, _one(call, environment, env), mnemonic, progress_message, timeout)
        self._declare_run(call, name, [*words, *elements(call, "arguments", arguments)], root, *given)
        return None

    def _run_shell(
        self,
        call: Call,
        *,
        outputs: Value,
        root: Value,
        command: Value,
        arguments: Value = (),
        inputs: Value = (),
        tools: Value = (),
        environment: Value = None,
        env: Value = None,
        mnemonic: Value = "run",
        progress_message: Value = None,
        timeout: Value = 3600,
    ) -> Value:
        words: list[Value] = ["/bin/sh", "-c", text(call, "command", command)]
        if arguments := elements(call, "arguments", arguments):
            words += ["sh", *arguments]
        given = (outputs, inputs, tools, _one(call, environment, env), mnemonic, progress_message, timeout)
        self._declare_run(call, "command", words, root, *given)
        return None

    def _declare_run(
        self,
        call: Call,
        name: str,
        words: list[Value],
        root: Value,
        outputs: Value,
        inputs: Value,
        tools: Value,
        environment: Value,
        mnemonic: Value,
        message: Value,
        timeout: Value,
    ) -> None:
        made = [self._output(call, "outputs", item) for item in elements(call, "outputs", outputs)]
        if not made:
            raise call.error("'outputs' is empty: nothing could ever need this action", argument="outputs")
        command, named = words_of(call, name, words, made)
        if isinstance(words[0], FileValue) and "/" not in command[0]:
            command = (f"./{command[0]}", *command[1:])  # a word without a slash is looked for in PATH
        read = tuple(dict.fromkeys((*files_in(call, "inputs", inputs), *files_in(call, "tools", tools), *named)))
        variables = environment_of(call, environment)
        check_size(call, command, variables)
        check_places(call, read, self.made_in.places(read))
        seconds = integer(call, "timeout", timeout)
        if seconds < 1:
            raise call.error(f"'timeout' must be a number of seconds from 1, found {seconds}", argument="timeout")
        if message is not None:
            text(call, "progress_message", message)
        self._add(
            call,
            Action(
                self.owner,
                text(call, "mnemonic", mnemonic),
                ActionKind.RUN,
                tuple((artifact.path, artifact) for artifact in made),
                inputs=read,
                command=command,
                environment=variables,
                root=root_of(call, root),
                timeout=seconds,
            ),
        )

    def _add(self, call: Call, action: Action) -> None:
        for _, artifact in action.outputs:
            if self._made[artifact]:
                raise call.error(f"'{artifact.path}' is made twice by {self.owner}", argument="outputs")
            if artifact in action.inputs:
                raise call.error(f"'{artifact.path}' is both read and made by one action", argument="inputs")
            self._made[artifact] = True
        self.declared.append(self.made_in.at_home(action))

    def _output(self, call: Call, name: str, value: Value) -> Artifact:
        if not isinstance(value, FileValue) or value.artifact not in self._made:
            raise call.error(
                f"'{name}' must be a file that this target declared, found {represent(value)}",
                argument=name,
                hint="declare it with ctx.actions.declare_file(name)",
            )
        return value.artifact


def _one(call: Call, environment: Value, env: Value) -> Value:
    """The variables, by our name or by Bazel's."""
    if environment is not None and env is not None:
        raise call.error("'env' is another name of 'environment': give one of them", argument="env")
    return env if environment is None else environment


def _data(call: Call, name: str, value: Value) -> Data:
    try:
        return data_of(value)
    except TypeError as error:
        raise call.error(
            f"'{name}' must hold plain data and Files, found {represent(error.args[0])}", argument=name
        ) from None
