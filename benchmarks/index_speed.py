"""The header index of a folder: one core, two processes, and a plain pydicom loop beside them.

``python -m benchmarks.index_speed`` prints milliseconds a file and the ratio.
"""

from __future__ import annotations

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
OURS, PLAIN = "corelab index", "pydicom stop_before_pixels"


def index_ours(folder: str) -> None:
    """Read headers, find series, geometry and kinds."""
    if any(series.refusal for series in index(Path(folder)).series):
        raise SystemExit("a sound series was refused")


def read_plainly(folder: str) -> None:
    """Do what a first script does; nothing is made of the headers."""
    for path in sorted(Path(folder).rglob("IM*")):
        pydicom.dcmread(path, stop_before_pixels=True)


def main() -> None:
    """Measure and print."""
    n_files = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with tempfile.TemporaryDirectory() as work:
        for number in range(n_files // FILES_OF_A_SERIES):
            write_head(Path(work, f"series{number:03}"), FILES_OF_A_SERIES, SIDE)
        scores = contest({OURS: index_ours, PLAIN: read_plainly}, work, 3)
        rows = [
            (name, f"{score.median_cpu_ms / n_files:.3f}", f"{score.median_cpu_ms / 1e3:.2f}")
            for name, score in scores.items()
        ]
        print(f"### {n_files} files, one core\n")
        print(table(rows, ("way", "CPU ms a file", "CPU s in all")))
        ratio = scores[OURS].median_cpu_ms / scores[PLAIN].median_cpu_ms
        print(f"\ncorelab / pydicom: {ratio:.2f}\n")
        print(f"### {n_files} files, two worker processes: wall s\n")
        with open_engine(n_workers=2) as engine:
            for _ in range(3):
                started = time.perf_counter()
                read_delivery(Path(work), engine, Silent())
                print(f"{time.perf_counter() - started:.2f}")


if __name__ == "__main__":
    main()
