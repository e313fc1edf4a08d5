"""A date, a time or an age in each form that people and programs write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

_MONTHS = tuple(
    "january february march april may june july august september october november december".split()  # noqa: SIM905 - reads better
)
_DATE = re.compile(r"((?:1[89]|20|21)\d\d)[-./]?(0[1-9]|1[0-2])[-./]?(0[1-9]|[12]\d|3[01])")
_TIME = re.compile(r"([01]\d|2[0-3]):?([0-5]\d)(?::?([0-5]\d)(\.\d{1,6})?)?(?:[+-]\d{4})?")
_MIDNIGHT = re.compile(r"[0:.]*")
_AGE = re.compile(r"(\d{3})([DWMY])")
_AGE_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}
_CENTURY = 100


def forms_of(text: str) -> Iterator[str]:
    """Each usual form of a DICOM date, time, date and time or age (PS3.5, 6.2), itself first.

    A date: 20240305, 2024-03-05, 05.03.2024, 3/5/2024 both ways round, 05/03/24, 240305,
    5 Mar 2024, March 5 2024, and its month alone. A time: 134501, 13:45:01, 13:45. An age:
    064Y, 64Y, 64 years. Midnight, which stands for no time at all, has none.
    """
    if _MIDNIGHT.fullmatch(text):
        return
    yield text
    age = _AGE.fullmatch(text)
    if age:
        yield from _age_forms(int(age[1]), age[2])
        return
    dated = _DATE.match(text)
    if dated:
        day = _day(*map(int, dated.groups()))
        yield from _date_forms(day) if day else ()
        text = text[dated.end() :].lstrip("T ")
    timed = _TIME.fullmatch(text)
    if timed and not _MIDNIGHT.fullmatch(text):
        yield from _time_forms(*timed.groups())


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _date_forms(day: date) -> Iterator[str]:
    year, short_year = f"{day:%Y}", f"{day.year % _CENTURY:02}"
    two_digits = (f"{day.month:02}", f"{day.day:02}")
    for month, number in (two_digits, (f"{day.month}", f"{day.day}")):
        yield from (
            f"{year} {month} {number}",
            f"{number} {month} {year}",
            f"{month} {number} {year}",
        )
    month, number = two_digits
    for numbers in ((year, month, number), (number, month, year), (month, number, year)):
        yield "".join(numbers)
    short = ((short_year, month, number), (number, month, short_year), (month, number, short_year))
    for numbers in short:
        yield "".join(numbers)
        yield " ".join(numbers)
    yield from (f"{year} {month}", f"{month} {year}")
    yield from _named_forms(day)


def _named_forms(day: date) -> Iterator[str]:
    full = _MONTHS[day.month - 1]
    for month in dict.fromkeys((full, full[:3], "sept" if day.month == 9 else full)):  # noqa: PLR2004 - September
        yield f"{month} {day:%Y}"
        for number in dict.fromkeys((str(day.day), f"{day.day:02}")):
            yield from (f"{number} {month} {day:%Y}", f"{month} {number} {day:%Y}")
            yield from (f"{number}{month}{day:%Y}", f"{day:%Y} {month} {number}")


def _time_forms(hour: str, minute: str, second: str | None, fraction: str | None) -> Iterator[str]:
    yield from (f"{hour}{minute}", f"{hour}:{minute}")
    if second:
        yield from (f"{hour}{minute}{second}", f"{hour}:{minute}:{second}")
        yield f"{hour} {minute} {second}"
    if second and fraction:
        yield f"{hour}{minute}{second}{fraction}"


def _age_forms(count: int, unit: str) -> Iterator[str]:
    word = _AGE_UNITS[unit]
    yield from (f"{count}{unit}", f"{count} {word}", f"{count} {word[:-1]}", f"age {count}")
    yield from (f"aged {count}", f"{count} yrs", f"{count} yo") if unit == "Y" else ()
