"""What every infarct segmentation returns, whatever the modality."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.vocab import Hemisphere, QcFlag


class Infarct(NamedTuple):
    """A segmented infarct and how far it moves when the method's choices move.

    Attributes
    ----------
    mask : (I, J, K) bool array
        The infarct, blood inside it included.
    blood : (I, J, K) bool array
        Blood inside the infarct, part of ``mask``.
    low, high : (I, J, K) bool array
        Smallest and largest mask under perturbed parameters; ``low`` lies in ``mask`` and
        ``mask`` in ``high``. A sensitivity range, not a confidence interval.
    hemisphere : Hemisphere
        Side, as the patient's own left and right.
    flags : tuple of QcFlag
        Why a reader must look.
    """

    mask: NDArray[np.bool_]
    blood: NDArray[np.bool_]
    low: NDArray[np.bool_]
    high: NDArray[np.bool_]
    hemisphere: Hemisphere
    flags: tuple[QcFlag, ...]
