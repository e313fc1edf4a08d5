from __future__ import annotations

import math

import numpy as np
import pytest

from corelab.kernels.agreement import agreement
from corelab.kernels.bootstrap import bootstrap
from corelab.kernels.limits import limits_of_agreement
from corelab.store.comparison import Comparison, VolumePair
from corelab.store.comparison_columns import AGREEMENT_COLUMNS
from pipelines.agreement_figures import agreement_rows

VOLUMES_ML = ((0.0, 0.0), (10.0, 12.0), (50.0, 44.0), (120.0, 131.0), (5.0, 4.0), (0.0, 1.5))


def pairs(
    comparison: Comparison = Comparison.INTER_READER, modality: str = "NCCT", second: str = "bert"
) -> list[VolumePair]:
    return [
        VolumePair(
            comparison=comparison,
            subject_code=f"AB{number:04d}",
            visit="fu24h",
            modality=modality,
            first="anna",
            second=second,
            first_ml=first,
            second_ml=other,
            dice=None if first == 0 else 0.8,
        )
        for number, (first, other) in enumerate(VOLUMES_ML)
    ]


def test_figures_are_those_of_the_kernels() -> None:
    first_ml, second_ml = np.array(VOLUMES_ML).T
    known = agreement(first_ml, second_ml)

    (row,) = agreement_rows(pairs())

    assert row.n == 6
    assert row.icc_absolute.value == known.icc_2_1
    assert row.bias_ml.value == known.bias
    assert row.lower_limit_ml.value == known.lower_limit
    assert row.dice.value == pytest.approx(0.8)


def test_a_group_that_holds_the_same_pairs_as_a_wider_one_is_not_told_twice() -> None:
    assert len(agreement_rows(pairs())) == 1
    both = [*pairs(), *pairs(modality="DWI")]
    assert [row.group.modality for row in agreement_rows(both)] == ["all", "DWI", "NCCT"]


def test_pairs_of_readers_are_told_apart() -> None:
    rows = agreement_rows([*pairs(), *pairs(second="cleo")])

    assert [row.group.readers for row in rows] == ["all", "anna and bert", "anna and cleo"]


def test_comparisons_never_mix() -> None:
    rows = agreement_rows([*pairs(), *pairs(Comparison.AUTO_ACCEPTED)])

    assert [row.group.comparison for row in rows] == [
        Comparison.INTER_READER,
        Comparison.AUTO_ACCEPTED,
    ]
    assert {row.n for row in rows} == {6}


def test_two_pairs_have_a_count_and_no_figure() -> None:
    (row,) = agreement_rows(pairs()[:2])
    cells = {column.name: column.value(row) for column in AGREEMENT_COLUMNS}

    assert cells["n"] == 2
    assert math.isnan(row.icc_absolute.value)
    assert {value for name, value in cells.items() if name.startswith(("icc", "bias"))} == {None}


def test_limits_on_logarithms_are_told_as_ratios() -> None:
    doubled = [
        VolumePair(
            comparison=Comparison.REFERENCE,
            subject_code=f"AB{number:04d}",
            visit="fu24h",
            modality="NCCT",
            first="reference",
            second="measured",
            first_ml=volume - 1,
            second_ml=2 * volume - 1,
        )
        for number, volume in enumerate((2.0, 20.0, 90.0))
    ]

    (row,) = agreement_rows(doubled)

    assert row.bias_ratio.value == pytest.approx(2)


def test_several_pairs_of_one_case_are_no_further_cases() -> None:
    three_times = [*pairs(), *pairs(second="cleo"), *pairs(second="dora")]
    first_ml, second_ml = np.array(VOLUMES_ML).T

    everyone, *by_readers = agreement_rows(three_times)

    assert (everyone.n, [row.n for row in by_readers]) == (18, [6, 6, 6])
    over_cases = bootstrap(second_ml - first_ml, lambda drawn: float(drawn.mean()))
    assert everyone.bias_ml == pytest.approx(over_cases)
    of_formula = limits_of_agreement(np.repeat(first_ml, 3), np.repeat(second_ml, 3))
    narrow, wide = (each.high - each.low for each in (of_formula.bias, everyone.bias_ml))
    assert wide > 1.4 * narrow
    known = agreement(first_ml, second_ml)
    assert by_readers[0].bias_ml == limits_of_agreement(first_ml, second_ml).bias
    assert everyone.bias_ml.value == pytest.approx(known.bias)


def test_two_cases_with_three_readers_have_a_count_and_no_figure() -> None:
    few = [*pairs()[1:3], *pairs(second="cleo")[1:3]]

    everyone = agreement_rows(few)[0]

    assert everyone.n == 4
    assert math.isnan(everyone.bias_ml.value)
    assert math.isnan(everyone.dice.value)
