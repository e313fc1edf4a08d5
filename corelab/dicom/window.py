"""Streams over parts of other streams: what a member of an archive is read through."""

from __future__ import annotations

import io
import os
import weakref
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_KEPT_IN_MEMORY_BYTES = 2**24
_STEP_BYTES = 2**20


class Content:
    """Bytes behind a file descriptor, which is closed with the last stream that reads them.

    Parameters
    ----------
    descriptor
        Open for reading; owned from here on.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.size = os.fstat(descriptor).st_size
        weakref.finalize(self, os.close, descriptor)

    def window(self, offset: int, length: int) -> BinaryIO:
        """Stream of ``length`` bytes from ``offset`` on, with a position of its own."""
        return io.BufferedReader(_Window(self, offset, length))

    def whole(self) -> BinaryIO:
        """Stream of all bytes."""
        return self.window(0, self.size)


class _Seekable(io.RawIOBase):
    """A raw stream of known length; what lies where is its heirs' matter."""

    name = "a member of an archive"  # pydicom asks every buffered stream for it

    def __init__(self, length: int) -> None:
        self._length = length
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._length}[whence]
        if start + offset < 0:
            raise ValueError(f"negative position {start + offset}")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        room = memoryview(buffer).cast("B")
        wanted = max(0, min(len(room), self._length - self._position))
        count = self._fill(room[:wanted]) if wanted else 0
        self._position += count
        return count

    def _fill(self, room: memoryview) -> int:
        raise NotImplementedError


class _Window(_Seekable):
    def __init__(self, content: Content, offset: int, length: int) -> None:
        super().__init__(length)
        self._content = content
        self._offset = offset

    def _fill(self, room: memoryview) -> int:
        return os.preadv(self._content.descriptor, [room], self._offset + self._position)


class _Inflating(_Seekable):
    """Inflates no further than it is read, and nothing twice."""

    def __init__(self, length: int, read: Callable[[int], bytes]) -> None:
        super().__init__(length)
        self._read = read
        self._inflated = SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY_BYTES)  # noqa: SIM115 - closed below
        self._n_inflated = 0

    def close(self) -> None:
        self._inflated.close()
        super().close()

    def _fill(self, room: memoryview) -> int:
        end = self._position + len(room)
        while self._n_inflated <= self._position:
            piece = self._read(min(end - self._n_inflated, _STEP_BYTES))
            self._inflated.seek(self._n_inflated)
            self._inflated.write(piece)
            self._n_inflated += len(piece)
        self._inflated.seek(self._position)
        piece = self._inflated.read(min(len(room), self._n_inflated - self._position))
        room[: len(piece)] = piece
        return len(piece)


def inflating(length: int, read: Callable[[int], bytes]) -> BinaryIO:
    """Stream that can be sought, over a source that only goes forward.

    Parameters
    ----------
    length
        Bytes that the source will give.
    read
        Gives the next bytes, at most as many as asked for and at least one; raises at the
        source's end.
    """
    return io.BufferedReader(_Inflating(length, read))
