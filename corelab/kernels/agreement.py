"""Agreement of two sets of measurements of the same cases."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.intraclass import icc_absolute
from corelab.kernels.limits import limits_of_agreement


class Agreement(NamedTuple):
    """How two measurements of the same cases agree.

    Attributes
    ----------
    n : int
        Cases.
    bias, lower_limit, upper_limit : float
        Mean difference (second minus first) and the 95 % limits of agreement, in the unit of
        the measurements. Bland and Altman, Lancet 1986;1:307.
    icc_2_1 : float
        Two-way random effects, single measurement, absolute agreement.
        Shrout and Fleiss, Psychol Bull 1979;86:420, case 2.
    """

    n: int
    bias: float
    lower_limit: float
    upper_limit: float
    icc_2_1: float


def agreement(first: NDArray[np.float64], second: NDArray[np.float64]) -> Agreement:
    """Bias, limits of agreement and ICC(2,1) of two measurements of the same cases.

    Parameters
    ----------
    first, second : (N,) array
        One value a case, none missing.

    Raises
    ------
    ValueError
        When there are fewer than three cases, the lengths differ or a value is no number.
    """
    found = limits_of_agreement(first, second)
    return Agreement(
        n=found.n,
        bias=found.bias.value,
        lower_limit=found.lower.value,
        upper_limit=found.upper.value,
        icc_2_1=icc_absolute(np.stack([first, second], axis=1)).value,
    )
