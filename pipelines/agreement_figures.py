"""Pairs of volumes to figures of agreement, group by group."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.bootstrap import bootstrap, bootstrap_all
from corelab.kernels.concordance import concordance, kappa
from corelab.kernels.intraclass import UNDEFINED, Interval, icc_absolute, icc_consistency
from corelab.kernels.limits import Limits, Scale, limits_of_agreement
from corelab.kernels.reliability import reliability
from corelab.store.comparison import AgreementRow, Comparison, Group, VolumePair

FEWEST_CASES = 3
ALL = "all"


def agreement_rows(pairs: Sequence[VolumePair]) -> tuple[AgreementRow, ...]:
    """Figures of every comparison: all its pairs, then by modality, visit, both, and readers.

    A group that holds the same pairs as a wider one is not told twice.
    """
    rows: list[AgreementRow] = []
    for comparison in Comparison:
        told: set[frozenset[int]] = set()
        of_kind = [pair for pair in pairs if pair.comparison is comparison]
        for group, chosen in _groups(comparison, of_kind):
            members = frozenset(map(id, chosen))
            if chosen and members not in told:
                told.add(members)
                rows.append(_row(group, chosen))
    return tuple(rows)


def _groups(
    comparison: Comparison, pairs: Sequence[VolumePair]
) -> Iterator[tuple[Group, list[VolumePair]]]:
    yield Group(comparison=comparison), list(pairs)
    modalities, visits = _words(p.modality for p in pairs), _words(p.visit for p in pairs)
    for modality in modalities:
        group = Group(comparison=comparison, modality=modality)
        yield group, [p for p in pairs if p.modality == modality]
    for visit in visits:
        yield Group(comparison=comparison, visit=visit), [p for p in pairs if p.visit == visit]
    for modality in modalities:
        for visit in visits:
            chosen = [p for p in pairs if p.modality == modality and p.visit == visit]
            yield Group(comparison=comparison, modality=modality, visit=visit), chosen
    for readers in _words(_readers(p) for p in pairs):
        group = Group(comparison=comparison, readers=readers)
        yield group, [p for p in pairs if _readers(p) == readers]


def _words(words: Iterable[str]) -> list[str]:
    return sorted(set(words))


def _readers(pair: VolumePair) -> str:
    return pair.first if pair.first == pair.second else f"{pair.first} and {pair.second}"


def _row(group: Group, pairs: Sequence[VolumePair]) -> AgreementRow:
    cases = _case_numbers(pairs)
    if len(np.unique(cases)) < FEWEST_CASES:
        return _empty(group, len(pairs))
    ratings = np.array([(pair.first_ml, pair.second_ml) for pair in pairs])
    is_clustered = len(np.unique(cases)) < len(cases)
    figures = _over_cases(ratings, cases) if is_clustered else _figures(ratings)
    return AgreementRow(
        group=group,
        n=len(pairs),
        **figures,
        sem_ml=bootstrap(ratings, lambda drawn: reliability(drawn).sem_ml, cases),
        mdc_ml=reliability(ratings).mdc_ml,
        dice=_median([pair.dice for pair in pairs], cases),
        hd95_mm=_median([pair.hd95_mm for pair in pairs], cases),
        assd_mm=_median([pair.assd_mm for pair in pairs], cases),
    )


def _case_numbers(pairs: Sequence[VolumePair]) -> NDArray[np.int64]:
    """Give each pair the number of its case, in the order in which cases come."""
    numbers: dict[tuple[str, str], int] = {}
    keys = [(pair.subject_code, pair.visit) for pair in pairs]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys])


def _figures(ratings: NDArray[np.float64]) -> dict[str, Interval]:
    """Figures of volumes that have intervals by formulas, by their fields in a row."""
    first_ml, second_ml = ratings[:, 0], ratings[:, 1]
    in_ml, in_logs, in_roots = (limits_of_agreement(first_ml, second_ml, scale) for scale in Scale)
    ratios = _map(in_logs, math.exp)
    return {
        "icc_absolute": icc_absolute(ratings),
        "icc_consistency": icc_consistency(ratings),
        "bias_ml": in_ml.bias,
        "lower_limit_ml": in_ml.lower,
        "upper_limit_ml": in_ml.upper,
        "bias_ratio": ratios.bias,
        "lower_limit_ratio": ratios.lower,
        "upper_limit_ratio": ratios.upper,
        "bias_cube_root": in_roots.bias,
        "lower_limit_cube_root": in_roots.lower,
        "upper_limit_cube_root": in_roots.upper,
        "concordance": concordance(first_ml, second_ml),
        "kappa": kappa(first_ml > 0, second_ml > 0),
    }


def _over_cases(ratings: NDArray[np.float64], cases: NDArray[np.int64]) -> dict[str, Interval]:
    """Give the same figures intervals over cases: the formulas take each pair for a case."""
    found = bootstrap_all(
        ratings, lambda drawn: [each.value for each in _figures(drawn).values()], cases
    )
    return dict(zip(_figures(ratings), found, strict=True))


def _empty(group: Group, n: int) -> AgreementRow:
    names = set(AgreementRow.__dataclass_fields__) - {"group", "n", "mdc_ml"}
    return AgreementRow(group=group, n=n, mdc_ml=math.nan, **dict.fromkeys(names, UNDEFINED))


def _map(limits: Limits, function: Callable[[float], float]) -> Limits:
    def mapped(interval: Interval) -> Interval:
        return Interval(*(function(value) for value in interval))

    return limits._replace(
        bias=mapped(limits.bias), lower=mapped(limits.lower), upper=mapped(limits.upper)
    )


def _median(values: Sequence[float | None], cases: NDArray[np.int64]) -> Interval:
    is_known = np.array([value is not None for value in values])
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if len(np.unique(cases[is_known])) < FEWEST_CASES:
        return UNDEFINED
    return bootstrap(known, lambda drawn: float(np.median(drawn)), cases[is_known])
