"""Which series each case is measured on, by the trial's rules, with the reason kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from corelab.errors import ReasonCode
from corelab.series import (
    CasePlan,
    Grid,
    Outcome,
    Plan,
    Refusal,
    Series,
    SeriesKind,
    SeriesVerdict,
)
from corelab.trial import Limits, Trial
from corelab.vocab import Case, Contrast, Modality, Problem, QcFlag, SubjectCode, VisitLabel

NOMINAL_SPACING_MM = 5.0
NOMINAL_B_VALUE_S_MM2 = 1000.0
_GRID_TOLERANCE_MM = 0.5
_FEW_SLICES = 2
_SAME_STEP_MM = 1e-3
_SAME_PLACE = 0.1
_MEASURED = frozenset({Contrast.CT, Contrast.DWI})
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
    if series.contrast in _MEASURED and not _is_transverse(series.grid):
        return "the slices are not transverse"
    return _fault_of_grid(series.grid, *bounds)


def _is_transverse(grid: Grid) -> bool:
    """Whether slices lie nearer to the transverse plane than to any other.

    ``AXIAL`` in a header means any cross-section (PS3.3, C.8.2.1.1.1); only numbers tell.
    """
    i, j, _ = np.array(grid.affine)[:3, :3].T
    normal = np.abs(np.cross(i, j))
    return bool(normal.argmax() == 2)  # noqa: PLR2004 - feet to head


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
    for place, modality in enumerate(preference):
        chosen = _images(modality, usable, trial)
        if chosen:
            measured = (part for c, part in chosen.items() if c is not Contrast.FLAIR)
            flags = {flag for part in measured for flag in part.flags}
            flags |= {QcFlag.SECOND_CHOICE_MODALITY} if place else set()
            main = chosen[modality.contrast]
            if any(_is_longer(part, main) for part in parts):
                flags.add(QcFlag.SLICES_MAY_BE_MISSING)
            plan = CasePlan(
                case=case,
                modality=modality,
                images=tuple(chosen.items()),
                choice=_choice(modality, chosen, usable),
                flags=tuple(sorted(flags)),
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


def _distance_ct(series: Series) -> tuple[bool, float, float, float, str]:
    """Original before reformatted, widest coverage, the spacing readers are used to, latest."""
    grid = _grid(series)
    return (
        series.kind is SeriesKind.CT_REFORMATTED,
        -round(grid.coverage_mm, -1),
        abs(grid.slice_spacing_mm - NOMINAL_SPACING_MM),
        -_when(series),
        _uid(series),
    )


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


def _is_longer(other: Series, series: Series) -> bool:
    """Whether another series of the study fills the same planes and one or two more.

    A second kernel or contrast of one acquisition has its slices; where it has a few more,
    the end of this one may have been lost.
    """
    own, theirs = _grid(series), other.grid
    if theirs is None or other.identity.study_uid != series.identity.study_uid:
        return False
    surplus = theirs.shape[2] - own.shape[2]
    a, b = np.array(own.affine), np.array(theirs.affine)
    is_alike = theirs.shape[:2] == own.shape[:2] and np.allclose(
        a[:3, :3], b[:3, :3], atol=_SAME_STEP_MM
    )
    if not is_alike or not 0 < surplus <= _FEW_SLICES:
        return False
    offset = np.linalg.solve(b[:3, :3], a[:3, 3] - b[:3, 3])
    places = [(0, 0, k) for k in range(surplus + 1)]
    return any(np.abs(offset - place).max() < _SAME_PLACE for place in places)


def _is_fault(series: Series) -> bool:
    """Whether a refusal is a query to the site, not an object that nobody needs.

    Two patients in one series are asked about whatever it shows, and so is what could not
    be read so far as to tell what it shows.
    """
    if series.refusal is None or series.refusal.reason in _FAULTS_OF_OTHER_OBJECTS:
        return False
    may_be_needed = series.contrast is not None or not series.frames
    return may_be_needed or series.refusal.reason is ReasonCode.MIXED_PATIENTS


def _verdicts(
    case: Case, parts: Iterable[Series], plan: CasePlan | None, limits: Limits
) -> list[SeriesVerdict]:
    used = {id(series): contrast for contrast, series in plan.images} if plan else {}
    verdicts = []
    for part in parts:
        if id(part) in used:
            marks = ", ".join(part.flags)
            why = f"as {used[id(part)].value}" + (f" ({marks})" if marks else "")
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
    if outcome is not Outcome.USED and QcFlag.EXECUTABLE_PREAMBLE in series.flags:
        why += "; a file of it begins as a program does"
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
