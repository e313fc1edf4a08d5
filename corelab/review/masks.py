"""Which mask a read shows: the reader's own draft, what was signed, or what it began with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.reading.records import HumanRead, OfferedCase, ReadKind
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
        signed = next((s.signed.mask_sha256 for s in reversed(read.signatures)), None)
        name = read.draft_mask_sha256 or signed
        return self._first(read, offered, scene) if name is None else self.named(name)

    def named(self, sha256: str) -> NDArray[np.uint8]:
        """Return a mask of the ledger."""
        return unpack_mask(self._ledger.blob(sha256))

    def _first(self, read: HumanRead, offered: OfferedCase, scene: Scene) -> NDArray[np.uint8]:
        """Return the mask that a read begins with: whoever judges two of them begins with none."""
        if read.kind is ReadKind.ADJUDICATION:
            return np.zeros(scene.image.shape, dtype=np.uint8)
        path = self._layout.infarct_mask(offered.case)
        if sha256_of(path) != offered.mask_sha256:
            raise image_changed()
        return load_mask(path, scene.image)
