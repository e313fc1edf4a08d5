"""Tiny DICOM files written straight with pydicom, so that reading is not tested by our writer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from corelab.dicom.archive import Archive, list_archive
from corelab.dicom.files import walk
from corelab.dicom.index import index
from corelab.series import Delivery, Refusal, Series

CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4.1"
STUDY = "2.25.100"
SERIES = "2.25.200"
ROWS, COLUMNS = 6, 4
NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)

Change = Callable[[Dataset, int], None]


def stored_values(k: int = 0) -> NDArray[np.int16]:
    """Values (rows, columns) that all differ, so that no flip goes unseen."""
    return (1000 + 100 * k + np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)).astype(np.int16)


def ct_slice(k: int = 0, *, step_mm: float = 5.0) -> Dataset:
    """One CT slice at height ``k * step_mm``, spacing 0.5 mm down and 0.4 mm across."""
    slice_ = Dataset()
    slice_.SOPClassUID = CT_IMAGE
    slice_.SOPInstanceUID = f"2.25.300.{k + 1}"
    slice_.StudyInstanceUID, slice_.SeriesInstanceUID = STUDY, SERIES
    slice_.FrameOfReferenceUID = "2.25.400"
    slice_.Modality = "CT"
    slice_.Manufacturer = "TINY"
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    slice_.PatientID, slice_.PatientName = "PAT-1", "Doe^Jane"
    slice_.AcquisitionDate, slice_.AcquisitionTime = "20240305", "134501.5"
    slice_.SeriesNumber, slice_.InstanceNumber = 2, k + 1
    slice_.KVP = "120"
    slice_.SliceThickness = str(abs(step_mm))
    slice_.ImagePositionPatient = [-10, -20, 30 + k * step_mm]
    slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slice_.PixelSpacing = [0.5, 0.4]
    slice_.RescaleSlope, slice_.RescaleIntercept = "1", "-1024"
    set_pixels(slice_, stored_values(k))
    return slice_


def mr_slice(k: int = 0, *, step_mm: float = 5.0) -> Dataset:
    """One MR slice of a spin echo, without rescale."""
    slice_ = ct_slice(k, step_mm=step_mm)
    slice_.SOPClassUID = MR_IMAGE
    slice_.Modality = "MR"
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    slice_.ScanningSequence, slice_.EchoTime = "SE", "20"
    del slice_.KVP, slice_.RescaleSlope, slice_.RescaleIntercept
    return slice_


def set_pixels(slice_: Dataset, values: NDArray[np.int16] | NDArray[np.uint16]) -> None:
    """Put uncompressed 16 bit pixels into a slice."""
    slice_.Rows, slice_.Columns = values.shape[-2:]
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = 16, 16, 15
    slice_.PixelRepresentation = int(values.dtype.kind == "i")
    slice_.PixelData = values.astype(values.dtype.newbyteorder("<")).tobytes()
    slice_["PixelData"].VR = "OW"


def write(slice_: Dataset, path: Path, syntax: str = ExplicitVRLittleEndian) -> Path:
    """Write a data set as a file; big-endian pixels are swapped on the way."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.MediaStorageSOPClassUID = slice_.SOPClassUID
    meta.MediaStorageSOPInstanceUID = slice_.SOPInstanceUID
    slice_.file_meta = meta
    if syntax == ExplicitVRBigEndian:
        slice_.PixelData = np.frombuffer(slice_.PixelData, "<i2").astype(">i2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, slice_, enforce_file_format=True)
    return path


def write_compressed(slice_: Dataset, path: Path, syntax: str, plugin: str) -> Path:
    """Compress a slice without loss and write it; JPEG 2000 wants 32 pixels a side."""
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.compress(UID(syntax), encoding_plugin=plugin, generate_instance_uid=False)
    return write(slice_, path, syntax)


def write_stack(
    folder: Path,
    n_slices: int = 5,
    *,
    make: Callable[[int], Dataset] = ct_slice,
    change: Change | None = None,
    start: int = 0,
) -> list[Path]:
    """Write slices ``start`` and up, each changed by ``change(slice, k)`` before."""
    paths = []
    for k in range(start, start + n_slices):
        slice_ = make(k)
        if change is not None:
            change(slice_, k)
        paths.append(write(slice_, folder / f"{k:03d}.dcm"))
    return paths


def wide_ct_slice(k: int = 0) -> Dataset:
    """One CT slice of 32 x 32 pixels, fit for every codec."""
    slice_ = ct_slice(k)
    values = np.add.outer(np.arange(32), 3 * np.arange(32)) ** 2 % 3000 - 500 + 10 * k
    set_pixels(slice_, values.astype(np.int16))
    return slice_


def enhanced_mr(b_values: tuple[float, ...], n_slices: int = 4) -> Dataset:
    """One enhanced MR object with ``n_slices`` frames at each b-value; traces where b > 0."""
    whole = mr_slice(0)
    whole.SOPClassUID = ENHANCED_MR_IMAGE
    whole.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    for keyword in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        delattr(whole, keyword)
    shared = Dataset()
    shared.PlaneOrientationSequence = _one(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])
    shared.PixelMeasuresSequence = _one(PixelSpacing=[0.5, 0.4], SliceThickness="5")
    whole.SharedFunctionalGroupsSequence = Sequence([shared])
    places = [(k, b_value) for k in range(n_slices) for b_value in b_values]
    whole.PerFrameFunctionalGroupsSequence = Sequence([_frame(k, b) for k, b in places])
    values = np.stack([stored_values(k) + int(b_value) for k, b_value in places])
    set_pixels(whole, values.astype(np.int16))
    whole.NumberOfFrames = len(places)
    return whole


def _frame(k: int, b_value: float) -> Dataset:
    frame = Dataset()
    frame.PlanePositionSequence = _one(ImagePositionPatient=[-10, -20, 30 + 5 * k])
    frame.MRDiffusionSequence = _one(
        DiffusionBValue=b_value, DiffusionDirectionality="ISOTROPIC" if b_value else "NONE"
    )
    frame.PixelValueTransformationSequence = _one(
        RescaleSlope="2", RescaleIntercept="1", RescaleType="US"
    )
    return frame


def _one(**elements: object) -> Sequence:
    item = Dataset()
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return Sequence([item])


def cut(path: Path, n_bytes: int) -> Path:
    """Take bytes away from the end of a file."""
    os.truncate(path, path.stat().st_size - n_bytes)
    return path


def assert_nothing_lost(delivery: Delivery, incoming: Path) -> None:
    """Every file is in one series, loose, a duplicate or ignored; an archive is its members."""
    counted = sum(len(series.files) for series in delivery.series) + len(delivery.loose)
    assert delivery.n_files == counted + delivery.n_duplicates + delivery.n_ignored
    assert delivery.n_files == sum(count_received(path) for path in walk(incoming).files)
    named = [path for series in delivery.series for path in series.files]
    assert len(named) == len(set(named))


def count_received(path: Path) -> int:
    """Files that one received file counts as."""
    found = list_archive(path)
    if not isinstance(found, Archive):
        return 1
    return sum(count_received(member) for member in found.members)


def only(delivery: Delivery) -> Series:
    """The one series of a delivery."""
    (series,) = delivery.series
    return series


def refusal_of(series: Series) -> Refusal:
    """Why a series is refused; it must be."""
    assert series.refusal is not None
    return series.refusal


def index_all(incoming: Path) -> Delivery:
    """Index a folder and hold the books."""
    delivery = index(incoming)
    assert_nothing_lost(delivery, incoming)
    return delivery


def changed_at(place: int, keyword: str, value: object) -> Change:
    """Change one element of one slice."""

    def change(slice_: Dataset, k: int) -> None:
        if k == place:
            setattr(slice_, keyword, value)

    return change


def weighted(b_value: float | None, **more: object) -> Change:
    """Diffusion images with a b-value, positions repeating every 100 slices."""

    def change(slice_: Dataset, k: int) -> None:
        slice_.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
        slice_.ScanningSequence = "EP"
        slice_.ImagePositionPatient = [-10, -20, 30 + 5 * (k % 100)]
        if b_value is not None:
            slice_.DiffusionBValue = b_value
        for keyword, value in more.items():
            setattr(slice_, keyword, value)

    return change
