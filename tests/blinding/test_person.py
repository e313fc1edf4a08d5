from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime

from corelab.blinding.person import person_of
from corelab.series import Identifier, IdentifierKind, Identity
from tests.factories import make_series


def identity(*texts: Identifier) -> Identity:
    return dataclasses.replace(
        make_series().identity,
        texts=texts,
        acquired_at=datetime(2026, 1, 14, 9, 30, tzinfo=UTC),
    )


def name(text: str) -> Identifier:
    return Identifier(text, IdentifierKind.NAME)


def moment(text: str) -> Identifier:
    return Identifier(text, IdentifierKind.MOMENT)


def test_names_come_apart_and_lose_their_accents() -> None:
    person = person_of("P", [identity(name("Müller-Lüdenscheidt^Annélie J.=山田^太郎"))])
    decomposed = person_of("P", [identity(name("Mu\u0308ller"))])
    assert {"muller", "mueller"} <= decomposed.names
    assert {"muller", "mueller", "ludenscheidt", "luedenscheidt", "annelie", "j"} <= person.names


def test_every_day_of_any_series_counts() -> None:
    first = identity(moment("19540417"), moment("20260115103000.000000+0100"), moment("103000"))
    second = identity(moment("1954.04.17"), moment("20260230"), moment("072Y"))
    third = identity(moment("21000101"))
    assert person_of("P", [third]).days >= {date(2100, 1, 1)}
    person = person_of("P", [first, second])
    assert person.days == {date(1954, 4, 17), date(2026, 1, 15), date(2026, 1, 14)}
