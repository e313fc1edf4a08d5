"""What a folder holds and what a trial would use of it: for the unblinded data manager."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from corelab.series import LooseFile, SeriesVerdict
from corelab.stages.choose import choose
from corelab.stages.identify import Cast
from corelab.trial import DwiLimits, Facts, Limits, NcctLimits, Reads, Trial, Visit, load_trial
from corelab.vocab import Case, Modality, SubjectCode, VisitLabel
from pipelines.engine import Engine
from pipelines.followup import Counts, count_files, read_delivery
from pipelines.numbering import study_numbers
from pipelines.progress import Silent

# What head scans look like at their widest; a trial file narrows it.
GENERAL = Trial(
    trial=Facts(
        id="GENERAL",
        title="No trial: general limits of head CT and diffusion MRI",
        phase="none",
        sponsor="none",
        sites=1,
        enrolment=1,
        allocation_ratio="1:1",
        masking="open label",
        outcome_assessment="blinded independent imaging core lab",
        primary_endpoint="infarct volume",
    ),
    visits=(
        Visit(
            label="visit",
            title="Any study",
            earliest_h=0.0,
            latest_h=1.0,
            modalities=(Modality.DWI, Modality.NCCT),
        ),
    ),
    limits=Limits(
        dwi=DwiLimits(
            slice_spacing_max_mm=10.0,
            coverage_min_mm=60.0,
            b_value_min_s_mm2=500.0,
            b_value_max_s_mm2=3000.0,
        ),
        ncct=NcctLimits(slice_spacing_max_mm=10.0, coverage_min_mm=60.0),
    ),
    reads=Reads(readers=1, discrepancy_ml=0.0, discrepancy_share=0.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySurvey:
    """One study and a verdict on each of its series, which belong to no case yet."""

    number: int
    verdicts: tuple[SeriesVerdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """Everything found under a folder."""

    studies: tuple[StudySurvey, ...]
    loose: tuple[LooseFile, ...]
    skipped: tuple[LooseFile, ...]
    counts: Counts


def survey(incoming: Path, trial_file: Path | None, engine: Engine) -> Survey:
    """Look at a folder without writing anything.

    Raises
    ------
    ConfigError
        When the trial file is wrong.
    """
    trial = load_trial(trial_file) if trial_file else GENERAL
    delivery = read_delivery(incoming, engine, Silent())
    label = VisitLabel(trial.visits[-1].label)
    numbers = study_numbers(delivery.series)
    cases = {key: Case(SubjectCode(f"study{n:03}"), label) for key, n in numbers.items()}
    cast = Cast(case_of_study=dict(cases), by_order=frozenset())
    plan = choose(delivery.series, cast.case_of, trial)
    studies = tuple(
        StudySurvey(
            number=number,
            verdicts=tuple(replace(v, case=None) for v in plan.verdicts if v.case == case),
        )
        for number, case in enumerate(cases.values(), start=1)
    )
    return Survey(
        studies=studies,
        loose=delivery.loose,
        skipped=delivery.skipped,
        counts=count_files(delivery, plan.verdicts),
    )
