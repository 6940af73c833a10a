"""Tools in processes of their own, for those that hold Python's lock while they work.

In: a tool's function, a store's folder, arguments. Out: what the function gives. A worker imports the function by name
and opens the store itself; it begins from a clean `forkserver`, when the first such tool runs, and dies with mbuild.
"""

from __future__ import annotations

import ctypes
import importlib
import multiprocessing
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from buildkit.digest import Digest
from buildkit.errors import EnvironmentFault
from buildkit.store import BlobStore, DiskStore

_PR_SET_PDEATHSIG = 1
_stores: dict[Path, BlobStore] = {}


class Workers:
    """At most `count` worker processes."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._pool: ProcessPoolExecutor | None = None
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
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload([__name__])
                self._pool = ProcessPoolExecutor(self._count, mp_context=context, initializer=_begin)
            return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:
            # Nobody waits for what they still do.
            for process in list(getattr(self._pool, "_processes", None) or ()):
                with suppress(AttributeError, KeyError, ProcessLookupError):
                    self._pool._processes[process].kill()
        self._pool.shutdown(wait=True, cancel_futures=True)


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
                "a worker process ended before its work was done", hint="is the machine out of memory?"
            ) from None
    future.cancel()
    return None


def _begin() -> None:
    """Leave Ctrl-C to mbuild, and end when the fork server ends, which ends with mbuild."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


def _work(module: str, name: str, root: Path, arguments: dict[str, Any]) -> dict[str, Digest]:
    found = getattr(importlib.import_module(module), name)
    # A decorator may have put a tool in its function's place.
    function = getattr(found, "function", found)
    store = _stores.get(root)
    if store is None:
        store = _stores[root] = DiskStore(root)
    return dict(function(store, **arguments))
