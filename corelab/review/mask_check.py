"""A mask that the browser sends: unpacked by a child process, refused in words."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from corelab.review.denial import DenialCode, DeniedError
from corelab.review.mask_parser import MaskParser
from corelab.review.screen_grid import ScreenGrid, from_screen
from corelab.vocab import LABEL_VALUE

_ROOM_BYTES = 1 << 16
"""For the header, and for what packing adds to voxels that do not pack."""


def largest_mask_bytes(grid: ScreenGrid) -> int:
    """Return how many bytes a mask on a grid can have, packed or not."""
    return math.prod(grid.shape) + _ROOM_BYTES


def checked_mask(content: bytes, grid: ScreenGrid, parser: MaskParser) -> NDArray[np.uint8]:
    """Labels on the image's own grid, (I, J, K) uint8 array.

    Parameters
    ----------
    content
        NIfTI-1 file in the order of the screen, packed with gzip or not.
    grid
        How the measured image lies on the screen.
    parser
        Unpacks it, in another process than this.

    Raises
    ------
    DeniedError
        When the file is no whole mask of 8-bit labels on this grid.
    ToldError
        When it could not be unpacked within the limits of time and memory.
    """
    labels = parser.labels(content, grid)
    highest = int(labels.max())
    if highest > max(LABEL_VALUE.values()):
        message = f"a mask holds 0 (nothing), 1 (infarct) and 2 (blood in it), found {highest}"
        raise DeniedError(DenialCode.MASK_UNFIT, message)
    return np.ascontiguousarray(from_screen(labels, grid))
