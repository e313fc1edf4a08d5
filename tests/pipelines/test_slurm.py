"""A batch whose workers are jobs of a real Slurm, where one is installed and may be started."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from pipelines.dashboard import free_port
from tests.pipelines.batch_on_cluster import assert_done, deliver, run, settings

_PATIENCE_S = 60
DAEMONS = ("munged", "slurmctld", "slurmd")
SYSTEM_PATH = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
CONFIG = """
ClusterName=here
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=night Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@contextmanager
def daemon(*words: object, environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen(
        [str(word) for word in words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    absent = [name for name in DAEMONS if shutil.which(name, path=SYSTEM_PATH) is None]
    if absent or os.geteuid() != 0:
        pytest.skip(f"no Slurm can be started here: {absent or 'this is not root'}")
    folder = tmp_path / "slurm"
    for name in ("", "state", "spool"):
        (folder / name).mkdir()
    (folder / "munge.key").touch(mode=0o600)
    (folder / "munge.key").write_bytes(os.urandom(128))
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(
            host=socket.gethostname().split(".")[0],
            folder=folder,
            controller_port=free_port(),
            node_port=free_port(),
        )
    )
    environment = {**os.environ, "SLURM_CONF": str(config), "PATH": SYSTEM_PATH}
    places = [f"--{name}-file={folder}/munge.{name}" for name in ("key", "pid", "log", "seed")]
    munge = ("munged", "--foreground", "--force", f"--socket={folder}/munge.socket", *places)
    with ExitStack() as stack:
        stack.enter_context(daemon(*munge, environment=environment))
        wait_until((folder / "munge.socket").exists)
        stack.enter_context(daemon("slurmctld", "-D", environment=environment))
        stack.enter_context(daemon("slurmd", "-D", environment=environment))
        wait_until(lambda: "idle" in said("sinfo", "--noheader", environment=environment))
        yield environment


def said(*words: str, environment: dict[str, str]) -> str:
    return subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False
    ).stdout


def wait_until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_slurm_runs_a_batch_as_jobs_and_has_none_afterwards(
    slurm: dict[str, str], tmp_path: Path
) -> None:
    deliver(tmp_path)
    asked = settings(tmp_path, 'queue = "night"\n')
    done = run(tmp_path, slurm, "--cluster", "slurm", "--cluster-config", asked)
    assert_done(done, tmp_path)
    wait_until(lambda: not said("squeue", "--noheader", environment=slurm))
