"""Sheets of tiles that each are a slice: Siemens' MOSAIC and UIH's VFRAME images."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from corelab.dicom.csa import csa_numbers
from corelab.dicom.element import Elements
from corelab.dicom.frame import FrameHeader, Plane
from corelab.dicom.geometry import ORIENTATION_TOLERANCE
from corelab.errors import ReasonCode, UnfitDataError

_SIEMENS_WORD = "MOSAIC"
_UIH_WORD = "VFRAME"
_IN_SPACE, _IN_PLANE, _COSINES = 3, 2, 6
_MOST_TILES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """How a sheet is cut: tiles run along the rows first."""

    count: int
    across: int
    rows: int
    columns: int

    def corner(self, tile: int) -> tuple[int, int]:
        """First row and column of a tile, from 0."""
        down, across = divmod(tile, self.across)
        return down * self.rows, across * self.columns


def read_tiling(elements: Elements) -> Tiling | None:
    """How the sheet of a data set is cut, ``None`` where it is no sheet of tiles.

    Raises
    ------
    UnfitDataError
        ``unsupported_layout`` for a sheet whose number of tiles is not told or does not fit.
    """
    words = {word.upper() for word in elements.words("ImageType")}
    if _SIEMENS_WORD in words:
        tag = elements.private_tag(0x0019, "SIEMENS MR HEADER", 0x0A)
        numbers = elements.numbers(tag, "US") or csa_numbers(elements, "NumberOfImagesInMosaic")
        if not numbers and _is_cut_already(elements):
            return None
        return _tiling(elements, numbers, is_square=True)
    if _UIH_WORD in words:
        items = elements.items(_uih_sequence(elements))
        return _tiling(elements, (float(len(items)),), is_square=False)
    return None


def tile_frames(elements: Elements, tiling: Tiling, sheet: FrameHeader) -> tuple[FrameHeader, ...]:
    """One frame for each tile, with its own position; ``index`` is the tile's number.

    Parameters
    ----------
    elements, tiling
        The data set, and how its sheet is cut.
    sheet
        The one frame that the data set describes.

    Raises
    ------
    UnfitDataError
        ``unsupported_layout`` where the header does not say where the tiles lie.
    """
    items = elements.items(_uih_sequence(elements))
    if items:
        positions = [item.numbers("ImagePositionPatient") for item in items]
    else:
        positions = _siemens_positions(elements, tiling, sheet.plane)
    return tuple(
        replace(sheet, index=index, plane=replace(sheet.plane, position_mm=position))
        for index, position in enumerate(positions)
    )


def _is_cut_already(elements: Elements) -> bool:
    """Whether an object is plain slices, and a word of its image type was left behind.

    Software XA cuts mosaics and keeps the word (dcm2niix, issue 553): into the frames of an
    enhanced object, or into classic slices, each as large as the matrix it was acquired with.
    """
    if len(elements.items("PerFrameFunctionalGroupsSequence")) > 1:
        return True
    acquired = [side for side in elements.numbers("AcquisitionMatrix") if side]
    sides = elements.whole("Rows"), elements.whole("Columns")
    return bool(acquired) and max(side or 0 for side in sides) <= max(acquired)


def _tiling(elements: Elements, numbers: tuple[float, ...], *, is_square: bool) -> Tiling:
    rows, columns = elements.whole("Rows") or 0, elements.whole("Columns") or 0
    count = numbers[0] if numbers and math.isfinite(numbers[0]) else 0.0
    if not 1 <= count <= _MOST_TILES or count != int(count):
        _refuse("the number of tiles of a mosaic is not given")
    across = math.isqrt(int(count) - 1) + 1
    down = across if is_square else -(-int(count) // across)
    if rows % down or columns % across or not rows or not columns:
        _refuse(f"{rows} x {columns} pixels cannot hold {down} x {across} tiles")
    return Tiling(count=int(count), across=across, rows=rows // down, columns=columns // across)


def _siemens_positions(elements: Elements, tiling: Tiling, plane: Plane) -> list[tuple[float, ...]]:
    """First voxel of each tile.

    The image position is that of a slice as large as the sheet, so the tile's own corner
    lies half the difference inwards (nibabel, "Siemens mosaic"). Tiles follow each other
    along the CSA header's normal, which may point against row x column.
    """
    normal = np.array(csa_numbers(elements, "SliceNormalVector"))
    step = elements.number("SpacingBetweenSlices")
    shapes = (len(plane.position_mm), len(plane.orientation), len(plane.spacing_mm))
    if normal.size != _IN_SPACE or step is None or shapes != (_IN_SPACE, _COSINES, _IN_PLANE):
        _refuse("a mosaic does not say where its tiles lie")
    row, column = np.array(plane.orientation[:3]), np.array(plane.orientation[3:])
    leaning = abs(abs(float(normal @ np.cross(row, column))) - 1)
    if not leaning <= ORIENTATION_TOLERANCE:
        _refuse("a mosaic's slice normal does not stand upright on its rows and columns")
    beside = ((elements.whole("Columns") or 0) - tiling.columns) / 2 * plane.spacing_mm[1]
    below = ((elements.whole("Rows") or 0) - tiling.rows) / 2 * plane.spacing_mm[0]
    first = np.array(plane.position_mm) + beside * row + below * column
    return [
        tuple(float(part) for part in first + index * step * normal)
        for index in range(tiling.count)
    ]


def _uih_sequence(elements: Elements) -> int:
    return elements.private_tag(0x0065, "Image Private Header", 0x51)


def _refuse(message: str) -> NoReturn:
    raise UnfitDataError(ReasonCode.UNSUPPORTED_LAYOUT, message)
