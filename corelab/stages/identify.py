"""Who and when: which case each study of a delivery is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from corelab.blinding.subjects import NO_PATIENT, Crosswalk, visit_shared_by
from corelab.blinding.vault import Vault
from corelab.series import Refusal, Series, StudyKey
from corelab.vocab import Case, SubjectCode, VisitLabel


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Case of every study, and which cases' visits are known by their order only."""

    case_of_study: dict[StudyKey, Case | Refusal]
    by_order: frozenset[Case]

    def case_of(self, series: Series) -> Case | Refusal:
        """Case of a series, or why it has none."""
        return self.case_of_study[series.identity.study_key]


def identify(series: Iterable[Series], crosswalk: Crosswalk | None, vault: Vault) -> Cast:
    """Find the case of every study.

    Codes come from the crosswalk, or from the vault where the trial issues none; visits from
    the crosswalk, else the studies of a subject are numbered by date (``v1``, ``v2``, ...).

    Parameters
    ----------
    series
        Every series of a delivery.
    crosswalk
        ``subjects.csv``, when the trial issues codes.
    vault
        Keeps every pair of patient and code.

    Raises
    ------
    StoreError
        When the crosswalk contradicts what the vault holds.
    """
    found: dict[StudyKey, Case | Refusal] = {}
    by_order: set[Case] = set()
    for patient_id, studies in _studies(series).items():
        code = _code(patient_id, crosswalk, vault)
        if isinstance(code, Refusal):
            found.update(dict.fromkeys(((patient_id, uid) for uid in studies), code))
            continue
        ordered = sorted(studies, key=lambda uid: (studies[uid], uid))
        for uid, visit in _visits(patient_id, ordered, crosswalk, vault).items():
            found[patient_id, uid] = visit if isinstance(visit, Refusal) else Case(code, visit)
        by_order |= {
            case
            for uid in ordered
            if isinstance(case := found[patient_id, uid], Case)
            and not (crosswalk and crosswalk.visit_of(patient_id, uid))
        }
    return Cast(case_of_study=found, by_order=frozenset(by_order))


def _visits(
    patient_id: str, ordered: list[str], crosswalk: Crosswalk | None, vault: Vault
) -> dict[str, VisitLabel | Refusal]:
    """Visit of each study, earliest study first; a number once given is kept for good."""
    known = vault.visits_of(patient_id)
    named = {uid: crosswalk.visit_of(patient_id, uid) for uid in ordered} if crosswalk else {}
    general = [uid for uid in ordered if crosswalk and crosswalk.is_general(patient_id, uid)]
    visits: dict[str, VisitLabel | Refusal] = {}
    for uid in ordered:
        visit = named.get(uid)
        if visit and uid in general and len(general) > 1:
            visits[uid] = visit_shared_by(len(general))
        else:
            visits[uid] = (
                visit or known.get(uid) or _next_number({*known.values(), *visits.values()})
            )
    return visits


def _next_number(taken: Container[VisitLabel | Refusal]) -> VisitLabel:
    labels = (VisitLabel(f"v{number}") for number in count(1))
    return next(label for label in labels if label not in taken)


def _studies(series: Iterable[Series]) -> dict[str, dict[str, str]]:
    """Earliest time of each study of each patient; text sorts as time does."""
    studies: dict[str, dict[str, str]] = defaultdict(dict)
    for part in series:
        patient_id, study_uid = part.identity.study_key
        moment = _text(part.identity.acquired_at)
        # An object without a date says nothing of when its study was.
        dated = [text for text in (studies[patient_id].get(study_uid, ""), moment) if text]
        studies[patient_id][study_uid] = min(dated, default="")
    return studies


def _code(patient_id: str, crosswalk: Crosswalk | None, vault: Vault) -> SubjectCode | Refusal:
    if crosswalk is None:
        return vault.code_of(patient_id) if patient_id else NO_PATIENT
    code = crosswalk.subject_of(patient_id)
    if not isinstance(code, Refusal):
        vault.bind(patient_id, code)
    return code


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
