"""Workers as jobs of a cluster's queueing system (the dask-jobqueue door)."""

from __future__ import annotations

import logging
import math
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from corelab.errors import StoreError
from pipelines.dashboard import LOOPBACK, Dashboard, free_port, refuse_absent_dashboard
from pipelines.dask_settings import (
    WORKER_SETTINGS,
    dask_settings,
    quiet_dask,
    security_in,
)
from pipelines.engine import Engine, engine_of
from pipelines.job_settings import JobSettings
from pipelines.log import tell
from pipelines.queueing import QueueSystem
from pipelines.worker_server import WORKER_ENVIRONMENT

if TYPE_CHECKING:
    from dask_jobqueue import JobQueueCluster

_JOB_NAME = "corelab"
_TOLD_EVERY_S = 30.0
_MINUTE_S = 60
_NO_LOGS = {
    QueueSystem.SLURM: ("-o /dev/null", "-e /dev/null"),
    QueueSystem.PBS: ("-o /dev/null", "-e /dev/null"),
    QueueSystem.LSF: ("-o /dev/null", "-e /dev/null"),
    QueueSystem.SGE: ("-o /dev/null", "-e /dev/null"),
    QueueSystem.HTCONDOR: (),
}


@contextmanager
def open_jobs(
    system: QueueSystem, settings: JobSettings, dashboard: Dashboard = Dashboard.OFF
) -> Iterator[Engine]:
    """Start workers as jobs, and end them.

    The run goes on with the jobs that have started in time; later ones would work unchecked.

    Raises
    ------
    StoreError
        When it is not here, takes no job, or has started none in time.
    """
    refuse_absent_dashboard(dashboard)
    if shutil.which(system.submit_command) is None:
        found = f"{system.submit_command} is not on this machine's PATH"
        raise StoreError(f"{found}; --cluster {system} is for a machine that submits jobs")
    port = free_port()
    with (
        dask_settings(dashboard, port),
        _keys_beside(settings) as keys,
        cluster_of(system, settings, keys, _scheduler_options(dashboard, port)) as cluster,
    ):
        _submit(cluster, system, settings.jobs)
        n_workers = _wait(cluster, settings)
        with engine_of(cluster, n_workers, dashboard) as engine:
            yield engine


def cluster_of(
    system: QueueSystem, settings: JobSettings, keys: str, scheduler: Mapping[str, object]
) -> JobQueueCluster:
    """Give a scheduler in this process, whose jobs are not submitted yet.

    Its connections are encrypted, and only who has the run's keys may connect.

    Raises
    ------
    StoreError
        When dask-jobqueue is not installed, or no scheduler starts on the network asked for.
    """
    try:
        import dask_jobqueue  # noqa: PLC0415 - an extra
    except ImportError as error:
        hint = 'pip install "corelab[cluster]"'
        raise StoreError(f"--cluster needs dask-jobqueue, which is not here: {hint}") from error
    classes = {
        QueueSystem.SLURM: dask_jobqueue.SLURMCluster,
        QueueSystem.PBS: dask_jobqueue.PBSCluster,
        QueueSystem.LSF: dask_jobqueue.LSFCluster,
        QueueSystem.SGE: dask_jobqueue.SGECluster,
        QueueSystem.HTCONDOR: dask_jobqueue.HTCondorCluster,
    }
    quiet_dask()
    try:
        return classes[system](
            **_job_options(settings),
            **_system_options(system, settings),
            security=security_in(Path(keys)),
            scheduler_options=dict(scheduler),
            silence_logs=logging.CRITICAL,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise StoreError(f"no scheduler can be started as the settings ask: {error}") from error


def _scheduler_options(dashboard: Dashboard, port: int) -> dict[str, object]:
    is_served = dashboard is Dashboard.ON_LOOPBACK
    return {"dashboard_address": f"{LOOPBACK}:{port}", "dashboard": is_served}


def _job_options(settings: JobSettings) -> dict[str, object]:
    """Options that all systems know; where one is None, a site's ``jobqueue.yaml`` may set it."""
    return {
        "cores": 1,
        "processes": 1,
        "memory": f"{_memory_mib(settings)} MiB",
        "python": settings.python or sys.executable,
        "job_name": _JOB_NAME,
        "job_script_prologue": [*settings.prologue, *_exports()],
        "interface": settings.interface,
        "log_directory": settings.log_folder,
        "local_directory": settings.scratch_folder,
        "worker_extra_args": ["--no-dashboard"],
    }


def _system_options(system: QueueSystem, settings: JobSettings) -> dict[str, object]:
    """Options in each system's own words."""
    lines = [*([] if settings.log_folder else _NO_LOGS[system]), *settings.directives]
    queue, account = settings.queue, settings.account
    if system is QueueSystem.HTCONDOR:
        return {
            "disk": f"{settings.disk_gib} GiB",
            "job_extra_directives": _condor_attributes(settings),
        }
    options: dict[str, object] = {
        "queue": queue,
        "walltime": f"{_clock(_minutes(settings))}:00",
        "job_extra_directives": lines,
    }
    if system is QueueSystem.LSF:
        return options | {"project": account, "walltime": _clock(_minutes(settings))}
    if system is QueueSystem.SGE:
        return options | {"project": account, "resource_spec": f"mem_free={_memory_mib(settings)}M"}
    if system is QueueSystem.SLURM:
        # Its own form is whole GiB, rounded up.
        options["job_mem"] = f"{_memory_mib(settings)}M"
    return options | {"account": account}


def _condor_attributes(settings: JobSettings) -> dict[str, str]:
    """Give the lines that HTCondor has in place of account, walltime and directives."""
    attributes = {"allowed_job_duration": str(60 * _minutes(settings))}
    if settings.account is not None:
        attributes["accounting_group"] = settings.account
    parts = (line.partition("=") for line in settings.directives)
    return attributes | {name.strip(): value.strip() for name, _, value in parts}


def _exports() -> list[str]:
    """Shell lines that set what a worker must find before it starts."""
    variables = WORKER_ENVIRONMENT | {
        "DASK_" + key.upper().replace(".", "__").replace("-", "_"): str(value)
        for key, value in WORKER_SETTINGS.items()
    }
    return [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]


def _memory_mib(settings: JobSettings) -> int:
    return round(settings.memory_gib * 1024)


def _minutes(settings: JobSettings) -> int:
    return math.ceil(settings.walltime_h * 60)


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


@contextmanager
def _keys_beside(settings: JobSettings) -> Iterator[str]:
    """Folder for the keys of the connection that only its owner may open."""
    place = Path(settings.key_folder) if settings.key_folder else Path.home()
    try:
        folder = TemporaryDirectory(prefix=".corelab-keys-", dir=place)
    except OSError as error:
        raise StoreError(f"no keys can be kept in {place}: {error.strerror}") from None
    with folder as name:
        yield name


def _submit(cluster: JobQueueCluster, system: QueueSystem, count: int) -> None:
    """Submit the jobs.

    Raises
    ------
    StoreError
        With what the system said when it took none.
    """
    tell("jobs", f"waiting for {count} jobs of {system}", {"done": 0, "total": count})
    while len(cluster.worker_spec) < count:
        cluster.worker_spec.update(cluster.new_worker_spec())
    try:
        # What ``scale`` does in the background, where a refusal would be a line of a log.
        cluster.sync(cluster._correct_state)  # noqa: SLF001 - there is no public way
    except (RuntimeError, ValueError, OSError) as error:
        for job in cluster.workers.values():
            if job.job_id is None:
                job.status = type(job.status).failed  # otherwise no cluster closes
        raise StoreError(f"{system.submit_command} refused a job: {error}") from error


def _wait(cluster: JobQueueCluster, settings: JobSettings) -> int:
    """Wait until the jobs have started; how many have. The others are taken back.

    Raises
    ------
    StoreError
        When none has.
    """
    left_s = settings.wait_minutes * _MINUTE_S
    while left_s > 0:
        try:
            cluster.wait_for_workers(settings.jobs, timeout=min(left_s, _TOLD_EVERY_S))
        except TimeoutError:
            left_s -= _TOLD_EVERY_S
            started = len(cluster.scheduler_info["workers"])
            text = f"{started} of {settings.jobs} jobs have started"
            tell("jobs", text, {"done": started, "total": settings.jobs})
        else:
            return settings.jobs
    started = len(cluster.scheduler_info["workers"])
    if not started:
        found = f"none of {settings.jobs} jobs has started in {settings.wait_minutes:g} minutes"
        raise StoreError(f"{found}; wait_minutes says how long to wait, and a log_folder why")
    cluster.scale(jobs=started)
    return started
