"""Which mask a read shows: the reader's own draft, what was signed, or what it began with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.reading.records import HumanRead, OfferedCase, ReadKind
from corelab.review.denial import DenialCode, DeniedError
from corelab.review.scene import Scene
from corelab.review.scenes import image_changed
from corelab.store.files import sha256_of
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger
from corelab.store.ledger_mask import unpack_mask
from corelab.store.nifti import load_mask


class Masks:
    """Masks of reads, on the grid of their image.

    Parameters
    ----------
    layout
        Where automatic masks lie.
    ledger
        Where drafts and signed masks are.
    """

    def __init__(self, layout: Layout, ledger: Ledger) -> None:
        self._layout = layout
        self._ledger = ledger

    def of(self, read: HumanRead, offered: OfferedCase, scene: Scene) -> NDArray[np.uint8]:
        """Return the mask that a read shows, (I, J, K) array."""
        name = read.own_mask_sha256
        return self._first(read, offered, scene) if name is None else self.named(name)

    def named(self, sha256: str) -> NDArray[np.uint8]:
        """Return a mask of the ledger."""
        return unpack_mask(self._ledger.blob(sha256))

    def _first(self, read: HumanRead, offered: OfferedCase, scene: Scene) -> NDArray[np.uint8]:
        """Return the mask that a read begins with: whoever judges two of them begins with none."""
        if read.kind is ReadKind.ADJUDICATION:
            return np.zeros(scene.image.shape, dtype=np.uint8)
        if begins_otherwise(read, offered):
            raise DeniedError(
                DenialCode.STALE,
                "The mask that this read begins with was measured anew: load the read again.",
            )
        path = self._layout.infarct_mask(offered.case)
        if sha256_of(path) != offered.mask_sha256:
            raise image_changed()
        return load_mask(path, scene.image)


def begins_otherwise(read: HumanRead, offered: OfferedCase) -> bool:
    """Whether a read shows the mask that it began with, and that is another one by now.

    Nobody signs a mask that they have not seen: such a read is opened again.
    """
    is_first = read.kind is ReadKind.READ and read.own_mask_sha256 is None
    return is_first and read.first_mask_sha256 != offered.mask_sha256
