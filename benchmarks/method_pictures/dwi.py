"""The steps of the DWI method, a picture each: images and brain, evidence, border."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray

import corelab
from benchmarks.method_pictures.heads import (
    B_VALUE,
    around,
    dwi_head,
    largest_slice,
    mr_wedge,
    ras,
)
from benchmarks.method_pictures.sheet import GREEN, ORANGE, RED, YELLOW, Mask, View, write
from benchmarks.method_pictures.watching import watched
from corelab.phantom.mr import MrScan
from corelab.volume import Volume

LOW, MASK, HIGH = 3, 2, 1
WHITE_PERCENTILE = 99.7
RATIO, ADC_RATIO, EXCESS = (0.4, 2.6), (0.4, 1.6), (-2, 8)

Levels = NDArray[np.generic]


def dwi_steps() -> None:
    """Images and brain, evidence, border."""
    trace, adc, b0, _ = dwi_head(MrScan(), mr_wedge)
    with watched(
        brain="corelab.stages.segment:brain_mask_mr",
        contrast="corelab.kernels.infarct_dwi:diffusion_contrast",
        evidence="corelab.kernels.infarct_dwi:gather_evidence",
        seeds="corelab.kernels.infarct_dwi:find_seeds",
        mask="corelab.kernels.infarct_dwi:accept",
    ) as kept:
        made = corelab.segment_dwi(trace, adc, b0, b_value_s_mm2=B_VALUE)
    levels = ras(made.nested)
    k = largest_slice(np.asarray(levels >= MASK))
    write("dwi-brain", _brain((trace, b0, adc), kept.brain, k))
    first = max(int(np.flatnonzero(kept.brain.any(axis=(0, 1)))[0]) - 1, 0)
    write("dwi-evidence", _evidence(kept, k - first, trace.spacing_mm[:2]))
    write("dwi-border", [_seeds(kept, k - first, trace), *_border(trace, kept.brain, levels, k)])


def _brain(images: tuple[Volume, Volume, Volume], brain: Mask, k: int) -> list[View]:
    trace, b0, adc = images
    cut = (*around(brain, trace.spacing_mm, 16.0), k)
    whites = {
        "trace": _white(trace, brain),
        "b0": 2.2 * float(np.median(ras(b0)[brain])),
        "ADC": 2.5 * float(np.median(ras(adc)[brain])),
    }
    return [
        View(
            image=ras(image)[cut],
            window=(0, white),
            caption=name,
            pixel_mm=trace.spacing_mm[:2],
            lines=((brain[cut], GREEN),),
        )
        for image, (name, white) in zip(images, whites.items(), strict=True)
    ]


def _evidence(kept: SimpleNamespace, k: int, pixel_mm: tuple[float, float]) -> list[View]:
    contrast, evidence = kept.contrast, kept.evidence
    maps = (
        (contrast.signal, RATIO, "over healthy level"),
        (evidence.reference, RATIO, "expected, mirrored"),
        (evidence.excess, EXCESS, "above the other side"),
        (contrast.adc_ratio, ADC_RATIO, "ADC over patient's"),
    )
    return [
        View(image=values[:, :, k], window=window, caption=caption, pixel_mm=pixel_mm)
        for values, window, caption in maps
    ]


def _seeds(kept: SimpleNamespace, k: int, trace: Volume) -> View:
    cut = (*around(kept.mask, trace.spacing_mm, 14.0), k)
    return View(
        image=kept.contrast.signal[cut],
        window=RATIO,
        caption="seeds",
        pixel_mm=trace.spacing_mm[:2],
        tints=((kept.seeds[cut], YELLOW),),
    )


def _border(trace: Volume, brain: Mask, levels: Levels, k: int) -> list[View]:
    cut = (*around(np.asarray(levels >= HIGH), trace.spacing_mm, 14.0), k)
    smallest, mask, largest = (levels[cut] >= level for level in (LOW, MASK, HIGH))
    return [
        View(
            image=ras(trace)[cut],
            window=(0, _white(trace, brain)),
            caption=caption,
            pixel_mm=trace.spacing_mm[:2],
            lines=lines,
        )
        for caption, lines in (
            ("mask", ((mask, ORANGE),)),
            ("low and high", ((smallest, GREEN), (largest, RED))),
        )
    ]


def _white(trace: Volume, brain: Mask) -> float:
    return float(np.percentile(ras(trace)[brain], WHITE_PERCENTILE))
