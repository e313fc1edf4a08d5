"""One NIfTI image without a trial: mask, read and mosaic beside each other."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from corelab.diffusivity import diffusivity
from corelab.errors import ConfigError, Fault
from corelab.kernels.detection import is_below_detection
from corelab.kernels.infarct_dwi import DwiParameters
from corelab.stages.measure import measurement_of, swelling_of
from corelab.stages.overlay import mosaic_of
from corelab.stages.segment import Segmentation, segment_ct, segment_dwi
from corelab.store.files import Json, write_bytes, write_json
from corelab.store.image import is_told, load_image
from corelab.store.mosaic_request import panels_of, texts_of
from corelab.store.nifti import load_volume, save_volume
from corelab.store.png import encode_png
from corelab.vocab import Acquisition, Contrast, Measurement, Modality, QcFlag
from corelab.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRequest:
    """Which files, the b-value that makes the image a DWI, and the hours from onset."""

    image: Path
    out: Path
    adc: Path | None
    b0: Path | None
    b_value_s_mm2: float | None
    flair: Path | None = None
    hours_from_onset: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentResult:
    """The numbers, and where the files are."""

    measurement: Measurement
    mask: Path
    mosaic: Path
    flags: tuple[QcFlag, ...]


def segment_file(request: SegmentRequest) -> SegmentResult:
    """Segment one image and write mask, mosaic and, last of all, the read.

    Raises
    ------
    ConfigError
        When what goes with a DWI is given without the b-value.
    UnfitDataError
        When an image cannot be measured; no older result of the same name stays then.
    StoreError
        When the folder cannot be written to.
    """
    _require_b_value(request)
    is_dwi = request.b_value_s_mm2 is not None
    contrast = Contrast.DWI if is_dwi else Contrast.CT
    stem = request.image.name.removesuffix(".gz").removesuffix(".nii")
    mask = request.out / f"{stem}_desc-infarct_mask.nii.gz"
    read = request.out / f"{stem}_desc-infarct_read.json"
    mosaic = request.out / f"{stem}_desc-infarct_qa.png"
    for older in (read, mask, mosaic):
        older.unlink(missing_ok=True)
    image = _with_b_value(_load(request.image, contrast), request.b_value_s_mm2)
    adc = _load(request.adc, Contrast.ADC) if request.adc else None
    b0 = _load(request.b0, Contrast.B0) if request.b0 else None
    made = _segmented(request, image, adc, b0)
    measurement = _measured(made, image, adc, b0)
    if is_below_detection(measurement.infarct_volume_ml, made.record.modality):
        flags = tuple(dict.fromkeys((*made.record.flags, QcFlag.BELOW_DETECTION)))
        made = replace(made, record=replace(made.record, flags=flags))
    save_volume(mask, made.infarct)
    write_bytes(mosaic, _mosaic(image, adc, made, measurement=measurement, title=stem))
    write_json(read, _read(made, measurement))
    return SegmentResult(measurement=measurement, mask=mask, mosaic=mosaic, flags=made.record.flags)


def _require_b_value(request: SegmentRequest) -> None:
    beside = request.adc or request.b0 or request.flair
    if request.b_value_s_mm2 is None and (beside or request.hours_from_onset is not None):
        fault = Fault(
            key="--bvalue",
            found="none",
            expected="the b-value of the DWI that --adc, --b0, --flair and --hours go with",
        )
        raise ConfigError("segment", (fault,))


def _segmented(
    request: SegmentRequest, image: Volume, adc: Volume | None, b0: Volume | None
) -> Segmentation:
    if request.b_value_s_mm2 is None:
        return segment_ct(image)
    return segment_dwi(
        image,
        adc,
        b0,
        b_value_s_mm2=request.b_value_s_mm2,
        flair=_load(request.flair, Contrast.FLAIR) if request.flair else None,
        parameters=DwiParameters(hours_from_onset=request.hours_from_onset),
    )


def _measured(
    made: Segmentation, image: Volume, adc: Volume | None, b0: Volume | None
) -> Measurement:
    record, masks = made.record, {"labels": made.infarct, "brain": made.brain}
    shown: Volume | None = image
    if record.modality is Modality.DWI:
        b_value = image.acquisition.b_value_s_mm2 if image.acquisition else None
        scale = record.adc_scale_to_mm2_s
        shown = diffusivity(image, adc, b0, b_value_s_mm2=b_value, scale_to_mm2_s=scale)
    swelling = swelling_of(
        shown,
        record.modality,
        hemisphere=record.hemisphere,
        **masks,
    )
    return replace(measurement_of(nested=made.nested, **masks), swelling=swelling)


def _load(path: Path, contrast: Contrast) -> Volume:
    """Image in the role that the request gives it, with all that our own sidecar tells of it."""
    image = load_image(path) if is_told(path) else load_volume(path)
    acquisition = image.acquisition or Acquisition(contrast=contrast)
    return replace(image, acquisition=replace(acquisition, contrast=contrast))


def _with_b_value(image: Volume, b_value_s_mm2: float | None) -> Volume:
    """Image weighted as the request says, whatever its sidecar does."""
    if image.acquisition is None or b_value_s_mm2 is None:
        return image
    acquisition = replace(image.acquisition, b_value_s_mm2=b_value_s_mm2)
    return replace(image, acquisition=acquisition)


def _read(made: Segmentation, measurement: Measurement) -> dict[str, Json]:
    numbers: dict[str, Json] = dict(asdict(measurement))
    parameters: dict[str, Json] = dict(made.record.parameters)
    return {
        "reader": "auto",
        "modality": made.record.modality.value,
        "measurement": numbers,
        "hemisphere": made.record.hemisphere.value,
        "qc_flags": list(made.record.flags),
        "method": made.record.method,
        "parameters": parameters,
        "adc_scale_to_mm2_s": made.record.adc_scale_to_mm2_s,
    }


def _mosaic(
    image: Volume,
    adc: Volume | None,
    made: Segmentation,
    *,
    measurement: Measurement,
    title: str,
) -> bytes:
    brain = np.asarray(made.brain.data, dtype=np.uint8)
    return encode_png(
        mosaic_of(
            panels=panels_of(image, adc, made.record.adc_scale_to_mm2_s, brain),
            labels=made.infarct,
            brain=brain,
            title=title,
            texts=texts_of(measurement, made.record.modality, made.record.flags),
        )
    )
