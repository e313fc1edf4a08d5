"""The dask.distributed door: one function over many small items, in worker processes.

Items and results are paths and small records, never arrays. One worker is one process with
one thread; a worker that dies takes its own item with it, not the batch.
"""

from __future__ import annotations

import ctypes
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import islice
from tempfile import TemporaryDirectory
from typing import TypeVar

import dask
import psutil
from distributed import Client, Future, LocalCluster, Nanny, as_completed, get_worker
from distributed.scheduler import KilledWorker

from corelab.errors import StoreError

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT_PER_WORKER = 4
MEMORY_PER_WORKER_BYTES = 2 << 30
CONNECT_S = 10
FIRST_WORKER_S = 30
_DEATH = "KilledWorker"
_MEMORY_DEATH = "worker-restart-memory"
_LOOK_S = 5.0
_PR_SET_PDEATHSIG = 1
# Set before a worker starts: one thread each, and an allocator that keeps its pages, which
# makes a batch of thin-slice volumes 1.5 times faster.
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "67108864",
    "CORELAB_WORKER_IS_QUIET": "1",
}
_QUIET = "CORELAB_WORKER_IS_QUIET"


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """An item that raised what its function does not expect, or whose worker died.

    ``errno`` is the operating system's number where it was that which refused; ``is_over_memory``
    says that its worker was ended since it took more than its share.
    """

    kind: str
    detail: str
    errno: int | None = None
    is_over_memory: bool = False

    @property
    def is_death(self) -> bool:
        """Whether it took its process with it."""
        return self.kind == _DEATH


class Engine:
    """A running set of workers; make one with :func:`open_engine`."""

    def __init__(self, client: Client, n_workers: int) -> None:
        self._client = client
        self._n_workers = n_workers

    @property
    def n_workers(self) -> int:
        """How many work at a time."""
        return self._n_workers

    def over(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result | Crash]]:
        """Run a function over items, each result as soon as it is there.

        A few items per worker are in flight at a time, so that memory does not grow with the
        number of items. An item whose worker died is tried once more when the others are
        done, with nothing beside it, so that none is blamed for another.

        Parameters
        ----------
        function
            Importable by the workers.
        items
            Small and picklable.
        """
        suspects: list[Item] = []
        for item, result in self._spread(function, items, self._n_workers * IN_FLIGHT_PER_WORKER):
            if isinstance(result, Crash) and result.is_death:
                suspects.append(item)
            else:
                yield item, result
        yield from self._spread(function, suspects, 1)

    def everywhere(
        self, function: Callable[[Item], Result], item: Item
    ) -> dict[str, Result | Crash]:
        """Run a function once in every worker; results by the workers' addresses."""
        packed = self._client.run(_guarded, function, item, on_error="return")
        return {
            address: _unpacked(answer)
            if isinstance(answer, bytes)
            else Crash(kind=type(answer).__name__, detail=repr(answer))
            for address, answer in packed.items()
        }

    def threads_of_workers(self) -> dict[str, int]:
        """Threads of each worker, by its address."""
        return {str(address): int(count) for address, count in self._client.nthreads().items()}

    def _spread(
        self, function: Callable[[Item], Result], items: Iterable[Item], n_in_flight: int
    ) -> Iterator[tuple[Item, Result | Crash]]:
        waiting = iter(items)
        item_of: dict[Future, Item] = {}

        def submit(count: int) -> list[Future]:
            futures = []
            for item in islice(waiting, count):
                future = self._client.submit(_guarded, function, item, pure=False)
                item_of[future] = item
                futures.append(future)
            return futures

        queue = as_completed(submit(n_in_flight), loop=self._client.loop)
        for future in queue:
            item = item_of.pop(future)
            yield item, self._outcome(future)
            future.release()
            for more in submit(1):
                queue.add(more)

    def _outcome(self, future: Future) -> Result | Crash:
        # Asking for the exception first waits for a result that a dying worker took with it.
        error = future.exception()
        if error is None:
            return _unpacked(future.result())
        return Crash(
            kind=type(error).__name__,
            detail=f"{error!r}\n{future.traceback()}",
            is_over_memory=isinstance(error, KilledWorker) and self._is_over_memory(error),
        )

    def _is_over_memory(self, death: KilledWorker) -> bool:
        """Whether the nanny of a dead worker says that it took too much memory."""
        ended = self._client.get_events(_MEMORY_DEATH)
        return any(event["worker"] == death.last_worker.address for _, event in ended)


def memory_limit_bytes() -> int | None:
    """Memory that the worker in which this runs may take; none outside of workers."""
    try:
        limit = get_worker().memory_manager.memory_limit
    except ValueError:
        return None
    return int(limit) if limit else None


def default_workers() -> int:
    """One worker a core, bounded by memory."""
    by_memory = int(psutil.virtual_memory().total // MEMORY_PER_WORKER_BYTES)
    return max(1, min(os.cpu_count() or 1, by_memory))


@contextmanager
def open_engine(*, n_workers: int | None = None, scheduler: str | None = None) -> Iterator[Engine]:
    """Start local workers, or use those of a running scheduler.

    Parameters
    ----------
    n_workers
        Local worker processes; one a core, bounded by memory, when left out.
    scheduler
        Address such as ``tcp://host:8786``; no local workers are started then.

    Raises
    ------
    StoreError
        When no scheduler answers there.
    """
    if scheduler is not None:
        with _client_of(scheduler) as client:
            yield Engine(client, len(client.nthreads()))
        return
    count = n_workers or default_workers()
    with (
        dask.config.set(
            {
                "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
                # One item at a time on a worker: no other is suspected when it dies.
                "distributed.scheduler.worker-saturation": 1.0,
                # Nobody looks at what its sampler of call stacks finds.
                "distributed.worker.profile.enabled": False,
                # What a worker holds is identified: none of it goes to a disk that others read.
                "distributed.worker.memory.target": False,
                "distributed.worker.memory.spill": False,
                # An allocator that keeps its pages would have it wait for ever.
                "distributed.worker.memory.pause": False,
                # The engine itself tries again, alone; Dask would let it kill three more.
                "distributed.scheduler.allowed-failures": 0,
            }
        ),
        # A worker that is being killed may still write there: that must not hide an interrupt.
        TemporaryDirectory(prefix="corelab-", ignore_cleanup_errors=True) as scratch,
        _local_workers(count, scratch) as cluster,
        Client(cluster, set_as_default=False) as client,
        _ended_on_error(cluster),
        _kept_up(cluster, count),
    ):
        yield Engine(client, count)


@contextmanager
def _client_of(scheduler: str) -> Iterator[Client]:
    """Client of a running scheduler that has workers.

    Raises
    ------
    StoreError
        When nobody answers, or the scheduler has no worker.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, set_as_default=False, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        expected = "the address that `dask scheduler` prints, such as tcp://host:8786"
        raise StoreError(f"no scheduler answers at {scheduler}; expected {expected}") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=FIRST_WORKER_S)
        except TimeoutError as error:
            found = f"the scheduler at {scheduler} has no worker after {FIRST_WORKER_S} s"
            hint = "start some with `dask worker ADDRESS --nthreads 1`"
            raise StoreError(f"{found}; {hint}") from error
        yield client


def _local_workers(count: int, scratch: str) -> LocalCluster:
    """Start workers that leave an interrupt from the keyboard to the client.

    What does not fit into memory is put into ``scratch``, which only its owner may open and
    which goes with the engine: it may hold headers.

    A process that is started while the signal is blocked never gets it; otherwise every worker
    would print a traceback of its own. This process gets it as soon as they are started.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        return LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs=logging.CRITICAL,
            local_directory=scratch,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _kept_up(cluster: LocalCluster, count: int) -> Iterator[None]:
    """Start workers in place of those that Dask has given up.

    It does so with one that dies while it is started again, or is slow to start: without
    workers a batch would wait for ever.
    """
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.wait(_LOOK_S):
            cluster.scale(count)

    keeper = threading.Thread(target=keep, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


@contextmanager
def _ended_on_error(cluster: LocalCluster) -> Iterator[None]:
    """End workers at once when the run ends early: what they are at is not waited for."""
    try:
        yield
    except BaseException:
        for nanny in cluster.workers.values():
            _end(nanny)
        raise


def _end(nanny: Nanny) -> None:
    nanny.auto_restart = False
    with suppress(ProcessLookupError):
        if nanny.pid:
            os.kill(nanny.pid, signal.SIGKILL)


def _guarded(function: Callable[[Item], Result], item: Item) -> bytes:
    """Run in the worker: a bug becomes a record, so that Dask's log never prints its paths.

    The result travels packed: Dask's own pickler asks a Python hook about every object, which
    costs more than the packing itself.
    """
    _be_quiet()
    result: Result | Crash
    try:
        result = function(item)
    except Exception as error:  # noqa: BLE001 - one item's bug must not end the batch
        number = getattr(error, "errno", None)
        result = Crash(kind=type(error).__name__, detail=traceback.format_exc(), errno=number)
    return pickle.dumps(result, protocol=pickle.HIGHEST_PROTOCOL)


@cache
def _be_quiet() -> None:
    """Keep what libraries print in a local worker off the terminal: it may quote a header."""
    if _QUIET in os.environ:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)
        die_with_client()


def die_with_client() -> None:
    """Have the system end this process with the one that started it, however that ends.

    Dask's own watch is a thread that waits for the interpreter, and may come late.
    """
    parent = multiprocessing.parent_process()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # it ended just before


def _unpacked(packed: bytes) -> Result | Crash:
    value: Result | Crash = pickle.loads(packed)  # noqa: S301 - our own worker packed it
    return value
