from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from corelab.errors import ReasonCode, UnfitDataError
from corelab.store.nifti import load_mask, load_volume, save_volume
from corelab.volume import Volume

SROW_X = 280  # offset in the NIfTI-1 header


def sheared() -> np.ndarray:
    affine = np.diag([-0.5, -0.5, 5.0, 1.0])
    affine[1, 2] = 1.5
    affine[:3, 3] = [100, 90, -40]
    return affine


@pytest.mark.parametrize("dtype", [np.int16, np.uint8, np.float32])
def test_voxels_and_a_sheared_affine_come_back_exactly(tmp_path: Path, dtype: type) -> None:
    data = np.arange(3 * 4 * 5).reshape(3, 4, 5).astype(dtype)
    save_volume(tmp_path / "x.nii.gz", Volume(data=data, affine=sheared()))
    again = load_volume(tmp_path / "x.nii.gz")
    assert again.data.dtype == dtype
    np.testing.assert_array_equal(again.data, data)
    np.testing.assert_allclose(again.affine, sheared(), atol=1e-5)


def test_the_file_holds_no_text_no_name_and_no_time(tmp_path: Path) -> None:
    path = tmp_path / "secretname.nii.gz"
    save_volume(path, Volume(data=np.zeros((2, 2, 2), np.int16), affine=np.eye(4)))
    raw = path.read_bytes()
    assert raw[3] == 0, "gzip flags: no name, no comment"
    assert raw[4:8] == bytes(4), "gzip time"
    header = nib.Nifti1Image.from_bytes(gzip.decompress(raw)).header
    for field in ("descrip", "aux_file", "intent_name", "db_name", "data_type"):
        assert bytes(header[field]).strip(b"\0") == b""


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    volume = Volume(data=np.ones((3, 3, 3), np.float32), affine=np.eye(4))
    save_volume(tmp_path / "a.nii.gz", volume)
    save_volume(tmp_path / "b.nii.gz", volume)
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()


def test_a_shear_leaves_the_qform_unset_and_a_straight_grid_sets_both(tmp_path: Path) -> None:
    data = np.zeros((2, 2, 2), np.int16)
    save_volume(tmp_path / "tilted.nii.gz", Volume(data=data, affine=sheared()))
    save_volume(tmp_path / "straight.nii.gz", Volume(data=data, affine=np.diag([2.0, 2, 5, 1])))
    tilted, straight = (nib.load(tmp_path / f"{n}.nii.gz").header for n in ("tilted", "straight"))
    assert (int(tilted["qform_code"]), int(tilted["sform_code"])) == (0, 1)
    assert (int(straight["qform_code"]), int(straight["sform_code"])) == (1, 1)
    np.testing.assert_allclose(straight.get_qform(), straight.get_sform())


def write(path: Path, change: str) -> None:
    image = nib.Nifti1Image(np.zeros((2, 2, 2), np.int16), np.diag([1.0, 1, 3, 1]))
    image.set_sform(np.diag([1.0, 1, 3, 1]), code=1)
    image.set_qform(np.diag([1.0, 1, 8 if change == "conflict" else 3, 1]), code=1)
    image.header.set_xyzt_units("meter" if change == "unit" else "mm")
    content = image.to_bytes()
    if change == "nan":
        content = content[:SROW_X] + np.float32(np.nan).tobytes() + content[SROW_X + 4 :]
    path.write_bytes(content[:-4] if change == "cut" else content)


@pytest.mark.parametrize(
    ("change", "word"),
    [("conflict", "disagree"), ("unit", "mm"), ("nan", "finite"), ("cut", "complete")],
)
def test_a_file_of_doubtful_geometry_is_refused(tmp_path: Path, change: str, word: str) -> None:
    write(tmp_path / "x.nii", change)
    with pytest.raises(UnfitDataError, match=word) as caught:
        load_volume(tmp_path / "x.nii")
    assert caught.value.reason is ReasonCode.IMAGE_INVALID


def test_a_cut_gzip_stream_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.nii.gz"
    save_volume(path, Volume(data=np.ones((9, 9, 9), np.int16), affine=np.eye(4)))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UnfitDataError, match="cut"):
        load_volume(path)


def test_a_scaled_image_is_read_in_its_real_unit(tmp_path: Path) -> None:
    image = nib.Nifti1Image(np.full((2, 2, 2), 7, np.int16), np.eye(4))
    image.header.set_slope_inter(0.5, 1.0)
    (tmp_path / "x.nii").write_bytes(image.to_bytes())
    np.testing.assert_array_equal(load_volume(tmp_path / "x.nii").data, np.float32(4.5))


def test_a_mask_on_another_grid_or_with_fractions_is_refused(tmp_path: Path) -> None:
    image = Volume(data=np.zeros((2, 2, 2), np.int16), affine=np.eye(4))
    save_volume(tmp_path / "far.nii.gz", Volume(data=image.data, affine=np.diag([2.0, 1, 1, 1])))
    halves = image.with_data(np.full((2, 2, 2), 0.5, np.float32))
    save_volume(tmp_path / "half.nii.gz", halves)
    with pytest.raises(UnfitDataError, match="another grid"):
        load_mask(tmp_path / "far.nii.gz", image)
    with pytest.raises(UnfitDataError, match="whole numbers"):
        load_mask(tmp_path / "half.nii.gz", image)


def test_a_voxel_that_is_no_number_is_refused(tmp_path: Path) -> None:
    data = np.ones((2, 2, 2), np.float32)
    data[0, 0, 0] = np.nan
    save_volume(tmp_path / "x.nii.gz", Volume(data=data, affine=np.eye(4)))
    with pytest.raises(UnfitDataError, match="no finite numbers"):
        load_volume(tmp_path / "x.nii.gz")
