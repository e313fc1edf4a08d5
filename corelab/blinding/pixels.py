"""Which pixels may cross: those of the head, and none of a series with text in its images."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.burned_in import burned_in_text
from corelab.kernels.head import head_mask_ct, head_mask_mr
from corelab.kernels.hounsfield import AIR_HU
from corelab.series import CT_KINDS, Series, SeriesKind, Stack

Mask = NDArray[np.bool_]


def find_head(stack: Stack) -> Mask:
    """Where the head is in a stack, and a little air around it, (I, J, K) bool array.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when none can be told from its surroundings, or for an ADC map, of
        which the air is noise as bright as tissue.
    """
    series = stack.series
    if series.kind is SeriesKind.ADC:
        raise UnfitDataError(
            ReasonCode.HEAD_NOT_FOUND,
            "an ADC map does not show where the head ends, and no b0 or trace is on its grid",
        )
    find = head_mask_ct if series.kind in CT_KINDS else head_mask_mr
    return find(stack.data, _spacing_mm(series))


def surroundings_cleared(stack: Stack, head: Mask) -> NDArray[np.generic]:
    """Copy of the values with air (CT) or 0 (MR) outside the head, (I, J, K) array.

    Parameters
    ----------
    stack
        Unchanged.
    head : (I, J, K) bool array
        Voxels whose values are kept bit for bit.

    Raises
    ------
    UnfitDataError
        ``grids_differ`` when the mask is none of this stack.
    """
    if head.shape != stack.data.shape:
        message = f"the head lies on {head.shape} voxels, the image on {stack.data.shape}"
        raise UnfitDataError(ReasonCode.GRIDS_DIFFER, message)
    outside = stack.data.dtype.type(AIR_HU if stack.series.kind in CT_KINDS else 0)
    kept = stack.data.copy(order="K")
    # A slice at a time: the negative of a thin CT's mask would be another 80 MB.
    for k in range(kept.shape[2]):
        np.copyto(kept[:, :, k], outside, where=~head[:, :, k])
    return kept


def refuse_text(stack: Stack) -> None:
    """Stop a series that holds text in its images.

    Raises
    ------
    UnfitDataError
        ``burned_in_text``.
    """
    found = burned_in_text(stack.data)
    if found.n_images:
        message = (
            f"{found.n_images} of {stack.data.shape[2]} images hold text or drawn marks: "
            f"{found.n_shapes} sharp shapes of one extreme value"
        )
        raise UnfitDataError(ReasonCode.BURNED_IN_TEXT, message)


def _spacing_mm(series: Series) -> tuple[float, float, float]:
    if series.grid is None:
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, "the series has no grid")
    columns = np.array(series.grid.affine)[:3, :2]
    i, j = np.linalg.norm(columns, axis=0)
    return float(i), float(j), series.grid.slice_spacing_mm
