from __future__ import annotations

import pytest

from corelab.blinding.audit.fold import fold
from corelab.blinding.audit.moments import forms_of


@pytest.mark.parametrize(
    "written",
    [
        "20240305",
        "2024-03-05",
        "2024/3/5",
        "05.03.2024",
        "5.3.2024",
        "3/5/2024",
        "03/05/2024",
        "05032024",
        "240305",
        "05.03.24",
        "5 Mar 2024",
        "05-MAR-2024",
        "5Mar2024",
        "March 5, 2024",
        "2024-03",
        "March 2024",
        "5 Mar 24",
        "05MAR24",
        "March 5, '24",
    ],
)
def test_a_date_has_every_usual_form(written: str) -> None:
    assert fold(written) in set(map(fold, forms_of("20240305")))


def test_digits_that_run_together_without_zeros_are_a_number() -> None:
    assert not {"532024", "202435", "5324"} & set(map(fold, forms_of("20240305")))


@pytest.mark.parametrize("written", ["134501", "134501.5", "13:45:01", "13:45", "1345", "13-45-01"])
def test_a_time_has_every_usual_form(written: str) -> None:
    assert fold(written) in set(map(fold, forms_of("134501.5")))


@pytest.mark.parametrize("written", ["20240305134501.5+0100", "2024-03-05", "13:45"])
def test_a_date_with_its_time_has_the_forms_of_both(written: str) -> None:
    assert fold(written) in set(map(fold, forms_of("20240305134501.5+0100")))


@pytest.mark.parametrize("written", ["064Y", "64Y", "64 years", "64 year", "aged 64"])
def test_an_age_has_every_usual_form(written: str) -> None:
    assert fold(written) in set(map(fold, forms_of("064Y")))


@pytest.mark.parametrize("text", ["000000", "000000.000", "00:00", ""])
def test_midnight_is_no_time(text: str) -> None:
    assert list(forms_of(text)) == []
    assert "00:00" not in set(forms_of(f"20240305{text}"))


@pytest.mark.parametrize("text", ["20241399", "20240231", "morning", "9999"])
def test_what_is_no_moment_is_only_itself(text: str) -> None:
    assert next(forms_of(text)) == text
    assert len(list(forms_of(text))) == 1
