"""What a compressed frame says of itself, read from its markers without decoding it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

_MARKER = struct.Struct(">HH")
_MARKER_BYTES = 2
_FIRST_MARKER, _FILL = 0xFF01, 0xFFFF
_JPEG_START, _J2K_START = 0xFFD8, 0xFF4F
_END_MARK, _TAIL_BYTES = b"\xff\xd9", 16
_SIZ, _COD, _COC, _SOT, _SOD, _SOS = 0xFF51, 0xFF52, 0xFF53, 0xFF90, 0xFF93, 0xFFDA
_SIZ_PLACE, _SAMPLES_PLACE, _TILE_LENGTH_PLACE, _SOT_BYTES = 8, 40, 6, 12
_JP2_START, _J2K_SIGNATURE = b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"
_SIGN_BIT, _BITS_LESS_ONE = 0x80, 0x7F
_WAVELET_PLACE = {_COD: 9, _COC: 6}
_REVERSIBLE_WAVELET = 1
_DCT_BITS = frozenset({8, 12})
_UNREAD_FRAMES = frozenset(
    {0xFFC2, *range(0xFFC5, 0xFFC8), *range(0xFFC9, 0xFFCC), *range(0xFFCD, 0xFFD0)}
)


class Coding(StrEnum):
    """How a codestream is coded."""

    JPEG_DCT = "JPEG with a cosine transform"
    JPEG_LOSSLESS = "lossless JPEG"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"


_CODING_OF_FRAME = {
    0xFFC0: Coding.JPEG_DCT,
    0xFFC1: Coding.JPEG_DCT,
    0xFFC3: Coding.JPEG_LOSSLESS,
    0xFFF7: Coding.JPEG_LS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The characteristics that a codestream states (PS3.5, 8.2).

    Parameters
    ----------
    rows, columns, samples
        Size of the frame and number of its components.
    bits
        Precision of a sample.
    is_signed
        ``None`` where the coding keeps signed words without saying so. The cosine transform
        takes unsigned samples only (PS3.5, table 8.2.1-1).
    is_reversible
        Whether the values are those that went in: JPEG-LS with NEAR 0 (ISO 14495-1, C.2.3),
        JPEG 2000 with the 5-3 wavelet everywhere (ISO 15444-1, table A.20), lossless JPEG.
    """

    coding: Coding
    rows: int
    columns: int
    samples: int
    bits: int
    is_signed: bool | None
    is_reversible: bool


def read_stream(head: bytes) -> Stream:
    """Characteristics of a codestream from its first bytes.

    Parameters
    ----------
    head
        The frame, or as much of it as holds every marker before its coded data.

    Raises
    ------
    ValueError
        Where the bytes are no JPEG, JPEG-LS or JPEG 2000 codestream of one of these codings.
    """
    try:
        (start,) = struct.unpack_from(">H", head)
        if start == _J2K_START:
            return _read_jpeg_2000(head)
        if start == _JPEG_START:
            return _read_jpeg(head)
    except (struct.error, IndexError) as error:
        raise ValueError("the codestream ends inside its header") from error
    raise ValueError("the frame does not begin as a codestream does")


def bare(frame: bytes) -> bytes:
    """Codestream of a frame that a JP2 file header was put before, against PS3.5, A.4.4."""
    if not frame.startswith(_JP2_START):
        return frame
    return frame[max(frame.find(_J2K_SIGNATURE), 0) :]


def whole_frame(frame: bytes) -> bool:
    """Whether a frame's coded data reach its end mark.

    Parameters
    ----------
    frame
        All bytes of a frame; one byte of padding may follow the mark (PS3.5, A.4). The tile
        parts of JPEG 2000 say where they end, so that a piece lost inside is found too.
    """
    if not frame.startswith(_J2K_START.to_bytes(_MARKER_BYTES)):
        return _END_MARK in frame[-_TAIL_BYTES:]
    try:
        *_, end = _tile_parts(frame)
    except (struct.error, ValueError):
        return False
    return frame[end : end + _MARKER_BYTES] == _END_MARK


def _segments(head: bytes, place: int = _MARKER_BYTES) -> Iterator[tuple[int, int]]:
    """Marker and offset of its content, up to the coded data."""
    while True:
        marker, length = _MARKER.unpack_from(head, place)
        if marker == _FILL:
            place += 1
            continue
        if marker < _FIRST_MARKER or length < _MARKER_BYTES:
            raise ValueError(f"no marker at byte {place} of the codestream")
        yield marker, place + _MARKER.size
        place += _MARKER_BYTES + length


def _read_jpeg(head: bytes) -> Stream:
    frame: tuple[int, int, int, int] | None = None
    coding = Coding.JPEG_DCT
    near = 0
    for marker, place in _segments(head):
        if marker in _UNREAD_FRAMES:
            raise ValueError(f"JPEG frames of type {marker:04X} are not read")
        if marker in _CODING_OF_FRAME:
            coding = _CODING_OF_FRAME[marker]
            frame = struct.unpack_from(">BHHB", head, place)
        elif marker == _SOS:
            near = head[place + 1 + 2 * head[place]]
            break
    if frame is None:
        raise ValueError("the codestream has no frame header")
    bits, rows, columns, samples = frame
    if coding is Coding.JPEG_DCT and bits not in _DCT_BITS:
        raise ValueError(f"a cosine transform of {bits} bits")
    is_exact = coding is Coding.JPEG_LOSSLESS or (coding is Coding.JPEG_LS and near == 0)
    return Stream(
        coding=coding,
        rows=rows,
        columns=columns,
        samples=samples,
        bits=bits,
        is_signed=False if coding is Coding.JPEG_DCT else None,
        is_reversible=is_exact,
    )


def _read_jpeg_2000(head: bytes) -> Stream:
    marker, _ = _MARKER.unpack_from(head, _MARKER_BYTES)
    if marker != _SIZ:
        raise ValueError("the codestream does not say its size first")
    right, bottom, left, top = struct.unpack_from(">IIII", head, _SIZ_PLACE)
    samples, size = struct.unpack_from(">HB", head, _SAMPLES_PLACE)
    wavelets = set(_wavelets(head))
    return Stream(
        coding=Coding.JPEG_2000,
        rows=bottom - top,
        columns=right - left,
        samples=samples,
        bits=(size & _BITS_LESS_ONE) + 1,
        is_signed=bool(size & _SIGN_BIT),
        is_reversible=wavelets == {_REVERSIBLE_WAVELET},
    )


def _wavelets(head: bytes) -> Iterator[int]:
    """Yield the transformation of every COD and COC marker, of tile parts too."""
    starts = [_MARKER_BYTES]
    with suppress(struct.error, ValueError):  # tile parts beyond the head are not there to ask
        starts += [start + _SOT_BYTES for start in _tile_parts(head)[:-1]]
    for start in starts:
        for marker, place in _segments_until(head, start, {_SOT, _SOD}):
            if marker in _WAVELET_PLACE:
                yield head[place + _WAVELET_PLACE[marker]]


def _segments_until(head: bytes, start: int, ends: set[int]) -> Iterator[tuple[int, int]]:
    for marker, place in _segments(head, start):
        if marker in ends:
            return
        yield marker, place


def _tile_parts(frame: bytes) -> list[int]:
    """Offset of each tile part, and last of all where they end (ISO 15444-1, A.4.2)."""
    place = next(at for marker, at in _segments(frame) if marker == _SOT) - _MARKER.size
    starts = [place]
    while struct.unpack_from(">H", frame, place)[0] == _SOT:
        (length,) = struct.unpack_from(">I", frame, place + _TILE_LENGTH_PLACE)
        place = place + length if length else frame.rindex(_END_MARK)
        if place <= starts[-1]:
            raise ValueError("a tile part of no length")
        starts.append(place)
    return starts
