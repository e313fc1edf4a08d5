from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.accuracy.scoring import OURS, Score, score
from benchmarks.accuracy.summary import (
    Group,
    agreement_of,
    bias_ml,
    in_group,
    median_error_percent,
    targets,
)
from corelab.errors import ReasonCode
from corelab.vocab import Contrast, Modality
from tests.benchmarks.small import BOX_ML, SHAPE, box, head_of

EMPTY = np.zeros(SHAPE, dtype=bool)


def ct_score(found_ml: float, dice: float, truth: np.ndarray | None = None) -> Score:
    image = {Contrast.CT: np.zeros(SHAPE, dtype=np.int16)}
    head = head_of(image, Modality.NCCT, box() if truth is None else truth)
    head = replace(head, infarct_ml=0.0 if truth is not None else 20.0)
    return replace(score(OURS, head, head.truth), found_ml=found_ml, dice=dice)


def met(scores: Sequence[Score]) -> dict[str, bool]:
    return {target.figure: target.is_met for target in targets(scores, OURS)}


def test_bars_are_met_when_all_is_well() -> None:
    assert all(met([ct_score(20.1, 0.9), ct_score(19.8, 0.95), ct_score(20.5, 0.89)]).values())


def test_one_bad_case_fails_the_worst_but_not_the_median() -> None:
    found = met([ct_score(20.1, 0.9), ct_score(19.8, 0.95), ct_score(20.5, 0.5)])
    assert found["median Dice"]
    assert not found["cases with Dice < 0.70"]


def test_a_bias_beyond_1_ml_fails() -> None:
    assert not met([ct_score(21.5, 0.9), ct_score(21.2, 0.9), ct_score(20.9, 0.9)])["bias"]


def test_more_than_1_ml_in_any_healthy_head_fails() -> None:
    assert met([ct_score(0.9, 0.0, EMPTY)])["found in any head"]
    assert not met([ct_score(0.0, 1.0, EMPTY), ct_score(1.2, 0.0, EMPTY)])["found in any head"]


def test_a_refused_head_counts_as_bad_overlap_and_as_no_volume() -> None:
    refused = replace(ct_score(np.nan, 0.0), refusal=ReasonCode.HEAD_NOT_FOUND)
    scores = [ct_score(21.0, 0.9), ct_score(20.0, 0.9), refused]
    assert bias_ml(scores) == 0.5
    assert median_error_percent(scores) == 2.5
    assert not met(scores)["cases with Dice < 0.70"]
    assert agreement_of(scores) is None


def test_groups_part_by_true_volume() -> None:
    assert BOX_ML == 9.6
    image = {Contrast.CT: np.zeros(SHAPE, dtype=np.int16)}
    small = score(OURS, head_of(image, Modality.NCCT, box()), box())
    assert in_group([small], Group.CT_SMALL, OURS) == [small]
    assert not in_group([small], Group.CT_INFARCT, OURS)
    assert not in_group([small], Group.DWI_INFARCT, OURS)
