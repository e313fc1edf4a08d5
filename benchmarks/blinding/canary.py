"""A canary: one text that stands in one place of a received file and nowhere else."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from pathlib import PurePosixPath


class Place(StrEnum):
    """Where a canary is planted."""

    TOP = "top level"
    NESTED = "sequence"
    PRIVATE = "private block"
    PRIVATE_CREATOR = "private creator"
    PRIVATE_OPAQUE = "private bytes"
    PRIVATE_NESTED = "private sequence"
    UNKNOWN_VR = "unknown VR"
    REPEATING_GROUP = "overlay, curve and other repeating groups"
    OVERLAY_DATA = "overlay data"
    CURVE_DATA = "curve data"
    ANNOTATION = "graphic annotation"
    PUBLIC_BYTES = "public bytes (ICC profile, certificate, document)"
    PREAMBLE = "preamble"
    FILE_META = "file meta information"
    CODESTREAM = "comment in the compressed pixels"
    BEHIND_PIXELS = "behind the pixels"
    OTHER_OBJECT = "object beside the images"
    FILE_NAME = "file name"
    FOLDER_NAME = "folder name"
    FILE_TIME = "file time"
    ARCHIVE = "archive: name, comment, extra field, time"


class Form(StrEnum):
    """How a canary is written."""

    WORD = "word"
    DATE = "date"
    TIME = "time"
    MOMENT = "moment"
    UID = "uid"
    AGE = "age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One planted text.

    Parameters
    ----------
    text
        What identifies it, as written: for a name or an address the one word that is unique.
    form, place
        How it is written, and where.
    name, vr
        Keyword of the attribute, or what the place is called; its VR, if it has one.
    file
        The file that carries it, below the delivery as it was before it was packed.
    """

    text: str
    form: Form
    place: Place
    name: str
    vr: str
    file: PurePosixPath


FORM_OF_VR = {
    "AS": Form.AGE,
    "DA": Form.DATE,
    "DT": Form.MOMENT,
    "TM": Form.TIME,
    "UI": Form.UID,
    **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"), Form.WORD),
}
"""Every VR that holds text (PS3.5, 6.2) but for numbers written as text, DS and IS."""

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_WORD_START = "ZQ"
_RANDOM_CHARACTERS = 10
_UID_DIGITS = 38
_YEARS = (1801, 1900)


class Mint:
    """Draws texts that are legal for their VR (PS3.5, 6.2) and each unlike every other.

    Words have 12 characters, so that they fit the shortest VR and stay whole where a field
    of 16 cuts. Dates lie in the nineteenth century, where no date of a run can lie.

    Parameters
    ----------
    seed
        Same seed, same texts in the same order.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - texts to be found, not secrets
        self._drawn: set[str] = set()
        self._days: dict[tuple[int, int], list[date]] = {}

    def draw(self, form: Form) -> str:
        """Draw a new text."""
        makers = {
            Form.WORD: self._word,
            Form.DATE: lambda: f"{self.day():%Y%m%d}",
            Form.TIME: lambda: f"{self._clock():%H%M%S.%f}",
            Form.MOMENT: lambda: f"{datetime.combine(self.day(), self._clock()):%Y%m%d%H%M%S.%f}",
            Form.UID: self._uid,
            Form.AGE: lambda: f"{self._random.randint(200, 999)}{self._random.choice('DWM')}",
        }
        while True:
            text = makers[form]()
            if text not in self._drawn:
                self._drawn.add(text)
                return text

    def day(self, years: tuple[int, int] = _YEARS) -> date:
        """Draw a day that was not drawn before, of the years from one up to another."""
        if years not in self._days:
            first, end = date(years[0], 1, 1), date(years[1], 1, 1)
            days = [first + timedelta(days=n) for n in range((end - first).days)]
            self._random.shuffle(days)
            self._days[years] = days
        return self._days[years].pop()

    def _word(self) -> str:
        return _WORD_START + "".join(self._random.choices(_ALPHABET, k=_RANDOM_CHARACTERS))

    def _uid(self) -> str:
        first = self._random.choice("123456789")
        return f"2.25.{first}" + "".join(self._random.choices("0123456789", k=_UID_DIGITS - 1))

    def _clock(self) -> time:
        number = self._random.randrange
        return time(number(24), number(60), number(60), number(100_000, 1_000_000))


def value_of(canary: Canary) -> str:
    """Text as its VR writes it: a name has its caret, an address its scheme."""
    if canary.vr == "PN":
        return f"{canary.text}^Q"
    if canary.vr == "UR":
        return f"http://{canary.text.lower()}.example/"
    return canary.text
