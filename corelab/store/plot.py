"""The matplotlib door: plots for people, the same bytes on every run."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from corelab.kernels.agreement import Agreement

_FIGURE_INCHES = (11.0, 5.0)
_DOTS_PER_INCH = 110


def bland_altman_png(
    reference_ml: NDArray[np.float64], measured_ml: NDArray[np.float64], found: Agreement
) -> bytes:
    """Scatter and Bland-Altman plot of two sets of volumes, as PNG bytes.

    Parameters
    ----------
    reference_ml, measured_ml : (N,) array
        Volumes of the same cases, mL.
    found
        Their agreement.
    """
    figure = Figure(figsize=_FIGURE_INCHES, layout="constrained")
    scatter, differences = figure.subplots(1, 2)
    top = float(max(reference_ml.max(), measured_ml.max(), 1.0)) * 1.05
    scatter.plot([0, top], [0, top], color="0.6", linewidth=1)
    scatter.plot(reference_ml, measured_ml, "o", color="tab:blue", markersize=5)
    scatter.set(xlabel="reference, mL", ylabel="measured, mL", xlim=(0, top), ylim=(0, top))
    scatter.set_title(f"ICC(2,1) {found.icc_2_1:.3f}, n = {found.n}")
    mean_ml, difference_ml = (reference_ml + measured_ml) / 2, measured_ml - reference_ml
    differences.plot(mean_ml, difference_ml, "o", color="tab:blue", markersize=5)
    for value, style in (
        (found.bias, "-"),
        (found.lower_limit, "--"),
        (found.upper_limit, "--"),
    ):
        differences.axhline(value, color="tab:red", linestyle=style, linewidth=1)
        differences.annotate(
            f"{value:+.1f}",
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(-4, 3),
            textcoords="offset points",
            ha="right",
            fontsize=9,
        )
    differences.set(xlabel="mean of both, mL", ylabel="measured - reference, mL")
    differences.set_title("bias and 95 % limits of agreement")
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return stream.getvalue()
