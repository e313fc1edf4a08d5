"""One DICOM series to its 3-D parts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from corelab.dicom.check import part_refusal
from corelab.dicom.classify import classify
from corelab.dicom.frame import FrameHeader
from corelab.dicom.geometry import FEWEST_SLICES, same_orientation, stack_grid
from corelab.dicom.gradient import Directionality
from corelab.dicom.header import FileHeader
from corelab.dicom.part import Part, Slice
from corelab.dicom.repeat import (
    DIVISIONS,
    TOLD,
    Division,
    are_heads,
    by_acquisition,
    by_stack,
    cover_alike,
    grouped,
)
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import CT_KINDS, Grid, Refusal, SeriesKind

_MOST_INTERLEAVED = 8
_NO_ECHO = -1.0
_SAME_ECHO_MS = 0.02


def split_series(headers: Sequence[FileHeader]) -> list[Part]:
    """Parts of one series: each one orientation, kind, b-value, echo, component, repetition.

    Parameters
    ----------
    headers
        Every file of the series.
    """
    frames = _with_silent_b0([(header, frame) for header in headers for frame in header.frames])
    in_diffusion = any(frame.diffusion.is_evidence for _, frame in frames)
    slices = [
        Slice(header=header, frame=frame, kind=classify(header, frame, in_diffusion=in_diffusion))
        for header, frame in frames
    ]
    parts: list[Part] = []
    echoes = _echoes(slices)
    for parallel in _parallel(slices):
        for group in grouped(parallel, lambda item: (_content(item), echoes[_echo_ms(item)])):
            parts.extend(_stack(group))
    return parts


def _with_silent_b0(
    frames: Sequence[tuple[FileHeader, FrameHeader]],
) -> list[tuple[FileHeader, FrameHeader]]:
    """Frames of b = 0 that their maker leaves without a b-value, beside weighted ones."""
    if not any(frame.diffusion.b_value_s_mm2 for _, frame in frames):
        return list(frames)
    return [
        (header, replace(frame, diffusion=frame.diffusion.spoken()))
        if frame.diffusion.is_silent_b0
        else (header, frame)
        for header, frame in frames
    ]


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


def _content(item: Slice) -> Hashable:
    return item.kind, _weighting(item), item.frame.component


def _echoes(slices: Sequence[Slice]) -> dict[float, int]:
    """Which echo of the series each echo time stands for.

    One echo's time may differ a little from slice to slice; echoes of a train are further apart.
    """
    times = sorted({_echo_ms(item) for item in slices})
    number, found = 0, {}
    for last, time in pairwise([_NO_ECHO, *times]):
        number += time - last > _SAME_ECHO_MS
        found[time] = number
    return found


def _echo_ms(item: Slice) -> float:
    echo = item.frame.echo_time_ms
    if echo is None or not math.isfinite(echo) or item.kind in CT_KINDS:
        return _NO_ECHO
    return echo


def _weighting(item: Slice) -> int | None:
    b_value = item.frame.diffusion.b_value_s_mm2
    weighted = item.kind in {SeriesKind.TRACE, SeriesKind.DIRECTION}
    return round(b_value) if weighted and b_value is not None else None


def _stack(slices: Sequence[Slice]) -> list[Part]:
    """Parts of slices that show the same thing: one, or one for each repetition."""
    refusal = part_refusal(slices)
    if refusal is not None:
        return [_refused(slices, refusal)]
    acquisitions = by_acquisition(slices)
    if slices[0].kind in CT_KINDS:
        if 1 < len(acquisitions) <= _MOST_INTERLEAVED and cover_alike(acquisitions):
            return [_one(group) for group in acquisitions]
        return [_one(slices)]
    parts = _volumes(slices)
    return parts if len(parts) == 1 else [_as_direction(part) for part in parts]


def _volumes(slices: Sequence[Slice]) -> list[Part]:
    """Volumes of one content: divided where the header tells repetitions, else where it must.

    Repetitions of a head that moved do not share positions; together they would pass as one
    stack of many thin steps.
    """
    stacks = by_stack(slices)
    if len(stacks) > 1 and all(len(stack) >= FEWEST_SLICES for stack in stacks):
        return [part for stack in stacks for part in _volumes(stack)]
    for divide in TOLD:
        groups = divide(slices)
        heads = [group for group in groups if len(group) >= FEWEST_SLICES]
        if len(heads) > 1 and are_heads(heads):
            return [part for group in groups for part in _volumes(group)]
    whole = _one(slices)
    return _repetitions(slices, whole, DIVISIONS) or [whole]


def _repetitions(slices: Sequence[Slice], whole: Part, divisions: Sequence[Division]) -> list[Part]:
    """Volumes acquired repeatedly at the same positions, none where they cannot be told apart.

    Each division is tried within the groups of those before it, and counts only where every
    group becomes a sound volume of its own.
    """
    if whole.grid is not None:
        return [whole]
    if whole.refusal is None or whole.refusal.reason is not ReasonCode.DUPLICATE_POSITION:
        return []
    for place, divide in enumerate(divisions):
        groups = divide(slices)
        if len(groups) < 2 or not cover_alike(groups):  # noqa: PLR2004 - two repeat
            continue
        parts = _all_sound(groups, divisions[place + 1 :])
        if parts:
            return parts
    return []


def _all_sound(groups: Sequence[Sequence[Slice]], divisions: Sequence[Division]) -> list[Part]:
    parts: list[Part] = []
    for group in groups:
        found = _repetitions(group, _one(group), divisions)
        if not found:
            return []
        parts += found
    return parts


def _one(slices: Sequence[Slice]) -> Part:
    ordered = sorted(slices, key=lambda item: item.order)
    rows, columns = ordered[0].header.slice_shape
    planes = [item.frame.plane for item in ordered]
    try:
        grid, order = stack_grid(planes, rows=rows, columns=columns)
    except UnfitDataError as error:
        return _refused(ordered, Refusal.of(error))
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
