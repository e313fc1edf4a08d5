"""One compressed frame to its samples, by the one decoder that its syntax is pinned to."""

from __future__ import annotations

from dataclasses import dataclass

import gdcm
import jpeg_ls
import numpy as np
from openjpeg.utils import decode_pixel_data
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import get_decoder

from corelab.dicom import syntax
from corelab.dicom.codestream import Coding, Stream, bare, read_stream, whole_frame
from corelab.dicom.hearing import listening
from corelab.dicom.matrix import Matrix
from corelab.dicom.reading import Words
from corelab.errors import ReasonCode, UnfitDataError

_PIXEL_DATA = (0x7FE0, 0x0010)
_BITS_PER_BYTE = 8
_JPEG_2000 = frozenset({Coding.JPEG_2000})
_CODINGS = {
    syntax.JPEG_BASELINE: frozenset({Coding.JPEG_DCT}),
    syntax.JPEG_EXTENDED: frozenset({Coding.JPEG_DCT}),
    syntax.JPEG_LOSSLESS: frozenset({Coding.JPEG_LOSSLESS}),
    syntax.JPEG_LOSSLESS_SV1: frozenset({Coding.JPEG_LOSSLESS}),
    syntax.JPEG_LS_LOSSLESS: frozenset({Coding.JPEG_LS}),
    syntax.JPEG_LS_NEAR: frozenset({Coding.JPEG_LS}),
    syntax.JPEG_2000_LOSSLESS: _JPEG_2000,
    syntax.JPEG_2000: _JPEG_2000,
    syntax.HTJ2K_LOSSLESS: _JPEG_2000,
    syntax.HTJ2K_LOSSLESS_RPCL: _JPEG_2000,
    syntax.HTJ2K: _JPEG_2000,
}

for _silence in (gdcm.Trace.DebugOff, gdcm.Trace.WarningOff, gdcm.Trace.ErrorOff):
    _silence()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Samples:
    """A decoded frame, before the header says what its words mean.

    Parameters
    ----------
    words : (rows, columns) integers
        Signed where ``is_signed``, sign extended.
    bits, is_signed
        Of a sample, as the stream states; RLE states neither, its words are the header's.
    tolerance
        By how much two right decoders may differ: 0 where decoding is exact arithmetic, 1
        for the cosine transform (ISO 10918-2 allows it) and the 9-7 wavelet.
    is_reversible
        Whether the stream gives back what went in.
    codestream
        What was decoded.
    """

    words: Words
    bits: int
    is_signed: bool | None
    tolerance: int
    is_reversible: bool
    codestream: bytes


def decode_samples(frame: bytes, transfer_syntax_uid: str, matrix: Matrix) -> Samples:
    """Decode one frame to its samples.

    Parameters
    ----------
    frame
        Its fragments, put together.
    transfer_syntax_uid
        One of ``syntax.DECODERS``.
    matrix
        As declared.

    Raises
    ------
    UnfitDataError
        ``pixels_truncated`` where the coded data do not reach their end,
        ``pixels_undecodable`` where the stream is not what header and syntax say.
    Exception
        Whatever a decoder raises: the caller guards.
    """
    if transfer_syntax_uid == syntax.RLE:
        return _decode_rle(frame, matrix)
    frame = bare(frame)
    stream = read_stream(frame)
    _check_stream(stream, transfer_syntax_uid, matrix)
    if not whole_frame(frame):
        raise UnfitDataError(ReasonCode.PIXELS_TRUNCATED, "the compressed frame is cut")
    is_exact = stream.is_reversible or stream.coding is Coding.JPEG_LS
    return Samples(
        words=_words(_decoded(frame, stream, transfer_syntax_uid), stream),
        bits=stream.bits,
        is_signed=stream.is_signed,
        tolerance=0 if is_exact else 1,
        is_reversible=stream.is_reversible,
        codestream=frame,
    )


def _check_stream(stream: Stream, uid: str, matrix: Matrix) -> None:
    if stream.coding not in _CODINGS[uid]:
        wanted = " or ".join(_CODINGS[uid])
        _refuse(f"the compressed stream is {stream.coding}, the transfer syntax says {wanted}")
    found = (stream.rows, stream.columns, stream.samples)
    if found != (matrix.rows, matrix.columns, 1):
        told = f"{matrix.rows} x {matrix.columns}"
        size = f"{stream.rows} x {stream.columns} x {stream.samples}"
        _refuse(f"the compressed frame has {size} samples, the header says {told}")
    if stream.bits > matrix.bits_allocated:
        told = f"{matrix.bits_allocated} allocated"
        _refuse(f"the compressed samples have {stream.bits} bits, the header says {told}")


def _decoded(frame: bytes, stream: Stream, uid: str) -> bytes:
    match syntax.DECODERS[uid]:
        case "pyjpegls":
            return bytes(jpeg_ls.decode_pixel_data(frame)[0])
        case "pylibjpeg-openjpeg":
            return bytes(decode_pixel_data(frame, version=2))
        case _:
            return _decode_gdcm(frame, stream, uid)


def _words(content: bytes, stream: Stream) -> Words:
    size = _word_bytes(stream.bits)
    expected = stream.rows * stream.columns * size
    if len(content) != expected:
        _refuse(f"the frame decodes to {len(content)} bytes of {expected}")
    letter = "i" if stream.is_signed else "u"
    return np.frombuffer(content, f"<{letter}{size}").reshape(stream.rows, stream.columns)


def _word_bytes(bits: int) -> int:
    return next(size for size in (1, 2, 4) if bits <= size * _BITS_PER_BYTE)


def _decode_gdcm(frame: bytes, stream: Stream, uid: str) -> bytes:
    """All of the JPEG family; pydicom's own way to GDCM leaves 12 bit images out."""
    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(*_PIXEL_DATA))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((stream.columns, stream.rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.MONOCHROME2
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(uid)))
    allocated = _word_bytes(stream.bits) * _BITS_PER_BYTE
    form = gdcm.PixelFormat(1, allocated, stream.bits, stream.bits - 1, 0)
    image.SetPixelFormat(form)
    with listening() as heard:
        text = image.GetBuffer()
    if heard.is_corrupt:
        raise UnfitDataError(ReasonCode.PIXELS_TRUNCATED, "the compressed data end too early")
    # GDCM hands its bytes over as text, those that are no UTF-8 as surrogates.
    return bytes(text.encode("utf-8", "surrogateescape"))


def _decode_rle(frame: bytes, matrix: Matrix) -> Samples:
    content, _ = get_decoder(syntax.RLE).as_buffer(
        encapsulate([frame]),
        index=0,
        decoding_plugin="pydicom",
        rows=matrix.rows,
        columns=matrix.columns,
        number_of_frames=1,
        samples_per_pixel=1,
        bits_allocated=matrix.bits_allocated,
        bits_stored=matrix.bits_allocated,
        pixel_representation=0,
        photometric_interpretation="MONOCHROME2",
        pixel_keyword="PixelData",
    )
    words = np.frombuffer(content, f"<u{matrix.bits_allocated // _BITS_PER_BYTE}")
    return Samples(
        words=words.reshape(matrix.rows, matrix.columns),
        bits=matrix.bits_allocated,
        is_signed=None,
        tolerance=0,
        is_reversible=True,
        codestream=frame,
    )


def _refuse(message: str) -> None:
    raise UnfitDataError(ReasonCode.PIXELS_UNDECODABLE, message)
