from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from corelab.errors import ReasonCode
from corelab.series import Grid, Outcome, Refusal, Series, SeriesKind
from corelab.stages.choose import choose
from corelab.trial import Trial, load_trial
from corelab.vocab import Case, Contrast, Modality, QcFlag, SubjectCode, VisitLabel
from tests.factories import make_series

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def trial() -> Trial:
    return load_trial(REPOSITORY / "configs" / "nct07294391.toml")


def grid(n_slices: int = 30, spacing_mm: float = 5.0) -> Grid:
    rows = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))
    return Grid(
        shape=(64, 64, n_slices),
        affine=(*rows, (0.0, 0.0, spacing_mm, 0.0), (0.0, 0.0, 0.0, 1.0)),
        slice_positions_mm=None,
        slice_spacing_mm=spacing_mm,
        tilt_deg=0.0,
    )


def ct(uid: str, *, n_slices: int = 30, spacing_mm: float = 5.0) -> Series:
    return dataclasses.replace(make_series(series_uid=uid), grid=grid(n_slices, spacing_mm))


def mr(uid: str, kind: SeriesKind, *, b_value: float | None = None) -> Series:
    made = dataclasses.replace(make_series(series_uid=uid, kind=kind), grid=grid())
    return dataclasses.replace(made, b_value_s_mm2=b_value)


def refused(series: Series, reason: ReasonCode) -> Series:
    return dataclasses.replace(series, refusal=Refusal(reason=reason, message="cut short"))


def images(parts: list[Series], trial: Trial) -> dict[Contrast, str]:
    (plan,) = choose(parts, lambda _: CASE, trial).cases
    return {image.contrast: image.sources[0].identity.series_uid for image in plan.images}


def test_dwi_comes_before_ct_with_its_adc_and_b0(trial: Trial) -> None:
    parts = [
        ct("ct"),
        mr("t", SeriesKind.TRACE, b_value=1000),
        mr("a", SeriesKind.ADC),
        mr("b", SeriesKind.B0, b_value=0),
    ]
    assert images(parts, trial) == {Contrast.DWI: "t", Contrast.ADC: "a", Contrast.B0: "b"}


def test_a_trace_out_of_the_b_value_range_gives_way_to_ct_and_is_flagged(trial: Trial) -> None:
    parts = [mr("t", SeriesKind.TRACE, b_value=2500), ct("ct")]
    plan = choose(parts, lambda _: CASE, trial)
    assert plan.cases[0].modality is Modality.NCCT
    assert plan.cases[0].flags == (QcFlag.SECOND_CHOICE_MODALITY,)
    assert plan.problems == ()


def test_the_trace_nearest_to_b_1000_is_used(trial: Trial) -> None:
    parts = [mr("t8", SeriesKind.TRACE, b_value=800), mr("t10", SeriesKind.TRACE, b_value=1000)]
    assert images(parts, trial)[Contrast.DWI] == "t10"


def test_the_ct_with_most_coverage_then_five_mm_is_used(trial: Trial) -> None:
    parts = [ct("thin", n_slices=150, spacing_mm=1.0), ct("short", n_slices=21), ct("five")]
    assert images(parts, trial) == {Contrast.CT: "five"}


def test_the_choice_does_not_depend_on_the_order_of_files(trial: Trial) -> None:
    parts = [ct("a"), ct("b"), mr("t", SeriesKind.TRACE, b_value=2500)]
    assert images(parts, trial) == images(parts[::-1], trial)


def test_an_adc_on_another_grid_is_left_out(trial: Trial) -> None:
    other = dataclasses.replace(mr("a", SeriesKind.ADC), grid=grid(n_slices=29))
    assert images([mr("t", SeriesKind.TRACE, b_value=1000), other], trial) == {Contrast.DWI: "t"}


def test_the_later_of_two_equal_series_is_used(trial: Trial) -> None:
    def at(uid: str, hour: int) -> Series:
        series = ct(uid)
        moment = datetime(2026, 1, 1, hour, tzinfo=UTC)
        identity = dataclasses.replace(series.identity, acquired_at=moment)
        return dataclasses.replace(series, identity=identity)

    assert images([at("first", 8), at("again", 9)], trial) == {Contrast.CT: "again"}


def test_a_truncated_series_is_one_problem_and_no_case(trial: Trial) -> None:
    plan = choose([refused(ct("ct"), ReasonCode.PIXELS_TRUNCATED)], lambda _: CASE, trial)
    assert plan.cases == ()
    assert [problem.reason_code for problem in plan.problems] == ["pixels_truncated"]
    assert [verdict.outcome for verdict in plan.verdicts] == [Outcome.QUARANTINED]


def test_a_case_measured_on_another_series_still_lists_the_faulty_one(trial: Trial) -> None:
    parts = [ct("good"), refused(ct("bad"), ReasonCode.MISSING_SLICE)]
    plan = choose(parts, lambda _: CASE, trial)
    assert len(plan.cases) == 1
    assert [problem.reason_code for problem in plan.problems] == ["missing_slice"]


def test_a_scout_beside_a_ct_is_not_needed_and_no_problem(trial: Trial) -> None:
    plan = choose([ct("ct"), make_series(kind=SeriesKind.SCOUT)], lambda _: CASE, trial)
    assert plan.problems == ()
    assert [verdict.outcome for verdict in plan.verdicts] == [Outcome.USED, Outcome.NOT_NEEDED]


def test_a_case_without_any_fitting_series_says_why_for_each(trial: Trial) -> None:
    parts = [ct("thick", spacing_mm=9.0), make_series(kind=SeriesKind.SCOUT)]
    (problem,) = choose(parts, lambda _: CASE, trial).problems
    assert problem.reason_code == "no_usable_series"
    assert "9.00 mm" in problem.message
    assert "scout" in problem.message


def test_every_series_has_one_verdict(trial: Trial) -> None:
    unknown = Refusal(reason=ReasonCode.SUBJECT_UNKNOWN, message="not in the subjects file")
    parts = [ct("a"), ct("b"), mr("t", SeriesKind.TRACE, b_value=1000)]

    def case_of(series: Series) -> Case | Refusal:
        return unknown if series.identity.series_uid == "b" else CASE

    plan = choose(parts, case_of, trial)
    assert sorted(v.series.identity.series_uid for v in plan.verdicts) == ["a", "b", "t"]
    assert [problem.reason_code for problem in plan.problems] == ["subject_unknown"]


def numbered(series: Series, number: int) -> Series:
    identity = dataclasses.replace(series.identity, series_number=number)
    frame = dataclasses.replace(series.frames[0], path=Path(f"{number}.dcm"))
    return dataclasses.replace(series, identity=identity, frames=(frame,))


def why(parts: list[Series], number: int, trial: Trial) -> str:
    plan = choose(parts, lambda _: CASE, trial)
    (found,) = [v.why for v in plan.verdicts if v.series.identity.series_number == number]
    again = choose(parts[::-1], lambda _: CASE, trial)
    assert found in [v.why for v in again.verdicts if v.series.identity.series_number == number]
    return found


def at(series: Series, hour: int) -> Series:
    moment = datetime(2026, 1, 1, hour, tzinfo=UTC)
    return dataclasses.replace(
        series, identity=dataclasses.replace(series.identity, acquired_at=moment)
    )


TRACE = numbered(mr("t", SeriesKind.TRACE, b_value=1000), 4)
FIVE_MM = numbered(ct("five"), 4)


@pytest.mark.parametrize(
    ("winner", "loser", "reason"),
    [
        (FIVE_MM, ct("x", n_slices=22), "covers 110 mm, series 4 covers 150 mm"),
        (
            FIVE_MM,
            ct("x", n_slices=250, spacing_mm=0.6),
            "5.0 mm slices (series 4) were preferred to 0.6 mm",
        ),
        (at(FIVE_MM, 9), at(ct("x"), 8), "acquired before series 4, which fits as well"),
        (at(FIVE_MM, 9), ct("x"), "its time is not told, that of series 4 is"),
        (FIVE_MM, ct("x"), "as good as series 4, which comes first by its identifier"),
        (TRACE, mr("x", SeriesKind.TRACE, b_value=800), "b 800 is further from 1000 than b 1000"),
        (TRACE, mr("x", SeriesKind.TRACE, b_value=2500), "b 2500, 800 to 1200 allowed"),
        (TRACE, ct("x"), "the trial prefers DWI, and series 4 fits"),
        (FIVE_MM, ct("x", n_slices=10), "covers 50 mm, at least"),
        (FIVE_MM, ct("x", spacing_mm=9.0), "slice spacing 9.00 mm, at most"),
        (FIVE_MM, mr("x", SeriesKind.ADC), "goes with a DWI; the case is measured on series 4"),
        (
            TRACE,
            dataclasses.replace(mr("x", SeriesKind.ADC), grid=grid(n_slices=29)),
            "lies on another grid than the DWI used (series 4)",
        ),
    ],
)
def test_a_series_that_is_not_used_is_compared_with_the_one_that_is(
    trial: Trial, winner: Series, loser: Series, reason: str
) -> None:
    assert why([winner, numbered(loser, 7)], 7, trial).startswith(reason)


def test_the_nearer_of_two_adc_maps_is_used_and_named(trial: Trial) -> None:
    near, far = mr("n", SeriesKind.ADC), mr("f", SeriesKind.ADC)
    parts = [at(TRACE, 9), at(numbered(near, 5), 9), at(numbered(far, 7), 11)]
    assert why(parts, 7, trial) == "series 5 is nearer in time to the DWI"
    assert why(parts, 5, trial) == "as adc"


AXES = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def directions(gradients: Sequence[tuple[float, ...]], number: int = 8) -> list[Series]:
    made = numbered(mr("d", SeriesKind.DIRECTION, b_value=1000), number)
    return [
        dataclasses.replace(
            made,
            gradient=gradient,
            frames=(dataclasses.replace(made.frames[0], path=Path(f"{gradient}.dcm")),),
        )
        for gradient in gradients
    ]


def test_directions_alone_become_a_trace_and_each_is_used(trial: Trial) -> None:
    plan = choose(directions(AXES), lambda _: CASE, trial)
    (case,) = plan.cases
    assert case.flags == (QcFlag.TRACE_COMPUTED,)
    assert [len(image.sources) for image in case.images] == [3]
    assert {verdict.outcome for verdict in plan.verdicts} == {Outcome.USED}
    assert {verdict.why for verdict in plan.verdicts} == {"as dwi, one of 3 directions"}


def test_a_delivered_trace_comes_before_one_from_directions(trial: Trial) -> None:
    other = numbered(mr("t", SeriesKind.TRACE, b_value=1100), 4)
    plan = choose([*directions(AXES), other], lambda _: CASE, trial)
    assert plan.cases[0].images[0].sources == (other,)
    assert plan.cases[0].flags == ()
    reasons = {v.why for v in plan.verdicts if v.series.kind is SeriesKind.DIRECTION}
    assert reasons == {"single directions; series 4 is a trace as delivered"}


def test_too_few_directions_are_no_case_and_say_so(trial: Trial) -> None:
    plan = choose(directions(AXES[:2]), lambda _: CASE, trial)
    assert plan.cases == ()
    assert "2 directions at b 1000, 3 needed for a trace" in plan.problems[0].message
