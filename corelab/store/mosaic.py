"""What an overlay mosaic shows and where on the sheet it stands, before anything is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.contour import Crop, crop_around, slices_spread, slices_with_neighbours

MAX_WIDTH_PX = 2000
NO_INFARCT_SLICES = 12
EDGE_PX = 20
CAPTION_LINE_PX = 18
CAPTION_HEIGHT_PX = 2 * CAPTION_LINE_PX + 2

_MIN_WIDTH_PX = 1000
_COMFORTABLE_HEIGHT_PX = 1800
_LARGEST_PX_PER_MM = 2.4
_SMALLEST_PX_PER_MM = 1.2
_MARGIN_MM = 14.0
_GROUP_GAP_PX = 18
_TILE_GAP_PX = 3
_ROW_GAP_PX = 10


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """One image of a mosaic and the values that are shown as black and as white.

    ``window_text`` says them in few words above every tile.
    """

    image: NDArray[np.generic]
    name: str
    window_low: float
    window_high: float
    window_text: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MosaicRequest:
    """What a mosaic shows.

    Parameters
    ----------
    panels
        The measured image, and possibly one more on the same grid. Axes (i, j, k) grow
        to the patient's right, front and head.
    mask, brain : (I, J, K) bool array
        Infarct and brain.
    blood : (I, J, K) bool array or None
        Blood inside the infarct.
    spacing_mm
        Voxel size along i, j and k.
    slice_positions_mm : (K,) float64 array
        Position of each slice along the slice normal.
    slice_volumes_ml : (K,) float64 array
        Infarct in each slice.
    title
        Subject code and visit, nothing more.
    volume_text, window_text, flags_text
        Lines of the header; an empty one is left out.
    """

    panels: tuple[Panel, ...]
    mask: NDArray[np.bool_]
    brain: NDArray[np.bool_]
    blood: NDArray[np.bool_] | None = None
    spacing_mm: tuple[float, float, float]
    slice_positions_mm: NDArray[np.float64]
    slice_volumes_ml: NDArray[np.float64]
    title: str
    volume_text: str
    window_text: str
    flags_text: str = ""

    def __post_init__(self) -> None:
        """Check that everything lies on one grid."""
        shape = self.mask.shape
        others = [self.brain.shape, *(panel.image.shape for panel in self.panels)]
        if self.blood is not None:
            others.append(self.blood.shape)
        if len(shape) != 3 or any(other != shape for other in others):  # noqa: PLR2004 - axes
            raise ValueError(f"a mosaic needs one 3-D grid, found {shape} and {others}")
        if len(self.panels) not in {1, 2}:
            raise ValueError(f"a mosaic needs one or two images, found {len(self.panels)}")
        if {self.slice_positions_mm.shape, self.slice_volumes_ml.shape} != {shape[2:]}:
            raise ValueError("a mosaic needs a position and a volume for each slice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One picture of a slice."""

    panel: Panel
    is_outlined: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Which slices stand where, in pixels. The tiles of one slice are a group."""

    slices: tuple[int, ...]
    crop: Crop
    scale_px_per_mm: float
    tile_width: int
    tile_height: int
    group_width: int
    groups_per_row: int

    @property
    def row_height(self) -> int:
        """Height of a row of groups, captions and gap included."""
        return CAPTION_HEIGHT_PX + self.tile_height + _ROW_GAP_PX

    @property
    def height(self) -> int:
        """Height of all rows, without header and footer."""
        return math.ceil(len(self.slices) / self.groups_per_row) * self.row_height

    @property
    def width(self) -> int:
        """Width of the whole picture."""
        groups = self.groups_per_row * (self.group_width + _GROUP_GAP_PX) - _GROUP_GAP_PX
        return max(_MIN_WIDTH_PX, groups + 2 * EDGE_PX)

    def corner(self, group: int, place: int) -> tuple[int, int]:
        """Left and top of a tile, counted from the first row's top."""
        row, column = divmod(group, self.groups_per_row)
        left = EDGE_PX + column * (self.group_width + _GROUP_GAP_PX)
        return left + place * (self.tile_width + _TILE_GAP_PX), row * self.row_height


def tiles_of(request: MosaicRequest) -> tuple[Tile, ...]:
    """Tiles of one slice, left to right: plain and, where there is infarct, outlined."""
    plain = tuple(Tile(panel=panel, is_outlined=False) for panel in request.panels)
    if not request.mask.any():
        return plain
    return plain[:1] + tuple(Tile(panel=panel, is_outlined=True) for panel in request.panels)


def plan_sheet(request: MosaicRequest, tiles_per_group: int) -> Sheet:
    """Choose the fewest groups in a row, so the largest tiles, at a comfortable height."""
    slices = slices_with_neighbours(request.mask)
    if not slices:
        slices = slices_spread(request.brain, NO_INFARCT_SLICES)
    # Seen from above, since the two joined would take as much memory as either.
    seen = np.logical_or(np.any(request.brain, axis=2), np.any(request.mask, axis=2))
    crop = crop_around(seen[:, :, np.newaxis], request.spacing_mm, _MARGIN_MM)
    sheet = _sheet_of(request, slices, crop, tiles=(tiles_per_group, 1))
    for groups_per_row in range(2, len(slices) + 1):
        smaller = _sheet_of(request, slices, crop, tiles=(tiles_per_group, groups_per_row))
        if sheet.height <= _COMFORTABLE_HEIGHT_PX or smaller.scale_px_per_mm < _SMALLEST_PX_PER_MM:
            break
        sheet = smaller
    return sheet


def _sheet_of(
    request: MosaicRequest, slices: tuple[int, ...], crop: Crop, *, tiles: tuple[int, int]
) -> Sheet:
    """Lay out a sheet with this many tiles in a group and groups in a row."""
    tiles_per_group, groups_per_row = tiles
    width_mm = (crop.i_stop - crop.i_start) * request.spacing_mm[0]
    height_mm = (crop.j_stop - crop.j_start) * request.spacing_mm[1]
    room = (MAX_WIDTH_PX - 2 * EDGE_PX + _GROUP_GAP_PX) // groups_per_row - _GROUP_GAP_PX
    tile_room = (room + _TILE_GAP_PX) // tiles_per_group - _TILE_GAP_PX
    scale = min(_LARGEST_PX_PER_MM, tile_room / width_mm)
    width = max(1, int(width_mm * scale))
    return Sheet(
        slices=slices,
        crop=crop,
        scale_px_per_mm=scale,
        tile_width=width,
        tile_height=max(1, int(height_mm * scale)),
        group_width=tiles_per_group * (width + _TILE_GAP_PX) - _TILE_GAP_PX,
        groups_per_row=groups_per_row,
    )
