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


def lossy(series: Series) -> Series:
    return dataclasses.replace(series, is_lossy=True)


def allowing(trial: Trial) -> Trial:
    limits = trial.limits.model_copy(update={"lossy_pixels_allowed": True})
    return trial.model_copy(update={"limits": limits})


def test_a_ct_without_loss_is_used_before_a_better_one_with_loss(trial: Trial) -> None:
    parts = [lossy(ct("five")), ct("thin", n_slices=150, spacing_mm=1.0)]
    for rules in (trial, allowing(trial)):
        plan = choose(parts, lambda _: CASE, rules)
        assert plan.cases[0].images[0].sources[0].identity.series_uid == "thin"
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
    assert {image.contrast for image in plan.cases[0].images} == {Contrast.DWI, Contrast.FLAIR}
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


def test_a_reformatted_ct_serves_only_where_no_original_came(trial: Trial) -> None:
    reformatted = dataclasses.replace(
        ct("mpr", n_slices=34), kind=SeriesKind.CT_REFORMATTED, flags=(QcFlag.REFORMATTED,)
    )
    assert images([reformatted, ct("original")], trial) == {Contrast.CT: "original"}
    (plan,) = choose([reformatted], lambda _: CASE, trial).cases
    assert QcFlag.REFORMATTED in plan.flags


@pytest.mark.parametrize(
    ("n_slices", "first_mm", "is_flagged"),
    [(31, 0.0, True), (31, -5.0, True), (30, 0.0, False), (40, 0.0, False), (31, -2.5, False)],
)
def test_a_stack_that_another_kernels_outreaches_by_a_slice_is_flagged(
    trial: Trial, n_slices: int, first_mm: float, *, is_flagged: bool
) -> None:
    rows = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 5.0, first_mm))
    longer = dataclasses.replace(grid(n_slices), affine=(*rows, (0.0, 0.0, 0.0, 1.0)))
    bone = dataclasses.replace(ct("bone"), kind=SeriesKind.CT_BONE_KERNEL, grid=longer)
    (plan,) = choose([ct("soft"), bone], lambda _: CASE, trial).cases
    assert (QcFlag.SLICES_MAY_BE_MISSING in plan.flags) is is_flagged


def test_slices_that_are_not_transverse_are_not_measured(trial: Trial) -> None:
    turned = (
        (1.0, 0.0, 0.0, 0.0),
        (0.0, 0.0, 5.0, 0.0),
        (0.0, 1.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 1.0),
    )
    coronal = dataclasses.replace(ct("c"), grid=dataclasses.replace(grid(36), affine=turned))
    assert images([coronal, ct("axial")], trial) == {Contrast.CT: "axial"}
    (problem,) = choose([coronal], lambda _: CASE, trial).problems
    assert "not transverse" in problem.message


def test_what_a_reader_must_know_of_a_series_is_said_of_the_case(trial: Trial) -> None:
    split = dataclasses.replace(ct("ct"), flags=(QcFlag.SERIES_WAS_SPLIT,))
    plan = choose([split, ct("short", n_slices=25)], lambda _: CASE, trial)
    assert QcFlag.SERIES_WAS_SPLIT in plan.cases[0].flags
    assert plan.verdicts[0].why == "as ct, series was split"


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


def test_an_adc_map_alone_waits_for_its_dwi(trial: Trial) -> None:
    assert why([numbered(mr("a", SeriesKind.ADC), 5)], 5, trial) == (
        "goes with a DWI, and none that fits was delivered"
    )


def test_a_modality_that_the_visit_does_not_measure_is_named(trial: Trial) -> None:
    visits = tuple(v.model_copy(update={"modalities": (Modality.DWI,)}) for v in trial.visits)
    narrow = trial.model_copy(update={"visits": visits})
    assert why([FIVE_MM], 4, narrow) == "the trial does not measure on CT at this visit"
