"""Heads of a few voxels whose truth is a box."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.head import TrueHead
from corelab.vocab import Acquisition, Contrast, Modality
from corelab.volume import Volume

SHAPE = (48, 48, 6)
MM = (2.0, 2.0, 5.0)
BOX = (slice(8, 18), slice(18, 30), slice(1, 5))
BOX_ML = 10 * 12 * 4 * 20.0 / 1000


def box() -> NDArray[np.bool_]:
    mask = np.zeros(SHAPE, dtype=bool)
    mask[BOX] = True
    return mask


def brain() -> NDArray[np.bool_]:
    """An ellipse that is its own mirror image about the middle of i."""
    i, j, _ = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    inside = np.hypot((i - 23.5) / 18, (j - 23.5) / 23) < 1
    return np.broadcast_to(inside, SHAPE).copy()


def head_of(
    images: Mapping[Contrast, NDArray[np.generic]],
    modality: Modality,
    truth: NDArray[np.bool_],
) -> TrueHead:
    affine = np.diag([*MM, 1.0])
    return TrueHead(
        name="small",
        modality=modality,
        images={
            contrast: Volume(data=data, affine=affine, acquisition=Acquisition(contrast=contrast))
            for contrast, data in images.items()
        },
        percent=(100 * truth).astype(np.uint8),
        infarct_ml=float(truth.sum() * np.prod(MM) / 1000),
        b_value_s_mm2=1000.0,
        hours=24.0,
        tags={},
    )
