"""Masks to pictures: the overlay mosaic that a reader and a QA reviewer look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from corelab.store.files import write_bytes
from corelab.store.layout import Layout
from corelab.store.mosaic_request import mosaic_request, request_of
from corelab.store.picture import Panel, draw_layers, draw_mosaic
from corelab.vocab import Read
from corelab.volume import Volume


def overlay(read: Read, layout: Layout) -> None:
    """Write the mosaic of a case from its images and masks on disk, and its two layers.

    Parameters
    ----------
    read
        Whose numbers and flags stand in the header.
    layout
        Where images and masks lie.
    """
    case = read.case
    layers = draw_layers(mosaic_request(read, layout))
    write_bytes(layout.mosaic(case), layers.mosaic_png)
    write_bytes(layout.thumbnail(case), layers.plain_webp)
    if layers.lines_png is not None:
        write_bytes(layout.outline(case), layers.lines_png)


def mosaic_of(
    *,
    panels: tuple[Panel, ...],
    labels: Volume,
    brain: NDArray[np.uint8],
    title: str,
    texts: tuple[str, str, str],
) -> NDArray[np.uint8]:
    """Draw a mosaic from what lies on one grid, (rows, columns, 3); parameters as of request_of."""
    return draw_mosaic(
        request_of(panels=panels, labels=labels, brain=brain, title=title, texts=texts)
    )
