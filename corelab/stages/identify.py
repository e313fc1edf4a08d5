"""Who and when: which case each study of a delivery is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

from corelab.blinding.code import what_it_tells
from corelab.blinding.person import Person, person_of
from corelab.blinding.subjects import (
    NO_PATIENT,
    Crosswalk,
)
from corelab.blinding.vault import Vault
from corelab.blinding.visits import (
    Holder,
    TimedStudy,
    hours_between,
    is_plausible,
    visit_by_window,
    without_clashes,
)
from corelab.series import Refusal, Series, StudyKey
from corelab.trial import Trial
from corelab.vocab import Case, SubjectCode, VisitLabel

_Visits = dict[str, VisitLabel | Refusal]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Case of every study, and which cases' visits are known by their order only.

    ``hours_of_study`` lie between the reference time and the first image of each study for which
    both times are known.
    """

    case_of_study: dict[StudyKey, Case | Refusal]
    by_order: frozenset[Case]
    hours_of_study: Mapping[StudyKey, float] = field(default_factory=dict)

    def case_of(self, series: Series) -> Case | Refusal:
        """Case of a series, or why it has none."""
        return self.case_of_study[series.identity.study_key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Patient:
    """One patient's studies, earliest first, and what gives them visits."""

    patient_id: str
    studies: tuple[TimedStudy, ...]
    crosswalk: Crosswalk
    vault: Vault
    trial: Trial | None

    def named(self, study_uid: str) -> VisitLabel | None:
        return self.crosswalk.visit_of(self.patient_id, study_uid)

    def hours(self) -> dict[str, float]:
        reference = self.crosswalk.reference_of(self.patient_id)
        if reference is None:
            return {}
        pairs = ((s.study_uid, hours_between(reference, s.acquired_at)) for s in self.studies)
        return {uid: h for uid, h in pairs if h is not None and is_plausible(h)}


def identify(
    series: Iterable[Series], crosswalk: Crosswalk | None, vault: Vault, trial: Trial | None = None
) -> Cast:
    """Find the case of every study.

    Codes come from the crosswalk, or from the vault where the trial issues none. Visits come from
    the crosswalk; else from the trial's windows where the crosswalk has the patient's reference
    time; else the studies of a subject are numbered by date (``v1``, ``v2``, ...).

    Parameters
    ----------
    series
        Every series of a delivery.
    crosswalk
        ``subjects.csv``, when the trial issues codes.
    vault
        Keeps every pair of patient and code.
    trial
        Its windows.

    Raises
    ------
    StoreError
        When the crosswalk contradicts what the vault holds.
    """
    found: dict[StudyKey, Case | Refusal] = {}
    hours: dict[StudyKey, float] = {}
    by_order: set[Case] = set()
    for patient_id, parts in _by_patient(series).items():
        patient = _Patient(
            patient_id=patient_id,
            studies=_studies(parts),
            crosswalk=crosswalk or Crosswalk(()),
            vault=vault,
            trial=trial,
        )
        code = _code(person_of(patient_id, (p.identity for p in parts)), crosswalk, vault)
        visits, ordered = _visits(patient)
        hours |= {(patient_id, uid): value for uid, value in patient.hours().items()}
        for uid, visit in visits.items():
            fault = next((part for part in (code, visit) if isinstance(part, Refusal)), None)
            case = fault or Case(SubjectCode(str(code)), VisitLabel(str(visit)))
            found[patient_id, uid] = case
            if isinstance(case, Case) and uid in ordered:
                by_order.add(case)
    return Cast(case_of_study=found, by_order=frozenset(by_order), hours_of_study=hours)


def _visits(patient: _Patient) -> tuple[_Visits, frozenset[str]]:
    """Visit of each study, and which of them follow from the order alone."""
    known = patient.vault.visits_of(patient.patient_id)
    uids = [study.study_uid for study in patient.studies]
    visits = patient.crosswalk.named_visits(patient.patient_id, uids, known)
    rest = [study for study in patient.studies if study.study_uid not in visits]
    reference = patient.crosswalk.reference_of(patient.patient_id)
    if reference is not None and patient.trial is not None:
        placed = {s.study_uid: visit_by_window(s, reference, patient.trial) for s in rest}
        holders = _holders(patient, visits, placed)
        return visits | without_clashes(placed, rest, holders, patient.hours()), frozenset()
    for study in rest:
        visits[study.study_uid] = known.get(study.study_uid) or _next_number(
            {*known.values(), *visits.values()}
        )
    return visits, frozenset(study.study_uid for study in rest)


def _holders(patient: _Patient, named: _Visits, placed: _Visits) -> list[Holder]:
    """Studies that have a visit already: those named in this delivery, then those of earlier runs.

    A study of an earlier run gives way to a named one of its modality.
    """
    modalities = {study.study_uid: study.modalities for study in patient.studies}
    holders = [
        Holder(study_uid=uid, visit=visit, modalities=modalities[uid])
        for uid, visit in named.items()
        if not isinstance(visit, Refusal)
    ]
    first = tuple(holders)
    for known in patient.vault.studies_of(patient.patient_id):
        uid = known.study_uid
        visit = patient.named(uid) or known.visit
        if visit is None or uid in named or placed.get(uid, visit) != visit:
            continue
        rivals = [h for h in first if h.visit == visit and h.modalities & known.modalities]
        if not rivals:
            holders.append(Holder(study_uid=uid, visit=visit, modalities=known.modalities))
    return holders


def _next_number(taken: Container[VisitLabel | Refusal]) -> VisitLabel:
    labels = (VisitLabel(f"v{number}") for number in count(1))
    return next(label for label in labels if label not in taken)


def _by_patient(series: Iterable[Series]) -> dict[str, list[Series]]:
    patients: dict[str, list[Series]] = defaultdict(list)
    for part in series:
        patients[part.identity.study_key[0]].append(part)
    return patients


def _studies(parts: Iterable[Series]) -> tuple[TimedStudy, ...]:
    """Studies of a patient, earliest first; an object without a date says nothing of when."""
    of_study: dict[str, list[Series]] = defaultdict(list)
    for part in parts:
        of_study[part.identity.study_uid].append(part)
    studies = [
        TimedStudy(
            study_uid=uid,
            acquired_at=min(
                (
                    moment.replace(tzinfo=None)
                    for part in series
                    if (moment := part.identity.acquired_at)
                ),
                default=None,
            ),
            modalities=frozenset(part.modality for part in series if part.contrast),
        )
        for uid, series in of_study.items()
    ]
    return tuple(sorted(studies, key=_order))


def _order(study: TimedStudy) -> tuple[str, str]:
    """Text of the time, which sorts as time does; the undated come first."""
    moment = study.acquired_at
    return moment.isoformat() if moment else "", study.study_uid


def _code(person: Person, crosswalk: Crosswalk | None, vault: Vault) -> SubjectCode | Refusal:
    if crosswalk is None:
        if not person.patient_id:
            return NO_PATIENT
        return vault.code_of(person.patient_id, lambda code: not what_it_tells(code, person))
    code = crosswalk.code_for(person)
    if not isinstance(code, Refusal):
        vault.bind(person.patient_id, code)
    return code
