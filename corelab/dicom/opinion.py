"""A second decoder's view of one compressed frame."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, SecondaryCaptureImageStorage

from corelab.dicom.codec import Samples
from corelab.dicom.decode import PixelFile, frame_samples
from corelab.dicom.guard import guarded
from corelab.dicom.hearing import listening
from corelab.errors import ReasonCode, UnfitDataError

_ANY_UID = "2.25.1"


def check_decoding(file: PixelFile, index: int) -> str:
    """Name and version of the decoder that finds the same samples in a frame.

    SimpleITK's own GDCM decodes the frame from a file that holds nothing else and says what
    the stream says, so that what it makes of slopes, frames, private elements and contradicting
    headers has no part in it.

    Parameters
    ----------
    file, index
        A compressed file and the frame's number from 0.

    Raises
    ------
    UnfitDataError
        ``decoders_disagree`` where the values differ or cannot be read again.
    """
    import SimpleITK as sitk  # noqa: N813, PLC0415 - customary; slow, and few files need it

    samples = frame_samples(file, index)
    with tempfile.TemporaryDirectory(prefix="corelab-") as folder:
        path = Path(folder, "frame.dcm")
        with guarded(ReasonCode.PIXELS_UNDECODABLE, "the compressed pixels cannot be copied"):
            _write_frame(samples, file.parsed.transfer_syntax_uid, path)
        sitk.ProcessObject.GlobalWarningDisplayOff()
        try:
            with listening():
                image = sitk.ReadImage(str(path))
        except RuntimeError as error:
            message = "a second decoder cannot read the middle slice"
            reason = ReasonCode.DECODERS_DISAGREE
            raise UnfitDataError(reason, message, evidence=str(error)) from error
    _compare(samples, np.asarray(sitk.GetArrayFromImage(image))[0])
    return f"SimpleITK {sitk.Version.VersionString()}"


def _compare(samples: Samples, other: NDArray[np.generic]) -> None:
    first, second = samples.words.astype(np.int64), np.asarray(other).astype(np.int64)
    found = f"{second.shape} for {first.shape} pixels"
    if second.shape == first.shape:
        differing = int(np.count_nonzero(np.abs(second - first) > samples.tolerance))
        if not differing:
            return
        found = f"{differing} of {first.size} pixels"
    message = f"two decoders of the middle slice differ in {found}"
    raise UnfitDataError(ReasonCode.DECODERS_DISAGREE, message)


def _write_frame(samples: Samples, transfer_syntax_uid: str, path: Path) -> None:
    """Write the codestream under a header that says what the stream itself says."""
    frame = Dataset()
    frame.file_meta = FileMetaDataset()
    frame.file_meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    frame.SOPClassUID = SecondaryCaptureImageStorage
    frame.SOPInstanceUID = _ANY_UID
    frame.Modality = "OT"
    frame.SamplesPerPixel = 1
    frame.PhotometricInterpretation = "MONOCHROME2"
    frame.Rows, frame.Columns = samples.words.shape
    frame.BitsAllocated = 8 * samples.words.dtype.itemsize
    frame.BitsStored, frame.HighBit = samples.bits, samples.bits - 1
    frame.PixelRepresentation = int(bool(samples.is_signed))
    frame.PixelData = encapsulate([samples.codestream])
    frame["PixelData"].is_undefined_length = True
    pydicom.dcmwrite(path, frame, enforce_file_format=True)
