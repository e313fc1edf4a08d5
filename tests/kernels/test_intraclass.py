from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from corelab.kernels.intraclass import icc_absolute, icc_consistency

# Shrout and Fleiss, Psychol Bull 1979;86:420, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=np.float64,
)
R_PROGRAM = """
x <- as.matrix(read.csv(file("stdin"), header = FALSE))
found <- psych::ICC(x, lmer = FALSE)$results
for (row in 2:3) cat(found[row, "ICC"], found[row, "lower bound"], found[row, "upper bound"], "\\n")
"""


def test_both_coefficients_are_the_published_worked_example() -> None:
    assert icc_absolute(SHROUT_FLEISS).value == pytest.approx(0.29, abs=0.005)
    assert icc_consistency(SHROUT_FLEISS).value == pytest.approx(0.71, abs=0.005)


def test_intervals_are_those_of_the_published_worked_example() -> None:
    # McGraw and Wong's intervals for the same table, as R's psych prints them.
    assert icc_absolute(SHROUT_FLEISS)[1:] == pytest.approx((0.0188, 0.7611), abs=5e-5)
    assert icc_consistency(SHROUT_FLEISS)[1:] == pytest.approx((0.3425, 0.9459), abs=5e-5)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="R is not installed")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_coefficients_and_intervals_are_those_of_r_psych(seed: int) -> None:
    generator = np.random.default_rng(seed)
    ratings = generator.gamma(1.0, 40.0, (20, 1)) + generator.normal(0, 9, (20, 2 + seed))
    found = r_psych(ratings)

    ours = [*icc_absolute(ratings), *icc_consistency(ratings)]

    assert ours == pytest.approx(found, abs=1e-4)


def test_a_constant_difference_lowers_absolute_agreement_alone() -> None:
    cases = np.array([10.0, 20.0, 35.0, 60.0])
    noise = np.array([0.5, -0.5, 0.5, -0.5])
    ratings = np.stack([cases, cases + 15 + noise], axis=1)

    assert icc_consistency(ratings).value > 0.99
    assert icc_absolute(ratings).value < 0.9


def test_equal_readers_agree_wholly_and_have_no_interval() -> None:
    ratings = np.repeat(np.array([[1.0], [2.0], [5.0]]), 2, axis=1)

    found = icc_absolute(ratings)

    assert found.value == 1
    assert np.isnan(found.low)


def test_without_any_difference_the_coefficient_is_undefined() -> None:
    assert np.isnan(icc_absolute(np.zeros((5, 2))).value)
    assert np.isnan(icc_consistency(np.zeros((5, 2))).value)


@pytest.mark.parametrize("n", [3, 5, 7, 13])
@pytest.mark.parametrize("volume_ml", [0.1, 0.3, 17.7])
def test_the_same_volume_everywhere_has_no_coefficient_of_roundings(
    n: int, volume_ml: float
) -> None:
    for readers in (2, 3):
        assert np.isnan(icc_absolute(np.full((n, readers), volume_ml))).all()
        assert np.isnan(icc_consistency(np.full((n, readers), volume_ml))).all()


@pytest.mark.parametrize("unit", [1.0, 0.1, 0.3])
def test_a_constant_difference_has_the_same_interval_in_every_unit(unit: float) -> None:
    cases = np.array([1.0, 2.0, 7.0, 13.0])
    ratings = np.stack([cases, cases + 1], axis=1) * unit

    # n MSC / (F k MSR + n MSC) with F(0.975; 3, 1) = 864.2, MSC 60.5 and MSR 2: 0.065.
    assert icc_absolute(ratings) == pytest.approx((0.98374, 0.06543, 0.99905), abs=1e-5)
    assert icc_consistency(ratings).value == 1
    assert np.isnan(icc_consistency(ratings).low)


@pytest.mark.parametrize(("n", "value"), [(4, -2), (6, -1.5), (7, -1.4)])
def test_readers_who_say_the_opposite_have_a_coefficient_and_no_interval(
    n: int, value: float
) -> None:
    volumes = np.arange(n) * 1.0
    found = icc_absolute(np.stack([volumes, volumes[::-1]], axis=1))

    assert found.value == pytest.approx(value)
    assert np.isnan(found.low)


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_what_is_no_number_is_refused(missing: float) -> None:
    with pytest.raises(ValueError, match="no number"):
        icc_absolute(np.array([[1.0, 2.0], [missing, 3.0], [4.0, 5.0]]))


@pytest.mark.parametrize("shape", [(1, 2), (5, 1), (5,)])
def test_one_case_or_one_reader_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="two cases"):
        icc_absolute(np.zeros(shape))


@given(st.integers(0, 1_000), st.floats(0.1, 10), st.floats(-50, 50))
def test_unit_and_origin_do_not_matter(seed: int, factor: float, offset: float) -> None:
    ratings = np.random.default_rng(seed).normal(0, 1, (8, 3))

    assert icc_absolute(ratings * factor + offset) == pytest.approx(icc_absolute(ratings), abs=1e-6)


def r_psych(ratings: NDArray[np.float64]) -> list[float]:
    table = "\n".join(",".join(f"{cell:.12g}" for cell in row) for row in ratings)
    answer = subprocess.run(
        ["Rscript", "-e", R_PROGRAM], input=table, capture_output=True, text=True, check=False
    )
    if "no package called" in answer.stderr:
        pytest.skip("R has no package psych")
    assert answer.returncode == 0, answer.stderr
    return [float(word) for word in answer.stdout.split()]
