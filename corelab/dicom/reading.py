"""What number a word stands for, also where the header and the words contradict each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.matrix import Matrix
from corelab.errors import ReasonCode, UnfitDataError

Words = NDArray[np.integer]
_BITS_PER_BYTE = 8
_DECISIVE = 2


class Reading(StrEnum):
    """How a contradiction between header and words was settled."""

    SIGN_OF_HEADER = "sign by the header"
    SIGN_OF_STREAM = "sign by the stream"
    STORED_BITS = "bits beyond the stored ones left out"
    WHOLE_WORDS = "bits beyond the stored ones kept"


CONTRARY = frozenset({Reading.SIGN_OF_HEADER, Reading.SIGN_OF_STREAM})
"""Readings that slices of one series cannot both need."""
BEYOND_HEADER = frozenset(Reading) - {Reading.SIGN_OF_HEADER}
"""Readings of words that hold more than the header says can be stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """Which bits of a word are the value, and whether the uppermost is its sign."""

    low: int
    bits: int
    is_signed: bool

    def read(self, words: Words) -> Words:
        """Values of these bits, sign extended.

        Parameters
        ----------
        words
            Any shape; at least ``low + bits`` wide.
        """
        width = _BITS_PER_BYTE * words.dtype.itemsize
        letter = "i" if self.is_signed else "u"
        same = words.view(np.dtype(f"{letter}{words.dtype.itemsize}"))
        left, right = width - self.low - self.bits, width - self.bits
        return np.asarray((same << left) >> right)


def header_form(matrix: Matrix, word_bits: int) -> Form:
    """Bits that the header says are stored (PS3.5, 8.1.1).

    Parameters
    ----------
    matrix
        As declared.
    word_bits
        Bits of a sample as it comes from the file or its decoder. Where they do not reach the
        declared high bit, the encoder had moved the values down.
    """
    low = matrix.high_bit + 1 - matrix.bits_stored if word_bits > matrix.high_bit else 0
    return Form(low=low, bits=matrix.bits_stored, is_signed=matrix.is_signed)


def stored_values(words: Words, matrix: Matrix) -> tuple[Words, Reading | None]:
    """Values of words that lie in a file as they are; bits beyond the stored ones mean nothing.

    They may be an overlay's, or a value's that is too large for its declared bits: the header
    alone says which bits count (PS3.5, 8.1.1), so that both are left out, and told of.

    Parameters
    ----------
    words : (rows, columns) integers
        ``matrix.bits_allocated`` wide.
    matrix
        The header's.
    """
    values = header_form(matrix, matrix.bits_allocated).read(words)
    if matrix.bits_stored == matrix.bits_allocated or matrix.high_bit + 1 > matrix.bits_stored:
        return values, None
    is_filled = not (words >> matrix.bits_stored).any()
    whole = Form(low=0, bits=matrix.bits_allocated, is_signed=matrix.is_signed)
    is_same = is_filled or np.array_equal(values, whole.read(words))
    return values, None if is_same else Reading.STORED_BITS


def decompressed_values(
    words: Words, matrix: Matrix, *, bits: int, is_signed: bool | None
) -> tuple[Words, Reading | None]:
    """Values of decoded samples, and how a contradiction was settled if there was one.

    Should stream and header be inconsistent, the stream controls the decompression (PS3.5,
    8.2.1 to 8.2.4): samples of more bits than the header says are stored count whole. Of the
    sign the standard asks that it be what was encoded, yet signed words are known to be
    compressed as unsigned ones, their bits unchanged; the header is then right. The image
    tells: a wrong sign breaks it by the whole range of the bits wherever values pass its end,
    so the reading whose neighbours differ least is true, if it is so by a factor of two.

    Parameters
    ----------
    words : (rows, columns) integers
        As decoded.
    matrix
        The header's.
    bits, is_signed
        Of a sample, as the stream states; ``None`` where its coding has no sign.

    Raises
    ------
    UnfitDataError
        ``pixels_undecodable`` where a contradiction of the sign cannot be settled.
    """
    words = words.astype(f"{words.dtype.kind}{matrix.bits_allocated // _BITS_PER_BYTE}", copy=False)
    header = header_form(matrix, bits)
    own = Form(low=0, bits=bits, is_signed=matrix.is_signed if is_signed is None else is_signed)
    values, whole = header.read(words), own.read(words)
    if header == own or header.low or np.array_equal(values, whole):
        return values, None
    if own.is_signed == matrix.is_signed and bits > header.bits:
        # Signed values with nothing above their own bits are whole words all the same.
        is_filled = not (words >> header.bits).any()
        return (values, None) if is_filled else (whole, Reading.WHOLE_WORDS)
    signs = [Form(low=0, bits=bits, is_signed=sign).read(words) for sign in (False, True)]
    best = smoothest([values, *signs])
    if best is None:
        raise UnfitDataError(ReasonCode.PIXELS_UNDECODABLE, _contradiction(header, own))
    chosen = (values, *signs)[best]
    is_header = np.array_equal(chosen, values)
    return chosen, Reading.SIGN_OF_HEADER if is_header else Reading.SIGN_OF_STREAM


def smoothest(readings: Sequence[Words]) -> int | None:
    """Index of the reading whose neighbours differ least by far, ``None`` if none is so.

    Parameters
    ----------
    readings
        The same words read differently. Only neighbours that differ otherwise in one reading
        than in another are asked, and readings with the same values count once.
    """
    steps = np.stack([_steps(values) for values in readings])
    telling = steps[:, (steps != steps[0]).any(axis=0)].sum(axis=1)
    best = int(np.argmin(telling))
    rivals = [
        int(telling[index])
        for index, values in enumerate(readings)
        if index != best and not np.array_equal(values, readings[best])
    ]
    is_clear = bool(rivals) and min(rivals) > 0 and min(rivals) >= _DECISIVE * int(telling[best])
    return best if is_clear else None


def _steps(values: Words) -> NDArray[np.int64]:
    wide = values.astype(np.int64)
    return np.concatenate([np.abs(np.diff(wide, axis=axis)).ravel() for axis in range(2)])


def _contradiction(header: Form, own: Form) -> str:
    return f"the header says {_words(header)}, the pixels are {_words(own)}, and values differ"


def _words(form: Form) -> str:
    return f"{form.bits} bits {'signed' if form.is_signed else 'unsigned'}"
