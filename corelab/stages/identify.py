"""Who and when: which case each study of a delivery is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from corelab.blinding.subjects import Crosswalk
from corelab.blinding.vault import Vault
from corelab.errors import ReasonCode
from corelab.series import Refusal, Series
from corelab.vocab import Case, SubjectCode, VisitLabel

_StudyKey = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Case of every study, and which cases' visits are known by their order only."""

    case_of_study: dict[_StudyKey, Case | Refusal]
    by_order: frozenset[Case]

    def case_of(self, series: Series) -> Case | Refusal:
        """Case of a series, or why it has none."""
        return self.case_of_study[_key(series)]


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
    found: dict[_StudyKey, Case | Refusal] = {}
    by_order: set[Case] = set()
    for patient_id, studies in _studies(series).items():
        code = _code(patient_id, crosswalk, vault)
        for number, study_uid in enumerate(sorted(studies, key=lambda uid: (studies[uid], uid)), 1):
            if isinstance(code, Refusal):
                found[patient_id, study_uid] = code
                continue
            visit = crosswalk.visit_of(patient_id, study_uid) if crosswalk else None
            case = Case(code, visit or VisitLabel(f"v{number}"))
            found[patient_id, study_uid] = case
            if visit is None:
                by_order.add(case)
    return Cast(case_of_study=found, by_order=frozenset(by_order))


def _studies(series: Iterable[Series]) -> dict[str, dict[str, str]]:
    """Earliest time of each study of each patient; text sorts as time does."""
    studies: dict[str, dict[str, str]] = defaultdict(dict)
    for part in series:
        patient_id, study_uid = _key(part)
        moment = _text(part.identity.acquired_at)
        earlier = studies[patient_id].get(study_uid, moment)
        studies[patient_id][study_uid] = min(earlier, moment)
    return studies


def _code(patient_id: str, crosswalk: Crosswalk | None, vault: Vault) -> SubjectCode | Refusal:
    if not patient_id:
        return _refusal("a study carries no patient identifier")
    if crosswalk is None:
        return vault.code_of(patient_id)
    code = crosswalk.code_of(patient_id)
    if code is None:
        return _refusal("a study's patient is not in the subjects file")
    vault.bind(patient_id, code)
    return code


def _refusal(message: str) -> Refusal:
    return Refusal(reason=ReasonCode.SUBJECT_UNKNOWN, message=message)


def _key(series: Series) -> _StudyKey:
    return series.identity.patient_id.strip(), series.identity.study_uid


def _text(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""
