"""A whole trial from DICOM to tables, mosaics and QA page, as ``corelab run`` does it.

``python -m benchmarks.batch_speed [--folder FOLDER] [--subjects N]``. Runs of the real command
line on a delivery of 60 subjects at two visits (:mod:`benchmarks.trial_delivery`, kept in FOLDER):
by two workers, again with nothing new, by one worker. Beside them dcm2niix on the same files, and
every byte read and as many written as OUT has. Last, a run in a process whose parts are timed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.contest import table
from benchmarks.stopwatch import stopwatch
from benchmarks.trial_delivery import N_SUBJECTS, TrialDelivery, trial_delivery
from pipelines.case import WORK_FOLDER

TRIAL = Path(__file__).parents[1] / "configs" / "demo.toml"
KEPT = Path(tempfile.gettempdir(), "corelab-benchmark-trial")
_LOOK_EVERY_S, _WEIGH_EVERY_S = 0.02, 0.5

PARTS = {
    "index": ("pipelines.followup:read_delivery",),
    "plan": ("pipelines.followup:plan_batch",),
    "vault notes": (
        "corelab.blinding.vault:Vault.note_series",
        "corelab.blinding.vault:Vault.note_delivery",
        "corelab.blinding.vault:Vault.digests_known",
        "corelab.blinding.vault:Vault.identifiers",
        "corelab.blinding.vault:Vault.source_versions",
        "pipelines.followup:note_outcomes",
        "pipelines.followup:write_reports",
    ),
    "stamps": ("pipelines.followup:intake_of", "pipelines.followup:look_at"),
    "tasks": ("pipelines.followup:tasks_of", "pipelines.followup:with_digests"),
    "measure, digests included": ("pipelines.followup:run_cases",),
    "renew": ("pipelines.followup:renew",),
    "tables and QA page": ("pipelines.closing:publish",),
    "audit: own words": ("pipelines.closing:own_words",),
    "audit": ("pipelines.closing:audit",),
    "settle": ("pipelines.closing:settle",),
    "keep for the next run": ("pipelines.followup:keep_result",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one run of a command took, all of its processes together."""

    wall_s: float
    cpu_s: float
    first_case_s: float | None
    worker_mb: float
    client_mb: float


@dataclass(slots=True)
class _Seen:
    """What was seen of a running command from outside."""

    pid: int
    began: float
    work: Path | None
    first_case_s: float | None = None
    peak_mb: dict[int, float] = field(default_factory=dict)


def run(command: Sequence[str], out: Path | None = None) -> Run:
    """Run a command to its end, and watch its processes and the work folder of its OUT."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603 - our own
    seen, is_over = _Seen(process.pid, began, out / WORK_FOLDER if out else None), threading.Event()
    looking = threading.Thread(target=_look, args=(seen, is_over))
    looking.start()
    told = process.stderr.read() if process.stderr else b""
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - began
    is_over.set()
    looking.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}: {told.decode()}")
    client_mb = seen.peak_mb.pop(process.pid, 0.0)
    return Run(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        first_case_s=seen.first_case_s,
        worker_mb=max(seen.peak_mb.values(), default=0.0),
        client_mb=client_mb,
    )


def _look(seen: _Seen, is_over: threading.Event) -> None:
    weigh_at = 0.0
    while not is_over.wait(_LOOK_EVERY_S):
        if seen.work and seen.first_case_s is None and any(seen.work.glob("sub-*")):
            seen.first_case_s = time.perf_counter() - seen.began
        if time.perf_counter() >= weigh_at:
            weigh_at = time.perf_counter() + _WEIGH_EVERY_S
            _weigh(seen)


def _weigh(seen: _Seen) -> None:
    """Note the peak of each process, which the system keeps for as long as the process lives."""
    try:
        main = psutil.Process(seen.pid)
        pids = [process.pid for process in (main, *main.children(recursive=True))]
    except psutil.Error:
        return
    for pid in pids:
        seen.peak_mb[pid] = max(seen.peak_mb.get(pid, 0.0), _peak_mb(pid))


def _peak_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)


def command_of(delivery: TrialDelivery, out: Path, n_workers: int) -> list[str]:
    """Command that runs the delivery."""
    corelab = Path(sys.executable).with_name("corelab")
    return [
        *(str(corelab), "run", str(delivery.incoming), "--trial", str(TRIAL)),
        *("--subjects", str(delivery.subjects), "--out", str(out), "--workers", str(n_workers)),
    ]


@contextmanager
def out_folder(folder: Path) -> Iterator[Path]:
    """Place of an OUT that is gone afterwards, with its vault."""
    home = Path(tempfile.mkdtemp(prefix="out-", dir=folder))
    try:
        yield home / "out"
    finally:
        shutil.rmtree(home)


def rewrite_bytes(delivery: TrialDelivery, out: Path, folder: Path) -> tuple[float, float]:
    """CPU and wall seconds of reading every delivered byte and writing as many as OUT has."""
    paths = [path for path in out.rglob("*") if path.is_file()]
    cpu_s, began = time.process_time(), time.perf_counter()
    for path in delivery.incoming.rglob("*"):
        if path.is_file():
            path.read_bytes()
    with tempfile.TemporaryDirectory(dir=folder) as copy:
        for number, path in enumerate(paths):
            with Path(copy, str(number)).open("wb") as stream:
                stream.write(path.read_bytes())
                stream.flush()
                os.fsync(stream.fileno())
    return time.process_time() - cpu_s, time.perf_counter() - began


def dcm2niix_alone(delivery: TrialDelivery, folder: Path) -> Run | None:
    """Give what one dcm2niix takes to convert the delivery; ``None`` where there is none."""
    beside = Path(sys.executable).with_name("dcm2niix")
    found = str(beside) if beside.exists() else shutil.which("dcm2niix")
    if found is None:
        return None
    with tempfile.TemporaryDirectory(dir=folder) as out:
        options = ("-1", "-z", "i", "-d", "9", "-f", "%i_%t_%s", "-o", out)
        return run([found, *options, str(delivery.incoming)])


def profile(delivery: TrialDelivery, out: Path) -> dict[str, tuple[float, float]]:
    """Wall and CPU seconds of each part in the process that leads two workers."""
    # Looked up here, so that a stopwatch's wrappers are found.
    from pipelines import followup  # noqa: PLC0415
    from pipelines.engine import open_engine  # noqa: PLC0415
    from pipelines.progress import Silent  # noqa: PLC0415
    from pipelines.request import BatchRequest  # noqa: PLC0415

    request = BatchRequest(
        incoming=delivery.incoming,
        trial_file=TRIAL,
        out=out,
        subjects_file=delivery.subjects,
        vault=out.with_name("vault"),
    )
    with (
        open_engine(n_workers=2) as engine,
        stopwatch(PARTS) as cpu,
        stopwatch(PARTS, time.perf_counter) as wall,
    ):
        followup.run_batch(request, engine, Silent())
    return {part: (wall.ms[part] / 1e3, cpu.ms[part] / 1e3) for part in (*PARTS, "other")}


def _row(name: str, run: Run) -> tuple[str, ...]:
    first = "" if run.first_case_s is None else f"{run.first_case_s:.2f}"
    memory = f"{run.worker_mb:.0f}" if run.worker_mb else ""
    return name, f"{run.wall_s:.2f}", f"{run.cpu_s:.1f}", first, memory, f"{run.client_mb:.0f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, default=KEPT)
    parser.add_argument("--subjects", type=int, default=N_SUBJECTS)
    asked = parser.parse_args()
    delivery = trial_delivery(asked.folder, asked.subjects)
    rows = []
    with out_folder(asked.folder) as out:
        two = run(command_of(delivery, out, 2), out)
        rows.append(_row("two workers", two))
        again = [run(command_of(delivery, out, 2), out) for _ in range(3)]
        rows.append(_row("again, nothing new", sorted(again, key=lambda r: r.wall_s)[1]))
        floor_cpu_s, floor_s = rewrite_bytes(delivery, out, asked.folder)
    with out_folder(asked.folder) as out:
        one = run(command_of(delivery, out, 1), out)
        rows.append(_row("one worker", one))
    peer = dcm2niix_alone(delivery, asked.folder)
    if peer:
        rows.append(_row("dcm2niix -1 -z i alone", peer))
    rows.append(("the bytes alone", f"{floor_s:.2f}", f"{floor_cpu_s:.1f}", "", "", ""))
    titles = ("what", "wall s", "CPU s", "first case after, s", "MB a worker", "MB of the leader")
    print(f"### {delivery.n_cases} cases\n\n{table(rows, titles)}\n")
    print(f"parallel efficiency of two workers: {one.wall_s / (2 * two.wall_s):.2f}\n")
    with out_folder(asked.folder) as out:
        parts = profile(delivery, out)
    listed = [(part, f"{wall:.2f}", f"{cpu:.2f}") for part, (wall, cpu) in parts.items()]
    print(f"### Parts of a run by two workers\n\n{table(listed, ('part', 'wall s', 'CPU s'))}")


if __name__ == "__main__":
    main()
