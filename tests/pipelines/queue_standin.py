"""Stands in for Slurm's ``sbatch`` and ``scancel`` where there is no Slurm.

It keeps the one thing of a queueing system that a run rests on: the job script that it is handed
runs as a process of its own, elsewhere, until it ends or is cancelled. It has no queue, no
limits and reads no directive; whether Slurm takes the script is ``test_slurm.py``'s to show.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SBATCH = """#!/bin/sh
cp "$1" {jobs}/script-$$
setsid sh {jobs}/script-$$ >/dev/null 2>&1 </dev/null &
touch {jobs}/job-$!
echo "Submitted batch job $!"
"""
_SCANCEL = """#!/bin/sh
kill -TERM -- "-$1"
"""
REFUSES = """#!/bin/sh
echo "sbatch: error: invalid partition specified: nowhere" >&2
exit 1
"""
NEVER_STARTS = """#!/bin/sh
echo "Submitted batch job 4711"
"""
NOTES_WHAT_IS_CANCELLED = """#!/bin/sh
echo "$1" >>{jobs}/cancelled
"""


def install(folder: Path, *, sbatch: str = _SBATCH, scancel: str = _SCANCEL) -> dict[str, str]:
    """Write both commands; the environment in which they are found before any other."""
    commands, jobs = folder / "commands", folder / "jobs"
    commands.mkdir()
    jobs.mkdir()
    for name, text in {"sbatch": sbatch, "scancel": scancel}.items():
        (commands / name).write_text(text.format(jobs=jobs))
        (commands / name).chmod(0o755)
    path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path}


def jobs_of(folder: Path) -> list[int]:
    """Process groups of the jobs that were started."""
    return sorted(int(path.name.removeprefix("job-")) for path in folder.glob("jobs/job-*"))
