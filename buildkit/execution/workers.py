"""Tools in processes of their own, for those that hold Python's lock while they work.

In: a tool's function, a store's folder, arguments. Out: what the function gives. A worker imports the function by name
and opens the store itself; it begins from a clean `forkserver`, when the first such tool runs. It holds the read end of
a pipe, the lifeline; when the write end closes, because mbuild lets it or is dead, the worker ends at once.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.store import BlobStore, DiskStore

_stores: dict[Path, BlobStore] = {}


class Workers:
    """At most `count` worker processes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()
        self._context = multiprocessing.get_context("forkserver")
        self._lifeline, self._hold = self._context.Pipe(duplex=False)

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
                self._context.set_forkserver_preload([__name__])
                self._pool = ProcessPoolExecutor(
                    self._count, mp_context=self._context, initializer=_begin, initargs=(self._lifeline,)
                )
            return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            # Nobody waits for what they still do.
            self._hold.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        self._hold.close()
        self._lifeline.close()


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
