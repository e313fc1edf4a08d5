"""The last few cases that were shown, kept open: a stroke must not wait for an image."""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock

from corelab.review.denial import DenialCode, DeniedError
from corelab.review.scene import Scene, load_scene
from corelab.store.files import sha256_of
from corelab.store.layout import Layout
from corelab.vocab import Case, Modality

_KEPT = 2


class Scenes:
    """Opens what is shown of a case, if its image is the one that was assigned.

    Parameters
    ----------
    layout
        Where images lie.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._kept: OrderedDict[tuple[Case, str], Scene] = OrderedDict()
        self._turn = Lock()

    def of(self, case: Case, modality: Modality, image_sha256: str) -> Scene:
        """Return what is shown of a case.

        Raises
        ------
        DeniedError
            When its image is another one by now.
        """
        key = (case, image_sha256)
        with self._turn:
            if key not in self._kept:
                self.check_image(case, modality, image_sha256)
                self._kept[key] = load_scene(case, modality, self._layout)
            self._kept.move_to_end(key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    def check_image(self, case: Case, modality: Modality, image_sha256: str) -> None:
        """Refuse a case whose image is not what was assigned.

        Raises
        ------
        DeniedError
            When it is another one by now, or none.
        """
        path = self._layout.image(case, modality.contrast)
        if not path.is_file() or sha256_of(path) != image_sha256:
            raise image_changed()


def image_changed() -> DeniedError:
    """Return what a reader is told whose images were measured anew meanwhile."""
    return DeniedError(
        DenialCode.IMAGE_CHANGED,
        "The images of this read were changed after it was assigned, so that it cannot go on. "
        "What you saved is kept. Tell the data manager, and go back to your list.",
    )
