"""The dask.distributed door: one function over many small items, in worker processes.

Items and results are paths and small records, never arrays. One worker is one process with
one thread; a worker that dies takes its own item with it, not the batch.
"""

from __future__ import annotations

import logging
import os
import pickle
import secrets
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count as counted
from itertools import islice
from tempfile import TemporaryDirectory
from typing import TypeVar

import distributed.utils
from dask.system import CPU_COUNT
from distributed import Client, Future, LocalCluster, Nanny, as_completed, get_worker
from distributed.deploy.cluster import Cluster
from distributed.scheduler import KilledWorker, NoWorkerError
from distributed.system import MEMORY_LIMIT

from corelab.errors import StoreError
from pipelines.dashboard import LOOPBACK, Dashboard, free_port, refuse_absent_dashboard
from pipelines.dask_settings import dask_settings, quiet_dask, workers_are_served
from pipelines.worker_server import (
    die_with_parent,
    interrupts_left_to_client,
    start_worker_server,
)

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT_PER_WORKER = 4
MEMORY_PER_WORKER_BYTES = 2 << 30
CONNECT_S = 10
FIRST_WORKER_S = 60
_DEATH = "KilledWorker"
_MEMORY_DEATH = "worker-restart-memory"
_LOOK_S = 5.0
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

    def __init__(self, client: Client, n_workers: int, dashboard_link: str = "") -> None:
        self._client = client
        self._n_workers = n_workers
        self._dashboard_link = dashboard_link
        # Runs that share a scheduler must never take each other's results for their own.
        self._run, self._numbers = secrets.token_hex(4), counted(1)

    @property
    def n_workers(self) -> int:
        """How many work at a time."""
        return self._n_workers

    @property
    def dashboard_link(self) -> str:
        """Address of the scheduler's dashboard; empty where none is served."""
        return self._dashboard_link

    def wait_for_workers(self) -> None:
        """Wait until all workers are there.

        Raises
        ------
        StoreError
            When none comes.
        """
        try:
            self._client.wait_for_workers(self._n_workers, timeout=FIRST_WORKER_S)
        except TimeoutError as error:
            if not self._client.nthreads():
                found = f"no worker of {self._n_workers} has started within {FIRST_WORKER_S} s"
                raise StoreError(f"{found}: is the machine short of memory?") from error

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
                key = self._key_for(function)
                future = self._client.submit(_guarded, function, item, pure=False, key=key)
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

    def _key_for(self, function: Callable[[Item], Result]) -> str:
        """Name a task by what is done and a number: schedulers and dashboards show it."""
        return f"{function.__name__}-{next(self._numbers):06d}-{self._run}"

    def _outcome(self, future: Future) -> Result | Crash:
        # Asking for the exception first waits for a result that a dying worker took with it.
        error = future.exception()
        if error is None:
            return _unpacked(future.result())
        if isinstance(error, NoWorkerError):
            found = "no worker has been there for minutes, though cases are waiting"
            raise StoreError(f"{found}: have their jobs ended? The same command resumes") from None
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
    """One worker a core, bounded by memory: those that this process may use."""
    by_memory = int(MEMORY_LIMIT) // MEMORY_PER_WORKER_BYTES
    return max(1, min(int(CPU_COUNT), by_memory))


@contextmanager
def open_engine(
    *,
    n_workers: int | None = None,
    scheduler: str | None = None,
    dashboard: Dashboard = Dashboard.OFF,
) -> Iterator[Engine]:
    """Start local workers, or use those of a running scheduler.

    Parameters
    ----------
    n_workers
        Local worker processes; one a core, bounded by memory, when left out.
    scheduler
        Address such as ``tcp://host:8786``; no local workers are started then.
    dashboard
        Whether one is served; a running scheduler has its own.

    Raises
    ------
    StoreError
        When no scheduler answers there, or no dashboard can be served.
    """
    quiet_dask()
    if scheduler is not None:
        with _client_of(scheduler) as client:
            link = "" if dashboard is Dashboard.OFF else _link_told_by(client)
            yield Engine(client, len(client.nthreads()), link)
        return
    refuse_absent_dashboard(dashboard)
    count, port = n_workers or default_workers(), free_port()
    if workers_are_served():
        start_worker_server()
        # Else Dask would import libraries of its choice here, to have the server import them.
        distributed.utils._forkserver_preload_set = True  # noqa: SLF001 - no setting says so
    with (
        dask_settings(dashboard, port),
        # A worker that is being killed may still write there: that must not hide an interrupt.
        TemporaryDirectory(prefix="corelab-", ignore_cleanup_errors=True) as scratch,
        _local_cluster(count, scratch, dashboard, port) as cluster,
        engine_of(cluster, count, dashboard) as engine,
        _ended_on_error(cluster),
        _kept_up(cluster, count),
    ):
        engine.wait_for_workers()
        yield engine


@contextmanager
def engine_of(cluster: Cluster, n_workers: int, dashboard: Dashboard) -> Iterator[Engine]:
    """Use the workers of a cluster that this process has started."""
    is_served = dashboard is Dashboard.ON_LOOPBACK
    with Client(cluster, set_as_default=False) as client:
        port = cluster.scheduler_info["services"].get("dashboard")
        yield Engine(
            client, n_workers, f"http://{LOOPBACK}:{port}/status" if is_served and port else ""
        )


@contextmanager
def _client_of(scheduler: str) -> Iterator[Client]:
    """Client of a running scheduler that has workers.

    Raises
    ------
    StoreError
        When nobody answers, or the scheduler has no worker.
    """
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


def _link_told_by(client: Client) -> str:
    """Address of the dashboard as a running scheduler names it; empty where it names none."""
    with suppress(KeyError):  # no such service, or an address that rests on what is not set here
        return str(client.dashboard_link or "")
    return ""


def _local_cluster(count: int, scratch: str, dashboard: Dashboard, port: int) -> LocalCluster:
    """Make a cluster without workers; those that it starts leave an interrupt to the client.

    What does not fit into memory is put into ``scratch``, which only its owner may open and
    which goes with the engine: it may hold headers.

    """
    with interrupts_left_to_client():
        return LocalCluster(
            n_workers=0,
            threads_per_worker=1,
            memory_limit=MEMORY_LIMIT // count,
            host=LOOPBACK,
            dashboard_address=f"{LOOPBACK}:{port}",
            scheduler_kwargs={"dashboard": dashboard is Dashboard.ON_LOOPBACK},
            silence_logs=logging.CRITICAL,
            local_directory=scratch,
        )


@contextmanager
def _kept_up(cluster: LocalCluster, count: int) -> Iterator[None]:
    """Start workers, and others in place of those that Dask gives up.

    It does so with one that dies while it is started, or is slow to start: without workers a
    batch would wait for ever.
    """
    is_over = threading.Event()

    def keep() -> None:
        while not is_over.wait(_LOOK_S):
            cluster.scale(count)

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
        die_with_parent()


def _unpacked(packed: bytes) -> Result | Crash:
    value: Result | Crash = pickle.loads(packed)  # noqa: S301 - our own worker packed it
    return value
