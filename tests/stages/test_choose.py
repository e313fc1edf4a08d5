from __future__ import annotations

import dataclasses
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
    return {contrast: series.identity.series_uid for contrast, series in plan.images}


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


def lossy(series: Series) -> Series:
    return dataclasses.replace(series, is_lossy=True)


def allowing(trial: Trial) -> Trial:
    limits = trial.limits.model_copy(update={"lossy_pixels_allowed": True})
    return trial.model_copy(update={"limits": limits})


def test_a_ct_without_loss_is_used_before_a_better_one_with_loss(trial: Trial) -> None:
    parts = [lossy(ct("five")), ct("thin", n_slices=150, spacing_mm=1.0)]
    for rules in (trial, allowing(trial)):
        plan = choose(parts, lambda _: CASE, rules)
        assert plan.cases[0].images[0][1].identity.series_uid == "thin"
        assert plan.cases[0].flags == (QcFlag.SECOND_CHOICE_MODALITY,)
        assert plan.problems == ()


def test_a_ct_without_loss_is_used_before_a_dwi_with_loss_unless_loss_is_allowed(
    trial: Trial,
) -> None:
    parts = [lossy(mr("t", SeriesKind.TRACE, b_value=1000)), ct("ct")]
    assert images(parts, trial) == {Contrast.CT: "ct"}
    assert images(parts, allowing(trial)) == {Contrast.DWI: "t"}


def test_a_case_with_lossy_images_alone_is_measured_flagged_and_a_query(trial: Trial) -> None:
    plan = choose([lossy(ct("ct"))], lambda _: CASE, trial)
    assert QcFlag.LOSSY_PIXELS in plan.cases[0].flags
    (problem,) = plan.problems
    assert problem.reason_code == "lossy_pixels"
    assert "not eligible" in problem.message
    assert plan.verdicts[0].why == "as ct, compressed with loss"


def test_a_trial_that_allows_loss_flags_it_and_asks_nothing(trial: Trial) -> None:
    plan = choose([lossy(ct("ct"))], lambda _: CASE, allowing(trial))
    assert QcFlag.LOSSY_PIXELS in plan.cases[0].flags
    assert plan.problems == ()


def test_a_lossy_adc_is_left_out_before_it_costs_the_endpoint(trial: Trial) -> None:
    parts = [mr("t", SeriesKind.TRACE, b_value=1000), lossy(mr("a", SeriesKind.ADC))]
    assert images(parts, trial) == {Contrast.DWI: "t"}


def test_a_lossy_flair_costs_nothing(trial: Trial) -> None:
    parts = [mr("t", SeriesKind.TRACE, b_value=1000), lossy(mr("f", SeriesKind.FLAIR))]
    plan = choose(parts, lambda _: CASE, trial)
    assert dict(plan.cases[0].images).keys() == {Contrast.DWI, Contrast.FLAIR}
    assert plan.cases[0].flags == ()


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
