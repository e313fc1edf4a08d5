"""The queueing systems of clusters: their names on the command line, and what submits a job."""

from __future__ import annotations

from enum import StrEnum


class QueueSystem(StrEnum):
    """Who starts jobs on a cluster's machines."""

    SLURM = "slurm"
    PBS = "pbs"
    LSF = "lsf"
    SGE = "sge"
    HTCONDOR = "htcondor"

    @property
    def submit_command(self) -> str:
        """Command that hands a job over."""
        return _SUBMIT_COMMANDS[self]


_SUBMIT_COMMANDS = {
    QueueSystem.SLURM: "sbatch",
    QueueSystem.PBS: "qsub",
    QueueSystem.LSF: "bsub",
    QueueSystem.SGE: "qsub",
    QueueSystem.HTCONDOR: "condor_submit",
}
