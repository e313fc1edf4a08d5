"""The airlock: the one way from an identified stack to a blinded volume.

A volume is built anew from what ``allowlist.toml`` names. Nothing is copied and then
scrubbed, so what the list does not name cannot cross.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.allowlist import AllowList, allow_list
from corelab.blinding.pixels import refuse_text, surroundings_cleared
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Grid, Stack
from corelab.vocab import Acquisition, Contrast, Derivation, ValueScale
from corelab.volume import Volume

_COSINE_DECIMALS = 6


def release(
    stack: Stack,
    *,
    head: NDArray[np.bool_] | None,
    derivation: Derivation = Derivation.AS_DELIVERED,
    n_directions: int | None = None,
) -> Volume:
    """Build the blinded volume of a stack.

    Parameters
    ----------
    stack
        Identified series with its pixels.
    head : (I, J, K) bool array or None
        Voxels that cross, bit for bit; all others become air (CT) or 0 (MR), and with them
        head holder, table and what stands in corners. None: a plain conversion, all cross.
    derivation
        How the stack was made.
    n_directions
        Diffusion directions that it was made of.

    Returns
    -------
    Volume
        The decoded values, which were built from pixels alone (those of a whole thin CT are
        not copied again), new geometry, and the allow-listed numbers and words of the
        acquisition.

    Raises
    ------
    UnfitDataError
        When the series is no image of a head (a scout, a derived image), has no geometry, a
        number out of its bounds, or text in its images.
    """
    series = stack.series
    shown = series.shows
    if shown is None or series.grid is None:
        raise UnfitDataError(
            ReasonCode.UNSUPPORTED_CLASS, "only CT and MR images with a geometry are released"
        )
    allowed = allow_list()
    _admit_voxels(stack.data, allowed)
    refuse_text(stack)
    volume = Volume(
        data=stack.data if head is None else surroundings_cleared(stack, head),
        affine=_admitted_affine(series.grid, allowed),
        slice_positions_mm=_admitted_positions(series.grid, allowed),
        acquisition=_admitted_acquisition(
            stack, shown, derivation=derivation, n_directions=n_directions, allowed=allowed
        ),
    )
    allowed.number("tilt_deg", volume.tilt_deg)
    allowed.number("slice_spacing_mm", volume.spacing_mm[2])
    return volume


def _admit_voxels(data: NDArray[np.generic], allowed: AllowList) -> None:
    columns, rows, slices = data.shape
    allowed.whole("columns", columns)
    allowed.whole("rows", rows)
    allowed.whole("slices", slices)
    allowed.word("voxel_type", data.dtype.name)


def _admitted_affine(grid: Grid, allowed: AllowList) -> NDArray[np.float64]:
    """Build the affine (4, 4) anew, its steps, directions and place within their bounds."""
    affine = np.array(grid.affine, dtype=np.float64)
    steps_mm = np.linalg.norm(affine[:3, :3], axis=0)
    allowed.numbers("pixel_spacing_mm", steps_mm[:2])
    allowed.number("slice_step_mm", float(steps_mm[2]))
    allowed.numbers("orientation", np.round(affine[:3, :2] / steps_mm[:2], _COSINE_DECIMALS))
    allowed.numbers("position_mm", affine[:3, 3])
    return affine


def _admitted_positions(grid: Grid, allowed: AllowList) -> NDArray[np.float64] | None:
    if grid.slice_positions_mm is None:
        return None
    return allowed.numbers("slice_positions_mm", np.array(grid.slice_positions_mm, np.float64))


def _admitted_acquisition(
    stack: Stack,
    shown: Contrast,
    *,
    derivation: Derivation,
    n_directions: int | None,
    allowed: AllowList,
) -> Acquisition:
    series = stack.series
    return Acquisition(
        contrast=Contrast(allowed.word("contrast", shown)),
        kilovolts=allowed.number("kilovolts", series.kilovolts),
        b_value_s_mm2=allowed.number("b_value_s_mm2", series.b_value_s_mm2),
        slice_thickness_mm=allowed.number("slice_thickness_mm", series.slice_thickness_mm),
        value_scale=ValueScale(allowed.word("value_scale", series.value_scale)),
        derivation=Derivation(allowed.word("derivation", derivation)),
        n_directions=allowed.whole("n_directions", n_directions),
        decoder=allowed.software("decoder", stack.decoder),
        is_lossy=allowed.flag("is_lossy", series.is_lossy),
        has_bits_outside=allowed.flag("has_bits_outside", stack.has_bits_outside),
    )
