"""Heads in which a method is wrong: what it found beside what there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

import corelab
from benchmarks.method_pictures.heads import (
    SEED,
    around,
    dwi_head,
    embolus,
    largest_slice,
    mr_wedge,
    ras,
    truth_of,
    wedges,
)
from benchmarks.method_pictures.sheet import GREEN, ORANGE, Mask, View, write
from corelab.phantom.anatomy import Head, draw_head
from corelab.phantom.ct import CtScan, scan_ct
from corelab.phantom.lesion import Side
from corelab.phantom.mr import MrScan
from corelab.phantom.planning import ct_grid
from corelab.volume import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A head in which the method is wrong: image, what it found and what there is."""

    name: str
    image: Volume
    window: tuple[float, float]
    found: Volume
    truth: Mask


def ct_case(name: str, scan: CtScan, lesion: Callable[[Head], Head], step_mm: float = 5.0) -> Case:
    """Segment a CT of a head."""
    rng = np.random.default_rng(SEED)
    head = lesion(draw_head(rng))
    grid = ct_grid(head, rng, step_mm=step_mm)
    image = scan_ct(head, grid, scan, rng)
    made = corelab.segment_ct(image)
    print(name, *made.record.flags)
    return Case(
        name=name, image=image, window=(15, 55), found=made.infarct, truth=truth_of(head, grid)
    )


def dwi_case(name: str, scan: MrScan, lesion: Callable[[Head], Head]) -> Case:
    """Segment a diffusion scan of a head."""
    trace, adc, b0, truth = dwi_head(scan, lesion)
    made = corelab.segment_dwi(trace, adc, b0, b_value_s_mm2=scan.b_value_s_mm2)
    print(name, *made.record.flags)
    white = float(np.percentile(ras(trace)[ras(made.brain) > 0], 99.7))
    return Case(name=name, image=trace, window=(0, white), found=made.infarct, truth=truth)


def _failure(name: str, cases: Sequence[Case]) -> None:
    views = []
    for case in cases:
        found, image = ras(case.found) > 0, ras(case.image)
        each_ml = float(np.prod(case.image.spacing_mm)) / 1000
        found_ml, truth_ml = found.sum() * each_ml, case.truth.sum() * each_ml
        k = largest_slice(case.truth if case.truth.any() else found)
        box = around(image > 0.3 * case.window[1], case.image.spacing_mm, 2.0)
        views.append(
            View(
                image=image[(*box, k)],
                window=case.window,
                caption=f"{case.name}: {found_ml:.3g} of {truth_ml:.3g} mL",
                pixel_mm=case.image.spacing_mm[:2],
                lines=((case.truth[(*box, k)], GREEN), (found[(*box, k)], ORANGE)),
            )
        )
    write(name, views)


def ct_failures() -> None:
    """Infarcts of both sides alike, faint ones and small ones."""
    _failure(
        "ct-failures",
        [
            ct_case("both sides", CtScan(), wedges(40.0, Side.LEFT, Side.RIGHT)),
            ct_case("faint", CtScan(infarct_hu=29.5), wedges(12.0, Side.LEFT)),
            ct_case("small", CtScan(), embolus(1.2)),
        ],
    )


def dwi_failures() -> None:
    """Late infarcts whose hours are not known, and specks."""
    late = MrScan(infarct_adc_mm2_s=0.95e-3, infarct_b0=1.25)
    _failure(
        "dwi-failures",
        [
            dwi_case("day 9, hours unknown", late, mr_wedge),
            dwi_case("both sides", MrScan(), wedges(20.0, Side.LEFT, Side.RIGHT)),
            dwi_case("speck", MrScan(), embolus(0.04)),
        ],
    )
