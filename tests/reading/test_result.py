from __future__ import annotations

import pytest

from corelab.reading.result import Result, SigningFault, Unassessable, signing_faults

MOTION = (Unassessable.MOTION,)


@pytest.mark.parametrize(
    ("result", "volume_ml", "reasons", "comment", "faults"),
    [
        (Result.INFARCT, 0.1, (), "", []),
        (Result.INFARCT, 0.0, (), "", ["infarct_without_volume"]),
        (Result.INFARCT, None, (), "", ["infarct_without_volume"]),
        (Result.INFARCT, 3.0, MOTION, "", ["reason_not_asked"]),
        (Result.NO_INFARCT, 0.0, (), "", []),
        (Result.NO_INFARCT, 0.1, (), "", ["volume_without_infarct"]),
        (Result.NO_INFARCT, None, (), "", ["volume_without_infarct"]),
        (Result.NOT_ASSESSABLE, None, MOTION, "", []),
        (Result.NOT_ASSESSABLE, None, (), "", ["reason_missing"]),
        (Result.NOT_ASSESSABLE, 0.0, MOTION, "", ["volume_not_assessable"]),
        (Result.NOT_ASSESSABLE, 1.0, (), "", ["volume_not_assessable", "reason_missing"]),
        (Result.NOT_ASSESSABLE, None, (Unassessable.OTHER,), " ", ["comment_missing"]),
        (Result.NOT_ASSESSABLE, None, (Unassessable.OTHER,), "coil", []),
    ],
)
def test_a_result_is_signed_only_with_what_it_needs(
    result: Result,
    volume_ml: float | None,
    reasons: tuple[Unassessable, ...],
    comment: str,
    faults: list[str],
) -> None:
    found = signing_faults(result, infarct_volume_ml=volume_ml, reasons=reasons, comment=comment)
    assert [fault.value for fault in found] == faults


def test_zero_ml_is_signed_as_no_infarct_and_as_nothing_else() -> None:
    allowed = [
        result for result in Result if not signing_faults(result, infarct_volume_ml=0.0, reasons=())
    ]
    assert allowed == [Result.NO_INFARCT]
    assert len(SigningFault) == 6
