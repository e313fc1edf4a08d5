"""The first bytes of a file: whether they are DICOM, and what else they could be run as.

A DICOM file begins with 128 bytes of any content and the mark ``DICM`` (PS3.10, 7.1). Old
scanners and bare exports leave both out; a program can hide in the 128 bytes
(CVE-2019-11687). So the preamble is looked at here and kept nowhere.
"""

from __future__ import annotations

import struct

PREAMBLE_BYTES = 128
MARK = b"DICM"
_FIRST_GROUPS = frozenset({0x0002, 0x0008})
_LONGEST_FIRST_VALUE_BYTES = 1024
_HEAD_BYTES = 8
_SHORT_VRS = frozenset({b"UL", b"UI", b"CS", b"SH", b"LO", b"DA", b"TM", b"IS", b"AE"})
_LONG_VRS = frozenset({b"OB", b"UN", b"SQ"})
_PROGRAMS = (
    b"MZ",  # Windows
    b"\x7fELF",  # Linux
    b"\xfe\xed\xfa\xce",  # macOS, and the same swapped and in 64 bits
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"#!",  # a script
)


def has_mark(head: bytes) -> bool:
    """Whether the mark stands after the preamble."""
    return head[PREAMBLE_BYTES : PREAMBLE_BYTES + len(MARK)] == MARK


def is_executable(head: bytes) -> bool:
    """Whether the bytes begin as a program of Windows, Linux or macOS or a script does."""
    return head.startswith(_PROGRAMS)


def begins_as_dataset(head: bytes) -> bool:
    """Whether the bytes begin as a data set does, without preamble or without its 128 bytes.

    The first element must be of group 0002 or 0008 with an element number below 0100, and
    either a VR that such elements have or an implicit length that is even and short.

    Parameters
    ----------
    head
        At least the first 8 bytes.
    """
    if head.startswith(MARK):
        return True
    return len(head) >= _HEAD_BYTES and any(_is_first_element(head, order) for order in "<>")


def _is_first_element(head: bytes, order: str) -> bool:
    group, element = struct.unpack(f"{order}HH", head[:4])
    if group not in _FIRST_GROUPS or element > 0xFF:  # noqa: PLR2004 - no first element is higher
        return False
    vr = head[4:6]
    if vr in _LONG_VRS:
        return True
    layout, place = ("H", 6) if vr in _SHORT_VRS else ("I", 4)
    (length,) = struct.unpack_from(f"{order}{layout}", head, place)
    return bool(length % 2 == 0 and length <= _LONGEST_FIRST_VALUE_BYTES)
