"""Compressed slices whose header and stream say what a test wants them to say."""

from __future__ import annotations

from pathlib import Path

import gdcm
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended, get_frame
from pydicom.uid import UID, ExplicitVRLittleEndian

from corelab.dicom import syntax
from tests.dicom.tiny import ct_slice, set_pixels, write

SIDE = 48
ENCODERS = {
    syntax.RLE: "pydicom",
    syntax.JPEG_LS_LOSSLESS: "pyjpegls",
    syntax.JPEG_LS_NEAR: "pyjpegls",
    syntax.JPEG_2000_LOSSLESS: "pylibjpeg",
    syntax.JPEG_2000: "pylibjpeg",
}
OPTIONS: dict[str, dict[str, object]] = {
    syntax.JPEG_LS_NEAR: {"jls_error": 2},
    syntax.JPEG_2000: {"j2k_cr": [4]},
}


def smooth(low: int, high: int, k: int = 0) -> NDArray[np.int64]:
    """Values (48, 48) from ``low`` to ``high`` that rise without a jump, each slice its own."""
    ramp = np.add.outer(np.arange(SIDE), np.arange(SIDE)) + k
    return low + (high - low) * ramp // (2 * SIDE + 3)


def native(values: NDArray[np.integer], *, bits: int, signed: bool, allocated: int = 16) -> Dataset:
    """One uncompressed CT slice, its values' upper bits cut off at ``bits``."""
    slice_ = ct_slice()
    set_pixels(slice_, values.astype(np.int16))
    slice_.BitsAllocated, slice_.BitsStored, slice_.HighBit = allocated, bits, bits - 1
    slice_.PixelRepresentation = int(signed)
    slice_.RescaleIntercept = "0"
    letter = "i" if signed else "u"
    slice_.PixelData = values.astype(f"<{letter}{allocated // 8}").tobytes()
    slice_["PixelData"].VR = "OB" if allocated == 8 else "OW"
    return slice_


def codestream(slice_: Dataset, uid: str) -> bytes:
    """Bytes of an uncompressed slice's only frame after compression."""
    copy = Dataset()
    copy.update(slice_)
    copy.file_meta = FileMetaDataset()
    copy.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    copy.compress(
        UID(uid), encoding_plugin=ENCODERS[uid], generate_instance_uid=False, **OPTIONS.get(uid, {})
    )
    return get_frame(copy.PixelData, 0, number_of_frames=1)


def rle_of_32_bits(values: NDArray[np.int64]) -> bytes:
    """One RLE frame of literal runs alone (PS3.5, G.3.1): a segment for each byte of a word."""
    words = values.astype(">i4").tobytes()
    segments = []
    for place in range(4):
        plane = words[place::4]
        runs = [plane[start : start + 128] for start in range(0, len(plane), 128)]
        segments.append(b"".join(bytes([len(run) - 1]) + run for run in runs))
    starts = 64 + np.cumsum([0, *(len(segment) for segment in segments[:-1])])
    header = np.zeros(16, "<u4")
    header[0], header[1:5] = 4, starts
    return header.tobytes() + b"".join(segments)


def by_gdcm(slice_: Dataset, uid: str, folder: Path) -> bytes:
    """Bytes of the only frame after compression by GDCM, which writes the JPEG family."""
    source, packed = folder / "plain.tmp", folder / "packed.tmp"
    write(slice_, source)
    reader = gdcm.ImageReader()
    reader.SetFileName(str(source))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    wanted = gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid))
    change.SetTransferSyntax(wanted)
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    writer.SetFileName(str(packed))
    assert writer.Write()
    found = _pixel_data(packed)
    source.unlink()
    packed.unlink()
    return found


def _pixel_data(path: Path) -> bytes:
    import pydicom  # noqa: PLC0415 - the builder's only reader

    return get_frame(pydicom.dcmread(path).PixelData, 0, number_of_frames=1)


def hold(slice_: Dataset, frames: list[bytes], k: int = 0, *, fragments: int = 1) -> Dataset:
    """Put codestreams into a slice at place ``k``, each in so many fragments."""
    slice_.PixelData = encapsulate(frames, fragments_per_frame=fragments)
    slice_["PixelData"].VR = "OB"
    slice_["PixelData"].is_undefined_length = True
    slice_.ImagePositionPatient = [-10, -20, 30 + 5 * k]
    slice_.SOPInstanceUID, slice_.InstanceNumber = f"2.25.300.{k + 1}", k + 1
    return slice_


def hold_extended(slice_: Dataset, frames: list[bytes]) -> Dataset:
    """Put codestreams into a slice with an extended offset table."""
    content, offsets, lengths = encapsulate_extended(frames)
    hold(slice_, frames)
    slice_.PixelData = content
    slice_["PixelData"].is_undefined_length = True
    slice_.ExtendedOffsetTable, slice_.ExtendedOffsetTableLengths = offsets, lengths
    return slice_
