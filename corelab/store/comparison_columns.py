"""Columns of the tables of agreement."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from corelab.kernels.intraclass import Interval
from corelab.store.column import Cell, CellType, Column, closed
from corelab.store.comparison import (
    COMPARISON_WORDS,
    AgreementRow,
    Compared,
    Comparison,
    LeftOut,
    VolumePair,
    known,
)

_Row = TypeVar("_Row")
_Compared = TypeVar("_Compared", bound=Compared)


def _text(
    name: str, label: str, definition: str, value: Callable[[_Row], Cell], *words: str
) -> Column[_Row]:
    return Column(
        name=name,
        label=label,
        type=CellType.TEXT,
        definition=definition,
        value=value,
        allowed=words,
    )


def _interval(
    name: str, label: str, definition: str, pick: Callable[[AgreementRow], Interval]
) -> tuple[Column[AgreementRow], ...]:
    """Columns of a figure and of both ends of its 95 % interval."""
    unit = "mL" if name.endswith("_ml") else "mm" if name.endswith("_mm") else None
    ends = (
        ("", "", definition, 0),
        ("_low", ", low end", f"Low end of the 95 % interval of {name}.", 1),
        ("_high", ", high end", f"High end of the 95 % interval of {name}.", 2),
    )
    return tuple(
        Column(
            name=name + suffix,
            label=label + words,
            type=CellType.NUMBER,
            unit=unit,
            definition=meaning,
            value=_part(pick, place),
        )
        for suffix, words, meaning, place in ends
    )


def _part(pick: Callable[[AgreementRow], Interval], place: int) -> Callable[[AgreementRow], Cell]:
    return lambda row: known(pick(row)[place])


_WHOSE = "Reader, auto, accepted or reference."
_BLAND_ALTMAN = "Bland and Altman, Lancet 1986;1:307; interval: Stat Methods Med Res 1999;8:135"

AGREEMENT_COLUMNS: tuple[Column[AgreementRow], ...] = (
    _text(
        "comparison",
        "Whose volumes are compared",
        "; ".join(f"{word}: {meaning}" for word, meaning in COMPARISON_WORDS.items()) + ".",
        lambda row: row.group.comparison.value,
        *closed(Comparison),
    ),
    _text("modality", "Modality", "Of the cases; all: every one.", lambda row: row.group.modality),
    _text("visit", "Visit", "Of the cases; all: every one.", lambda row: row.group.visit),
    _text("readers", "Readers", "Who read; all: everyone.", lambda row: row.group.readers),
    Column(
        name="n",
        label="Pairs",
        type=CellType.INTEGER,
        definition="Pairs of volumes; those of fewer than 3 cases give no figure but n.",
        value=lambda row: row.n,
    ),
    *_interval(
        "icc_2_1",
        "ICC(2,1)",
        "Two-way random effects, single measurement, absolute agreement. Shrout and Fleiss, "
        "Psychol Bull 1979;86:420; interval: McGraw and Wong, Psychol Methods 1996;1:30.",
        lambda row: row.icc_absolute,
    ),
    *_interval(
        "icc_3_1",
        "ICC(3,1)",
        "Two-way mixed effects, single measurement, consistency: blind to a constant difference.",
        lambda row: row.icc_consistency,
    ),
    *_interval(
        "bias_ml",
        "Bias",
        f"Mean of second minus first. {_BLAND_ALTMAN}.",
        lambda row: row.bias_ml,
    ),
    *_interval(
        "lower_limit_ml",
        "Lower limit of agreement",
        "bias_ml - 1.96 standard deviations of the differences.",
        lambda row: row.lower_limit_ml,
    ),
    *_interval(
        "upper_limit_ml",
        "Upper limit of agreement",
        "bias_ml + 1.96 standard deviations of the differences.",
        lambda row: row.upper_limit_ml,
    ),
    *_interval(
        "bias_ratio",
        "Bias as a ratio",
        "exp of the mean difference of log(mL + 1): second over first; 1 is no bias.",
        lambda row: row.bias_ratio,
    ),
    *_interval(
        "lower_limit_ratio",
        "Lower limit as a ratio",
        "Lower limit of agreement on the scale of bias_ratio.",
        lambda row: row.lower_limit_ratio,
    ),
    *_interval(
        "upper_limit_ratio",
        "Upper limit as a ratio",
        "Upper limit of agreement on the scale of bias_ratio.",
        lambda row: row.upper_limit_ratio,
    ),
    *_interval(
        "bias_cube_root",
        "Bias of cube roots",
        "Mean difference of the cube roots of both volumes.",
        lambda row: row.bias_cube_root,
    ),
    *_interval(
        "lower_limit_cube_root",
        "Lower limit of cube roots",
        "Lower limit of agreement of the cube roots.",
        lambda row: row.lower_limit_cube_root,
    ),
    *_interval(
        "upper_limit_cube_root",
        "Upper limit of cube roots",
        "Upper limit of agreement of the cube roots.",
        lambda row: row.upper_limit_cube_root,
    ),
    *_interval(
        "sem_ml",
        "Standard error of measurement",
        "Root of the mean variance within cases; interval by bootstrap over cases, fixed seed.",
        lambda row: row.sem_ml,
    ),
    Column(
        name="mdc_ml",
        label="Minimal detectable change",
        type=CellType.NUMBER,
        unit="mL",
        definition="1.96 x sqrt(2) x sem_ml: two reads of an unchanged infarct differ by less in "
        "95 of 100 cases.",
        value=lambda row: known(row.mdc_ml),
    ),
    *_interval(
        "ccc",
        "Concordance correlation",
        "Lin, Biometrics 1989;45:255; interval by Fisher's z, variance of Biometrics 2000;56:324.",
        lambda row: row.concordance,
    ),
    *_interval(
        "kappa_infarct",
        "Kappa of infarct or none",
        "Cohen's kappa of zero against non-zero volume; standard error of Fleiss, Cohen and "
        "Everitt, Psychol Bull 1969;72:323. Empty where everyone always says the same.",
        lambda row: row.kappa,
    ),
    *_interval(
        "dice",
        "Dice overlap, median",
        "Of pairs whose masks are at hand and not both empty; interval by bootstrap.",
        lambda row: row.dice,
    ),
    *_interval(
        "hd95_mm",
        "Surface distance, 95th percentile, median",
        "Median over pairs of the larger of both directions' 95th percentiles; by bootstrap.",
        lambda row: row.hd95_mm,
    ),
    *_interval(
        "assd_mm",
        "Surface distance, mean, median",
        "Median over pairs of the mean over the surface voxels of both masks; by bootstrap.",
        lambda row: row.assd_mm,
    ),
)


def _compared() -> tuple[Column[_Compared], ...]:
    """Columns that say whose volumes of which case are compared."""
    return (
        _text(
            "comparison",
            "Whose volumes are compared",
            "As in agreement.csv.",
            lambda row: row.comparison.value,
            *closed(Comparison),
        ),
        _text(
            "subject_code",
            "Subject code",
            "Blinded code of the subject.",
            lambda row: row.subject_code,
        ),
        _text("visit", "Visit", "Label of the protocol time point.", lambda row: row.visit),
        _text("modality", "Modality", "Image that was read.", lambda row: row.modality),
        _text("first", "Whose first volume", _WHOSE, lambda row: row.first),
        _text("second", "Whose second volume", _WHOSE, lambda row: row.second),
    )


PAIR_COLUMNS: tuple[Column[VolumePair], ...] = (
    *_compared(),
    Column(
        name="first_ml",
        label="First volume",
        type=CellType.NUMBER,
        unit="mL",
        definition="Infarct volume.",
        value=lambda pair: pair.first_ml,
    ),
    Column(
        name="second_ml",
        label="Second volume",
        type=CellType.NUMBER,
        unit="mL",
        definition="Infarct volume.",
        value=lambda pair: pair.second_ml,
    ),
    Column(
        name="difference_ml",
        label="Difference",
        type=CellType.NUMBER,
        unit="mL",
        definition="second_ml - first_ml.",
        value=lambda pair: known(pair.difference_ml),
    ),
    Column(
        name="dice",
        label="Dice overlap",
        type=CellType.NUMBER,
        definition="Of both masks, by volume; empty without masks, or where both are empty.",
        value=lambda pair: pair.dice,
    ),
    Column(
        name="hd95_mm",
        label="Surface distance, 95th percentile",
        type=CellType.NUMBER,
        unit="mm",
        definition="The larger of both directions; empty where a mask is empty or not at hand.",
        value=lambda pair: pair.hd95_mm,
    ),
    Column(
        name="assd_mm",
        label="Surface distance, mean",
        type=CellType.NUMBER,
        unit="mm",
        definition="Over the surface voxels of both masks; empty as hd95_mm.",
        value=lambda pair: pair.assd_mm,
    ),
)


LEFT_OUT_COLUMNS: tuple[Column[LeftOut], ...] = (
    *_compared(),
    _text(
        "first_assessable",
        "First has a volume",
        "no: not assessable.",
        lambda row: "yes" if row.is_first_assessable else "no",
        "yes",
        "no",
    ),
    _text(
        "second_assessable",
        "Second has a volume",
        "no: not assessable.",
        lambda row: "yes" if row.is_second_assessable else "no",
        "yes",
        "no",
    ),
)
