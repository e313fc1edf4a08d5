from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom.anatomy import Head, draw_head
from corelab.phantom.tissue import HOUNSFIELD, Tissue


def test_fractions_sum_to_one_everywhere(head: Head) -> None:
    total = sum(head.fractions.values())
    assert np.abs(total - 1).max() < 1e-5
    assert min(field.min() for field in head.fractions.values()) >= 0


def test_no_head_is_symmetric(head: Head) -> None:
    brain = head.fraction(Tissue.GREY)
    axis = int(np.argmin(np.abs(head.atlas_mm[0][:, 50, 60]))) * 2
    half = min(axis, brain.shape[0] - axis - 1)
    left, right = brain[axis - half : axis], brain[axis + 1 : axis + 1 + half][::-1]
    differing = np.abs(left - right).sum() / (left + right).sum()
    assert differing > 0.2


def test_volumes_are_those_of_an_adult(head: Head) -> None:
    assert 1100 < (head.depth_mm > 0).sum() / 1000 < 1800
    assert 450 < head.fraction(Tissue.GREY).sum(dtype=float) / 1000 < 900
    assert 300 < head.fraction(Tissue.WHITE).sum(dtype=float) / 1000 < 650
    assert 5 < head.fraction(Tissue.EYE).sum(dtype=float) / 1000 < 25


def test_brain_lies_inside_the_skull(head: Head) -> None:
    brain = head.fraction(Tissue.GREY) + head.fraction(Tissue.WHITE)
    assert brain[head.depth_mm < -1.4].max() == 0


def test_skull_has_two_tables_around_diploe(head: Head) -> None:
    row = slice(None), 118, 160
    bone, diploe = head.fraction(Tissue.BONE)[row], head.fraction(Tissue.DIPLOE)[row]
    outermost = np.flatnonzero(bone > 0.5)[0]
    first_diploe = np.flatnonzero(diploe > 0.5)[0]
    inner_table = np.flatnonzero(bone[first_diploe:] > 0.5)[0] + first_diploe
    assert outermost < first_diploe < inner_table


def test_changed_fractions_leave_the_first_head_alone(head: Head) -> None:
    before = head.fraction(Tissue.CSF).copy()
    changed = head.with_fractions({Tissue.CSF: np.zeros_like(before)})
    assert np.array_equal(head.fraction(Tissue.CSF), before)
    assert not changed.fraction(Tissue.CSF).any()
    with pytest.raises(ValueError, match="read-only"):
        head.fraction(Tissue.CSF)[0] = 1


def test_mixture_is_the_sum_over_tissues(head: Head) -> None:
    place = (92, 110, 150)
    expected = sum(HOUNSFIELD[t] * float(f[place]) for t, f in head.fractions.items())
    assert head.mixture(HOUNSFIELD)[place] == pytest.approx(expected, abs=1e-3)


def test_same_seed_gives_the_same_bytes(head: Head) -> None:
    again = draw_head(np.random.default_rng(11))
    assert again.build == head.build
    for tissue, field in head.fractions.items():
        assert again.fractions[tissue].tobytes() == field.tobytes()
