"""What crosses of the pixels: the head bit for bit, nothing around it, and no text."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.blinding.pixels import find_head, refuse_text, surroundings_cleared
from corelab.blinding.release import release
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import CT_KINDS, SeriesKind, Stack
from tests.factories import GRID, make_series
from tests.kernels.ct_phantom import Recipe, build_ct_head
from tests.kernels.test_burned_in import ink, written

RECIPE = Recipe(has_table=True, has_neck=True)
SPACINGS = np.diag([*RECIPE.spacing_mm, 1.0])
REAL_HEADS = {
    "ct_ge_tilt_variable": 1,
    "ct_philips_head_study": 1,
    "mr_canon_dwi": 13,
    "mr_siemens_mosaic_orient": 6,
    "mr_siemens_xa30_dwi": 4,
    "mr_transfer_syntaxes": 9,
    "mr_uih_dwi": 17,
}


def stack(data: NDArray[np.generic], kind: SeriesKind = SeriesKind.CT) -> Stack:
    grid = replace(GRID, shape=data.shape, affine=tuple(map(tuple, SPACINGS)), slice_spacing_mm=5.0)
    return Stack(
        series=replace(make_series(kind=kind), grid=grid), data=data, decoder="numpy 2.3.1"
    )


def test_the_head_crosses_bit_for_bit_and_the_table_does_not() -> None:
    source = stack(build_ct_head(RECIPE).hu)
    before = source.data.copy()
    head = find_head(source)
    volume = release(source, head=head)
    np.testing.assert_array_equal(volume.data[head], before[head])
    assert (volume.data[~head] == -1024).all()
    assert (before[~head] > 300).any()
    np.testing.assert_array_equal(source.data, before)
    assert volume.data.dtype == before.dtype


def test_around_an_mr_head_is_nothing() -> None:
    image = np.maximum(build_ct_head(replace(RECIPE, has_table=False)).hu.astype(np.float32), -990)
    source = stack(image + 1000, SeriesKind.TRACE)
    head = find_head(source)
    volume = release(source, head=head)
    np.testing.assert_array_equal(volume.data[head], source.data[head])
    assert not volume.data[~head].any()


def test_a_plain_conversion_keeps_every_voxel() -> None:
    source = stack(build_ct_head(RECIPE).hu)
    np.testing.assert_array_equal(release(source, head=None).data, source.data)


def test_the_outline_of_another_grid_is_refused() -> None:
    source = stack(build_ct_head(RECIPE).hu)
    with pytest.raises(UnfitDataError) as caught:
        surroundings_cleared(source, find_head(source)[:, :, 1:])
    assert caught.value.reason is ReasonCode.GRIDS_DIFFER


def test_no_head_is_looked_for_in_the_noise_of_an_adc_map() -> None:
    with pytest.raises(UnfitDataError, match="an ADC map does not show") as caught:
        find_head(stack(build_ct_head(RECIPE).hu, SeriesKind.ADC))
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND


@pytest.mark.parametrize("is_cleared", [True, False])
def test_text_stops_a_series_wherever_it_stands(is_cleared: bool) -> None:  # noqa: FBT001 - both
    recipe = replace(RECIPE, shape=(288, 288, 4), spacing_mm=(0.8, 0.8, 5.0))
    hu = build_ct_head(recipe).hu
    for at in ((5, 5), (100, 140)):
        data = hu.copy()
        data[:, :, 2] = written(data[:, :, 2].T, ink("DOE^JANE", 16, at), 3071).T
        source = stack(data)
        head = np.ones(data.shape, dtype=bool) if is_cleared else None
        with pytest.raises(UnfitDataError) as caught:
            release(source, head=head)
        assert caught.value.reason is ReasonCode.BURNED_IN_TEXT
        assert re.match(r"1 of 4 images hold text or drawn marks: \d sharp", caught.value.message)


@pytest.mark.parametrize("name", REAL_HEADS)
def test_every_voxel_of_a_real_head_crosses_as_it_was_decoded(shared_data: Path, name: str) -> None:
    n_heads = 0
    for series in index(shared_data / "dicom" / name / "dicom").series:
        if series.refusal or series.kind is SeriesKind.ADC or len(series.frames) < 8:
            continue
        source = load(series)
        head = find_head(source)
        volume = release(source, head=head)
        np.testing.assert_array_equal(volume.data[head], load(series).data[head])
        assert (volume.data[~head] == (-1024 if series.kind in CT_KINDS else 0)).all()
        assert 0.15 < head.mean() < 0.75
        n_heads += 1
    assert n_heads == REAL_HEADS[name]


def test_no_real_series_is_stopped_for_text(shared_data: Path) -> None:
    n_series = 0
    for folder in sorted((shared_data / "dicom").iterdir()):
        for series in index(folder / "dicom").series if folder.is_dir() else ():
            if not series.refusal:
                refuse_text(load(series))
                n_series += 1
    assert n_series > 50
