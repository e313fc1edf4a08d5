"""What HU mean around a head, and whether they can be trusted: air, metal, and the brain itself."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.ranks import median
from corelab.kernels.reduction import bounding_box, values_in

AIR_HU = -1024
"""What stands where nothing was scanned, or where the surroundings were cleared."""

BACKGROUND_SHARE = 0.2
"""Share of exact zeros from which they are a stripped background and no water."""

USUAL_BRAIN_HU = (20.0, 45.0)
"""Native grey matter is 37 to 41 HU, white matter 20 to 34, CSF 0 to 15 (Bushberg, The
essential physics of medical imaging, 2012); whole brains with large infarcts or wide
ventricles stay above 20. An intercept that is 24 off, or contrast agent, leaves the range."""

METAL_HU = 3000.0
"""Bone and enamel stay below; 12 bit scanners clip metal at 3071."""


Real = NDArray[np.integer | np.floating]


def with_air_background(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the image with a background of exact zeros (skull-stripped) turned into air."""
    zeros = image == 0
    if zeros.mean() > BACKGROUND_SHARE:
        return np.where(zeros, np.float32(AIR_HU), image)
    return image


def has_usual_brain(hu: NDArray[np.generic], brain: NDArray[np.bool_]) -> bool:
    """Whether the brain's median HU is that of a native CT.

    Parameters
    ----------
    hu : (I, J, K) array
        HU.
    brain : (I, J, K) bool array
        Where the brain is; not empty.
    """
    low, high = USUAL_BRAIN_HU
    box = bounding_box(brain, (0, 0, 0))
    return bool(low <= median(values_in(cast("Real", hu)[box], brain[box])) <= high)


def has_metal_near(hu: NDArray[np.generic], brain: NDArray[np.bool_]) -> bool:
    """Whether any slice shows metal within the rectangle around its brain.

    Teeth lie in front of that rectangle; clips, coils, plates and screws inside it, where
    their streaks cross the brain.

    Parameters
    ----------
    hu : (I, J, K) array
        HU, transverse slices along k.
    brain : (I, J, K) bool array
        Where the brain is.
    """
    slices = np.flatnonzero(brain.any(axis=(0, 1)))
    values = cast("Real", hu)
    return any(
        _has_metal(values[:, :, k], brain[:, :, k])
        for k in slices
        if values[:, :, k].max() >= METAL_HU
    )


def _has_metal(hu: Real, brain: NDArray[np.bool_]) -> bool:
    i, j = (np.flatnonzero(brain.any(axis=axis)) for axis in (1, 0))
    return bool(np.greater_equal(hu[i[0] : i[-1] + 1, j[0] : j[-1] + 1], METAL_HU).any())
