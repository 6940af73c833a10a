"""Fakes with records, and small things to build with, for the tests of execution."""

import io
import subprocess
import tarfile
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from buildkit.digest import Digest
from buildkit.events import ActionEnded, Event
from buildkit.execution import Execution, Machine, SharedResults, execute
from buildkit.execution.sandbox import Command, Ended
from buildkit.graph.action import Action, ActionGraph, ActionKind, Artifact, Data, artifacts_in
from buildkit.label import Label
from buildkit.store import ActionCache, BlobStore, MemoryActionCache, MemoryStore

OWNER = Label("", "models", "fraud")


def source(path: str) -> Artifact:
    return Artifact(Label("", "", path), path, source=True)


def derived(path: str, *, tree: bool = False) -> Artifact:
    return Artifact(OWNER, path, tree=tree)


def run(out: Artifact, *command: str, inputs: Sequence[Artifact] = (), **more: Any) -> Action:
    return Action(
        OWNER, "Run", ActionKind.RUN, (("out", out),), inputs=tuple(inputs), command=command, root="host", **more
    )


def use(tool: str, out: Artifact, **arguments: Data) -> Action:
    inputs = tuple(artifacts_in(arguments))
    return Action(OWNER, tool.title(), ActionKind.TOOL, (("out", out),), tool=tool, arguments=arguments, inputs=inputs)


def fetch(out: Artifact, content: bytes, size: int | None = None) -> Action:
    digest = Digest.of(content)
    arguments: dict[str, Data] = {"sha256": digest.hex, "size": digest.size if size is None else size, "urls": ("u",)}
    return Action(OWNER, "Fetch", ActionKind.FETCH, (("file", out),), arguments=arguments)


Program = Callable[[Path, Path], int]


@dataclass
class FakeSandbox:
    """Runs Python functions in place of commands, and notes which."""

    programs: dict[str, Program] = field(default_factory=dict)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    environments: list[dict[str, str]] = field(default_factory=list)
    kind: str = "fake"

    def run(self, command: Command, log: Callable[[bytes], None], stop: threading.Event) -> Ended:
        self.ran.append(command.argv)
        self.environments.append(dict(command.environment))
        places = {bind.path: bind.source for bind in command.mounts}
        log(f"{command.argv[0]} says hello\n".encode())
        return Ended(self.programs[command.argv[0]](places["/build"], places["/build/out"]))


@dataclass
class FakeTool:
    """A tool that notes its calls."""

    name: str
    work: Callable[[BlobStore, Mapping[str, Any]], bytes]
    version: int = 1
    streams: bool = False
    costly: bool = False
    calls: list[Mapping[str, Any]] = field(default_factory=list)

    def function(self, store: BlobStore, **arguments: Any) -> dict[str, Digest]:
        self.calls.append(arguments)
        return {"out": store.put(self.work(store, arguments))}


@dataclass
class World:
    """A workspace in a folder, a machine of fakes, and a record of events."""

    folder: Path
    store: BlobStore = field(default_factory=MemoryStore)
    actions: ActionCache = field(default_factory=MemoryActionCache)
    sandbox: FakeSandbox = field(default_factory=FakeSandbox)
    tools: dict[str, Any] = field(default_factory=dict)
    remote: dict[str, bytes] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    shared: SharedResults | None = None

    def write(self, name: str, text: str) -> Artifact:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return source(name)

    def program(self, name: str, work: Program) -> None:
        self.sandbox.programs[name] = work

    def tool(self, name: str, work: Callable[[BlobStore, Mapping[str, Any]], bytes], **more: Any) -> FakeTool:
        made = FakeTool(name, work, **more)
        self.tools[name] = made
        return made

    def machine(self) -> Machine:
        return Machine(self.store, self.actions, self.tools, self._fetch, self.sandbox, self._locate, self.shared)

    def build(
        self,
        actions: Sequence[Action],
        *wanted: Artifact,
        jobs: int = 2,
        keep_going: bool = False,
        tolerated: Collection[Label] = (),
    ) -> Execution:
        self.events.clear()
        return execute(
            ActionGraph.of(actions),
            wanted,
            self.machine(),
            jobs=jobs,
            keep_going=keep_going,
            listener=self.events.append,
            tolerated=tolerated,
        )

    def outcomes(self) -> dict[str, str]:
        return {event.subject: str(event.outcome) for event in self.events if isinstance(event, ActionEnded)}

    def _locate(self, artifact: Artifact) -> Path:
        return self.folder / artifact.path

    def _fetch(self, request: Mapping[str, Any]) -> Digest:
        self.fetched.append(request["sha256"])
        return self.store.put(self.remote[request["sha256"]])


def tar_of(*members: tuple[str, str, bytes | str, int]) -> bytes:
    """A plain tar of (path, kind, content or target, mode); kinds are file, dir, sym, link, fifo."""
    kinds = {
        "file": tarfile.REGTYPE, "dir": tarfile.DIRTYPE, "sym": tarfile.SYMTYPE, "link": tarfile.LNKTYPE,
        "fifo": tarfile.FIFOTYPE,
    }  # fmt: skip
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, kind, content, mode in members:
            member = tarfile.TarInfo(path)
            member.type, member.mode = kinds[kind], mode
            if isinstance(content, bytes):
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
            else:
                member.linkname = content
                archive.addfile(member)
    return buffer.getvalue()


def minimal_layer(*programs: str) -> bytes:
    """A layer with some of the host's programs and the libraries that they load."""
    paths = {f"/usr/bin/{program}": Path(f"/bin/{program}").resolve() for program in programs}
    for real in list(paths.values()):
        listing = subprocess.run(["ldd", str(real)], capture_output=True, text=True, check=True).stdout
        for word in listing.split():
            if word.startswith("/"):
                paths[word] = Path(word).resolve()
    return tar_of(*((name.lstrip("/"), "file", real.read_bytes(), 0o755) for name, real in sorted(paths.items())))
