"""Synthetic heads with a known infarct, and where on them to look."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.method_pictures.sheet import Mask
from corelab.kernels.orientation import orientation_of, to_ras
from corelab.phantom.anatomy import Head, draw_head
from corelab.phantom.ct import CtScan, scan_ct
from corelab.phantom.lesion import (
    Emboli,
    Side,
    Wedge,
    truth_fraction,
    with_blood,
    with_emboli,
    with_wedge,
)
from corelab.phantom.mr import MrScan, scan_diffusion
from corelab.phantom.planning import ct_grid, mr_grid
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.volume import Volume

SEED = 11
HALF = 0.5
B_VALUE = 1000.0

Box = tuple[slice, slice]


def around(mask: Mask, spacing_mm: Sequence[float], margin_mm: float) -> Box:
    """Columns and rows of a mask over all slices, and a margin."""
    found = [np.flatnonzero(mask.any(axis=(1 - axis, 2))) for axis in (0, 1)]
    return tuple(
        slice(max(0, int(at[0] - margin_mm / step)), int(at[-1] + margin_mm / step) + 1)
        for at, step in zip(found, spacing_mm, strict=False)
    )  # type: ignore[return-value] - two of them


def largest_slice(mask: Mask) -> int:
    """Where a mask has its largest section."""
    return int(mask.sum(axis=(0, 1)).argmax())


def ras(volume: Volume) -> NDArray[np.generic]:
    """Voxels in RAS+ order."""
    return to_ras(volume.data, orientation_of(volume.affine))


def truth_of(head: Head, grid: AcquisitionGrid) -> Mask:
    """Voxels that are infarct at least by half."""
    return np.asarray(ras(grid.volume(sample(truth_fraction(head), grid))) >= HALF)


def ct_head() -> tuple[Volume, Mask]:
    """Head with a bleeding infarct of the middle cerebral artery, and where that is."""
    rng = np.random.default_rng(SEED)
    wedge = Wedge(volume_ml=55.0, side=Side.LEFT, rim_mm=3.0, shape_seed=5)
    head = with_blood(with_wedge(draw_head(rng), wedge), 7.0, rng)
    grid = ct_grid(head, rng)
    return scan_ct(head, grid, CtScan(), rng), truth_of(head, grid)


def dwi_head(scan: MrScan, lesion: Callable[[Head], Head]) -> tuple[Volume, Volume, Volume, Mask]:
    """Trace, ADC and b0 of a head, and where its infarct is."""
    rng = np.random.default_rng(SEED)
    head = lesion(draw_head(rng))
    grid = mr_grid(head, rng)
    images = scan_diffusion(head, grid, scan, rng)
    return images.trace, images.adc, images.b0, truth_of(head, grid)


def _dwi_lesion(head: Head) -> Head:
    wedge = Wedge(volume_ml=25.0, side=Side.RIGHT, rim_mm=3.0, shape_seed=5, effacement=0.2)
    return with_wedge(head, wedge)


def mr_wedge(head: Head) -> Head:
    """Infarct of 25 mL on the right, as on the second day."""
    wedge = Wedge(volume_ml=25.0, side=Side.RIGHT, rim_mm=3.0, shape_seed=5, effacement=0.2)
    return with_wedge(head, wedge)


def wedges(volume_ml: float, *sides: Side) -> Callable[[Head], Head]:
    """Infarcts of this volume, one a side."""

    def lesion(head: Head) -> Head:
        for side in sides:
            wedge = Wedge(volume_ml=volume_ml, side=side, rim_mm=3.0, shape_seed=5)
            head = with_wedge(head, wedge)
        return head

    return lesion


def embolus(volume_ml: float) -> Callable[[Head], Head]:
    """One small infarct on the left."""
    emboli = Emboli(volume_ml=volume_ml, side=Side.LEFT, count=1, rim_mm=2.0, shape_seed=3)
    return lambda head: with_emboli(head, emboli)
