"""What corelab makes of folders of real scans, checked voxel by voxel against plain pydicom.

``python -m benchmarks.coverage FOLDER`` takes each folder below FOLDER (or its folder
``dicom``) as one set and prints a line a set: how many series were read right, which were
refused and why, and which are WRONG.
The check shares nothing with corelab's reader: positions, orientation, spacing and rescale
are taken from pydicom's own elements, pixels from its own decoder, Siemens mosaics from
nibabel. Philips signal images must be floating point values, DV / (RS x SS).
"""

from __future__ import annotations

import gzip
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
from nibabel.nicom import dicomwrappers
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from benchmarks.contest import table
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.errors import UnfitDataError
from corelab.kernels.hounsfield import AIR_HU
from corelab.series import Series
from corelab.volume import Volume

FARTHEST_MM = 0.01
LARGEST_RELATIVE = 1e-6
_PHILIPS_FRAME, _SCALE_SLOPE = (0x2005, 0x140F), (0x2005, 0x100E)
_LPS_TO_RAS = np.array([-1.0, -1.0, 1.0])


def outcome_of(series: Series) -> str:
    """Return ``ok``, ``not checked`` (a sheet of tiles), a refusal's reason, or what is wrong."""
    if series.refusal is not None:
        return f"refuses: {series.refusal.reason}"
    try:
        stack = load(series)
    except UnfitDataError as error:
        return f"refuses: {error.reason}"
    grid = stack.series.grid
    if grid is None:
        return "WRONG: read without a grid"
    positions = grid.slice_positions_mm
    volume = Volume(
        data=stack.data,
        affine=np.array(grid.affine),
        slice_positions_mm=None if positions is None else np.array(positions),
    )
    opened: dict[Path, Dataset] = {}
    for k, frame in enumerate(series.frames):
        if frame.path not in opened:
            opened[frame.path] = _opened(frame.path)
        dataset = opened[frame.path]
        words = set(dataset.get("ImageType", ()))
        if "VFRAME" in words:
            return "not checked"
        is_mosaic = "MOSAIC" in words and "PerFrameFunctionalGroupsSequence" not in dataset
        fault = (_mosaic_fault if is_mosaic else _fault)(volume, k, dataset, frame.index)
        if fault:
            return f"WRONG: slice {k}: {fault}"
    return "ok"


def _opened(path: Path) -> Dataset:
    """Open a file, or the one that a gzip file holds."""
    if path.is_file():
        return pydicom.dcmread(path)
    with gzip.open(path.parent) as stream:
        return pydicom.dcmread(stream)


def _mosaic_fault(volume: Volume, k: int, dataset: Dataset, tile: int) -> str:
    """Compare one tile with nibabel, whose first index runs down the rows, in LPS."""
    theirs = dicomwrappers.wrapper_from_data(dataset)
    origin = theirs.affine[:3] @ [0, 0, tile, 1]
    corners = np.array([origin, theirs.affine[:3, 1], theirs.affine[:3, 0]]) * _LPS_TO_RAS
    away_mm = np.abs(corners - _corners_of(volume, k)).max()
    if away_mm > FARTHEST_MM:
        return f"{away_mm:.3f} mm away"
    return _difference(volume.data[:, :, k], theirs.get_data()[:, :, tile].T)


def _fault(volume: Volume, k: int, dataset: Dataset, index_: int) -> str:
    groups = _groups(dataset, index_)
    away_mm = np.abs(_corners(groups) - _corners_of(volume, k)).max()
    if away_mm > FARTHEST_MM:
        return f"{away_mm:.3f} mm away"
    theirs = _values(dataset, groups, index_).T
    ours = volume.data[:, :, k]
    if dataset.Modality == "CT":
        theirs = np.maximum(theirs, AIR_HU)
    return _difference(ours, theirs)


def _difference(ours: NDArray[np.generic], theirs: NDArray[np.generic]) -> str:
    scale = max(1.0, float(np.abs(theirs).max()))
    off = float(np.abs(ours - theirs).max()) / scale
    return f"values {off:.2g} off" if off > LARGEST_RELATIVE else ""


def _groups(dataset: Dataset, index_: int) -> dict[str, Dataset]:
    """Holder of each macro: a functional group, or the data set itself."""
    names = (
        "PlanePositionSequence",
        "PlaneOrientationSequence",
        "PixelMeasuresSequence",
        "PixelValueTransformationSequence",
        "MRImageFrameTypeSequence",
    )
    own = dataset.get("PerFrameFunctionalGroupsSequence")
    shared = dataset.get("SharedFunctionalGroupsSequence")
    layers = [layer for layer in (own and own[index_], shared and shared[0]) if layer]
    return {
        name: next((layer[name][0] for layer in layers if name in layer), dataset) for name in names
    }


def _corners(groups: dict[str, Dataset]) -> NDArray[np.float64]:
    """Origin and one step along i and j, RAS mm."""
    origin = np.array(groups["PlanePositionSequence"].ImagePositionPatient, dtype=float)
    cosines = np.array(groups["PlaneOrientationSequence"].ImageOrientationPatient, dtype=float)
    between_rows, between_columns = map(float, groups["PixelMeasuresSequence"].PixelSpacing)
    steps = cosines[:3] * between_columns, cosines[3:] * between_rows
    return np.array([origin, *steps]) * _LPS_TO_RAS


def _corners_of(volume: Volume, k: int) -> NDArray[np.float64]:
    return np.array([volume.slice_origin_mm(k), volume.affine[:3, 0], volume.affine[:3, 1]])


def _values(dataset: Dataset, groups: dict[str, Dataset], index_: int) -> NDArray[np.float64]:
    stored = dataset.pixel_array.astype(float)
    frame = stored[index_] if stored.ndim > 2 else stored  # noqa: PLR2004 - frames, rows, columns
    scaling = groups["PixelValueTransformationSequence"]
    slope = float(scaling.get("RescaleSlope", 1))
    intercept = float(scaling.get("RescaleIntercept", 0))
    displayed = np.asarray(frame * slope + intercept)
    return displayed / _floating_point_scale(dataset, groups, index_, slope)


def _floating_point_scale(
    dataset: Dataset, groups: dict[str, Dataset], index_: int, slope: float
) -> float:
    """RS x SS of a Philips signal image (Chenevert 2014), 1 of any other and of a map."""
    words = groups["MRImageFrameTypeSequence"].get("FrameType", dataset.get("ImageType", ()))
    holder = dataset
    if "PerFrameFunctionalGroupsSequence" in dataset:
        frame = dataset.PerFrameFunctionalGroupsSequence[index_]
        holder = frame[_PHILIPS_FRAME][0] if _PHILIPS_FRAME in frame else frame
    if "ADC" in words or _SCALE_SLOPE not in holder:
        return 1.0
    return slope * float(holder[_SCALE_SLOPE].value)


def main() -> None:
    """Print the table; exit 1 where anything is wrong."""
    rows = []
    for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
        scans = folder / "dicom"
        delivery = index(scans if scans.is_dir() else folder)
        counts = Counter(outcome_of(series) for series in delivery.series)
        counts.update(f"refuses: {file.refusal.reason}" for file in delivery.loose)
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(counts.items()))
        rows.append((folder.name, told))
    print(table(rows, ("set", "corelab")))
    sys.exit(any("WRONG" in told for _, told in rows))


if __name__ == "__main__":
    main()
