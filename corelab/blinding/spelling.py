"""How people and programs write names and days: what code check and leak audit both go by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

DATE = re.compile(r"((?:1[89]|20|21)\d\d)[-./]?(0[1-9]|1[0-2])[-./]?(0[1-9]|[12]\d|3[01])")
"""A date, the year first, of a century in which somebody alive was born or is scanned."""

_MONTHS = tuple(
    "january february march april may june july august september october november december".split()  # noqa: SIM905 - reads better
)
_SEPTEMBER = 9
_CENTURY = 100
_WITHOUT_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "ß": "ss"})


class FoundDay(NamedTuple):
    """A day at the beginning of a text, and where the text goes on."""

    day: date
    end: int


def spellings(text: str) -> tuple[str, ...]:
    """Give the text, and with umlauts as they are written where there are none."""
    plain = unicodedata.normalize("NFC", text.casefold()).translate(_WITHOUT_UMLAUTS)
    return tuple(dict.fromkeys((text, plain)))


def day_in(text: str) -> FoundDay | None:
    """Day that a DICOM date, or date and time, begins with (PS3.5, 6.2)."""
    found = DATE.match(text)
    if found is None:
        return None
    year, month, day = map(int, found.groups())
    try:
        return FoundDay(date(year, month, day), found.end())
    except ValueError:
        return None


def forms_of_day(day: date) -> Iterator[tuple[str, str, str]]:
    """Parts of each usual form of a day in their order, words lower case, year whole or not.

    For 2024-03-05: (2024, 03, 05), (5, 3, 2024), (05, 03, 24), (5, mar, 24), (march, 05, 2024).
    """
    two_digits, plain = (f"{day.month:02}", f"{day.day:02}"), (f"{day.month}", f"{day.day}")
    year, short_year = f"{day:%Y}", f"{day.year % _CENTURY:02}"
    yield from _orders(year, *two_digits)
    yield from _orders(year, *plain)
    yield from _orders(short_year, *two_digits)
    for word in _words_of(day):
        for number in dict.fromkeys((plain[1], two_digits[1])):
            yield from _orders(year, word, number)
            yield from _orders(short_year, word, number)


def forms_of_month(day: date) -> Iterator[str]:
    """Each usual form of a day's month alone."""
    year = f"{day:%Y}"
    for month in (f"{day.month:02}", *_words_of(day)):
        yield from (f"{year} {month}", f"{month} {year}")


def _orders(year: str, month: str, day: str) -> tuple[tuple[str, str, str], ...]:
    return (year, month, day), (day, month, year), (month, day, year)


def _words_of(day: date) -> tuple[str, ...]:
    full = _MONTHS[day.month - 1]
    sept = ("sept",) if day.month == _SEPTEMBER else ()
    return tuple(dict.fromkeys((full, full[:3], *sept)))
