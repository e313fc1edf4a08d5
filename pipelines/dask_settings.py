"""What an engine rests on: Dask's settings, the environment of workers, keys of a connection."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from pathlib import Path

import dask
from distributed.security import Security

from pipelines.dashboard import Dashboard, dashboard_settings
from pipelines.worker_server import WORKER_ENVIRONMENT

SCHEDULER_SETTINGS = {
    # One item at a time on a worker: no other is suspected when it dies.
    "distributed.scheduler.worker-saturation": 1.0,
    # The engine itself tries again, alone; Dask would let it kill three more.
    "distributed.scheduler.allowed-failures": 0,
    # A run that lost every worker ends with a message; Dask would wait for ever.
    "distributed.scheduler.no-workers-timeout": "5 minutes",
}
WORKER_SETTINGS = {
    # Nobody looks at what its sampler of call stacks finds.
    "distributed.worker.profile.enabled": False,
    # What a worker holds is identified: none of it goes to a disk that others read.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    # An allocator that keeps its pages would have it wait for ever.
    "distributed.worker.memory.pause": False,
    # Nor is anything of it served.
    "distributed.worker.http.routes": [],
}


_METHOD = "distributed.worker.multiprocessing-method"


def workers_are_served() -> bool:
    """Whether local workers come from the worker server; not where a caller has set another way."""
    return bool(dask.config.get(_METHOD) == "spawn")


def dask_settings(dashboard: Dashboard, port: int) -> AbstractContextManager[object]:
    """Context in which a scheduler and workers that are started do what an engine rests on."""
    settings: AbstractContextManager[object] = dask.config.set(
        {
            "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
            _METHOD: "forkserver" if workers_are_served() else dask.config.get(_METHOD),
            **SCHEDULER_SETTINGS,
            **WORKER_SETTINGS,
            **dashboard_settings(dashboard, port),
        }
    )
    return settings


def quiet_dask() -> None:
    """Keep Dask's log off the terminal, for good: what outlives a cluster speaks too."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


def security_in(folder: Path) -> Security:
    """Make keys for one run: who does not have these files can neither connect nor listen."""
    made, files = Security.temporary(), {}
    for name in ("ca_file", "worker_key", "worker_cert"):
        files[name] = folder / f"{name}.pem"
        files[name].touch(mode=0o600)
        files[name].write_text(getattr(made, f"tls_{name}"), encoding="ascii")
    roles = ("client", "scheduler", "worker")
    keys = {f"tls_{role}_key": str(files["worker_key"]) for role in roles}
    certificates = {f"tls_{role}_cert": str(files["worker_cert"]) for role in roles}
    return Security(
        require_encryption=True, tls_ca_file=str(files["ca_file"]), **keys, **certificates
    )
