"""The ADC of a diffusion scan: as delivered, else computed from what was delivered.

Segmentation and measurement rest on one and the same map.
"""

from __future__ import annotations

import numpy as np

from corelab.kernels.diffusion import compute_adc
from corelab.vocab import ValueScale
from corelab.volume import Volume


def diffusivity(
    dwi: Volume,
    adc: Volume | None,
    b0: Volume | None,
    *,
    b_value_s_mm2: float | None,
    scale_to_mm2_s: float | None,
) -> Volume | None:
    """ADC in mm²/s on the grid of a trace image; ``None`` where there is and can be none.

    Parameters
    ----------
    dwi
        Trace image.
    adc
        As delivered.
    b0
        On the grid of ``dwi``. What does not say its b-value has 0.
    b_value_s_mm2
        Of ``dwi``.
    scale_to_mm2_s
        What turns the delivered ADC into mm²/s.
    """
    if adc is not None:
        if scale_to_mm2_s is None:
            return None
        return dwi.with_data(np.asarray(adc.data, np.float32) * np.float32(scale_to_mm2_s))
    if b0 is None or b_value_s_mm2 is None or not are_comparable(b0, dwi):
        return None
    weighting_s_mm2 = b_value_s_mm2 - _b_value(b0)
    return dwi.with_data(compute_adc(b0.data, dwi.data, weighting_s_mm2))


def are_comparable(one: Volume, other: Volume) -> bool:
    """Whether signals have one scale: Philips' displayed values are scaled image by image."""
    scales = {v.acquisition.value_scale for v in (one, other) if v.acquisition}
    return len(scales) < 2 or ValueScale.FLOATING_POINT not in scales  # noqa: PLR2004 - both


def _b_value(b0: Volume) -> float:
    return (b0.acquisition.b_value_s_mm2 or 0.0) if b0.acquisition else 0.0
