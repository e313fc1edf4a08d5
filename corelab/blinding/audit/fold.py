"""One form for all ways of writing a text: what is equal folded is the same to the audit."""

from __future__ import annotations

import re
import unicodedata

# Stand-ins for the point of a decimal number and the colon of a time of day, which are no
# gaps between words. They are private code points, which no other text holds.
POINT, COLON = "\ue000", "\ue001"
_DECIMAL = re.compile(r"(?<![\w.])(\d+)\.(\d+(?:e[+-]?\d+)?)(?!\w|\.\d)")
_CLOCK = re.compile(r"(?<=\d):(?=\d\d)")
_DATE_TO_TIME = re.compile(r"(?<=\d)t(?=\d\d:)")
_GAP = re.compile(rf"(?:[^\w{POINT}{COLON}]|_)+")


def fold(text: str) -> str:
    """Words in lower case without accents, one space between them.

    Everything that is no letter or digit is a gap, so that ``Doe^Jane``, ``doe_jane`` and
    ``DOE, Jane`` are alike. Decimal numbers and times of day stay one word.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text).translate(_DROPPED)
    text = text.casefold()
    if "." in text:
        text = _DECIMAL.sub(rf"\1{POINT}\2", text)
    if ":" in text:
        text = _CLOCK.sub(COLON, _DATE_TO_TIME.sub(" ", text))
    return _GAP.sub(" ", text).strip()


def is_plain_number(word: str) -> bool:
    """Whether a folded word is digits, with or without a decimal point."""
    return word.replace(POINT, "", 1).isdecimal()


class _Dropped(dict[int, int | None]):
    """Accents, which stand apart after decomposition, and characters that nobody sees."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        is_unseen = unicodedata.category(character) == "Cf"
        self[code] = None if unicodedata.combining(character) or is_unseen else code
        return self[code]


_DROPPED = _Dropped()
