"""What a delivery says of a patient that no subject code may repeat: identifier, names, dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from corelab.blinding.spelling import day_in, spellings
from corelab.series import IdentifierKind, Identity


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
                moment = day_in(found.text)
                days |= {moment.day} if moment else set()
    return Person(patient_id=patient_id, names=frozenset(names), days=frozenset(days))


def _parts_of(name: str) -> set[str]:
    plain = (_without_accents(text.lower()) for text in spellings(name))
    return {part for text in plain for part in re.findall(r"[a-z]+", text)}


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
