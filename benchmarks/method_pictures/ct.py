"""The steps of the NCCT method, a picture each: brain, tissues, ratio, border."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np

import corelab
from benchmarks.method_pictures.heads import around, ct_head, largest_slice, ras
from benchmarks.method_pictures.sheet import BLUE, GREEN, ORANGE, RED, YELLOW, Mask, View, write
from benchmarks.method_pictures.watching import watched
from corelab.kernels.midline import Midline, mirror, side_of
from corelab.kernels.reduction import interpolate
from corelab.volume import Volume

AIR_HU = -200.0


def ct_steps() -> None:
    """Brain, plane and tissues, ratio, border."""
    image, _ = ct_head()
    with watched(
        brain="corelab.stages.segment:brain_mask_ct",
        scan="corelab.kernels.infarct_ct:prepare_scan",
        findings="corelab.kernels.infarct_ct:find_regions",
        outline="corelab.kernels.infarct_ct:outline_infarct",
    ) as kept:
        corelab.segment_ct(image)
    k = largest_slice(kept.outline.mask)
    write("ct-brain", _brain(image, kept.brain))
    write("ct-tissue", _tissue(kept, k))
    write("ct-ratio", _ratio(kept, k))
    write("ct-border", _border(kept, k))


def _brain(image: Volume, brain: Mask) -> list[View]:
    hu, levels = ras(image), np.flatnonzero(brain.any(axis=(0, 1)))
    box = around(np.asarray(hu > AIR_HU), image.spacing_mm, 2.0)
    count = len(levels)
    return [
        View(
            image=hu[(*box, k)],
            window=(-20, 90),
            caption=f"slice {k + 1}",
            pixel_mm=image.spacing_mm[:2],
            lines=((brain[(*box, k)], GREEN),),
        )
        for k in levels[[count // 8, count // 3, count // 2, -count // 5]]
    ]


def _tissue(kept: SimpleNamespace, k: int) -> list[View]:
    tissue, midline = kept.scan.tissue, kept.scan.midline
    step = tissue.spacing_mm
    plane = _plane_line(midline, tissue.hu.shape, step)[:, :, k]
    mirrored = mirror(tissue.hu, midline, step)[:, :, k]
    hu, shown = tissue.hu[:, :, k], {"window": (15.0, 55.0), "pixel_mm": step[:2]}
    parts = ((tissue.fluid[:, :, k], BLUE), (tissue.bright[:, :, k], RED))
    deep = ((kept.scan.deep[:, :, k], GREEN),)
    return [
        View(image=hu, caption="density and plane", tints=((plane, YELLOW),) * 4, **shown),
        View(image=mirrored, caption="mirrored", **shown),
        View(image=hu, caption="fluid, blood", tints=parts, **shown),
        View(image=hu, caption="where seeds may lie", tints=deep, **shown),
    ]


def _ratio(kept: SimpleNamespace, k: int) -> list[View]:
    ratio, grown = kept.findings.ratio, ((_grown(kept)[:, :, k], YELLOW),)
    maps = {"window": (0.6, 1.1), "pixel_mm": kept.scan.tissue.spacing_mm[:2]}
    border = ratio.border[:, :, k]
    tissue = kept.scan.tissue
    wide = interpolate(ratio.wide, ratio.coarse.factors, ratio.seed.shape)[:, :, k]
    wide = np.where((tissue.brain & ~tissue.fluid)[:, :, k], wide, 1)
    return [
        View(image=ratio.seed[:, :, k], caption="to the mirror, 5 mm", **maps),
        View(image=wide, caption="mirror and level, 8 mm", **maps),
        View(image=border, caption="mirror and level, 3 mm", **maps),
        View(image=border, caption="grown to half its depth", lines=grown, **maps),
    ]


def _border(kept: SimpleNamespace, k: int) -> list[View]:
    outline, step = kept.outline, kept.scan.tissue.spacing_mm
    cut = (*around(outline.high, step, 14.0), k)
    hu = kept.scan.tissue.hu[cut]
    zoomed = {"image": hu, "window": (10.0, 60.0), "pixel_mm": step[:2]}
    drawn = ((outline.mask[cut], ORANGE), (outline.blood[cut], BLUE))
    ends = ((outline.low[cut], GREEN), (outline.high[cut], RED))
    return [
        View(caption="density", **zoomed),
        View(caption="grown", lines=((_grown(kept)[cut], YELLOW),), **zoomed),
        View(caption="outline, blood", lines=drawn, **zoomed),
        View(caption="low and high", lines=ends, **zoomed),
    ]


def _grown(kept: SimpleNamespace) -> Mask:
    return np.asarray(np.any([region.mask for region in kept.findings.regions], axis=0))


def _plane_line(midline: Midline, shape: tuple[int, ...], step: Sequence[float]) -> Mask:
    return np.asarray(np.abs(side_of(midline, shape, step)) < step[0] / 2)
