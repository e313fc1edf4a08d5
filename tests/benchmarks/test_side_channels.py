from __future__ import annotations

import numpy as np
import pytest

from benchmarks.blinding.side_channel_auc import auc_of, delong
from benchmarks.blinding.side_channel_features import Features
from benchmarks.blinding.side_channel_trial import SITES, draw_trial
from benchmarks.blinding.side_channels import BEGIN, END, PAGE

IS_SECOND = np.arange(160) % 2 == 1
SITE = np.arange(len(IS_SECOND)) % 4 < 2


def test_the_area_under_the_curve_is_the_share_of_pairs_in_order() -> None:
    value, _ = delong(np.array([1.0, 2.0, 3.0]), np.array([2.5, 2.0, 4.0]))
    assert value == pytest.approx((2 + 1.5 + 3) / 9)


def test_a_coin_over_200_and_200_has_a_standard_error_of_0_029() -> None:
    rng = np.random.default_rng(1)
    errors = [delong(rng.random(200), rng.random(200))[1] for _ in range(20)]
    assert np.mean(errors) == pytest.approx(1 / np.sqrt(1200), rel=0.02)


def test_one_telling_feature_among_many_is_found() -> None:
    rng = np.random.default_rng(2)
    noise: list[Features] = [{f"n{i}": rng.random() for i in range(20)} for _ in IS_SECOND]
    leaky = [
        one | {"word": "JPEG-LS" if second else "none"}
        for one, second in zip(noise, IS_SECOND, strict=True)
    ]
    assert auc_of(leaky, IS_SECOND, seed=3, within=SITE).low > 0.9
    assert auc_of(noise, IS_SECOND, seed=3, within=SITE).holds_chance


def test_what_tells_the_site_tells_no_arm_that_is_balanced_within_it() -> None:
    rng = np.random.default_rng(5)
    scans: list[Features] = [
        {"spacing": 6.0 if site else 7.0, "size": 9.0 * site + rng.random()} for site in SITE
    ]
    assert auc_of(scans, IS_SECOND, seed=3, within=SITE).holds_chance
    assert auc_of(scans, SITE, seed=3, within=IS_SECOND).low > 0.9


def test_where_nothing_differs_there_is_nothing_to_learn_from() -> None:
    found = auc_of([{"same": 1.0} for _ in IS_SECOND], IS_SECOND, seed=3, within=SITE)
    assert (found.value, found.n_telling) == (0.5, 0)


def test_arms_are_even_within_each_site() -> None:
    subjects = draw_trial(12, seed=4)
    for site in SITES:
        mine = [subject for subject in subjects if subject.site is site]
        assert sum(subject.is_treated for subject in mine) * 2 == len(mine) == 12


def test_the_page_has_a_place_for_the_table() -> None:
    page = PAGE.read_text("utf-8")
    assert page.index(BEGIN) < page.index(END)
