"""Head-like CT series for the benchmarks, with headers as long as scanners write them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid
from scipy import ndimage

THICK_SLICES, THIN_SLICES = 32, 300
SIDE = 512
_HEIGHT_MM = 160.0
_NOISE_HU = 25.0
_INNER_TABLE = 0.93
"""Share of the head's radius."""


def write_head(folder: Path, n_slices: int, side: int = SIDE) -> None:
    """Write one axial head CT of 16 cm: skull, brain, noise as a scanner's kernel leaves it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(n_slices)
    uids = generate_uid(), generate_uid(), generate_uid()
    for k in range(n_slices):
        slice_ = _header(k, n_slices, uids)
        _set_pixels(slice_, _section(rng, k, n_slices, side))
        pydicom.dcmwrite(folder / f"IM{k:06d}", slice_, enforce_file_format=True)


def _section(rng: np.random.Generator, k: int, n_slices: int, side: int) -> NDArray[np.int16]:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    z = 1.6 * (k / n_slices - 0.5)
    radius = np.sqrt((x / 0.75) ** 2 + (y / 0.9) ** 2 + z**2)
    hu = np.where(radius < _INNER_TABLE, 35.0, np.where(radius < 1, 1000.0, -1000.0))
    seen = ndimage.gaussian_filter(hu + rng.normal(0, _NOISE_HU, hu.shape), 0.8)
    return np.clip(np.rint(seen) + 1024, 0, 4095).astype(np.int16)


def _header(k: int, n_slices: int, uids: tuple[str, str, str]) -> Dataset:
    step_mm = _HEIGHT_MM / n_slices
    slice_ = Dataset()
    slice_.file_meta = FileMetaDataset()
    slice_.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    slice_.SpecificCharacterSet = "ISO_IR 100"
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL", "HELIX"]
    slice_.SOPClassUID, slice_.SOPInstanceUID = CTImageStorage, generate_uid()
    slice_.StudyInstanceUID, slice_.SeriesInstanceUID, slice_.FrameOfReferenceUID = uids
    for name in ("StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate"):
        setattr(slice_, name, "20240305")
    for name in ("StudyTime", "SeriesTime", "AcquisitionTime", "ContentTime"):
        setattr(slice_, name, "134501.500000")
    for name in _TEXTS:
        setattr(slice_, name, f"{name} of nobody"[:16])
    for name in _NUMBERS:
        setattr(slice_, name, "12")
    slice_.PatientName, slice_.PatientID, slice_.Modality = "Nobody^At All", "N-1", "CT"
    slice_.PatientBirthDate, slice_.PatientSex, slice_.PatientAge = "19500101", "O", "074Y"
    slice_.SeriesNumber, slice_.InstanceNumber, slice_.AcquisitionNumber = 2, k + 1, 1
    slice_.KVP, slice_.ConvolutionKernel, slice_.SliceThickness = "120", "J30s", f"{step_mm:.4f}"
    slice_.ImagePositionPatient = ["-115", "-115", f"{k * step_mm:.4f}"]
    slice_.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    slice_.PixelSpacing = ["0.45", "0.45"]
    slice_.RescaleSlope, slice_.RescaleIntercept, slice_.RescaleType = "1", "-1024", "HU"
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CTImageStorage, uids[0]
    slice_.ReferencedImageSequence = Sequence([reference] * 3)
    slice_.RequestAttributesSequence = Sequence([reference])
    block = slice_.private_block(0x0029, "VENDOR HEADER", create=True)
    for element in range(0x10, 0x30):
        block.add_new(element, "LO", f"private text {element}")
    return slice_


def _set_pixels(slice_: Dataset, values: NDArray[np.int16]) -> None:
    slice_.Rows, slice_.Columns = values.shape
    slice_.SamplesPerPixel, slice_.PhotometricInterpretation = 1, "MONOCHROME2"
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = 16, 12, 11
    slice_.PixelRepresentation = 0
    slice_.PixelData = values.astype("<u2").tobytes()
    slice_["PixelData"].VR = "OW"


_TEXTS = (
    "Manufacturer",
    "InstitutionName",
    "StationName",
    "StudyDescription",
    "SeriesDescription",
    "ManufacturerModelName",
    "ProtocolName",
    "SoftwareVersions",
    "DeviceSerialNumber",
    "AccessionNumber",
    "StudyID",
    "ReferringPhysicianName",
    "OperatorsName",
)
_NUMBERS = (
    "DataCollectionDiameter",
    "ReconstructionDiameter",
    "DistanceSourceToDetector",
    "DistanceSourceToPatient",
    "GantryDetectorTilt",
    "TableHeight",
    "ExposureTime",
    "XRayTubeCurrent",
    "Exposure",
    "GeneratorPower",
    "FocalSpots",
    "SliceLocation",
    "WindowCenter",
    "WindowWidth",
)
