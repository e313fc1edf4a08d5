"""Which value of a case is accepted, or what it still waits for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean
from typing import TypeVar

from corelab.reading.discrepancy import discrepancies, needs_comparison, volume_ml
from corelab.reading.event import Purpose, ReadSigned, RulesSet
from corelab.reading.lifecycle import ReadState
from corelab.reading.records import HumanRead
from corelab.reading.result import Result
from corelab.trial import Agreeing
from corelab.vocab import Hemisphere, ReadStatus

DECIMALS = 4
T = TypeVar("T")

Overlaps = Mapping[frozenset[str], float]
"""Dice of each pair of masks that was compared, by the SHA-256 of both."""


class Awaited(StrEnum):
    """What a case waits for before a value is accepted."""

    READS = "reads"
    AMENDMENT = "amendment"
    COMPARISON = "comparison"
    ADJUDICATION = "adjudication"


@dataclass(frozen=True, slots=True, kw_only=True)
class Awaiting:
    """No value is accepted yet, and why."""

    awaited: Awaited


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The value that stands for a case, and the reads that it rests on.

    Numbers are ``None`` where the scan is not assessable, and ``n_components`` and
    ``hemisphere`` also where a mean is accepted of reads that differ in them: the mean of two
    volumes has no mask of its own.
    """

    read_status: ReadStatus
    result: Result
    infarct_volume_ml: float | None
    haemorrhage_in_infarct_ml: float | None
    n_components: int | None
    hemisphere: Hemisphere | None
    reads: tuple[HumanRead, ...]

    @property
    def mask_sha256(self) -> tuple[str, ...]:
        """Masks of the reads that it rests on."""
        signed = (read.standing for read in self.reads)
        return tuple(one.mask_sha256 for one in signed if one and one.mask_sha256)


def accepted(
    reads: Sequence[HumanRead], rules: RulesSet, overlaps: Overlaps
) -> Accepted | Awaiting:
    """Say what stands for a case.

    Parameters
    ----------
    reads
        Its live reads of the image that counts, of any purpose; repeats are not looked at.
    rules
        The trial's.
    overlaps
        Of the pairs of masks that were compared.
    """
    independent = independent_of(reads)
    if any(read.state is ReadState.AMENDING for read in _deciding(reads)):
        return Awaiting(awaited=Awaited.AMENDMENT)
    if len(independent) < rules.readers or not all(read.standing for read in independent):
        return Awaiting(awaited=Awaited.READS)
    if uncompared(independent, overlaps):
        return Awaiting(awaited=Awaited.COMPARISON)
    if not disagreeing(independent, rules, overlaps):
        return _agreed(independent, rules)
    thirds = [read for read in reads if read.purpose is Purpose.ADJUDICATION and read.standing]
    if not thirds:
        return Awaiting(awaited=Awaited.ADJUDICATION)
    return _resting_on(ReadStatus.ADJUDICATED, thirds[-1:])


def independent_of(reads: Sequence[HumanRead]) -> tuple[HumanRead, ...]:
    """Return those of these reads that count by themselves."""
    return tuple(read for read in reads if read.purpose is Purpose.INDEPENDENT)


def uncompared(
    independent: Sequence[HumanRead], overlaps: Overlaps
) -> tuple[tuple[ReadSigned, ReadSigned], ...]:
    """Pairs of signed reads whose overlap must be known and is not."""
    return tuple(
        (one, other)
        for one, other in combinations(_signed(independent), 2)
        if needs_comparison(one, other) and _pair(one, other) not in overlaps
    )


def disagreeing(
    independent: Sequence[HumanRead], rules: RulesSet, overlaps: Overlaps
) -> tuple[HumanRead, HumanRead] | None:
    """Two signed reads that disagree, the furthest apart in volume; ``None`` where all agree."""
    signed = [read for read in independent if read.standing]
    pairs = sorted(combinations(signed, 2), key=_apart_ml, reverse=True)
    return next((pair for pair in pairs if _disagree(pair, rules, overlaps)), None)


def _deciding(reads: Sequence[HumanRead]) -> list[HumanRead]:
    return [read for read in reads if read.purpose is not Purpose.REPEAT]


def _signed(reads: Sequence[HumanRead]) -> list[ReadSigned]:
    return [read.standing for read in reads if read.standing]


def _pair(one: ReadSigned, other: ReadSigned) -> frozenset[str]:
    return frozenset({one.mask_sha256 or "", other.mask_sha256 or ""})


def _apart_ml(pair: tuple[HumanRead, HumanRead]) -> float:
    one, other = _signed(pair)
    return abs(volume_ml(one) - volume_ml(other))


def _disagree(pair: tuple[HumanRead, HumanRead], rules: RulesSet, overlaps: Overlaps) -> bool:
    one, other = _signed(pair)
    # Equal masks are not compared: they overlap wholly.
    dice = overlaps[_pair(one, other)] if needs_comparison(one, other) else 1.0
    return bool(discrepancies(one, other, dice=dice, rules=rules))


def _agreed(independent: Sequence[HumanRead], rules: RulesSet) -> Accepted:
    if rules.readers == 1:
        return _resting_on(ReadStatus.SINGLE, independent)
    if rules.agreeing is Agreeing.FIRST:
        first = min(independent, key=lambda read: _place(read.reader, rules))
        return _resting_on(ReadStatus.DOUBLE, [first])
    return _resting_on(ReadStatus.DOUBLE, independent)


def _place(reader: str, rules: RulesSet) -> tuple[int, str]:
    """Place of a reader in the trial file; those that left it come last."""
    named = rules.names.index(reader) if reader in rules.names else len(rules.names)
    return named, reader


def _resting_on(status: ReadStatus, reads: Sequence[HumanRead]) -> Accepted:
    signed = _signed(reads)
    return Accepted(
        read_status=status,
        result=signed[0].result,
        infarct_volume_ml=_mean([read.infarct_volume_ml for read in signed]),
        haemorrhage_in_infarct_ml=_mean([read.haemorrhage_in_infarct_ml for read in signed]),
        n_components=_common([read.n_components for read in signed]),
        hemisphere=_common([read.hemisphere for read in signed]),
        reads=tuple(reads),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(fmean(known), DECIMALS) if len(known) == len(values) else None


def _common(values: Sequence[T]) -> T | None:
    return values[0] if len(set(values)) == 1 else None
