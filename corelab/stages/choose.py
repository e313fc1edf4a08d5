"""Which series each case is measured on, by the trial's rules, with the reason kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from corelab.errors import ReasonCode
from corelab.series import CasePlan, Grid, Outcome, Plan, Refusal, Series, SeriesVerdict
from corelab.trial import Limits, Trial
from corelab.vocab import Case, Contrast, Modality, Problem, QcFlag, SubjectCode, VisitLabel

NOMINAL_SPACING_MM = 5.0
NOMINAL_B_VALUE_S_MM2 = 1000.0
_GRID_TOLERANCE_MM = 0.5
_FAULTS_OF_OTHER_OBJECTS = frozenset(
    {ReasonCode.UNSUPPORTED_CLASS, ReasonCode.UNSUPPORTED_LAYOUT, ReasonCode.TOO_FEW_SLICES}
)

CaseOf = Callable[[Series], Case | Refusal]


def choose(series: Sequence[Series], case_of: CaseOf, trial: Trial) -> Plan:
    """Choose the series of every case.

    Parameters
    ----------
    series
        Every series part of a delivery.
    case_of
        Case that a series belongs to, or why it belongs to none.
    trial
        Order of preference and acquisition limits.

    Returns
    -------
    Plan
        Cases to run, a verdict on every series, and the problems known already.
    """
    groups: dict[Case, list[Series]] = defaultdict(list)
    verdicts: list[SeriesVerdict] = []
    problems: list[Problem] = []
    for part in series:
        case = case_of(part)
        if isinstance(case, Case):
            groups[case].append(part)
        else:
            verdicts.append(_verdict(part, None, Outcome.QUARANTINED, str(case.message)))
            problems.append(_problem(None, case))
    cases = []
    for case, parts in sorted(groups.items()):
        plan, problem = _choose_one(case, parts, trial)
        cases += [plan] if plan else []
        problems += problem
        verdicts += _verdicts(case, parts, plan, trial.limits)
    return Plan(
        cases=tuple(cases),
        verdicts=tuple(verdicts),
        problems=tuple(dict.fromkeys(problems)),
    )


def fit(series: Series, limits: Limits) -> str | None:
    """Say why a series cannot be measured; None when it can."""
    if series.refusal:
        return series.refusal.message
    if series.contrast is None:
        return f"{series.kind.value}: no image that an infarct is measured on"
    if series.grid is None:
        return "no geometry"
    if series.contrast is Contrast.CT:
        bounds = (limits.ncct.slice_spacing_max_mm, limits.ncct.coverage_min_mm)
    else:
        bounds = (limits.dwi.slice_spacing_max_mm, limits.dwi.coverage_min_mm)
    return _fault_of_grid(series.grid, *bounds)


def _fault_of_grid(grid: Grid, spacing_max_mm: float, coverage_min_mm: float) -> str | None:
    if grid.slice_spacing_mm > spacing_max_mm:
        return f"slice spacing {grid.slice_spacing_mm:.2f} mm, at most {spacing_max_mm:g} allowed"
    if grid.coverage_mm < coverage_min_mm:
        return f"covers {grid.coverage_mm:.0f} mm, at least {coverage_min_mm:g} needed"
    return None


def _choose_one(
    case: Case, parts: Sequence[Series], trial: Trial
) -> tuple[CasePlan | None, list[Problem]]:
    faulty = [_problem(case, part.refusal) for part in parts if part.refusal and _is_fault(part)]
    usable = [part for part in parts if fit(part, trial.limits) is None]
    visit = trial.visit(case.visit)
    preference = visit.modalities if visit else tuple(Modality)
    for place, modality, pool in _attempts(preference, usable, trial.limits):
        chosen = _images(modality, pool, trial)
        if chosen:
            flags: tuple[QcFlag, ...] = (QcFlag.SECOND_CHOICE_MODALITY,) if place else ()
            if any(_may_cost_eligibility(part) for part in chosen.values()):
                flags += (QcFlag.LOSSY_PIXELS,)
                faulty += [] if trial.limits.lossy_pixels_allowed else [_ineligible(case)]
            plan = CasePlan(
                case=case,
                modality=modality,
                images=tuple(chosen.items()),
                choice=_choice(modality, chosen, usable),
                flags=flags,
            )
            return plan, faulty
    if not faulty:
        reasons = dict.fromkeys(fit(part, trial.limits) or "not needed" for part in parts)
        refusal = Refusal(
            reason=ReasonCode.NO_USABLE_SERIES,
            message=f"none of {len(parts)} series fits: " + "; ".join(reasons),
        )
        faulty = [_problem(case, refusal)]
    return None, faulty


def _attempts(
    preference: Sequence[Modality], usable: Sequence[Series], limits: Limits
) -> list[tuple[int, Modality, Sequence[Series]]]:
    """List what to try in turn: images without loss first, whatever else they are.

    Where the trial allows loss, a modality is not given up for it.
    """
    exact = [part for part in usable if not _may_cost_eligibility(part)]
    attempts = [
        (place, modality, pool)
        for pool in (exact, usable)
        for place, modality in enumerate(preference)
    ]
    if limits.lossy_pixels_allowed:
        attempts.sort(key=lambda attempt: attempt[0])
    return attempts


def _may_cost_eligibility(series: Series) -> bool:
    """Whether a volume would hang on lossy pixels; a FLAIR is only looked at."""
    return series.is_lossy and series.contrast is not Contrast.FLAIR


def _ineligible(case: Case) -> Problem:
    message = (
        "measured, not eligible for the endpoint: every image that fits was compressed with "
        "loss; ask for the originals"
    )
    return _problem(case, Refusal(reason=ReasonCode.LOSSY_PIXELS, message=message))


def _choice(modality: Modality, images: dict[Contrast, Series], usable: Sequence[Series]) -> str:
    main = images[modality.contrast]
    rivals = sum(part.contrast is modality.contrast for part in usable)
    grid = main.grid
    height = f"{grid.shape[2]} slices of {grid.slice_spacing_mm:.2f} mm" if grid else ""
    weight = f", b {main.b_value_s_mm2:g}" if main.b_value_s_mm2 else ""
    others = [contrast.value for contrast in images if contrast is not modality.contrast]
    beside = f" with {', '.join(others)}" if others else ""
    return f"{modality.value}{beside}: {height}{weight}; best of {rivals} that fit"


def _images(
    modality: Modality, usable: Sequence[Series], trial: Trial
) -> dict[Contrast, Series] | None:
    if modality is Modality.NCCT:
        cts = [part for part in usable if part.contrast is Contrast.CT]
        return {Contrast.CT: min(cts, key=_distance_ct)} if cts else None
    limits = trial.limits.dwi
    traces = [
        part
        for part in usable
        if part.contrast is Contrast.DWI
        and part.b_value_s_mm2 is not None
        and limits.b_value_min_s_mm2 <= part.b_value_s_mm2 <= limits.b_value_max_s_mm2
    ]
    if not traces:
        return None
    trace = min(traces, key=_distance_dwi)
    images = {Contrast.DWI: trace}
    for contrast in (Contrast.ADC, Contrast.B0):
        beside = [p for p in usable if p.contrast is contrast and _same_grid(p, trace)]
        if beside:
            images[contrast] = min(beside, key=lambda part: _apart(part, trace))
    flairs = [part for part in usable if part.contrast is Contrast.FLAIR]
    if flairs:
        images[Contrast.FLAIR] = min(flairs, key=lambda part: _apart(part, trace))
    return images


def _distance_ct(series: Series) -> tuple[float, float, float, str]:
    """Widest coverage first, then the spacing that readers are used to, then the latest."""
    grid = _grid(series)
    coverage = -round(grid.coverage_mm, -1)
    return coverage, abs(grid.slice_spacing_mm - NOMINAL_SPACING_MM), -_when(series), _uid(series)


def _distance_dwi(series: Series) -> tuple[float, float, float, str]:
    b_value = series.b_value_s_mm2 or 0.0
    coverage = -round(_grid(series).coverage_mm, -1)
    return abs(b_value - NOMINAL_B_VALUE_S_MM2), coverage, -_when(series), _uid(series)


def _apart(one: Series, other: Series) -> tuple[bool, float, str]:
    """Prefer the same study, then the nearest in time."""
    return (
        one.identity.study_uid != other.identity.study_uid,
        abs(_when(one) - _when(other)),
        _uid(one),
    )


def _when(series: Series) -> float:
    moment = series.identity.acquired_at
    return moment.timestamp() if moment else 0.0


def _uid(series: Series) -> str:
    return series.identity.series_uid


def _grid(series: Series) -> Grid:
    if series.grid is None:
        raise AssertionError("a usable series has a grid")
    return series.grid


def _same_grid(one: Series, other: Series) -> bool:
    a, b = _grid(one), _grid(other)
    if a.shape != b.shape:
        return False
    shift = np.abs(np.subtract(a.affine, b.affine))
    reach = shift[:3, :3] @ np.array(a.shape) + shift[:3, 3]
    return bool(reach.max() <= _GRID_TOLERANCE_MM)


def _is_fault(series: Series) -> bool:
    """Whether a refusal is a query to the site, not an object that nobody needs."""
    return (
        series.refusal is not None
        and series.contrast is not None
        and series.refusal.reason not in _FAULTS_OF_OTHER_OBJECTS
    )


def _verdicts(
    case: Case, parts: Iterable[Series], plan: CasePlan | None, limits: Limits
) -> list[SeriesVerdict]:
    used = {id(series): contrast for contrast, series in plan.images} if plan else {}
    verdicts = []
    for part in parts:
        if id(part) in used:
            why = f"as {used[id(part)].value}" + (", compressed with loss" * part.is_lossy)
            verdicts.append(_verdict(part, case, Outcome.USED, why))
        elif _is_fault(part):
            verdicts.append(
                _verdict(
                    part, case, Outcome.QUARANTINED, str(part.refusal and part.refusal.message)
                )
            )
        else:
            why = fit(part, limits) or "another series fits better"
            verdicts.append(_verdict(part, case, Outcome.NOT_NEEDED, why))
    return verdicts


def _verdict(series: Series, case: Case | None, outcome: Outcome, why: str) -> SeriesVerdict:
    return SeriesVerdict(series=series, case=case, outcome=outcome, why=why)


def _problem(case: Case | None, refusal: Refusal | None) -> Problem:
    if refusal is None:
        raise AssertionError("a problem has a refusal")
    return Problem(
        subject_code=case.subject_code if case else SubjectCode(""),
        visit=case.visit if case else VisitLabel(""),
        reason_code=refusal.reason.value,
        message=refusal.message,
    )
