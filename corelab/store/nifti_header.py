"""The nibabel door: a volume's place and type to and from a NIfTI-1 header.

Two places hold the geometry (sform and qform), a third its spacing (pixdim), and readers differ
in which they believe. What is written is the same in all of them; what is read must be.
https://nifti.nimh.nih.gov/pub/dist/src/niftilib/nifti1.h
"""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import product
from typing import NamedTuple

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.volume import POSITION_TOLERANCE_MM, Volume

HEADER_BYTES = 352
"""Header (348) and the four bytes that say that no extension follows."""

LARGEST_IMAGE_BYTES = 1 << 30
"""No head image is larger; a header that says so is not allocated for."""

_BLOCK_BYTES = 348
_SCANNER = 1
_MILLIMETRES = 2
_UNIT_UNKNOWN = 0
_GEOMETRY_TOLERANCE = 1e-3
_WRITTEN_TOLERANCE = 1e-4
_PLACE_TOLERANCE_MM = 0.1
_DIMENSIONS = 3
_WIDEST_NUMBER_BYTES = 8
_FARTHEST_OFFSET = 1 << 24


class ImageHeader(NamedTuple):
    """What a reader needs of a header, checked.

    ``slope`` and ``intercept`` are 1 and 0 where the header sets no scale.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    offset: int
    slope: float
    intercept: float
    affine: NDArray[np.float64]

    @property
    def voxel_bytes(self) -> int:
        """Size of the voxels before compression."""
        return math.prod(self.shape) * self.dtype.itemsize


def write_header(volume: Volume) -> bytes:
    """Header of a volume: mm, no scale, no text.

    The sform holds the affine. The qform holds it too, but stays unset where its rotation
    and spacings cannot: under shear, or where its rounded quaternion would move a corner.
    """
    header = nib.Nifti1Header()
    header.set_data_dtype(volume.data.dtype)
    header.set_data_shape(volume.shape)
    header.set_data_offset(HEADER_BYTES)
    header.set_xyzt_units("mm")
    header.set_slope_inter(1.0, 0.0)
    header.set_sform(volume.affine, code=_SCANNER)
    header.set_qform(volume.affine, code=_SCANNER)
    if not _is_held(volume, header.get_qform()):
        header["qform_code"] = 0
    return bytes(header.binaryblock) + bytes(HEADER_BYTES - _BLOCK_BYTES)


def read_header(raw: bytes) -> ImageHeader:
    """Read the first bytes of a file and check what they say.

    Parameters
    ----------
    raw
        At least the first 348 bytes.

    Raises
    ------
    UnfitDataError
        ``image_invalid`` when this is no header of one NIfTI-1 file, when it describes no 3-D
        image of plain numbers, or when it says two things about where the image is.
    """
    if len(raw) < _BLOCK_BYTES:
        _refuse(f"the file is not a complete NIfTI image: {len(raw)} bytes, a header has 348")
    header = nib.Nifti1Header(raw[:_BLOCK_BYTES], check=False)
    if int(header["sizeof_hdr"]) != _BLOCK_BYTES or header["magic"].item() != b"n+1":
        _refuse("the file is not a complete NIfTI image: it has no header of a NIfTI-1 file")
    slope, intercept = _scale(header)
    return ImageHeader(
        shape=_shape(header),
        dtype=_dtype(header),
        offset=_offset(header),
        slope=slope,
        intercept=intercept,
        affine=_affine(header),
    )


def _shape(header: nib.Nifti1Header) -> tuple[int, ...]:
    count = int(header["dim"][0])
    shape = tuple(int(n) for n in header["dim"][1 : count + 1])
    if min(shape, default=0) < 1:
        _refuse(f"an image needs at least one voxel along each axis, found shape {shape}")
    if len(shape) < _DIMENSIONS or any(n != 1 for n in shape[_DIMENSIONS:]):
        _refuse(f"an image needs three axes, found shape {shape}")
    return shape[:_DIMENSIONS]


def _dtype(header: nib.Nifti1Header) -> np.dtype[np.generic]:
    code = int(header["datatype"])
    dtype: np.dtype[np.generic] = np.dtype(np.void)
    with suppress(KeyError):
        dtype = np.dtype(header.get_data_dtype())
    if dtype.kind not in "iuf" or dtype.itemsize > _WIDEST_NUMBER_BYTES:
        _refuse(f"voxels must be single whole or real numbers, found data type code {code}")
    return dtype


def _offset(header: nib.Nifti1Header) -> int:
    offset = float(header["vox_offset"])
    if not HEADER_BYTES <= offset <= _FARTHEST_OFFSET or not offset.is_integer():
        _refuse(
            f"the voxels start at byte {offset:g}, expected {HEADER_BYTES} to {_FARTHEST_OFFSET}"
        )
    return int(offset)


def _scale(header: nib.Nifti1Header) -> tuple[float, float]:
    """Slope and intercept; a slope of 0 sets no scale."""
    slope, intercept = float(header["scl_slope"]), float(header["scl_inter"])
    if not np.isfinite([slope, intercept]).all():
        _refuse("the scale of the voxels (slope, intercept) is no finite number")
    return (slope, intercept) if slope else (1.0, 0.0)


def _affine(header: nib.Nifti1Header) -> NDArray[np.float64]:
    """Affine to RAS+ mm; lengths without a unit are taken as mm, as every common tool does."""
    unit = int(header["xyzt_units"]) & 7
    if unit not in {_UNIT_UNKNOWN, _MILLIMETRES}:
        _refuse(f"lengths must be in mm (unit code 2), found unit code {unit}")
    spacing_mm = np.array(header["pixdim"][1:4], dtype=np.float64)
    if not np.isfinite(spacing_mm).all() or (spacing_mm <= 0).any():
        _refuse("the voxel spacing (pixdim) must be three positive finite numbers")
    sform = header.get_sform() if int(header["sform_code"]) else None
    qform = _qform(header) if int(header["qform_code"]) else None
    found = sform if sform is not None else qform
    if found is None:
        _refuse("the file says nothing of its place in the world (sform and qform codes are 0)")
    affine = np.asarray(found, dtype=np.float64)
    if not np.isfinite(affine).all():
        _refuse("the place in the world (sform) holds values that are no finite numbers")
    if qform is not None:
        _check_agreement(affine, qform)
    _check_spacing(affine, spacing_mm)
    return affine


def _qform(header: nib.Nifti1Header) -> NDArray[np.float64]:
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # the standard: 0 is read as 1
    try:
        qform = np.asarray(header.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        qform = np.full((4, 4), np.nan)
    if not np.isfinite(qform).all():
        _refuse("the place in the world (qform) is no rotation with finite numbers")
    return qform


def _check_spacing(affine: NDArray[np.float64], spacing_mm: NDArray[np.float64]) -> None:
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if (np.abs(lengths - spacing_mm) > _GEOMETRY_TOLERANCE * spacing_mm).any():
        said, found = (" x ".join(f"{n:.4g}" for n in triple) for triple in (spacing_mm, lengths))
        _refuse(f"the header gives voxels of {said} mm, its affine {found} mm")


def _check_agreement(sform: NDArray[np.float64], qform: NDArray[np.float64]) -> None:
    apart = np.abs(sform - qform)[:3]
    if apart[:, :3].max() > _GEOMETRY_TOLERANCE * np.abs(sform[:3, :3]).max():
        _refuse("sform and qform disagree by more than 0.1 %")
    if apart[:, 3].max() > _PLACE_TOLERANCE_MM:
        _refuse(f"sform and qform disagree by {apart[:, 3].max():.2f} mm about the first voxel")


def _is_held(volume: Volume, qform: NDArray[np.float64]) -> bool:
    """Whether a qform says what the affine says, at every corner of the volume."""
    apart = qform - volume.affine
    corners = np.array(list(product(*((0, n - 1) for n in volume.shape))), dtype=np.float64)
    moved = corners @ apart[:3, :3].T + apart[:3, 3]
    matrix_limit = _WRITTEN_TOLERANCE * np.abs(volume.affine[:3, :3]).max()
    return bool(
        np.abs(apart[:3, :3]).max() <= matrix_limit
        and np.linalg.norm(moved, axis=1).max() <= POSITION_TOLERANCE_MM
    )


def _refuse(message: str) -> None:
    raise UnfitDataError(ReasonCode.IMAGE_INVALID, message)
