from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.accuracy.page import read_blocks
from benchmarks.blinding.side_channel_auc import Told, area, auc_of, told_of
from benchmarks.blinding.side_channel_features import Channel, Features
from benchmarks.blinding.side_channel_trial import SITES, Arm, deal, draw_trial
from benchmarks.blinding.side_channels import BLOCK, HEADS, PAGE

N_SUBJECTS = 160
SITE = np.arange(N_SUBJECTS) % len(SITES) == 1


def dealt(rng: np.random.Generator) -> NDArray[np.bool_]:
    return np.array([arm is Arm.TREATED for arm in deal(N_SUBJECTS, rng)])


IS_SECOND = dealt(np.random.default_rng(1))


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    value = area(np.array([1.0, 2.0, 3.0]), np.array([2.5, 2.0, 4.0]))
    assert value == pytest.approx((2 + 1.5 + 3) / 9)


def told(features: list[Features], is_second: NDArray[np.bool_], n_dealt: int) -> Told:
    rng = np.random.default_rng(6)
    others = [dealt(rng) for _ in range(n_dealt)]
    with ThreadPoolExecutor(1) as pool:
        return told_of(features, is_second, others, pool, within=SITE, seed=3)


def test_one_telling_feature_among_many_is_found() -> None:
    rng = np.random.default_rng(2)
    leaky: list[Features] = [
        {f"n{i}": rng.random() for i in range(20)} | {"word": "JPEG-LS" if second else "none"}
        for second in IS_SECOND
    ]
    found = told(leaky, IS_SECOND, n_dealt=2)
    assert found.auc.value > 0.95
    assert not found.is_chance


def test_noise_is_told_as_well_as_arms_dealt_anew() -> None:
    rng = np.random.default_rng(2)
    noise: list[Features] = [{f"n{i}": rng.random() for i in range(20)} for _ in IS_SECOND]
    assert told(noise, IS_SECOND, n_dealt=5).is_chance


def test_what_tells_the_site_tells_no_arm_that_is_dealt_within_it() -> None:
    rng = np.random.default_rng(5)
    scans: list[Features] = [
        {"spacing": 6.0 if site else 7.0, "size": 9.0 * site + rng.random()} for site in SITE
    ]
    assert told(scans, IS_SECOND, n_dealt=5).is_chance
    assert auc_of(scans, SITE, within=IS_SECOND, seed=3).value > 0.95


def test_where_nothing_differs_there_is_nothing_to_learn_from() -> None:
    found = auc_of([{"same": 1.0} for _ in IS_SECOND], IS_SECOND, within=SITE, seed=3)
    assert (found.value, found.n_telling) == (0.5, 0)


def test_arms_are_even_within_each_block_of_each_site() -> None:
    subjects = draw_trial(12, seed=4)
    for site in SITES:
        mine = [subject.is_treated for subject in subjects if subject.site is site]
        assert [sum(mine[at : at + 4]) for at in range(0, len(mine), 4)] == [2, 2, 2]


def test_arms_dealt_anew_are_other_arms() -> None:
    rng = np.random.default_rng(7)
    assert len({tuple(dealt(rng)) for _ in range(9)}) == 9


def test_the_page_shows_every_channel_and_no_arm_that_is_told_better_than_by_chance() -> None:
    head, _, *rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in read_blocks(PAGE)[BLOCK].splitlines()
        if line.startswith("|")
    ]
    assert tuple(head) == HEADS
    assert [row[0] for row in rows] == [channel.value for channel in Channel]
    for cell in rows[-1][2:4]:
        value, _, high = re.findall(r"\d\.\d{3}", cell)
        assert value <= high
