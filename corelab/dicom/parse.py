"""The pydicom door: a file's bytes to its elements, whatever the bytes are."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_dataset, read_partial
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian

from corelab.dicom import syntax
from corelab.dicom.dataset import DataSet, PydicomDataSet
from corelab.dicom.guard import guarded
from corelab.dicom.preamble import (
    MARK,
    PREAMBLE_BYTES,
    begins_as_dataset,
    has_mark,
    is_executable,
)
from corelab.dicom.source import open_source
from corelab.dicom.walk import (
    LONGEST_VALUE_BYTES,
    PIXEL_TAGS,
    UNDEFINED_LENGTH,
    Header,
    NeedMoreError,
    NotPlainError,
    WalkedDataSet,
    walk_header,
)
from corelab.errors import ReasonCode, UnfitDataError

INFLATED_LIMIT_BYTES = 2**29
HEADER_LIMIT_BYTES = 2**26
LARGEST_FILE_BYTES = 2**32 + HEADER_LIMIT_BYTES
"""Pixels have a 32 bit length (PS3.5, 7.1.1), so no sound file is larger."""
_FIRST_READ_BYTES = 2**14
_READ_GROWTH = 8
_UID = re.compile(rb"[0-9.]{1,64}")
_META_GROUP = 2
_TRANSFER_SYNTAX_TAG = 0x00020010
_SOP_CLASS_TAG = 0x00020002
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
    ``meta`` is the file meta information.
    """

    dataset: DataSet
    meta: DataSet
    transfer_syntax_uid: str
    sop_class_uid: str
    pixels: PixelElement | None
    is_cut: bool
    size: int
    inflated: bytes | None
    preamble: bytes = b""
    begins_as_program: bool = False


def parse(path: Path) -> Parsed:
    """Elements of a DICOM file up to its pixels, which are not decoded.

    Raises
    ------
    UnfitDataError
        ``not_dicom`` without the 128-byte preamble and its mark (PS3.10, 7.1), and
        ``preamble_absent`` where a data set begins all the same: it is never guessed at.
        ``size_beyond_scanner`` for a file that no length in it could describe;
        ``header_cut`` where the elements cannot be walked.
    """
    return parse_plain(path) or parse_any(path)


def parse_plain(path: Path) -> Parsed | None:
    """Elements of a file that is written as plainly as most are.

    Parameters
    ----------
    path
        A delivered file.

    Returns
    -------
    Parsed or None
        What :func:`parse_any` finds, sooner; ``None`` where the file is not plain and pydicom
        must judge.
    """
    try:
        with open_source(path) as file:
            content = file.read(_FIRST_READ_BYTES)
            header = _walk(file, content)
            size = file.seek(0, io.SEEK_END)
    except (OSError, NotPlainError):
        return None
    uid = _written_uid(header.meta, _TRANSFER_SYNTAX_TAG)
    sop_class_uid = _written_uid(header.meta, _SOP_CLASS_TAG)
    is_known = syntax.is_explicit_little(uid) and bool(sop_class_uid)
    if not is_known or header.pixels_start > HEADER_LIMIT_BYTES or size > LARGEST_FILE_BYTES:
        return None
    length = header.pixels_length
    return Parsed(
        dataset=header.dataset,
        meta=header.meta,
        transfer_syntax_uid=uid,
        sop_class_uid=sop_class_uid,
        pixels=PixelElement(
            offset=header.pixels_start, length=None if length == UNDEFINED_LENGTH else length
        ),
        is_cut=False,
        size=size,
        inflated=None,
        preamble=content[:PREAMBLE_BYTES],
        begins_as_program=is_executable(content),
    )


def read_behind(path: Path, parsed: Parsed, start: int) -> bytes:
    """First bytes of what lies in a file, or in its inflated data set, from a place on."""
    if parsed.inflated is not None:
        return parsed.inflated[start : start + _FIRST_READ_BYTES]
    with open_source(path) as file:
        file.seek(start)
        return file.read(_FIRST_READ_BYTES)


def _walk(file: BinaryIO, content: bytes) -> Header:
    if not has_mark(content):
        raise NotPlainError
    while True:
        try:
            return walk_header(content, PREAMBLE_BYTES + len(MARK))
        except NeedMoreError:
            more = file.read((_READ_GROWTH - 1) * len(content))
            if not more or len(content) > HEADER_LIMIT_BYTES:
                raise
            content += more


def _written_uid(meta: WalkedDataSet, tag: int) -> str:
    """UID of the file meta information, empty where it is none."""
    found = meta.get(tag)
    written = b"" if found is None else found.value.removesuffix(b"\0")
    return written.decode("ascii") if _UID.fullmatch(written) else ""


def parse_any(path: Path) -> Parsed:
    """Elements of any file, by pydicom.

    Parameters
    ----------
    path
        A delivered file.

    Raises
    ------
    UnfitDataError
        As :func:`parse`.
    """
    message = "the header cannot be read to its end"
    with guarded(ReasonCode.HEADER_CUT, message), open_source(path) as file:
        size = file.seek(0, io.SEEK_END)
        if size == 0:
            raise UnfitDataError(ReasonCode.HEADER_CUT, "the file is empty")
        file.seek(0)
        head = file.read(1024)
        _check_beginning(head)
        _check_file_size(size)
        is_deflated = _DEFLATED_MARK in head
        file.seek(0)
        parsed = _parse_deflated(file) if is_deflated else _parse_plain(file, size)
        return replace(
            parsed, preamble=head[:PREAMBLE_BYTES], begins_as_program=is_executable(head)
        )


def _check_beginning(head: bytes) -> None:
    if has_mark(head):
        return
    if begins_as_dataset(head):
        message = "the file begins with its elements, the preamble of DICOM files is not there"
        raise UnfitDataError(ReasonCode.PREAMBLE_ABSENT, message)
    raise UnfitDataError(ReasonCode.NOT_DICOM, "the file does not begin as DICOM files do")


def _check_file_size(size: int) -> None:
    if size > LARGEST_FILE_BYTES:
        message = f"the file has {size / 2**30:.1f} GB, {LARGEST_FILE_BYTES / 2**30:.1f} allowed"
        raise UnfitDataError(ReasonCode.SIZE_BEYOND_SCANNER, message)


def _parse_plain(file: BinaryIO, size: int) -> Parsed:
    stop = _PixelStop(file)
    dataset = read_partial(file, stop_when=stop, defer_size=LONGEST_VALUE_BYTES)
    return Parsed(
        dataset=PydicomDataSet(dataset),
        meta=PydicomDataSet(dataset.file_meta),
        transfer_syntax_uid=str(dataset.file_meta.get("TransferSyntaxUID", "")),
        sop_class_uid=str(dataset.file_meta.get("MediaStorageSOPClassUID", "")),
        pixels=stop.found,
        is_cut=stop.found is None and _is_cut(dataset, file.tell(), size),
        size=size,
        inflated=None,
    )


def _parse_deflated(file: BinaryIO) -> Parsed:
    file.seek(PREAMBLE_BYTES + len(MARK))
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
        dataset=PydicomDataSet(dataset),
        meta=PydicomDataSet(meta),
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
        if tag not in PIXEL_TAGS:
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
