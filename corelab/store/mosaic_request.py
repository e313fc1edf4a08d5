"""What the mosaic of a case is drawn from: its images and masks on disk, brought to one order."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.measure import MM3_PER_ML
from corelab.kernels.orientation import Orientation, orientation_of, to_ras
from corelab.kernels.ranks import percentile
from corelab.kernels.reduction import values_in
from corelab.store.image import load_image
from corelab.store.layout import Layout
from corelab.store.mosaic import MosaicRequest, Panel
from corelab.store.nifti import load_mask
from corelab.vocab import LABEL_VALUE, Contrast, Label, Measurement, Modality, QcFlag, Read
from corelab.volume import Volume

CT_LEVEL_HU, CT_WIDTH_HU = 35.0, 40.0
ADC_WHITE_MM2_S = 2000e-6
_DWI_WHITE_PERCENTILE = 99.7


def mosaic_request(read: Read, layout: Layout) -> MosaicRequest:
    """Return what a case's mosaic shows.

    Parameters
    ----------
    read
        Whose numbers and flags stand in the header.
    layout
        Where images and masks lie.
    """
    case = read.case
    image = load_image(layout.image(case, read.modality.contrast))
    adc_path = layout.image(case, Contrast.ADC)
    adc = load_image(adc_path) if read.modality is Modality.DWI and adc_path.exists() else None
    brain = load_mask(layout.brain_mask(case), image)
    return request_of(
        panels=panels_of(image, adc, read.adc_scale_to_mm2_s, brain),
        labels=image.with_data(load_mask(layout.infarct_mask(case), image)),
        brain=brain,
        title=f"{case.subject_code}   {case.visit}",
        texts=texts_of(read.measurement, read.modality, read.qc_flags),
    )


def request_of(
    *,
    panels: tuple[Panel, ...],
    labels: Volume,
    brain: NDArray[np.uint8],
    title: str,
    texts: tuple[str, str, str],
) -> MosaicRequest:
    """Bring to a picture's order what lies on one grid.

    Parameters
    ----------
    panels
        From :func:`panels_of`.
    labels
        Infarct labels on the grid that was acquired.
    brain : (I, J, K) array
        Brain mask on that grid.
    title
        Subject code and visit, or a file's name.
    texts
        Volume, window and flags, from :func:`texts_of`.
    """
    orientation = orientation_of(labels.affine)
    values = to_ras(np.asarray(labels.data), orientation)
    volume_text, window_text, flags_text = texts
    i, j, k = (labels.spacing_mm[axis] for axis in orientation.axes)
    return MosaicRequest(
        panels=panels,
        mask=values != 0,
        brain=to_ras(brain, orientation) != 0,
        blood=values == LABEL_VALUE[Label.BLOOD_IN_INFARCT],
        spacing_mm=(i, j, k),
        slice_positions_mm=_positions(labels, orientation),
        slice_volumes_ml=_slice_volumes_ml(labels, orientation),
        title=title,
        volume_text=volume_text,
        window_text=window_text,
        flags_text=flags_text,
    )


def panels_of(
    image: Volume, adc: Volume | None, adc_scale: float | None, brain: NDArray[np.uint8]
) -> tuple[Panel, ...]:
    """Images of a mosaic with their windows, in RAS+ order.

    Parameters
    ----------
    image
        The measured image; a CT when it carries no ADC and holds air.
    adc
        Shown beside a DWI.
    adc_scale
        From the ADC's own unit to mm²/s.
    brain : (I, J, K) array
        Where the DWI's brightness is judged.
    """
    orientation = orientation_of(image.affine)
    shown = to_ras(image.data, orientation)
    if image.acquisition and image.acquisition.contrast is Contrast.CT:
        low, high = CT_LEVEL_HU - CT_WIDTH_HU / 2, CT_LEVEL_HU + CT_WIDTH_HU / 2
        window = f"W {CT_WIDTH_HU:.0f} L {CT_LEVEL_HU:.0f}"
        ct = Panel(image=shown, name="CT", window_low=low, window_high=high, window_text=window)
        return (ct,)
    inside = values_in(shown, to_ras(brain, orientation) != 0).astype(np.float32)
    white = float(percentile(inside, _DWI_WHITE_PERCENTILE)) if inside.size else 1.0
    dwi = Panel(
        image=shown,
        name="DWI",
        window_low=0.0,
        window_high=white,
        window_text=f"0 to {white:.4g}",
    )
    if adc is None or adc_scale is None:
        return (dwi,)
    # The window is brought to the map's unit, not the whole map to the window's.
    map_ = to_ras(adc.data, orientation)
    return dwi, Panel(
        image=map_,
        name="ADC",
        window_low=0.0,
        window_high=ADC_WHITE_MM2_S / adc_scale,
        window_text=f"0 to {ADC_WHITE_MM2_S:g} mm2/s",
    )


def texts_of(
    measurement: Measurement, modality: Modality, flags: tuple[QcFlag, ...]
) -> tuple[str, str, str]:
    """Volume, window and flags as the header of a mosaic says them."""
    low, high = measurement.infarct_volume_low_ml, measurement.infarct_volume_high_ml
    volume = measurement.infarct_volume_ml
    volume_text = f"infarct {volume:.1f} mL" + (f" ({low:.1f} to {high:.1f})" if high else "")
    if measurement.haemorrhage_in_infarct_ml > 0:
        volume_text += f", blood inside {measurement.haemorrhage_in_infarct_ml:.1f} mL"
    window = (
        f"window {CT_WIDTH_HU:.0f} HU, level {CT_LEVEL_HU:.0f} HU"
        if modality is Modality.NCCT
        else "DWI up to its brightest in the brain, ADC 0 to 0.002 mm2/s"
    )
    return volume_text, window, ", ".join(flag.replace("_", " ") for flag in flags)


def _positions(volume: Volume, orientation: Orientation) -> NDArray[np.float64]:
    """Distance along the slices' own axis, from the lowest slice, (K,) mm."""
    axis = orientation.axes[2]
    if axis != 2:  # noqa: PLR2004 - k is the slice axis
        return np.asarray(np.arange(volume.shape[axis]) * volume.spacing_mm[axis], np.float64)
    heights = volume.slab_heights_mm
    stored = volume.slice_positions_mm
    positions = np.arange(volume.shape[2]) * heights[0] if stored is None else stored
    ordered = positions[::-1] if orientation.flips[2] else positions
    return np.asarray(np.abs(ordered - ordered[0]), np.float64)


def _slice_volumes_ml(labels: Volume, orientation: Orientation) -> NDArray[np.float64]:
    """Volume of all labels in each slice of the picture, (K,) mL.

    Slabs of uneven heights lie along the acquired k, whichever way the picture is cut.
    """
    voxels_ml = labels.voxel_volumes_mm3 / MM3_PER_ML
    axis = orientation.axes[2]
    counts = np.count_nonzero(labels.data, axis=tuple(other for other in (0, 1) if other != axis))
    volumes = counts * voxels_ml if axis == 2 else counts @ voxels_ml  # noqa: PLR2004 - k
    return np.asarray(volumes[::-1] if orientation.flips[2] else volumes, np.float64)
