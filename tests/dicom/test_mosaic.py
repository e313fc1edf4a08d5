from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from corelab.dicom.csa import csa_numbers
from corelab.dicom.element import Elements
from corelab.dicom.header import FileHeader, read_header
from corelab.dicom.index import index
from corelab.dicom.mosaic import Tiling
from corelab.dicom.pixels import load
from corelab.errors import ReasonCode
from corelab.series import Series
from tests.dicom.test_bvalue import raw_dataset
from tests.dicom.tiny import mr_slice, set_pixels, write

TILE = 4


def csa_header(tags: dict[str, list[str]]) -> bytes:
    """CSA header of software VB and later, as nibabel documents it."""
    content = b"SV10\x04\x03\x02\x01" + struct.pack("<II", len(tags), 77)
    for name, values in tags.items():
        content += struct.pack("<64si4siii", name.encode(), 1, b"FD\0\0", 4, len(values), 77)
        for value in values:
            text = value.encode() + b"\0"
            content += struct.pack("<4i", len(text), len(text), 77, len(text))
            content += text + bytes(-len(text) % 4)
    return content


def mosaic(normal: list[str] | None, n_tiles: int = 7) -> Dataset:
    """3 x 3 tiles of 4 x 4 pixels; tile t holds t + 1 throughout, but for its corner."""
    sheet = mr_slice()
    sheet.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]
    values = np.zeros((3 * TILE, 3 * TILE), np.int16)
    for tile in range(n_tiles):
        row, column = TILE * (tile // 3), TILE * (tile % 3)
        values[row : row + TILE, column : column + TILE] = tile + 1
        values[row, column + 1] = 100 + tile
    set_pixels(sheet, values)
    sheet.PixelSpacing, sheet.SpacingBetweenSlices = [0.5, 0.4], "5"
    count = sheet.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    count.add_new(0x0A, "US", n_tiles)
    if normal is not None:
        block = sheet.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
        block.add_new(0x10, "OB", csa_header({"Other": ["1"], "SliceNormalVector": normal}))
    return sheet


def only(incoming: Path) -> Series:
    (series,) = index(incoming).series
    return series


def test_tiles_become_slices_at_their_own_places(tmp_path: Path) -> None:
    write(mosaic(["0.0", "0.0", "1.0"]), tmp_path / "a.dcm")
    series = only(tmp_path)
    assert series.grid is not None
    assert series.grid.shape == (TILE, TILE, 7)
    inwards = [10 - (12 - TILE) / 2 * 0.4, 20 - (12 - TILE) / 2 * 0.5, 30.0]
    assert np.array(series.grid.affine)[:3, 3] == pytest.approx(inwards)
    data = load(series).data
    for k in range(7):
        assert data[0, 0, k] == k + 1
        assert data[1, 0, k] == 100 + k


def test_tiles_against_the_normal_are_turned(tmp_path: Path) -> None:
    write(mosaic(["0.0", "0.0", "-1.0"]), tmp_path / "a.dcm")
    series = only(tmp_path)
    assert series.grid is not None
    assert np.array(series.grid.affine)[2, 3] == 30.0 - 6 * 5
    assert load(series).data[0, 0].tolist() == [7, 6, 5, 4, 3, 2, 1]


@pytest.mark.parametrize("normal", [None, ["0.0", "1.0", "0.0"], ["0.0", "0,0", "1.0"]])
def test_mosaic_that_does_not_say_where_tiles_lie_is_refused(
    tmp_path: Path, normal: list[str] | None
) -> None:
    record = read_header(write(mosaic(normal), tmp_path / "a.dcm"))
    assert isinstance(record, FileHeader)
    assert record.fault is not None
    assert record.fault.reason is ReasonCode.UNSUPPORTED_LAYOUT


@pytest.mark.parametrize("n_tiles", [0, 17, 5000])
def test_mosaic_whose_tiles_do_not_fit_is_refused(tmp_path: Path, n_tiles: int) -> None:
    sheet = mosaic(["0.0", "0.0", "1.0"])
    sheet[0x0019100A].value = n_tiles
    record = read_header(write(sheet, tmp_path / "a.dcm"))
    assert isinstance(record, FileHeader)
    assert record.fault is not None
    assert record.fault.reason is ReasonCode.UNSUPPORTED_LAYOUT


def test_tiles_run_along_rows_first() -> None:
    tiling = Tiling(count=7, across=3, rows=4, columns=5)
    assert [tiling.corner(tile) for tile in (0, 2, 3, 6)] == [(0, 0), (0, 10), (4, 0), (8, 0)]


def test_csa_header_gives_its_numbers() -> None:
    content = csa_header({"First": ["a", "bb"], "Wanted": ["1.5", "-2", "3e1"], "Last": []})
    block = {0x00290010: ("LO", b"SIEMENS CSA HEADER"), 0x00291010: ("OB", content)}
    elements = Elements(raw_dataset(block))
    assert csa_numbers(elements, "Wanted") == (1.5, -2.0, 30.0)
    assert csa_numbers(elements, "Absent") == ()


@pytest.mark.parametrize("length", [4, 12, 40, 100, 150, 190])
def test_cut_csa_header_gives_nothing(length: int) -> None:
    content = csa_header({"First": ["a", "bb"], "Wanted": ["1.5"]})[:length] + b"Wanted"
    block = {0x00290010: ("LO", b"SIEMENS CSA HEADER"), 0x00291010: ("OB", content)}
    assert csa_numbers(Elements(raw_dataset(block)), "Wanted") == ()
