"""Process that unpacks masks which a browser sent, one after another, within limits of memory.

Bytes that nobody has vouched for meet the parsers here, where no ledger is open and no file can be
opened any more. ``python -m corelab.review.mask_child`` talks over its standard input and output as
:data:`ASKED` and :data:`TOLD` say, and ends with its input.
"""

from __future__ import annotations

import resource
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from corelab.errors import UnfitDataError
from corelab.store.nifti import pack_volume, unpack_labels
from corelab.volume import Volume

ASKED = struct.Struct("<3I3d2Q")
"""Shape, spacing in mm, bytes of memory, bytes of the mask that follows."""

TOLD = struct.Struct("<?Q")
"""Whether it is a mask, bytes that follow: its labels, i fastest, or words of refusal."""


def main() -> None:
    """Answer until the input ends."""
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    own_bytes = _close_doors()
    while head := source.read(ASKED.size):
        i, j, k, *spacing_mm, memory_bytes, n_bytes = ASKED.unpack(head)
        _limit(resource.RLIMIT_AS, own_bytes + memory_bytes)
        _answer(source.read(n_bytes), empty_image((i, j, k), spacing_mm), sink)


def empty_image(shape: tuple[int, int, int], spacing_mm: Sequence[float]) -> Volume:
    """Return a grid of the screen without an image."""
    return Volume(data=np.broadcast_to(np.uint8(0), shape), affine=np.diag([*spacing_mm, 1.0]))


def _answer(content: bytes, like: Volume, sink: BinaryIO) -> None:
    try:
        told, is_mask = unpack_labels(content, like).tobytes(order="F"), True
    except UnfitDataError as error:
        told, is_mask = error.message.encode(), False
    sink.write(TOLD.pack(is_mask, len(told)))
    sink.write(told)
    sink.flush()


def _close_doors() -> int:
    """Open no file and write none from now on; returns the address space taken until now."""
    # All that unpacking needs is loaded by doing it once.
    least = empty_image((1, 1, 1), (1.0, 1.0, 1.0))
    unpack_labels(pack_volume(least), least)
    with Path("/proc/self/statm").open("rb", buffering=0) as stream:
        own_bytes = int(stream.read(64).split()[0]) * resource.getpagesize()
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE):
        _limit(kind, 0)
    return own_bytes


def _limit(kind: int, most: int) -> None:
    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


if __name__ == "__main__":
    main()
