from __future__ import annotations

import pytest

from corelab.reading.event import CaseExcluded, CaseReleased
from corelab.reading.refusal import RefusedError
from corelab.reading.room import Room
from corelab.review.keeper import RoomKeeper, Step
from corelab.vocab import Case
from tests.review.furnished import CT_CASE, MR_CASE, Furnished


def excluded(case: Case) -> CaseExcluded:
    return CaseExcluded(subject_code=case.subject_code, visit=case.visit, reason="withdrawn")


def test_who_was_not_the_first_to_write_decides_anew(room: Furnished) -> None:
    other = RoomKeeper(room.ledger)
    seen: list[int] = []

    def decide(now: Room) -> Step:
        if not seen:
            other.write(room.manager, lambda _: Step(event=excluded(CT_CASE)))
        seen.append(now.sequence)
        return Step(event=excluded(MR_CASE))

    before = room.keeper.room().sequence
    after = room.keeper.write(room.manager, decide)
    assert seen == [before, before + 1]
    assert after.exclusions.keys() == {CT_CASE, MR_CASE}


def test_what_the_rules_refuse_is_not_written(room: Furnished) -> None:
    before = room.ledger.head()
    of_another_image = CaseReleased(
        subject_code=CT_CASE.subject_code, visit=CT_CASE.visit, image_sha256="0" * 64
    )
    with pytest.raises(RefusedError):
        room.write(of_another_image)
    assert room.ledger.head() == before


def test_what_has_happened_already_is_not_written_again(room: Furnished) -> None:
    before = room.keeper.room()
    assert room.keeper.write(room.manager, lambda _: None) == before
