"""Overlays that old objects keep in the unused bits of their pixel words."""

from __future__ import annotations

from corelab.dicom.element import Elements
from corelab.dicom.matrix import Matrix

_GROUPS = range(0x6000, 0x6020, 2)
_BIT_POSITION, _DATA = 0x0102, 0x3000


def has_overlay_in_words(elements: Elements, matrix: Matrix) -> bool:
    """Whether an overlay is declared in bits outside the stored ones (PS3.5, 8.1.2).

    Such an overlay has a bit position and no data of its own; retired since 2004, read still.

    Parameters
    ----------
    elements, matrix
        The data set and its matrix.
    """
    if matrix.bits_stored == matrix.bits_allocated:
        return False
    for group in _GROUPS:
        position = elements.whole(group << 16 | _BIT_POSITION)
        if position is None or elements.has(group << 16 | _DATA):
            continue
        if not matrix.high_bit - matrix.bits_stored < position <= matrix.high_bit:
            return True
    return False
