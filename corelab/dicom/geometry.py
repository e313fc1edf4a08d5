"""Slice planes to one grid: sheared and uneven stacks kept as they are, holes refused.

DICOM gives positions in LPS millimetres (PS3.3, C.7.6.2); the grid is RAS+. Every number
comes from positions and orientation, never from the tilt, spacing or location elements,
which real headers often get wrong.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.frame import Plane
from corelab.errors import ReasonCode, UnfitDataError, at_most
from corelab.series import Grid

ORIENTATION_TOLERANCE = 2e-3
"""Two cosines written with three decimals may differ by one in the last and be one plane."""
RIGHT_ANGLE_TOLERANCE = 5e-3
"""Cosines of two decimals are worse than this, of three decimals always better."""
SPACING_TOLERANCE = 1e-3
LINE_TOLERANCE_MM = 0.1
"""Positions written with one decimal lie up to 0.09 mm beside their line."""
EVEN_TOLERANCE_MM = 0.05
SAME_POSITION_MM = 0.05
FEWEST_SLICES = 2
_FEWEST_ALIKE = 3
WIDEST_GAP_OF_THICKNESS = 1.1
WIDEST_GAP_OF_USUAL = 1.25
_FEWEST_IN_A_BLOCK = 3
_TOUCHING = 0.9
_FARTHEST_MM = 10_000.0
_WIDEST_PIXEL_MM = 100.0
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])
_IN_PLANE, _IN_SPACE, _COSINES = 2, 3, 6


class _Frame(NamedTuple):
    """In-plane axes of a stack, LPS: columns are mm per step along i and j."""

    row: NDArray[np.float64]
    column: NDArray[np.float64]
    normal: NDArray[np.float64]


def stack_grid(planes: Sequence[Plane], *, rows: int, columns: int) -> tuple[Grid, tuple[int, ...]]:
    """Grid of a stack of parallel slices, and the order that makes k ascend.

    Parameters
    ----------
    planes
        One per slice, in any order; all with the orientation of the first.
    rows, columns
        Matrix of each slice.

    Returns
    -------
    Grid
        i along the image rows, j along the columns, k along the slice normal (row x column
        direction). ``slice_spacing_mm`` is the mean slab height; uneven stacks carry each
        slice's distance from the first along the normal.
    tuple of int
        Index into ``planes`` of slice 0, 1, ...

    Raises
    ------
    UnfitDataError
        ``geometry_absent``, ``spacing_invalid``, ``too_few_slices``, ``duplicate_position``,
        ``positions_not_a_line`` or ``missing_slice``.
    """
    frame = _frame(planes)
    origins = _origins(planes)
    if len(planes) < FEWEST_SLICES:
        found = f"{len(planes)} slice{'s' if len(planes) > 1 else ''}"
        message = f"{found}, at least {FEWEST_SLICES} needed"
        raise UnfitDataError(ReasonCode.TOO_FEW_SLICES, message)
    along = origins @ frame.normal
    order = np.argsort(along, kind="stable")
    along, origins = along[order] - along[order[0]], origins[order]
    _check_duplicates(along)
    _check_line(origins)
    is_even = _is_even(along)
    if not is_even:
        _check_gaps(np.diff(along), reach_mm([planes[index] for index in order]))
    step = (origins[-1] - origins[0]) / (len(planes) - 1)
    affine = np.eye(4)
    affine[:3] = _LPS_TO_RAS[:, None] * np.column_stack([frame.row, frame.column, step, origins[0]])
    grid = Grid(
        shape=(columns, rows, len(planes)),
        affine=_rows_of(affine),
        slice_positions_mm=None if is_even else tuple(along.tolist()),
        slice_spacing_mm=_mean_height(along),
        tilt_deg=_angle_deg(step, frame.normal),
    )
    return grid, tuple(order.tolist())


def same_orientation(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether two orientations agree within the tolerance of a written direction cosine."""
    if len(first) != _COSINES or len(second) != _COSINES:
        return len(first) == len(second)
    return bool(np.abs(np.subtract(first, second)).max() <= ORIENTATION_TOLERANCE)


def _frame(planes: Sequence[Plane]) -> _Frame:
    between_rows, between_columns = _spacing(planes)
    cosines = np.array(_one_orientation(planes), dtype=np.float64)
    if cosines.shape != (_COSINES,) or not np.isfinite(cosines).all():
        raise UnfitDataError(
            ReasonCode.GEOMETRY_ABSENT, f"{cosines.size} direction cosines, 6 needed"
        )
    row, column = cosines[:3], cosines[3:]
    lengths = float(np.linalg.norm(row)), float(np.linalg.norm(column))
    worst = max(abs(lengths[0] - 1), abs(lengths[1] - 1), abs(float(row @ column)))
    if worst > RIGHT_ANGLE_TOLERANCE:
        message = f"the direction cosines are off by {worst:.4f} from unit length or right angle"
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, message)
    normal = np.cross(row, column)
    return _Frame(
        row=row / lengths[0] * between_columns,
        column=column / lengths[1] * between_rows,
        normal=normal / np.linalg.norm(normal),
    )


def _one_orientation(planes: Sequence[Plane]) -> tuple[float, ...]:
    """Orientation that stands for parallel planes whatever their order: the smallest."""
    return min(plane.orientation for plane in planes)


def _spacing(planes: Sequence[Plane]) -> tuple[float, float]:
    """Spacing between rows and between columns, the same for every slice."""
    spacings = {plane.spacing_mm for plane in planes}
    if () in spacings:
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, "the pixel spacing is not given")
    values = np.array([spacing[:_IN_PLANE] for spacing in spacings if len(spacing) == _IN_PLANE])
    if len(values) < len(spacings) or not np.isfinite(values).all() or (values <= 0).any():
        message = "the pixel spacing is not two positive numbers"
        raise UnfitDataError(ReasonCode.SPACING_INVALID, message)
    if (np.ptp(values, axis=0) > SPACING_TOLERANCE * values.min()).any():
        smallest, largest = values.min(), values.max()
        told = (at_most(value, _WIDEST_PIXEL_MM, ".4f") for value in (smallest, largest))
        message = f"the pixel spacing changes from {' to '.join(told)} mm"
        raise UnfitDataError(ReasonCode.MIXED_MATRIX, message)
    first = values[np.lexsort(values.T)][0]
    return float(first[0]), float(first[1])


def _origins(planes: Sequence[Plane]) -> NDArray[np.float64]:
    absent = sum(len(plane.position_mm) != _IN_SPACE for plane in planes)
    if absent:
        message = f"{absent} of {len(planes)} slices have no position"
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, message)
    origins = np.array([plane.position_mm for plane in planes], dtype=np.float64)
    if not (np.abs(origins) < _FARTHEST_MM).all():
        message = f"a slice position is no number or beyond {_FARTHEST_MM:.0f} mm"
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, message)
    return origins


def reach_mm(planes: Sequence[Plane]) -> NDArray[np.float64]:
    """How far two neighbours reach towards each other: half of both thicknesses, (K - 1,) mm.

    NaN where a thickness is not told, or zero or nonsense is.

    Parameters
    ----------
    planes
        Slices in the order of k.
    """
    told = np.array([plane.thickness_mm or np.nan for plane in planes], dtype=np.float64)
    thickness = np.where((told > 0) & (told < _FARTHEST_MM), told, np.nan)
    return np.asarray((thickness[:-1] + thickness[1:]) / 2)


def _check_duplicates(along: NDArray[np.float64]) -> None:
    repeated = int(np.count_nonzero(np.diff(along) < SAME_POSITION_MM))
    if repeated:
        message = f"{len(along)} slices at {len(along) - repeated} positions"
        raise UnfitDataError(ReasonCode.DUPLICATE_POSITION, message)


def _check_line(origins: NDArray[np.float64]) -> None:
    """Distance of the slice origins from their best line, by its first principal axis."""
    centred = origins - origins.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    away = np.linalg.norm(centred - np.outer(centred @ axis, axis), axis=1).max()
    if away > LINE_TOLERANCE_MM:
        message = f"slice origins lie up to {away:.2f} mm beside one line"
        raise UnfitDataError(ReasonCode.POSITIONS_NOT_A_LINE, message)


def _is_even(along: NDArray[np.float64]) -> bool:
    """Whether every slice lies where equal steps put it, so that one affine is true for all."""
    ideal = np.linspace(along[0], along[-1], len(along))
    return bool(np.abs(along - ideal).max() <= EVEN_TOLERANCE_MM)


def _check_gaps(gaps: NDArray[np.float64], reach: NDArray[np.float64]) -> None:
    """Refuse a gap in which a slice could have stood."""
    holes = np.flatnonzero(gaps > _widest_gaps(gaps, reach))
    if not holes.size:
        return
    first = int(holes[0])
    message = f"gap of {gaps[first]:.1f} mm between slices {first + 1} and {first + 2}, "
    if np.isfinite(reach[first]):
        message += f"their thickness is {reach[first]:.1f} mm"
    else:
        message += f"the usual step is {np.median(gaps):.1f} mm"
    raise UnfitDataError(ReasonCode.MISSING_SLICE, message)


def _widest_gaps(gaps: NDArray[np.float64], reach: NDArray[np.float64]) -> NDArray[np.float64]:
    """Widest step allowed at each gap, (K - 1,) mm.

    Slices of one thickness were planned with one step, be it with gaps or overlap: among
    them, or where no thickness is told, a step must not much exceed the usual one, unless it
    is one of a block of steps of its own that the slices bridge. Where thickness changes,
    the two slices' own reach (half of each) must bridge the step.
    """
    limits = WIDEST_GAP_OF_THICKNESS * reach
    thickness_class = np.round(np.nan_to_num(reach), 2)
    for value in np.unique(thickness_class):
        same = thickness_class == value
        if value == 0 or np.count_nonzero(same) >= _FEWEST_ALIKE:
            bridged = np.where(_in_a_block(gaps), limits, 0.0)[same] if value else 0.0
            limits[same] = np.maximum(_widest_of_one_thickness(gaps[same], value), bridged)
    return np.asarray(limits + EVEN_TOLERANCE_MM)


def _widest_of_one_thickness(gaps: NDArray[np.float64], thickness_mm: float) -> float:
    """Widest planned step of slices of one thickness (0: not told), mm.

    Half of the gaps of a short stack can be holes; but where two slices touch, none was
    planned between the others.
    """
    touching = gaps[gaps >= (_TOUCHING * thickness_mm or np.inf)]
    return WIDEST_GAP_OF_USUAL * float(min(np.median(gaps), touching.min(initial=np.inf)))


def _in_a_block(gaps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether each gap stands in a run of three equal ones or more, (K - 1,) bool."""
    changes = np.abs(np.diff(gaps)) > 2 * EVEN_TOLERANCE_MM
    run = np.concatenate([[0], np.cumsum(changes)])
    return np.asarray(np.bincount(run)[run] >= _FEWEST_IN_A_BLOCK)


def _mean_height(along: NDArray[np.float64]) -> float:
    """Mean slab height, an end slice standing for its one gap whole."""
    gaps = np.diff(along)
    return float((along[-1] - along[0] + (gaps[0] + gaps[-1]) / 2) / len(along))


def _angle_deg(step: NDArray[np.float64], normal: NDArray[np.float64]) -> float:
    return float(np.degrees(np.arctan2(np.linalg.norm(np.cross(step, normal)), step @ normal)))


def _rows_of(affine: NDArray[np.float64]) -> tuple[tuple[float, float, float, float], ...]:
    return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in affine)
