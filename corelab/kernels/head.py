"""The whole head in a CT or MR image: scalp, ears, nose and face, and the air inside them.

What does not belong to it is table, head holder, text in corners, noise and ghosts. The masks
are generous: a few millimetres of air beside the head cost nothing, a voxel of the head does.
All steps are taken on a grid of about 2 mm, where a margin of a block is a margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from skimage.filters import threshold_otsu

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.hounsfield import with_air_background
from corelab.kernels.morphology import (
    close_disc,
    dilate_disc,
    fill_holes,
    keep_touching,
    largest_component,
    numbered_pieces,
    open_disc,
)
from corelab.kernels.ranks import median, percentile, percentiles
from corelab.kernels.reduction import Factors, expand, factors_for, order_of, reduce_mean, scaled
from corelab.kernels.smoothing import gaussian

if TYPE_CHECKING:
    from collections.abc import Sequence

COARSE_MM = (2.0, 2.0, 2.5)
MARGIN_MM = 5.0
"""Air that is kept around the head, in the slice and in the slices above and below."""

SKIN_HU = -400.0
"""Above foam (below -700) and hair, below skin that fills half of a block."""

CORE_MM = 4.0
"""Half the thickness below which a part is a shell, a strap, or an ear."""

EAR_MM = 30.0
"""How far a thin part of the head may stick out of the thick ones."""

FOLD_MM = 10.0
"""Half the width of the nostrils, mouth and folds behind the ears that are closed."""

HOLDER_RUN_MM = 60.0
"""A part of the holder keeps its place in the slice over this height; skin does not."""

MIN_SECTION_CM2 = 30.0
MAX_SECTION_CM2 = 1500.0

SMOOTHING_MM = 2.0
BODY_HEIGHT = 0.35
"""Height between background and brain above which tissue is the head's bright part."""

SCALP_HEIGHT = 0.04
"""Height above which dark scalp under fat suppression begins, if the noise allows."""

NOISE_SIGMAS = 5.0
SKULL_MM = 14.0
"""Depth of skull and scalp, which may be as dark as air, around the bright part."""

FACE_MM = 45.0
"""How far dark parts reach beyond the outline of all bright ones, seen along k: jaw and nose."""

MIN_CONTRAST = 2.5
"""Brightness of a head over its background; of smoothed noise over itself 1.3."""


def head_mask_ct(hu: NDArray[np.generic], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Every voxel of the head and :data:`MARGIN_MM` around it, (I, J, K) bool array.

    Parameters
    ----------
    hu : (I, J, K) array, HU
        Slices along k, in any orientation; a tilted stack, a cut field of view, an open skull
        and a skull-stripped brain (0 or air around it) are all taken.
    spacing_mm
        Voxel size along i, j and k, mm.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when nothing in the image has a head's section.

    Notes
    -----
    A head holder lies at the same place in every slice, also where it touches the head, since
    table and gantry keep their places: what stays where it is over :data:`HOLDER_RUN_MM` and is
    parted from the head there is taken out before the head is drawn. A thinner shell goes by an
    opening, after which ears are brought back.
    """
    factors = factors_for(spacing_mm, COARSE_MM, hu.shape)
    coarse_mm = scaled(spacing_mm, factors)
    image = with_air_background(reduce_mean(hu, factors))
    solid = image > SKIN_HU
    solid &= ~_holder(solid, coarse_mm)
    core = largest_component(open_disc(solid, CORE_MM, spacing_mm=coarse_mm))
    _check_section(core, coarse_mm)
    near = dilate_disc(core, EAR_MM, spacing_mm=coarse_mm) | core.any(axis=2, keepdims=True)
    standing = _standing(solid & near & ~core, coarse_mm)
    whole = keep_touching(solid & near & ~standing | core, core)
    head = whole | (standing & ~_beside(standing, whole))
    return _on_the_grid_of(hu, _rounded(head, coarse_mm), factors)


def head_mask_mr(signal: NDArray[np.generic], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Every voxel of the head and :data:`MARGIN_MM` around it, (I, J, K) bool array.

    Parameters
    ----------
    signal : (I, J, K) array
        b0, trace, FLAIR or another image that shows the brain brighter than air, any scale,
        slices along k in any orientation. No ADC map: its air is noise as bright as tissue.
    spacing_mm
        Voxel size along i, j and k, mm.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when nothing stands out from the background, or what does has no
        head's section.

    Notes
    -----
    Bright tissue is split from the rest as in :func:`brain_mask_mr`. Dark tissue counts where it
    is connected with it and brighter than the noise; a ring of :data:`SKULL_MM` around bright
    tissue counts whatever it shows.
    """
    factors = factors_for(spacing_mm, COARSE_MM, signal.shape)
    coarse_mm = scaled(spacing_mm, factors)
    values = reduce_mean(np.nan_to_num(signal), factors)
    smooth = gaussian(values, (SMOOTHING_MM, SMOOTHING_MM, 0), spacing_mm=coarse_mm)
    body_level, scalp_level = _levels(smooth)
    body = largest_component(open_disc(smooth > body_level, CORE_MM, spacing_mm=coarse_mm))
    _check_section(body, coarse_mm)
    outline = np.asarray(body.any(axis=2, keepdims=True))
    within = dilate_disc(outline, FACE_MM, spacing_mm=coarse_mm)
    dark = open_disc(smooth > scalp_level, CORE_MM / 2, spacing_mm=coarse_mm) & within
    ring = _skull_around(body, coarse_mm)
    head = ring | keep_touching(dark | body, body)
    return _on_the_grid_of(signal, _rounded(head, coarse_mm), factors)


def _on_the_grid_of(
    image: NDArray[np.generic], head: NDArray[np.bool_], factors: Factors
) -> NDArray[np.bool_]:
    """Voxels of the blocks, as they lie in the image's memory: both are read side by side."""
    return expand(np.asarray(head, order=order_of(image)), factors, image.shape)


def _holder(solid: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Parts that stand still over the height of a holder, beside the head."""
    standing = _standing(solid, spacing_mm)
    parts = standing & ~largest_component(standing)
    if not parts.any():
        return parts
    rest = largest_component(open_disc(solid & ~parts, CORE_MM, spacing_mm=spacing_mm))
    return _beside(parts, rest)


def _beside(parts: NDArray[np.bool_], head: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Parts without head on both sides: no wall of a skull that stands straight for a while."""
    if not parts.any():
        return parts
    labels, count = numbered_pieces(parts)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    enclosed = np.bincount(labels[_between(head)], minlength=count + 1)
    is_beside = enclosed < sizes / 2
    is_beside[0] = False
    return np.asarray(is_beside[labels])


def _between(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Voxels that have the mask on both sides along i, or on both sides along j."""
    both = np.zeros_like(mask)
    for axis, size in enumerate(mask.shape[:2]):
        place = np.arange(size).reshape([-1 if a == axis else 1 for a in range(3)])
        first = np.where(mask.any(axis=axis), mask.argmax(axis=axis), size)
        last = size - 1 - np.flip(mask, axis).argmax(axis=axis)
        after = place >= np.expand_dims(first, axis)
        both |= after & (place <= np.expand_dims(last, axis))
    return both


def _standing(mask: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Where a mask goes on along k for :data:`HOLDER_RUN_MM`; nowhere in a lower stack."""
    # One slice alone keeps no place, however far the next one is.
    n_slices = max(2, round(HOLDER_RUN_MM / spacing_mm[2]))
    n_starts = mask.shape[2] - n_slices + 1
    if n_starts < 1:
        return np.zeros_like(mask)
    filled = np.cumsum(mask, axis=2, dtype=np.int32)
    whole = filled[:, :, n_slices - 1 :].copy()
    whole[:, :, 1:] -= filled[:, :, : n_starts - 1]
    starts = whole == n_slices
    standing = np.zeros_like(mask)
    for shift in range(n_slices):
        standing[:, :, shift : shift + n_starts] |= starts
    return standing


def _rounded(head: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> NDArray[np.bool_]:
    """Head with its cavities and folds, and the margin on every side."""
    whole = fill_holes(close_disc(head, FOLD_MM, spacing_mm=spacing_mm))
    wide = dilate_disc(whole, MARGIN_MM, spacing_mm=spacing_mm)
    grown = wide.copy(order="K")
    for shift in range(1, max(1, round(MARGIN_MM / spacing_mm[2])) + 1):
        _add_across(grown, wide, shift)
    return grown


def _skull_around(
    body: NDArray[np.bool_], spacing_mm: tuple[float, float, float]
) -> NDArray[np.bool_]:
    """Everything within :data:`SKULL_MM` of a mask, across slices too: the crown lies above."""
    ring = dilate_disc(body, SKULL_MM, spacing_mm=spacing_mm)
    for shift in range(1, int(SKULL_MM / spacing_mm[2]) + 1):
        reach_mm = float(np.sqrt(SKULL_MM**2 - (shift * spacing_mm[2]) ** 2))
        _add_across(ring, dilate_disc(body, reach_mm, spacing_mm=spacing_mm), shift)
    return ring


def _add_across(into: NDArray[np.bool_], mask: NDArray[np.bool_], shift: int) -> None:
    """Add a mask so many slices above and below to another one, in place."""
    into[:, :, shift:] |= mask[:, :, :-shift]
    into[:, :, :-shift] |= mask[:, :, shift:]


def _levels(smooth: NDArray[np.float32]) -> tuple[float, float]:
    """Signal above which tissue is bright, and above which it is more than noise."""
    top = float(percentile(smooth, 99))
    if top <= float(smooth.min()):
        raise _no_head("one value fills the image")
    split = float(threshold_otsu(np.minimum(smooth, top).ravel()))
    body = float(median(smooth[smooth > split]))
    air, noise = _background(smooth[smooth <= split])
    if body < MIN_CONTRAST * air:
        raise _no_head(f"the brightest part is {body / air:.1f} times as bright as the rest")
    height = body - air
    return air + BODY_HEIGHT * height, air + max(NOISE_SIGMAS * noise, SCALP_HEIGHT * height)


def _background(dark: NDArray[np.float32]) -> tuple[float, float]:
    """Level and spread of the noise in air; both 0 where the scanner has cleared the air."""
    cleared = dark <= 0
    if cleared.mean() > 0.5:  # noqa: PLR2004 - most of it
        return 0.0, 0.0
    air = dark[~cleared]
    # The lower half of the air is noise only: ghosts and dark tissue lie in the upper one.
    low, middle = percentiles(air, (16, 40))
    return float(middle), float(middle - low)


def _check_section(core: NDArray[np.bool_], spacing_mm: tuple[float, float, float]) -> None:
    largest_cm2 = float(core.sum(axis=(0, 1)).max()) * spacing_mm[0] * spacing_mm[1] / 100
    if not MIN_SECTION_CM2 <= largest_cm2 <= MAX_SECTION_CM2:
        raise _no_head(
            f"the largest connected section is {largest_cm2:.0f} cm2, "
            f"expected {MIN_SECTION_CM2:.0f} to {MAX_SECTION_CM2:.0f}"
        )


def _no_head(found: str) -> UnfitDataError:
    return UnfitDataError(ReasonCode.HEAD_NOT_FOUND, f"no head in the image: {found}")
