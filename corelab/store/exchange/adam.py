"""ADaM basic data structure: one record a case and parameter, ready for the analysis.

ADaM implementation guide 1.3, 3.3. Nothing of treatment is here: the statistician merges it by
USUBJID, after the lock. Hours are under a name of our own: ARELTM wants the moment that it counts
from beside it, and no date may be here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from corelab.store.column import Cell
from corelab.store.exchange.findings import CaseKey
from corelab.store.exchange.sheet import Sheet, SheetForm, Standard, sheet_of
from corelab.store.exchange.standard import integer_variable, number_variable, text_variable

FORM = SheetForm(
    name="adinf",
    label="Infarct volume analysis data set",
    structure="one record per subject, visit and parameter",
    standard=Standard.ADAM_BASIC,
)
DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """What is analysed, and how it comes of a volume in mL."""

    code: str
    words: str


INFARCT_VOLUME = Parameter(code="INFVOL", words="Infarct Volume (mL)")
CUBE_ROOT = Parameter(code="INFVOLCR", words="Cube Root of Infarct Volume (mL^(1/3))")


VARIABLES = (
    text_variable("STUDYID", "Study Identifier", "trial_id of volumes.", key=1),
    text_variable(
        "USUBJID",
        "Unique Subject Identifier",
        "subject_code of volumes: unique in the trial, tells nothing of the site.",
        key=2,
    ),
    text_variable(
        "PARAMCD", "Parameter Code", "What AVAL is.", key=3, allowed=("INFVOL", "INFVOLCR")
    ),
    text_variable("PARAM", "Parameter", "PARAMCD in words, with the unit."),
    text_variable("AVISIT", "Analysis Visit", "visit of volumes.", key=4),
    integer_variable(
        "AVISITN", "Analysis Visit (N)", "Place of the visit in the trial file, from 0."
    ),
    number_variable(
        "AVAL",
        "Analysis Value",
        f"infarct_volume_ml of volumes, or its cube root to {DECIMALS} decimals; missing where "
        "MISSWHY says why: 0 is a measured value.",
    ),
    number_variable(
        "BASE", "Baseline Value", "AVAL of the record with ABLFL Y of the same parameter."
    ),
    number_variable("CHG", "Change from Baseline", "AVAL - BASE, after the baseline."),
    text_variable(
        "ABLFL",
        "Baseline Record Flag",
        "Y at the trial's first visit where AVAL is there.",
        allowed=("Y",),
    ),
    text_variable(
        "ANL01FL",
        "Analysis Flag 01",
        "Y where the volume may enter the endpoint: endpoint_eligible is yes and AVAL is there.",
        allowed=("Y",),
    ),
    text_variable(
        "ANL02FL",
        "Analysis Flag 02",
        "Y where CHG may enter the endpoint: CHG is there, and ANL01FL is Y here and at baseline.",
        allowed=("Y",),
    ),
    text_variable(
        "DTYPE",
        "Derivation Type",
        "AVERAGE where AVAL is of the mean of two agreeing readers.",
        allowed=("AVERAGE",),
    ),
    text_variable("MODALITY", "Modality Measured On", "modality of volumes."),
    text_variable("READSTAT", "Read Status", "read_status of volumes: who stands behind AVAL."),
    number_variable(
        "HOURS", "Hours from the Reference Time", "hours_from_reference of volumes.", unit="h"
    ),
    text_variable("MISSWHY", "Why the Volume Is Missing", "missing_reason of volumes."),
)


def analysis_sheet(
    volumes: Sequence[Mapping[str, Cell]], visits: Sequence[str], averaged: frozenset[CaseKey]
) -> Sheet:
    """Sheet of every case at both parameters, cases without a volume included.

    Parameters
    ----------
    volumes
        Rows of the volume table.
    visits
        Labels of the trial's visits in the order of their time, the baseline first.
    averaged
        Cases whose volume is a mean of readers.
    """
    rows = [
        _row(row, parameter, visits, averaged)
        for row in volumes
        for parameter in (INFARCT_VOLUME, CUBE_ROOT)
    ]
    bases = {(row["USUBJID"], row["PARAMCD"]): row for row in rows if row["ABLFL"] == "Y"}
    complete = [_with_base(row, bases.get((row["USUBJID"], row["PARAMCD"]))) for row in rows]
    complete.sort(key=lambda row: tuple(str(row[v.name]) for v in VARIABLES if v.key))
    return sheet_of(FORM, VARIABLES, complete)


def _row(
    volume: Mapping[str, Cell],
    parameter: Parameter,
    visits: Sequence[str],
    averaged: frozenset[CaseKey],
) -> dict[str, Cell]:
    visit, measured_ml = str(volume["visit"]), volume["infarct_volume_ml"]
    case = (str(volume["subject_code"]), visit)
    is_counted = volume["endpoint_eligible"] == "yes" and measured_ml is not None
    return {
        "STUDYID": volume["trial_id"],
        "USUBJID": volume["subject_code"],
        "PARAMCD": parameter.code,
        "PARAM": parameter.words,
        "AVISIT": visit,
        "AVISITN": visits.index(visit) if visit in visits else None,
        "AVAL": _value(measured_ml, parameter),
        "BASE": None,
        "CHG": None,
        "ABLFL": "Y" if measured_ml is not None and visit in visits[:1] else None,
        "ANL01FL": "Y" if is_counted else None,
        "ANL02FL": None,
        "DTYPE": "AVERAGE" if measured_ml is not None and case in averaged else None,
        "MODALITY": volume["modality"],
        "READSTAT": volume["read_status"],
        "HOURS": volume["hours_from_reference"],
        "MISSWHY": volume["missing_reason"],
    }


def _value(measured_ml: Cell, parameter: Parameter) -> float | None:
    if measured_ml is None:
        return None
    value_ml = float(measured_ml)
    return value_ml if parameter is INFARCT_VOLUME else round(float(np.cbrt(value_ml)), DECIMALS)


def _with_base(row: dict[str, Cell], baseline: Mapping[str, Cell] | None) -> dict[str, Cell]:
    if baseline is None:
        return row
    value, base = row["AVAL"], baseline["AVAL"]
    if value is None or base is None or not row["AVISITN"]:
        return row | {"BASE": base}
    is_counted = row["ANL01FL"] == baseline["ANL01FL"] == "Y"
    return row | {
        "BASE": base,
        "CHG": round(float(value) - float(base), DECIMALS),
        "ANL02FL": "Y" if is_counted else None,
    }
