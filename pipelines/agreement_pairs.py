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
from corelab.store.comparison import Comparison, LeftOut, Pairs, VolumePair, known
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger, read_ledger
from corelab.store.ledger_mask import unpack_mask
from corelab.store.nifti import load_volume
from corelab.store.record import load_read
from corelab.vocab import Case
from corelab.volume import Volume

AUTO, ACCEPTED = "auto", "accepted"

Labels = NDArray[np.uint8]


class _Assessment(NamedTuple):
    """What somebody says of a case: a volume, and its mask where it is at hand.

    Both are ``None`` where the scan was not assessable.
    """

    name: str
    volume_ml: float | None
    labels: Labels | None


def reading_pairs(layout: Layout) -> Pairs:
    """Every pair that the reads under OUT give; none where nobody reads.

    Of each read the version that stands is taken. Reads that found the scan not assessable have no
    volume: they are told as left out.

    Raises
    ------
    StoreError
        When the ledger or a mask cannot be read.
    """
    if not layout.ledger.exists():
        return Pairs()
    with read_ledger(layout.ledger) as ledger:
        found = list(_PairMaker(layout, ledger).pairs())
    return Pairs(
        pairs=tuple(one for one in found if isinstance(one, VolumePair)),
        left_out=tuple(one for one in found if isinstance(one, LeftOut)),
    )


class _PairMaker:
    """Pairs of the reads of one ledger."""

    def __init__(self, layout: Layout, ledger: Ledger) -> None:
        self._layout = layout
        self._ledger = ledger
        self._room = fold(ledger.entries())
        self._grid: tuple[Case, Volume | None] | None = None

    def pairs(self) -> Iterator[VolumePair | LeftOut]:
        """Pairs of every case that was not excluded, in the order of cases."""
        for case in sorted(self._room.cases.keys() - self._room.exclusions.keys()):
            reads = self._room.reads_of_case(case)
            yield from self._inter_reader(case, reads)
            yield from self._intra_reader(case, reads)
            yield from self._auto_accepted(case)

    def _inter_reader(
        self, case: Case, reads: Sequence[HumanRead]
    ) -> Iterator[VolumePair | LeftOut]:
        in_order = sorted(independent_of(reads), key=lambda read: read.reader)
        for one, other in combinations(in_order, 2):
            yield from self._of_reads(Comparison.INTER_READER, case, one, other)

    def _intra_reader(
        self, case: Case, reads: Sequence[HumanRead]
    ) -> Iterator[VolumePair | LeftOut]:
        first_of = {read.reader: read for read in independent_of(reads)}
        for repeat in reads:
            if repeat.purpose is Purpose.REPEAT and repeat.reader in first_of:
                first = first_of[repeat.reader]
                yield from self._of_reads(Comparison.INTRA_READER, case, first, repeat)

    def _auto_accepted(self, case: Case) -> Iterator[VolumePair | LeftOut]:
        found, grid = self._room.accepted(case), self._grid_of(case)
        if not isinstance(found, Accepted) or grid is None:
            return
        auto_ml = load_read(self._layout.read(case)).measurement.infarct_volume_ml
        # A mean of two readers has no mask of its own.
        masks = found.mask_sha256
        labels = self._labels(masks[0]) if len(masks) == 1 else None
        yield self._compared(
            Comparison.AUTO_ACCEPTED,
            case,
            _Assessment(AUTO, auto_ml, grid.data.astype(np.uint8)),
            _Assessment(ACCEPTED, found.infarct_volume_ml, labels),
        )

    def _of_reads(
        self, comparison: Comparison, case: Case, one: HumanRead, other: HumanRead
    ) -> Iterator[VolumePair | LeftOut]:
        assessments = [self._assessment(read) for read in (one, other)]
        first, second = assessments
        if first is not None and second is not None:
            yield self._compared(comparison, case, first, second)

    def _assessment(self, read: HumanRead) -> _Assessment | None:
        signed = read.standing
        if signed is None:
            return None
        labels = self._labels(signed.mask_sha256) if signed.mask_sha256 else None
        return _Assessment(read.reader, signed.infarct_volume_ml, labels)

    def _grid_of(self, case: Case) -> Volume | None:
        """Automatic mask of a case, read once for all its pairs, which follow each other."""
        if self._grid is None or self._grid[0] != case:
            self._grid = (case, self._read_grid(case))
        return self._grid[1]

    def _read_grid(self, case: Case) -> Volume | None:
        """Automatic mask of a case; ``None`` where OUT holds another image than was read."""
        path, offered = self._layout.read(case), self._room.cases[case]
        if not path.exists():
            return None
        is_same = load_read(path).sha256_of(offered.modality.contrast) == offered.image_sha256
        return load_volume(self._layout.infarct_mask(case)) if is_same else None

    def _labels(self, sha256: str) -> Labels:
        return unpack_mask(self._ledger.blob(sha256))

    def _compared(
        self, comparison: Comparison, case: Case, first: _Assessment, second: _Assessment
    ) -> VolumePair | LeftOut:
        modality = self._room.cases[case].modality.value
        if first.volume_ml is None or second.volume_ml is None:
            return LeftOut(
                comparison=comparison,
                subject_code=case.subject_code,
                visit=case.visit,
                modality=modality,
                first=first.name,
                second=second.name,
                is_first_assessable=first.volume_ml is not None,
                is_second_assessable=second.volume_ml is not None,
            )
        return VolumePair(
            comparison=comparison,
            subject_code=case.subject_code,
            visit=case.visit,
            modality=modality,
            first=first.name,
            second=second.name,
            first_ml=first.volume_ml,
            second_ml=second.volume_ml,
            **self._overlap(case, first.labels, second.labels),
        )

    def _overlap(
        self, case: Case, first: Labels | None, second: Labels | None
    ) -> dict[str, float | None]:
        """Overlap and distances; none where a mask is not at hand, or both are empty."""
        if first is None or second is None or not (first.any() or second.any()):
            return {}
        grid = self._grid_of(case)
        if grid is None:
            return {"dice": known(dice(first, second))}
        distance = surface_distance(first > 0, second > 0, grid.affine)
        return {
            "dice": known(dice(first, second)),
            "hd95_mm": known(distance.hd95_mm),
            "assd_mm": known(distance.assd_mm),
        }
