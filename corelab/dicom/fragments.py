"""Which bytes of a compressed object are which frame (PS3.5, A.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from corelab.dicom import syntax
from corelab.dicom.element import Elements
from corelab.dicom.extent import walk_fragments
from corelab.dicom.parse import PixelElement
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError

Span = tuple[int, int]
_EXTENDED_OFFSETS = 0x7FE00001
_ITEM_HEADER_BYTES = 8
_STARTS = (b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  ")


def frame_spans(
    path: Path,
    pixels: PixelElement,
    *,
    elements: Elements,
    n_frames: int,
    transfer_syntax_uid: str,
) -> tuple[tuple[Span, ...], ...]:
    """Offset and length of the fragments of every frame, in order.

    Where there are as many fragments as frames, each is one, whatever an offset table says:
    frames stand in their order. Otherwise the extended or the basic offset table tells where
    a frame begins, or, without one, the codestreams' own start marks. RLE has no such marks;
    it must have one fragment a frame (PS3.5, A.4.2), and only the single frame of an object
    can be put together again.

    Parameters
    ----------
    path, pixels
        The file and its pixel element.
    elements
        For the extended offset table.
    n_frames, transfer_syntax_uid
        As declared.

    Raises
    ------
    UnfitDataError
        ``pixels_truncated`` where fragments are cut, ``pixels_undecodable`` where frames
        cannot be told apart.
    """
    with open_source(path) as file:
        items, fault = walk_fragments(file, pixels.offset, file.seek(0, 2))
        if fault is not None or not items:
            message = fault.message if fault is not None else "no fragments of pixels"
            raise UnfitDataError(ReasonCode.PIXELS_TRUNCATED, message)
        table, fragments = items[0], items[1:]
        if n_frames == 1:
            return (tuple(fragments),)
        if len(fragments) == n_frames:
            return tuple((fragment,) for fragment in fragments)
        starts = _told_starts(file, table, elements, fragments)
        if not starts and transfer_syntax_uid != syntax.RLE:
            starts = [place for place, _ in fragments if _is_start(file, place)]
    frames = _grouped(fragments, starts)
    if len(frames) != n_frames:
        message = f"{len(fragments)} fragments cannot be shared out among {n_frames} frames"
        raise UnfitDataError(ReasonCode.PIXELS_UNDECODABLE, message)
    return frames


def read_spans(file: BinaryIO, spans: Iterable[Span]) -> bytes:
    """Bytes of one frame, its fragments put together.

    Parameters
    ----------
    file, spans
        The opened file and the frame's place in it.
    """
    parts = []
    for offset, length in spans:
        file.seek(offset)
        parts.append(file.read(length))
    return b"".join(parts)


def _told_starts(
    file: BinaryIO, table: Span, elements: Elements, fragments: Sequence[Span]
) -> list[int]:
    """Where frames begin by the extended, else the basic offset table; none without either."""
    offset, length = table
    raw, word = elements.raw(_EXTENDED_OFFSETS), "<u8"
    if not raw:
        file.seek(offset)
        raw, word = file.read(length), "<u4"
    size = np.dtype(word).itemsize
    told = np.frombuffer(raw[: len(raw) // size * size], word).astype(np.int64)
    first = fragments[0][0] if fragments else 0
    return [first + int(value) for value in told]


def _is_start(file: BinaryIO, place: int) -> bool:
    file.seek(place)
    return file.read(_ITEM_HEADER_BYTES).startswith(_STARTS)


def _grouped(fragments: Sequence[Span], starts: Sequence[int]) -> tuple[tuple[Span, ...], ...]:
    """Fragments by frame; none where a frame would begin inside a fragment or out of order."""
    places = [place for place, _ in fragments]
    if not starts or starts[0] != places[0] or sorted(set(starts) & set(places)) != list(starts):
        return ()
    firsts = [places.index(start) for start in starts]
    lasts = [*firsts[1:], len(fragments)]
    return tuple(tuple(fragments[a:b]) for a, b in zip(firsts, lasts, strict=True))
