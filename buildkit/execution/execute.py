"""Actions → blobs: what is asked for and not known yet is done, in dependency order, on all cores.

In: an action graph, the artifacts wanted, a machine. Out: an `Execution`: the digest of every artifact on the way, and
what failed. `schedule.py` says what may start, `step.py` does one action.

A fetch's digest is known beforehand, so its bytes are fetched only once an action asks for them that really runs, or
when they are wanted themselves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial

from buildkit.content import Blob
from buildkit.digest import Digest
from buildkit.errors import BuildError, BuildFailure
from buildkit.events import ActionEnded, Event, Listener, Outcome
from buildkit.execution.container import Stopped
from buildkit.execution.machine import Machine
from buildkit.execution.schedule import Schedule
from buildkit.execution.step import Done, Missing, Step
from buildkit.graph.action import Action, ActionGraph, ActionKind, Artifact
from buildkit.label import Label
from buildkit.records import dataclass

FETCHES = 8
GRACE = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Failed:
    """An action that failed itself; those that only wait for it are not told."""

    action: Action
    error: BuildError


@dataclass(frozen=True, slots=True)
class Execution:
    """What a build gave: digests by artifact, root-cause failures in the graph's order, how many actions ran or not."""

    digests: Mapping[Artifact, Digest]
    failures: tuple[Failed, ...]
    ran: int
    cached: int


def execute(
    graph: ActionGraph,
    wanted: Sequence[Artifact],
    machine: Machine,
    *,
    jobs: int,
    keep_going: bool,
    listener: Listener,
    tolerated: Collection[Label] = (),
) -> Execution:
    """Make `wanted`. Failures are in the result; KeyboardInterrupt ends what runs and goes on to the caller.

    The first failure stops the build, unless `keep_going`, or the action's owner is `tolerated`, as tests are.
    """
    told = _one_at_a_time(listener)
    with (
        _leaving(ThreadPoolExecutor(jobs, "action")) as actions,
        _leaving(ThreadPoolExecutor(FETCHES, "fetch")) as fetches,
    ):
        step = Step(machine, threading.Event(), told)

        def forgives(action: Action) -> bool:
            return keep_going or action.owner in tolerated

        build = _Build(graph, wanted, step, (actions, fetches), told, forgives)
        try:
            return build.run()
        except BaseException:
            build.stop()
            raise


class _Build:
    """The state of one build; only the thread that called `execute` touches it."""

    def __init__(
        self,
        graph: ActionGraph,
        wanted: Sequence[Artifact],
        step: Step,
        pools: tuple[ThreadPoolExecutor, ThreadPoolExecutor],
        listener: Listener,
        forgives: Callable[[Action], bool],
    ) -> None:
        self._graph, self._wanted, self._step, self._pools = graph, wanted, step, pools
        self._listener, self._forgives = listener, forgives
        self._blobs: dict[Artifact, Blob] = {}
        self._keys: dict[int, str] = {}
        self._outcomes: dict[int, Outcome] = {}
        self._failures: dict[int, BuildError] = {}
        self._running: dict[Future[Done | Missing], int] = {}
        self._schedule = Schedule(graph, wanted, self._promises())

    def run(self) -> Execution:
        """Everything, from the first action to the last."""
        while self._start() or self._running:
            finished, _ = wait(self._running, return_when=FIRST_COMPLETED)
            for future in sorted(finished, key=self._running.__getitem__):
                self._finish(self._running.pop(future), future)
        for number in self._schedule.order:
            if number not in self._outcomes:
                # A fetch that nobody asked for was as good as cached; the rest never got its turn.
                spared = number in self._keys and not self._failures
                self._end(number, Outcome.CACHED if spared else Outcome.SKIPPED, self._keys.get(number, ""))
        return self._result()

    def stop(self) -> None:
        """Let nothing more begin, and let the commands that run be killed and their folders removed."""
        self._step.stop.set()
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        commands = [future for future, number in self._running.items() if future.running() and self._is_command(number)]
        wait(commands, timeout=GRACE)  # not for ever: one may be reading gigabytes of input

    def _is_command(self, number: int) -> bool:
        return self._graph.actions[number].kind is ActionKind.RUN

    def _promises(self) -> set[int]:
        for number in self._graph.needed(self._wanted):
            action = self._graph.actions[number]
            promised = self._step.promised(action) if action.kind is ActionKind.FETCH else None
            if promised:
                self._learn(number, promised)
        return set(self._keys)

    def _start(self) -> bool:
        """Hand out all that may start; whether there was any."""
        started = False
        while (number := self._schedule.next()) is not None:
            action, started = self._graph.actions[number], True
            actions, fetches = self._pools
            if action.kind is ActionKind.FETCH:
                future = fetches.submit(self._do, action, partial(self._step.fetch, number, action))
            else:
                known = {artifact: self._blobs[artifact] for artifact in action.needs if not artifact.source}
                future = actions.submit(self._do, action, partial(self._step.run, number, action, known))
            self._running[future] = number
        return started

    def _do(self, action: Action, work: Callable[[], Done | Missing]) -> Done | Missing:
        """In a thread of a pool: a failure stops the build before that thread takes up anything else."""
        try:
            return work()
        except BuildError:
            if not self._forgives(action):
                self._step.stop.set()
            raise

    def _finish(self, number: int, future: Future[Done | Missing]) -> None:
        try:
            result = future.result()
        except Stopped:
            self._end(number, Outcome.SKIPPED)
        except BuildError as error:
            self._fail(number, error)
        else:
            if isinstance(result, Done):
                self._learn(number, result)
                self._end(number, Outcome.RAN if result.ran else Outcome.CACHED, self._keys[number])
                self._schedule.succeeded(number)
            else:
                self._wait_for_bytes(number, result.artifacts)

    def _fail(self, number: int, error: BuildError) -> None:
        self._failures[number] = error
        self._end(number, Outcome.FAILED)
        self._skip(number)
        if not self._forgives(self._graph.actions[number]):
            self._schedule.abandon()

    def _skip(self, number: int) -> None:
        for lost in self._schedule.failed(number):
            self._end(lost, Outcome.SKIPPED)

    def _wait_for_bytes(self, number: int, artifacts: Sequence[Artifact]) -> None:
        fetches = [self._schedule.first(self._graph.producers[artifact]) for artifact in artifacts]
        for fetch, artifact in zip(fetches, artifacts, strict=True):
            done = self._outcomes.get(fetch) in (Outcome.RAN, Outcome.CACHED)
            if done and not self._step.has(self._blobs[artifact]):  # it may have come since the action looked
                self._fail(number, _gone(self._graph.actions[number], artifact))
                return
        if not self._schedule.wants_bytes(number, fetches):
            self._end(number, Outcome.SKIPPED)
            self._skip(number)

    def _learn(self, number: int, result: Done) -> None:
        self._keys[number] = result.key
        for name, artifact in self._graph.actions[number].outputs:
            self._blobs[artifact] = Blob(result.outputs[name], artifact.tree)

    def _end(self, number: int, outcome: Outcome, key: str = "") -> None:
        action = self._graph.actions[number]
        self._outcomes[number] = outcome
        self._listener(ActionEnded(number, action.mnemonic, action.owner, action.subject, outcome, key))

    def _result(self) -> Execution:
        counts = list(self._outcomes.values())
        # A fetch promises its digest; where it failed, nobody has the bytes.
        lost = {number for number, outcome in self._outcomes.items() if outcome in (Outcome.FAILED, Outcome.SKIPPED)}
        made = (item for item in self._blobs.items() if self._graph.producers[item[0]] not in lost)
        digests = {artifact: blob.digest for artifact, blob in made}
        if all(self._forgives(self._graph.actions[number]) for number in self._failures):
            sources = self._step.sources
            digests |= {artifact: sources.blob(artifact).digest for artifact in self._wanted if artifact.source}
        failed = sorted(self._failures)
        return Execution(
            digests=digests,
            failures=tuple(Failed(self._graph.actions[number], self._failures[number]) for number in failed),
            ran=counts.count(Outcome.RAN),
            cached=counts.count(Outcome.CACHED),
        )


def _gone(action: Action, artifact: Artifact) -> BuildFailure:
    return BuildFailure(
        f"{action.owner}: {action.mnemonic} cannot read '{artifact.path}' any more",
        hint="a file that it was made of changed, or something removed it from the store; build again",
    )


@contextmanager
def _leaving(pool: ThreadPoolExecutor) -> Iterator[ThreadPoolExecutor]:
    """A pool whose threads are not waited for after an exception: a server may keep them waiting for minutes, and so
    may a file of gigabytes. What they still put into the store is whole or not there.
    """
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def _one_at_a_time(listener: Listener) -> Listener:
    lock = threading.Lock()

    def tell(event: Event) -> None:
        with lock:
            listener(event)

    return tell
