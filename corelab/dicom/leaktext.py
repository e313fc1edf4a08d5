"""Every identifying text of a received file, for the audit that proves none of it crossed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import chain, islice

from pydicom.datadict import keyword_for_tag

from corelab.dicom.dataset import DataSet
from corelab.dicom.element import Elements, decode_text
from corelab.series import Identifier, IdentifierKind

LONGEST_TEXT = 256
MOST_TEXTS = 4000
LONGEST_OPAQUE_BYTES = 4096
"""How far an element without a text type is read for texts that lie in it."""
_DEEPEST = 12
_REMEMBERED = 16384
_PRIVATE_GROUP = 1 << 16
_TEXT_VRS = frozenset(
    {"AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_OPAQUE_VRS = frozenset({"UN", "OB"})
_ALL_VRS = _TEXT_VRS | _OPAQUE_VRS
_STANDARD_UID_ROOT = "1.2.840.10008."
_TEXT_RUN = re.compile(rb"[\x20-\x7e]{6,}")
_SHORT_RUN = re.compile(rb"(?<![\x20-\x7e])[A-Za-z'^. -]{4,5}(?![\x20-\x7e])")
_LONGEST_WITH_SHORT_RUNS = 64
"""Bytes of a value whose short runs are names; in larger ones, chance makes as many."""
_FEWEST_LETTERS = 3
_FIRST_WIDE = "\u0100"
_SPACES = str.maketrans("\t\n\f\r\u3000", "     ")
_NOT_DECODED = "\ufffd"
_ENDS = " \0\r\n\t^"

_KIND_OF_VR = {
    "PN": IdentifierKind.NAME,
    "UI": IdentifierKind.UID,
    "AS": IdentifierKind.MOMENT,
    "DA": IdentifierKind.MOMENT,
    "DT": IdentifierKind.MOMENT,
    "TM": IdentifierKind.MOMENT,
    "AE": IdentifierKind.DEVICE,
    "CS": IdentifierKind.CODE,
}
# In this order: a DeviceSerialNumber is a device's, a StationName a place's.
_KIND_OF_KEYWORD = (
    (
        re.compile("Manufacturer|Model|Serial|Software|Kernel|Device|Scanner|Detector|Coil"),
        IdentifierKind.DEVICE,
    ),
    (
        re.compile("Institution|Station|Department|Address|Country|Region|Residence|Location"),
        IdentifierKind.PLACE,
    ),
    (re.compile("IDs?$|Numbers?$|Identifier$|Identification$"), IdentifierKind.NUMBER),
)


def identifying_texts(elements: Elements, meta: DataSet | None = None) -> tuple[Identifier, ...]:
    """Text values of a data set at any depth, with what each is.

    Names, identifiers, dates, addresses, descriptions, device strings, code strings and the
    text in private elements; not numbers and the standard's own UIDs. Each is cut at
    ``LONGEST_TEXT`` characters, and no more than ``MOST_TEXTS`` values are read. A text that
    stands in several elements may come several times.

    An element without a text type (in implicit VR, every private one) is a text where all of it
    reads as one, in ASCII, the data set's own character sets or UTF-8. Else its printable ASCII
    runs of six characters and more are taken, and of four letters where the value is short.
    What is missed: shorter ones, and other scripts, between bytes that are no text.

    Parameters
    ----------
    elements
        The data set.
    meta
        The file meta information (PS3.10, 7.1), which names applications.
    """
    values = _values(elements, 0)
    if meta is not None:
        values = chain(meta.values_of(_ALL_VRS), values)
    encodings = elements.encodings
    found: list[Identifier] = []
    for tag, vr, value in islice(values, MOST_TEXTS):
        found += _texts_in(tag, vr, value[:LONGEST_OPAQUE_BYTES], encodings)
    return tuple(found)


def loose_texts(content: bytes) -> tuple[Identifier, ...]:
    """Texts in bytes that belong to no element: a preamble, or what follows the pixels."""
    runs = _TEXT_RUN.findall(content[:LONGEST_OPAQUE_BYTES])
    return tuple(_described(run.decode("ascii")) for run in runs)


@lru_cache(maxsize=_REMEMBERED)
def _texts_in(
    tag: int, vr: str, value: bytes, encodings: tuple[str, ...]
) -> tuple[Identifier, ...]:
    is_opaque = vr in _OPAQUE_VRS
    loose: tuple[Identifier, ...] = ()
    readings = tuple(_readings(value, encodings)) if is_opaque else (decode_text(value, encodings),)
    if not readings:
        loose = loose_texts(value) + _short_texts(value)
        readings = (decode_text(value, encodings),) if _begins_as_text(value) else ()
    kind = kind_of(tag, vr)
    delimiters = "=" if kind is IdentifierKind.NAME else "\r\n" if is_opaque else ""
    words = re.split(rf"[\\{delimiters}]", "\\".join(readings))
    texts = dict.fromkeys(word.strip(_ENDS)[:LONGEST_TEXT] for word in words)
    told = (text for text in texts if text and not text.startswith(_STANDARD_UID_ROOT))
    return (*(Identifier(text, kind) for text in told), *loose)


@lru_cache(maxsize=_REMEMBERED)
def kind_of(tag: int, vr: str) -> IdentifierKind:
    """Kind of an element's text: by its VR where that tells, else by the dictionary's name.

    Parameters
    ----------
    tag
        Tag number; of a private element nothing is known but that it describes.
    vr
        As :class:`corelab.dicom.dataset.Raw` has it.
    """
    told = _KIND_OF_VR.get(vr)
    if told is not None:
        return told
    keyword = "" if tag & _PRIVATE_GROUP else keyword_for_tag(tag)
    found = (kind for pattern, kind in _KIND_OF_KEYWORD if pattern.search(keyword))
    return next(found, IdentifierKind.DESCRIPTION)


def _described(text: str) -> Identifier:
    return Identifier(text.strip(_ENDS)[:LONGEST_TEXT], IdentifierKind.DESCRIPTION)


def _values(elements: Elements, depth: int) -> Iterator[tuple[int, str, bytes]]:
    yield from elements.dataset.values_of(_ALL_VRS)
    if depth < _DEEPEST:
        for tag in elements.dataset.sequences():
            for item in elements.items(tag):
                yield from _values(item, depth + 1)


def _short_texts(value: bytes) -> tuple[Identifier, ...]:
    if len(value) > _LONGEST_WITH_SHORT_RUNS:
        return ()
    found = (_described(run.decode("ascii")) for run in _SHORT_RUN.findall(value))
    return tuple(text for text in found if sum(map(str.isalpha, text.text)) >= _FEWEST_LETTERS)


def _readings(value: bytes, encodings: tuple[str, ...]) -> Iterator[str]:
    """Every text that a value without a text type may be as a whole, none where it is no text."""
    bare = value.rstrip(b" \0")
    if bare.isascii() and b"\x1b" not in bare:
        text = bare.decode("ascii")
        if text.translate(_SPACES).isprintable():
            yield text
        return
    # An escape sequence changes the character set within the value (PS3.5, 6.1.2.5).
    has_escape = b"\x1b" in bare
    known = [decode_text(bare, encodings)] if has_escape else list(_decoded(bare, encodings))
    found = [text for text in dict.fromkeys(known) if _is_foreign_text(text)]
    last = bare.decode("latin-1")
    yield from found or ((last,) if _is_foreign_text(last) else ())


def _begins_as_text(value: bytes) -> bool:
    start = value[:LONGEST_TEXT].rstrip(b" \0")
    return start.isascii() and start.decode("ascii").isprintable()


def _decoded(value: bytes, encodings: tuple[str, ...]) -> Iterator[str]:
    for codec in (*encodings, "utf-8"):
        # The value may have been cut within a character.
        with suppress(LookupError):
            yield value.decode(codec, "replace").removesuffix(_NOT_DECODED)


def _is_foreign_text(text: str) -> bool:
    """Whether characters beyond ASCII are those of words: any byte is some character of Latin-1."""
    if _NOT_DECODED in text or not text.translate(_SPACES).isprintable():
        return False
    letters = [character for character in text if character.isalpha()]
    foreign = [character for character in text if not character.isascii()]
    n_words = sum(map(str.isalpha, foreign))
    n_wide = sum(character >= _FIRST_WIDE for character in foreign)
    n_narrow, n_plain = len(foreign) - n_wide, len(letters) - n_words
    if 2 * n_words < len(foreign):
        return False
    return n_wide > max(1, n_narrow) or (len(letters) >= _FEWEST_LETTERS and n_plain >= n_narrow)
