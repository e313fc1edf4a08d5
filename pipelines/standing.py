"""Which reads of OUT still stand after a delivery, and what is told of those that came before."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from corelab.blinding.vault import Vault
from corelab.series import CaseVersion, Plan
from corelab.store.layout import Layout
from corelab.store.versions import promote, standing_read, version_numbers
from corelab.vocab import Case, Contrast, Problem, QcFlag, Read, SubjectCode, VisitLabel
from pipelines.case import CaseOutcome
from pipelines.versions import Left
from pipelines.withdrawal import withdraw, withdraw_version

Histories = Mapping[Case, tuple[CaseVersion, ...]]

_STANDS = "of the read stands"


def studies_moved(plan: Plan, vault: Vault) -> dict[Case, frozenset[str]]:
    """Studies of each case that are not its own any more, by what is said of them now."""
    now: dict[str, set[Case]] = defaultdict(set)
    for verdict in plan.verdicts:
        now[verdict.series.identity.study_uid].update({verdict.case} if verdict.case else ())
    moved: dict[Case, set[str]] = defaultdict(set)
    for study, cases in now.items():
        for case in vault.cases_of([study]) - cases:
            moved[case].add(study)
    return {case: frozenset(studies) for case, studies in moved.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """Moves reads that stand no more out of OUT; ``histories`` are those of the cases at hand."""

    layout: Layout
    vault: Path
    histories: Histories

    def withdraw_moved(self, moved: Mapping[Case, frozenset[str]]) -> None:
        """Move every version that rests on another case's study out of OUT.

        Where the read that stands is among them, the newest of the others stands again.
        """
        for case, studies in sorted(moved.items()):
            history = self.histories.get(case, ())
            numbers = {v.number for v in history if {s.study_uid for s in v.sources} & studies}
            for number in numbers & {*version_numbers(self.layout, case)}:
                withdraw_version(self.layout, case, number, self.vault)
            standing = standing_read(self.layout, case)
            if standing and standing.version in numbers:
                withdraw(self.layout, case, self.vault)
                standing = None
            if numbers and standing is None:
                promote(self.layout, case)

    def withdraw_fallen(self, plan: Plan, outcomes: Iterable[CaseOutcome]) -> dict[Case, int]:
        """Leave no number of a case whose own images came again and cannot be measured any more.

        Returns
        -------
        dict
            Version that stands of each other case that this delivery gives no read.
        """
        outcome_of = {outcome.case: outcome for outcome in outcomes}
        stands = {}
        for case in sorted(self.histories):
            outcome, standing = outcome_of.get(case), standing_read(self.layout, case)
            if outcome and outcome.read:
                continue
            if standing and not self._falls(standing, plan, outcome):
                stands[case] = standing.version
            else:
                withdraw(self.layout, case, self.vault)
        return stands

    def _falls(self, standing: Read, plan: Plan, outcome: CaseOutcome | None) -> bool:
        """Whether the images that failed are those of the read that stands."""
        case = standing.case
        version = next((v for v in self.histories[case] if v.number == standing.version), None)
        if version is None:
            return True
        if outcome and outcome.version:
            return outcome.version.number == standing.version
        if outcome:
            images = next(planned.images for planned in plan.cases if planned.case == case)
            return images[0].sources[0].identity.study_uid in version.measured_studies
        delivered = {v.series.identity.series_key for v in plan.verdicts if v.case == case}
        return version.series <= delivered


def told_standing(problem: Problem, stands: Mapping[Case, int]) -> Problem:
    """Add to a problem that an earlier version of the read stands nevertheless."""
    number = stands.get(Case(SubjectCode(problem.subject_code), VisitLabel(problem.visit)))
    if number is None:
        return problem
    return dataclasses.replace(problem, message=f"{problem.message}; version {number} {_STANDS}")


def still_open(
    problems: Iterable[Problem],
    plan: Plan,
    outcomes: Iterable[CaseOutcome],
    histories: Histories,
) -> tuple[Problem, ...]:
    """Earlier problems of studies that failed beside a read, where this delivery lacks them."""
    delivered: dict[Case, set[str]] = defaultdict(set)
    for verdict in plan.verdicts:
        if verdict.case:
            delivered[verdict.case].add(verdict.series.identity.study_uid)
    untouched = set()
    for outcome in outcomes:
        measured = {s for v in histories.get(outcome.case, ()) for s, _ in v.received}
        if outcome.read and delivered[outcome.case] <= measured:
            untouched.add((str(outcome.case.subject_code), str(outcome.case.visit)))
    return tuple(
        problem
        for problem in problems
        if problem.message.endswith(_STANDS) and (problem.subject_code, problem.visit) in untouched
    )


def notes_of(plan: Plan, outcomes: Iterable[CaseOutcome]) -> tuple[str, ...]:
    """Say of which cases a second version was measured, or none though sources came."""
    notes = []
    studies = _studies_to_measure(plan)
    for outcome in outcomes:
        name = f"{outcome.case.subject_code} {outcome.case.visit}"
        if outcome.left and outcome.read:
            notes.append(_left_note(name, outcome, outcome.read))
        elif outcome.superseded and outcome.read:
            notes.append(_new_note(name, outcome.superseded, outcome.read))
        count = len(studies[outcome.case, outcome.read.modality.contrast]) if outcome.read else 0
        if count > 1:
            notes.append(
                f"{count} studies  {name}: this delivery holds {count} studies of this visit that "
                "could be measured on; the trial's order of preference chose"
            )
    return tuple(notes)


def _studies_to_measure(plan: Plan) -> dict[tuple[Case, Contrast], set[str]]:
    """Studies of each case that bring images of a contrast."""
    found: dict[tuple[Case, Contrast], set[str]] = defaultdict(set)
    for verdict in plan.verdicts:
        series = verdict.series
        if verdict.case and series.contrast and series.refusal is None:
            found[verdict.case, series.contrast].add(series.identity.study_uid)
    return found


def _new_note(name: str, before: Read, read: Read) -> str:
    if QcFlag.SECOND_STUDY in read.qc_flags:
        word, what = "second study", "another study of this visit came"
    elif QcFlag.OTHER_SERIES in read.qc_flags:
        word, what = "other series", "other series of this study came"
    else:
        word, what = "new version", "the same series came with other pixels"
    return (
        f"{word}  {name}: {what}; the volume above is of the new one, version {read.version}; "
        f"version {before.version} said {before.measurement.infarct_volume_ml:.2f} mL"
    )


def _left_note(name: str, outcome: CaseOutcome, read: Read) -> str:
    stands = f"version {read.version} stands"
    if outcome.left is Left.SUPERSEDED and outcome.version:
        number = outcome.version.number
        return (
            f"older version  {name}: this delivery holds what version {number} was measured on; "
            f"{stands}"
        )
    if outcome.left is Left.LESS_PREFERRED:
        return (
            f"second study  {name}: other images of this visit came, which were not measured: the "
            f"trial prefers those of the volume above; {stands}"
        )
    return f"nothing new  {name}: this delivery holds a part of what was measured; {stands}"
