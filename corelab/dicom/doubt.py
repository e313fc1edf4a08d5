"""What a reader must know of a part that can be measured: its flags."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.geometry import reach_mm, same_orientation
from corelab.dicom.header import FileHeader
from corelab.dicom.part import Part
from corelab.series import CT_KINDS, Grid, SeriesKind
from corelab.vocab import QcFlag

OVERLAP = 1.1
ROOM_FOR_A_SLICE = 1.95
_NO_SCAN = frozenset({SeriesKind.SCOUT, SeriesKind.DERIVED, SeriesKind.NOT_AN_IMAGE})


def part_flags(
    part: Part, siblings: Sequence[Part], headers: Sequence[FileHeader]
) -> tuple[QcFlag, ...]:
    """Say what a reader must know of one part of a series; little where it has no grid.

    Parameters
    ----------
    part
        The part.
    siblings
        Every part of its series, itself included.
    headers
        Every file of its series.
    """
    flags = () if part.grid is None else tuple(_flags(part, part.grid, siblings, headers))
    if any(item.header.begins_as_program for item in part.slices):
        flags += (QcFlag.EXECUTABLE_PREAMBLE,)
    return flags


def _flags(
    part: Part, grid: Grid, siblings: Sequence[Part], headers: Sequence[FileHeader]
) -> Iterator[QcFlag]:
    if _was_split(part, siblings):
        yield QcFlag.SERIES_WAS_SPLIT
    steps, reach = _steps_mm(grid), reach_mm([item.frame.plane for item in part.slices])
    if (reach > OVERLAP * steps).any():
        yield QcFlag.OVERLAPPING_SLICES
    is_short = _lacks_numbers(headers) or any(_continues(part, other) for other in siblings)
    if is_short or (steps >= ROOM_FOR_A_SLICE * reach).all():
        yield QcFlag.SLICES_MAY_BE_MISSING
    if part.kind is SeriesKind.CT_REFORMATTED:
        yield QcFlag.REFORMATTED


def _was_split(part: Part, siblings: Sequence[Part]) -> bool:
    """Whether planes of another direction, or another CT scan, came in the same series.

    Contrasts, b-values and directions of a diffusion series belong together.
    """
    first = part.slices[0].frame.plane.orientation
    others = [other for other in siblings if other is not part]
    turned = any(
        not same_orientation(other.slices[0].frame.plane.orientation, first) for other in others
    )
    return turned or (part.kind in CT_KINDS and any(other.kind is part.kind for other in others))


def _continues(part: Part, other: Part) -> bool:
    """Whether another part goes on where this one ends, as one scan's slices would.

    A repetition that was cut is shorter than the others, and a head whose slices are named two
    kinds has each half in another part. Repetitions of equal length moved with the head.
    """
    first, second = part.slices[0], other.slices[0]
    is_scan = other.kind not in _NO_SCAN and first.frame.stack == second.frame.stack
    planes = first.frame.plane, second.frame.plane
    if not is_scan or not same_orientation(planes[0].orientation, planes[1].orientation):
        return False
    if first.header.slice_shape != second.header.slice_shape:
        return False
    normal = np.cross(planes[0].orientation[:3], planes[0].orientation[3:])
    own, theirs = _along(part, normal), _along(other, normal)
    half_mm = float(np.median(np.diff(own))) / 2
    if not theirs.size or (len(own) == len(theirs) and theirs[0] < own[-1] and own[0] < theirs[-1]):
        return False
    return bool(theirs[0] < own[0] - half_mm or theirs[-1] > own[-1] + half_mm)


def _along(part: Part, normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ascending way of each slice along a normal, mm; those without position left out."""
    positions = [item.frame.plane.position_mm for item in part.slices]
    known = [position for position in positions if len(position) == len(normal)]
    return np.sort(np.array(known).reshape(-1, len(normal)) @ normal)


def _steps_mm(grid: Grid) -> NDArray[np.float64]:
    """Way from each slice to the next, (K - 1,) mm: along the table, so that tilt is no overlap."""
    if grid.slice_positions_mm is None:
        gaps = np.full(grid.shape[2] - 1, grid.slice_spacing_mm)
    else:
        gaps = np.diff(grid.slice_positions_mm)
    return np.asarray(gaps / math.cos(math.radians(grid.tilt_deg)))


def _lacks_numbers(headers: Sequence[FileHeader]) -> bool:
    """Whether a few of the images that the series once had seem not to be here.

    A lost end slice leaves no hole in the positions. Scanners number the images of a series
    from 1, and some say how many an acquisition gave (0020,1002). Where more are absent than
    here, the numbers mean something else, and nothing is said.
    """
    if any(len(header.frames) != 1 or header.tiling is not None for header in headers):
        return False
    numbers = {header.instance_number for header in headers if header.instance_number is not None}
    declared = max((header.images_in_acquisition or 0 for header in headers), default=0)
    absent_numbers = max(numbers, default=0) - len(numbers - {0})
    absent = max(absent_numbers, declared - len(headers))
    return 0 < absent <= len(headers)
