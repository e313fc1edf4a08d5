"""Which of several images that fit is measured, and in what a reader of the list is told why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from corelab.choosing.directions import first_frame
from corelab.series import Grid, PlannedImage, SeriesKind
from corelab.vocab import Derivation

NOMINAL_SPACING_MM = 5.0
NOMINAL_B_VALUE_S_MM2 = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One thing that counts: the lower its cost, the better.

    ``say`` tells a loser's data manager how it differs from the winner.
    """

    cost: Callable[[PlannedImage], float]
    say: Callable[[PlannedImage, PlannedImage], str]


def best(candidates: Sequence[PlannedImage], criteria: Sequence[Criterion]) -> PlannedImage:
    """Candidate of least cost by the first criterion that tells them apart.

    Equal ones are told apart by their identifiers, so that no order of files matters.
    """

    def costs(image: PlannedImage) -> tuple[object, ...]:
        return (*(criterion.cost(image) for criterion in criteria), identifier_of(image))

    return min(candidates, key=costs)


def why_not(loser: PlannedImage, winner: PlannedImage, criteria: Sequence[Criterion]) -> str:
    """Say in what a candidate is worse than the one that is used."""
    for criterion in criteria:
        if criterion.cost(loser) != criterion.cost(winner):
            return criterion.say(loser, winner)
    return f"as good as {name_of(winner, loser)}, which comes first by its identifier"


def name_of(image: PlannedImage, beside: PlannedImage) -> str:
    """Name of an image in a sentence about another."""
    one, other = image.sources[0].identity, beside.sources[0].identity
    if one.series_uid == other.series_uid:
        return "another image of this series"
    number = one.series_number
    if number is None or number == other.series_number:
        return "another series" if number is None else f"another series {number}"
    return f"series {number}"


def identifier_of(image: PlannedImage) -> tuple[str, str, int]:
    """Key that no two images share and no order of files changes."""
    first = image.sources[0]
    return first.identity.series_uid, *first_frame(first)


def when(image: PlannedImage) -> float:
    """Seconds of the acquisition, 0 where not told."""
    moment = image.sources[0].identity.acquired_at
    return moment.timestamp() if moment else 0.0


def grid_of(image: PlannedImage) -> Grid:
    """Grid of an image that fits, and so has one."""
    grid = image.sources[0].grid
    if grid is None:
        raise AssertionError("an image that fits has a grid")
    return grid


def nearest_to(target: PlannedImage) -> tuple[Criterion, ...]:
    """Return what counts for an image that goes with another: same study, then time."""

    def far(image: PlannedImage) -> float:
        return float(_study(image) != _study(target))

    def apart(image: PlannedImage) -> float:
        return abs(when(image) - when(target))

    return (
        _EXACT,
        Criterion(cost=far, say=lambda a, b: f"of another study than {name_of(b, a)}"),
        Criterion(cost=apart, say=lambda a, b: f"{name_of(b, a)} is nearer in time to the DWI"),
    )


def _study(image: PlannedImage) -> str:
    return image.sources[0].identity.study_uid


def _coverage(image: PlannedImage) -> float:
    """Coverage by 10 mm: less is no difference that anyone would choose by."""
    return -round(grid_of(image).coverage_mm, -1)


def _say_coverage(loser: PlannedImage, winner: PlannedImage) -> str:
    low, high = grid_of(loser).coverage_mm, grid_of(winner).coverage_mm
    return f"covers {low:.0f} mm, {name_of(winner, loser)} covers {high:.0f} mm"


def _spacing(image: PlannedImage) -> float:
    return round(abs(grid_of(image).slice_spacing_mm - NOMINAL_SPACING_MM), 2)


def _say_spacing(loser: PlannedImage, winner: PlannedImage) -> str:
    one, other = grid_of(loser).slice_spacing_mm, grid_of(winner).slice_spacing_mm
    name = name_of(winner, loser)
    return f"{other:.1f} mm slices ({name}) were preferred to {one:.1f} mm"


def _b_distance(image: PlannedImage) -> float:
    return abs(round(image.b_value_s_mm2 or 0.0) - NOMINAL_B_VALUE_S_MM2)


def _say_b_value(loser: PlannedImage, winner: PlannedImage) -> str:
    one, other = loser.b_value_s_mm2 or 0.0, winner.b_value_s_mm2 or 0.0
    name = name_of(winner, loser)
    nominal = f"{NOMINAL_B_VALUE_S_MM2:.0f}"
    return f"b {one:.0f} is further from {nominal} than b {other:.0f} of {name}"


def _is_computed(image: PlannedImage) -> float:
    return float(image.derivation is not Derivation.AS_DELIVERED)


def _is_reformatted(image: PlannedImage) -> float:
    return float(image.sources[0].kind is SeriesKind.CT_REFORMATTED)


def _say_later(loser: PlannedImage, winner: PlannedImage) -> str:
    if not when(loser):
        return f"its time is not told, that of {name_of(winner, loser)} is"
    return f"acquired before {name_of(winner, loser)}, which fits as well"


_DELIVERED = Criterion(
    cost=_is_computed,
    say=lambda a, b: f"single directions; {name_of(b, a)} is a trace as delivered",
)
_COVERAGE = Criterion(cost=_coverage, say=_say_coverage)
_LATEST = Criterion(cost=lambda image: -when(image), say=_say_later)

_EXACT = Criterion(
    cost=lambda image: float(image.is_lossy),
    say=lambda a, b: f"compressed with loss; {name_of(b, a)} is not",
)
_ORIGINAL = Criterion(
    cost=_is_reformatted,
    say=lambda a, b: f"reformatted; {name_of(b, a)} is as acquired",
)

FOR_CT = (_EXACT, _ORIGINAL, _COVERAGE, Criterion(cost=_spacing, say=_say_spacing), _LATEST)
"""No loss, as acquired, widest coverage, the spacing that readers are used to, the latest."""

FOR_DWI = (_EXACT, _DELIVERED, Criterion(cost=_b_distance, say=_say_b_value), _COVERAGE, _LATEST)
"""No loss, a trace as delivered, b nearest to 1000, widest coverage, the latest."""
