"""The nibabel door: volumes to and from ``.nii.gz``.

What is written holds geometry and voxels only: no text, no gzip name, no time. What is read
must say one thing about its geometry, or it is refused.
"""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import igzip, isal_zlib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from corelab.errors import ReasonCode, UnfitDataError
from corelab.store.files import write_bytes
from corelab.volume import Volume

_SCANNER = 1
_MILLIMETRES = 2
_GEOMETRY_TOLERANCE = 1e-3
_MICROMETRES_TO_MM = 1e-3
_DIMENSIONS = 3


def save_volume(path: Path, volume: Volume) -> None:
    """Write a volume; a sheared grid gets an sform only, since a qform cannot hold shear.

    Level 1 of Intel's ISA-L: 22 to 27 times faster than zlib's default, 8 to 18 % larger.
    """
    image = nib.Nifti1Image(np.asarray(volume.data), volume.affine)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1.0, 0.0)
    image.set_sform(volume.affine, code=_SCANNER)
    image.set_qform(volume.affine, code=0 if _is_sheared(volume.affine) else _SCANNER)
    write_bytes(path, igzip.compress(image.to_bytes(), compresslevel=1, mtime=0))


def load_volume(path: Path, slice_positions_mm: NDArray[np.float64] | None = None) -> Volume:
    """Read a volume: integers as stored, anything scaled or floating as float32.

    Raises
    ------
    UnfitDataError
        ``image_invalid`` when the file is no complete 3-D NIfTI image, when sform and qform
        differ by more than 0.1 %, when the unit is not mm or a number is not finite.
    """
    content = _read_whole(path)
    try:
        image = nib.Nifti1Image.from_bytes(content)
        data = _voxels(image)
    except (HeaderDataError, ImageFileError, WrapStructError, ValueError, OSError) as error:
        raise UnfitDataError(
            ReasonCode.IMAGE_INVALID, "the file is not a complete NIfTI image", evidence=str(error)
        ) from error
    return Volume(data=data, affine=_affine(image), slice_positions_mm=slice_positions_mm)


def load_mask(path: Path, like: Volume) -> NDArray[np.uint8]:
    """Read the labels of a mask that lies on the grid of another volume.

    Raises
    ------
    UnfitDataError
        ``grids_differ`` when it lies elsewhere, ``image_invalid`` when its values are no labels.
    """
    mask = load_volume(path, like.slice_positions_mm)
    if not mask.same_grid(like):
        raise UnfitDataError(
            ReasonCode.GRIDS_DIFFER,
            f"mask {mask.shape} lies on another grid than image {like.shape}",
        )
    labels = mask.data.astype(np.uint8)
    if not np.array_equal(labels, mask.data):
        raise UnfitDataError(ReasonCode.IMAGE_INVALID, "mask values must be whole numbers 0 to 255")
    return labels


def _read_whole(path: Path) -> bytes:
    content = path.read_bytes()
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return bytes(igzip.decompress(content))
    except (
        EOFError,
        gzip.BadGzipFile,
        isal_zlib.error,  # type: ignore[misc]  # its stub calls the class an instance
    ) as error:
        raise UnfitDataError(
            ReasonCode.IMAGE_INVALID, "the gzip stream is cut or broken", evidence=str(error)
        ) from error


def _voxels(image: nib.Nifti1Image) -> NDArray[np.generic]:
    shape = image.shape
    if len(shape) > _DIMENSIONS and all(n == 1 for n in shape[_DIMENSIONS:]):
        shape = shape[:_DIMENSIONS]
    slope, intercept = image.dataobj.slope, image.dataobj.inter
    stored = np.asarray(image.dataobj.get_unscaled())
    if (slope, intercept) == (1.0, 0.0) and stored.dtype.kind in "iu":
        return stored.reshape(shape, order="F")
    values = np.asarray(stored.reshape(shape, order="F"), dtype=np.float32)
    if not np.isfinite(values).all():
        _refuse("the image holds values that are no finite numbers")
    return np.asarray(values * np.float32(slope) + np.float32(intercept))


def _affine(image: nib.Nifti1Image) -> NDArray[np.float64]:
    header = image.header
    sform, sform_code = header.get_sform(coded=True)
    qform, qform_code = header.get_qform(coded=True)
    if not sform_code and not qform_code:
        _refuse("the file says nothing of its place in the world (sform and qform codes are 0)")
    if sform_code and qform_code and not _is_sheared(sform):
        scale = np.abs(sform[:3, :3]).max()
        if np.abs(sform - qform)[:3, :3].max() > _GEOMETRY_TOLERANCE * scale:
            _refuse("sform and qform disagree by more than 0.1 %")
    unit = int(header["xyzt_units"]) & 7
    if unit not in {0, _MILLIMETRES}:
        _refuse(f"lengths must be in mm (unit code 2), found unit code {unit}")
    return np.asarray(sform if sform_code else qform, dtype=np.float64)


def _is_sheared(affine: NDArray[np.float64]) -> bool:
    columns = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(columns.T @ columns - np.eye(3)).max() > _GEOMETRY_TOLERANCE)


def _refuse(message: str) -> None:
    raise UnfitDataError(ReasonCode.IMAGE_INVALID, message)
