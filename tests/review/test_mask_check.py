from __future__ import annotations

import gzip
from collections.abc import Callable

import nibabel as nib
import numpy as np
import pytest

from corelab.review.denial import DenialCode, DeniedError
from corelab.review.mask_check import checked_mask, largest_mask_bytes
from corelab.review.mask_parser import mask_parser
from corelab.review.screen_grid import screen_grid_of
from corelab.volume import Volume

IMAGE = Volume(data=np.zeros((5, 6, 4), np.int16), affine=np.diag([-0.5, -0.5, 5.0, 1.0]))
GRID = screen_grid_of(IMAGE)
LABELS = np.zeros((5, 6, 4), np.uint8)
PARSER = mask_parser()


def file(values: np.ndarray, spacing_mm: tuple[float, float, float] = (0.5, 0.5, 5.0)) -> bytes:
    """A mask as another program would write it."""
    return nib.Nifti1Image(values, np.diag([*spacing_mm, 1.0])).to_bytes()


def refused(content: bytes) -> str:
    with pytest.raises(DeniedError) as caught:
        checked_mask(content, GRID, PARSER)
    assert caught.value.code is DenialCode.MASK_UNFIT
    assert caught.value.answer.status_code == 422
    return caught.value.message


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_mask_of_another_program_is_read_packed_or_not(pack: Callable[[bytes], bytes]) -> None:
    labels = LABELS.copy()
    labels[0, 0, 3], labels[4, 5, 0] = 1, 2
    found = checked_mask(pack(file(labels)), GRID, PARSER)
    assert found[4, 5, 3] == 1, "an LPS image counts against the screen"
    assert found[0, 0, 0] == 2
    assert found.sum() == 3


def test_a_gzip_bomb_is_refused_before_it_unpacks() -> None:
    """Unpacked it would take more than its process may, which would end it without these words."""
    bomb = gzip.compress(file(LABELS) + bytes(300 << 20), compresslevel=1)
    assert "holds more than the 120 bytes" in refused(bomb)


def test_a_header_that_declares_more_than_the_image_is_refused_before_it_unpacks() -> None:
    bomb = gzip.compress(file(np.zeros((600, 600, 600), np.uint8)), compresslevel=1)
    assert "(600, 600, 600) voxels, its image (5, 6, 4)" in refused(bomb)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (file(LABELS.astype(np.int16)), "found int16"),
        (file(LABELS.astype(np.float32)), "found float32"),
        (file(LABELS + 3), "found 3"),
        (file(LABELS + 255), "found 255"),
        (file(np.zeros((6, 5, 4), np.uint8)), "(6, 5, 4) voxels"),
        (file(LABELS, (0.5, 0.5, 4.0)), "elsewhere"),
        (file(LABELS, (0.6, 0.5, 5.0)), "elsewhere"),
        (file(LABELS)[:-1], "not a complete NIfTI image"),
        (file(LABELS) + b"\0", "holds more"),
        (gzip.compress(file(LABELS), mtime=0)[:-9], "cut or broken"),
        (b"\x1f\x8b nothing", "cut or broken"),
        (b"", "not a complete NIfTI image"),
        (b"<html>" * 100, "not a complete NIfTI image"),
    ],
)
def test_what_is_no_mask_of_this_image_is_refused_in_words(content: bytes, said: str) -> None:
    assert said in refused(content)


def test_a_scaled_mask_is_refused() -> None:
    content = bytearray(file(LABELS))
    content[112:116] = np.float32(2.0).tobytes()
    assert "must not be scaled" in refused(bytes(content))


def test_the_cap_lets_any_true_mask_pass_that_does_not_pack() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (256, 256, 30), dtype=np.uint8)
    grid = screen_grid_of(Volume(data=noise, affine=np.eye(4)))
    assert len(gzip.compress(file(noise, (1, 1, 1)))) < largest_mask_bytes(grid)
