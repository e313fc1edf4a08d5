"""Views of slices, drawn side by side into one picture of ``docs/images``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from corelab.kernels.contour import cover_plane, outer_outline, window_to_uint8

FOLDER = Path(__file__).parents[2] / "docs" / "images"
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
