"""Strokes are found in a part of the plane as they are in the whole of it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.strokes import SURROUNDINGS, grown, stroke_pixels, strokes_in

EIGHT = np.ones((3, 3), dtype=bool)


def scribble(seed: int) -> NDArray[np.bool_]:
    """Thin and thick pieces anywhere, at the edges as well."""
    noise = np.random.default_rng(seed).normal(size=(70, 90))
    return np.asarray(ndimage.gaussian_filter(noise, 1 + seed % 3) > 0.1)


@pytest.mark.parametrize("seed", range(6))
def test_a_grown_mask_is_one_dilation_by_eight_neighbours(seed: int) -> None:
    mask = scribble(seed)
    np.testing.assert_array_equal(grown(mask), ndimage.binary_dilation(mask, EIGHT))


@pytest.mark.parametrize("seed", range(6))
def test_the_stroke_is_as_wide_as_the_deepest_pixel_says(seed: int) -> None:
    labels, count = ndimage.label(scribble(seed), EIGHT)
    for number, place in enumerate(ndimage.find_objects(labels), start=1):
        piece = labels[place] == number
        depth = ndimage.distance_transform_cdt(np.pad(piece, 1), "chessboard")
        assert stroke_pixels(piece) == 2 * depth.max() - 1
    assert count > 3


def test_a_far_corner_of_a_plane_has_the_strokes_it_has_alone() -> None:
    small = scribble(1)[:40, :40]
    plane = np.zeros((200, 260), dtype=bool)
    plane[150:190, 31:71] = small
    alone = strokes_in(np.pad(small, SURROUNDINGS), np.pad(small, SURROUNDINGS), 1)
    found = strokes_in(plane, plane, 1)
    rows, columns = found.place
    shapes = [shape.moved(rows.start, columns.start) for _, shape in found.thin]
    offset = (150 - SURROUNDINGS, 31 - SURROUNDINGS)
    assert shapes == [shape.moved(*offset) for _, shape in alone.thin]
    assert len(shapes) > 1


def test_a_mask_with_too_few_pieces_has_no_strokes() -> None:
    line = np.zeros((30, 30), dtype=bool)
    line[10, 5:20] = True
    assert len(strokes_in(line, line, 1).thin) == 1
    assert not strokes_in(line, line, 2).thin
    assert not strokes_in(np.zeros_like(line), line, 1).thin
