"""Text drawn into head images, and images without: how often each stops a series.

``python -m benchmarks.burned_in`` prints, by kind of letters, how many of a bank of images with
text are found, and how many of the images without text are stopped. With a number behind, every
so many-th way of drawing is taken. Heads are those of ``sample_data``; real scans are taken beside
them where they lie next to the repository.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from time import process_time
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from corelab.blinding.pixels import find_head
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.errors import UnfitDataError
from corelab.kernels.burned_in import burned_in_text
from corelab.series import SeriesKind, Stack

Plane = NDArray[np.integer | np.floating]
_LIKE = {SeriesKind.ADC: SeriesKind.TRACE}
REPOSITORY = Path(__file__).parents[1]
SAMPLE = REPOSITORY / "sample_data" / "incoming"
REAL = REPOSITORY.parent / "shared" / "data" / "dicom"
SIZES_PX = (8, 10, 12, 16, 20, 28, 40)
TEXTS = ("DOE^JANE", "24.06.2025 13:45", "St. Mary Hospital", "R")
BLURS_PX = (0.4, 0.6, 0.85, 1.2)
METAL_HU = (4000, 8000, 20000)
CLIP, CLIP_PX = 3071.0, 4
BELOW_CLIP = (255.0, 500.0, 1000.0)
"""White of texts under a clip, or what tissue reaches where that is more."""

SEED = 3
CT_SIDE, CT_SLICES = 512, 32
SMALLEST_SIDE = 96
"""Smaller slices have no room for a text."""

FONTS = (
    "built in",
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSans-ExtraLight.ttf",
    "DejaVuSerif.ttf",
    "LiberationSans-Regular.ttf",
)


class Edges(StrEnum):
    """How letters end."""

    SHARP = "sharp"
    SMOOTHED = "smoothed"


class Ground(StrEnum):
    """What letters stand on."""

    IMAGE = "image"
    BLACK_BOX = "black box"
    OUTLINE = "dark outline"
    BLACK_ON_WHITE_BOX = "black on a white box"


class Place(StrEnum):
    """Where letters stand."""

    CORNER = "corner"
    BRAIN = "brain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lettering:
    """How a text is drawn."""

    text: str
    font: str
    size_px: int
    edges: Edges
    ground: Ground
    place: Place


class Head(NamedTuple):
    """One slice, (rows, columns), and the value that white is drawn with."""

    values: Plane
    white: float


def letterings() -> Iterator[Lettering]:
    """Every way of drawing that the bank holds."""
    ways = itertools.product(TEXTS, FONTS, SIZES_PX, Edges, Ground, Place)
    for text, font, size, edges, ground, place in ways:
        if _has(font):
            yield Lettering(
                text=text, font=font, size_px=size, edges=edges, ground=ground, place=place
            )


def draw(head: Head, lettering: Lettering) -> Plane:
    """Copy of a slice with the text written into it."""
    values = head.values
    low = float(values.min())
    rows, columns = values.shape
    font = _font(lettering.font, lettering.size_px)
    box = [int(edge) for edge in font.getbbox(lettering.text)]
    at = (6, 6) if lettering.place is Place.CORNER else (columns // 3, rows // 2)
    ink, paper = Image.new("L", (columns, rows)), Image.new("L", (columns, rows))
    pen, brush = ImageDraw.Draw(ink), ImageDraw.Draw(paper)
    pen.fontmode = brush.fontmode = "1" if lettering.edges is Edges.SHARP else "L"
    pen.text(at, lettering.text, fill=255, font=font)
    if lettering.ground in (Ground.BLACK_BOX, Ground.BLACK_ON_WHITE_BOX):
        edges = (at[0] + box[0] - 3, at[1] + box[1] - 3, at[0] + box[2] + 3, at[1] + box[3] + 3)
        brush.rectangle(edges, fill=255)
    if lettering.ground is Ground.OUTLINE:
        brush.text(at, lettering.text, fill=255, font=font, stroke_width=1, stroke_fill=255)
    back, front = low, head.white
    if lettering.ground is Ground.BLACK_ON_WHITE_BOX:
        back, front = front, back
    drawn = values.astype(np.float64)
    for sheet, value in ((paper, back), (ink, front)):
        share = np.asarray(sheet, dtype=np.float64) / 255
        drawn += share * (value - drawn)
    return np.rint(drawn).astype(values.dtype)


def clipped(values: Plane) -> Plane:
    """Copy of a slice with an aneurysm clip: a few pixels at the top of what a scanner holds."""
    seen, (rows, columns) = values.copy(), values.shape
    top = max(CLIP, 8 * float(np.percentile(values, 99)))
    seen[rows // 3 : rows // 3 + CLIP_PX, columns // 2 : columns // 2 + CLIP_PX] = top
    return seen


def heads() -> list[Head]:
    """Slices to draw on: sample heads and, where there are any, real ones."""
    found = []
    for stack in _stacks(SAMPLE, REAL):
        values = cast("Plane", stack.data)
        is_ct = stack.series.modality == "CT"
        if min(values.shape[:2]) < SMALLEST_SIDE or not _shows_a_head(stack):
            continue
        whites = (3071.0, 32767.0) if is_ct else (4095.0, 32767.0)
        for number, k in enumerate((values.shape[2] // 5, values.shape[2] // 2)):
            found.append(Head(values[:, :, k].T, max(whites[number], float(values.max()))))
    return found


def _shows_a_head(stack: Stack) -> bool:
    kind = stack.series.kind
    try:
        # An ADC map's head is found elsewhere, but text is looked for in it too.
        find_head(replace(stack, series=replace(stack.series, kind=_LIKE.get(kind, kind))))
    except UnfitDataError:
        return False
    return True


def is_found(values: Plane) -> bool:
    """Whether a slice with text stops its series."""
    return burned_in_text(values.T[:, :, np.newaxis]).n_images > 0


def metal(plane: Plane, rng: np.random.Generator) -> Iterator[tuple[str, Plane]]:
    """Draw metal into copies of a CT slice, blurred as a scanner does and cut off at 3071 HU."""
    y, x = np.mgrid[:120, :120] - 60
    wire = np.hypot(x / rng.uniform(0.6, 1), y) - rng.integers(25, 50)
    shapes = {
        "clip": (np.abs(y) < 4) & (np.abs(x) < 20),  # noqa: PLR2004 - a third of a pixel each
        "coil": np.hypot(x, y) < rng.integers(8, 30),
        "wire": np.abs(wire) < 2,  # noqa: PLR2004
        "electrodes": np.hypot(x % 18 - 9, y) < rng.integers(3, 6),
        "screws": (np.abs(x % 14 - 7) < 3) & (np.abs(y) < 14),  # noqa: PLR2004
    }
    for (name, shape), blur_px, hu in itertools.product(shapes.items(), BLURS_PX, METAL_HU):
        fine = ndimage.gaussian_filter(shape.astype(np.float32), 3 * blur_px)
        seen = plane.astype(np.float32)
        top, left = (int(rng.integers(side // 3, side // 2)) for side in seen.shape)
        box = seen[top : top + 40, left : left + 40]
        box += hu * fine.reshape(40, 3, 40, 3).mean(axis=(1, 3))[: box.shape[0], : box.shape[1]]
        yield f"metal: {name}", np.clip(seen, -1024, 3071).astype(np.int16)


def saturated(plane: Plane, rng: np.random.Generator) -> Iterator[tuple[str, Plane]]:
    """Cut off copies of an MR slice, or noise in their air."""
    for share in (90, 97, 99, 99.8):
        yield "saturated MR", np.minimum(plane, np.percentile(plane, share))
    air = ndimage.gaussian_filter(plane, 2) < np.percentile(plane, 60)
    tissue = np.where(air, 0, plane / max(1.0, float(plane.max())) * 3000)
    for share in (0.01, 0.02, 0.05, 0.08, 0.12, 0.2, 0.3, 0.4, 0.5):
        draw, noise = rng.random((2, *plane.shape))
        highest = np.where(air & (draw < share), 4095, tissue)
        yield "ADC, air blank or saturated", highest
        noisy = np.where(air, np.maximum(highest, 4000 * noise), tissue)
        yield "ADC, air noisy and saturated", noisy


def main() -> None:
    """Print the rates."""
    grounds, step = heads(), int(sys.argv[1]) if len(sys.argv) > 1 else 1
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for number, lettering in list(enumerate(letterings()))[::step]:
        # Every way of drawing meets another head than its neighbours do.
        head = grounds[(5 * number + number // len(grounds)) % len(grounds)]
        hit = is_found(draw(head, lettering))
        what = "one letter" if len(lettering.text) == 1 else "words"
        hits[f"{lettering.edges}, {what}", lettering.ground].append(hit)
        if lettering.ground in (Ground.IMAGE, Ground.BLACK_BOX):
            below = is_found(clipped(draw(_below_clip(head, number), lettering)))
            hits[f"{lettering.edges}, {what}, below a clip", lettering.ground].append(below)
        if lettering.ground is not Ground.BLACK_ON_WHITE_BOX:
            hits[f"{lettering.edges}, {what}, white", f"{lettering.size_px:2d} px"].append(hit)
    print("found, of images with text:")
    _print_rates(hits)
    rng, stops = np.random.default_rng(SEED), defaultdict[tuple[str, str], list[bool]](list)
    for head in grounds:
        is_ct = head.values.dtype == np.int16
        for name, plane in (metal if is_ct else saturated)(head.values, rng):
            stops["without text", name].append(is_found(plane))
    print("stopped, of images without text:")
    _print_rates(stops)
    _print_real_series()


def _below_clip(head: Head, number: int) -> Head:
    white = BELOW_CLIP[number % len(BELOW_CLIP)]
    return head._replace(white=max(white, float(np.percentile(head.values, 99))))


def _print_rates(hits: dict[tuple[str, str], list[bool]]) -> None:
    for (group, name), found in sorted(hits.items()):
        print(f"{group:28s} {name:30s} {sum(found):4d} of {len(found):4d} {np.mean(found):7.1%}")


def _print_real_series() -> None:
    n_stopped, times_ms, n_series = 0, [], 0
    for stack in _stacks(SAMPLE, REAL):
        started = process_time()
        n_stopped += burned_in_text(stack.data).n_images > 0
        n_series += 1
        if stack.data.shape[0] == CT_SIDE and stack.data.shape[2] > 20:  # noqa: PLR2004 - a head
            times_ms.append((process_time() - started) * 1e3 * CT_SLICES / stack.data.shape[2])
    print(f"series as delivered, without text, that are stopped: {n_stopped} of {n_series}")
    print(f"CPU time of a CT of 512 x 512 x {CT_SLICES}: {statistics.median(times_ms):.0f} ms")


def _stacks(*folders: Path) -> Iterator[Stack]:
    for folder in folders:
        for series in index(folder).series if folder.is_dir() else ():
            try:
                yield load(series)
            except UnfitDataError:
                continue


def _has(font: str) -> bool:
    try:
        _font(font, 12)
    except OSError:
        return False
    return True


def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    if name == FONTS[0]:
        return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size_px))
    return ImageFont.truetype(name, size_px)


if __name__ == "__main__":
    main()
