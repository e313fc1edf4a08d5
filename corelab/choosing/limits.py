"""Whether a series keeps to the limits of a trial."""

from __future__ import annotations

from corelab.choosing.planes import is_transverse
from corelab.errors import at_most
from corelab.series import Grid, Series, SeriesKind
from corelab.trial import DwiLimits, Limits
from corelab.vocab import Contrast

_MEASURED = frozenset({Contrast.CT, Contrast.DWI})
_HIGHEST_B_S_MM2 = 10_000
_DWI_KINDS = frozenset({SeriesKind.TRACE, SeriesKind.DIRECTION})


def why_unfit(series: Series, limits: Limits) -> str | None:
    """Say why a series cannot be measured; None when it can."""
    if series.refusal:
        return series.refusal.message
    if series.contrast is None and series.kind is not SeriesKind.DIRECTION:
        return f"{series.kind.value}: no infarct is measured on that"
    if series.grid is None:
        return "no geometry"
    if series.contrast is Contrast.CT:
        bounds = (limits.ncct.slice_spacing_max_mm, limits.ncct.coverage_min_mm)
    else:
        bounds = (limits.dwi.slice_spacing_max_mm, limits.dwi.coverage_min_mm)
    is_measured = series.contrast in _MEASURED or series.kind is SeriesKind.DIRECTION
    if is_measured and not is_transverse(series.grid):
        return "the slices are not transverse"
    fault = _fault_of_grid(series.grid, *bounds)
    return fault or (_fault_of_b(series, limits.dwi) if series.kind in _DWI_KINDS else None)


def _fault_of_grid(grid: Grid, spacing_max_mm: float, coverage_min_mm: float) -> str | None:
    if grid.slice_spacing_mm > spacing_max_mm:
        return f"slice spacing {grid.slice_spacing_mm:.2f} mm, at most {spacing_max_mm:g} allowed"
    if grid.coverage_mm < coverage_min_mm:
        return f"covers {grid.coverage_mm:.0f} mm, at least {coverage_min_mm:g} needed"
    return None


def _fault_of_b(series: Series, limits: DwiLimits) -> str | None:
    low, high = limits.b_value_min_s_mm2, limits.b_value_max_s_mm2
    b_value = series.b_value_s_mm2
    if b_value is None:
        return "its b-value is not told"
    if low <= b_value <= high:
        return None
    return f"b {at_most(b_value, _HIGHEST_B_S_MM2, '.0f')}, {low:g} to {high:g} allowed"
