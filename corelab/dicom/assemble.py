"""Headers of one delivery to series parts: each one orientation, contrast and b-value."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from corelab.dicom.check import series_refusal
from corelab.dicom.doubt import part_flags
from corelab.dicom.header import FileHeader
from corelab.dicom.part import Part, Slice
from corelab.dicom.rescale import map_scale, scale_refusal, signal_scale, to_scale
from corelab.dicom.split import split_series
from corelab.series import Frame, Identity, Refusal, Series, SeriesKind
from corelab.vocab import ValueScale

_CT = "CT"
_LAST = 2**31
_SAME_THICKNESS_MM = 0.01
_NOWHERE = (math.nan, math.nan, math.nan)
_B_KINDS = frozenset({SeriesKind.B0, SeriesKind.TRACE, SeriesKind.DIRECTION})


def assemble(headers: Iterable[FileHeader]) -> tuple[Series, ...]:
    """Every part of every series in the headers, measurable or refused with the reason.

    Parameters
    ----------
    headers
        Of all files, in any order, without exact duplicates.

    Returns
    -------
    tuple of Series
        Ordered by series number, series UID and content; the same for any order of files.
        Each file is in the ``files`` of exactly one part: a multi-frame file that holds
        several parts counts with the first of them, while the ``frames`` of all name it.
    """
    groups: dict[tuple[str, str], list[FileHeader]] = defaultdict(list)
    for header in sorted(headers, key=lambda header: header.path):
        groups[header.owner.study_uid, header.owner.series_uid].append(header)
    ordered = sorted(groups.values(), key=_series_key)
    return tuple(series for group in ordered for series in _series_of(group))


def _series_key(headers: Sequence[FileHeader]) -> tuple[str, int, str]:
    owner = headers[0].owner
    number = _LAST if owner.series_number is None else owner.series_number
    return owner.study_uid, number, owner.series_uid


def _series_of(headers: Sequence[FileHeader]) -> list[Series]:
    refusal = series_refusal(headers)
    identity = _identity(headers)
    parts = sorted(split_series(headers), key=_part_key)
    counted: set[Path] = set()
    found: list[Series] = []
    for part in parts:
        paths = {item.header.path for item in part.slices} - counted
        counted |= paths
        series = _series(part, identity, tuple(sorted(paths)), refusal or part.refusal)
        found.append(replace(series, flags=part_flags(part, parts, headers)))
    frameless = tuple(header.path for header in headers if not header.frames)
    if frameless:
        found.append(_frameless(headers, identity, frameless, refusal))
    return found


def _part_key(part: Part) -> tuple[str, float, tuple[float, ...], tuple[int, int, str]]:
    first = min(part.slices, key=lambda item: item.order)
    b_value = first.frame.diffusion.b_value_s_mm2
    return part.kind, b_value or 0.0, first.frame.plane.orientation, first.order


def _series(
    part: Part, identity: Identity, files: tuple[Path, ...], refusal: Refusal | None
) -> Series:
    first = part.slices[0].header
    scale, unscaled = _scale(part)
    return Series(
        identity=replace(identity, series_number=first.owner.series_number),
        kind=part.kind,
        modality=first.modality,
        frames=tuple(_frame(item, scale) for item in part.slices),
        grid=part.grid,
        b_value_s_mm2=_b_value(part),
        kilovolts=_finite(first.kilovolts),
        slice_thickness_mm=_thickness(part.slices),
        transfer_syntax_uid=first.transfer_syntax_uid,
        files=files,
        refusal=refusal or unscaled,
        value_scale=scale,
        gradient=_gradient(part),
        is_lossy=any(item.header.hints.is_lossy for item in part.slices),
    )


def _frameless(
    headers: Sequence[FileHeader],
    identity: Identity,
    files: tuple[Path, ...],
    refusal: Refusal | None,
) -> Series:
    """Stand-in for files whose frames could not be read."""
    return Series(
        identity=identity,
        kind=SeriesKind.NOT_AN_IMAGE,
        modality=headers[0].modality,
        frames=(),
        grid=None,
        b_value_s_mm2=None,
        kilovolts=None,
        slice_thickness_mm=None,
        transfer_syntax_uid=headers[0].transfer_syntax_uid,
        files=files,
        refusal=refusal,
    )


def _identity(headers: Sequence[FileHeader]) -> Identity:
    owner = headers[0].owner
    moments = [h.owner.acquired_at for h in headers if h.owner.acquired_at is not None]
    # Most are one and the same object in all slices, which is quicker to see than equality.
    shared = {id(text): text for header in headers for text in header.texts}
    texts = sorted(set(shared.values()))
    return Identity(
        patient_id=owner.patient_id,
        study_uid=owner.study_uid,
        series_uid=owner.series_uid,
        acquired_at=min(moments, default=None),
        series_number=owner.series_number,
        description=owner.description,
        texts=tuple(texts),
    )


def _scale(part: Part) -> tuple[ValueScale, Refusal | None]:
    """Scale of a part's values, and why its slices share none."""
    if part.slices[0].header.modality == _CT:
        return ValueScale.HOUNSFIELD, None
    rescales = [item.frame.rescale for item in part.slices]
    if part.kind is SeriesKind.ADC:
        return map_scale(rescales), None
    refusal = scale_refusal(rescales)
    return (map_scale if refusal else signal_scale)(rescales), refusal


def _gradient(part: Part) -> tuple[float, ...]:
    """Direction that all slices share, empty where they have none or several."""
    found = {item.frame.diffusion.gradient for item in part.slices}
    return found.pop() if len(found) == 1 else ()


def _frame(item: Slice, scale: ValueScale) -> Frame:
    """Frame with its position turned to RAS+; an absent MR rescale is slope 1, intercept 0."""
    frame = item.frame
    position = frame.plane.position_mm
    x, y, z = position if len(position) == len(_NOWHERE) else _NOWHERE
    slope, intercept = to_scale(frame.rescale, scale)
    return Frame(
        path=item.header.path,
        index=frame.index,
        position_mm=(-x, -y, z),
        rescale_slope=slope,
        rescale_intercept=intercept,
    )


def _b_value(part: Part) -> float | None:
    values = [item.frame.diffusion.b_value_s_mm2 for item in part.slices]
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and part.kind in _B_KINDS else None


def _thickness(slices: Sequence[Slice]) -> float | None:
    """Thickness of every slice, ``None`` where one is silent or they differ."""
    values = [_finite(item.frame.plane.thickness_mm) for item in slices]
    known = {value for value in values if value is not None}
    is_one = None not in values and max(known) - min(known) <= _SAME_THICKNESS_MM
    return float(np.median(list(known))) if is_one else None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
