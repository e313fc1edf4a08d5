from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelab.errors import ReasonCode, UnfitDataError
from corelab.store.nifti import load_mask, load_volume, save_volume, unpacked_once
from corelab.volume import Volume


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


def with_nibabel(volume: Volume) -> bytes:
    """The same file as nibabel writes it."""
    image = nib.Nifti1Image(np.asarray(volume.data), volume.affine)
    image.header.set_xyzt_units("mm")
    image.header.set_slope_inter(1.0, 0.0)
    image.set_sform(volume.affine, code=1)
    image.set_qform(volume.affine, code=1)
    if np.abs(image.get_qform() - volume.affine).max() > 1e-4:
        image.header["qform_code"] = 0
    return bytes(image.to_bytes())


SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7), st.integers(1, 7))


@settings(deadline=None)
@given(
    shape=SHAPES,
    dtype=st.sampled_from(["i2", "u1", "f4", ">i2"]),
    view=st.sampled_from(["C", "F", "flipped", "part"]),
    grid=st.sampled_from(["straight", "sheared"]),
)
def test_the_bytes_are_those_of_nibabel_for_every_memory_order(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, int, int],
    dtype: str,
    view: str,
    grid: str,
) -> None:
    data = (np.arange(np.prod(shape)) % 251).astype(dtype).reshape(shape)
    views = {
        "C": data,
        "F": np.asfortranarray(data),
        "flipped": data[::-1, :, ::-1],
        "part": np.repeat(data, 2, axis=1)[:, ::2],
    }
    affine = sheared() if grid == "sheared" else np.diag([-0.5, -0.5, 5.0, 1.0])
    volume = Volume(data=views[view], affine=affine)
    path = tmp_path_factory.mktemp("nii") / "x.nii.gz"
    save_volume(path, volume)
    assert gzip.decompress(path.read_bytes()) == with_nibabel(volume)


def test_a_volume_of_many_slabs_is_written_whole(tmp_path: Path) -> None:
    data = np.random.default_rng(1).integers(-1024, 3000, (300, 400, 21)).astype(np.int16)
    volume = Volume(data=data, affine=np.diag([0.5, 0.5, 5, 1]))
    save_volume(tmp_path / "x.nii.gz", volume)
    assert gzip.decompress((tmp_path / "x.nii.gz").read_bytes()) == with_nibabel(volume)


def test_saving_takes_a_fraction_of_the_volume_in_memory(tmp_path: Path) -> None:
    data = np.zeros((256, 256, 256), np.int16, order="F")
    volume = Volume(data=data, affine=np.eye(4))
    tracemalloc.start()
    save_volume(tmp_path / "x.nii.gz", volume)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < data.nbytes / 8


def test_a_rotation_that_a_quaternion_rounds_away_leaves_the_qform_unset(tmp_path: Path) -> None:
    turn = 5e-4
    affine = np.array(
        [[-1, turn, 0, 90], [-turn, -1, 0, 110], [0, 0, 5, -40], [0, 0, 0, 1]], dtype=np.float64
    )
    volume = Volume(data=np.zeros((200, 200, 3), np.int16), affine=affine)
    save_volume(tmp_path / "x.nii.gz", volume)
    assert int(nib.load(tmp_path / "x.nii.gz").header["qform_code"]) == 0
    np.testing.assert_allclose(load_volume(tmp_path / "x.nii.gz").affine, affine, atol=1e-5)


def test_a_shear_leaves_the_qform_unset_and_a_straight_grid_sets_both(tmp_path: Path) -> None:
    data = np.zeros((2, 2, 2), np.int16)
    save_volume(tmp_path / "tilted.nii.gz", Volume(data=data, affine=sheared()))
    save_volume(tmp_path / "straight.nii.gz", Volume(data=data, affine=np.diag([2.0, 2, 5, 1])))
    tilted, straight = (nib.load(tmp_path / f"{n}.nii.gz").header for n in ("tilted", "straight"))
    assert (int(tilted["qform_code"]), int(tilted["sform_code"])) == (0, 1)
    assert (int(straight["qform_code"]), int(straight["sform_code"])) == (1, 1)
    np.testing.assert_allclose(straight.get_qform(), straight.get_sform())


def plain(data: np.ndarray | None = None) -> nib.Nifti1Image:
    image = nib.Nifti1Image(
        np.zeros((2, 2, 2), np.int16) if data is None else data, np.diag([1.0, 1, 3, 1])
    )
    image.set_sform(np.diag([1.0, 1, 3, 1]), code=1)
    image.set_qform(np.diag([1.0, 1, 3, 1]), code=1)
    image.header.set_xyzt_units("mm")
    return image


def patched(content: bytes, **fields: object) -> bytes:
    """Content with header fields set as they are, unchecked by nibabel."""
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    return bytes(header.binaryblock) + content[348:]


def sheared_row() -> dict[str, object]:
    affine = sheared()
    return {
        "sform_code": 1,
        "qform_code": 1,
        "srow_x": affine[0],
        "srow_y": affine[1],
        "srow_z": affine[2],
        "pixdim": [1, *np.linalg.norm(affine[:3, :3], axis=0), 1, 1, 1, 1],
    }


DOUBTFUL = {
    "conflict": ({"pixdim": [1, 1, 1, 8, 1, 1, 1, 1]}, "disagree"),
    "rotated": ({"quatern_b": 0.01}, "disagree"),
    "moved": ({"qoffset_x": 0.2}, r"disagree by 0\.20 mm"),
    "sheared": (sheared_row(), "disagree"),
    "zooms": ({"qform_code": 0, "pixdim": [1, 1, 1, 3.01, 1, 1, 1, 1]}, "1 x 1 x 3.01 mm"),
    "no zooms": ({"pixdim": [1, 0, 1, 3, 1, 1, 1, 1]}, "positive"),
    "metre": ({"xyzt_units": 1}, "must be in mm"),
    "micrometre": ({"xyzt_units": 3}, "must be in mm"),
    "nan": ({"srow_x": [np.nan, 0, 0, 0]}, "finite"),
    "infinite": ({"srow_z": [0, 0, 3, np.inf]}, "finite"),
    "qform nan": ({"sform_code": 0, "qoffset_y": np.nan}, "finite"),
    "no rotation": ({"quatern_b": 0.9, "quatern_c": 0.9}, "rotation"),
    "nowhere": ({"sform_code": 0, "qform_code": 0}, "codes are 0"),
    "flat": ({"qform_code": 0, "srow_x": [1, 1, 0, 0], "srow_y": [0] * 4}, "folds the image flat"),
    "plane": ({"dim": [2, 2, 4, 1, 1, 1, 1, 1]}, "three axes"),
    "4-D": ({"dim": [4, 2, 2, 1, 2, 1, 1, 1]}, "three axes"),
    "negative": ({"dim": [3, 2, -2, 2, 1, 1, 1, 1]}, "at least one voxel"),
    "complex": ({"datatype": 32, "bitpix": 64}, "data type code 32"),
    "RGB": ({"datatype": 128, "bitpix": 24}, "data type code 128"),
    "unknown": ({"datatype": 77}, "data type code 77"),
    "slope": ({"scl_slope": np.nan}, "scale"),
    "pair": ({"magic": b"ni1"}, "no header of a NIfTI-1 file"),
    "early": ({"vox_offset": 12}, "start at byte 12"),
    "more": ({"dim": [3, 2, 2, 1, 1, 1, 1, 1]}, "more than the 8 bytes"),
    "less": ({"dim": [3, 2, 2, 3, 1, 1, 1, 1]}, "16 bytes of voxels, its header declares 24"),
    "huge": ({"dim": [3, 2048, 2048, 2048, 1, 1, 1, 1]}, "16.0 GB"),
}


@pytest.mark.parametrize("kind", DOUBTFUL)
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_doubtful_file_is_refused(tmp_path: Path, kind: str, suffix: str) -> None:
    fields, words = DOUBTFUL[kind]
    content = patched(plain().to_bytes(), **fields)
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip.compress(content) if suffix == ".nii.gz" else content)
    with pytest.raises(UnfitDataError, match=words) as caught:
        load_volume(path)
    assert caught.value.reason is ReasonCode.IMAGE_INVALID


@pytest.mark.parametrize("length", [0, 1, 347, 351, 367])
def test_a_cut_file_is_refused(tmp_path: Path, length: int) -> None:
    (tmp_path / "x.nii").write_bytes(plain().to_bytes()[:length])
    with pytest.raises(UnfitDataError, match="not a complete NIfTI image"):
        load_volume(tmp_path / "x.nii")


def test_small_numerical_differences_are_no_conflict(tmp_path: Path) -> None:
    content = patched(plain().to_bytes(), qoffset_x=0.05, srow_z=[0, 0.002, 3, 0], xyzt_units=0)
    (tmp_path / "x.nii").write_bytes(content)
    assert load_volume(tmp_path / "x.nii").affine[2, 1] == np.float32(0.002)


def test_a_bomb_is_never_unpacked_beyond_what_its_header_declares(tmp_path: Path) -> None:
    """32 MB of zeros behind a header of 16 bytes, and a header that declares 4 GB."""
    small, large = tmp_path / "small.nii.gz", tmp_path / "large.nii.gz"
    zeros = bytes(1 << 25)
    small.write_bytes(gzip.compress(plain().to_bytes() + zeros))
    wide = patched(plain().to_bytes(), dim=[3, 2048, 1024, 1024, 1, 1, 1, 1])
    large.write_bytes(gzip.compress(wide + zeros))
    for path, words in ((small, "more than the 16 bytes"), (large, "4.0 GB")):
        tracemalloc.start()
        with pytest.raises(UnfitDataError, match=words):
            load_volume(path)
        assert tracemalloc.get_traced_memory()[1] < len(zeros) / 4
        tracemalloc.stop()


@pytest.mark.parametrize("order", ["<", ">"])
def test_both_byte_orders_are_read(tmp_path: Path, order: str) -> None:
    data = np.arange(8, dtype=np.int16).reshape(2, 2, 2)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.int16)
    image = nib.Nifti1Image(data, np.diag([1.0, 1, 3, 1]), header)
    (tmp_path / "x.nii").write_bytes(image.to_bytes())
    volume = load_volume(tmp_path / "x.nii")
    assert volume.data.dtype.isnative
    np.testing.assert_array_equal(volume.data, data)


def test_a_file_beside_its_packed_twin_is_read_alone(tmp_path: Path) -> None:
    (tmp_path / "x.nii").write_bytes(plain(np.ones((2, 2, 2), np.int16)).to_bytes())
    save_volume(tmp_path / "x.nii.gz", Volume(data=np.zeros((2, 2, 2), np.int16), affine=np.eye(4)))
    assert load_volume(tmp_path / "x.nii").data.sum() == 8
    assert load_volume(tmp_path / "x.nii.gz").data.sum() == 0


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


@pytest.mark.parametrize(
    ("dtype", "fields", "words"),
    [
        ("i2", {"scl_slope": 0.9}, "must not be scaled"),
        ("u1", {"scl_slope": 1, "scl_inter": 1}, "must not be scaled"),
        ("i2", {}, "whole numbers"),
        ("f4", {}, "whole numbers"),
    ],
)
def test_a_mask_of_scaled_or_negative_labels_is_refused(
    tmp_path: Path, dtype: str, fields: dict[str, object], words: str
) -> None:
    data = np.full((2, 2, 2), 1 if fields else -1).astype(dtype)
    (tmp_path / "x.nii").write_bytes(patched(plain(data).to_bytes(), **fields))
    with pytest.raises(UnfitDataError, match=words):
        load_mask(tmp_path / "x.nii", Volume(data=data, affine=np.diag([1.0, 1, 3, 1])))


@pytest.mark.parametrize("dtype", ["u1", "i2", "f4", "f8"])
@pytest.mark.parametrize("slope", [0, 1])
def test_whole_labels_of_any_type_are_read(tmp_path: Path, dtype: str, slope: int) -> None:
    data = np.array([0, 1, 2, 255] * 2).reshape(2, 2, 2).astype(dtype)
    (tmp_path / "x.nii").write_bytes(patched(plain(data).to_bytes(), scl_slope=slope))
    labels = load_mask(tmp_path / "x.nii", Volume(data=data, affine=np.diag([1.0, 1, 3, 1])))
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, data)


def test_a_voxel_that_is_no_number_is_refused(tmp_path: Path) -> None:
    data = np.ones((2, 2, 2), np.float32)
    data[0, 0, 0] = np.nan
    save_volume(tmp_path / "x.nii.gz", Volume(data=data, affine=np.eye(4)))
    with pytest.raises(UnfitDataError, match="no finite numbers"):
        load_volume(tmp_path / "x.nii.gz")


def test_a_file_is_unpacked_once_until_it_is_replaced(tmp_path: Path) -> None:
    path, values = tmp_path / "v.nii.gz", np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    save_volume(path, Volume(data=values, affine=np.eye(4)))
    with unpacked_once():
        first, again = load_volume(path), load_volume(path)
        save_volume(path, Volume(data=values + 1, affine=np.eye(4)))
        replaced = load_volume(path)
    assert np.shares_memory(first.data, again.data)
    np.testing.assert_array_equal(replaced.data, values + 1)
    assert not np.shares_memory(replaced.data, load_volume(path).data)
