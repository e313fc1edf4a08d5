from __future__ import annotations

from pathlib import Path

import pytest

from corelab.dicom import syntax
from tests.dicom import htj2k
from tests.dicom.packed import codestream, hold, native, smooth
from tests.dicom.tiny import changed_at, index_all, only, write, write_stack

REVERSIBLE_J2K = codestream(
    native(smooth(0, 4000), bits=12, signed=False), syntax.JPEG_2000_LOSSLESS
)
IRREVERSIBLE_J2K = codestream(native(smooth(0, 4000), bits=12, signed=False), syntax.JPEG_2000)
EXACT_JLS = codestream(native(smooth(0, 4000), bits=12, signed=False), syntax.JPEG_LS_LOSSLESS)
NEAR_JLS = codestream(native(smooth(0, 4000), bits=12, signed=False), syntax.JPEG_LS_NEAR)


@pytest.mark.parametrize(
    ("uid", "frame", "declared", "is_lossy"),
    [
        (syntax.JPEG_2000_LOSSLESS, REVERSIBLE_J2K, None, False),
        (syntax.JPEG_2000_LOSSLESS, IRREVERSIBLE_J2K, None, True),
        (syntax.JPEG_2000_LOSSLESS, IRREVERSIBLE_J2K, "00", True),
        (syntax.JPEG_2000_LOSSLESS, REVERSIBLE_J2K, "01", True),
        (syntax.JPEG_2000, REVERSIBLE_J2K, None, True),
        (syntax.JPEG_2000, REVERSIBLE_J2K, "00", False),
        (syntax.JPEG_2000, IRREVERSIBLE_J2K, "00", True),
        (syntax.JPEG_LS_LOSSLESS, EXACT_JLS, None, False),
        (syntax.JPEG_LS_LOSSLESS, NEAR_JLS, None, True),
        (syntax.JPEG_LS_NEAR, EXACT_JLS, None, True),
        (syntax.JPEG_LS_NEAR, EXACT_JLS, "00", False),
        (syntax.JPEG_LS_NEAR, NEAR_JLS, "00", True),
        (syntax.HTJ2K_LOSSLESS, htj2k.UNSIGNED_16, None, False),
        (syntax.HTJ2K_LOSSLESS, htj2k.LOSSY_16, None, True),
        (syntax.HTJ2K, htj2k.UNSIGNED_16, "00", False),
        (syntax.HTJ2K, htj2k.LOSSY_16, None, True),
    ],
)
def test_loss_is_told_by_declaration_and_stream(
    tmp_path: Path, uid: str, frame: bytes, declared: str | None, *, is_lossy: bool
) -> None:
    for k in range(3):
        slice_ = hold(native(smooth(0, 4000), bits=16, signed=False), [frame], k)
        if declared is not None:
            slice_.LossyImageCompression = declared
        write(slice_, tmp_path / f"{k}.dcm", uid)
    series = only(index_all(tmp_path))
    assert series.refusal is None
    assert series.is_lossy is is_lossy


def test_one_slice_with_lossy_history_makes_its_series_lossy(tmp_path: Path) -> None:
    write_stack(tmp_path, change=changed_at(2, "LossyImageCompression", "01"))
    assert only(index_all(tmp_path)).is_lossy


def test_an_uncompressed_image_without_history_is_not_lossy(tmp_path: Path) -> None:
    write_stack(tmp_path)
    assert not only(index_all(tmp_path)).is_lossy
