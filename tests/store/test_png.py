from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from corelab.store.png import encode_png


@given(
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
    seed=st.integers(0, 9),
    colours=st.integers(1, 256),
)
def test_another_reader_finds_the_same_pixels(
    rows: int, columns: int, seed: int, colours: int
) -> None:
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, colours, (rows, columns, 3)).astype(np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels))) as picture:
        assert picture.format == "PNG"
        assert picture.info == {}
        assert np.array_equal(np.array(picture), pixels)


def test_the_checksums_hold() -> None:
    content = bytearray(encode_png(np.zeros((5, 7, 3), dtype=np.uint8)))
    with Image.open(io.BytesIO(content)) as picture:
        picture.verify()
    content[-20] ^= 1
    with (
        Image.open(io.BytesIO(content)) as picture,
        pytest.raises((OSError, SyntaxError)),
    ):
        picture.load()
