from __future__ import annotations

from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.blinding.code import (
    ALPHABET,
    CODE_LENGTH,
    check_character,
    fault_of_code,
    has_check_character,
    mistyped,
    new_code,
    what_it_tells,
)
from corelab.blinding.person import Person

BODIES = st.text(alphabet=ALPHABET, min_size=CODE_LENGTH - 1, max_size=CODE_LENGTH - 1)


def test_a_new_code_has_six_clear_characters_and_is_not_taken() -> None:
    codes: set[str] = set()
    for _ in range(500):
        code = new_code(codes)
        assert code not in codes
        assert len(code) == CODE_LENGTH
        assert set(code) <= set(ALPHABET)
        assert code[-1] == check_character(code[:-1])
        codes.add(code)
    assert not set("IO01") & set(ALPHABET)


@given(body=BODIES, place=st.integers(0, CODE_LENGTH - 2), wrong=st.sampled_from(ALPHABET))
def test_one_wrong_character_is_caught(body: str, place: int, wrong: str) -> None:
    changed = body[:place] + wrong + body[place + 1 :]
    assert (check_character(changed) == check_character(body)) == (changed == body)


def test_nearly_every_swap_of_neighbours_is_caught() -> None:
    pairs = [(a, b) for a, b in product(ALPHABET, repeat=2) if a != b]
    missed = sum(check_character(a + b + "AAA") == check_character(b + a + "AAA") for a, b in pairs)
    assert missed <= 2


@pytest.mark.parametrize(
    ("code", "patient_id", "word"),
    [
        ("A", "123", "2 to 16"),
        ("../../x", "123", "letters and digits"),
        ("KX4\u202e7P", "123", "letters and digits"),
        ("S20260114", "123", "date"),
        ("S21260114", "123", "date"),
        ("XPAT0077", "PAT-0077", "identifier"),
        ("12", "12", "identifier"),
    ],
)
def test_a_code_that_gives_identity_away_is_refused(code: str, patient_id: str, word: str) -> None:
    assert word in str(fault_of_code(code, patient_id))


def test_a_plain_trial_code_is_fit() -> None:
    assert fault_of_code("KX4M7P", "PAT-0077") is None


def test_a_generated_code_has_its_check_character() -> None:
    assert has_check_character(new_code(()))
    assert not has_check_character("KX4M7")
    assert not has_check_character("kx4m7p")


def test_a_slip_among_codes_with_check_characters_is_found() -> None:
    codes = [new_code(()) for _ in range(6)]
    wrong = codes[0][:-1] + next(c for c in ALPHABET if c != codes[0][-1])
    assert mistyped([*codes[1:], wrong]) == {wrong}
    assert mistyped(codes) == frozenset()
    assert mistyped([*codes[:2], "ALB001"]) == frozenset()


def test_codes_of_another_style_are_no_slips() -> None:
    assert mistyped(f"ALB{number:03}" for number in range(60)) == frozenset()


BORN, SCANNED = date(1954, 4, 17), date(2026, 1, 14)
PERSON = Person(
    patient_id="MRN-0098097",
    names=frozenset({"mueller", "muller", "annelie", "li"}),
    days=frozenset({BORN, SCANNED}),
)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("X98097", "identifier"),
        ("0098097", "identifier"),
        ("A8097", "identifier"),
        ("X19540417", "date"),
        ("17041954", "date"),
        ("04171954A", "date"),
        ("A540417", "date"),
        ("170454", "date"),
        ("B041754", "date"),
        ("17Apr54", "date"),
        ("JD1954", "date"),
        ("S260114", "date"),
        ("17April54", "date"),
        ("april171954", "date"),
        ("K1741954", "date"),
        ("A2026114", "date"),
        ("MUELLER1", "name"),
        ("muell2", "name"),
        ("ANNELIE", "name"),
        ("LI01", "name"),
    ],
)
def test_a_code_that_repeats_what_the_headers_say_is_told(code: str, told: str) -> None:
    assert told in str(what_it_tells(code, PERSON))


@pytest.mark.parametrize("code", ["KX4M7P", "ALB001", "W23926", "L7I2Q9", "195417", "AL2954"])
def test_a_code_that_repeats_nothing_is_fit(code: str) -> None:
    assert what_it_tells(code, PERSON) is None


@given(day=st.dates(date(1900, 1, 1), date(2099, 12, 31)), form=st.integers(0, 9))
def test_no_usual_form_of_a_known_date_is_fit(day: date, form: int) -> None:
    person = Person(patient_id="A", names=frozenset(), days=frozenset({day}))
    year, month, number = f"{day.year}", f"{day.month:02}", f"{day.day:02}"
    word = day.strftime("%b").upper()
    forms = [
        text
        for y in (year, year[2:])
        for text in (y + month + number, number + month + y, month + number + y)
    ]
    forms += [number + word + y for y in (year, year[2:])]
    forms += [y + word + number for y in (year, year[2:])]
    assert what_it_tells(f"K{forms[form]}X", person) == "a date of the patient"


def test_september_of_four_letters_is_a_month() -> None:
    person = Person(patient_id="A", names=frozenset(), days=frozenset({date(1954, 9, 3)}))
    assert what_it_tells("3Sept54", person) == "a date of the patient"


def test_a_number_that_counts_within_a_year_is_no_date() -> None:
    person = Person(patient_id="A", names=frozenset(), days=frozenset({date(2026, 1, 14)}))
    assert what_it_tells("S202601", person) is None


@given(patient_id=st.text(st.sampled_from("0123456789"), min_size=5, max_size=10))
def test_no_code_that_holds_an_identifier_is_fit(patient_id: str) -> None:
    assert fault_of_code(f"S{patient_id}", patient_id) is not None
    assert fault_of_code(patient_id[-5:] + "X", patient_id) is not None


@given(number=st.integers(1, 999))
def test_the_number_of_an_identifier_is_no_code(number: int) -> None:
    assert fault_of_code(f"S{number:03}", f"PAT-{number:05}") is not None


def test_most_random_codes_are_fit_for_anybody() -> None:
    codes = [new_code(()) for _ in range(2000)]
    assert sum(what_it_tells(code, PERSON) is None for code in codes) > 1980
