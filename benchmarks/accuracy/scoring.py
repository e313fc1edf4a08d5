"""One method's finding on one head beside the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.accuracy.head import TrueHead
from benchmarks.accuracy.peers import PEERS
from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.infarct_dwi import DwiParameters
from corelab.stages.measure import measurement_of, volume_ml
from corelab.stages.segment import Segmentation, segment_ct, segment_dwi
from corelab.vocab import Contrast, Modality, QcFlag

Mask = NDArray[np.bool_]

OURS = "corelab"
CEILING = "truth on the grid"
_TOUCHING = np.ones((3, 3, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How one method did on one head.

    Parameters
    ----------
    method, head
        Which method, and on what.
    found_ml
        Its volume.
    low_ml, high_ml
        Its sensitivity range; the volume itself for methods without one.
    dice
        Overlap with the voxels of which at least half is infarct; 1 where both are empty.
    n_false
        Pieces that hold no voxel of which a tenth is infarct.
    n_pieces, n_pieces_found
        Pieces of the truth, and how many of them the method touches.
    flags
        Why a reader must look.
    refusal
        Why nothing was measured; the overlap counts as 0 then, and the volumes say nothing.
    """

    method: str
    head: TrueHead
    found_ml: float
    low_ml: float
    high_ml: float
    dice: float
    n_false: int
    n_pieces: int
    n_pieces_found: int
    flags: tuple[QcFlag, ...] = ()
    refusal: ReasonCode | None = None

    @property
    def true_ml(self) -> float:
        """Exact volume."""
        return self.head.infarct_ml

    @property
    def error_ml(self) -> float:
        """Found minus true."""
        return self.found_ml - self.true_ml

    @property
    def relative_error(self) -> float:
        """Size of the error as a share of the truth, which must not be 0."""
        return abs(self.error_ml) / self.true_ml

    @property
    def is_found(self) -> bool:
        """Whether any of the infarct was found."""
        return self.n_pieces_found > 0

    @property
    def is_covered(self) -> bool:
        """Whether the truth lies in the sensitivity range."""
        return self.low_ml <= self.true_ml <= self.high_ml


def segment_head(head: TrueHead) -> Segmentation:
    """Segment as the product does."""
    if head.modality is Modality.NCCT:
        return segment_ct(head.image)
    return segment_dwi(
        head.image,
        head.images.get(Contrast.ADC),
        head.images.get(Contrast.B0),
        b_value_s_mm2=head.b_value_s_mm2,
        flair=head.images.get(Contrast.FLAIR),
        parameters=DwiParameters(hours_from_onset=head.hours),
    )


def scores_of(head: TrueHead) -> list[Score]:
    """Ours, every peer and the ceiling on one head; no peer where ours refuses the head."""
    try:
        made = segment_head(head)
    except UnfitDataError as error:
        return [_refused(head, error.reason), score(CEILING, head, head.truth)]
    measured = measurement_of(labels=made.infarct, nested=made.nested, brain=made.brain)
    ours = score(
        OURS,
        head,
        np.asarray(made.infarct.data) != 0,
        range_ml=(measured.infarct_volume_low_ml, measured.infarct_volume_high_ml),
        flags=made.record.flags,
    )
    brain = np.asarray(made.brain.data) != 0
    peers = [score(name, head, rule(head, brain)) for name, rule in PEERS[head.modality].items()]
    return [ours, *peers, score(CEILING, head, head.truth)]


def _refused(head: TrueHead, reason: ReasonCode) -> Score:
    return Score(
        method=OURS,
        head=head,
        found_ml=math.nan,
        low_ml=math.nan,
        high_ml=math.nan,
        dice=0.0,
        n_false=0,
        n_pieces=ndimage.label(head.truth, _TOUCHING)[1],
        n_pieces_found=0,
        refusal=reason,
    )


def score(
    method: str,
    head: TrueHead,
    mask: Mask,
    *,
    range_ml: tuple[float, float] | None = None,
    flags: tuple[QcFlag, ...] = (),
) -> Score:
    """Compare one mask with the truth.

    Parameters
    ----------
    method, head
        Whose mask, and of what.
    mask : (I, J, K) bool array
        On the head's own grid.
    range_ml
        Low and high volume.
    flags
        Why a reader must look.
    """
    found_ml = volume_ml(head.image.with_data(mask))
    low_ml, high_ml = range_ml or (found_ml, found_ml)
    truth = head.truth
    found_pieces, n_found = ndimage.label(mask, _TOUCHING)
    true_pieces, n_pieces = ndimage.label(truth, _TOUCHING)
    return Score(
        method=method,
        head=head,
        found_ml=found_ml,
        low_ml=low_ml,
        high_ml=high_ml,
        dice=dice(mask, truth),
        n_false=n_found - _n_labels(found_pieces[head.touched]),
        n_pieces=n_pieces,
        n_pieces_found=_n_labels(true_pieces[mask]),
        flags=flags,
    )


def dice(one: Mask, other: Mask) -> float:
    """Overlap of two masks, 1 where both are empty."""
    both = int(np.count_nonzero(one)) + int(np.count_nonzero(other))
    return 2 * int(np.count_nonzero(one & other)) / both if both else 1.0


def _n_labels(labels: NDArray[np.integer]) -> int:
    return len(np.setdiff1d(np.unique(labels), [0]))
