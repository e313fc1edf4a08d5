"""Siemens' CSA image header: a list of named texts inside one private element."""

from __future__ import annotations

import struct

from corelab.dicom.element import Elements, strict_number

_MARK = b"SV10"
_MARK_BYTES = 8
_COUNT_BYTES = 8
_MOST_TAGS = 512
_MOST_ITEMS = 256
_TAG = struct.Struct("<64si4siii")
_ITEM = struct.Struct("<4i")
_WORD_BYTES = 4


def csa_words(elements: Elements, name: str) -> tuple[str, ...]:
    """Texts of one tag of the CSA image header (0029,xx10), none where it is not there.

    Only the layout that begins with ``SV10`` (software since 2001) is read.

    Parameters
    ----------
    elements
        The data set.
    name
        Tag name such as ``SliceNormalVector``.
    """
    content = elements.raw(elements.private_tag(0x0029, "SIEMENS CSA HEADER", 0x10))
    wanted = name.encode()
    if not content.startswith(_MARK) or wanted not in content:
        return ()
    try:
        return _find(content, wanted)
    except struct.error:
        return ()


def csa_numbers(elements: Elements, name: str) -> tuple[float, ...]:
    """Numbers of one tag of the CSA image header, NaN for a text that is none."""
    return tuple(strict_number(word) for word in csa_words(elements, name))


def _find(content: bytes, wanted: bytes) -> tuple[str, ...]:
    (n_tags,) = struct.unpack_from("<I", content, _MARK_BYTES)
    place = _MARK_BYTES + _COUNT_BYTES
    for _ in range(min(n_tags, _MOST_TAGS)):
        name, _vm, _vr, _kind, n_items, _check = _TAG.unpack_from(content, place)
        place += _TAG.size
        values: list[bytes] = []
        for _ in range(max(0, min(n_items, _MOST_ITEMS))):
            length = max(0, _ITEM.unpack_from(content, place)[1])
            place += _ITEM.size
            values.append(content[place : place + length])
            place += -(-length // _WORD_BYTES) * _WORD_BYTES
        if name.split(b"\0", 1)[0] == wanted:
            texts = (value.split(b"\0", 1)[0].decode("latin-1").strip() for value in values)
            return tuple(text for text in texts if text)
    return ()
