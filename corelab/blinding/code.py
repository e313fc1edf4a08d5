"""Subject codes: random, without look-alikes, with a check character; or trial-issued."""

from __future__ import annotations

import re
import secrets
from collections.abc import Container

from corelab.vocab import SubjectCode

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 6
CODE_PATTERN = re.compile(r"[A-Za-z0-9]{2,16}")
_DATE_PATTERN = re.compile(r"(19|20)\d{2}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")
_SHORT_ID = 3


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
    if _DATE_PATTERN.search(code):
        return "a code that holds no date"
    plain_id = "".join(filter(str.isalnum, patient_id)).lower()
    plain_code = code.lower()
    if plain_id == plain_code or (len(plain_id) > _SHORT_ID and plain_id in plain_code):
        return "a code that does not hold the patient's own identifier"
    return None
