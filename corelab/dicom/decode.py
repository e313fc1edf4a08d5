"""Stored pixel values of one file's slices, each syntax by its one trusted decoder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.decoders.base import get_decoder

from corelab.dicom import syntax
from corelab.dicom.element import Elements
from corelab.dicom.guard import guarded
from corelab.dicom.matrix import Matrix, read_matrix
from corelab.dicom.mosaic import Tiling, read_tiling
from corelab.dicom.parse import Parsed, PixelElement, parse
from corelab.dicom.source import open_source
from corelab.errors import ReasonCode, UnfitDataError

Words = NDArray[np.integer]
_UNDECODABLE = ReasonCode.PIXELS_UNDECODABLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelFile:
    """An opened file whose slices can be decoded."""

    path: Path
    parsed: Parsed
    pixels: PixelElement
    matrix: Matrix
    tiling: Tiling | None

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
    return PixelFile(
        path=path,
        parsed=parsed,
        pixels=parsed.pixels,
        matrix=read_matrix(elements),
        tiling=read_tiling(elements),
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
    plugin = syntax.PLUGINS.get(transfer_syntax_uid)
    if plugin is None:
        return f"numpy {np.__version__}"
    return f"{plugin.distribution} {version(plugin.distribution)}"


def decoded_frames(file: PixelFile, indices: Sequence[int]) -> Iterator[Words]:
    """Yield the stored values of whole frames, sheets of tiles uncut.

    Parameters
    ----------
    file, indices
        As for :func:`decoded_slices`.
    """
    if file.is_native:
        yield from (_native_frame(file, index) for index in indices)
        return
    message = "the compressed pixels cannot be read"
    with guarded(_UNDECODABLE, message), open_source(file.path) as stream:
        dataset = pydicom.dcmread(stream)
    yield from (_compressed_frame(file, dataset, index) for index in indices)


def _native_frame(file: PixelFile, index: int) -> Words:
    size = file.matrix.frame_bytes
    start = file.pixels.offset + index * size
    if file.parsed.inflated is not None:
        content = file.parsed.inflated[start : start + size]
    else:
        with open_source(file.path) as stream:
            stream.seek(start)
            content = stream.read(size)
    if len(content) < size:
        message = f"frame {index + 1} holds {len(content)} bytes of {size}"
        raise UnfitDataError(ReasonCode.PIXELS_TRUNCATED, message)
    is_big = file.parsed.transfer_syntax_uid == syntax.EXPLICIT_BIG
    words = np.frombuffer(content, dtype=file.matrix.word_type(big_endian=is_big))
    return stored_bits(words.reshape(file.matrix.rows, file.matrix.columns), file.matrix)


def _compressed_frame(file: PixelFile, dataset: Dataset, index: int) -> Words:
    uid = file.parsed.transfer_syntax_uid
    plugin = syntax.PLUGINS[uid].name
    with guarded(_UNDECODABLE, f"frame {index + 1} cannot be decoded"):
        decoder = get_decoder(uid)
        values, _ = decoder.as_array(dataset, index=index, raw=True, decoding_plugin=plugin)
    if values.shape != (file.matrix.rows, file.matrix.columns):
        raise UnfitDataError(_UNDECODABLE, f"frame {index + 1} decodes to {values.shape}")
    return np.asarray(values)


def stored_bits(words: Words, matrix: Matrix) -> Words:
    """Values of the stored bits of each word, sign extended; the other bits mean nothing.

    Parameters
    ----------
    words
        Any shape, of ``matrix.word_type``.
    matrix
        Says which bits are stored (PS3.5, 8.1.1).
    """
    native = words.astype(words.dtype.newbyteorder("="), copy=False)
    if matrix.bits_stored == matrix.bits_allocated:
        return native
    left = matrix.bits_allocated - 1 - matrix.high_bit
    right = matrix.bits_allocated - matrix.bits_stored
    return np.asarray((native << left) >> right)
