from __future__ import annotations

from dataclasses import replace

import pytest

from corelab.reading.discrepancy import discrepancies
from corelab.reading.event import ReadSigned
from corelab.reading.result import Result, Unassessable
from tests.reading.events import RULES, SIGNED

UNREAD = replace(
    SIGNED,
    result=Result.NOT_ASSESSABLE,
    reasons=(Unassessable.MOTION,),
    mask_sha256=None,
    infarct_volume_ml=None,
)


def read_of(volume_ml: float) -> ReadSigned:
    result = Result.INFARCT if volume_ml else Result.NO_INFARCT
    return replace(SIGNED, infarct_volume_ml=volume_ml, result=result)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (10.0, 15.0, []),
        (10.0, 15.1, ["volume"]),
        (100.0, 122.0, []),
        (100.0, 123.0, ["volume"]),
        (0.0, 0.0, []),
        (0.0, 0.5, ["presence"]),
    ],
)
def test_readers_disagree_beyond_5_ml_or_20_percent(
    first: float, second: float, expected: list[str]
) -> None:
    for one, other in ((first, second), (second, first)):
        found = discrepancies(read_of(one), read_of(other), dice=1.0, rules=RULES)
        assert list(found) == expected


@pytest.mark.parametrize(
    ("volume_ml", "dice", "expected"),
    [
        (5.0, 0.0, []),
        (5.1, 0.6, []),
        (5.1, 0.59, ["overlap"]),
        (80.0, 0.1, ["overlap"]),
    ],
)
def test_readers_disagree_below_a_dice_of_0_6_above_5_ml(
    volume_ml: float, dice: float, expected: list[str]
) -> None:
    found = discrepancies(read_of(volume_ml), read_of(volume_ml), dice=dice, rules=RULES)
    assert list(found) == expected


@pytest.mark.parametrize("volume_ml", [0.0, 0.1, 100.0])
def test_assessable_against_not_is_a_disagreement(volume_ml: float) -> None:
    for pair in ((UNREAD, read_of(volume_ml)), (read_of(volume_ml), UNREAD)):
        assert discrepancies(*pair, dice=1.0, rules=RULES) == ("assessability",)


def test_two_readers_who_cannot_assess_a_scan_agree() -> None:
    other = replace(UNREAD, reasons=(Unassessable.NOISE,))
    assert discrepancies(UNREAD, other, dice=0.0, rules=RULES) == ()
