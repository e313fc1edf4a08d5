"""Text drawn into head images, and images without: how often each stops a series.

``python -m benchmarks.burned_in [--real FOLDER]`` prints, by kind of letters, how many of a bank of
images with text are found, and how many of the images without text are stopped. With ``--every N``
every so many-th way of drawing is taken; ``--write`` puts the tables into ``docs/blinding.md``.
Heads are those of ``sample_data`` and of a folder of real scans; fonts are those that matplotlib
brings, and one of Pillow's.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from time import process_time
from typing import NamedTuple, cast

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from benchmarks.accuracy.page import REPOSITORY, write_blocks
from benchmarks.contest import table
from corelab.blinding.pixels import find_head
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.errors import UnfitDataError
from corelab.kernels.burned_in import burned_in_text
from corelab.series import SeriesKind, Stack

Plane = NDArray[np.integer | np.floating]
_LIKE = {SeriesKind.ADC: SeriesKind.TRACE}
PAGE = REPOSITORY / "docs" / "blinding.md"
SAMPLE = REPOSITORY / "sample_data" / "incoming"
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

BUILT_IN = "built in"
FONTS = (
    BUILT_IN,
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSerif.ttf",
    "STIXGeneral.ttf",
    "cmss10.ttf",
)
IN_A_STACK = 7
SMALL_PX = 8


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

    @property
    def is_lone(self) -> bool:
        """Whether it is one letter, which counts only where it comes again."""
        return len(self.text) == 1

    @property
    def on_white(self) -> bool:
        """Whether it is drawn in black."""
        return self.ground is Ground.BLACK_ON_WHITE_BOX


class Head(NamedTuple):
    """One slice, (rows, columns), and the value that white is drawn with."""

    values: Plane
    white: float


Tally = dict[str, list[bool]]
"""Outcomes by kind of image."""

_ONCE = f"a sharp letter in one image of {IN_A_STACK}"
_KINDS: dict[str, Callable[[Lettering], bool]] = {
    "sharp words, on a black box or with a dark outline": lambda one: (
        one.edges is Edges.SHARP
        and not one.is_lone
        and one.ground in {Ground.BLACK_BOX, Ground.OUTLINE}
    ),
    "sharp words, on the image": lambda one: (
        one.edges is Edges.SHARP and not one.is_lone and one.ground is Ground.IMAGE
    ),
    "a sharp letter in every image": lambda one: (
        one.edges is Edges.SHARP and one.is_lone and not one.on_white
    ),
    _ONCE: lambda one: one.edges is Edges.SHARP and one.is_lone and not one.on_white,
    "sharp black words in a white box": lambda one: (
        one.edges is Edges.SHARP and not one.is_lone and one.on_white
    ),
    "a sharp black letter in a white box, in every image": lambda one: (
        one.edges is Edges.SHARP and one.is_lone and one.on_white
    ),
    f"smoothed words larger than {SMALL_PX} px": lambda one: (
        _is_smoothed_word(one) and one.size_px > SMALL_PX
    ),
    f"smoothed words of {SMALL_PX} px": lambda one: (
        _is_smoothed_word(one) and one.size_px == SMALL_PX
    ),
    "a smoothed letter; smoothed black text in a white box": lambda one: (
        one.edges is Edges.SMOOTHED and (one.is_lone or one.on_white)
    ),
}


def _is_smoothed_word(one: Lettering) -> bool:
    return one.edges is Edges.SMOOTHED and not one.is_lone and not one.on_white


def letterings() -> Iterator[Lettering]:
    """Every way of drawing that the bank holds."""
    ways = itertools.product(TEXTS, FONTS, SIZES_PX, Edges, Ground, Place)
    for text, font, size, edges, ground, place in ways:
        yield Lettering(text=text, font=font, size_px=size, edges=edges, ground=ground, place=place)


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


def heads(folders: Sequence[Path]) -> tuple[list[Head], int]:
    """Slices to draw on, and of how many series."""
    found: list[Head] = []
    n_series = 0
    for stack in _stacks(*folders):
        values = cast("Plane", stack.data)
        is_ct = stack.series.modality == "CT"
        if min(values.shape[:2]) < SMALLEST_SIDE or not _shows_a_head(stack):
            continue
        n_series += 1
        whites = (3071.0, 32767.0) if is_ct else (4095.0, 32767.0)
        for number, k in enumerate((values.shape[2] // 5, values.shape[2] // 2)):
            found.append(Head(values[:, :, k].T, max(whites[number], float(values.max()))))
    return found, n_series


def _shows_a_head(stack: Stack) -> bool:
    kind = stack.series.kind
    try:
        # An ADC map's head is found elsewhere, but text is looked for in it too.
        find_head(replace(stack, series=replace(stack.series, kind=_LIKE.get(kind, kind))))
    except UnfitDataError:
        return False
    return True


def is_found(*planes: Plane) -> bool:
    """Whether a stack of slices, one with text or all, stops its series."""
    return burned_in_text(np.stack([plane.T for plane in planes], axis=2)).n_images > 0


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


def text_rows(grounds: Sequence[Head], every: int) -> Tally:
    """How often each kind of text is found; a lone letter in stacks, as it is judged."""
    tally: Tally = {name: [] for name in _KINDS}
    for number, lettering in list(enumerate(letterings()))[::every]:
        # Every way of drawing meets another head than its neighbours do.
        head = grounds[(5 * number + number // len(grounds)) % len(grounds)]
        drawn = draw(head, lettering)
        others = [head.values] * (IN_A_STACK - 1)
        for name, is_of_kind in _KINDS.items():
            if is_of_kind(lettering):
                shown = [drawn, *others] if name is _ONCE else [drawn] * IN_A_STACK
                tally[name].append(is_found(*(shown if lettering.is_lone else [drawn])))
    return tally


def below_clip_rows(grounds: Sequence[Head], every: int) -> Tally:
    """How often words are found whose white lies below a clip's."""
    tally: Tally = defaultdict(list)
    for number, lettering in list(enumerate(letterings()))[::every]:
        if lettering.is_lone or lettering.ground not in (Ground.IMAGE, Ground.BLACK_BOX):
            continue
        head = grounds[(5 * number + number // len(grounds)) % len(grounds)]
        drawn = clipped(draw(_below_clip(head, number), lettering))
        tally[f"{lettering.edges} words, on the {lettering.ground}"].append(is_found(drawn))
    return dict(sorted(tally.items()))


def no_text_rows(grounds: Sequence[Head]) -> Tally:
    """How often images without text are stopped."""
    rng, tally = np.random.default_rng(SEED), defaultdict[str, list[bool]](list)
    for head in grounds:
        is_ct = head.values.dtype == np.int16
        for name, plane in (metal if is_ct else saturated)(head.values, rng):
            tally[name].append(is_found(plane))
    return dict(tally)


def series_rows(folders: Sequence[Path]) -> Tally:
    """How often series are stopped as they were delivered."""
    found = [burned_in_text(stack.data).n_images > 0 for stack in _stacks(*folders)]
    return {"series as they were delivered": found}


def main() -> None:
    """Print the rates."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.burned_in", description=__doc__)
    parser.add_argument("--real", type=Path, help="folder of real scans, DICOM")
    parser.add_argument("--every", type=int, default=1, help="only every so many-th way of drawing")
    parser.add_argument("--write", action="store_true", help=f"also into {PAGE.name}")
    asked = parser.parse_args()
    folders = (SAMPLE, asked.real) if asked.real else (SAMPLE,)
    grounds, n_series = heads(folders)
    where = f"{len(grounds)} slices of {n_series} series"
    stopped = no_text_rows(grounds) | series_rows(folders)
    blocks = {
        "burned_in_text": _table(
            f"text drawn into {where}", "found", text_rows(grounds, asked.every)
        ),
        "burned_in_clip": _table(
            "text below a clip", "found", below_clip_rows(grounds, asked.every)
        ),
        "burned_in_none": _table("no text", "stopped", stopped),
    }
    print("\n\n".join(blocks.values()))
    print(f"\nCPU time of a CT of 512 x 512 x {CT_SLICES}: {_ct_ms(folders):.0f} ms")
    if asked.write:
        write_blocks(PAGE, blocks)


def _table(what: str, outcome: str, tally: Tally) -> str:
    rows = [(name, f"{sum(hits)} of {len(hits)}") for name, hits in tally.items()]
    return table(rows, (what, outcome))


def _below_clip(head: Head, number: int) -> Head:
    white = BELOW_CLIP[number % len(BELOW_CLIP)]
    return head._replace(white=max(white, float(np.percentile(head.values, 99))))


def _ct_ms(folders: Sequence[Path]) -> float:
    times_ms = []
    for stack in _stacks(*folders):
        if stack.data.shape[0] == CT_SIDE and stack.data.shape[2] > 20:  # noqa: PLR2004 - a head
            started = process_time()
            burned_in_text(stack.data)
            times_ms.append((process_time() - started) * 1e3 * CT_SLICES / stack.data.shape[2])
    return statistics.median(times_ms)


def _stacks(*folders: Path) -> Iterator[Stack]:
    for folder in folders:
        for series in index(folder).series if folder.is_dir() else ():
            try:
                yield load(series)
            except UnfitDataError:
                continue


def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    if name == BUILT_IN:
        return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size_px))
    return ImageFont.truetype(str(Path(mpl.get_data_path(), "fonts", "ttf", name)), size_px)


if __name__ == "__main__":
    main()
