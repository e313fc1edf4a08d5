"""Every identifying text of a header, for the audit that proves none of it crossed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from corelab.dicom.element import Elements, decode_text

LONGEST_TEXT = 256
MOST_TEXTS = 4000
_DEEPEST = 12
_REMEMBERED = 8192
_SHORTEST_BYTES = 3
_PRIVATE_GROUP = 1
_TEXT_VRS = frozenset(
    {"AE", "AS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"}
)
_OPAQUE_VRS = frozenset({"UN", "OB"})
_STANDARD_UID_ROOT = "1.2.840.10008."


def identifying_texts(elements: Elements) -> tuple[str, ...]:
    """Text values of a data set at any depth, each once, sorted.

    Names, identifiers, dates, addresses, descriptions, device strings and the text in
    private elements; not code strings, numbers and the standard's own UIDs. Each is cut at
    ``LONGEST_TEXT`` characters, and no more than ``MOST_TEXTS`` are kept.

    Parameters
    ----------
    elements
        The data set.
    """
    kept = islice(_values(elements, 0), MOST_TEXTS)
    values = dict.fromkeys(value[: 4 * LONGEST_TEXT] for value in kept)
    texts = {text for value in values for text in _texts_in(value, elements.encodings)}
    return tuple(sorted(texts))


@lru_cache(maxsize=_REMEMBERED)
def _texts_in(value: bytes, encodings: tuple[str, ...]) -> tuple[str, ...]:
    words = decode_text(value, encodings).split("\\")
    texts = (word.strip(" \0\r\n\t^")[:LONGEST_TEXT] for word in words)
    return tuple(text for text in texts if _is_telling(text))


def _is_telling(text: str) -> bool:
    return len(text) >= _SHORTEST_BYTES and not text.startswith(_STANDARD_UID_ROOT)


def _values(elements: Elements, depth: int) -> Iterator[bytes]:
    yield from elements.dataset.values_of(_TEXT_VRS)
    yield from filter(_is_text, elements.dataset.values_of(_OPAQUE_VRS))
    if depth < _DEEPEST:
        for tag in elements.dataset.sequences():
            for item in elements.items(tag):
                yield from _values(item, depth + 1)


def _is_text(value: bytes) -> bool:
    start = value[:LONGEST_TEXT].rstrip(b" \0")
    return len(start) >= _SHORTEST_BYTES and start.isascii() and start.decode("ascii").isprintable()
