"""Which single diffusion directions may be joined to one trace image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from corelab.choosing.planes import on_one_grid
from corelab.kernels.diffusion import unevenness_of
from corelab.series import PlannedImage, Series, SeriesKind
from corelab.vocab import Contrast, Derivation

FEWEST_DIRECTIONS = 3
MOST_UNEVEN = 0.05
"""At b 1000 an uneven set this far off changes white matter's signal by at most 7 %."""

_SHELL_WIDTH = 0.04
_SAME_DIRECTION_COSINE = 0.999


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectionSet:
    """Volumes of one series at one b-value; ``fault`` says why they make no trace."""

    sources: tuple[Series, ...]
    n_directions: int
    fault: str | None


def direction_sets(series: Iterable[Series]) -> list[DirectionSet]:
    """Every set of directions in some series parts, ordered by series and b-value.

    Parameters
    ----------
    series
        Parts that can be measured; other kinds are passed over.
    """
    groups: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for part in series:
        if part.kind is SeriesKind.DIRECTION and part.b_value_s_mm2:
            groups[part.identity.study_uid, part.identity.series_uid].append(part)
    return [_set(found) for _, group in sorted(groups.items()) for found in _shells(group)]


def images_of(parts: Iterable[Series], sets: Iterable[DirectionSet]) -> list[PlannedImage]:
    """Every image that could be made of some parts: each as it is, and each whole set joined.

    Parameters
    ----------
    parts
        That can be measured.
    sets
        Of directions in them.
    """
    images = [
        PlannedImage(contrast=part.contrast, sources=(part,)) for part in parts if part.contrast
    ]
    joined = Derivation.GEOMETRIC_MEAN_OF_DIRECTIONS
    return images + [
        PlannedImage(contrast=Contrast.DWI, sources=found.sources, derivation=joined)
        for found in sets
        if found.fault is None
    ]


def n_directions_of(sources: Sequence[Series]) -> int:
    """Count the directions of a set, repetitions and opposites once."""
    return len(_repeats([part.gradient for part in sources]))


def first_frame(series: Series) -> tuple[str, int]:
    """Key of a part that no order of files changes: its first file and the frame in that."""
    return min((str(frame.path), frame.index) for frame in series.frames)


def _shells(series: Sequence[Series]) -> list[list[Series]]:
    """Parts by b-value, which scanners vary a little with the direction."""
    shells: list[list[Series]] = []
    for part in sorted(series, key=lambda part: (_b_value(part), first_frame(part))):
        if shells and _b_value(part) <= _b_value(shells[-1][0]) * (1 + _SHELL_WIDTH):
            shells[-1].append(part)
        else:
            shells.append([part])
    return shells


def _b_value(part: Series) -> float:
    return part.b_value_s_mm2 or 0.0


def _set(sources: Sequence[Series]) -> DirectionSet:
    known = all(part.gradient for part in sources)
    repeats = _repeats([part.gradient for part in sources]) if known else []
    return DirectionSet(
        sources=tuple(sources), n_directions=len(repeats), fault=_fault(sources, repeats)
    )


def _fault(sources: Sequence[Series], repeats: Sequence[int]) -> str | None:
    b_value = f"b {sources[0].b_value_s_mm2:.0f}"
    if not repeats:
        return f"the gradients of {len(sources)} volumes at {b_value} are not all told"
    if len(repeats) < FEWEST_DIRECTIONS:
        noun = "direction" if len(repeats) == 1 else "directions"
        return f"{len(repeats)} {noun} at {b_value}, {FEWEST_DIRECTIONS} needed for a trace"
    if len(set(repeats)) > 1:
        return f"directions at {b_value} are repeated {min(repeats)} to {max(repeats)} times"
    if len({part.value_scale for part in sources}) > 1 or not _share_a_grid(sources):
        return f"the directions at {b_value} share no grid or no scale of values"
    uneven = unevenness_of([part.gradient for part in sources])
    if uneven > MOST_UNEVEN:
        return f"directions at {b_value} weight one axis {uneven:.2f} too much or too little"
    return None


def _repeats(gradients: Sequence[tuple[float, ...]]) -> list[int]:
    """How often each distinct direction occurs, in order of first occurrence."""
    distinct: list[tuple[float, ...]] = []
    counts: list[int] = []
    for gradient in gradients:
        cosines = [abs(float(np.dot(gradient, other))) for other in distinct]
        if cosines and max(cosines) > _SAME_DIRECTION_COSINE:
            counts[int(np.argmax(cosines))] += 1
        else:
            distinct.append(gradient)
            counts.append(1)
    return counts


def _share_a_grid(sources: Sequence[Series]) -> bool:
    first = sources[0].grid
    return first is not None and all(
        part.grid is not None and on_one_grid(first, part.grid) for part in sources
    )
