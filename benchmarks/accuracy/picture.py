"""Some of the heads side by side, the truth and what was found outlined."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from benchmarks.accuracy.head import TrueHead
from corelab.kernels.orientation import orientation_of, to_ras
from corelab.vocab import Modality

COLUMNS = 6
_INCHES = 2.1
_DOTS_PER_INCH = 100
_WINDOW_HU = (0.0, 80.0)
# Sky blue and orange stay apart in every common colour blindness.
_TRUE_COLOUR, _FOUND_COLOUR = "#28aaff", "#ff8c00"


def heads_png(shown: Sequence[tuple[TrueHead, NDArray[np.bool_]]]) -> bytes:
    """One slice of each head, where its infarct is largest, as PNG bytes.

    Parameters
    ----------
    shown
        Heads and what was found on them, masks on the heads' own grids.
    """
    rows = -(-len(shown) // COLUMNS)
    figure = Figure(
        figsize=(COLUMNS * _INCHES, rows * (_INCHES + 0.25)),
        layout="constrained",
        facecolor="black",
    )
    panes = np.ravel(figure.subplots(rows, COLUMNS))
    for pane in panes:
        pane.set_axis_off()
    for pane, (head, mask) in zip(panes, shown, strict=False):
        orientation = orientation_of(head.image.affine)
        image, truth, found = (
            to_ras(values, orientation)
            for values in (np.asarray(head.image.data), head.truth, mask)
        )
        k = _slice(truth, found)
        # The patient's right on the picture's left, front up.
        flat = [np.flipud(values[::-1, :, k].T[:, ::-1]) for values in (image, truth, found)]
        low, high = _window(head, image)
        spacing = [head.image.spacing_mm[axis] for axis in orientation.axes]
        pane.imshow(flat[0], cmap="gray", vmin=low, vmax=high, aspect=spacing[1] / spacing[0])
        for values, colour in ((flat[1], _TRUE_COLOUR), (flat[2], _FOUND_COLOUR)):
            if values.any():
                pane.contour(values, levels=[0.5], colors=[colour], linewidths=0.9)
        pane.set_title(_caption(head), color="0.85", fontsize=7)
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return stream.getvalue()


def _slice(truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> int:
    for mask in (truth, found):
        areas = mask.sum(axis=(0, 1))
        if areas.any():
            return int(np.argmax(areas))
    return int(0.6 * truth.shape[2])


def _window(head: TrueHead, image: NDArray[np.generic]) -> tuple[float, float]:
    if head.modality is Modality.NCCT:
        return _WINDOW_HU
    return 0.0, float(np.percentile(image.astype(np.float32), 99.7))


def _caption(head: TrueHead) -> str:
    if not head.infarct_ml:
        return f"{head.modality.value}, no infarct"
    kind = str(head.tags.get("kind", "")).replace("_", " ").replace("mca", "MCA")
    return f"{head.modality.value}, {kind}, {head.infarct_ml:.1f} mL"
