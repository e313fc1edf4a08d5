"""Which blinded name each study of a delivery gets when no trial and no vault stand behind it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable

from corelab.blinding.person import person_of
from corelab.blinding.subjects import Crosswalk
from corelab.series import Refusal, Series, StudyKey
from corelab.vocab import Case, SubjectCode, VisitLabel

_Person = tuple[str, str]


def cases_of(
    series: Iterable[Series], crosswalk: Crosswalk | None
) -> dict[StudyKey, Case | Refusal]:
    """Case of every study.

    With a subjects file, codes and visits are its own. Without one, subjects are numbered
    ``001``, ``002``, ... in the order of a SHA-256 over their series UIDs and identifier: that
    is neither the alphabet's nor the dates' order, and the same for the same delivery. A study
    without a patient identifier is then a subject of its own. Studies for which no visit is
    named are numbered by date within their subject.

    Parameters
    ----------
    series
        Every series of the delivery.
    crosswalk
        The subjects file, if there is one.
    """
    people: dict[_Person, list[Series]] = defaultdict(list)
    for part in series:
        patient_id, study_uid = part.identity.study_key
        people[patient_id, "" if patient_id else study_uid].append(part)
    cases: dict[StudyKey, Case | Refusal] = {}
    for number, person in enumerate(sorted(people, key=lambda p: _digest(p, people[p])), start=1):
        code = _code(person[0], number, crosswalk, people[person])
        for key, visit in _visits(person[0], people[person], crosswalk).items():
            fault = next((found for found in (code, visit) if isinstance(found, Refusal)), None)
            cases[key] = fault or Case(SubjectCode(str(code)), VisitLabel(str(visit)))
    return cases


def _digest(person: _Person, parts: Iterable[Series]) -> str:
    uids = sorted({part.identity.series_uid for part in parts})
    return hashlib.sha256("\n".join([*uids, *person]).encode("utf-8", "replace")).hexdigest()


def _code(
    patient_id: str, number: int, crosswalk: Crosswalk | None, parts: Iterable[Series]
) -> str | Refusal:
    if crosswalk is None:
        return f"{number:03}"
    return crosswalk.code_for(person_of(patient_id, (part.identity for part in parts)))


def _visits(
    patient_id: str, parts: Iterable[Series], crosswalk: Crosswalk | None
) -> dict[StudyKey, str | Refusal]:
    moments: dict[StudyKey, list[str]] = defaultdict(list)
    for part in parts:
        moment = part.identity.acquired_at
        moments[part.identity.study_key] += [moment.isoformat()] if moment else []
    ordered = sorted(moments, key=lambda key: (min(moments[key], default=""), key))
    numbers: dict[StudyKey, str | Refusal] = {
        key: f"{number:02}" for number, key in enumerate(ordered, start=1)
    }
    if crosswalk is None:
        return numbers
    named = crosswalk.named_visits(patient_id, (uid for _, uid in ordered), {})
    return numbers | {(patient_id, uid): visit for uid, visit in named.items()}
