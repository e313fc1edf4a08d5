"""Ways to tell volumes apart that show the same head at the same positions."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from corelab.dicom.part import Slice

Groups = list[list[Slice]]
Division = Callable[[Sequence[Slice]], Groups]

_SAME_COVERAGE = 0.9
_POSITION_DECIMALS = 2
_ROOM_FOR_ANOTHER = 1.5
_SHARED_HEIGHT = 0.5
_LONGEST_OF_SHORTEST = 1.5
_SECOND_MS = 1000.0
_STAMP = re.compile(r"(?:\d{8})?(\d{2})(\d{2})(\d{2}(?:\.\d+)?)")
_COSINES, _IN_SPACE = 6, 3


def grouped(slices: Iterable[Slice], key: Callable[[Slice], Hashable]) -> Groups:
    """Slices by a key, groups and their slices in order of acquisition."""
    groups: dict[Hashable, list[Slice]] = defaultdict(list)
    for item in sorted(slices, key=lambda item: item.order):
        groups[key(item)].append(item)
    return list(groups.values())


def by_acquisition(slices: Sequence[Slice]) -> Groups:
    """Slices by acquisition number."""
    return grouped(slices, lambda item: item.header.acquisition_number)


def by_stack(slices: Sequence[Slice]) -> Groups:
    """Slices by stack (0020,9056), which an enhanced object may hold several of."""
    return grouped(slices, lambda item: item.frame.stack)


def cover_alike(groups: Sequence[Sequence[Slice]]) -> bool:
    """Whether each group spans nearly all that they span together.

    Two halves of a head, acquired one after the other, must never pass as two heads.
    """
    spans = []
    for group in groups:
        positions = np.array([item.frame.plane.position_mm for item in group])
        if positions.ndim != 2:  # noqa: PLR2004 - ragged where a position is absent
            return False
        spans.append((positions.min(axis=0), positions.max(axis=0)))
    low = np.min([span[0] for span in spans], axis=0)
    high = np.max([span[1] for span in spans], axis=0)
    whole = float(np.linalg.norm(high - low))
    own = min(float(np.linalg.norm(top - bottom)) for bottom, top in spans)
    return whole > 0 and own >= _SAME_COVERAGE * whole


def are_heads(groups: Sequence[Sequence[Slice]]) -> bool:
    """Whether groups of slices are whole volumes that stand in one place, not parts of one.

    Each is as dense as its slices are thick, so that no other's slices are missing in it, and
    all share at least half of the height of the shortest.
    """
    spans = [_span(group) for group in groups]
    lows, highs = [low for low, _ in spans], [high for _, high in spans]
    shortest = min(high - low for low, high in spans)
    shared = min(highs) - max(lows)
    is_dense = all(
        (high - low) / max(1, len(group) - 1) <= _ROOM_FOR_ANOTHER * _thickness(group)
        for group, (low, high) in zip(groups, spans, strict=True)
    )
    return shortest > 0 and shared >= _SHARED_HEIGHT * shortest and is_dense


def _span(slices: Sequence[Slice]) -> tuple[float, float]:
    """Lowest and highest place along the normal; NaN where the header does not tell."""
    cosines = np.array(slices[0].frame.plane.orientation, dtype=np.float64)
    positions = [item.frame.plane.position_mm for item in slices]
    if cosines.size != _COSINES or {len(position) for position in positions} != {_IN_SPACE}:
        return math.nan, math.nan
    along = np.array(positions) @ np.cross(cosines[:_IN_SPACE], cosines[_IN_SPACE:])
    return float(along.min()), float(along.max())


def _thickness(slices: Sequence[Slice]) -> float:
    return slices[0].frame.plane.thickness_mm or math.nan


def _keyed(key: Callable[[Slice], Hashable]) -> Division:
    return lambda slices: grouped(slices, key)


def _by_time_rank(slices: Sequence[Slice]) -> Groups:
    """Group the first image taken at each position, the second at each, and so on."""
    times = [
        (item.frame.turn.acquired_at, item.frame.turn.trigger_time_ms or 0.0) for item in slices
    ]
    place = _places(slices)
    pairs = set(zip(place.tolist(), times, strict=True))
    is_told = all(moment and math.isfinite(trigger) for moment, trigger in times)
    if len(pairs) < len(slices) or not is_told:
        return []
    order = sorted(range(len(slices)), key=times.__getitem__)
    groups: dict[int, list[Slice]] = defaultdict(list)
    seen: dict[int, int] = defaultdict(int)
    for index in order:
        groups[seen[int(place[index])]].append(slices[index])
        seen[int(place[index])] += 1
    volumes = list(groups.values())
    return volumes if len(set(seen.values())) == 1 and _last_alike(volumes) else []


def _last_alike(volumes: Groups) -> bool:
    """Whether all take about as long: the halves that are left of two volumes take longer.

    One that midnight divides takes too long, too. Clocks may be read to the second.
    """
    moments = np.array([[_moment_ms(item) for item in volume] for volume in volumes])
    lengths = np.ptp(moments, axis=1)
    grain_ms = 0.0 if (moments % _SECOND_MS).any() else _SECOND_MS
    return bool(lengths.max() <= _LONGEST_OF_SHORTEST * lengths.min() + grain_ms)


def _moment_ms(item: Slice) -> float:
    turn = item.frame.turn
    stamp = _STAMP.match(turn.acquired_at)
    if stamp is None:
        return math.nan
    hours, minutes, seconds = map(float, stamp.groups())
    return ((hours * 60 + minutes) * 60 + seconds) * _SECOND_MS + (turn.trigger_time_ms or 0.0)


def _by_rank(slices: Sequence[Slice]) -> Groups:
    """Repetitions by instance number, where that runs strictly by volume or by position."""
    ordered = sorted(slices, key=lambda item: item.order)
    if len({item.order[:2] for item in ordered}) < len(ordered):
        return []
    place = _places(ordered)
    n_places = int(place.max()) + 1
    n_volumes, rest = divmod(len(ordered), n_places)
    if rest:
        return []
    numbers = np.array([item.order[:2] for item in ordered])
    by_volume = place.reshape(n_volumes, n_places)
    is_by_volume = (by_volume == by_volume[0]).all() and len({*by_volume[0].tolist()}) == n_places
    if is_by_volume and _run_alike(numbers.reshape(n_volumes, n_places, 2)):
        return [ordered[first : first + n_places] for first in range(0, len(ordered), n_places)]
    by_place = place.reshape(n_places, n_volumes)
    if (by_place == by_place[:, :1]).all() and _run_alike(numbers.reshape(n_places, n_volumes, 2)):
        return [ordered[first::n_volumes] for first in range(n_volumes)]
    return []


def _run_alike(numbers: NDArray[np.int_]) -> bool:
    """Whether the numbers of each row go on from its first in the same way.

    Else some are lost, and what is left of two volumes would pass as one.
    """
    steps = numbers - numbers[:, :1]
    return bool((steps == steps[0]).all())


def _places(slices: Sequence[Slice]) -> NDArray[np.intp]:
    positions = np.round([item.frame.plane.position_mm for item in slices], _POSITION_DECIMALS)
    return np.unique(positions, axis=0, return_inverse=True)[1].ravel()


TOLD: tuple[Division, ...] = (
    _keyed(lambda item: item.frame.diffusion.gradient),
    _keyed(lambda item: item.frame.turn.temporal_index),
    _keyed(lambda item: item.frame.turn.dimensions),
    _keyed(lambda item: item.frame.turn.label),
    by_acquisition,
    _keyed(lambda item: item.frame.turn.acquired_at),
    _keyed(lambda item: item.header.path),
)
"""What a header says outright of repetitions."""

DIVISIONS: tuple[Division, ...] = (
    *TOLD,
    _keyed(lambda item: item.frame.image_type),
    _keyed(lambda item: item.frame.inversion_time_ms),
    _keyed(lambda item: item.frame.turn.trigger_time_ms),
    _by_time_rank,
    _by_rank,
)
"""What may tell volumes at the same positions apart, their numbering last of all."""
