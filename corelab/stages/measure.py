"""Masks to numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from corelab.diffusivity import diffusivity
from corelab.kernels.measure import mask_volume_ml, pieces, slice_areas_cm2
from corelab.kernels.orientation import orientation_of, shear_of, to_ras
from corelab.kernels.swelling import MaskedHead, swelling_ct, swelling_dwi
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.nifti import load_mask
from corelab.vocab import (
    LABEL_VALUE,
    Case,
    Component,
    Contrast,
    Hemisphere,
    Label,
    Measurement,
    Modality,
    Swelling,
)
from corelab.volume import Volume

VOLUME_DECIMALS = 4
_SMALLEST, _INFARCT, _LARGEST = 3, 2, 1


@dataclass(frozen=True, slots=True, kw_only=True)
class InfarctNumbers:
    """What an infarct mask says by itself, whoever drew it; volumes rounded to 0.0001 mL."""

    infarct_volume_ml: float
    haemorrhage_in_infarct_ml: float
    components: tuple[Component, ...]
    slice_areas_cm2: tuple[float, ...]


def volume_ml(mask: Volume) -> float:
    """Volume of everything in a mask that is not 0, mL.

    Parameters
    ----------
    mask
        Labels or booleans on any grid, sheared and uneven ones included.
    """
    return mask_volume_ml(np.asarray(mask.data) != 0, mask.voxel_volumes_mm3)


def measure(case: Case, modality: Modality, hemisphere: Hemisphere, layout: Layout) -> Measurement:
    """Measure the masks of a case, as they lie on disk.

    Parameters
    ----------
    case
        Whose masks.
    modality
        What they were segmented on.
    hemisphere
        Side of the infarct, as it was segmented or as the reader of an edited mask says.
    layout
        Where they lie.

    Raises
    ------
    UnfitDataError
        When a mask does not lie on the grid of its image.
    """
    image = load_image(layout.image(case, modality.contrast))
    labels = image.with_data(load_mask(layout.infarct_mask(case), image))
    brain = image.with_data(load_mask(layout.brain_mask(case), image))
    measurement = measurement_of(
        labels=labels,
        nested=image.with_data(load_mask(layout.range_mask(case), image)),
        brain=brain,
    )
    measured_on = _diffusivity_on_disk(case, layout, image) if modality is Modality.DWI else image
    swelling = swelling_of(measured_on, modality, labels=labels, brain=brain, hemisphere=hemisphere)
    return replace(measurement, swelling=swelling)


def swelling_of(
    image: Volume | None,
    modality: Modality,
    *,
    labels: Volume,
    brain: Volume,
    hemisphere: Hemisphere,
) -> Swelling:
    """Secondary numbers of a case.

    Parameters
    ----------
    image
        CT in HU; for a DWI its ADC in mm²/s, from
        :func:`~corelab.diffusivity.diffusivity`, or ``None``.
    modality
        What was segmented on.
    labels
        1 infarct, 2 blood inside it.
    brain
        Brain mask on the same grid.
    hemisphere
        Side of the infarct.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.
    """
    orientation = orientation_of(labels.affine)
    values = to_ras(labels.data, orientation)
    i, j, k = (labels.spacing_mm[axis] for axis in orientation.axes)
    heights = np.full(values.shape[2], k)
    if orientation.axes[2] == 2:  # noqa: PLR2004 - k is the slice axis
        heights = labels.slab_heights_mm[:: -1 if orientation.flips[2] else 1]
    head = MaskedHead(
        brain=to_ras(brain.data, orientation) != 0,
        infarct=values != 0,
        blood=values == LABEL_VALUE[Label.BLOOD_IN_INFARCT],
        hemisphere=hemisphere,
        spacing_mm=(i, j, k),
        heights_mm=heights,
        shear=shear_of(labels.affine, orientation),
    )
    shown = None if image is None else to_ras(image.data, orientation)
    if modality is Modality.DWI:
        return swelling_dwi(None if shown is None else shown.astype(np.float32), head)
    if shown is None:
        raise ValueError("a CT is measured on its image")
    return swelling_ct(shown, head)


def _diffusivity_on_disk(case: Case, layout: Layout, dwi: Volume) -> Volume | None:
    paths = (layout.image(case, contrast) for contrast in (Contrast.ADC, Contrast.B0))
    adc, b0 = (load_image(path) if path.exists() else None for path in paths)
    return diffusivity(
        dwi,
        adc,
        b0,
        b_value_s_mm2=dwi.acquisition.b_value_s_mm2 if dwi.acquisition else None,
        scale_to_mm2_s=adc.acquisition.adc_scale_to_mm2_s if adc and adc.acquisition else None,
    )


def measurement_of(*, labels: Volume, nested: Volume, brain: Volume) -> Measurement:
    """Numbers of an infarct mask.

    Parameters
    ----------
    labels
        1 infarct, 2 blood inside it.
    nested
        Sensitivity range: 3 smallest, 2 and above the infarct, 1 and above the largest mask.
    brain
        Brain mask on the same grid.
    """
    each_mm3, levels = labels.voxel_volumes_mm3, np.asarray(nested.data)
    numbers = infarct_numbers(labels)
    return Measurement(
        infarct_volume_ml=numbers.infarct_volume_ml,
        infarct_volume_low_ml=_rounded(mask_volume_ml(levels >= _SMALLEST, each_mm3)),
        infarct_volume_high_ml=_rounded(mask_volume_ml(levels >= _LARGEST, each_mm3)),
        haemorrhage_in_infarct_ml=numbers.haemorrhage_in_infarct_ml,
        brain_volume_ml=_rounded(mask_volume_ml(np.asarray(brain.data) != 0, each_mm3)),
        voxel_volume_mm3=round(float(np.median(each_mm3)), 6),
        slice_spacing_mm=round(labels.spacing_mm[2], 4),
        components=numbers.components,
        slice_areas_cm2=numbers.slice_areas_cm2,
    )


def infarct_numbers(labels: Volume) -> InfarctNumbers:
    """Measure an infarct mask alone.

    Parameters
    ----------
    labels
        1 infarct, 2 blood inside it.
    """
    each_mm3 = labels.voxel_volumes_mm3
    infarct = np.asarray(labels.data) != 0
    blood = np.asarray(labels.data) == LABEL_VALUE[Label.BLOOD_IN_INFARCT]
    return InfarctNumbers(
        infarct_volume_ml=_rounded(mask_volume_ml(infarct, each_mm3)),
        haemorrhage_in_infarct_ml=_rounded(mask_volume_ml(blood, each_mm3)),
        components=_components(labels, infarct),
        slice_areas_cm2=tuple(
            round(float(area), VOLUME_DECIMALS)
            for area in slice_areas_cm2(infarct, _pixel_mm2(labels))
        ),
    )


def _pixel_mm2(volume: Volume) -> float:
    return float(np.linalg.norm(np.cross(volume.affine[:3, 0], volume.affine[:3, 1])))


def _components(labels: Volume, infarct: NDArray[np.bool_]) -> tuple[Component, ...]:
    found = []
    for piece in pieces(infarct, labels.voxel_volumes_mm3):
        i, j, k = piece.centre
        origin = labels.slice_origin_mm(round(k) if labels.is_uneven else k)
        centre = origin + labels.affine[:3, :2] @ np.array([i, j])
        x, y, z = (round(float(value), 1) for value in centre)
        found.append(Component(volume_ml=_rounded(piece.volume_ml), centre_mm=(x, y, z)))
    return tuple(found)


def _rounded(value_ml: float) -> float:
    return round(value_ml, VOLUME_DECIMALS)
