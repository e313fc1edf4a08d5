"""Whether a file's pixel bytes are all there, found without decoding them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from corelab.dicom import syntax
from corelab.dicom.matrix import Matrix
from corelab.dicom.parse import Parsed, PixelElement
from corelab.dicom.source import open_source
from corelab.dicom.walk import UNDEFINED_LENGTH
from corelab.errors import ReasonCode, at_most
from corelab.series import Refusal

_ITEM = b"\xfe\xff\x00\xe0"
_SEQUENCE_END = b"\xfe\xff\xdd\xe0"
_END_OF_CODESTREAM = b"\xff\xd9"
_MOST_BITS = 64
_LOOK_BACK_BYTES = 16
_HEADER_BYTES = 8


def pixel_fault(path: Path, parsed: Parsed, matrix: Matrix) -> Refusal | None:
    """Refusal of pixels that are absent, cut or not packed as declared.

    Parameters
    ----------
    path, parsed
        The file and what was read of it.
    matrix
        As declared. Objects without rows have no pixels to miss.
    """
    pixels = parsed.pixels
    if pixels is None:
        if parsed.is_cut or matrix.rows:
            message = "the file ends before its pixels"
            return Refusal(reason=ReasonCode.HEADER_CUT, message=message)
        return None
    if not matrix.is_sound:
        stored, allocated = (
            at_most(n, _MOST_BITS) for n in (matrix.bits_stored, matrix.bits_allocated)
        )
        bits = f"{stored} in {allocated} bits"
        message = f"{matrix.rows} x {matrix.columns} pixels of {bits} declared"
        return Refusal(reason=ReasonCode.UNSUPPORTED_LAYOUT, message=message)
    if (pixels.length is None) == (parsed.transfer_syntax_uid in syntax.NATIVE):
        message = "the pixels are not packed as the transfer syntax says"
        return Refusal(reason=ReasonCode.PIXELS_UNDECODABLE, message=message)
    if pixels.length is not None:
        return native_fault(parsed, pixels, matrix.frame_bytes * matrix.n_frames)
    has_end_mark = parsed.transfer_syntax_uid != syntax.RLE
    return encapsulated_fault(path, pixels, matrix.n_frames, end_mark=has_end_mark)


def native_fault(parsed: Parsed, pixels: PixelElement, expected_bytes: int) -> Refusal | None:
    """Refusal of uncompressed pixels that are fewer than declared.

    Parameters
    ----------
    parsed, pixels
        The file and its pixel element; bytes after the pixels are allowed (PS3.5, 8.1.1).
    expected_bytes
        Rows x columns x samples x frames x bytes.
    """
    declared = pixels.length or 0
    present = min(declared, parsed.size - pixels.offset)
    if present >= expected_bytes and pixels.offset + declared <= parsed.size:
        return None
    wanted = max(expected_bytes, declared)
    return _truncated(f"the pixels hold {present} bytes of {wanted}")


def encapsulated_fault(
    path: Path, pixels: PixelElement, n_frames: int, *, end_mark: bool
) -> Refusal | None:
    """Refusal of compressed pixels whose fragments are not all whole.

    The fragments are walked by their lengths (PS3.5, A.4); none is decoded.

    Parameters
    ----------
    path, pixels
        The file and its pixel element.
    n_frames
        Each frame needs one fragment at least.
    end_mark
        Whether the last codestream must end with FF D9, as all of the JPEG family do.
    """
    with open_source(path) as file:
        size = file.seek(0, 2)
        fragments, fault = walk_fragments(file, pixels.offset, size)
        if fault is not None:
            return fault
        if len(fragments) - 1 < n_frames:
            return _truncated(f"{max(len(fragments) - 1, 0)} fragments for {n_frames} frames")
        if end_mark and not _ends_with_mark(file, *fragments[-1]):
            return _truncated("the last compressed frame has no end mark")
    return None


def walk_fragments(
    file: BinaryIO, offset: int, size: int, *, most: int | None = None
) -> tuple[list[tuple[int, int]], Refusal | None]:
    """Offset and length of each item's content, the offset table's first.

    Parameters
    ----------
    file, offset, size
        The file, where its pixel element's value begins, and how long the file is.
    most
        How many items are enough; all when left out.
    """
    fragments: list[tuple[int, int]] = []
    while len(fragments) != most:
        file.seek(offset)
        header = file.read(_HEADER_BYTES)
        is_whole = len(header) == _HEADER_BYTES
        if is_whole and header.startswith(_SEQUENCE_END):
            return fragments, None
        if not is_whole or not header.startswith(_ITEM):
            return fragments, _truncated(f"no end mark after {len(fragments)} pixel fragments")
        length = struct.unpack("<I", header[4:])[0]
        offset += _HEADER_BYTES
        if length == UNDEFINED_LENGTH or offset + length > size:
            message = f"fragment {len(fragments)} holds {size - offset} bytes of {length}"
            return fragments, _truncated(message)
        fragments.append((offset, length))
        offset += length
    return fragments, None


def _ends_with_mark(file: BinaryIO, offset: int, length: int) -> bool:
    back = min(length, _LOOK_BACK_BYTES)
    file.seek(offset + length - back)
    return _END_OF_CODESTREAM in file.read(back)


def _truncated(message: str) -> Refusal:
    return Refusal(reason=ReasonCode.PIXELS_TRUNCATED, message=message)
