"""A second decoder's view of one compressed frame."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import UID, SecondaryCaptureImageStorage

from corelab.dicom.decode import PixelFile, decoded_frames
from corelab.dicom.guard import guarded
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError

_ANY_UID = "2.25.1"


def check_decoding(file: PixelFile, index: int) -> str:
    """Name and version of the decoder that finds the same values in a frame.

    SimpleITK's own GDCM decodes the frame from a file that holds nothing else, so that what
    it makes of slopes, frames and private elements has no part in it.

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

    frame = next(decoded_frames(file, (index,)))
    with tempfile.TemporaryDirectory(prefix="corelab-") as folder:
        path = Path(folder, "frame.dcm")
        with guarded(ReasonCode.PIXELS_UNDECODABLE, "the compressed pixels cannot be copied"):
            _write_frame(file, index, path)
        sitk.ProcessObject.GlobalWarningDisplayOff()
        try:
            other = np.asarray(sitk.GetArrayFromImage(sitk.ReadImage(str(path)))).squeeze()
        except RuntimeError as error:
            message = "a second decoder cannot read the middle slice"
            reason = ReasonCode.DECODERS_DISAGREE
            raise UnfitDataError(reason, message, evidence=str(error)) from error
    if other.shape != frame.shape or not np.array_equal(other, frame):
        found = f"{other.shape} for {frame.shape} pixels"
        if other.shape == frame.shape:
            found = f"{int(np.count_nonzero(other != frame))} of {frame.size} pixels"
        message = f"two decoders of the middle slice differ in {found}"
        raise UnfitDataError(ReasonCode.DECODERS_DISAGREE, message)
    return f"SimpleITK {sitk.Version.VersionString()}"


def _write_frame(file: PixelFile, index: int, path: Path) -> None:
    with open_source(file.path) as stream:
        source = pydicom.dcmread(stream)
    codestream = get_frame(source.PixelData, index, number_of_frames=file.matrix.n_frames)
    frame = Dataset()
    frame.file_meta = FileMetaDataset()
    frame.file_meta.TransferSyntaxUID = UID(file.parsed.transfer_syntax_uid)
    frame.SOPClassUID = SecondaryCaptureImageStorage
    frame.SOPInstanceUID = _ANY_UID
    frame.Modality = "OT"
    frame.SamplesPerPixel = 1
    frame.PhotometricInterpretation = "MONOCHROME2"
    frame.Rows, frame.Columns = file.matrix.rows, file.matrix.columns
    frame.BitsAllocated = file.matrix.bits_allocated
    frame.BitsStored = file.matrix.bits_stored
    frame.HighBit = file.matrix.high_bit
    frame.PixelRepresentation = int(file.matrix.is_signed)
    frame.PixelData = encapsulate([codestream])
    frame["PixelData"].is_undefined_length = True
    pydicom.dcmwrite(path, frame, enforce_file_format=True)
