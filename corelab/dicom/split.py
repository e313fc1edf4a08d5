"""One DICOM series to its 3-D parts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from corelab.dicom.bvalue import Directionality
from corelab.dicom.check import part_refusal
from corelab.dicom.classify import classify
from corelab.dicom.geometry import same_orientation, stack_grid
from corelab.dicom.header import FileHeader
from corelab.dicom.part import Part, Slice
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import CT_KINDS, Grid, Refusal, SeriesKind

_MOST_INTERLEAVED = 8
_SAME_COVERAGE = 0.9
_POSITION_DECIMALS = 2
_NO_ECHO = -1.0


def split_series(headers: Sequence[FileHeader]) -> list[Part]:
    """Parts of one series: each one orientation, kind, b-value, echo, component, repetition.

    Parameters
    ----------
    headers
        Every file of the series.
    """
    frames = [(header, frame) for header in headers for frame in header.frames]
    in_diffusion = any(frame.diffusion.is_evidence for _, frame in frames)
    slices = [
        Slice(header=header, frame=frame, kind=classify(header, frame, in_diffusion=in_diffusion))
        for header, frame in frames
    ]
    parts: list[Part] = []
    for parallel in _parallel(slices):
        for group in _grouped(parallel, _content):
            parts.extend(_stack(group))
    return parts


def _parallel(slices: Iterable[Slice]) -> list[list[Slice]]:
    """Slices by orientation; written cosines differ in their last digits."""
    bundles: list[list[Slice]] = []
    for item in sorted(slices, key=lambda item: (item.frame.plane.orientation, item.order)):
        orientation = item.frame.plane.orientation
        for bundle in bundles:
            if same_orientation(bundle[0].frame.plane.orientation, orientation):
                bundle.append(item)
                break
        else:
            bundles.append([item])
    return bundles


def _grouped(slices: Iterable[Slice], key: Callable[[Slice], Hashable]) -> list[list[Slice]]:
    groups: dict[Hashable, list[Slice]] = defaultdict(list)
    for item in sorted(slices, key=lambda item: item.order):
        groups[key(item)].append(item)
    return list(groups.values())


def _content(item: Slice) -> Hashable:
    echo = item.frame.echo_time_ms
    return (
        item.kind,
        _weighting(item),
        item.frame.component,
        _NO_ECHO if echo is None or item.kind in CT_KINDS else round(echo, 3),
    )


def _weighting(item: Slice) -> int | None:
    b_value = item.frame.diffusion.b_value_s_mm2
    weighted = item.kind in {SeriesKind.TRACE, SeriesKind.DIRECTION}
    return round(b_value) if weighted and b_value is not None else None


def _stack(slices: Sequence[Slice]) -> list[Part]:
    """Parts of slices that show the same thing: one, or one for each repetition."""
    refusal = part_refusal(slices)
    if refusal is not None:
        return [_refused(slices, refusal)]
    if slices[0].kind in CT_KINDS:
        acquisitions = _grouped(slices, _acquisition)
        if 1 < len(acquisitions) <= _MOST_INTERLEAVED and _cover_alike(acquisitions):
            return [_one(group) for group in acquisitions]
    whole = _one(slices)
    if whole.refusal is None or whole.refusal.reason is not ReasonCode.DUPLICATE_POSITION:
        return [whole]
    return _repetitions(slices) or [whole]


def _repetitions(slices: Sequence[Slice]) -> list[Part]:
    """Volumes acquired repeatedly at the same positions, none where they cannot be told apart."""
    if slices[0].kind in CT_KINDS:
        return []
    for divide in (_by_temporal_index, _by_acquisition, _by_file, _by_rank):
        groups = divide(slices)
        if len(groups) < 2 or not _cover_alike(groups):  # noqa: PLR2004 - two repeat
            continue
        parts = [_one(group) for group in groups]
        if all(part.grid is not None for part in parts):
            return [_as_direction(part) for part in parts]
    return []


def _by_temporal_index(slices: Sequence[Slice]) -> list[list[Slice]]:
    return _grouped(slices, lambda item: item.frame.temporal_index)


def _by_acquisition(slices: Sequence[Slice]) -> list[list[Slice]]:
    return _grouped(slices, _acquisition)


def _by_file(slices: Sequence[Slice]) -> list[list[Slice]]:
    return _grouped(slices, lambda item: item.header.path)


def _by_rank(slices: Sequence[Slice]) -> list[list[Slice]]:
    """Repetitions by instance number, where that runs strictly by volume or by position."""
    ordered = sorted(slices, key=lambda item: item.order)
    positions = np.round([item.frame.plane.position_mm for item in ordered], _POSITION_DECIMALS)
    place = np.unique(positions, axis=0, return_inverse=True)[1].ravel()
    n_places = int(place.max()) + 1
    n_volumes, rest = divmod(len(ordered), n_places)
    if rest:
        return []
    by_volume = place.reshape(n_volumes, n_places)
    if (by_volume == by_volume[0]).all() and len(set(by_volume[0].tolist())) == n_places:
        return [ordered[first : first + n_places] for first in range(0, len(ordered), n_places)]
    by_place = place.reshape(n_places, n_volumes)
    if (by_place == by_place[:, :1]).all():
        return [ordered[first::n_volumes] for first in range(n_volumes)]
    return []


def _acquisition(item: Slice) -> int | None:
    return item.header.acquisition_number


def _cover_alike(groups: Sequence[Sequence[Slice]]) -> bool:
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


def _one(slices: Sequence[Slice]) -> Part:
    ordered = sorted(slices, key=lambda item: item.order)
    rows, columns = ordered[0].header.slice_shape
    planes = [item.frame.plane for item in ordered]
    try:
        grid, order = stack_grid(planes, rows=rows, columns=columns)
    except UnfitDataError as error:
        return _refused(ordered, Refusal(reason=error.reason, message=error.message))
    return _placed([ordered[index] for index in order], grid)


def _placed(slices: Sequence[Slice], grid: Grid) -> Part:
    return Part(kind=slices[0].kind, slices=tuple(slices), grid=grid, refusal=None)


def _refused(slices: Sequence[Slice], refusal: Refusal) -> Part:
    return Part(kind=slices[0].kind, slices=tuple(slices), grid=None, refusal=refusal)


def _as_direction(part: Part) -> Part:
    """Several volumes at one b-value, none called a trace, are its directions."""
    known = {item.frame.diffusion.directionality for item in part.slices}
    if part.kind is SeriesKind.TRACE and known == {Directionality.UNKNOWN}:
        return replace(part, kind=SeriesKind.DIRECTION)
    return part
