"""A process that has imported what a case needs, from which local workers are forked.

Importing takes a second of computing. One process does it for all workers, while the command
itself still imports and reads its files. It ends with the command, however that ends.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

_IMPORTED = [
    "pipelines.ends_with_parent",
    "pipelines.cases",
    "pipelines.making",
    "pipelines.searching",
]
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
_PR_SET_PDEATHSIG = 1


def start_worker_server() -> None:
    """Start that process, or do nothing where it runs; it imports while the caller goes on.

    To be called by the main thread: the process ends with the thread that started it.
    """
    multiprocessing.set_forkserver_preload(_IMPORTED)
    with interrupts_left_to_client(), _environment_of_workers():
        forkserver.ensure_running()


@contextmanager
def interrupts_left_to_client() -> Iterator[None]:
    """Context in which threads and processes are started that never get an interrupt.

    Otherwise every worker would print a traceback of its own.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment_of_workers() -> Iterator[None]:
    before = dict(os.environ)
    # Without the last it would import what lies in the folder that the command was started in.
    os.environ.update(WORKER_ENVIRONMENT | {"PYTHONSAFEPATH": "1"})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def die_with_parent() -> None:
    """Have the system end this process with the one that it was forked from, however that ends.

    So a worker ends with the server and the server with the command. Dask's own watch is a thread
    that waits for the interpreter, and may come late.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    client = multiprocessing.parent_process()
    if client is not None and not client.is_alive():
        os._exit(1)  # it ended just before
