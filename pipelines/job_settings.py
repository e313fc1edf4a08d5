"""What a job on a cluster is asked for (``configs/cluster-slurm.toml`` is an example)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from corelab.errors import ConfigError, Fault
from corelab.settings_file import load_settings
from pipelines.queueing import QueueSystem

Name = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_.@+:-]{1,80}$", description="a name without spaces")
]
Place = Annotated[str, Field(pattern=r"^/[^\s'\"$`;&|<>\\]*$", description="an absolute path")]
Line = Annotated[str, Field(pattern=r"^[^\r\n]+$", max_length=1000)]


_ATTRIBUTE = re.compile(r"\s*[A-Za-z+][A-Za-z0-9_.]*\s*=\s*\S")


class JobSettings(BaseModel):
    """One job is one worker: one process of one thread, on one core.

    Parameters
    ----------
    jobs
        How many.
    memory_gib, walltime_h, disk_gib
        Of each job; the disk is asked of HTCondor only.
    queue, account
        Where the jobs wait and who pays; the cluster's own where left out.
    wait_minutes
        For all jobs to start. Those that have not by then are taken back.
    directives
        More lines of the job's header, without their prefix (``#SBATCH``).
    prologue
        Shell commands before the worker: modules to load, an environment to activate.
    python
        Of corelab on the cluster's machines; by default the one that runs this command.
    interface
        Network over which the cluster's machines reach this one.
    log_folder
        What workers print; nowhere when left out.
    scratch_folder
        Of the machine where the job runs.
    key_folder
        Seen by this machine and by all of the cluster: holds the keys of the connection while
        the run lasts; home when left out.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: Annotated[int, Field(ge=1, le=1000, strict=True)] = 8
    memory_gib: Annotated[float, Field(ge=1, le=1024, allow_inf_nan=False, strict=True)] = 4.0
    walltime_h: Annotated[float, Field(gt=0, le=720, allow_inf_nan=False, strict=True)] = 12.0
    disk_gib: Annotated[float, Field(gt=0, le=1024, allow_inf_nan=False, strict=True)] = 2.0
    queue: Name | None = None
    account: Name | None = None
    wait_minutes: Annotated[float, Field(gt=0, le=10080, allow_inf_nan=False, strict=True)] = 30.0
    directives: tuple[Line, ...] = ()
    prologue: tuple[Line, ...] = ()
    python: Place | None = None
    interface: Name | None = None
    log_folder: Place | None = None
    scratch_folder: Place | None = None
    key_folder: Place | None = None


def load_job_settings(path: Path | None, system: QueueSystem) -> JobSettings:
    """Read what jobs are asked for; the defaults without a file.

    Raises
    ------
    ConfigError
        Every fault of the file, or else every setting that the system cannot follow.
    """
    if path is None:
        return JobSettings()
    settings = load_settings(path, JobSettings)
    faults = tuple(_faults_for_htcondor(settings)) if system is QueueSystem.HTCONDOR else ()
    if faults:
        raise ConfigError(str(path), faults)
    return settings


def _faults_for_htcondor(settings: JobSettings) -> Iterator[Fault]:
    """Tell what HTCondor has no word for."""
    if settings.queue is not None:
        yield Fault(
            key="queue", found=repr(settings.queue), expected="none: HTCondor has no queues"
        )
    for number, line in enumerate(settings.directives):
        if not _ATTRIBUTE.match(line):
            yield Fault(key=f"directives.{number}", found=repr(line), expected="NAME = VALUE")
