"""Volumes to masks: brain and infarct, on the measured image's own grid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from corelab.diffusivity import are_comparable, diffusivity
from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.brain_ct import brain_mask_ct
from corelab.kernels.brain_mr import brain_mask_mr
from corelab.kernels.diffusion import adc_scale_to_mm2_s
from corelab.kernels.hounsfield import has_metal_near, has_usual_brain
from corelab.kernels.infarct import Infarct
from corelab.kernels.infarct_ct import CtParameters, segment_infarct_ct
from corelab.kernels.infarct_dwi import DwiImages, DwiParameters, segment_infarct_dwi
from corelab.kernels.orientation import from_ras, orientation_of, shear_of, to_ras
from corelab.kernels.reduction import bounding_box, float32_copy
from corelab.kernels.skull_gap import is_skull_open
from corelab.store.image import load_image, note_adc_scale
from corelab.store.layout import Layout
from corelab.store.nifti import save_volume
from corelab.vocab import (
    LABEL_VALUE,
    Case,
    Contrast,
    Derivation,
    Hemisphere,
    Label,
    Modality,
    QcFlag,
    SegmentationRecord,
)
from corelab.volume import Volume

METHOD = {Modality.NCCT: "ncct_mirror_ratio_4", Modality.DWI: "dwi_main_mode_3"}
_TILT_FLAG_DEG = 0.5
_GRID_TOLERANCE_MM = 0.5
Box = tuple[slice, slice, slice]
_NOWHERE: Box = (slice(0), slice(0), slice(0))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """Masks of one image on its own grid, and how they were made.

    ``infarct`` holds labels (1 infarct, 2 blood inside it); ``nested`` holds the sensitivity
    range (3 smallest mask, 2 and above the infarct, 1 and above the largest mask).
    """

    brain: Volume
    infarct: Volume
    nested: Volume
    record: SegmentationRecord


def segment_ct(image: Volume, parameters: CtParameters | None = None) -> Segmentation:
    """Segment the infarct on a non-contrast head CT.

    Parameters
    ----------
    image
        CT in HU, any axis order, slices axial.
    parameters
        Of the method; the kernel's documented ones when left out.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the image shows no head.
    """
    chosen = parameters or CtParameters()
    orientation = orientation_of(image.affine)
    spacing_mm = _permuted(image.spacing_mm, orientation.axes)
    hu = to_ras(image.data, orientation)
    brain = brain_mask_ct(hu, spacing_mm)
    shear = shear_of(image.affine, orientation)
    infarct, box = _cut_out(segment_infarct_ct(hu, brain, spacing_mm, chosen, shear=shear))
    doubts = {
        QcFlag.SKULL_OPEN: is_skull_open(hu, brain, spacing_mm),
        QcFlag.HU_UNUSUAL: not has_usual_brain(hu, brain),
        QcFlag.METAL_NEAR_BRAIN: has_metal_near(hu, brain),
    }
    flags = infarct.flags + tuple(flag for flag, is_so in doubts.items() if is_so)
    record = _record(Modality.NCCT, infarct._replace(flags=flags), chosen._asdict())
    return _segmentation(image, brain, (infarct, box), record)


def segment_dwi(
    dwi: Volume,
    adc: Volume | None = None,
    b0: Volume | None = None,
    *,
    b_value_s_mm2: float,
    flair: Volume | None = None,
    parameters: DwiParameters | None = None,
) -> Segmentation:
    """Segment the infarct on a diffusion trace image.

    Parameters
    ----------
    dwi
        Trace image, any axis order, slices axial.
    adc
        On the same grid, in any of the units 1, 1e-3 and 1e-6 mm²/s. Computed from ``b0``
        when left out.
    b0
        On the same grid.
    b_value_s_mm2
        Diffusion weighting of ``dwi``.
    flair
        FLAIR of the same visit on any grid; looked at where the visit is late.
    parameters
        Of the method; the kernel's documented ones when left out.

    Raises
    ------
    UnfitDataError
        ``grids_differ``, ``head_not_found`` or ``adc_unit_unknown``.
    """
    chosen = parameters or DwiParameters()
    orientation = orientation_of(dwi.affine)
    spacing_mm = _permuted(dwi.spacing_mm, orientation.axes)

    def beside(volume: Volume | None) -> NDArray[np.float32] | None:
        if volume is None:
            return None
        _require_same_grid(volume, dwi)
        return float32_copy(to_ras(volume.data, orientation))

    trace = float32_copy(to_ras(dwi.data, orientation))
    b0_data, adc_data = beside(b0), beside(adc)
    brain = brain_mask_mr(trace if b0_data is None else b0_data, spacing_mm)
    scale = None if adc_data is None else adc_scale_to_mm2_s(adc_data, brain)
    found = diffusivity(dwi, adc, b0, b_value_s_mm2=b_value_s_mm2, scale_to_mm2_s=scale)
    images = DwiImages(
        dwi=trace,
        adc_mm2_s=beside(found),
        b0=b0_data if b0 is not None and are_comparable(b0, dwi) else None,
        b_value_s_mm2=b_value_s_mm2,
        flair=_flair_on_grid(flair, dwi, chosen),
    )
    shear = shear_of(dwi.affine, orientation)
    infarct, box = _cut_out(segment_infarct_dwi(images, brain, spacing_mm, chosen, shear=shear))
    is_computed = found is not None and adc is None
    flags: tuple[QcFlag, ...] = (QcFlag.ADC_COMPUTED,) if is_computed else ()
    flags += _flags_of_bits(adc) + _flags_of_bits(b0) + infarct.flags
    used = chosen._asdict() | {"b_value_s_mm2": b_value_s_mm2}
    record = _record(Modality.DWI, infarct._replace(flags=flags), used)
    derivation = Derivation.COMPUTED_FROM_B0_AND_TRACE if is_computed else Derivation.AS_DELIVERED
    record = replace(
        record, adc_scale_to_mm2_s=scale, adc_derivation=None if found is None else derivation
    )
    return _segmentation(dwi, brain, (infarct, box), record)


def segment(
    case: Case, modality: Modality, layout: Layout, parameters: CtParameters | DwiParameters
) -> SegmentationRecord:
    """Segment the images of a case and write its masks.

    Parameters
    ----------
    case
        Whose images.
    modality
        What to segment on.
    layout
        Where images lie and masks go.
    parameters
        Of that modality's method.

    Returns
    -------
    SegmentationRecord
        How the masks were made.
    """
    made = _segment_case(case, modality, layout, parameters)
    save_volume(layout.brain_mask(case), made.brain)
    save_volume(layout.infarct_mask(case), made.infarct)
    save_volume(layout.range_mask(case), made.nested)
    if made.record.adc_scale_to_mm2_s is not None:
        note_adc_scale(layout.image(case, Contrast.ADC), made.record.adc_scale_to_mm2_s)
    return made.record


def _segment_case(
    case: Case, modality: Modality, layout: Layout, parameters: CtParameters | DwiParameters
) -> Segmentation:
    image = load_image(layout.image(case, modality.contrast))
    if isinstance(parameters, CtParameters):
        return segment_ct(image, parameters)
    b_value = image.acquisition.b_value_s_mm2 if image.acquisition else None
    if b_value is None:
        raise UnfitDataError(ReasonCode.B_VALUE_UNKNOWN, "the trace image carries no b-value")
    beside = {
        contrast: load_image(layout.image(case, contrast))
        for contrast in (Contrast.ADC, Contrast.B0, Contrast.FLAIR)
        if layout.image(case, contrast).exists()
    }
    return segment_dwi(
        image,
        beside.get(Contrast.ADC),
        beside.get(Contrast.B0),
        b_value_s_mm2=b_value,
        flair=beside.get(Contrast.FLAIR),
        parameters=parameters,
    )


def _flair_on_grid(
    flair: Volume | None, dwi: Volume, parameters: DwiParameters
) -> NDArray[np.float32] | None:
    """FLAIR on the trace's grid in RAS+ order, where it has a say and fits."""
    if flair is None or not parameters.is_late:
        return None
    from corelab.store.registration import onto_grid  # noqa: PLC0415 - slow, few visits are late

    brought = onto_grid(flair, dwi)
    return None if brought is None else to_ras(brought, orientation_of(dwi.affine))


def _record(
    modality: Modality, infarct: Infarct, parameters: Mapping[str, object]
) -> SegmentationRecord:
    return SegmentationRecord(
        modality=modality,
        method=METHOD[modality],
        parameters=_named_numbers(parameters),
        hemisphere=infarct.hemisphere if infarct.mask.any() else Hemisphere.NONE,
        flags=infarct.flags,
    )


def _named_numbers(parameters: Mapping[str, object]) -> tuple[tuple[str, float], ...]:
    """Every number by its name, those of a group as ``group.name``; unset ones left out."""
    found: list[tuple[str, float]] = []
    for name, value in parameters.items():
        if isinstance(value, int | float):
            found.append((name, float(value)))
        elif isinstance(value, tuple):
            found += _named_numbers({f"{name}.{part}": item for part, item in _parts(value)})
    return tuple(found)


def _parts(group: tuple[object, ...]) -> Iterable[tuple[str, object]]:
    names = getattr(group, "_fields", range(1, len(group) + 1))
    return zip(map(str, names), group, strict=True)


def _cut_out(infarct: Infarct) -> tuple[Infarct, Box]:
    """Masks where there is infarct, and where that is: whole ones take as much as the image."""
    box = bounding_box(infarct.high, (0, 0, 0)) if infarct.high.any() else _NOWHERE
    cut = infarct._replace(
        mask=infarct.mask[box].copy(order="K"),
        blood=infarct.blood[box].copy(order="K"),
        low=infarct.low[box].copy(order="K"),
        high=infarct.high[box].copy(order="K"),
    )
    return cut, box


def _segmentation(
    image: Volume,
    brain: NDArray[np.bool_],
    cut_out: tuple[Infarct, Box],
    record: SegmentationRecord,
) -> Segmentation:
    orientation = orientation_of(image.affine)
    infarct, box = cut_out
    labels = infarct.mask.astype(np.uint8) * np.uint8(LABEL_VALUE[Label.INFARCT])
    labels[infarct.blood] = LABEL_VALUE[Label.BLOOD_IN_INFARCT]
    nested = infarct.high.astype(np.uint8) + infarct.mask + infarct.low

    def on_grid(part: NDArray[np.uint8]) -> Volume:
        # Slices together in memory, as files have them: only where there is something to turn.
        whole = np.zeros(image.shape, dtype=np.uint8, order="F")
        to_ras(whole, orientation)[box] = part
        return image.with_data(whole)

    geometry = ((QcFlag.UNEVEN_SLICES,) if image.is_uneven else ()) + (
        (QcFlag.GANTRY_TILT,) if image.tilt_deg > _TILT_FLAG_DEG else ()
    )
    flags = record.flags + geometry + _flags_of_bits(image)
    return Segmentation(
        brain=image.with_data(from_ras(brain.view(np.uint8), orientation)),
        infarct=on_grid(labels),
        nested=on_grid(nested),
        record=replace(record, flags=tuple(dict.fromkeys(flags))),
    )


def _flags_of_bits(image: Volume | None) -> tuple[QcFlag, ...]:
    """Flag of an image whose pixel words held more than was said to be stored."""
    acquisition = None if image is None else image.acquisition
    is_told = acquisition is not None and acquisition.has_bits_outside
    return (QcFlag.BITS_OUTSIDE_STORED,) if is_told else ()


def _permuted(
    spacing_mm: tuple[float, float, float], axes: tuple[int, int, int]
) -> tuple[float, float, float]:
    return spacing_mm[axes[0]], spacing_mm[axes[1]], spacing_mm[axes[2]]


def _require_same_grid(volume: Volume, image: Volume) -> None:
    if not volume.same_grid(image, tolerance_mm=_GRID_TOLERANCE_MM):
        raise UnfitDataError(
            ReasonCode.GRIDS_DIFFER,
            f"images must lie on one grid, found {volume.shape} beside {image.shape} "
            f"or more than {_GRID_TOLERANCE_MM:g} mm apart",
        )
