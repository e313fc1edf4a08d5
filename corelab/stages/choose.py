"""Which series each case is measured on, by the trial's rules, with the reason kept."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from corelab.choosing.directions import (
    DirectionSet,
    direction_sets,
    images_of,
    n_directions_of,
)
from corelab.choosing.limits import why_unfit
from corelab.choosing.planes import is_outreached, on_one_grid
from corelab.choosing.preference import (
    FOR_CT,
    FOR_DWI,
    best,
    grid_of,
    name_of,
    nearest_to,
    why_not,
)
from corelab.errors import NO_QUERY, ReasonCode
from corelab.series import (
    CasePlan,
    Outcome,
    Plan,
    PlannedImage,
    Refusal,
    Series,
    SeriesVerdict,
)
from corelab.trial import Limits, Trial
from corelab.vocab import (
    Case,
    Contrast,
    Derivation,
    Modality,
    Problem,
    QcFlag,
    SubjectCode,
    VisitLabel,
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
            verdicts.append(_held_back(part, None, case))
            problems += [_problem(None, case)] if case.reason not in NO_QUERY else []
    cases = []
    for case, parts in sorted(groups.items()):
        pool = _pool(parts, trial.limits)
        plan, problem = _choose_one(case, pool, trial)
        cases += [plan] if plan else []
        problems += problem
        verdicts += [_judge(part, case, pool, plan) for part in parts]
    return Plan(
        cases=tuple(cases),
        verdicts=tuple(verdicts),
        problems=tuple(dict.fromkeys(problems)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pool:
    """The series of one case, and the images that could be made of those that fit."""

    parts: tuple[Series, ...]
    limits: Limits
    images: tuple[PlannedImage, ...]
    sets: tuple[DirectionSet, ...]

    def of(self, contrast: Contrast) -> list[PlannedImage]:
        return [image for image in self.images if image.contrast is contrast]

    def without_loss(self) -> _Pool:
        exact = tuple(image for image in self.images if not _costs_eligibility(image))
        return replace(self, images=exact)


def _pool(parts: Sequence[Series], limits: Limits) -> _Pool:
    usable = [part for part in parts if why_unfit(part, limits) is None]
    sets = direction_sets(usable)
    images = tuple(images_of(usable, sets))
    return _Pool(parts=tuple(parts), limits=limits, images=images, sets=tuple(sets))


def _choose_one(case: Case, pool: _Pool, trial: Trial) -> tuple[CasePlan | None, list[Problem]]:
    faulty = [_problem(case, part.refusal) for part in pool.parts if _is_fault(part)]
    visit = trial.visit(case.visit)
    preference = visit.modalities if visit else tuple(Modality)
    for place, modality, candidates in _attempts(preference, pool):
        images = _images(modality, candidates)
        if images:
            if any(map(_costs_eligibility, images)) and not pool.limits.lossy_pixels_allowed:
                faulty.append(_ineligible(case))
            plan = CasePlan(
                case=case,
                modality=modality,
                images=images,
                choice=_choice(modality, images),
                flags=_flags(images, pool, place),
            )
            return plan, faulty
    if not faulty:
        reasons = dict.fromkeys(_why(part, pool, None) for part in pool.parts)
        refusal = Refusal(
            reason=ReasonCode.NO_USABLE_SERIES,
            message=f"none of {len(pool.parts)} series fits: " + "; ".join(reasons),
        )
        faulty = [_problem(case, refusal)]
    return None, faulty


def _attempts(preference: Sequence[Modality], pool: _Pool) -> list[tuple[int, Modality, _Pool]]:
    """List what to try in turn: images without loss first, whatever else they are.

    Where the trial allows loss, a modality is not given up for it.
    """
    attempts = [
        (place, modality, candidates)
        for candidates in (pool.without_loss(), pool)
        for place, modality in enumerate(preference)
    ]
    if pool.limits.lossy_pixels_allowed:
        attempts.sort(key=lambda attempt: attempt[0])
    return attempts


def _costs_eligibility(image: PlannedImage) -> bool:
    """Whether a volume would hang on lossy pixels; a FLAIR is only looked at."""
    return image.is_lossy and image.contrast is not Contrast.FLAIR


def _ineligible(case: Case) -> Problem:
    message = (
        "measured, not eligible for the endpoint: every image that fits was compressed with "
        "loss; ask for the originals"
    )
    return _problem(case, Refusal(reason=ReasonCode.LOSSY_PIXELS, message=message))


def _flags(images: Sequence[PlannedImage], pool: _Pool, place: int) -> tuple[QcFlag, ...]:
    """Return what a reader must know of the images that a case is measured on."""
    measured = [image for image in images if image.contrast is not Contrast.FLAIR]
    flags = {flag for image in measured for part in image.sources for flag in part.flags}
    if place:
        flags.add(QcFlag.SECOND_CHOICE_MODALITY)
    if images[0].derivation is not Derivation.AS_DELIVERED:
        flags.add(QcFlag.TRACE_COMPUTED)
    if any(map(_costs_eligibility, images)):
        flags.add(QcFlag.LOSSY_PIXELS)
    if any(is_outreached(part, other) for part in images[0].sources for other in pool.parts):
        flags.add(QcFlag.SLICES_MAY_BE_MISSING)
    return tuple(sorted(flags))


def _choice(modality: Modality, images: Sequence[PlannedImage]) -> str:
    """Say what is measured, not beside how many others: that is a habit of site and arm."""
    main, grid = images[0], grid_of(images[0])
    height = f"{grid.shape[2]} slices of {grid.slice_spacing_mm:.2f} mm"
    weight = f", b {main.b_value_s_mm2:.0f}" if main.b_value_s_mm2 else ""
    made = ""
    if main.derivation is Derivation.GEOMETRIC_MEAN_OF_DIRECTIONS:
        made = f", geometric mean of {n_directions_of(main.sources)} directions"
    others = [image.contrast.value for image in images[1:]]
    beside = f" with {', '.join(others)}" if others else ""
    return f"{modality.value}{beside}: {height}{weight}{made}"


def _images(modality: Modality, pool: _Pool) -> tuple[PlannedImage, ...]:
    """Images of a case, the measured one first; none where that is not there."""
    candidates = pool.of(modality.contrast)
    if not candidates:
        return ()
    if modality is Modality.NCCT:
        return (best(candidates, FOR_CT),)
    trace = best(candidates, FOR_DWI)
    images = [trace]
    for contrast in (Contrast.ADC, Contrast.B0, Contrast.FLAIR):
        beside = [i for i in pool.of(contrast) if contrast is Contrast.FLAIR or _fits(i, trace)]
        if beside:
            images.append(best(beside, nearest_to(trace)))
    return tuple(images)


def _fits(one: PlannedImage, other: PlannedImage) -> bool:
    return on_one_grid(grid_of(one), grid_of(other))


def _is_fault(series: Series) -> bool:
    """Whether a refusal is a query to the site, not an object that nobody needs.

    Two patients in one series are asked about whatever it shows, and so is what could not
    be read so far as to tell what it shows.
    """
    if series.refusal is None or series.refusal.reason in NO_QUERY:
        return False
    may_be_needed = series.contrast is not None or not series.frames
    return may_be_needed or series.refusal.reason is ReasonCode.MIXED_PATIENTS


def _judge(part: Series, case: Case, pool: _Pool, plan: CasePlan | None) -> SeriesVerdict:
    used = next((i for i in plan.images if part in i.sources), None) if plan else None
    if used:
        return _verdict(part, case, Outcome.USED, _as_used(used))
    if part.refusal and _is_fault(part):
        return _held_back(part, case, part.refusal)
    return _verdict(part, case, Outcome.NOT_NEEDED, _why(part, pool, plan))


def _as_used(image: PlannedImage) -> str:
    if image.derivation is Derivation.AS_DELIVERED:
        marks = [flag.replace("_", " ") for flag in image.sources[0].flags]
    else:
        marks = [f"one of {n_directions_of(image.sources)} directions"]
    loss = ["compressed with loss"] if image.is_lossy else []
    return ", ".join([f"as {image.contrast.value}", *marks, *loss])


def _why(part: Series, pool: _Pool, plan: CasePlan | None) -> str:
    return _why_not_fit(part, pool) or _why_not_chosen(part, pool, plan)


def _why_alone(image: PlannedImage) -> str:
    if image.contrast in {Contrast.CT, Contrast.DWI}:
        return f"the trial does not measure on {image.contrast.value.upper()} at this visit"
    return "goes with a DWI, and none that fits was delivered"


def _why_not_fit(part: Series, pool: _Pool) -> str | None:
    """Why nothing can be measured on a part, whatever else was delivered."""
    unfit = why_unfit(part, pool.limits)
    return unfit or next((found.fault for found in pool.sets if part in found.sources), None)


def _why_not_chosen(part: Series, pool: _Pool, plan: CasePlan | None) -> str:
    """In what a part that fits is worse than the one that is used."""
    image = next(image for image in pool.images if part in image.sources)
    if plan is None:
        return _why_alone(image)
    measured = plan.images[0]
    rival = next((other for other in plan.images if other.contrast is image.contrast), None)
    if image.contrast in {Contrast.ADC, Contrast.B0} and measured.contrast is Contrast.DWI:
        if not _fits(image, measured):
            return f"lies on another grid than the DWI used ({name_of(measured, image)})"
    elif rival is None and image.contrast in {Contrast.CT, Contrast.DWI}:
        chosen = plan.modality.value
        return f"the trial prefers {chosen}, and {name_of(measured, image)} fits"
    if rival is None:
        return f"goes with a DWI; the case is measured on {name_of(measured, image)}, a CT"
    criteria = {Contrast.CT: FOR_CT, Contrast.DWI: FOR_DWI}
    return why_not(image, rival, criteria.get(image.contrast) or nearest_to(measured))


def _verdict(series: Series, case: Case | None, outcome: Outcome, why: str) -> SeriesVerdict:
    if outcome is not Outcome.USED and QcFlag.EXECUTABLE_PREAMBLE in series.flags:
        why += "; a file of it begins as a program does"
    return SeriesVerdict(series=series, case=case, outcome=outcome, why=why)


def _held_back(series: Series, case: Case | None, refusal: Refusal) -> SeriesVerdict:
    outcome = Outcome.NOT_NEEDED if refusal.reason in NO_QUERY else Outcome.QUARANTINED
    return replace(_verdict(series, case, outcome, refusal.message), refusal=refusal)


def _problem(case: Case | None, refusal: Refusal | None) -> Problem:
    if refusal is None:
        raise AssertionError("a problem has a refusal")
    return Problem(
        subject_code=case.subject_code if case else SubjectCode(""),
        visit=case.visit if case else VisitLabel(""),
        reason_code=refusal.reason.value,
        message=refusal.message,
    )
