from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from corelab.dicom.index import index
from corelab.dicom.matrix import Matrix
from corelab.dicom.pixels import load
from corelab.dicom.reading import Form, Reading, smoothest, stored_values
from corelab.series import Stack
from tests.dicom.packed import native, smooth
from tests.dicom.tiny import write


def naive(word: int, form: Form) -> int:
    """One bit after the other."""
    value = sum((word >> (form.low + place) & 1) << place for place in range(form.bits))
    is_negative = form.is_signed and value >> (form.bits - 1)
    return value - (1 << form.bits) if is_negative else value


@given(
    words=st.lists(st.integers(0, 2**16 - 1), min_size=1, max_size=8),
    low=st.integers(0, 8),
    bits=st.integers(1, 8),
    is_signed=st.booleans(),
)
def test_bits_are_read_as_they_are_counted(
    words: list[int], low: int, bits: int, *, is_signed: bool
) -> None:
    form = Form(low=low, bits=bits, is_signed=is_signed)
    found = form.read(np.array(words, np.uint16))
    assert found.tolist() == [naive(word, form) for word in words]


def matrix(bits: int, *, is_signed: bool) -> Matrix:
    return Matrix(
        rows=48,
        columns=48,
        samples=1,
        bits_allocated=16,
        bits_stored=bits,
        high_bit=bits - 1,
        is_signed=is_signed,
        n_frames=1,
    )


def test_words_within_their_bits_are_read_without_a_note() -> None:
    words = smooth(-1000, 2000).astype(np.int16)
    values, reading = stored_values(words, matrix(12, is_signed=True))
    assert reading is None
    assert np.array_equal(values, words)


def test_signed_words_without_sign_extension_are_read_without_a_note() -> None:
    words = (smooth(-1000, 2000) & 0xFFF).astype(np.int16)
    values, reading = stored_values(words, matrix(12, is_signed=True))
    assert reading is None
    assert np.array_equal(values, smooth(-1000, 2000))


@pytest.mark.parametrize("is_signed", [True, False])
def test_bits_outside_are_left_out_and_told(*, is_signed: bool) -> None:
    words = smooth(0, 2000).astype(np.int16)
    words[3, 4] |= 0x1000
    values, reading = stored_values(words, matrix(12, is_signed=is_signed))
    assert reading is Reading.STORED_BITS
    assert np.array_equal(values, smooth(0, 2000))


def test_the_smoother_reading_is_found_and_a_tie_is_none() -> None:
    signed = smooth(-1000, 2000)
    unsigned = signed & 0xFFF
    assert smoothest([unsigned, signed, unsigned]) == 1
    assert smoothest([signed, signed + 4096]) is None
    noise = np.random.default_rng(2).integers(-2048, 2048, (48, 48))
    assert smoothest([noise, noise & 0xFFF]) is None


def loaded(folder: Path, make: Dataset) -> Stack:
    for k in range(3):
        make.SOPInstanceUID, make.ImagePositionPatient = f"2.25.1.{k}", [-10, -20, 5 * k]
        make.InstanceNumber = k
        write(make, folder / f"{k}.dcm")
    (series,) = index(folder).series
    return load(series)


def test_a_stack_tells_that_words_hold_more_than_is_stored(tmp_path: Path) -> None:
    stack = loaded(tmp_path, native(smooth(0, 4500), bits=12, signed=False))
    assert stack.has_bits_outside
    assert stack.decoder.endswith(", bits beyond the stored ones left out")


def test_an_overlay_that_is_declared_in_the_words_is_no_contradiction(tmp_path: Path) -> None:
    words = smooth(0, 2000)
    words[5:9, 5:9] |= 0x1000
    slice_ = native(words, bits=12, signed=False)
    slice_.add_new(0x60000100, "US", 16)
    slice_.add_new(0x60000102, "US", 12)
    stack = loaded(tmp_path, slice_)
    assert not stack.has_bits_outside
    assert np.array_equal(stack.data[:, :, 0], smooth(0, 2000).T)


def test_marks_in_the_upper_bits_of_real_scans_are_told(shared_data: Path) -> None:
    for name in ("12bitSigned_0x0F0F.dcm", "12bitUnsigned.dcm", "12bitUnsigned_0x0F0F.dcm"):
        (series,) = index(shared_data / "dicom/mr_12bit/dicom" / name).series
        assert load(series).has_bits_outside
