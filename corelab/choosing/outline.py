"""On which image of a study the head is found: the one of a grid that shows it best."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from corelab.choosing.directions import first_frame
from corelab.choosing.planes import on_one_grid
from corelab.series import Grid, PlannedImage, Series
from corelab.vocab import Contrast

_BEST_FIRST = (Contrast.B0, Contrast.DWI, Contrast.DWI_DIRECTION, Contrast.ADC)
"""Fat and bone are darker the stronger the weighting; an ADC map's air is noise."""


def outline_of(series: Series, study: Iterable[Series]) -> Series:
    """Part on which the head of another part is found: itself, unless diffusion's tell more.

    Parameters
    ----------
    series
        A part with a grid.
    study
        All parts of its study.
    """
    if series.shows not in _BEST_FIRST or series.grid is None:
        return series
    return min(
        (part for part in (series, *study) if _is_beside(part, series.grid)),
        key=lambda part: (_rank(part.shows), first_frame(part)),
    )


def outlines_first(images: Sequence[PlannedImage]) -> list[PlannedImage]:
    """Images of a case, of each grid the one first that shows the head best."""
    return sorted(images, key=lambda image: _rank(image.contrast))


def share_an_outline(image: PlannedImage, other: PlannedImage) -> bool:
    """Whether the head of one image is that of the other, voxel by voxel."""
    one, two = image.sources[0].grid, other.sources[0].grid
    are_diffusion = {image.contrast, other.contrast} <= set(_BEST_FIRST)
    return are_diffusion and one is not None and two is not None and on_one_grid(one, two)


def _is_beside(part: Series, grid: Grid) -> bool:
    is_usable = part.refusal is None and part.shows in _BEST_FIRST
    return is_usable and part.grid is not None and on_one_grid(part.grid, grid)


def _rank(contrast: Contrast | None) -> int:
    return _BEST_FIRST.index(contrast) if contrast in _BEST_FIRST else 0
