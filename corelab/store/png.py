"""Pictures to PNG bytes, quicker than Pillow: one filter for all rows.

PNG Specification, third edition, W3C 2025: signature and chunks in clause 5, filters in
clause 9, the compressed stream in clause 10.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_BIT_DEPTH, _TRUECOLOUR = 8, 2
_UP = 2
_LEVEL = 1


def encode_png(pixels: NDArray[np.uint8]) -> bytes:
    """Bytes of a PNG file without metadata, the same for the same pixels.

    Parameters
    ----------
    pixels : (rows, columns, 3) uint8 array
        Red, green, blue.

    Notes
    -----
    Each row is stored as its difference from the one above: in smooth images with large areas
    of one colour that packs well, and choosing the best of five filters for every row takes
    more time than all the rest of a mosaic.
    """
    rows, columns, _ = pixels.shape
    flat = pixels.reshape(rows, 3 * columns)
    filtered = np.empty((rows, 1 + 3 * columns), dtype=np.uint8)
    filtered[:, 0] = _UP
    filtered[:1, 1:] = flat[:1]
    np.subtract(flat[1:], flat[:-1], out=filtered[1:, 1:])
    header = struct.pack(">IIBBBBB", columns, rows, _BIT_DEPTH, _TRUECOLOUR, 0, 0, 0)
    # ISA-L packs faster, but has been seen to pack the same pixels in two ways.
    packed = zlib.compress(filtered.data, _LEVEL)
    return _SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(content, zlib.crc32(kind))
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
