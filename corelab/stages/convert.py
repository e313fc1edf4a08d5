"""Series to blinded volumes: decode, join, release through the airlock, save."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.pixels import find_head, refuse_text
from corelab.blinding.release import release
from corelab.choosing.directions import n_directions_of
from corelab.choosing.outline import outlines_first, share_an_outline
from corelab.dicom.pixels import load
from corelab.errors import UnfitDataError
from corelab.kernels.diffusion import adc_scale_to_mm2_s, geometric_mean
from corelab.kernels.equidistant import equidistant
from corelab.kernels.hounsfield import AIR_HU
from corelab.series import CasePlan, Grid, PlannedImage, Series, SeriesKind, Stack
from corelab.store.files import Json
from corelab.store.image import save_image
from corelab.store.layout import Layout
from corelab.vocab import Contrast, Derivation
from corelab.volume import Volume

SMALLEST_TILT_DEG = 0.05
_IN_AIR = frozenset({Contrast.CT, Contrast.CT_BONE_KERNEL, Contrast.CT_CONTRAST})
_COPY_REMARKS: dict[str, Json] = {
    "ForViewingOnly": True,
    "Resampling": (
        "Gantry tilt sheared out and slices put at even steps along their normal, by linear "
        "interpolation. For looking, not for numbers: measure on the image as acquired."
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """Where one series part goes.

    ``equidistant`` is the resampled copy, where one is wanted; ``remarks`` are sidecar entries
    of our own making.
    """

    image: Path
    equidistant: Path | None
    remarks: tuple[tuple[str, Json], ...]

    @property
    def images(self) -> tuple[Path, ...]:
        """Every image that is written."""
        return (self.image,) if self.equidistant is None else (self.image, self.equidistant)


def convert(plan: CasePlan, layout: Layout) -> dict[Contrast, str]:
    """Write every image of a case, blinded.

    Which decoder read it tells how a site packs its files: the vault keeps that, not OUT.

    Parameters
    ----------
    plan
        Which series the case is measured on.
    layout
        Where the images go.

    Returns
    -------
    dict of Contrast to str
        What was written, and what decoded it.

    Raises
    ------
    UnfitDataError
        When pixels cannot be decoded, no head is found, or a value may not cross.

    Notes
    -----
    What lies around the head is cleared. Diffusion images of one grid share one outline.
    """
    heads: list[tuple[PlannedImage, NDArray[np.bool_]]] = []
    decoders: dict[Contrast, str] = {}
    for image in outlines_first(plan.images):
        stack = _joined(image) if _is_joined(image) else load(image.sources[0])
        shared = (head for other, head in heads if share_an_outline(image, other))
        head = next(shared, None)
        if head is None:
            head = find_head(stack)
            heads.append((image, head))
        volume = _released(image, stack, head)
        decoders[image.contrast] = stack.decoder
        save_image(layout.image(plan.case, image.contrast), _without_decoder(volume))
    return {image.contrast: decoders[image.contrast] for image in plan.images}


def convert_series(series: Series, destination: Destination, outline: Series | None = None) -> None:
    """Write one series part, blinded, on the grid it was acquired on, and its copy.

    Nothing is written before all of it could be read.

    Parameters
    ----------
    series
        What is written.
    destination
        Where to.
    outline
        Part on whose pixels the head is found, around which all is cleared; None keeps the
        surroundings.

    Raises
    ------
    UnfitDataError
        When pixels cannot be decoded, no head is found, or a value may not cross.
    StoreError
        When a file cannot be written.
    """
    stack = load(series)
    head = None
    if outline is not None:
        head = find_head(stack) if outline == series else _head_beside(outline)
    volume = _with_adc_unit(release(stack, head=head))
    copy = straightened(volume) if destination.equidistant else None
    remarks = dict(destination.remarks)
    save_image(destination.image, volume, remarks)
    if destination.equidistant and copy:
        save_image(destination.equidistant, copy, remarks | _COPY_REMARKS)


@lru_cache(maxsize=1)
def _head_beside(outline: Series) -> NDArray[np.bool_]:
    """Head that the parts of a study share; a worker gets them one after the other."""
    head = find_head(load(outline))
    head.flags.writeable = False
    return head


def is_straight(grid: Grid) -> bool:
    """Whether slices stand evenly and straight above each other already."""
    return grid.slice_positions_mm is None and grid.tilt_deg <= SMALLEST_TILT_DEG


def straightened(volume: Volume) -> Volume:
    """Copy for viewers: right angles, even steps, air (CT) or 0 where no slice has been.

    Parameters
    ----------
    volume
        With its acquisition, tilted or uneven.
    """
    origins_mm = np.array([volume.slice_origin_mm(k) for k in range(volume.shape[2])])
    axes = np.column_stack([volume.affine[:3, :2], volume.normal])
    places = np.linalg.solve(axes, (origins_mm - origins_mm[0]).T).T
    is_ct = volume.acquisition is not None and volume.acquisition.contrast in _IN_AIR
    made = equidistant(volume.data, places[:, 2], places[:, :2], outside=AIR_HU if is_ct else 0.0)
    affine: NDArray[np.float64] = np.eye(4)
    affine[:3, :2] = axes[:, :2]
    affine[:3, 2] = axes[:, 2] * made.step_mm
    affine[:3, 3] = origins_mm[0] + axes[:, :2] @ np.array(made.origin)
    return Volume(data=made.data, affine=affine, acquisition=volume.acquisition)


def _with_adc_unit(volume: Volume) -> Volume:
    """Say an ADC map's unit where the median of all that it holds tells it.

    Units lie a thousandfold apart, so that no brain mask is needed; where the median fits
    none, nothing is said.
    """
    acquisition = volume.acquisition
    if acquisition is None or acquisition.contrast is not Contrast.ADC:
        return volume
    try:
        scale = adc_scale_to_mm2_s(volume.data, np.greater(volume.data, 0))
    except UnfitDataError:
        return volume
    return replace(volume, acquisition=replace(acquisition, adc_scale_to_mm2_s=scale))


def _without_decoder(volume: Volume) -> Volume:
    acquisition = volume.acquisition
    if acquisition is None:
        return volume
    return replace(volume, acquisition=replace(acquisition, decoder=None))


def _is_joined(image: PlannedImage) -> bool:
    return image.derivation is not Derivation.AS_DELIVERED


def _released(image: PlannedImage, stack: Stack, head: NDArray[np.bool_]) -> Volume:
    if not _is_joined(image):
        return release(stack, head=head)
    n_directions = n_directions_of(image.sources)
    return release(stack, head=head, derivation=image.derivation, n_directions=n_directions)


def _joined(image: PlannedImage) -> Stack:
    """Trace image of several directions, held in memory one at a time."""
    decoders: set[str] = set()
    has_bits_outside: set[bool] = set()

    def values() -> Iterator[NDArray[np.generic]]:
        for source in image.sources:
            stack = load(source)
            # The mean of all would hide a text that only some of them hold.
            refuse_text(stack)
            decoders.add(stack.decoder)
            has_bits_outside.add(stack.has_bits_outside)
            yield stack.data

    data = geometric_mean(values())
    trace = replace(
        image.sources[0],
        kind=SeriesKind.TRACE,
        b_value_s_mm2=image.b_value_s_mm2,
        gradient=(),
        is_lossy=image.is_lossy,
    )
    return Stack(
        series=trace,
        data=data,
        decoder="; ".join(sorted(decoders)),
        has_bits_outside=any(has_bits_outside),
    )
