"""Overlay mosaics as PNG and WebP: the door to Pillow.

A mosaic shows a case in radiological convention: the patient's right is on the picture's
left, front is up, slices run from the feet to the head.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from corelab.kernels.contour import Crop, cover_plane, outer_outline, window_to_uint8
from corelab.store.mosaic import (
    CAPTION_HEIGHT_PX,
    CAPTION_LINE_PX,
    EDGE_PX,
    MosaicRequest,
    Panel,
    Sheet,
    Tile,
    plan_sheet,
    tiles_of,
)
from corelab.store.png import encode_png

__all__ = [
    "Layers",
    "MosaicRequest",
    "Panel",
    "draw_layers",
    "draw_mosaic",
    "draw_other_lines",
    "hidden_slices_of",
    "mosaic_thumbnail",
    "size_of",
    "thumbnail_of",
]

WEBP_COMFORTABLE_BYTES = 120_000

# Scale, quality, and the size that comes of it beside a quick try at half scale, which packs
# one band of rows out of so many.
_WEBP_STEPS = ((1.0, 80, 2.3), (0.8, 65, 1.35), (0.7, 50, 0.0))
_WEBP_QUICK, _WEBP_GOOD = 0, 2
_BAND_PX, _BAND_OF = 16, 3
_WEBP_MAX_SIDE_PX = 16383

_SCALE_BAR_MM = 50.0
_LEADING_PX = 8
_TITLE_PX = 34
_VOLUME_PX = 30
_NOTE_PX = 20
_CAPTION_PX = 15
_SIDE_PX = 20
_SHADOW_PX = 4
_HIDDEN = "hidden slices"

_T = TypeVar("_T", bound=np.generic)
_Colour = tuple[int, int, int]
_Line = tuple[str, int, _Colour]
_BACKGROUND: _Colour = (16, 16, 18)
_TEXT: _Colour = (238, 238, 238)
_FAINT: _Colour = (168, 168, 172)
# Orange and sky blue stay apart in every common colour blindness, and on grey.
# Wong, Nat Methods 2011; 8:441, doi 10.1038/nmeth.1618.
INFARCT_COLOUR: _Colour = (255, 140, 0)
BLOOD_COLOUR: _Colour = (40, 170, 255)
ACCEPTED_COLOUR: _Colour = (0, 222, 160)
_ALERT: _Colour = (255, 214, 90)
_INFARCT_LINE, _BLOOD_LINE = 1, 2
_LINES: dict[int, _Colour] = {_INFARCT_LINE: INFARCT_COLOUR, _BLOOD_LINE: BLOOD_COLOUR}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """A mosaic as one picture, and in two layers that a page shows on top of each other.

    Parameters
    ----------
    mosaic_png
        The whole, for print and archive.
    plain_webp
        The same without a line, see :func:`thumbnail_of`.
    lines_png
        The lines alone on a transparent ground, in full size; ``None`` where there are none.
    """

    mosaic_png: bytes
    plain_webp: bytes
    lines_png: bytes | None


def draw_mosaic(request: MosaicRequest) -> NDArray[np.uint8]:
    """Draw a case's overlay mosaic, (rows, columns, 3) red, green and blue.

    Every slice that bears infarct is shown, and one more on each side: the measured image
    plain, the same outlined, then a second image outlined. The line runs outside the mask
    and hides none of it. Where there is no infarct, a spread of slices over the brain.
    """
    pixels, lines = _draw(request)
    return _with_lines(pixels, lines)


def draw_layers(request: MosaicRequest) -> Layers:
    """Draw the same mosaic, and its lines apart, so that they can be taken off and put back."""
    pixels, lines = _draw(request)
    plain = thumbnail_of(pixels)
    return Layers(
        mosaic_png=encode_png(_with_lines(pixels, lines)),
        plain_webp=plain,
        lines_png=_lines_png(lines) if lines.any() else None,
    )


def draw_other_lines(request: MosaicRequest, other: MosaicRequest) -> bytes:
    """Draw the lines of another mask onto the sheet of a mosaic, to be shown in their place.

    The PNG says of itself how many slices of the other mask are not on the sheet, see
    :func:`hidden_slices_of`. Its infarct has another colour than the mosaic's own.

    Parameters
    ----------
    request
        Of the mosaic.
    other
        The same with the other mask.
    """
    tiles = tiles_of(request)
    sheet = plan_sheet(request, len(tiles))
    top = _header_image(request, sheet).height
    height = top + sheet.height + _footer_image(request, sheet).height
    lines = np.zeros((height, sheet.width), dtype=np.uint8)
    # Where nothing was found no tile is outlined: the only one takes the lines.
    outlined = [place for place, tile in enumerate(tiles) if tile.is_outlined] or [len(tiles) - 1]
    for group, k in enumerate(sheet.slices):
        for place in outlined:
            left, above = sheet.corner(group, place)
            above += top + CAPTION_HEIGHT_PX
            part = lines[above : above + sheet.tile_height, left : left + sheet.tile_width]
            _draw_outlines(part, other, k=k, crop=sheet.crop)
    borne = set(np.flatnonzero(other.mask.any(axis=(0, 1))).tolist())
    note = PngInfo()
    note.add_text(_HIDDEN, str(len(borne - set(sheet.slices))))
    return _lines_png(lines, ACCEPTED_COLOUR, note)


def hidden_slices_of(lines_png: bytes) -> int:
    """Return how many slices of a mask are not on the sheet that its lines were drawn for."""
    with Image.open(io.BytesIO(lines_png), formats=["PNG"]) as opened:
        return int(opened.info[_HIDDEN])


def size_of(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels."""
    with Image.open(io.BytesIO(png), formats=["PNG"]) as opened:
        return opened.size


def _header_image(request: MosaicRequest, sheet: Sheet) -> Image.Image:
    return _draw_lines(_header_of(request), sheet.width)


def _footer_image(request: MosaicRequest, sheet: Sheet) -> Image.Image:
    return _draw_lines(_footer_of(request, sheet), sheet.width)


def _draw(request: MosaicRequest) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Pixels of a mosaic without its lines, and which of :data:`_LINES` runs through each."""
    tiles = tiles_of(request)
    sheet = plan_sheet(request, len(tiles))
    header, footer = _header_image(request, sheet), _footer_image(request, sheet)
    _draw_scale_bar(footer, round(_SCALE_BAR_MM * sheet.scale_px_per_mm))
    # Put together as numbers: a picture of hundreds of slices would be in memory three times.
    height = header.height + sheet.height + footer.height
    pixels = np.empty((height, sheet.width, len(_BACKGROUND)), dtype=np.uint8)
    pixels[:1] = _BACKGROUND
    pixels[1:] = pixels[0]
    lines = np.zeros(pixels.shape[:2], dtype=np.uint8)
    _put(pixels, header, (0, 0))
    for group, k in enumerate(sheet.slices):
        plain = {panel: _grey_slice(panel, sheet, k) for panel in request.panels}
        for place, tile in enumerate(tiles):
            left, top = sheet.corner(group, place)
            top += header.height
            _put(pixels, _draw_tile(request, plain[tile.panel], tile=tile, k=k), (left, top))
            if tile.is_outlined:
                top += CAPTION_HEIGHT_PX
                part = lines[top : top + sheet.tile_height, left : left + sheet.tile_width]
                _draw_outlines(part, request, k=k, crop=sheet.crop)
    _put(pixels, footer, (0, header.height + sheet.height))
    return pixels, lines


def _put(pixels: NDArray[np.uint8], part: Image.Image, corner: tuple[int, int]) -> None:
    left, top = corner
    pixels[top : top + part.height, left : left + part.width] = np.asarray(part)


def _with_lines(pixels: NDArray[np.uint8], lines: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels with the lines drawn onto them, in place."""
    colours = np.array([_BACKGROUND, *_LINES.values()], dtype=np.uint8)
    drawn = np.flatnonzero(lines)
    pixels.reshape(-1, len(_BACKGROUND))[drawn] = colours[lines.ravel()[drawn]]
    return pixels


def _lines_png(
    lines: NDArray[np.uint8], infarct_colour: _Colour = INFARCT_COLOUR, note: PngInfo | None = None
) -> bytes:
    """Lines as a picture of few colours: a fiftieth of what it is laid upon."""
    picture = Image.fromarray(lines)
    picture.putpalette([*_BACKGROUND, *infarct_colour, *BLOOD_COLOUR])
    stream = io.BytesIO()
    picture.save(stream, format="PNG", bits=2, transparency=0, pnginfo=note)
    return stream.getvalue()


def mosaic_thumbnail(png: bytes) -> bytes:
    """Recompress a mosaic as WebP for the QA page, see :func:`thumbnail_of`."""
    with Image.open(io.BytesIO(png)) as opened:
        return _thumbnail(opened.convert("RGB"))


def thumbnail_of(pixels: NDArray[np.uint8]) -> bytes:
    """Compress a mosaic as WebP for the QA page.

    The first that will be small enough, so that a page holds a batch: as large as it is, 80 %
    of its width, 70 % at a lower quality. The last is taken whatever its size. A quick try tells
    which: each full one costs as much as a tenth of a case.

    Parameters
    ----------
    pixels : (rows, columns, 3) uint8 array
        Red, green, blue.
    """
    return _thumbnail(Image.fromarray(pixels))


def _thumbnail(picture: Image.Image) -> bytes:
    rows = np.asarray(picture.reduce(2))
    some = rows[np.arange(len(rows)) // _BAND_PX % _BAND_OF == 0]
    tried = _webp(Image.fromarray(some), 1.0, _WEBP_STEPS[0][1], method=_WEBP_QUICK)
    quick = len(tried) * len(rows) / len(some)
    factor, quality = next(
        (factor, quality)
        for factor, quality, share in _WEBP_STEPS
        if quick * share <= WEBP_COMFORTABLE_BYTES
    )
    return _webp(picture, factor, quality, method=_WEBP_GOOD)


def _webp(picture: Image.Image, factor: float, quality: int, *, method: int) -> bytes:
    size = (max(1, int(picture.width * factor)), max(1, int(picture.height * factor)))
    stream = io.BytesIO()
    # As sharp as Lanczos at these factors, for what is packed with loss, in half the time.
    picture.resize(_bounded(size), Image.Resampling.HAMMING).save(
        stream, format="WEBP", quality=quality, method=method
    )
    return stream.getvalue()


def _bounded(size: tuple[int, int]) -> tuple[int, int]:
    """Shrink a size to what WebP can hold."""
    factor = min(1.0, _WEBP_MAX_SIDE_PX / max(size))
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def _draw_tile(
    request: MosaicRequest, plain: NDArray[np.uint8], *, tile: Tile, k: int
) -> Image.Image:
    """One slice with its caption above it, so that no text lies on the brain."""
    height, width, _ = plain.shape
    picture = Image.new("RGB", (width, CAPTION_HEIGHT_PX + height), _BACKGROUND)
    picture.paste(Image.fromarray(plain), (0, CAPTION_HEIGHT_PX))
    _draw_caption(picture, request, tile=tile, k=k)
    return picture


def _grey_slice(panel: Panel, sheet: Sheet, k: int) -> NDArray[np.uint8]:
    """(rows, columns, 3) picture of a slice on square pixels."""
    plane = _as_seen(panel.image[:, :, k], sheet.crop)
    # The window comes before the interpolation: bone would ring dark rims into the brain.
    grey = window_to_uint8(plane, low=panel.window_low, high=panel.window_high)
    size = (sheet.tile_width, sheet.tile_height)
    scaled = Image.fromarray(grey).resize(size, Image.Resampling.BICUBIC)
    return np.array(scaled.convert("RGB"), dtype=np.uint8)


def _draw_outlines(lines: NDArray[np.uint8], request: MosaicRequest, *, k: int, crop: Crop) -> None:
    """Draw into one tile's part of the lines what runs around infarct and blood."""
    _draw_outline(lines, _as_seen(request.mask[:, :, k], crop), _INFARCT_LINE)
    if request.blood is not None:
        _draw_outline(lines, _as_seen(request.blood[:, :, k], crop), _BLOOD_LINE)


def _draw_outline(lines: NDArray[np.uint8], mask: NDArray[np.bool_], value: int) -> None:
    """Draw an outline, and its shadow on two edges: a dot is soon missed."""
    if not mask.any():
        return
    covered = cover_plane(mask, (lines.shape[0], lines.shape[1]))
    lines[outer_outline(covered)] = value
    reach = np.ones(2 * _SHADOW_PX + 1)
    below = np.convolve(covered.any(axis=0), reach, mode="same") > 0
    beside = np.convolve(covered.any(axis=1), reach, mode="same") > 0
    lines[-_SHADOW_PX:, below] = value
    lines[beside, -_SHADOW_PX:] = value


def _draw_caption(picture: Image.Image, request: MosaicRequest, *, tile: Tile, k: int) -> None:
    """Slice and image in the first line, window and infarct in the second."""
    draw = ImageDraw.Draw(picture)
    font = _font(_CAPTION_PX)
    position_mm = round(float(request.slice_positions_mm[k]), 1) + 0.0  # turns -0.0 to 0.0
    room = picture.width - 3 * _CAPTION_PX // 2
    here = _infarct_words(request, k)
    rows = (
        (f"{k + 1}/{request.mask.shape[2]}  {position_mm:+.1f} mm", (tile.panel.name,)),
        (tile.panel.window_text, here),
    )
    for row, (left, rights) in enumerate(rows):
        y = 1 + row * CAPTION_LINE_PX
        right = next((text for text in rights if font.getlength(left + text) < room), rights[-1])
        draw.text((2, y), left, font=font, fill=_TEXT if row == 0 else _FAINT)
        draw.text((picture.width - 2, y), right, font=font, fill=_FAINT, anchor="ra")
    for letter, x, anchor in (("R", 5, "la"), ("L", picture.width - 6, "ra")):
        draw.text(
            (x, CAPTION_HEIGHT_PX + 4),
            letter,
            font=_font(_SIDE_PX),
            fill=_TEXT,
            anchor=anchor,
            stroke_width=2,
            stroke_fill=_BACKGROUND,
        )


def _infarct_words(request: MosaicRequest, k: int) -> tuple[str, ...]:
    """Infarct of a slice and of all, the longest text first."""
    if not request.mask[:, :, k].any():
        return ("no infarct here", "none here", "none")
    here, whole = float(request.slice_volumes_ml[k]), float(request.slice_volumes_ml.sum())
    return (f"{here:.1f} of {whole:.1f} mL", f"{here:.1f} mL")


def _as_seen(plane: NDArray[_T], crop: Crop) -> NDArray[_T]:
    """Rows from front to back, columns from the patient's right to the left."""
    kept = plane[crop.i_start : crop.i_stop, crop.j_start : crop.j_stop]
    return np.ascontiguousarray(kept[::-1, ::-1].T)


def _header_of(request: MosaicRequest) -> list[_Line]:
    has_infarct = bool(request.mask.any())
    names = " + ".join(panel.name for panel in request.panels)
    lines = [(request.title, _TITLE_PX, _TEXT)]
    lines.append((request.volume_text, _VOLUME_PX, INFARCT_COLOUR if has_infarct else _TEXT))
    if not has_infarct:
        lines.append(("NO INFARCT FOUND: CONFIRM", _VOLUME_PX, _ALERT))
    lines.append((f"{names}:  {request.window_text}", _NOTE_PX, _FAINT))
    lines.append((request.flags_text, _NOTE_PX, _ALERT))
    return lines


def _footer_of(request: MosaicRequest, sheet: Sheet) -> list[_Line]:
    """Room for the scale bar, what the lines mean, and which side is which."""
    lines = [(" ", _NOTE_PX, _TEXT)]
    if request.mask.any():
        meaning = "Line: infarct, drawn just outside it. Bars at right and below: where it lies."
        lines.append((meaning, _NOTE_PX, INFARCT_COLOUR))
    if request.blood is not None and request.blood.any():
        lines.append(("Blue line: blood in the infarct.", _NOTE_PX, BLOOD_COLOUR))
    shown = f"{len(sheet.slices)} of {request.mask.shape[2]} slices shown, counted from the feet."
    lines.append((f"R, L: the patient's right and left. {shown}", _NOTE_PX, _FAINT))
    return lines


def _draw_lines(lines: list[_Line], width: int) -> Image.Image:
    """Draw lines of text, the long ones broken, into a strip of this width."""
    broken = [
        (part, size, colour)
        for text, size, colour in lines
        for part in _wrap(text, _font(size), width - 2 * EDGE_PX)
    ]
    height = sum(size + _LEADING_PX for _, size, _ in broken) + EDGE_PX
    picture = Image.new("RGB", (width, height), _BACKGROUND)
    draw = ImageDraw.Draw(picture)
    y = EDGE_PX // 2
    for text, size, colour in broken:
        draw.text((EDGE_PX, y), text, font=_font(size), fill=colour)
        y += size + _LEADING_PX
    return picture


def _draw_scale_bar(footer: Image.Image, length_px: int) -> None:
    draw = ImageDraw.Draw(footer)
    y = (EDGE_PX + _NOTE_PX) // 2
    end = EDGE_PX + length_px
    draw.line([(EDGE_PX, y), (end, y)], fill=_TEXT, width=3)
    for x in (EDGE_PX, end):
        draw.line([(x, y - 6), (x, y + 6)], fill=_TEXT, width=2)
    draw.text((end + 10, y), "5 cm", font=_font(_NOTE_PX), fill=_TEXT, anchor="lm")


def _wrap(text: str, font: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Split a text at spaces into lines of at most ``width`` pixels; none for no text."""
    lines = [text] if text else []
    while lines and font.getlength(lines[-1]) > width and " " in lines[-1].strip():
        words = lines.pop().split(" ")
        fitting = 1
        while font.getlength(" ".join(words[: fitting + 1])) <= width:
            fitting += 1
        lines += [" ".join(words[:fitting]), " ".join(words[fitting:])]
    return lines


@cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType: its bitmap font cannot be scaled")
    return font
