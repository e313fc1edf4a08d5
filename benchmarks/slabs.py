"""Kernels over slabs of a thin-slice volume in two threads, beside the whole in one.

``python -m benchmarks.slabs [ROUNDS]`` prints medians of wall and CPU time, for a volume of
512 x 512 x 300 voxels as it is, for the grid that a CT is segmented on, and for a thick scan.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.contest import table
from corelab.kernels.morphology import DISC_HALO_VOXELS, close_disc
from corelab.kernels.reduction import reduce_mean
from corelab.kernels.smoothing import gaussian, halo_voxels
from corelab.slabs import over_slabs, reduce_mean_over_slabs

THREADS = 2
GRIDS = {
    "thin": ((512, 512, 300), (0.45, 0.45, 0.55)),
    "thin, as segmented": ((340, 400, 66), (0.9, 0.9, 2.4)),
    "thick": ((512, 512, 32), (0.45, 0.45, 5.0)),
}
SLABS = 8
SIGMA_MM, RADIUS_MM = 2.0, 3.0
FACTORS, BOUNDS = (4, 4, 4), (-1024, 1500)

Step = Callable[[], NDArray[np.generic]]


def _steps(
    shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]
) -> dict[str, tuple[Step, Step]]:
    """Each kernel on the whole and over slabs."""
    rng = np.random.default_rng(0)
    image = np.asfortranarray(rng.integers(-1000, 1000, shape).astype(np.int16))
    values, mask = image.astype(np.float32), image > 0
    height = max(1, shape[2] // SLABS)
    by_slabs = {"height": height, "n_threads": THREADS}
    smooth = partial(gaussian, sigma_mm=SIGMA_MM, spacing_mm=spacing_mm)
    close = partial(close_disc, radius_mm=RADIUS_MM, spacing_mm=spacing_mm)
    halo = halo_voxels(SIGMA_MM, spacing_mm[2])
    return {
        "means of blocks": (
            lambda: reduce_mean(image, FACTORS, BOUNDS),
            lambda: reduce_mean_over_slabs(image, FACTORS, BOUNDS, **by_slabs),
        ),
        "Gaussian": (
            lambda: smooth(values),
            lambda: over_slabs(smooth, values, kind=np.float32, halo=halo, **by_slabs),
        ),
        "closing by discs": (
            lambda: close(mask),
            lambda: over_slabs(close, mask, kind=np.bool_, halo=DISC_HALO_VOXELS, **by_slabs),
        ),
    }


def _times(step: Step, rounds: int) -> tuple[float, float]:
    """Median wall and CPU milliseconds; one round before is not counted."""
    wall, cpu = [], []
    for _ in range(rounds + 1):
        gc.collect()
        before = time.perf_counter(), time.process_time()
        step()
        wall.append(1e3 * (time.perf_counter() - before[0]))
        cpu.append(1e3 * (time.process_time() - before[1]))
    return statistics.median(wall[1:]), statistics.median(cpu[1:])


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rows = []
    for grid, (shape, spacing_mm) in GRIDS.items():
        for name, (whole, slabs) in _steps(shape, spacing_mm).items():
            (wall, cpu), (wall_slabs, cpu_slabs) = _times(whole, rounds), _times(slabs, rounds)
            row = (f"{wall:.0f}", f"{wall_slabs:.0f}", f"{wall / wall_slabs:.2f}")
            rows.append((grid, name, *row, f"{cpu:.0f}", f"{cpu_slabs:.0f}"))
    titles = ("grid", "kernel", "wall ms", "by slabs", "gain", "CPU ms", "by slabs")
    print(f"### whole volume in one thread, slabs in {THREADS}, {rounds} rounds\n")
    print(table(rows, titles))


if __name__ == "__main__":
    main()
