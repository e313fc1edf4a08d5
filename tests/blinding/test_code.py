from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.blinding.code import ALPHABET, CODE_LENGTH, check_character, fault_of_code, new_code

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
        ("XPAT0077", "PAT-0077", "identifier"),
        ("12", "12", "identifier"),
    ],
)
def test_a_code_that_gives_identity_away_is_refused(code: str, patient_id: str, word: str) -> None:
    assert word in str(fault_of_code(code, patient_id))


def test_a_plain_trial_code_is_fit() -> None:
    assert fault_of_code("KX4M7P", "PAT-0077") is None
