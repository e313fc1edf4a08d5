"""Which version of a case's read its sources make, and whether the read that stands is left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from corelab.reading.versions import known_version, next_number, version_flags
from corelab.series import CasePlan, CaseVersion, SeriesKey
from corelab.vocab import Modality, QcFlag, Read
from pipelines.sources import Sources


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a worker must know of a case beside its plan.

    ``history`` are its versions, ``delivered`` the series of it in this delivery, ``preference``
    the modalities of its visit in the trial's order. ``is_eligible`` is whether a volume of the
    planned images may enter the endpoint.
    """

    history: tuple[CaseVersion, ...] = ()
    delivered: frozenset[SeriesKey] = frozenset()
    preference: tuple[Modality, ...] = tuple(Modality)
    is_eligible: bool = True


NO_PAST = Past()


class Left(StrEnum):
    """Why a delivery leaves the read that stands as it is."""

    SUPERSEDED = "superseded"
    PART = "part"
    LESS_PREFERRED = "less_preferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A plan with the number and the flags of its version; ``left`` where it is not measured."""

    plan: CasePlan
    version: CaseVersion
    left: Left | None


def place(plan: CasePlan, sources: Sources, past: Past, standing: Read | None) -> Placed:
    """Find the version that the sources of a case make.

    Parameters
    ----------
    plan
        Of the case.
    sources
        Pixels that it would be measured on.
    past
        What is known of the case.
    standing
        Read of the case that OUT holds.
    """
    pixels = frozenset(sources.versions)
    known = known_version(pixels, past.history)
    oldest = standing.version if standing else 1
    number = known.number if known else max(next_number(past.history), oldest)
    received = past.delivered | (known.received if known else frozenset())
    version = CaseVersion(number=number, sources=pixels, received=received)
    changed = (QcFlag.SOURCE_CHANGED,) if sources.is_changed else ()
    flags = changed + version_flags(version, past.history)
    return Placed(
        plan=replace(plan, flags=plan.flags + flags, version=number),
        version=version,
        left=_left(plan, version, past, standing) if standing else None,
    )


def _left(plan: CasePlan, version: CaseVersion, past: Past, standing: Read) -> Left | None:
    known = known_version(version.sources, past.history)
    if known is None:
        return Left.LESS_PREFERRED if _is_less_preferred(plan, past, standing) else None
    if known.number < standing.version:
        return Left.SUPERSEDED
    is_whole = known.series <= past.delivered or known.sources == version.sources
    return Left.PART if known.number == standing.version and not is_whole else None


def _is_less_preferred(plan: CasePlan, past: Past, standing: Read) -> bool:
    """Whether the trial would not measure the new images if it had both at once."""
    if not standing.is_endpoint_eligible:
        return False
    ranks = {modality: rank for rank, modality in enumerate(past.preference)}
    last = len(ranks)
    is_worse = ranks.get(plan.modality, last) > ranks.get(standing.modality, last)
    return is_worse or not past.is_eligible
