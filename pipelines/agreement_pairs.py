"""Pairs of volumes under OUT: of two readers, of one reader twice, automatic and accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.overlap import dice, surface_distance
from corelab.reading.acceptance import Accepted, independent_of
from corelab.reading.event import Purpose
from corelab.reading.fold import fold
from corelab.reading.records import HumanRead
from corelab.store.comparison import Comparison, VolumePair, known
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger, open_ledger
from corelab.store.ledger_mask import unpack_mask
from corelab.store.nifti import load_volume
from corelab.store.record import load_read
from corelab.vocab import Case

AUTO, ACCEPTED = "auto", "accepted"

Labels = NDArray[np.uint8]


class _Assessment(NamedTuple):
    """One volume of a case, whose it is, and its mask where it is at hand."""

    name: str
    volume_ml: float
    labels: Labels | None


def reading_pairs(layout: Layout) -> tuple[VolumePair, ...]:
    """Every pair that the reads under OUT give; none where nobody reads.

    Reads that found the scan not assessable have no volume and give no pair.

    Raises
    ------
    StoreError
        When the ledger or a mask cannot be read.
    """
    if not layout.ledger.exists():
        return ()
    with open_ledger(layout.ledger) as ledger:
        maker = _PairMaker(layout, ledger)
        return tuple(maker.pairs())


class _PairMaker:
    """Pairs of the reads of one ledger."""

    def __init__(self, layout: Layout, ledger: Ledger) -> None:
        self._layout = layout
        self._ledger = ledger
        self._room = fold(ledger.entries())

    def pairs(self) -> Iterator[VolumePair]:
        """Pairs of every case, in the order of cases."""
        for case in sorted(self._room.cases):
            reads = self._room.reads_of_case(case)
            yield from self._inter_reader(case, reads)
            yield from self._intra_reader(case, reads)
            yield from self._auto_accepted(case)

    def _inter_reader(self, case: Case, reads: Sequence[HumanRead]) -> Iterator[VolumePair]:
        in_order = sorted(independent_of(reads), key=lambda read: read.reader)
        for one, other in combinations(in_order, 2):
            yield from self._of_reads(Comparison.INTER_READER, case, one, other)

    def _intra_reader(self, case: Case, reads: Sequence[HumanRead]) -> Iterator[VolumePair]:
        first_of = {read.reader: read for read in independent_of(reads)}
        for repeat in reads:
            if repeat.purpose is Purpose.REPEAT and repeat.reader in first_of:
                first = first_of[repeat.reader]
                yield from self._of_reads(Comparison.INTRA_READER, case, first, repeat)

    def _auto_accepted(self, case: Case) -> Iterator[VolumePair]:
        found = self._room.accepted(case)
        if not isinstance(found, Accepted) or found.infarct_volume_ml is None:
            return
        auto_ml = load_read(self._layout.read(case)).measurement.infarct_volume_ml
        auto = load_volume(self._layout.infarct_mask(case)).data.astype(np.uint8)
        # A mean of two readers has no mask of its own.
        masks = found.mask_sha256
        labels = self._labels(masks[0]) if len(masks) == 1 else None
        yield self._compared(
            Comparison.AUTO_ACCEPTED,
            case,
            _Assessment(AUTO, auto_ml, auto),
            _Assessment(ACCEPTED, found.infarct_volume_ml, labels),
        )

    def _of_reads(
        self, comparison: Comparison, case: Case, one: HumanRead, other: HumanRead
    ) -> Iterator[VolumePair]:
        assessments = [self._assessment(read) for read in (one, other)]
        first, second = assessments
        if first is not None and second is not None:
            yield self._compared(comparison, case, first, second)

    def _assessment(self, read: HumanRead) -> _Assessment | None:
        signed = read.standing
        if signed is None or signed.infarct_volume_ml is None:
            return None
        labels = self._labels(signed.mask_sha256) if signed.mask_sha256 else None
        return _Assessment(read.reader, signed.infarct_volume_ml, labels)

    def _labels(self, sha256: str) -> Labels:
        return unpack_mask(self._ledger.blob(sha256))

    def _compared(
        self, comparison: Comparison, case: Case, first: _Assessment, second: _Assessment
    ) -> VolumePair:
        overlap = self._overlap(case, first.labels, second.labels)
        return VolumePair(
            comparison=comparison,
            subject_code=case.subject_code,
            visit=case.visit,
            modality=self._room.cases[case].modality.value,
            first=first.name,
            second=second.name,
            first_ml=first.volume_ml,
            second_ml=second.volume_ml,
            **overlap,
        )

    def _overlap(
        self, case: Case, first: Labels | None, second: Labels | None
    ) -> dict[str, float | None]:
        """Overlap and distances; none where a mask is not at hand, or both are empty."""
        if first is None or second is None or not (first.any() or second.any()):
            return {}
        affine = load_volume(self._layout.infarct_mask(case)).affine
        distance = surface_distance(first > 0, second > 0, affine)
        return {
            "dice": known(dice(first, second)),
            "hd95_mm": known(distance.hd95_mm),
            "assd_mm": known(distance.assd_mm),
        }
