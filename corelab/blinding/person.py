"""What a delivery says of a patient that no subject code may repeat: identifier, names, dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from corelab.series import IdentifierKind, Identity

_DATE = re.compile(r"((?:18|19|20)\d{2})[./-]?(\d{2})[./-]?(\d{2})")
_SPELT_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "oe", "å": "aa"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A patient as headers and file names tell of one.

    ``names`` are the parts of every name in the headers: lower case letters without accents.
    """

    patient_id: str
    names: frozenset[str]
    days: frozenset[date]


def person_of(patient_id: str, identities: Iterable[Identity]) -> Person:
    """Gather names and dates of all series of a patient."""
    names: set[str] = set()
    days: set[date] = set()
    for identity in identities:
        if identity.acquired_at:
            days.add(identity.acquired_at.date())
        for found in identity.texts:
            if found.kind is IdentifierKind.NAME:
                names |= _parts_of(found.text)
            elif found.kind is IdentifierKind.MOMENT:
                days |= _days_in(found.text)
    return Person(patient_id=patient_id, names=frozenset(names), days=frozenset(days))


def _parts_of(name: str) -> set[str]:
    lower = name.lower()
    spellings = {lower, lower.translate(_SPELT_OUT)}
    return {part for text in spellings for part in re.findall(r"[a-z]+", _without_accents(text))}


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _days_in(text: str) -> set[date]:
    found = _DATE.match(text)
    if found is None:
        return set()
    year, month, day = map(int, found.groups())
    try:
        return {date(year, month, day)}
    except ValueError:
        return set()
