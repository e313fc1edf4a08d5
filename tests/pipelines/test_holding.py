from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from corelab.errors import StoreError
from pipelines.cli import EXIT_USAGE
from pipelines.holding import hold_out
from pipelines.lock_command import lock_command
from pipelines.locking import LockRequest
from pipelines.request import BatchRequest
from pipelines.run_command import run_command
from pipelines.tables_command import tables_command
from pipelines.workers import Workers
from tests.conftest import REPOSITORY

HOLD = """
import sys, time
from pathlib import Path
from pipelines.holding import hold_out
with hold_out(Path(sys.argv[1]), "run"):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def held_by_another(out: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(out)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_who_comes_second_is_told_who_holds_out(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with (
        held_by_another(out) as first,
        pytest.raises(StoreError, match="OUT is held by 'corelab run'") as caught,
        hold_out(out, "tables"),
    ):
        pass
    assert f"process {first.pid} on {socket.gethostname()}, since 20" in str(caught.value)


def test_the_dead_hold_nothing_and_nothing_stays_behind(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with held_by_another(out) as first:
        first.send_signal(signal.SIGKILL)
        first.wait()
    with hold_out(out, "run"):
        assert list(out.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_every_command_that_writes_to_out_waits_for_nobody(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, incoming = tmp_path / "out", tmp_path / "incoming"
    out.mkdir()
    incoming.mkdir()
    (out / "problems.csv").write_text("subject_code,visit,reason_code,message\n")
    request = BatchRequest(
        incoming=incoming,
        trial_file=REPOSITORY / "configs" / "demo.toml",
        out=out,
        subjects_file=None,
        vault=tmp_path / "a vault of its own",
    )
    with held_by_another(out):
        assert run_command(request, Workers(count=1, scheduler=None)) == EXIT_USAGE
        assert tables_command(out) == EXIT_USAGE
        assert lock_command(LockRequest(out=out, reason="done"), None) == EXIT_USAGE
    assert capsys.readouterr().err.count("OUT is held by 'corelab run'") == 3
    assert [path.name for path in out.iterdir()] == ["problems.csv"]


def test_where_nothing_may_lie_beside_out_the_folder_itself_is_held(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / ".out.held").mkdir()  # no file can be made there
    with (
        hold_out(out, "run"),
        pytest.raises(StoreError, match="another process, which does not say who it is"),
        hold_out(out, "tables"),
    ):
        pass
