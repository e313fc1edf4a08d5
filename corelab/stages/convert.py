"""Series to blinded volumes: decode, release through the airlock, save."""

from __future__ import annotations

from corelab.blinding.release import release
from corelab.dicom.pixels import load
from corelab.series import CasePlan
from corelab.store.image import save_image
from corelab.store.layout import Layout
from corelab.vocab import Contrast


def convert(plan: CasePlan, layout: Layout) -> tuple[Contrast, ...]:
    """Write every image of a case, blinded.

    Parameters
    ----------
    plan
        Which series the case is measured on.
    layout
        Where the images go.

    Returns
    -------
    tuple of Contrast
        What was written.

    Raises
    ------
    UnfitDataError
        When pixels cannot be decoded or a value may not cross.
    """
    for contrast, series in plan.images:
        save_image(layout.image(plan.case, contrast), release(load(series)))
    return tuple(contrast for contrast, _ in plan.images)
