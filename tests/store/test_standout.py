from __future__ import annotations

from dataclasses import replace

import pytest

from corelab.store.qa_row import QaRow
from corelab.store.standout import FLAG_WORDS, MIN_GROUP, flag_words, stand_outs
from corelab.vocab import Hemisphere, Modality, QcFlag


def row(code: str, volume_ml: float, brain_ml: float = 1200.0) -> QaRow:
    return QaRow(
        subject_code=code,
        visit="fu24h",
        modality=Modality.DWI,
        infarct_volume_ml=volume_ml,
        brain_volume_ml=brain_ml,
        n_components=1,
        hemisphere=Hemisphere.LEFT,
    )


def batch() -> list[QaRow]:
    return [row(f"S{n:02d}", 10.0 + n, 1200.0 + 10 * n) for n in range(MIN_GROUP)]


def test_a_batch_of_like_cases_has_none_that_stands_out() -> None:
    assert stand_outs(batch()) == ()


def test_a_volume_far_from_its_like_stands_out_with_numbers() -> None:
    (found,) = stand_outs([*batch(), row("big", 210.0)])
    assert found.index == MIN_GROUP
    (hint,) = found.hints
    assert hint.startswith("infarct volume 210.0 mL is far above its like (median 14.0 mL of 9")


def test_a_small_brain_stands_out() -> None:
    (found,) = stand_outs([*batch(), row("small", 12.0, 500.0)])
    assert "brain volume 500.0 mL is far below its like" in found.hints[0]


def test_cases_are_compared_within_their_visit_and_modality() -> None:
    late = replace(row("late", 210.0), visit="baseline")
    ct = replace(row("ct", 210.0), modality=Modality.NCCT)
    assert stand_outs([*batch(), late, ct]) == ()


def test_a_few_cases_are_not_compared() -> None:
    assert stand_outs([row("a", 1.0), row("b", 1.1), row("c", 200.0)]) == ()


def test_an_infarct_above_half_a_hemisphere_stands_out_whatever_the_batch() -> None:
    (found,) = stand_outs([row("a", 306.0)])
    assert found.hints == ("the infarct is as large as 51% of one hemisphere",)
    assert stand_outs([row("a", 300.0)]) == ()


def test_many_pieces_stand_out() -> None:
    assert stand_outs([replace(row("a", 5.0), n_components=10)])[0].hints == ("10 separate pieces",)
    assert stand_outs([replace(row("a", 5.0), n_components=9)]) == ()


def test_flags_are_hints_in_words_and_come_after_distances() -> None:
    flags = (QcFlag.BILATERAL, QcFlag.GANTRY_TILT)
    flagged = replace(row("flagged", 12.0), flags=flags)
    found = stand_outs([flagged, *batch(), row("big", 210.0)])
    assert [case.index for case in found] == [MIN_GROUP + 1, 0]
    assert found[1].hints == ("infarct on both sides", "the gantry was tilted")


def test_what_was_not_measured_is_no_hint() -> None:
    failed = QaRow(subject_code="f", visit="fu24h", reason_code="missing_slice")
    assert stand_outs([failed]) == ()


@pytest.mark.parametrize("flag", list(QcFlag))
def test_every_flag_reads_as_words(flag: QcFlag) -> None:
    assert "_" not in flag_words(flag)
    assert flag in FLAG_WORDS
