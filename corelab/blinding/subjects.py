"""``subjects.csv``: which patient is which subject, and which study is which visit.

``reference_time`` is the trial's reference time of the patient (randomization, say) by the local
clock of the site, as the scanner writes it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from corelab.blinding.code import fault_of_code, mistyped, what_it_tells
from corelab.blinding.person import Person
from corelab.errors import ConfigError, Fault, ReasonCode
from corelab.series import Refusal
from corelab.vocab import SubjectCode, VisitLabel

REQUIRED_COLUMNS = ("patient_id", "subject_code")
OPTIONAL_COLUMNS = ("visit", "study_instance_uid", "reference_time")
NO_VISIT = VisitLabel("none")
"""Stands in ``visit`` for a study that is no visit of the trial."""
NO_PATIENT = Refusal(
    reason=ReasonCode.SUBJECT_UNKNOWN, message="a study carries no patient identifier"
)
NOT_A_VISIT = Refusal(
    reason=ReasonCode.NOT_A_VISIT, message="the subjects file says that this is no visit"
)
_MOMENT_PATTERN = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?")
_VISIT_PATTERN = re.compile(r"[a-z][a-z0-9_]{1,19}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow:
    """One row: a patient's code, and a study's visit where the row names one."""

    patient_id: str
    subject_code: SubjectCode
    visit: VisitLabel | None
    study_uid: str | None
    reference_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """Patient to subject code, study to visit."""

    rows: tuple[SubjectRow, ...]

    def code_of(self, patient_id: str) -> SubjectCode | None:
        """Code of a patient; None when the trial has issued none."""
        wanted = patient_id.strip()
        return next((row.subject_code for row in self.rows if row.patient_id == wanted), None)

    def subject_of(self, patient_id: str) -> SubjectCode | Refusal:
        """Code of a study's patient, or why there is none."""
        if not patient_id:
            return NO_PATIENT
        message = "a study's patient is not in the subjects file"
        unknown = Refusal(reason=ReasonCode.SUBJECT_UNKNOWN, message=message)
        return self.code_of(patient_id) or unknown

    def code_for(self, person: Person) -> SubjectCode | Refusal:
        """Code of a study's patient; why there is none, or none that may be written."""
        code = self.subject_of(person.patient_id)
        return code if isinstance(code, Refusal) else code_tells(code, person) or code

    def visit_of(self, patient_id: str, study_uid: str) -> VisitLabel | None:
        """Visit of a study; a row without study UID speaks for all studies of its patient."""
        mine = [row for row in self.rows if row.patient_id == patient_id.strip()]
        exact = [row for row in mine if row.study_uid == study_uid]
        general = [row for row in mine if row.study_uid is None]
        return next((row.visit for row in exact + general), None)

    def named_visits(
        self, patient_id: str, study_uids: Iterable[str], known: Mapping[str, VisitLabel]
    ) -> dict[str, VisitLabel | Refusal]:
        """Visits of a patient's studies that rows name; one row cannot name that of two at once.

        Parameters
        ----------
        patient_id, study_uids
            Whose studies; those that no row names are left out.
        known
            Visits of earlier runs: a study keeps one that is named again, the others are held back.
        """
        named = {u: visit for u in study_uids if (visit := self.visit_of(patient_id, u))}
        general = [
            uid
            for uid, visit in named.items()
            if visit != NO_VISIT and self._is_general(patient_id, uid)
        ]
        visits: dict[str, VisitLabel | Refusal] = {
            uid: NOT_A_VISIT if visit == NO_VISIT else visit for uid, visit in named.items()
        }
        if len(general) > 1:
            new = [uid for uid in general if known.get(uid) != named[uid]]
            visits |= dict.fromkeys(new, _shared_by(len(general)))
        return visits

    def _is_general(self, patient_id: str, study_uid: str) -> bool:
        """Whether a study's visit comes from a row that names no study."""
        mine = [row for row in self.rows if row.patient_id == patient_id.strip()]
        return all(row.study_uid != study_uid for row in mine)

    def reference_of(self, patient_id: str) -> datetime | None:
        """Return a patient's reference time by the site's clock; ``None`` where no row has it."""
        mine = (row for row in self.rows if row.patient_id == patient_id.strip())
        return next((row.reference_at for row in mine if row.reference_at), None)

    def visits(self) -> frozenset[VisitLabel]:
        """Every visit of the trial that a row names."""
        return frozenset(row.visit for row in self.rows if row.visit) - {NO_VISIT}


def _shared_by(n_studies: int) -> Refusal:
    """Refusal of several studies whose visit one row names for all of them."""
    message = (
        f"{n_studies} studies share one row of the subjects file that names a visit; "
        "each needs a row with its study_instance_uid"
    )
    return Refusal(reason=ReasonCode.VISIT_UNKNOWN, message=message)


def code_tells(code: SubjectCode, person: Person) -> Refusal | None:
    """Refusal of a code that gives its patient away; ``None`` for a fit one.

    Parameters
    ----------
    code
        As the trial issued it.
    person
        What a delivery says of the patient.
    """
    told = what_it_tells(code, person)
    if told is None:
        return None
    message = (
        f"the subjects file gives a patient a code that holds {told}; nothing is written under "
        "it: the trial must issue another"
    )
    evidence = f"subject code {code} of patient {person.patient_id}"
    return Refusal(reason=ReasonCode.CODE_IDENTIFYING, message=message, evidence=evidence)


def load_subjects(path: Path) -> Crosswalk:
    """Read ``subjects.csv``.

    Raises
    ------
    ConfigError
        Every fault at once, each with its row and column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            columns = tuple(reader.fieldnames or ())
            rows = [
                {str(name): (value or "").strip() for name, value in row.items() if name}
                for row in reader
            ]
    except OSError as error:
        fault = Fault(key="file", found=str(error.strerror), expected="a CSV file")
        raise ConfigError(str(path), (fault,)) from None
    except (UnicodeDecodeError, csv.Error) as error:
        fault = Fault(key="file", found=f"other text ({error})", expected="comma-separated UTF-8")
        raise ConfigError(str(path), (fault,)) from None
    faults = _column_faults(columns) or _row_faults(rows)
    if faults:
        raise ConfigError(str(path), faults)
    return Crosswalk(tuple(_row(row) for row in rows))


def _row(row: dict[str, str]) -> SubjectRow:
    return SubjectRow(
        patient_id=row["patient_id"],
        subject_code=SubjectCode(row["subject_code"]),
        visit=VisitLabel(row["visit"]) if row.get("visit") else None,
        study_uid=row.get("study_instance_uid") or None,
        reference_at=_moment(row.get("reference_time", "")),
    )


def _column_faults(columns: tuple[str, ...]) -> tuple[Fault, ...]:
    known = (*REQUIRED_COLUMNS, *OPTIONAL_COLUMNS)
    absent = [name for name in REQUIRED_COLUMNS if name not in columns]
    foreign = [
        (f"column {place}" if absent else name)  # without its first line, names are patients'
        for place, name in enumerate(columns, start=1)
        if name not in known
    ]
    return tuple(
        [Fault(key=name, found="no such column", expected="a column") for name in absent]
        + [
            Fault(key=name, found="an unknown column", expected="one of " + ", ".join(known))
            for name in foreign
        ]
    )


def _row_faults(rows: list[dict[str, str]]) -> tuple[Fault, ...]:
    faults: list[Fault] = []
    patient_of_code: dict[str, str] = {}
    code_of_patient: dict[str, str] = {}
    slips = mistyped(row["subject_code"] for row in rows)
    studies: set[tuple[str, str]] = set()
    for number, row in enumerate(rows, start=2):
        patient, code, visit = row["patient_id"], row["subject_code"], row.get("visit", "")
        if not patient:
            faults.append(_fault(number, "patient_id", "nothing", "an identifier"))
            continue
        expected = fault_of_code(code, patient)
        if expected:
            faults.append(_fault(number, "subject_code", "an unfit code", expected))
        elif code in slips:
            found, expected = "a code without its check character", "one, as the others have"
            faults.append(_fault(number, "subject_code", found, expected))
        if patient_of_code.setdefault(code.lower(), patient) != patient:
            found = "the code of another patient"
            faults.append(_fault(number, "subject_code", found, "one code for one patient"))
        if code_of_patient.setdefault(patient, code) != code:
            found = "another code than before"
            faults.append(_fault(number, "subject_code", found, "one patient, one code"))
        study = (patient, row.get("study_instance_uid", ""))
        if study in studies:
            found = "a study that a row names" if study[1] else "another row without one"
            faults.append(_fault(number, "study_instance_uid", found, "one row for one study"))
        studies.add(study)
        if visit and not _VISIT_PATTERN.fullmatch(visit):
            faults.append(_fault(number, "visit", "an unfit label", "a visit label such as fu24h"))
    return tuple(faults + _reference_faults(rows))


def _reference_faults(rows: list[dict[str, str]]) -> list[Fault]:
    faults: list[Fault] = []
    text_of: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        text = row.get("reference_time", "")
        if text and _moment(text) is None:
            expected = "the site's local time such as 2026-03-01T14:30, without a zone"
            faults.append(_fault(number, "reference_time", "an unfit time", expected))
        elif text and text_of.setdefault(row["patient_id"], text) != text:
            found = "another time than before"
            faults.append(_fault(number, "reference_time", found, "one time for one patient"))
    return faults


def _moment(text: str) -> datetime | None:
    if not _MOMENT_PATTERN.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _fault(number: int, column: str, found: str, expected: str) -> Fault:
    return Fault(key=f"line {number}, {column}", found=found, expected=expected)
