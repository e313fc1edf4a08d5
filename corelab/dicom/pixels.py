"""Decoded, rescaled values of a series on its grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.decode import PixelFile, decoded_slices, decoder_name, open_pixels
from corelab.dicom.opinion import check_decoding
from corelab.dicom.padding import padding_to_air
from corelab.dicom.reading import BEYOND_HEADER, CONTRARY, Reading, Words
from corelab.errors import ReasonCode, UnfitDataError, at_most
from corelab.kernels.hounsfield import AIR_HU
from corelab.series import Frame, Grid, Series, Stack

_HIGHEST_HU = int(np.iinfo(np.int16).max)
_TOLD_HU = 100_000
_LARGEST_STACK_BYTES = 4 * 2**30
_SHORT_WORD_BYTES = 2
_CT = "CT"


def load(series: Series) -> Stack:
    """Pixels of a series, decoded, rescaled and laid on its grid.

    Parameters
    ----------
    series
        A part without refusal.

    Returns
    -------
    Stack
        ``data[i, j, k]`` lies at ``grid.affine @ (i, j, k, 1)``. The memory runs i fastest
        and k slowest (Fortran order), which is the order of NIfTI files. CT: int16 HU;
        declared padding and what is below -1024 (padding of -2000 or -3024 outside the scan
        circle, noise in air) become -1024. MR: float32, slope x stored + intercept of each slice.

    Raises
    ------
    UnfitDataError
        The series' own refusal; ``pixels_undecodable``, ``pixels_truncated``,
        ``lossy_pixels``, ``decoders_disagree``, ``rescale_invalid`` where HU leave their range,
        ``size_beyond_scanner``.
    """
    if series.refusal is not None:
        refusal = series.refusal
        raise UnfitDataError(refusal.reason, refusal.message, evidence=refusal.evidence)
    if series.grid is None:
        raise UnfitDataError(ReasonCode.GEOMETRY_ABSENT, "the series has no grid")
    data = _empty(series.grid, is_ct=series.modality == _CT)
    decoder = decoder_name(series.transfer_syntax_uid)
    checked = len(series.frames) // 2
    readings: set[Reading] = set()
    for k, stored, file in _slices(series):
        frame = series.frames[k]
        _lay(_unpadded(stored, file, frame) if series.modality == _CT else stored, frame, data[k])
        readings |= file.readings
        if k == checked and not file.is_native:
            decoder = f"{decoder}, agrees with {_second_decoder(file, frame)}"
    return Stack(
        series=series,
        data=data.transpose(2, 1, 0),
        decoder=", ".join([decoder, *sorted(_consistent(readings))]),
        has_bits_outside=bool(readings & BEYOND_HEADER),
    )


def _empty(grid: Grid, *, is_ct: bool) -> NDArray[np.int16] | NDArray[np.float32]:
    i, j, k = grid.shape
    if i * j * k * np.dtype(np.float32).itemsize > _LARGEST_STACK_BYTES:
        message = f"{i} x {j} x {k} voxels exceed {_LARGEST_STACK_BYTES // 2**30} GB"
        raise UnfitDataError(ReasonCode.SIZE_BEYOND_SCANNER, message)
    if is_ct:
        return np.empty((k, j, i), dtype=np.int16)
    return np.empty((k, j, i), dtype=np.float32)


def _slices(series: Series) -> Iterator[tuple[int, Words, PixelFile]]:
    """Yield k, stored values and file of every slice, each file opened once."""
    places: dict[Path, list[int]] = defaultdict(list)
    for k, frame in enumerate(series.frames):
        places[frame.path].append(k)
    for path, slots in places.items():
        file = open_pixels(path)
        indices = [series.frames[k].index for k in slots]
        for k, stored in zip(slots, decoded_slices(file, indices), strict=True):
            yield k, stored, file


def _lay(stored: Words, frame: Frame, out: NDArray[np.int16] | NDArray[np.float32]) -> None:
    """Rescale one slice into its place, (J, I)."""
    slope, intercept = frame.rescale_slope, frame.rescale_intercept
    if out.dtype == np.float32:
        out[...] = stored if (slope, intercept) == (1, 0) else stored * slope + intercept
        return
    if slope == 1 and intercept.is_integer() and stored.itemsize <= _SHORT_WORD_BYTES:
        hounsfield = stored.astype(np.int32) + int(intercept)
        _check_range(float(hounsfield.max()))
        np.maximum(hounsfield, AIR_HU, out=out, casting="same_kind")
        return
    scaled = np.rint(stored * slope + intercept)
    _check_range(float(scaled.max()))
    out[...] = np.maximum(scaled, AIR_HU)


def _unpadded(stored: Words, file: PixelFile, frame: Frame) -> Words:
    slope, intercept = frame.rescale_slope, frame.rescale_intercept
    return padding_to_air(stored, file.padding, slope=slope, intercept=intercept)


def _consistent(readings: set[Reading]) -> set[Reading]:
    """Check that the slices' readings do not contradict each other."""
    if readings >= CONTRARY:
        message = "header and pixels contradict each other, from slice to slice differently"
        raise UnfitDataError(ReasonCode.PIXELS_UNDECODABLE, message)
    return readings


def _check_range(highest_hu: float) -> None:
    if highest_hu > _HIGHEST_HU:
        message = f"the highest HU is {at_most(highest_hu, _TOLD_HU, '.0f')}, {_HIGHEST_HU} allowed"
        raise UnfitDataError(ReasonCode.RESCALE_INVALID, message)


def _second_decoder(file: PixelFile, frame: Frame) -> str:
    """Name of the second decoder that agrees on the whole frame a slice comes from."""
    index = frame.index if file.tiling is None else 0
    return check_decoding(file, index)
