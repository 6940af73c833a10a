"""Tools in processes of their own, for those that hold Python's lock while they work.

In: a tool's function, a store's folder, arguments. Out: what the function gives. A worker imports the function by name
and opens the store itself; it begins from a clean `forkserver`, when the first such tool runs. It holds the read end of
a pipe, the lifeline; when the write end closes, because mbuild lets it or is dead, the worker ends at once.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.store import BlobStore, DiskStore

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing.connection import Connection

_stores: dict[Path, BlobStore] = {}


class Workers:
    """At most `count` worker processes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: tuple[Connection, ...] = ()  # its read end, and the end that holds it
        self._lock = threading.Lock()

    def call(
        self,
        function: Callable[..., Mapping[str, Digest]],
        store: Path,
        arguments: Mapping[str, Any],
        stop: threading.Event,
    ) -> Mapping[str, Digest] | None:
        """Run a function in a worker; None if `stop` was set before it was done."""
        future = self._started().submit(_work, function.__module__, function.__qualname__, store, dict(arguments))
        return _awaited(future, stop)

    def _started(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._pool is None:
                import multiprocessing  # late: 5 ms, and most builds run no such tool
                from concurrent.futures import ProcessPoolExecutor

                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload([__name__])
                self._lifeline = context.Pipe(duplex=False)
                self._pool = ProcessPoolExecutor(
                    self._count, mp_context=context, initializer=_begin, initargs=self._lifeline[:1]
                )
            return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # Nobody waits for what they still do.
            for end in self._lifeline[1:]:
                end.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        for end in self._lifeline:
            end.close()


def _awaited(future: Future[dict[str, Digest]], stop: threading.Event) -> Mapping[str, Digest] | None:
    while not stop.is_set():
        try:
            return future.result(timeout=0.2)
        except NotYet:
            continue
        except BrokenExecutor:
            if stop.is_set():
                break
            raise EnvironmentFault(
                "a worker process ended before its work was done",
                hint="check the machine's memory, or let fewer actions run at once with --jobs",
            ) from None
    future.cancel()
    return None


def _begin(lifeline: Connection) -> None:
    """Leave Ctrl-C to mbuild, and end when the lifeline does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    with suppress(EOFError, OSError):
        lifeline.recv_bytes()
    os._exit(1)


def _work(module: str, name: str, root: Path, arguments: dict[str, Any]) -> dict[str, Digest]:
    found = getattr(importlib.import_module(module), name)
    # A decorator may have put a tool in its function's place.
    function = getattr(found, "function", found)
    store = _stores.get(root)
    if store is None:
        store = _stores[root] = DiskStore(root)
    return dict(function(store, **arguments))
