"""Stored pixel values of one file's slices, each syntax by its one trusted decoder."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import numpy as np

from corelab.dicom import syntax
from corelab.dicom.codec import Samples, decode_samples
from corelab.dicom.element import Elements
from corelab.dicom.fragments import Span, frame_spans, read_spans
from corelab.dicom.guard import guarded
from corelab.dicom.lossy import is_lossy
from corelab.dicom.matrix import Matrix, read_matrix
from corelab.dicom.mosaic import Tiling, read_tiling
from corelab.dicom.overlay import has_overlay_in_words
from corelab.dicom.padding import Padding, read_padding
from corelab.dicom.parse import Parsed, PixelElement, parse
from corelab.dicom.reading import Reading, Words, decompressed_values, header_form, stored_values
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError

_UNDECODABLE = ReasonCode.PIXELS_UNDECODABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFile:
    """An opened file whose slices can be decoded.

    Parameters
    ----------
    spans
        Where each compressed frame lies; empty for uncompressed pixels.
    padding
        What the header says is no image, ``None`` where nothing is.
    has_overlay
        Whether the header says that overlays share the words with the values.
    is_lossy
        As :func:`corelab.dicom.lossy.is_lossy` finds of the whole file.
    readings
        How contradictions were settled in the frames decoded so far.
    """

    path: Path
    parsed: Parsed
    pixels: PixelElement
    matrix: Matrix
    tiling: Tiling | None
    spans: tuple[tuple[Span, ...], ...]
    padding: Padding | None
    has_overlay: bool
    is_lossy: bool
    readings: set[Reading] = field(default_factory=set)

    @property
    def is_native(self) -> bool:
        """Whether the pixels are stored as they are."""
        return self.parsed.transfer_syntax_uid in syntax.NATIVE


def open_pixels(path: Path) -> PixelFile:
    """Open a file for decoding: its matrix, and where its pixels lie.

    Raises
    ------
    UnfitDataError
        ``pixels_undecodable`` without pixels or with an unsupported syntax.
    """
    parsed = parse(path)
    if parsed.pixels is None or not syntax.is_readable(parsed.transfer_syntax_uid):
        raise UnfitDataError(_UNDECODABLE, "the file holds no pixels that can be decoded")
    elements = Elements(parsed.dataset)
    matrix = read_matrix(elements)
    return PixelFile(
        path=path,
        parsed=parsed,
        pixels=parsed.pixels,
        matrix=matrix,
        tiling=read_tiling(elements),
        spans=_spans(path, parsed, elements, matrix),
        padding=read_padding(
            elements,
            matrix=matrix,
            big_endian=parsed.transfer_syntax_uid == syntax.EXPLICIT_BIG,
        ),
        has_overlay=has_overlay_in_words(elements, matrix),
        is_lossy=is_lossy(path, parsed, elements),
    )


def _spans(
    path: Path, parsed: Parsed, elements: Elements, matrix: Matrix
) -> tuple[tuple[Span, ...], ...]:
    uid = parsed.transfer_syntax_uid
    if parsed.pixels is None or uid in syntax.NATIVE:
        return ()
    return frame_spans(
        path,
        parsed.pixels,
        elements=elements,
        n_frames=matrix.n_frames,
        transfer_syntax_uid=uid,
    )


def decoded_slices(file: PixelFile, indices: Sequence[int]) -> Iterator[Words]:
    """Yield the stored values of the wanted slices, each (rows, columns), sign extended.

    Parameters
    ----------
    file
        From :func:`open_pixels`.
    indices
        Frame numbers from 0, or tile numbers where the file is one sheet of tiles.

    Raises
    ------
    UnfitDataError
        ``pixels_undecodable`` or ``pixels_truncated``.
    """
    if file.tiling is None:
        yield from decoded_frames(file, indices)
        return
    sheet = next(decoded_frames(file, (0,)))
    for index in indices:
        row, column = file.tiling.corner(index)
        yield sheet[row : row + file.tiling.rows, column : column + file.tiling.columns]


def decoder_name(transfer_syntax_uid: str) -> str:
    """Name and version of the decoder that a syntax is pinned to."""
    distribution = syntax.DECODERS.get(transfer_syntax_uid, "numpy")
    return f"{distribution} {version(distribution)}"


def decoded_frames(file: PixelFile, indices: Sequence[int]) -> Iterator[Words]:
    """Yield the stored values of whole frames, sheets of tiles uncut.

    Parameters
    ----------
    file, indices
        As for :func:`decoded_slices`.
    """
    decode = _native_frame if file.is_native else _compressed_frame
    with _opened(file) as stream:
        for index in indices:
            yield decode(file, stream, index)


def _opened(file: PixelFile) -> BinaryIO:
    """Stream that the offsets of a file point into, opened once: archives inflate up to a frame."""
    inflated = file.parsed.inflated
    return open_source(file.path) if inflated is None else io.BytesIO(inflated)


def _native_frame(file: PixelFile, stream: BinaryIO, index: int) -> Words:
    size = file.matrix.frame_bytes
    stream.seek(file.pixels.offset + index * size)
    content = stream.read(size)
    if len(content) < size:
        message = f"frame {index + 1} holds {len(content)} bytes of {size}"
        raise UnfitDataError(ReasonCode.PIXELS_TRUNCATED, message)
    is_big = file.parsed.transfer_syntax_uid == syntax.EXPLICIT_BIG
    words = np.frombuffer(content, dtype=file.matrix.word_type(big_endian=is_big))
    words = words.reshape(file.matrix.rows, file.matrix.columns)
    return _stored(file, words.astype(words.dtype.newbyteorder("="), copy=False))


def _stored(file: PixelFile, words: Words) -> Words:
    """Values of words as they lie; a declared overlay is left out without a note."""
    if file.has_overlay:
        return header_form(file.matrix, file.matrix.bits_allocated).read(words)
    return _noted(file, stored_values(words, file.matrix))


def _compressed_frame(file: PixelFile, stream: BinaryIO, index: int) -> Words:
    samples = _samples(file, stream, index)
    if not samples.is_reversible and not file.is_lossy:
        message = f"frame {index + 1} was compressed with loss, the first one was not"
        raise UnfitDataError(ReasonCode.LOSSY_PIXELS, message)
    if file.parsed.transfer_syntax_uid == syntax.RLE:
        return _stored(file, samples.words)
    found = decompressed_values(
        samples.words, file.matrix, bits=samples.bits, is_signed=samples.is_signed
    )
    return _noted(file, found)


def frame_samples(file: PixelFile, index: int) -> Samples:
    """Decode a compressed frame to its samples, before the header says what they mean.

    Parameters
    ----------
    file, index
        A compressed file and the frame's number from 0.

    Raises
    ------
    UnfitDataError
        ``pixels_undecodable`` or ``pixels_truncated``.
    """
    with _opened(file) as stream:
        return _samples(file, stream, index)


def _samples(file: PixelFile, stream: BinaryIO, index: int) -> Samples:
    with guarded(_UNDECODABLE, f"frame {index + 1} cannot be decoded"):
        frame = read_spans(stream, file.spans[index])
        return decode_samples(frame, file.parsed.transfer_syntax_uid, file.matrix)


def _noted(file: PixelFile, found: tuple[Words, Reading | None]) -> Words:
    """Values, after how they were read has been written down."""
    values, reading = found
    if reading is not None:
        file.readings.add(reading)
    return values
