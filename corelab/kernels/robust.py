"""How far a number stands from its like, when some of the like are wrong themselves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Makes the median (mean) absolute deviation of a normal distribution its standard deviation.
MEDIAN_DEVIATION_SCALE = 1.482602
MEAN_DEVIATION_SCALE = 1.253314


def modified_z_scores(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance of each value from the median, in robust standard deviations.

    Parameters
    ----------
    values : (N,) float64 array

    Returns
    -------
    (N,) float64 array
        All 0 where every value is the same.

    Notes
    -----
    Iglewicz and Hoaglin, How to detect and handle outliers, 1993, who look at values beyond
    3.5. Where more than half of the values are equal, the mean absolute deviation takes the
    place of the median one, which is 0 there.
    """
    if values.size == 0:
        return np.zeros(0)
    away = values - np.median(values)
    spread = float(np.median(np.abs(away))) * MEDIAN_DEVIATION_SCALE
    if spread == 0:
        spread = float(np.mean(np.abs(away))) * MEAN_DEVIATION_SCALE
    return np.asarray(away / spread) if spread > 0 else np.zeros_like(away)
