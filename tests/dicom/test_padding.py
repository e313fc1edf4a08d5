from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.series import Stack
from tests.dicom.tiny import Change, ct_slice, set_pixels, write, write_stack

SOFT = 40
BLOCK = np.s_[8:12, 8:12]


def padded(
    value: int,
    *,
    limit: int | None = None,
    intercept: float = 0,
    dtype: type[np.int16 | np.uint16] = np.int16,
    inner: int | None = None,
) -> Change:
    """Soft tissue in a round field of view, padding around it, and a block inside it."""

    def change(slice_: Dataset, _k: int) -> None:
        rows, columns = np.mgrid[:24, :24] - 11.5
        stored = np.where(rows**2 + columns**2 < 121, SOFT - intercept, value)
        stored[BLOCK] = value if inner is None else inner
        set_pixels(slice_, stored.astype(dtype))
        slice_.RescaleIntercept = str(intercept)
        slice_.PixelPaddingValue = value
        if limit is not None:
            slice_.PixelPaddingRangeLimit = limit

    return change


def loaded(folder: Path, change: Change) -> Stack:
    write_stack(folder, 3, change=change)
    (series,) = index(folder).series
    return load(series)


@pytest.mark.parametrize("value", [-2000, -3024, 3095, 32_767])
def test_padding_inside_the_field_of_view_is_air_not_tissue(tmp_path: Path, value: int) -> None:
    data = loaded(tmp_path, padded(value)).data
    assert (data[BLOCK] == -1024).all()
    assert data[0, 0, 0] == -1024
    assert data[11, 15, 1] == SOFT


def test_unsigned_padding_beyond_every_hu_is_air(tmp_path: Path) -> None:
    data = loaded(tmp_path, padded(65_535, intercept=-1024, dtype=np.uint16)).data
    assert (data[BLOCK] == -1024).all()
    assert data[11, 15, 1] == SOFT


def test_padding_of_a_range_is_air(tmp_path: Path) -> None:
    data = loaded(tmp_path, padded(3000, limit=3100, inner=3050)).data
    assert (data[BLOCK] == -1024).all()
    assert data[0, 0, 0] == -1024


def test_padding_of_a_tissue_value_is_air_around_the_field_and_tissue_in_it(
    tmp_path: Path,
) -> None:
    data = loaded(tmp_path, padded(0)).data
    assert data[0, 0, 0] == -1024
    assert (data[BLOCK] == 0).all()


def test_padding_is_judged_before_each_slice_s_own_rescale(tmp_path: Path) -> None:
    def change(slice_: Dataset, k: int) -> None:
        padded(500)(slice_, k)
        slice_.RescaleSlope, slice_.RescaleIntercept = str(1 + k), str(-10 * k)

    data = loaded(tmp_path, change).data
    assert (data[0, 0] == -1024).all()
    assert data[11, 15].tolist() == [SOFT, 2 * SOFT - 10, 3 * SOFT - 20]


def test_clipped_metal_stays_metal(tmp_path: Path) -> None:
    data = loaded(tmp_path, padded(-2000, inner=3071)).data
    assert (data[BLOCK] == 3071).all()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_padding_is_read_in_every_byte_order(tmp_path: Path, syntax: str) -> None:
    for k in range(3):
        slice_ = ct_slice(k)
        padded(3095)(slice_, k)
        write(slice_, tmp_path / f"{k}.dcm", syntax)
    (series,) = index(tmp_path).series
    assert load(series).data[0, 0, 0] == -1024


def test_padding_written_as_unsigned_means_the_same_bits(tmp_path: Path) -> None:
    def change(slice_: Dataset, k: int) -> None:
        padded(-3)(slice_, k)
        slice_.add_new(0x00280120, "US", 65_533)

    data = loaded(tmp_path, change).data
    assert data[0, 0, 0] == -1024
    assert data[11, 15, 1] == SOFT


def test_a_padding_range_that_holds_every_tissue_wipes_nothing_out(tmp_path: Path) -> None:
    data = loaded(tmp_path, padded(-2000, limit=3000, inner=900)).data
    assert data[11, 15, 1] == SOFT
    assert (data[BLOCK] == 900).all()
    assert data[0, 0, 0] == -1024
