"""Series to blinded volumes: decode, join, release through the airlock, save."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.release import release
from corelab.dicom.pixels import load
from corelab.directions import n_directions_of
from corelab.kernels.diffusion import geometric_mean
from corelab.series import CasePlan, PlannedImage, SeriesKind, Stack
from corelab.store.image import save_image
from corelab.store.layout import Layout
from corelab.vocab import Contrast, Derivation
from corelab.volume import Volume


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
    for image in plan.images:
        save_image(layout.image(plan.case, image.contrast), _released(image))
    return tuple(image.contrast for image in plan.images)


def _released(image: PlannedImage) -> Volume:
    if image.derivation is Derivation.AS_DELIVERED:
        (source,) = image.sources
        return release(load(source))
    return release(
        _joined(image), derivation=image.derivation, n_directions=n_directions_of(image.sources)
    )


def _joined(image: PlannedImage) -> Stack:
    """Trace image of several directions, held in memory one at a time."""
    decoders: set[str] = set()
    has_bits_outside: set[bool] = set()

    def values() -> Iterator[NDArray[np.generic]]:
        for source in image.sources:
            stack = load(source)
            decoders.add(stack.decoder)
            has_bits_outside.add(stack.has_bits_outside)
            yield stack.data

    data = geometric_mean(values())
    trace = replace(
        image.sources[0],
        kind=SeriesKind.TRACE,
        b_value_s_mm2=image.b_value_s_mm2,
        gradient=(),
        is_lossy=any(source.is_lossy for source in image.sources),
    )
    return Stack(
        series=trace,
        data=data,
        decoder="; ".join(sorted(decoders)),
        has_bits_outside=any(has_bits_outside),
    )
