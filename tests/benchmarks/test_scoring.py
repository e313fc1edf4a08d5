from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.head import TrueHead
from benchmarks.accuracy.scoring import CEILING, OURS, dice, score, scores_of
from corelab.errors import ReasonCode
from corelab.vocab import Contrast, Modality
from tests.benchmarks.small import BOX_ML, SHAPE, box, head_of


@pytest.fixture(scope="module")
def head() -> TrueHead:
    return head_of({Contrast.CT: np.zeros(SHAPE, dtype=np.int16)}, Modality.NCCT, box())


def test_the_truth_scores_full(head: TrueHead) -> None:
    found = score("truth", head, box())
    assert found.found_ml == pytest.approx(BOX_ML)
    assert (found.dice, found.n_false, found.n_pieces_found, found.n_pieces) == (1.0, 0, 1, 1)
    assert found.is_covered


def test_half_of_it_and_a_speck_elsewhere(head: TrueHead) -> None:
    mask = box()
    mask[:, :, 3:] = False
    mask[40, 40, 0] = True
    found = score("half", head, mask, range_ml=(0.2 * BOX_ML, 0.9 * BOX_ML))
    assert found.dice == pytest.approx(2 * 240 / (241 + 480))
    assert (found.n_false, found.n_pieces_found) == (1, 1)
    assert found.error_ml == pytest.approx(-0.5 * BOX_ML, abs=0.03)
    assert not found.is_covered


def test_nothing_where_nothing_is_scores_full() -> None:
    empty = np.zeros((2, 2, 2), dtype=bool)
    assert dice(empty, empty) == 1.0
    assert dice(empty, ~empty) == 0.0


def test_a_refused_head_scores_0_and_has_no_volume(head: TrueHead) -> None:
    ours, ceiling = scores_of(head)
    assert (ours.method, ceiling.method) == (OURS, CEILING)
    assert ours.refusal is ReasonCode.HEAD_NOT_FOUND
    assert ours.dice == 0
    assert np.isnan(ours.found_ml)
    assert not ours.is_covered
