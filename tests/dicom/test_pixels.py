from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from corelab.dicom import opinion, pixels
from corelab.dicom.codec import Samples
from corelab.dicom.decode import PixelFile, frame_samples
from corelab.dicom.pixels import load
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import SeriesKind
from corelab.volume import Volume
from tests.dicom.tiny import (
    COLUMNS,
    NATIVE,
    ROWS,
    Change,
    ct_slice,
    enhanced_mr,
    index_all,
    mr_slice,
    only,
    set_pixels,
    stored_values,
    wide_ct_slice,
    write,
    write_compressed,
    write_stack,
)

DEFLATED = "1.2.840.10008.1.2.1.99"
CODECS = [
    ("1.2.840.10008.1.2.5", "pydicom", "pydicom"),
    ("1.2.840.10008.1.2.4.80", "pyjpegls", "pyjpegls"),
    ("1.2.840.10008.1.2.4.90", "pylibjpeg", "pylibjpeg-openjpeg"),
]


def test_each_value_lies_where_its_header_says(tmp_path: Path) -> None:
    write_stack(tmp_path)
    stack = load(only(index_all(tmp_path)))
    assert stack.data.shape == (COLUMNS, ROWS, 5)
    assert stack.data.dtype == np.int16
    for i, j, k in np.ndindex(stack.data.shape):
        assert stack.data[i, j, k] == 1000 + 100 * k + j * COLUMNS + i - 1024


def test_stack_makes_a_volume_in_file_order(tmp_path: Path) -> None:
    write_stack(tmp_path)
    stack = load(only(index_all(tmp_path)))
    assert stack.data.flags.f_contiguous
    assert stack.series.grid is not None
    volume = Volume(data=stack.data, affine=np.array(stack.series.grid.affine))
    assert volume.slice_origin_mm(2) == pytest.approx([10.0, 20.0, 40.0])


def test_slope_of_each_slice_counts(tmp_path: Path) -> None:
    def scale(slice_: Dataset, k: int) -> None:
        slice_.RescaleSlope, slice_.RescaleIntercept = str(1 + 0.5 * k), str(-1000 - k)

    write_stack(tmp_path, change=scale)
    data = load(only(index_all(tmp_path))).data
    for k in range(5):
        expected = np.rint(stored_values(k) * (1 + 0.5 * k) - 1000 - k)
        assert np.array_equal(data[:, :, k], expected.T)


def test_padding_becomes_air(tmp_path: Path) -> None:
    def pad(slice_: Dataset, k: int) -> None:
        values = stored_values(k)
        values[0, 0], values[0, 1] = -2000, -3
        set_pixels(slice_, values)

    write_stack(tmp_path, change=pad)
    data = load(only(index_all(tmp_path))).data
    assert data[0, 0, 0] == -1024
    assert data[1, 0, 0] == -1024
    assert data[2, 0, 0] == 1002 - 1024


def test_hu_beyond_their_range_are_refused(tmp_path: Path) -> None:
    def steepen(slice_: Dataset, _k: int) -> None:
        slice_.RescaleSlope = "100"

    write_stack(tmp_path, change=steepen)
    with pytest.raises(UnfitDataError, match="rescale_invalid"):
        load(only(index_all(tmp_path)))


def test_mr_without_rescale_keeps_stored_values(tmp_path: Path) -> None:
    write_stack(tmp_path, make=mr_slice)
    data = load(only(index_all(tmp_path))).data
    assert data.dtype == np.float32
    assert np.array_equal(data[:, :, 3], stored_values(3).T)


def test_enhanced_frames_are_rescaled_and_sorted(tmp_path: Path) -> None:
    write(enhanced_mr((0.0, 1000.0)), tmp_path / "dwi.dcm")
    trace = next(s for s in index_all(tmp_path).series if s.kind is SeriesKind.TRACE)
    data = load(trace).data
    for k in range(4):
        assert np.array_equal(data[:, :, k], 2.0 * (stored_values(k).T + 1000) + 1)


@pytest.mark.parametrize("syntax", [*NATIVE, DEFLATED])
def test_native_syntaxes_give_equal_values(tmp_path: Path, syntax: str) -> None:
    for k in range(3):
        write(ct_slice(k), tmp_path / f"{k}.dcm", syntax)
    data = load(only(index_all(tmp_path))).data
    assert np.array_equal(data, np.stack([stored_values(k).T - 1024 for k in range(3)], axis=2))


@pytest.mark.parametrize(("syntax", "plugin", "distribution"), CODECS)
def test_compressed_syntaxes_give_equal_values_by_two_decoders(
    tmp_path: Path, syntax: str, plugin: str, distribution: str
) -> None:
    expected = []
    for k in range(3):
        slice_ = wide_ct_slice(k)
        stored = np.frombuffer(slice_.PixelData, "<i2").reshape(32, 32)
        expected.append(np.maximum(stored.T.astype(int) - 1024, -1024))
        write_compressed(slice_, tmp_path / f"{k}.dcm", syntax, plugin)
    stack = load(only(index_all(tmp_path)))
    assert np.array_equal(stack.data, np.stack(expected, axis=2))
    assert stack.decoder.startswith(distribution)
    assert "agrees with SimpleITK" in stack.decoder


def narrow(values: NDArray[np.uint16], *, is_signed: bool) -> Change:
    """Store 12 bits in 16, the top four filled with ones that mean nothing."""

    def change(slice_: Dataset, _k: int) -> None:
        set_pixels(slice_, values)
        slice_.BitsStored, slice_.HighBit = 12, 11
        slice_.PixelRepresentation = int(is_signed)
        slice_.RescaleIntercept = "0"

    return change


@pytest.mark.parametrize(("is_signed", "expected"), [(True, [-1, 2047, -1024]), (False, None)])
def test_only_stored_bits_count(
    tmp_path: Path, *, is_signed: bool, expected: list[int] | None
) -> None:
    words = np.full((ROWS, COLUMNS), 0xF7FF, np.uint16)
    words[0, 0], words[0, 2] = 0xFFFF, 0xF801
    write_stack(tmp_path, 3, change=narrow(words, is_signed=is_signed))
    first = load(only(index_all(tmp_path))).data[:3, 0, 0].tolist()
    assert first == (expected or [4095, 2047, 2049])


def test_refused_series_is_not_loaded(tmp_path: Path) -> None:
    write_stack(tmp_path, 1)
    with pytest.raises(UnfitDataError) as caught:
        load(only(index_all(tmp_path)))
    assert caught.value.reason is ReasonCode.TOO_FEW_SLICES


def test_stack_beyond_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_stack(tmp_path)
    monkeypatch.setattr(pixels, "_LARGEST_STACK_BYTES", 100)
    with pytest.raises(UnfitDataError, match="size_beyond_scanner"):
        load(only(index_all(tmp_path)))


def test_file_that_lost_bytes_after_indexing_is_refused(tmp_path: Path) -> None:
    paths = write_stack(tmp_path)
    series = only(index_all(tmp_path))
    paths[2].write_bytes(paths[2].read_bytes()[:-8])
    with pytest.raises(UnfitDataError, match="pixels_truncated"):
        load(series)


def test_broken_codestream_is_refused(tmp_path: Path) -> None:
    for k in range(3):
        write_compressed(wide_ct_slice(k), tmp_path / f"{k}.dcm", CODECS[1][0], CODECS[1][1])
    path = tmp_path / "1.dcm"
    content = bytearray(path.read_bytes())
    place = content.index(b"\xff\xd8\xff")
    content[place : place + 20] = bytes(20)
    path.write_bytes(bytes(content))
    with pytest.raises(UnfitDataError) as caught:
        load(only(index_all(tmp_path)))
    assert caught.value.reason is ReasonCode.PIXELS_UNDECODABLE


def test_decoders_that_disagree_refuse_the_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off_by_one(file: PixelFile, index: int) -> Samples:
        samples = frame_samples(file, index)
        return replace(samples, words=samples.words ^ 1)

    for k in range(3):
        write_compressed(wide_ct_slice(k), tmp_path / f"{k}.dcm", CODECS[1][0], CODECS[1][1])
    monkeypatch.setattr(opinion, "frame_samples", off_by_one)
    with pytest.raises(UnfitDataError) as caught:
        load(only(index_all(tmp_path)))
    assert caught.value.reason is ReasonCode.DECODERS_DISAGREE
    assert "1024 of 1024 pixels" in caught.value.message


def test_series_without_grid_is_refused(tmp_path: Path) -> None:
    write_stack(tmp_path)
    with pytest.raises(UnfitDataError, match="geometry_absent"):
        load(replace(only(index_all(tmp_path)), grid=None))


def test_signed_jpeg_2000_that_calls_itself_unsigned_keeps_its_hu(
    shared_data: Path, tmp_path: Path
) -> None:
    """A real head CT whose header and codestream differ in sign."""
    source = shared_data / "dicom/odd_pydicom/dicom/test_files/J2K_pixelrep_mismatch.dcm"
    slice_ = pydicom.dcmread(source)
    x, y, z = (float(part) for part in slice_.ImagePositionPatient)
    for k in range(3):
        slice_.ImagePositionPatient = [x, y, z + 5 * k]
        slice_.SOPInstanceUID = f"2.25.{k + 1}"
        slice_.save_as(tmp_path / f"{k}.dcm")
    stack = load(only(index_all(tmp_path)))
    intercept = float(slice_.RescaleIntercept)
    assert stack.data.min() == -1024
    assert stack.data.max() == 1896 + intercept
    truth = slice_.pixel_array.astype(int) + int(intercept)
    assert np.array_equal(stack.data[:, :, 1], np.maximum(truth, -1024).T)
    assert stack.decoder.endswith(", sign by the header")
    assert "agrees with SimpleITK" in stack.decoder
