"""SQLite's write-ahead log: what was written to a database and does not stand in its file yet."""

from __future__ import annotations

import struct

from corelab.blinding.audit.reading.tables import SQLITE_MARK

LOG_END = "-wal"
_MARKS = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83")
_HEADER, _FRAME = struct.Struct(">8I"), struct.Struct(">6I")
_SMALLEST_PAGE, _LARGEST_PAGE = 512, 65536


def with_log(database: bytes, log: bytes) -> bytes:
    """Database as a reader of both files sees it: pages of the log up to its last commit.

    Two files that are no database and its log give the database as it is.
    """
    if not database.startswith(SQLITE_MARK) or not log.startswith(_MARKS):
        return database
    pages = bytearray(database)
    if len(log) < _HEADER.size:
        return database
    _, _, size, _, *salt, _, _ = _HEADER.unpack_from(log)
    if not _SMALLEST_PAGE <= size <= _LARGEST_PAGE:
        return database
    waiting: list[tuple[int, int]] = []
    for place in range(_HEADER.size, len(log) - _FRAME.size - size + 1, _FRAME.size + size):
        number, n_pages, *frame_salt, _, _ = _FRAME.unpack_from(log, place)
        if frame_salt != salt or not number:
            break  # of an earlier round of the log
        waiting.append((number, place + _FRAME.size))
        if n_pages:
            _put(pages, waiting, log, size)
            del pages[n_pages * size :]
            waiting.clear()
    return bytes(pages)


def _put(pages: bytearray, frames: list[tuple[int, int]], log: bytes, size: int) -> None:
    for number, start in frames:
        place = (number - 1) * size
        pages.extend(bytes(max(0, place + size - len(pages))))
        pages[place : place + size] = log[start : start + size]
