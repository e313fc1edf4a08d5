"""Many small shapes of a plane at once: a window of one size around each, in one array.

Judging shapes one by one costs a dozen calls each on some hundred pixels, which is mostly the
cost of calling.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

SIDE = 24
Mask = NDArray[np.bool_]
Value = TypeVar("Value", bound=np.generic)


def fit_in(shape: tuple[int, ...]) -> bool:
    """Whether a plane is large enough to cut windows from."""
    return min(shape) >= SIDE


def windows(plane: NDArray[Value], corners: NDArray[np.intp]) -> NDArray[Value]:
    """Cut a window for each shape, (N, SIDE, SIDE).

    Parameters
    ----------
    plane : (I, J) array
        As :func:`fit_in` asks.
    corners : (N, 2) int array
        Where each should begin; one that would leave the plane is moved back into it.
    """
    view = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    rows, columns = np.clip(corners, 0, np.array(view.shape[:2]) - 1).T
    return np.asarray(view[rows, columns])


def grown_twice(masks: Mask) -> Mask:
    """Grow each of (N, I, J) masks by its neighbours up to two pixels away."""
    tall = masks.copy()
    for step in (1, 2):
        tall[:, step:] |= masks[:, :-step]
        tall[:, :-step] |= masks[:, step:]
    wide = tall.copy()
    for step in (1, 2):
        wide[:, :, step:] |= tall[:, :, :-step]
        wide[:, :, :-step] |= tall[:, :, step:]
    return wide


def stroke_widths(masks: Mask) -> NDArray[np.intp]:
    """Width of the thickest stroke of each of (N, I, J) masks, pixels.

    The rim is peeled off until nothing is left.
    """
    widths = np.full(len(masks), -1)
    rest = masks
    while (is_left := rest.any(axis=(1, 2))).any():
        widths[is_left] += 2
        peeled = np.zeros_like(rest)
        tall = rest[:, :-2] & rest[:, 1:-1] & rest[:, 2:]
        peeled[:, 1:-1, 1:-1] = tall[:, :, :-2] & tall[:, :, 1:-1] & tall[:, :, 2:]
        rest = peeled
    return widths


def medians(values: NDArray[Value], masks: Mask) -> NDArray[np.float64]:
    """Median of the values under each of (N, I, J) masks; 0 where a mask is empty."""
    numbers = np.nonzero(masks)[0]
    counts = np.bincount(numbers, minlength=len(masks))
    inside = values[masks]
    if np.issubdtype(values.dtype, np.integer):
        inside = inside.astype(np.int64)
    # Of one mask after the other, since they are numbered in that order.
    ordered = inside[np.lexsort((inside, numbers))]
    first = np.cumsum(counts) - counts
    is_held = counts > 0
    first, counts = first[is_held], counts[is_held]
    found = np.zeros(len(masks))
    found[is_held] = (ordered[first + (counts - 1) // 2] + ordered[first + counts // 2]) / 2
    return found


def corners(boxes: Sequence[tuple[int, int]], margin: int) -> NDArray[np.intp]:
    """Where windows begin that hold boxes with so much around them, (N, 2)."""
    return np.array(boxes, dtype=np.intp).reshape(-1, 2) - margin
