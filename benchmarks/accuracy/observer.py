"""``python -m benchmarks.accuracy.observer``: where overlap is lost on the CT heads.

Rules that smooth and cut are chosen for each head with the truth at hand: which smoothing, which
cut, and where the infarct lies. They differ in what they know of the head without its infarct:
that head itself, or its mirror image. What even the first does not reach is lost to noise; what
lies between the two is lost by not knowing what was there before. Printed only.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.head import TrueHead, load_head
from benchmarks.accuracy.heads import write_head
from benchmarks.accuracy.making import make
from benchmarks.accuracy.page import REPOSITORY
from benchmarks.accuracy.plan import Half, Plan, plans
from benchmarks.accuracy.scoring import dice, segment_head
from benchmarks.contest import table
from corelab.kernels.brain_ct import brain_mask_ct
from corelab.kernels.ct_outline import outline_infarct
from corelab.kernels.ct_parameters import DEFAULT
from corelab.kernels.ct_plane import RoughOutline
from corelab.kernels.ct_search import Scan, prepare_scan
from corelab.kernels.midline import mirror
from corelab.kernels.morphology import close_disc, dilate_disc, erode_disc, keep_touching
from corelab.kernels.orientation import orientation_of, shear_of, to_ras
from corelab.kernels.smoothing import smooth_within
from corelab.kernels.tissue_ct import across_slices, even_depths, even_slices
from corelab.kernels.working_grid import HALF, HU_RANGE, working_grid
from corelab.vocab import Contrast, Modality

Mask = NDArray[np.bool_]
Map = NDArray[np.float32]

LEAST_ML = 10.0
SIGMAS_MM = (1.5, 3.0, 5.0, 8.0)
SHARES = (0.4, 0.5, 0.6, 0.7, 0.8)
"""Smoothing, and cuts as shares of the infarct's own median darkness, that are tried."""

CORE_MM, HALO_MM, CLOSE_MM = 3.0, 6.0, 1.0
MIRRORED_MM = 5.0
"""Least smoothing of the mirrored side: halves of a brain are no copies of each other."""

NO_DEPTH_HU = 1e-9
"""Makes the same head with an infarct that cannot be seen; 0 would draw another texture."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bounds:
    """What was reached on one head, as overlap with the truth.

    Parameters
    ----------
    head
        Which.
    ours
        By corelab.
    border
        By corelab's last step, begun at the true border.
    healthy, mirrored
        By the best cut of what is darker than the head without its infarct, than its mirror
        image.
    """

    head: TrueHead
    ours: float
    border: float
    healthy: float
    mirrored: float


class View:
    """One head on the grid that infarcts are looked for on."""

    def __init__(self, head: TrueHead, healthy_hu: NDArray[np.generic]) -> None:
        """Sort the tissues of a head beside the same head without its infarct."""
        orientation = orientation_of(head.image.affine)
        i, j, k = (head.image.spacing_mm[axis] for axis in orientation.axes)
        hu, shear = to_ras(head.image.data, orientation), shear_of(head.image.affine, orientation)
        brain = brain_mask_ct(hu, (i, j, k))
        grid = working_grid(brain, (i, j, k))
        self.image: Map = grid.means(hu, HU_RANGE)
        self.healthy: Map = grid.means(to_ras(healthy_hu, orientation), HU_RANGE)
        self.truth: Mask = grid.means(to_ras(head.truth, orientation)) > HALF
        inside = grid.means(brain) > HALF
        self.scan: Scan = prepare_scan(self.image, inside, grid.spacing_mm, DEFAULT, shear=shear)
        self.evened = self._evened()
        self.mirrored = self._mirrored()

    def _evened(self) -> Map:
        """Density over that of healthy slices and depths, which the truth tells."""
        tissue, plane = self.scan.tissue, self.scan.midline
        halo = dilate_disc(self.truth, HALO_MM, spacing_mm=tissue.spacing_mm)
        sound = ~halo & (mirror(halo, plane, tissue.spacing_mm) < HALF)
        return even_depths(tissue, even_slices(tissue, sound), sound)

    def _mirrored(self) -> tuple[Map, Map]:
        """Mirrored density and its weight."""
        tissue, plane = self.scan.tissue, self.scan.midline
        share = mirror(tissue.weight, plane, tissue.spacing_mm)
        total = mirror(tissue.weight * self.evened, plane, tissue.spacing_mm)
        opposite = np.ones_like(total)
        np.divide(total, share, out=opposite, where=share > 0)
        return opposite, share

    def smoothed(self, image: Map, weight: NDArray[np.generic], sigma_mm: float) -> Map:
        """Weighted mean around every place."""
        step = self.scan.tissue.spacing_mm
        sigma = across_slices(sigma_mm, step)
        return smooth_within(image, weight, sigma_mm=sigma, spacing_mm=step)

    def below_healthy(self, sigma_mm: float) -> Map:
        """How much darker than the head without its infarct."""
        return self.smoothed(self.healthy - self.image, self.scan.tissue.brain, sigma_mm)

    def below_mirror(self, sigma_mm: float) -> Map:
        """How much darker than the mirrored place."""
        opposite, share = self.mirrored
        expected = self.smoothed(opposite, share, max(sigma_mm, MIRRORED_MM))
        local = self.smoothed(self.evened, self.scan.tissue.weight, sigma_mm)
        return np.where((local > 0) & (expected > 0), expected - local, np.float32(0))

    def best(self, darkness: Callable[[float], Map], within: Mask) -> float:
        """Best overlap of any smoothing and cut."""
        step = self.scan.tissue.spacing_mm
        return max(
            best_overlap(darkness(sigma), self.truth, within, spacing_mm=step)
            for sigma in SIGMAS_MM
        )

    def border(self) -> float:
        """Overlap that the last step of the method leaves of the truth."""
        tissue, none = self.scan.tissue, np.zeros_like(self.truth)
        rough = RoughOutline(self.truth & tissue.brain, none, none)
        return dice(outline_infarct(tissue, rough, DEFAULT).mask, self.truth)


def best_overlap(
    dark: Map, truth: Mask, within: Mask, *, spacing_mm: tuple[float, float, float]
) -> float:
    """Best overlap of any cut, of what hangs together with the truth's core.

    Parameters
    ----------
    dark : (I, J, K) float32 array
        How much darker than expected.
    truth, within : (I, J, K) bool array
        The infarct, and where one may be.
    spacing_mm
        Voxel size along i, j and k, mm.
    """
    core = erode_disc(truth, CORE_MM, spacing_mm=spacing_mm) & within
    depth, found = float(np.median(dark[core])), 0.0
    for share in SHARES:
        joined = keep_touching(within & (dark > share * depth), core)
        closed = close_disc(joined, CLOSE_MM, spacing_mm=spacing_mm) & within
        found = max(found, dice(closed, truth))
    return found


def bounds_of(plan: Plan, folder: Path) -> Bounds:
    """Measure one planned head, made in a folder unless it is there."""
    head = load_head(write_head(folder, plan))
    unseen = replace(plan, scan=replace(plan.scan, depth_hu=NO_DEPTH_HU, noise=0.0))
    view = View(head, np.asarray(make(unseen).images[Contrast.CT].data))
    tissue = view.scan.tissue
    return Bounds(
        head=head,
        ours=dice(np.asarray(segment_head(head).infarct.data) != 0, head.truth),
        border=view.border(),
        healthy=view.best(view.below_healthy, tissue.brain),
        mirrored=view.best(view.below_mirror, tissue.parenchyma),
    )


_COLUMNS: Mapping[str, Callable[[Bounds], float]] = {
    "corelab": lambda bounds: bounds.ours,
    "last step, from the true border": lambda bounds: bounds.border,
    "knows the head without infarct": lambda bounds: bounds.healthy,
    "knows the mirror image": lambda bounds: bounds.mirrored,
}


def _row(bounds: Bounds) -> tuple[str, ...]:
    overlaps = (f"{column(bounds):.2f}" for column in _COLUMNS.values())
    depth_hu = f"{bounds.head.tags['depth_hu']:.1f}"
    return (bounds.head.name, f"{bounds.head.infarct_ml:.1f}", depth_hu, *overlaps)


def main() -> None:
    """Print one half, head by head, and the medians."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.observer", description=__doc__
    )
    parser.add_argument("--half", choices=[half.value for half in Half], default="tuning")
    half = Half(parser.parse_args().half)
    folder, found = REPOSITORY / ".accuracy" / half.value, []
    for plan in plans(half, Modality.NCCT):
        if plan.lesions.volume_ml >= LEAST_ML:
            found.append(bounds_of(plan, folder))
            print(*_row(found[-1]), file=sys.stderr, flush=True)
    medians = (f"{median(map(column, found)):.2f}" for column in _COLUMNS.values())
    rows = [*map(_row, found), ("median", "", "", *medians)]
    print(table(rows, ("head", "true mL", "depth, HU", *_COLUMNS)))


if __name__ == "__main__":
    main()
