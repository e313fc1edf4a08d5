"""The pictures of docs/method.md: what the real kernels find on the way, on synthetic heads.

``python -m benchmarks.method_pictures [NAME ...]`` writes ``docs/images/method-*.png``. Nothing is
drawn that a kernel has not returned; known infarcts are shown where the method fails.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

import corelab
from corelab.kernels.contour import cover_plane, outer_outline, window_to_uint8
from corelab.kernels.midline import Midline, mirror, side_of
from corelab.kernels.orientation import orientation_of, to_ras
from corelab.kernels.reduction import interpolate
from corelab.phantom.anatomy import Head, draw_head
from corelab.phantom.ct import CtScan, scan_ct
from corelab.phantom.lesion import (
    Emboli,
    Side,
    Wedge,
    truth_fraction,
    with_blood,
    with_emboli,
    with_wedge,
)
from corelab.phantom.mr import MrScan, scan_diffusion
from corelab.phantom.planning import ct_grid, mr_grid
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.volume import Volume

FOLDER = Path(__file__).parents[1] / "docs" / "images"
SEED = 11
HEIGHT_PX, GAP_PX, CAPTION_PX = 300, 6, 20
PAPER, INK = (16, 16, 18), (238, 238, 238)
ORANGE, BLUE, GREEN, YELLOW, RED = (
    (255, 140, 0),
    (40, 170, 255),
    (90, 220, 120),
    (255, 214, 90),
    (255, 80, 80),
)
TINT = 0.45
HALF = 0.5
B_VALUE = 1000.0
AIR_HU = -200.0
LOW, MASK, HIGH = 3, 2, 1

Mask = NDArray[np.bool_]
Slice = NDArray[np.generic]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """One slice in a window, with lines around masks, areas tinted, and a caption."""

    image: Slice
    window: tuple[float, float]
    caption: str
    pixel_mm: tuple[float, float]
    lines: tuple[tuple[Mask, tuple[int, int, int]], ...] = ()
    tints: tuple[tuple[Mask, tuple[int, int, int]], ...] = ()


@contextmanager
def watched(**names: str) -> Iterator[SimpleNamespace]:
    """Keep what kernels return by the names given, as ``module:function``."""
    kept = SimpleNamespace()
    originals = []
    for name, place in names.items():
        module_name, function = place.split(":")
        module = import_module(module_name)
        original = getattr(module, function)
        originals.append((module, function, original))
        setattr(module, function, _keeping(kept, name, original))
    try:
        yield kept
    finally:
        for module, function, original in originals:
            setattr(module, function, original)


def _keeping(
    kept: SimpleNamespace, name: str, function: Callable[..., object]
) -> Callable[..., object]:
    def run(*args: object, **kwargs: object) -> object:
        result = function(*args, **kwargs)
        # The first call is the mask's own; later ones perturb it.
        if not hasattr(kept, name):
            setattr(kept, name, result)
        return result

    return run


def as_seen(plane: NDArray[np.generic]) -> NDArray[np.generic]:
    """Rows from front to back, columns from the patient's right to the left."""
    return np.ascontiguousarray(plane[::-1, ::-1].T)


def write(name: str, views: Sequence[View]) -> None:
    """Write views side by side."""
    tiles = [_drawn(view) for view in views]
    width = sum(tile.width for tile in tiles) + GAP_PX * (len(tiles) - 1)
    sheet = Image.new("RGB", (width, max(tile.height for tile in tiles)), PAPER)
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + GAP_PX
    path = FOLDER / f"method-{name}.png"
    sheet.quantize(palette=_palette(), dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


def _palette() -> Image.Image:
    """Greys, the lines' colours, and the greys they tint: few colours keep a page light."""
    greys = np.repeat(np.linspace(0, 255, 64)[:, np.newaxis], 3, axis=1)
    colours = np.array([ORANGE, BLUE, GREEN, YELLOW, RED], dtype=np.float64)
    tinted = TINT * colours[:, np.newaxis] + (1 - TINT) * greys[::4]
    palette = Image.new("P", (1, 1))
    palette.putpalette(
        np.concatenate([greys, colours, tinted.reshape(-1, 3)]).astype(np.uint8).tobytes()
    )
    return palette


def _drawn(view: View) -> Image.Image:
    low, high = view.window
    grey = as_seen(window_to_uint8(view.image, low=low, high=high))
    rows, columns = (
        HEIGHT_PX,
        round(HEIGHT_PX * grey.shape[1] * view.pixel_mm[0] / (grey.shape[0] * view.pixel_mm[1])),
    )
    scaled = Image.fromarray(grey).resize((columns, rows), Image.Resampling.BICUBIC)
    pixels = np.array(scaled.convert("RGB"))
    for mask, colour in view.tints:
        covered = cover_plane(as_seen(mask), (rows, columns))
        pixels[covered] = ((1 - TINT) * pixels[covered] + TINT * np.array(colour)).astype(np.uint8)
    for mask, colour in view.lines:
        pixels[outer_outline(cover_plane(as_seen(mask), (rows, columns)))] = colour
    tile = Image.new("RGB", (columns, rows + CAPTION_PX), PAPER)
    tile.paste(Image.fromarray(pixels), (0, CAPTION_PX))
    font = ImageFont.load_default(13)
    ImageDraw.Draw(tile).text((2, 2), view.caption, font=font, fill=INK)
    return tile


def _around(mask: Mask, spacing_mm: Sequence[float], margin_mm: float = 8.0) -> tuple[slice, slice]:
    found = [np.flatnonzero(mask.any(axis=(1 - axis, 2))) for axis in (0, 1)]
    return tuple(
        slice(max(0, int(at[0] - margin_mm / step)), int(at[-1] + margin_mm / step) + 1)
        for at, step in zip(found, spacing_mm, strict=False)
    )  # type: ignore[return-value] - two of them


def _largest_slice(mask: Mask) -> int:
    return int(mask.sum(axis=(0, 1)).argmax())


def _ras(volume: Volume) -> NDArray[np.generic]:
    return to_ras(volume.data, orientation_of(volume.affine))


def _truth(head: Head, grid: AcquisitionGrid) -> Mask:
    return np.asarray(_ras(grid.volume(sample(truth_fraction(head), grid))) >= HALF)


def ct_head() -> tuple[Volume, Mask]:
    """Head with a bleeding infarct of the middle cerebral artery, and where that is."""
    rng = np.random.default_rng(SEED)
    wedge = Wedge(volume_ml=55.0, side=Side.LEFT, rim_mm=3.0, shape_seed=5)
    head = with_blood(with_wedge(draw_head(rng), wedge), 7.0, rng)
    grid = ct_grid(head, rng)
    return scan_ct(head, grid, CtScan(), rng), _truth(head, grid)


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
    hu, brain = _ras(image), kept.brain
    pixel = image.spacing_mm[:2]
    levels = np.flatnonzero(brain.any(axis=(0, 1)))
    box = _around(np.asarray(hu > AIR_HU), image.spacing_mm, 2.0)
    write(
        "ct-brain",
        [
            View(
                image=hu[(*box, k)],
                window=(-20, 90),
                caption=f"slice {k + 1}",
                pixel_mm=pixel,
                lines=((brain[(*box, k)], GREEN),),
            )
            for k in levels[
                [len(levels) // 8, len(levels) // 3, len(levels) // 2, -len(levels) // 5]
            ]
        ],
    )
    tissue, midline = kept.scan.tissue, kept.scan.midline
    k, step = _largest_slice(kept.outline.mask), tissue.spacing_mm
    pixel = step[:2]
    mirrored = mirror(tissue.hu, midline, step)
    grown = np.any([region.mask for region in kept.findings.regions], axis=0)
    shown = {"window": (15.0, 55.0), "pixel_mm": pixel}
    write(
        "ct-tissue",
        [
            View(
                image=tissue.hu[:, :, k],
                caption="density and plane",
                **shown,
                tints=((_plane_line(midline, tissue.hu.shape, step)[:, :, k], YELLOW),) * 4,
            ),
            View(image=mirrored[:, :, k], caption="mirrored", **shown),
            View(
                image=tissue.hu[:, :, k],
                caption="fluid, blood",
                **shown,
                tints=((tissue.fluid[:, :, k], BLUE), (tissue.bright[:, :, k], RED)),
            ),
            View(
                image=tissue.hu[:, :, k],
                caption="where seeds may lie",
                **shown,
                tints=((kept.scan.deep[:, :, k], GREEN),),
            ),
        ],
    )
    ratio = kept.findings.ratio
    wide = interpolate(ratio.wide, ratio.coarse.factors, ratio.seed.shape)
    wide = np.where(tissue.brain & ~tissue.fluid, wide, 1)
    maps = {"window": (0.6, 1.1), "pixel_mm": pixel}
    write(
        "ct-ratio",
        [
            View(image=ratio.seed[:, :, k], caption="to the mirror, 5 mm", **maps),
            View(image=wide[:, :, k], caption="mirror and level, 8 mm", **maps),
            View(image=ratio.border[:, :, k], caption="mirror and level, 3 mm", **maps),
            View(
                image=ratio.border[:, :, k],
                caption="grown to half its depth",
                **maps,
                lines=((grown[:, :, k], YELLOW),),
            ),
        ],
    )
    outline = kept.outline
    near = _around(outline.high, step, 14.0)
    cut = (*near, k)
    zoomed = {"image": tissue.hu[cut], "window": (10.0, 60.0), "pixel_mm": pixel}
    write(
        "ct-border",
        [
            View(caption="density", **zoomed),
            View(caption="grown", lines=((grown[cut], YELLOW),), **zoomed),
            View(
                caption="outline, blood",
                lines=((outline.mask[cut], ORANGE), (outline.blood[cut], BLUE)),
                **zoomed,
            ),
            View(
                caption="low and high",
                lines=((outline.low[cut], GREEN), (outline.high[cut], RED)),
                **zoomed,
            ),
        ],
    )


def _plane_line(midline: Midline, shape: tuple[int, ...], step: Sequence[float]) -> Mask:
    return np.asarray(np.abs(side_of(midline, shape, step)) < step[0] / 2)


def dwi_head(scan: MrScan, lesion: Callable[[Head], Head]) -> tuple[Volume, Volume, Volume, Mask]:
    """Trace, ADC and b0 of a head, and where its infarct is."""
    rng = np.random.default_rng(SEED)
    head = lesion(draw_head(rng))
    grid = mr_grid(head, rng)
    images = scan_diffusion(head, grid, scan, rng)
    return images.trace, images.adc, images.b0, _truth(head, grid)


def _dwi_lesion(head: Head) -> Head:
    wedge = Wedge(volume_ml=25.0, side=Side.RIGHT, rim_mm=3.0, shape_seed=5, effacement=0.2)
    return with_wedge(head, wedge)


def dwi_steps() -> None:
    """Images and brain, evidence, border."""
    trace, adc, b0, _ = dwi_head(MrScan(), _dwi_lesion)
    with watched(
        brain="corelab.stages.segment:brain_mask_mr",
        contrast="corelab.kernels.infarct_dwi:diffusion_contrast",
        evidence="corelab.kernels.infarct_dwi:gather_evidence",
        seeds="corelab.kernels.infarct_dwi:find_seeds",
        mask="corelab.kernels.infarct_dwi:accept",
    ) as kept:
        made = corelab.segment_dwi(trace, adc, b0, b_value_s_mm2=B_VALUE)
    brain, signal = kept.brain, _ras(trace)
    levels = _ras(made.nested)
    k = _largest_slice(np.asarray(levels >= MASK))
    box = _around(brain, trace.spacing_mm, 16.0)
    pixel = trace.spacing_mm[:2]
    white = float(np.percentile(signal[brain], 99.7))
    units = float(np.median(_ras(adc)[brain])) / 0.8
    line = ((brain[(*box, k)], GREEN),)
    write(
        "dwi-brain",
        [
            View(
                image=signal[(*box, k)],
                window=(0, white),
                caption="trace",
                pixel_mm=pixel,
                lines=line,
            ),
            View(
                image=_ras(b0)[(*box, k)],
                window=(0, 2.2 * float(np.median(_ras(b0)[brain]))),
                caption="b0",
                pixel_mm=pixel,
                lines=line,
            ),
            View(
                image=_ras(adc)[(*box, k)],
                window=(0, 2.0 * units),
                caption="ADC",
                pixel_mm=pixel,
                lines=line,
            ),
        ],
    )
    contrast, evidence = kept.contrast, kept.evidence
    inner = np.flatnonzero(brain.any(axis=(0, 1)))[0] - 1
    c = k - max(int(inner), 0)
    write(
        "dwi-evidence",
        [
            View(
                image=contrast.signal[:, :, c],
                window=(0.4, 2.6),
                caption="over healthy level",
                pixel_mm=pixel,
            ),
            View(
                image=evidence.reference[:, :, c],
                window=(0.4, 2.6),
                caption="expected, mirrored",
                pixel_mm=pixel,
            ),
            View(
                image=evidence.excess[:, :, c],
                window=(-2, 8),
                caption="above the other side",
                pixel_mm=pixel,
            ),
            View(
                image=contrast.adc_ratio[:, :, c],
                window=(0.4, 1.6),
                caption="ADC over patient's",
                pixel_mm=pixel,
            ),
        ],
    )
    near = _around(np.asarray(levels >= HIGH), trace.spacing_mm, 14.0)
    small = _around(kept.mask, trace.spacing_mm, 14.0)
    zoomed = {"image": signal[(*near, k)], "window": (0, white), "pixel_mm": pixel}
    write(
        "dwi-border",
        [
            View(
                image=contrast.signal[(*small, c)],
                window=(0.4, 2.6),
                caption="seeds",
                pixel_mm=pixel,
                tints=((kept.seeds[(*small, c)], YELLOW),),
            ),
            View(caption="mask", lines=(((levels >= MASK)[(*near, k)], ORANGE),), **zoomed),
            View(
                caption="low and high",
                lines=(((levels >= LOW)[(*near, k)], GREEN), ((levels >= HIGH)[(*near, k)], RED)),
                **zoomed,
            ),
        ],
    )


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
        name=name, image=image, window=(15, 55), found=made.infarct, truth=_truth(head, grid)
    )


def dwi_case(name: str, scan: MrScan, lesion: Callable[[Head], Head]) -> Case:
    """Segment a diffusion scan of a head."""
    trace, adc, b0, truth = dwi_head(scan, lesion)
    made = corelab.segment_dwi(trace, adc, b0, b_value_s_mm2=scan.b_value_s_mm2)
    print(name, *made.record.flags)
    white = float(np.percentile(_ras(trace)[_ras(made.brain) > 0], 99.7))
    return Case(name=name, image=trace, window=(0, white), found=made.infarct, truth=truth)


def _failure(name: str, cases: Sequence[Case]) -> None:
    views = []
    for case in cases:
        found, image = _ras(case.found) > 0, _ras(case.image)
        each_ml = float(np.prod(case.image.spacing_mm)) / 1000
        found_ml, truth_ml = found.sum() * each_ml, case.truth.sum() * each_ml
        k = _largest_slice(case.truth if case.truth.any() else found)
        box = _around(image > 0.3 * case.window[1], case.image.spacing_mm, 2.0)
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


def _wedge(volume_ml: float, *sides: Side, seed: int = 5) -> Callable[[Head], Head]:
    def lesion(head: Head) -> Head:
        for side in sides:
            head = with_wedge(
                head, Wedge(volume_ml=volume_ml, side=side, rim_mm=3.0, shape_seed=seed)
            )
        return head

    return lesion


def _embolus(volume_ml: float) -> Callable[[Head], Head]:
    emboli = Emboli(volume_ml=volume_ml, side=Side.LEFT, count=1, rim_mm=2.0, shape_seed=3)
    return lambda head: with_emboli(head, emboli)


def ct_failures() -> None:
    """Infarcts of both sides alike, faint ones and small ones."""
    _failure(
        "ct-failures",
        [
            ct_case("both sides", CtScan(), _wedge(40.0, Side.LEFT, Side.RIGHT)),
            ct_case("faint", CtScan(infarct_hu=29.5), _wedge(12.0, Side.LEFT)),
            ct_case("small", CtScan(), _embolus(1.2)),
        ],
    )


def dwi_failures() -> None:
    """Late infarcts whose hours are not known, and specks."""
    late = MrScan(infarct_adc_mm2_s=0.95e-3, infarct_b0=1.25)
    _failure(
        "dwi-failures",
        [
            dwi_case("day 9, hours unknown", late, _dwi_lesion),
            dwi_case("both sides", MrScan(), _wedge(20.0, Side.LEFT, Side.RIGHT)),
            dwi_case("speck", MrScan(), _embolus(0.04)),
        ],
    )


PICTURES = {
    "ct": ct_steps,
    "dwi": dwi_steps,
    "ct-failures": ct_failures,
    "dwi-failures": dwi_failures,
}


def main() -> None:
    """Write those named, or all."""
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()


if __name__ == "__main__":
    main()
