"""Workers as jobs: what each system is handed, and a run through a stand-in for Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from corelab.errors import StoreError
from pipelines.dashboard import Dashboard
from pipelines.dask_settings import dask_settings
from pipelines.job_settings import JobSettings
from pipelines.jobqueue import cluster_of
from pipelines.queueing import QueueSystem
from pipelines.worker_server import WORKER_ENVIRONMENT
from tests.conftest import REPOSITORY
from tests.pipelines.batch_on_cluster import assert_done, deliver, run, settings, tables
from tests.pipelines.queue_standin import (
    NEVER_STARTS,
    NOTES_WHAT_IS_CANCELLED,
    REFUSES,
    install,
    jobs_of,
)

_PATIENCE_S = 60
DEMO = REPOSITORY / "configs" / "demo.toml"
ASKED = JobSettings(
    memory_gib=1.5,
    walltime_h=1.51,
    account="stroke",
    interface="lo",
    prologue=("module load python",),
    directives=("extra = yes",),
    python="/shared/bin/python",
)
HEADERS = {
    QueueSystem.SLURM: (
        "#SBATCH -p night\n",
        "#SBATCH -A stroke\n",
        "#SBATCH -n 1\n",
        "#SBATCH --cpus-per-task=1\n",
        "#SBATCH --mem=1536M\n",
        "#SBATCH -t 01:31:00\n",
        "#SBATCH -o /dev/null\n",
        "#SBATCH extra = yes\n",
    ),
    QueueSystem.PBS: (
        "#PBS -q night\n",
        "#PBS -A stroke\n",
        "#PBS -l select=1:ncpus=1:mem=1536MB\n",
        "#PBS -l walltime=01:31:00\n",
        "#PBS -o /dev/null\n",
        "#PBS extra = yes\n",
    ),
    QueueSystem.LSF: (
        "#BSUB -q night\n",
        '#BSUB -P "stroke"\n',
        "#BSUB -n 1\n",
        "#BSUB -M 1610613\n",
        "#BSUB -W 01:31\n",
        "#BSUB -o /dev/null\n",
        "#BSUB extra = yes\n",
    ),
    QueueSystem.SGE: (
        "#$ -q night\n",
        "#$ -P stroke\n",
        "#$ -l mem_free=1536M\n",
        "#$ -l h_rt=01:31:00\n",
        "#$ -o /dev/null\n",
        "#$ extra = yes\n",
    ),
    QueueSystem.HTCONDOR: (
        "RequestCpus = MY.DaskWorkerCores\n",
        "MY.DaskWorkerCores = 1\n",
        "MY.DaskWorkerMemory = 1610612736\n",
        "allowed_job_duration = 5460\n",
        "accounting_group = stroke\n",
        "extra = yes\n",
    ),
}


@pytest.mark.parametrize("system", QueueSystem)
def test_a_job_of_each_system_is_one_thread_within_its_memory_and_time(
    system: QueueSystem, tmp_path: Path
) -> None:
    has_queue = system is not QueueSystem.HTCONDOR
    asked = ASKED.model_copy(update={"queue": "night"} if has_queue else {})
    with (
        dask_settings(Dashboard.OFF, 0),
        cluster_of(system, asked, str(tmp_path), {"dashboard_address": "127.0.0.1:0"}) as cluster,
    ):
        script = cluster.job_script()
    assert [line for line in HEADERS[system] if line not in script] == []
    worker = "/shared/bin/python -m distributed.cli.dask_worker tls://127.0.0.1:"
    before, _, command = script.partition(worker)
    assert "--nthreads 1 " in command
    assert "--memory-limit 1.50GiB " in command
    assert f"--tls-key {tmp_path}/" in command
    prologue = before.index("module load python")
    for name, value in WORKER_ENVIRONMENT.items():
        assert before.index(f"export {name}={value}") > prologue
    assert "export DASK_DISTRIBUTED__WORKER__MEMORY__SPILL=False" in before
    assert "export DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED=False" in before
    keys = list(tmp_path.iterdir())
    assert len(keys) == 3
    assert {path.stat().st_mode & 0o077 for path in keys} == {0}


def test_a_run_whose_workers_are_jobs_gives_the_same_bytes_and_leaves_none_behind(
    tmp_path: Path,
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    deliver(there)
    environment = install(tmp_path)
    options = ("--cluster", "slurm", "--cluster-config", settings(there))
    assert_done(run(there, environment, *options), there)
    assert len(jobs_of(tmp_path)) == 2
    end = time.monotonic() + _PATIENCE_S
    while any(is_alive(group) for group in jobs_of(tmp_path)):
        assert time.monotonic() < end
        time.sleep(0.1)
    deliver(here)
    assert run(here, environment, "--workers", 1).returncode == 0
    assert tables(there) == tables(here)


def test_workers_says_how_many_jobs(tmp_path: Path) -> None:
    environment = install(tmp_path, sbatch=NEVER_STARTS, scancel=NOTES_WHAT_IS_CANCELLED)
    deliver(tmp_path)
    asked = settings(tmp_path, "wait_minutes = 0.02\n")
    done = run(
        tmp_path, environment, "--cluster", "slurm", "--cluster-config", asked, "--workers", 1
    )
    assert done.returncode == 2
    assert "none of 1 jobs has started in 0.02 minutes" in done.stderr
    assert (tmp_path / "jobs" / "cancelled").read_text() == "4711\n"
    assert list((tmp_path / "keys").iterdir()) == []


def test_what_a_system_says_when_it_takes_no_job_is_said_at_once(tmp_path: Path) -> None:
    environment = install(tmp_path, sbatch=REFUSES)
    deliver(tmp_path)
    done = run(tmp_path, environment, "--cluster", "slurm", "--cluster-config", settings(tmp_path))
    assert done.returncode == 2
    assert "sbatch refused a job" in done.stderr
    assert "invalid partition specified: nowhere" in done.stderr
    assert list((tmp_path / "keys").iterdir()) == []


def test_a_network_that_this_machine_lacks_is_a_clear_error(tmp_path: Path) -> None:
    asked = ASKED.model_copy(update={"interface": "nowhere0"})
    with (
        dask_settings(Dashboard.OFF, 0),
        pytest.raises(StoreError, match="nowhere0"),
        cluster_of(QueueSystem.SLURM, asked, str(tmp_path), {"dashboard_address": "127.0.0.1:0"}),
    ):
        pass


def test_a_machine_that_submits_no_jobs_says_so(tmp_path: Path) -> None:
    deliver(tmp_path)
    environment = {**os.environ, "PATH": str(Path(sys.executable).parent)}
    done = run(tmp_path, environment, "--cluster", "htcondor")
    assert done.returncode == 2
    assert "condor_submit is not on this machine's PATH" in done.stderr


def test_without_dask_jobqueue_the_error_names_what_to_install(tmp_path: Path) -> None:
    deliver(tmp_path)
    code = "import sys; sys.modules['dask_jobqueue'] = None; from pipelines.cli import main; main()"
    words = ["run", "incoming", "--trial", "t.toml", "--out", "out", "--cluster", "slurm"]
    (tmp_path / "t.toml").write_bytes(DEMO.read_bytes())
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        env=install(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert 'pip install "corelab[cluster]"' in done.stderr


@pytest.mark.parametrize(
    "options", [("--scheduler", "tcp://h:1", "--cluster", "slurm"), ("--cluster-config", "c.toml")]
)
def test_options_that_do_not_go_together_are_wrong_usage(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    (tmp_path / "incoming").mkdir()
    done = run(tmp_path, dict(os.environ), *options)
    assert done.returncode == 2
    assert "Usage:" in done.stderr


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
