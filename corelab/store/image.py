"""A blinded image and its sidecar: the pair that a case is measured on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from corelab.errors import StoreError
from corelab.store.files import Json, read_json, write_json
from corelab.store.layout import sidecar_of
from corelab.store.nifti import load_volume, save_volume
from corelab.vocab import Acquisition, Contrast, Derivation, ValueScale
from corelab.volume import Volume

_SIGNIFICANT_TILT_DEG = 0.01
_LOSSY = "01"


def save_image(path: Path, volume: Volume, remarks: Mapping[str, Json] | None = None) -> None:
    """Write an image with the sidecar that says how it was acquired.

    Parameters
    ----------
    path
        Where the image goes, its sidecar beside it.
    volume
        With its acquisition.
    remarks
        What else the sidecar says, of our own making.

    Raises
    ------
    StoreError
        When the volume does not say what it shows.
    """
    if volume.acquisition is None:
        raise StoreError(f"{path.name}: an image must say how it was acquired")
    save_volume(path, volume)
    write_json(sidecar_of(path), {**_sidecar(volume, volume.acquisition), **(remarks or {})})


def note_adc_scale(path: Path, scale_to_mm2_s: float) -> None:
    """Add to the sidecar of an ADC map in which unit it was found to be.

    Raises
    ------
    StoreError
        When the sidecar is absent or broken.
    """
    content = read_json(sidecar_of(path))
    write_json(sidecar_of(path), content | {"AdcScaleToMm2PerS": scale_to_mm2_s})


def is_told(path: Path) -> bool:
    """Whether a sidecar of :func:`save_image` lies beside an image.

    Other programs write such files too, without the one word that each of ours holds.

    Raises
    ------
    StoreError
        When a file lies there that is no sidecar at all.
    """
    sidecar = sidecar_of(path)
    return sidecar.is_file() and read_json(sidecar).get("Contrast") in list(Contrast)


def load_image(path: Path) -> Volume:
    """Read an image with its sidecar; uneven slices keep their positions.

    Raises
    ------
    StoreError
        When the sidecar is absent or broken.
    UnfitDataError
        When the image is.
    """
    content = read_json(sidecar_of(path))
    positions, scale = content.get("SlicePositionsMm"), content.get("ValueScale")
    directions = _number(content.get("DiffusionDirections"))
    volume = load_volume(path, None if positions is None else np.array(positions, dtype=np.float64))
    return Volume(
        data=volume.data,
        affine=volume.affine,
        slice_positions_mm=volume.slice_positions_mm,
        acquisition=Acquisition(
            contrast=Contrast(str(content["Contrast"])),
            kilovolts=_number(content.get("KVP")),
            b_value_s_mm2=_number(content.get("DiffusionBValue")),
            slice_thickness_mm=_number(content.get("SliceThickness")),
            value_scale=None if scale is None else ValueScale(str(scale)),
            derivation=Derivation(str(content.get("Derivation", Derivation.AS_DELIVERED))),
            n_directions=None if directions is None else int(directions),
            adc_scale_to_mm2_s=_number(content.get("AdcScaleToMm2PerS")),
            decoder=_text(content.get("Decoder")),
            is_lossy=content.get("LossyImageCompression") == _LOSSY,
            has_bits_outside=content.get("BitsOutsideStored") is True,
        ),
    )


def _sidecar(volume: Volume, acquisition: Acquisition) -> dict[str, Json]:
    content: dict[str, Json] = {
        "Contrast": acquisition.contrast.value,
        "KVP": acquisition.kilovolts,
        "DiffusionBValue": acquisition.b_value_s_mm2,
        "SliceThickness": acquisition.slice_thickness_mm,
        "ValueScale": acquisition.value_scale,
        "Derivation": acquisition.derivation.value,
        "DiffusionDirections": acquisition.n_directions,
        "AdcScaleToMm2PerS": acquisition.adc_scale_to_mm2_s,
        "SpacingBetweenSlices": round(volume.spacing_mm[2], 6),
        "Decoder": acquisition.decoder,
    }
    if acquisition.is_lossy:
        content["LossyImageCompression"] = _LOSSY
    if acquisition.has_bits_outside:
        content["BitsOutsideStored"] = True
    if volume.tilt_deg > _SIGNIFICANT_TILT_DEG:
        content["GantryTiltDegrees"] = round(volume.tilt_deg, 4)
    if volume.slice_positions_mm is not None:
        content["SlicePositionsMm"] = [round(float(p), 6) for p in volume.slice_positions_mm]
    return {name: value for name, value in content.items() if value is not None}


def _text(value: Json) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Json) -> float | None:
    return float(value) if isinstance(value, int | float) else None
