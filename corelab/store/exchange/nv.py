"""SDTM-like domain NV (nervous system findings): one record a read, the accepted one flagged.

SDTM implementation guide 3.4, 6.3 (findings). No published term names the infarct's volume:
INFVOL is the sponsor's own. Dates stay out: NVHOURS, the sponsor's own too, tells a time from the
trial's reference, since NVELTM is of planned times alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from corelab.store.column import Cell
from corelab.store.exchange.sheet import Sheet, SheetForm, Standard, sheet_of
from corelab.store.exchange.standard import integer_variable, number_variable, text_variable
from corelab.vocab import Hemisphere, Modality

FORM = SheetForm(
    name="nv",
    label="Nervous System Findings",
    structure="one record per subject, visit, evaluator and repetition",
    standard=Standard.SDTM_FINDINGS,
)
INDEPENDENT_ASSESSOR = "INDEPENDENT ASSESSOR"
_DECIMALS = 4


class NotDone(StrEnum):
    """Why there is no volume."""

    NOT_ASSESSABLE = "NOT ASSESSABLE"
    NOT_MEASURED = "NOT MEASURED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One assessment of one case.

    ``evaluator`` is empty for the automatic method and for a mean of readers. ``reason`` says why
    ``infarct_volume_ml`` is ``None``.
    """

    trial_id: str
    subject_code: str
    visit: str
    reference: str
    evaluator: str
    repetition: int
    infarct_volume_ml: float | None
    not_done: NotDone | None
    reason: str
    hemisphere: Hemisphere | None
    modality: Modality | None
    method: str
    is_accepted: bool
    is_mean: bool
    hours_from_reference: float | None


VARIABLES = (
    text_variable("STUDYID", "Study Identifier", "Registry number of the trial.", key=1),
    text_variable("DOMAIN", "Domain Abbreviation", "NV.", allowed=("NV",)),
    text_variable(
        "USUBJID",
        "Unique Subject Identifier",
        "subject_code: unique in the trial, tells nothing of the site.",
        key=2,
    ),
    integer_variable("NVSEQ", "Sequence Number", "Counts a subject's records.", key=3),
    text_variable("NVREFID", "Reference ID", "The read in the ledger; empty for none."),
    text_variable(
        "NVTESTCD",
        "Short Name of Nervous System Test",
        "INFVOL, the sponsor's own term.",
        allowed=("INFVOL",),
    ),
    text_variable("NVTEST", "Name of Nervous System Test", "Infarct Volume."),
    text_variable("NVCAT", "Category for Nervous System Test", "IMAGING."),
    text_variable(
        "NVORRES",
        "Result or Finding in Original Units",
        "As read, to 0.0001 mL; empty for a derived record.",
    ),
    text_variable("NVORRESU", "Original Units", "mL."),
    text_variable(
        "NVSTRESC", "Character Result/Finding in Std Format", "As read or derived, to 0.0001 mL."
    ),
    number_variable(
        "NVSTRESN", "Numeric Result/Finding in Standard Units", "NVSTRESC: 0 is a result."
    ),
    text_variable("NVSTRESU", "Standard Units", "mL."),
    text_variable(
        "NVSTAT", "Completion Status", "NOT DONE without a volume.", allowed=("NOT DONE",)
    ),
    text_variable("NVREASND", "Reason Not Done", "Why there is no volume, coded."),
    text_variable("NVLOC", "Location Used for the Measurement", "BRAIN.", allowed=("BRAIN",)),
    text_variable(
        "NVLAT",
        "Laterality",
        "The patient's own side; empty without an infarct.",
        allowed=("LEFT", "RIGHT", "BILATERAL"),
    ),
    text_variable(
        "NVMETHOD",
        "Method of Test or Examination",
        "The image that was read.",
        allowed=("CT SCAN", "MRI"),
    ),
    text_variable("NVANMETH", "Analysis Method", "Name and version of the automatic method."),
    text_variable(
        "NVDRVFL",
        "Derived Flag",
        "Y for what agreeing readers say together: their mean, or that none could assess it.",
        allowed=("Y",),
    ),
    text_variable(
        "NVEVAL", "Evaluator", "Empty for the automatic method.", allowed=(INDEPENDENT_ASSESSOR,)
    ),
    text_variable(
        "NVEVALID",
        "Evaluator Identifier",
        "READER n, n counts the readers of reads by name; ADJUDICATOR. Empty for a derived record.",
    ),
    text_variable(
        "NVACPTFL",
        "Accepted Record Flag",
        "Y for the one that infarct_volume_ml of volumes is of: at most one a visit. It does not "
        "tell whether the volume may enter the endpoint, but for one of the automatic method.",
        allowed=("Y",),
    ),
    integer_variable("NVREPNUM", "Repetition Number", "2 for a reader's hidden repeat."),
    integer_variable("VISITNUM", "Visit Number", "Place of the visit in the trial, from 1."),
    text_variable("VISIT", "Visit Name", "Label of the protocol time point."),
    number_variable(
        "NVHOURS",
        "Hours from the Reference Time",
        "hours_from_reference of volumes; the sponsor's own variable.",
        unit="h",
    ),
)
_LATERALITY = {
    Hemisphere.LEFT: "LEFT",
    Hemisphere.RIGHT: "RIGHT",
    Hemisphere.BILATERAL: "BILATERAL",
}
_METHOD = {Modality.NCCT: "CT SCAN", Modality.DWI: "MRI"}


def findings_sheet(findings: Iterable[Finding], visits: Sequence[str]) -> Sheet:
    """Sheet of findings, numbered within each subject.

    Parameters
    ----------
    findings
        In any order.
    visits
        Labels of the trial's visits in the order of their time.
    """
    ordered = sorted(
        findings,
        key=lambda one: (
            one.subject_code,
            visits.index(one.visit) if one.visit in visits else len(visits),
            one.visit,
            one.evaluator,
            one.repetition,
            one.is_mean,
            one.reference,
        ),
    )
    counts: dict[str, int] = {}
    rows = []
    for finding in ordered:
        counts[finding.subject_code] = counts.get(finding.subject_code, 0) + 1
        rows.append(_row(finding, counts[finding.subject_code], visits))
    return sheet_of(FORM, VARIABLES, rows)


def _row(finding: Finding, sequence: int, visits: Sequence[str]) -> dict[str, Cell]:
    volume_ml = finding.infarct_volume_ml
    result = None if volume_ml is None else f"{volume_ml:.{_DECIMALS}f}"
    unit = None if volume_ml is None else "mL"
    return {
        "STUDYID": finding.trial_id,
        "DOMAIN": "NV",
        "USUBJID": finding.subject_code,
        "NVSEQ": sequence,
        "NVREFID": finding.reference or None,
        "NVTESTCD": "INFVOL",
        "NVTEST": "Infarct Volume",
        "NVCAT": "IMAGING",
        "NVORRES": None if finding.is_mean else result,
        "NVORRESU": None if finding.is_mean else unit,
        "NVSTRESC": result,
        "NVSTRESN": volume_ml,
        "NVSTRESU": unit,
        "NVSTAT": "NOT DONE" if volume_ml is None else None,
        "NVREASND": _reason(finding),
        "NVLOC": "BRAIN",
        "NVLAT": _LATERALITY.get(finding.hemisphere) if finding.hemisphere else None,
        "NVMETHOD": _METHOD[finding.modality] if finding.modality else None,
        "NVANMETH": finding.method or None,
        "NVDRVFL": "Y" if finding.is_mean else None,
        "NVEVAL": INDEPENDENT_ASSESSOR if finding.evaluator or finding.is_mean else None,
        "NVEVALID": finding.evaluator or None,
        "NVACPTFL": "Y" if finding.is_accepted else None,
        "NVREPNUM": finding.repetition,
        "VISITNUM": visits.index(finding.visit) + 1 if finding.visit in visits else None,
        "VISIT": finding.visit,
        "NVHOURS": finding.hours_from_reference,
    }


def _reason(finding: Finding) -> str | None:
    if finding.not_done is None:
        return None
    return ": ".join(word for word in (finding.not_done.value, finding.reason) if word)
