"""How the planes of series lie: across the head, and to those of another series."""

from __future__ import annotations

import numpy as np

from corelab.series import Grid, Series

_GRID_TOLERANCE_MM = 0.5
_FEW_SLICES = 2
_SAME_STEP_MM = 1e-3
_SAME_PLACE = 0.1


def is_transverse(grid: Grid) -> bool:
    """Whether slices lie nearer to the transverse plane than to any other.

    ``AXIAL`` in a header means any cross-section (PS3.3, C.8.2.1.1.1); only numbers tell.
    """
    i, j, _ = np.array(grid.affine)[:3, :3].T
    normal = np.abs(np.cross(i, j))
    return bool(normal.argmax() == 2)  # noqa: PLR2004 - feet to head


def on_one_grid(one: Grid, other: Grid) -> bool:
    """Whether voxels of one index lie within half a millimetre."""
    if one.shape != other.shape:
        return False
    shift = np.abs(np.subtract(one.affine, other.affine))
    reach = shift[:3, :3] @ np.array(one.shape) + shift[:3, 3]
    return bool(reach.max() <= _GRID_TOLERANCE_MM)


def is_outreached(series: Series, other: Series) -> bool:
    """Whether another series of the study fills the same planes and one or two more.

    A second kernel or contrast of one acquisition has its slices; where it has a few more,
    the end of this one may have been lost.
    """
    own, theirs = series.grid, other.grid
    if own is None or theirs is None:
        return False
    if other.identity.study_uid != series.identity.study_uid:
        return False
    surplus = theirs.shape[2] - own.shape[2]
    a, b = np.array(own.affine), np.array(theirs.affine)
    is_alike = theirs.shape[:2] == own.shape[:2] and np.allclose(
        a[:3, :3], b[:3, :3], atol=_SAME_STEP_MM
    )
    if not is_alike or not 0 < surplus <= _FEW_SLICES:
        return False
    offset = np.linalg.solve(b[:3, :3], a[:3, 3] - b[:3, 3])
    places = [(0, 0, k) for k in range(surplus + 1)]
    return any(np.abs(offset - place).max() < _SAME_PLACE for place in places)
