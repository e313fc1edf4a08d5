"""A date, a time or an age in each form that people and programs write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from corelab.blinding.spelling import day_in, forms_of_day, forms_of_month

_TIME = re.compile(r"([01]\d|2[0-3]):?([0-5]\d)(?::?([0-5]\d)(\.\d{1,6})?)?(?:[+-]\d{4})?")
_MIDNIGHT = re.compile(r"[0:.]*")
_AGE = re.compile(r"(\d{3})([DWMY])")
_AGE_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}


def forms_of(text: str) -> Iterator[str]:
    """Each usual form of a DICOM date, time, date and time or age (PS3.5, 6.2), itself first.

    A date: 20240305, 2024-03-05, 05.03.2024, 3/5/2024 both ways round, 05/03/24, 240305,
    5 Mar 2024, March 5 24, and its month alone. A time: 134501, 13:45:01, 13:45. An age:
    064Y, 64Y, 64 years. Midnight, which stands for no time at all, has none.
    """
    if _MIDNIGHT.fullmatch(text):
        return
    yield text
    age = _AGE.fullmatch(text)
    if age:
        yield from _age_forms(int(age[1]), age[2])
        return
    dated = day_in(text)
    if dated:
        yield from _date_forms(dated.day)
        text = text[dated.end :].lstrip("T ")
    timed = _TIME.fullmatch(text)
    if timed and not _MIDNIGHT.fullmatch(text):
        yield from _time_forms(*timed.groups())


def _date_forms(day: date) -> Iterator[str]:
    for parts in forms_of_day(day):
        yield " ".join(parts)
        # Digits without zeros run into each other only in codes; in a text they are a number.
        if all(len(part) > 1 for part in parts) or not "".join(parts).isdecimal():
            yield "".join(parts)
    yield from forms_of_month(day)


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
