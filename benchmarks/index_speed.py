"""The header index of a folder: one core, two processes, and a plain pydicom loop beside them.

``python -m benchmarks.index_speed`` prints milliseconds a file and the ratio.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

import pydicom

from benchmarks.contest import contest, table
from benchmarks.scans import write_head
from corelab.dicom.index import index
from pipelines.engine import open_engine
from pipelines.followup import read_delivery
from pipelines.progress import Silent

FILES_OF_A_SERIES = 500
SIDE = 16
ROUNDS = 5
OURS, PLAIN = "corelab index", "pydicom stop_before_pixels"


def index_ours(folder: str) -> None:
    """Read headers, find series, geometry and kinds."""
    if any(series.refusal for series in index(Path(folder)).series):
        raise SystemExit("a sound series was refused")


def read_plainly(folder: str) -> None:
    """Do what a first script does; nothing is made of the headers."""
    for path in sorted(Path(folder).rglob("IM*")):
        pydicom.dcmread(path, stop_before_pixels=True)


def _spread_over_two(folder: Path) -> list[float]:
    """Wall seconds of the whole index by running workers; the first round is not counted."""
    walls_s: list[float] = []
    with open_engine(n_workers=2) as engine:
        for _ in range(ROUNDS + 1):
            started = time.perf_counter()
            read_delivery(folder, engine, Silent())
            walls_s.append(time.perf_counter() - started)
    return walls_s[1:]


def main() -> None:
    """Measure and print."""
    n_files = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as work:
        for number in range(n_files // FILES_OF_A_SERIES):
            write_head(Path(work, f"series{number:03}"), FILES_OF_A_SERIES, SIDE)
        scores = contest({OURS: index_ours, PLAIN: read_plainly}, work, ROUNDS)
        rows = [
            (name, f"{score.median_cpu_ms / n_files:.3f}", f"{score.median_cpu_ms / 1e3:.2f}")
            for name, score in scores.items()
        ]
        print(f"### {n_files} files, one core\n")
        print(table(rows, ("way", "CPU ms a file", "CPU s in all")))
        ratio = scores[OURS].median_cpu_ms / scores[PLAIN].median_cpu_ms
        print(f"\ncorelab / pydicom: {ratio:.2f}\n")
        walls_s = _spread_over_two(Path(work))
        print(f"### {n_files} files, two worker processes\n")
        median, low, high = statistics.median(walls_s), min(walls_s), max(walls_s)
        print(f"{median:.2f} s wall, median of {len(walls_s)} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    main()
