"""Masks of the ledger: labels packed with their shape, named by the SHA-256 of both."""

from __future__ import annotations

import gzip
import hashlib
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.errors import StoreError

_MARK = b"corelab mask 1\n\0"
_SHAPE = struct.Struct("<3I")
_HEADER_BYTES = len(_MARK) + _SHAPE.size
_LEVEL = 1
_GZIP_WINDOW_BITS = 31
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedMask:
    """A mask as the ledger keeps it; ``sha256`` is of its content without gzip."""

    sha256: str
    content: bytes


def pack_mask(labels: NDArray[np.uint8]) -> PackedMask:
    """Pack labels, in the order (i, j, k) of the image's own file; the same bytes each time.

    ``gunzip | sha256sum`` gives the name: shape and labels are both under it, so that two
    empty masks of different images are two masks.
    """
    record = _MARK + _SHAPE.pack(*labels.shape) + labels.tobytes(order="C")
    content = gzip.compress(record, compresslevel=_LEVEL, mtime=0)
    return PackedMask(sha256=hashlib.sha256(record).hexdigest(), content=content)


def unpack_mask(content: bytes) -> NDArray[np.uint8]:
    """Labels of a packed mask.

    Raises
    ------
    StoreError
        When it is none.
    """
    try:
        record = gzip.decompress(content)
        shape = _SHAPE.unpack_from(record, len(_MARK))
        labels = np.frombuffer(record, dtype=np.uint8, offset=_HEADER_BYTES).reshape(shape)
    except (OSError, EOFError, zlib.error, struct.error, ValueError) as error:
        raise StoreError("a mask of the ledger is broken: it cannot be unpacked") from error
    if not record.startswith(_MARK):
        raise StoreError("a mask of the ledger is of a form that this corelab does not know")
    return labels


def name_of(content: bytes) -> str | None:
    """SHA-256 of what a packed content unpacks to, piece by piece; ``None`` if it is broken."""
    digest, unpacker = hashlib.sha256(), zlib.decompressobj(_GZIP_WINDOW_BITS)
    try:
        digest.update(unpacker.decompress(content, _CHUNK_BYTES))
        while unpacker.unconsumed_tail:
            digest.update(unpacker.decompress(unpacker.unconsumed_tail, _CHUNK_BYTES))
        digest.update(unpacker.flush())
    except zlib.error:
        return None
    return digest.hexdigest() if unpacker.eof and not unpacker.unused_data else None
