"""What makes a series, or one part of it, unfit before its geometry is looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from corelab.dicom import syntax
from corelab.dicom.classify import refuse_kind
from corelab.dicom.header import FileHeader
from corelab.dicom.matrix import MOST_FRAMES
from corelab.dicom.part import Slice
from corelab.errors import ReasonCode
from corelab.series import CT_KINDS, Refusal, SeriesKind

_LARGEST_RESCALE = 1e6
_SEXES = frozenset({"M", "F"})
_WEIGHTED_KINDS = frozenset({SeriesKind.TRACE, SeriesKind.DIRECTION})


def series_refusal(headers: Sequence[FileHeader]) -> Refusal | None:
    """Why a whole series is unfit, ``None`` where nothing speaks against it.

    Parameters
    ----------
    headers
        Every file of the series, exact duplicates left out.
    """
    return (
        _faulty_file(headers)
        or _mixed_patients(headers)
        or _duplicate_uid(headers)
        or _too_many(headers)
    )


def part_refusal(slices: Sequence[Slice]) -> Refusal | None:
    """Why one part cannot be measured whatever its geometry, ``None`` where it can.

    Parameters
    ----------
    slices
        All of one orientation, kind, b-value and echo.
    """
    headers = [item.header for item in slices]
    kind = slices[0].kind
    return (
        refuse_kind(kind)
        or _layout(slices)
        or _packing(headers)
        or _mixed_matrix(headers)
        or _mixed_frame_of_reference(headers)
        or _rescale(slices)
        or _b_value(kind, slices)
    )


def _faulty_file(headers: Sequence[FileHeader]) -> Refusal | None:
    faults = [(header.fault, header.path) for header in headers if header.fault is not None]
    if not faults:
        return None
    first, path = faults[0]
    message = f"{first.message} ({len(faults)} of {len(headers)} files at fault)"
    told = f": {first.evidence}" if first.evidence else ""
    return Refusal(reason=first.reason, message=message, evidence=f"first in {path}{told}")


def n_patients(headers: Sequence[FileHeader]) -> int:
    """Patients that headers name: by identifier, birth date or sex, whichever tells most.

    A name is written in too many ways to decide.

    Parameters
    ----------
    headers
        Of objects that are taken for one patient's.
    """
    owners = [header.owner for header in headers]
    identifiers = {owner.patient_id for owner in owners}
    births = {owner.birth_date for owner in owners if owner.birth_date}
    sexes = {owner.sex for owner in owners} & _SEXES
    return max(len(identifiers), len(births), len(sexes))


def _mixed_patients(headers: Sequence[FileHeader]) -> Refusal | None:
    count = n_patients(headers)
    if count < 2:  # noqa: PLR2004 - two make a mixture
        return None
    message = f"one series names {count} patients"
    return Refusal(reason=ReasonCode.MIXED_PATIENTS, message=message)


def _duplicate_uid(headers: Sequence[FileHeader]) -> Refusal | None:
    counts = Counter(header.owner.sop_uid for header in headers)
    most = max(counts.values())
    if most == 1:
        return None
    places = {(header.path.parent, header.owner.sop_uid) for header in headers}
    if len(places) == len(headers):
        n_differing = sum(count > 1 for count in counts.values())
        message = (
            f"a resend with changed pixels or geometry: {n_differing} of {len(counts)} images "
            "differ from their copies in another folder or archive"
        )
    else:
        message = f"{most} different objects share one instance UID"
    return Refusal(reason=ReasonCode.DUPLICATE_UID, message=message)


def _too_many(headers: Sequence[FileHeader]) -> Refusal | None:
    count = sum(len(header.frames) for header in headers)
    if count <= MOST_FRAMES:
        return None
    message = f"{count} slices in one series, {MOST_FRAMES} allowed"
    return Refusal(reason=ReasonCode.SIZE_BEYOND_SCANNER, message=message)


def _layout(slices: Sequence[Slice]) -> Refusal | None:
    if any(item.header.matrix.samples != 1 for item in slices):
        message = "colour pixels, single values needed"
        return Refusal(reason=ReasonCode.UNSUPPORTED_LAYOUT, message=message)
    if any(item.header.matrix.rows < 1 for item in slices):
        return Refusal(reason=ReasonCode.HEADER_CUT, message="an object holds no pixels")
    return None


def _packing(headers: Iterable[FileHeader]) -> Refusal | None:
    uids = {header.transfer_syntax_uid for header in headers}
    unread = sorted(uid for uid in uids if not syntax.is_readable(uid))
    if not unread:
        return None
    message = f"the transfer syntax is not supported: {syntax.unread_name(unread[0])}"
    evidence = ", ".join(unread)
    return Refusal(reason=ReasonCode.PIXELS_UNDECODABLE, message=message, evidence=evidence)


def _mixed_matrix(headers: Iterable[FileHeader]) -> Refusal | None:
    sizes = sorted({header.slice_shape for header in headers})
    if len(sizes) == 1:
        return None
    message = "slices of " + " and ".join(f"{rows} x {columns}" for rows, columns in sizes)
    return Refusal(reason=ReasonCode.MIXED_MATRIX, message=message)


def _mixed_frame_of_reference(headers: Iterable[FileHeader]) -> Refusal | None:
    """None at all is fair, as the positions still agree; some without are another source's."""
    named = [header.owner.frame_of_reference_uid for header in headers]
    if len(set(named)) == 1:
        return None
    message = f"slices in {len(set(named) - {''})} frames of reference"
    absent = named.count("")
    if absent:
        message += f", {absent} of {len(named)} in none"
    return Refusal(reason=ReasonCode.MIXED_FRAME_OF_REFERENCE, message=message)


def _rescale(slices: Sequence[Slice]) -> Refusal | None:
    """CT needs slope and intercept for HU (PS3.3, C.8.2.1); MR may have neither."""
    is_ct = slices[0].kind in CT_KINDS
    silent = sum(item.frame.slope is None for item in slices)
    if 0 < silent < len(slices) and any(item.frame.is_rescaled for item in slices):
        message = f"{silent} of {len(slices)} slices have no rescale slope, the others have"
        return Refusal(reason=ReasonCode.RESCALE_INVALID, message=message)
    for item in slices:
        pair = (item.frame.slope, item.frame.intercept)
        absent = pair.count(None)
        if absent == len(pair) and not is_ct:
            continue
        if absent:
            message = "rescale slope or intercept is not given"
            return Refusal(reason=ReasonCode.RESCALE_INVALID, message=message)
        if not _is_usable(pair[0]) or pair[0] == 0 or not _is_usable(pair[1]):
            message = "rescale slope or intercept is 0, far off or no number"
            return Refusal(reason=ReasonCode.RESCALE_INVALID, message=message)
    return None


def _is_usable(value: float | None) -> bool:
    return value is not None and abs(value) <= _LARGEST_RESCALE


def _b_value(kind: SeriesKind, slices: Sequence[Slice]) -> Refusal | None:
    values = [item.frame.diffusion.b_value_s_mm2 for item in slices]
    if kind not in _WEIGHTED_KINDS or None not in values:
        return None
    message = f"{values.count(None)} of {len(values)} diffusion images have no b-value"
    return Refusal(reason=ReasonCode.B_VALUE_UNKNOWN, message=message)
