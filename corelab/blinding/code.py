"""Subject codes: random, without look-alikes, with a check character; or trial-issued."""

from __future__ import annotations

import re
import secrets
from collections.abc import Container, Iterable
from datetime import date

from corelab.blinding.person import Person
from corelab.blinding.spelling import DATE, forms_of_day
from corelab.vocab import SubjectCode

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 6
CODE_PATTERN = re.compile(r"[A-Za-z0-9]{2,16}")
_SHORT_ID = 3
_SHORTEST_SHARED = 5
_LAST_DIGITS = 4
_SHORTEST_NAME = 3
_SHORTEST_OF_A_NAME = 4
_INITIAL = 1
_FEWEST_CHECKED = 3
_CHECKED_TO_WRONG = 3
_PLAIN_NUMBER = re.compile(r"[A-Za-z]*?0*([1-9]\d*)")


def new_code(taken: Container[str]) -> SubjectCode:
    """Draw a random code that is not taken; nothing of it follows from identity or order."""
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH - 1))
        code = SubjectCode(body + check_character(body))
        if code not in taken:
            return code


def check_character(body: str) -> str:
    """Last character of a generated code (Luhn mod N, ISO/IEC 7812-1 annex B widened).

    It catches every single wrong character and nearly every swap of two neighbours.
    """
    size = len(ALPHABET)
    total = 0
    for place, character in enumerate(reversed(body)):
        value = ALPHABET.index(character) * (2 - place % 2)
        total += value // size + value % size
    return ALPHABET[-total % size]


def has_check_character(code: str) -> bool:
    """Whether a code is one that :func:`new_code` could have drawn."""
    is_styled = len(code) == CODE_LENGTH and set(code) <= set(ALPHABET)
    return is_styled and code[-1] == check_character(code[:-1])


def mistyped(codes: Iterable[str]) -> frozenset[str]:
    """Codes that are wrong among codes with check characters; none where few or no codes have one.

    Three codes pass the check by chance once in 32,768 times: where at least three do, and three
    times as many as do not, the codes are meant to, and each other one is a slip.
    """
    all_codes = frozenset(codes)
    right = frozenset(filter(has_check_character, all_codes))
    wrong = all_codes - right
    is_meant = len(right) >= max(_FEWEST_CHECKED, _CHECKED_TO_WRONG * len(wrong))
    return wrong if is_meant else frozenset()


def fault_of_code(code: str, patient_id: str) -> str | None:
    """Say what makes a trial-issued code unfit; None when it is fit.

    Parameters
    ----------
    code
        The code as the trial issued it.
    patient_id
        The identity that it must not give away.
    """
    if not CODE_PATTERN.fullmatch(code):
        return "2 to 16 letters and digits (A-Z, a-z, 0-9), nothing else"
    if DATE.search(code):
        return "a code that holds no date"
    if _repeats_id(code, patient_id):
        return "a code that does not hold the patient's own identifier, or a part of it"
    return None


def what_it_tells(code: str, person: Person) -> str | None:
    """Say what of its patient a code gives away, in words without values; None for nothing.

    Initials alone are not found: they cannot be told from the letters that a trial puts before
    every code.

    Parameters
    ----------
    code
        Trial-issued or drawn.
    person
        What the headers say of the patient.
    """
    if _repeats_id(code, person.patient_id):
        return "the patient's own identifier or a part of it"
    if any(_repeats_date(code, day) for day in person.days):
        return "a date of the patient"
    if any(_repeats_name(code, name) for name in person.names):
        return "a part of a name"
    return None


def _repeats_id(code: str, patient_id: str) -> bool:
    plain_id = "".join(c for c in patient_id.lower() if c.isascii() and c.isalnum())
    plain_code = code.lower()
    if plain_id == plain_code or (len(plain_id) > _SHORT_ID and plain_id in plain_code):
        return True
    if len(plain_code) > _SHORT_ID and plain_code in plain_id:
        return True
    return _repeats_digits(plain_code, plain_id)


def _repeats_digits(code: str, patient_id: str) -> bool:
    """Whether digits of an identifier stand in a code: too many in a row, its end, its number."""
    of_code, of_id = (re.sub(r"\D", "", text) for text in (code, patient_id))
    runs = (of_code[n : n + _SHORTEST_SHARED] for n in range(len(of_code) - _SHORTEST_SHARED + 1))
    if any(run in of_id for run in runs):
        return True
    ends = (of_code[-_LAST_DIGITS:], of_id[-_LAST_DIGITS:])
    if len(ends[0]) == _LAST_DIGITS and ends[0] == ends[1]:
        return True
    numbers = [_PLAIN_NUMBER.fullmatch(text) for text in (code, patient_id)]
    found = [number.group(1) for number in numbers if number]
    return len(found) == len(numbers) and found[0] == found[1]


def _repeats_date(code: str, day: date) -> bool:
    plain = code.lower()
    is_year = re.search(rf"(?<!\d){day.year}(?!\d)", plain) is not None
    return is_year or any("".join(form) in plain for form in forms_of_day(day))


def _repeats_name(code: str, name: str) -> bool:
    plain = code.lower()
    if len(name) >= _SHORTEST_NAME and name in plain:
        return True
    letters = re.findall(r"[a-z]+", plain)
    return any(
        (run == name and len(run) > _INITIAL) or (len(run) >= _SHORTEST_OF_A_NAME and run in name)
        for run in letters
    )
