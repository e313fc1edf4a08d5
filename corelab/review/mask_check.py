"""A mask that the browser sends: looked at before it is unpacked, refused in words."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from corelab.errors import UnfitDataError
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.screen_grid import ScreenGrid, from_screen, screen_volume
from corelab.store.nifti import unpack_labels
from corelab.vocab import LABEL_VALUE
from corelab.volume import Volume

_ROOM_BYTES = 1 << 16
"""For the header, and for what packing adds to voxels that do not pack."""


def largest_mask_bytes(grid: ScreenGrid) -> int:
    """Return how many bytes a mask on a grid can have, packed or not."""
    return math.prod(grid.shape) + _ROOM_BYTES


def checked_mask(content: bytes, image: Volume, grid: ScreenGrid) -> NDArray[np.uint8]:
    """Labels on the image's own grid, (I, J, K) uint8 array.

    Parameters
    ----------
    content
        NIfTI-1 file in the order of the screen, packed with gzip or not.
    image
        What is measured.
    grid
        How it lies on the screen.

    Raises
    ------
    DeniedError
        When the file is no whole mask of 8-bit labels on this grid.
    """
    try:
        labels = unpack_labels(content, screen_volume(image.data, grid))
    except UnfitDataError as error:
        raise DeniedError(DenialCode.MASK_UNFIT, error.message) from error
    highest = int(labels.max())
    if highest > max(LABEL_VALUE.values()):
        message = f"a mask holds 0 (nothing), 1 (infarct) and 2 (blood in it), found {highest}"
        raise DeniedError(DenialCode.MASK_UNFIT, message)
    return np.ascontiguousarray(from_screen(labels, grid))
