from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.ct_plane import RoughOutline, with_plane_range
from corelab.kernels.midline import Midline
from corelab.kernels.mirror_ratio import mirror_ratio
from corelab.kernels.tissue_ct import sort_tissue

SPACING_MM = (1.5, 1.5, 5.0)
SHAPE = (80, 80, 4)
MIDDLE = Midline((1.0, 0.0, 0.0), 39.5 * 1.5, 0.0)
FOUND = np.zeros(SHAPE, dtype=bool)
FOUND[50:70, 25:55] = True


def shift_of(image: NDArray[np.float32]) -> RoughOutline:
    brain = np.zeros(SHAPE, dtype=bool)
    brain[4:76, 4:76] = True
    tissue = sort_tissue(np.where(brain, image, -20).astype(np.float32), brain, SPACING_MM)
    ratio = mirror_ratio(tissue, MIDDLE, lesion=FOUND, deep=tissue.weight == 1)
    return with_plane_range(ratio.coarse, FOUND, 0.9)


def test_against_an_even_mirror_the_plane_does_not_matter() -> None:
    image = np.full(SHAPE, 34, dtype=np.float32)
    image[FOUND] = 22
    shift = shift_of(image)
    assert shift.gained.sum() + shift.lost.sum() < 0.02 * FOUND.sum()


def test_what_is_gained_lies_beside_and_what_is_lost_inside() -> None:
    rng = np.random.default_rng(3)
    blocks = np.repeat(np.repeat(rng.normal(0, 4, (20, 20, 4)), 4, axis=0), 4, axis=1)
    image = (34 + blocks).astype(np.float32)
    image[FOUND] -= 7
    shift = shift_of(image)
    assert shift.lost.any()
    assert not (shift.gained & FOUND).any()
    assert not (shift.lost & ~FOUND).any()
