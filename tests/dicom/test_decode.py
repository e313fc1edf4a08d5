from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from corelab.dicom import syntax
from corelab.dicom.pixels import load
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import Stack
from tests.dicom import htj2k
from tests.dicom.packed import (
    by_gdcm,
    codestream,
    hold,
    hold_extended,
    native,
    rle_of_32_bits,
    smooth,
)
from tests.dicom.tiny import enhanced_mr, index_all, only, set_pixels, write

LOSSLESS = [syntax.RLE, syntax.JPEG_LS_LOSSLESS, syntax.JPEG_2000_LOSSLESS]
BY_GDCM = [syntax.JPEG_LOSSLESS, syntax.JPEG_LOSSLESS_SV1]


@dataclass(frozen=True, kw_only=True)
class Form:
    """Bits and sign that a header says, or that the encoder is told."""

    bits: int
    signed: bool
    allocated: int = 16


# What libjpeg-turbo 3 makes of the same stream, pixel by pixel.
SUM_OF_12_BIT_JPEG = 3_767_007


def stack_of(folder: Path, frames: list[bytes], header: Form, uid: str) -> Stack:
    """Decode a stack of frames that each lie in a file of their own."""
    for k, frame in enumerate(frames):
        empty = np.zeros((48, 48), np.int16)
        slice_ = native(empty, bits=header.bits, signed=header.signed, allocated=header.allocated)
        write(hold(slice_, [frame], k), folder / f"{k}.dcm", uid)
    return load(only(index_all(folder)))


def packed(values: NDArray[np.int64], told: Form, uid: str, folder: Path) -> bytes:
    slice_ = native(values, bits=told.bits, signed=told.signed, allocated=told.allocated)
    return by_gdcm(slice_, uid, folder) if uid in BY_GDCM else codestream(slice_, uid)


def pattern(values: NDArray[np.int64], bits: int) -> NDArray[np.int64]:
    """Two's complement of so many bits, as an unsigned number."""
    return values & ((1 << bits) - 1)


def in_air(values: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.maximum(values, -1024).T


@pytest.mark.parametrize("uid", [*LOSSLESS, *BY_GDCM])
@pytest.mark.parametrize(
    ("form", "low", "high"),
    [
        (Form(bits=8, signed=False, allocated=8), 0, 250),
        (Form(bits=8, signed=True, allocated=8), -120, 120),
        (Form(bits=12, signed=False), 0, 4000),
        (Form(bits=12, signed=True), -1000, 2000),
        (Form(bits=13, signed=True), -1024, 3000),
        (Form(bits=16, signed=False), 0, 30_000),
        (Form(bits=16, signed=True), -1024, 30_000),
    ],
    ids=str,
)
def test_every_lossless_codec_keeps_every_form_of_word(
    tmp_path: Path, uid: str, form: Form, low: int, high: int
) -> None:
    values = [smooth(low, high, k) for k in range(3)]
    frames = [packed(slice_, form, uid, tmp_path) for slice_ in values]
    stack = stack_of(tmp_path, frames, form, uid)
    for k in range(3):
        assert np.array_equal(stack.data[:, :, k], in_air(values[k]))
    assert "agrees with SimpleITK" in stack.decoder
    assert not stack.has_bits_outside
    assert not stack.series.is_lossy


def test_32_bit_rle_is_read(tmp_path: Path) -> None:
    """Values that need all four bytes, packed by hand."""
    values = smooth(-70_000, 70_000)
    frame = rle_of_32_bits(values)
    for k in range(3):
        slice_ = native(np.zeros((48, 48)), bits=32, signed=True, allocated=32)
        slice_.RescaleSlope = "0.01"
        write(hold(slice_, [frame], k), tmp_path / f"{k}.dcm", syntax.RLE)
    stack = load(only(index_all(tmp_path)))
    assert np.array_equal(stack.data[:, :, 2], np.rint(values.T * 0.01))
    assert "agrees with SimpleITK" in stack.decoder


def test_signed_words_coded_as_unsigned_jpeg_2000_keep_their_hu(tmp_path: Path) -> None:
    frames = [
        packed(
            pattern(smooth(-1000, 2000, k), 13),
            Form(bits=13, signed=False),
            syntax.JPEG_2000_LOSSLESS,
            tmp_path,
        )
        for k in range(3)
    ]
    stack = stack_of(tmp_path, frames, Form(bits=13, signed=True), syntax.JPEG_2000_LOSSLESS)
    assert np.array_equal(stack.data[:, :, 1], smooth(-1000, 2000, 1).T)
    assert stack.decoder.endswith(", sign by the header")


def test_unsigned_values_whose_header_says_signed_keep_their_hu(tmp_path: Path) -> None:
    told = Form(bits=12, signed=False)
    frames = [
        packed(smooth(0, 4000, k), told, syntax.JPEG_2000_LOSSLESS, tmp_path) for k in range(3)
    ]
    stack = stack_of(tmp_path, frames, Form(bits=12, signed=True), syntax.JPEG_2000_LOSSLESS)
    assert np.array_equal(stack.data[:, :, 1], smooth(0, 4000, 1).T)
    assert stack.decoder.endswith(", sign by the stream")
    assert stack.has_bits_outside


def test_signed_values_whose_header_says_unsigned_keep_their_hu(tmp_path: Path) -> None:
    told = Form(bits=12, signed=True)
    frames = [
        packed(smooth(-1000, 900, k), told, syntax.JPEG_2000_LOSSLESS, tmp_path) for k in range(3)
    ]
    stack = stack_of(tmp_path, frames, Form(bits=12, signed=False), syntax.JPEG_2000_LOSSLESS)
    assert np.array_equal(stack.data[:, :, 1], smooth(-1000, 900, 1).T)
    assert stack.decoder.endswith(", sign by the stream")


def test_a_sign_that_no_value_depends_on_is_no_contradiction(tmp_path: Path) -> None:
    told = Form(bits=12, signed=True)
    frames = [
        packed(smooth(0, 2000, k), told, syntax.JPEG_2000_LOSSLESS, tmp_path) for k in range(3)
    ]
    stack = stack_of(tmp_path, frames, Form(bits=12, signed=False), syntax.JPEG_2000_LOSSLESS)
    assert np.array_equal(stack.data[:, :, 1], smooth(0, 2000, 1).T)
    assert "sign" not in stack.decoder


def test_a_sign_that_the_image_cannot_tell_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 4096, (48, 48))
    frames = [packed(noise, Form(bits=12, signed=False), syntax.JPEG_2000_LOSSLESS, tmp_path)] * 3
    with pytest.raises(UnfitDataError) as caught:
        stack_of(tmp_path, frames, Form(bits=12, signed=True), syntax.JPEG_2000_LOSSLESS)
    assert caught.value.reason is ReasonCode.PIXELS_UNDECODABLE
    assert "12 bits signed, the pixels are 12 bits unsigned" in caught.value.message


@pytest.mark.parametrize("uid", [syntax.JPEG_LS_LOSSLESS, syntax.JPEG_2000_LOSSLESS])
def test_values_beyond_their_declared_bits_count_whole_and_are_told(
    tmp_path: Path, uid: str
) -> None:
    told = Form(bits=16, signed=False)
    frames = [packed(smooth(0, 4500, k), told, uid, tmp_path) for k in range(3)]
    stack = stack_of(tmp_path, frames, Form(bits=12, signed=False), uid)
    assert np.array_equal(stack.data[:, :, 1], smooth(0, 4500, 1).T)
    assert stack.has_bits_outside
    assert stack.decoder.endswith(", bits beyond the stored ones kept")


@pytest.mark.parametrize("uid", [syntax.JPEG_LS_LOSSLESS, syntax.JPEG_2000_LOSSLESS, *BY_GDCM])
def test_signed_words_without_sign_extension_are_whole_words_all_the_same(
    tmp_path: Path, uid: str
) -> None:
    told = Form(bits=16, signed=False)
    frames = [packed(pattern(smooth(-1000, 2000, k), 12), told, uid, tmp_path) for k in range(3)]
    header = Form(bits=12, signed=True)
    stack = stack_of(tmp_path, frames, header, uid)
    assert np.array_equal(stack.data[:, :, 1], smooth(-1000, 2000, 1).T)
    assert not stack.has_bits_outside


def test_jpeg_ls_of_fewer_bits_than_declared_keeps_its_sign(tmp_path: Path) -> None:
    told = Form(bits=12, signed=False)
    frames = [
        packed(pattern(smooth(-1000, 2000, k), 12), told, syntax.JPEG_LS_LOSSLESS, tmp_path)
        for k in range(3)
    ]
    stack = stack_of(tmp_path, frames, Form(bits=16, signed=True), syntax.JPEG_LS_LOSSLESS)
    assert np.array_equal(stack.data[:, :, 1], smooth(-1000, 2000, 1).T)


@pytest.mark.parametrize("uid", LOSSLESS)
def test_values_in_the_upper_bits_of_their_words_are_moved_down(tmp_path: Path, uid: str) -> None:
    words = smooth(-1000, 2000) << 4
    frame = packed(words, Form(bits=16, signed=True), uid, tmp_path)
    for k in range(3):
        slice_ = native(np.zeros((48, 48)), bits=12, signed=True)
        slice_.HighBit = 15
        write(hold(slice_, [frame], k), tmp_path / f"{k}.dcm", uid)
    assert np.array_equal(load(only(index_all(tmp_path))).data[:, :, 0], smooth(-1000, 2000).T)


def test_samples_wider_than_their_words_are_refused(tmp_path: Path) -> None:
    frame = packed(
        smooth(0, 4000), Form(bits=12, signed=False), syntax.JPEG_2000_LOSSLESS, tmp_path
    )
    header = Form(bits=8, signed=False, allocated=8)
    with pytest.raises(UnfitDataError, match="have 12 bits, the header says 8 allocated"):
        stack_of(tmp_path, [frame] * 3, header, syntax.JPEG_2000_LOSSLESS)


def test_a_stream_of_another_coding_than_its_syntax_is_refused(tmp_path: Path) -> None:
    form = Form(bits=12, signed=False)
    frame = packed(smooth(0, 4000), form, syntax.JPEG_2000_LOSSLESS, tmp_path)
    with pytest.raises(UnfitDataError, match="is JPEG 2000, the transfer syntax says JPEG-LS"):
        stack_of(tmp_path, [frame] * 3, form, syntax.JPEG_LS_LOSSLESS)


def test_a_frame_of_another_size_than_its_header_is_refused(tmp_path: Path) -> None:
    form = Form(bits=12, signed=False)
    frame = packed(smooth(0, 4000)[:40], form, syntax.JPEG_2000_LOSSLESS, tmp_path)
    with pytest.raises(UnfitDataError, match="40 x 48 x 1 samples, the header says 48 x 48"):
        stack_of(tmp_path, [frame] * 3, form, syntax.JPEG_2000_LOSSLESS)


def multi_frame(uid: str) -> tuple[Dataset, list[bytes]]:
    """One enhanced object of four frames, without their offset table."""
    whole = enhanced_mr((0.0,), n_slices=4)
    frames = [codestream(native(smooth(0, 3000, k), bits=16, signed=True), uid) for k in range(4)]
    set_pixels(whole, np.zeros((48, 48), np.int16))
    whole.NumberOfFrames = 4
    return whole, frames


def frames_of(path: Path) -> list[NDArray[np.float32]]:
    data = load(only(index_all(path))).data
    return [np.asarray((data[:, :, k].T - 1) / 2) for k in range(data.shape[2])]


@pytest.mark.parametrize("uid", LOSSLESS)
@pytest.mark.parametrize("table", ["basic", "extended", "none"])
def test_frames_are_found_with_and_without_offset_table(
    tmp_path: Path, uid: str, table: str
) -> None:
    whole, frames = multi_frame(uid)
    if table == "extended":
        hold_extended(whole, frames)
    else:
        hold(whole, frames)
    if table == "none":
        whole.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + whole.PixelData[8 + 4 * 4 :]
    del whole.ImagePositionPatient
    write(whole, tmp_path / "a.dcm", uid)
    for k, frame in enumerate(frames_of(tmp_path)):
        assert np.array_equal(frame, smooth(0, 3000, k))


@pytest.mark.parametrize("uid", [syntax.JPEG_LS_LOSSLESS, syntax.JPEG_2000_LOSSLESS])
@pytest.mark.parametrize("has_table", [True, False])
def test_frames_of_several_fragments_are_put_together(
    tmp_path: Path, uid: str, *, has_table: bool
) -> None:
    whole, frames = multi_frame(uid)
    hold(whole, frames, fragments=3)
    if not has_table:
        whole.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + whole.PixelData[8 + 4 * 4 :]
    del whole.ImagePositionPatient
    write(whole, tmp_path / "a.dcm", uid)
    for k, frame in enumerate(frames_of(tmp_path)):
        assert np.array_equal(frame, smooth(0, 3000, k))


def test_a_wrong_offset_table_moves_no_frame(tmp_path: Path) -> None:
    whole, frames = multi_frame(syntax.JPEG_2000_LOSSLESS)
    hold(whole, frames)
    content = bytearray(whole.PixelData)
    content[8:24] = np.array([0, 10, 20, 30], "<u4").tobytes()
    whole.PixelData = bytes(content)
    del whole.ImagePositionPatient
    write(whole, tmp_path / "a.dcm", syntax.JPEG_2000_LOSSLESS)
    assert np.array_equal(frames_of(tmp_path)[3], smooth(0, 3000, 3))


def test_rle_frames_of_several_fragments_cannot_be_told_apart(tmp_path: Path) -> None:
    whole, frames = multi_frame(syntax.RLE)
    hold(whole, frames, fragments=2)
    whole.PixelData = b"\xfe\xff\x00\xe0\0\0\0\0" + whole.PixelData[8 + 4 * 4 :]
    del whole.ImagePositionPatient
    write(whole, tmp_path / "a.dcm", syntax.RLE)
    with pytest.raises(UnfitDataError, match="8 fragments cannot be shared out among 4 frames"):
        load(only(index_all(tmp_path)))


def test_one_rle_frame_of_several_fragments_is_read(tmp_path: Path) -> None:
    for k in range(3):
        slice_ = native(smooth(-1000, 2000, k), bits=16, signed=True)
        frame = codestream(slice_, syntax.RLE)
        write(hold(slice_, [frame], k, fragments=3), tmp_path / f"{k}.dcm", syntax.RLE)
    stack = load(only(index_all(tmp_path)))
    assert np.array_equal(stack.data[:, :, 2], smooth(-1000, 2000, 2).T)


def test_a_12_bit_jpeg_is_read_by_its_pinned_decoder(tmp_path: Path) -> None:
    source = pydicom.data.get_testdata_file("JPGExtended.dcm", read=True)
    assert isinstance(source, Dataset)
    for k in range(3):
        slice_ = native(np.zeros((48, 48)), bits=12, signed=False)
        slice_.Rows, slice_.Columns = source.Rows, source.Columns
        hold(slice_, [pydicom.encaps.get_frame(source.PixelData, 0, number_of_frames=1)], k)
        write(slice_, tmp_path / f"{k}.dcm", syntax.JPEG_EXTENDED)
    stack = load(only(index_all(tmp_path)))
    assert stack.series.is_lossy
    assert (int(stack.data.min()), int(stack.data.max())) == (0, 264)
    assert int(stack.data[:, :, 0].sum(dtype=np.int64)) == SUM_OF_12_BIT_JPEG


@pytest.mark.parametrize(("uid", "off_by"), [(syntax.JPEG_BASELINE, 3), (syntax.JPEG_EXTENDED, 3)])
def test_an_8_bit_jpeg_is_read_and_lossy(tmp_path: Path, uid: str, off_by: int) -> None:
    form = Form(bits=8, signed=False, allocated=8)
    values = smooth(0, 250)
    frame = by_gdcm(native(values, bits=8, signed=False, allocated=8), uid, tmp_path)
    stack = stack_of(tmp_path, [frame] * 3, form, uid)
    assert stack.series.is_lossy
    assert np.abs(stack.data[:, :, 0] - values.T).max() <= off_by


@pytest.mark.parametrize(("uid", "off_by"), [(syntax.JPEG_LS_NEAR, 2), (syntax.JPEG_2000, 60)])
def test_lossy_streams_are_read_near_their_values(tmp_path: Path, uid: str, off_by: int) -> None:
    form = Form(bits=12, signed=False)
    values = smooth(0, 4000)
    stack = stack_of(tmp_path, [packed(values, form, uid, tmp_path)] * 3, form, uid)
    assert stack.series.is_lossy
    assert np.abs(stack.data[:, :, 0].astype(int) - values.T).max() <= off_by


@pytest.mark.parametrize("uid", [*LOSSLESS, *BY_GDCM])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_cut_codestream_never_becomes_an_image(tmp_path: Path, uid: str, share: float) -> None:
    form = Form(bits=12, signed=False)
    frame = packed(smooth(0, 4000), form, uid, tmp_path)
    cut = frame[: int(len(frame) * share)] + b"\xff\xd9"
    with pytest.raises(UnfitDataError) as caught:
        stack_of(tmp_path, [cut] * 3, form, uid)
    assert caught.value.reason in {ReasonCode.PIXELS_TRUNCATED, ReasonCode.PIXELS_UNDECODABLE}


@pytest.mark.parametrize("uid", [syntax.HTJ2K_LOSSLESS, syntax.HTJ2K_LOSSLESS_RPCL])
def test_high_throughput_jpeg_2000_is_exact_by_two_decoders(tmp_path: Path, uid: str) -> None:
    signed, unsigned = Form(bits=16, signed=True), Form(bits=16, signed=False)
    stack = stack_of(tmp_path / "s", [htj2k.SIGNED_16] * 3, signed, uid)
    assert np.array_equal(stack.data[:, :, 0], smooth(-1000, 2000).T)
    assert "agrees with SimpleITK" in stack.decoder
    stack = stack_of(tmp_path / "u", [htj2k.UNSIGNED_16] * 3, unsigned, uid)
    assert np.array_equal(stack.data[:, :, 0], smooth(0, 4000).T)
    assert not stack.series.is_lossy


def test_lossy_high_throughput_jpeg_2000_is_read_and_lossy(tmp_path: Path) -> None:
    form = Form(bits=16, signed=False)
    stack = stack_of(tmp_path, [htj2k.LOSSY_16] * 3, form, syntax.HTJ2K)
    assert np.abs(stack.data[:, :, 0] - smooth(0, 4000).T).max() <= 26
    assert stack.series.is_lossy


def test_a_later_frame_with_loss_in_a_lossless_object_is_refused(tmp_path: Path) -> None:
    whole, frames = multi_frame(syntax.JPEG_2000_LOSSLESS)
    source = native(smooth(0, 3000, 2), bits=16, signed=True)
    frames[2] = codestream(source, syntax.JPEG_2000)
    hold(whole, frames)
    del whole.ImagePositionPatient
    write(whole, tmp_path / "a.dcm", syntax.JPEG_2000_LOSSLESS)
    with pytest.raises(UnfitDataError, match="frame 3 was compressed with loss") as caught:
        load(only(index_all(tmp_path)))
    assert caught.value.reason is ReasonCode.LOSSY_PIXELS


@pytest.mark.parametrize("uid", syntax.DECODERS)
def test_no_broken_codestream_kills_its_process_and_no_cut_one_decodes(uid: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.dicom.fuzz", uid],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_bytes_after_the_pixels_are_left_out(tmp_path: Path) -> None:
    for k in range(3):
        slice_ = native(smooth(0, 3000, k), bits=16, signed=True)
        slice_.ImagePositionPatient, slice_.SOPInstanceUID = [0, 0, 5 * k], f"2.25.7.{k}"
        slice_.PixelData += b"\x7f" * 100
        path = write(slice_, tmp_path / f"{k}.dcm")
        path.write_bytes(path.read_bytes() + b"\0" * 50)
    assert np.array_equal(load(only(index_all(tmp_path))).data[:, :, 2], smooth(0, 3000, 2).T)


def test_fewer_bytes_than_pixels_are_refused(tmp_path: Path) -> None:
    for k in range(3):
        slice_ = native(smooth(0, 3000, k), bits=16, signed=True)
        slice_.ImagePositionPatient, slice_.SOPInstanceUID = [0, 0, 5 * k], f"2.25.7.{k}"
        slice_.PixelData = slice_.PixelData[:-2]
        write(slice_, tmp_path / f"{k}.dcm")
    refusal = only(index_all(tmp_path)).refusal
    assert refusal is not None
    assert refusal.reason is ReasonCode.PIXELS_TRUNCATED
