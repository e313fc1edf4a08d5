"""The pydicom door: a file's bytes to its elements, whatever the bytes are."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pydicom.config
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError

PARSER_FAILURES: tuple[type[Exception], ...] = (
    BytesLengthException,  # a binary number of too few bytes
    AttributeError,  # pydicom asks a value of the wrong type for what it does not have
    EOFError,  # the file ends inside an element
    IndexError,  # an empty value where one is needed
    KeyError,  # a VR or tag that no dictionary knows
    LookupError,  # an unknown character set
    NotImplementedError,  # a VR without a converter
    OSError,  # "no tag to read": a sequence runs past the end
    OverflowError,  # a number beyond its type
    RecursionError,  # sequences nested some hundreds deep
    RuntimeError,  # a decoder plugin gave up
    TypeError,  # a value that is missing where text is needed
    ValueError,  # text that is no number, bytes that are no text
    struct.error,  # fewer bytes than a number needs
    zlib.error,  # a broken deflated stream
)
"""What pydicom 3 and its plugins raise on malformed input, found by reading and fuzzing."""

UNDEFINED_LENGTH = 0xFFFFFFFF
LONGEST_VALUE_BYTES = 4 * 2**20
INFLATED_LIMIT_BYTES = 2**29
HEADER_LIMIT_BYTES = 2**26
_PREAMBLE_BYTES = 128
_MARK = b"DICM"
_META_GROUP = 2
_PIXEL_TAGS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
_DEFLATED_MARK = str(DeflatedExplicitVRLittleEndian).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelElement:
    """Where the pixel data element's value lies.

    ``length`` is ``None`` for encapsulated (compressed) pixels.
    """

    offset: int
    length: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parsed:
    """One file's elements up to its pixels, and where those are.

    ``sop_class_uid`` is the file meta information's, which a cut cannot have removed.
    ``inflated`` holds the data set of a deflated file, into which offsets then point;
    otherwise they point into the file. ``size`` is the length of the one or the other.
    """

    dataset: Dataset
    transfer_syntax_uid: str
    sop_class_uid: str
    pixels: PixelElement | None
    is_cut: bool
    size: int
    inflated: bytes | None


@contextmanager
def guarded(reason: ReasonCode, message: str) -> Iterator[None]:
    """Context in which pydicom's failures become ``UnfitDataError`` and its warnings silence.

    Parameters
    ----------
    reason, message
        What the error says; the original text goes to its evidence.
    """
    settings = pydicom.config.settings
    mode = settings.reading_validation_mode
    settings.reading_validation_mode = pydicom.config.IGNORE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except MemoryError as error:
        message = "reading the file needs more memory than one file is given"
        raise UnfitDataError(ReasonCode.PARSE_LIMIT, message) from error
    except PARSER_FAILURES as error:
        evidence = f"{type(error).__name__}: {error}"
        raise UnfitDataError(reason, message, evidence=evidence) from error
    finally:
        settings.reading_validation_mode = mode


def parse(path: Path) -> Parsed:
    """Elements of a DICOM file up to its pixels, which are not read.

    Raises
    ------
    UnfitDataError
        ``not_dicom`` without the 128-byte preamble and its mark (PS3.10, 7.1);
        ``header_cut`` where the elements cannot be walked.
    """
    message = "the header cannot be read to its end"
    with guarded(ReasonCode.HEADER_CUT, message), open_source(path) as file:
        size = file.seek(0, io.SEEK_END)
        if size == 0:
            raise UnfitDataError(ReasonCode.HEADER_CUT, "the file is empty")
        file.seek(0)
        head = file.read(1024)
        if head[_PREAMBLE_BYTES : _PREAMBLE_BYTES + len(_MARK)] != _MARK:
            message = "the file does not begin as DICOM files do"
            raise UnfitDataError(ReasonCode.NOT_DICOM, message)
        if _DEFLATED_MARK in head:
            return _parse_deflated(file)
        file.seek(0)
        return _parse_plain(file, size)


def _parse_plain(file: BinaryIO, size: int) -> Parsed:
    stop = _PixelStop(file)
    try:
        dataset = read_partial(file, stop_when=stop, defer_size=LONGEST_VALUE_BYTES)
    except InvalidDicomError as error:
        message = "the file does not begin as DICOM files do"
        raise UnfitDataError(ReasonCode.NOT_DICOM, message) from error
    return Parsed(
        dataset=dataset,
        transfer_syntax_uid=str(dataset.file_meta.get("TransferSyntaxUID", "")),
        sop_class_uid=str(dataset.file_meta.get("MediaStorageSOPClassUID", "")),
        pixels=stop.found,
        is_cut=stop.found is None and _is_cut(dataset, file.tell(), size),
        size=size,
        inflated=None,
    )


def _parse_deflated(file: BinaryIO) -> Parsed:
    file.seek(_PREAMBLE_BYTES + len(_MARK))
    meta = read_dataset(
        file, is_implicit_VR=False, is_little_endian=True, stop_when=_is_past_the_meta_group
    )
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    inflated = inflater.decompress(file.read(), INFLATED_LIMIT_BYTES)
    if inflater.unconsumed_tail:
        message = f"the deflated data exceed {INFLATED_LIMIT_BYTES // 2**20} MB"
        raise UnfitDataError(ReasonCode.SIZE_BEYOND_SCANNER, message)
    stream = io.BytesIO(inflated)
    stop = _PixelStop(stream)
    dataset = read_dataset(
        stream,
        is_implicit_VR=False,
        is_little_endian=True,
        stop_when=stop,
        defer_size=LONGEST_VALUE_BYTES,
    )
    return Parsed(
        dataset=dataset,
        transfer_syntax_uid=str(meta.get("TransferSyntaxUID", "")),
        sop_class_uid=str(meta.get("MediaStorageSOPClassUID", "")),
        pixels=stop.found,
        is_cut=not inflater.eof
        or (stop.found is None and _is_cut(dataset, stream.tell(), len(inflated))),
        size=len(inflated),
        inflated=inflated,
    )


def _is_past_the_meta_group(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag >> 16 != _META_GROUP


class _PixelStop:
    """Ends the walk at the pixel data and keeps where that is."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._kept_bytes = 0
        self.found: PixelElement | None = None

    def __call__(self, tag: BaseTag, _vr: str | None, length: int) -> bool:
        if tag not in _PIXEL_TAGS:
            self._kept_bytes += length if length <= LONGEST_VALUE_BYTES else 0
            if self._kept_bytes > HEADER_LIMIT_BYTES:
                message = f"the header exceeds {HEADER_LIMIT_BYTES // 2**20} MB"
                raise UnfitDataError(ReasonCode.SIZE_BEYOND_SCANNER, message)
            return False
        offset = self._stream.tell()
        known = None if length == UNDEFINED_LENGTH else length
        self.found = PixelElement(offset=offset, length=known)
        return True


def _is_cut(dataset: Dataset, position: int, size: int) -> bool:
    """Whether the walk ended before the file, or an element claims bytes beyond its end."""
    if position < size:
        return True
    raw = (element for element in dataset.values() if isinstance(element, RawDataElement))
    ends = (
        element.value_tell + element.length for element in raw if element.length != UNDEFINED_LENGTH
    )
    return max(ends, default=size) > size
