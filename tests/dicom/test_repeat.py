"""Volumes at the same positions: each comes out whole and alone, or none does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from corelab.dicom.pixels import load
from corelab.errors import ReasonCode
from corelab.series import Series, SeriesKind
from tests.dicom.tiny import (
    COLUMNS,
    ROWS,
    enhanced_mr,
    index_all,
    mr_slice,
    only,
    refusal_of,
    set_pixels,
    write,
)

N_VOLUMES, N_SLICES = 3, 4
SHUFFLED = tuple(int(n) for n in np.random.default_rng(3).permutation(N_VOLUMES * N_SLICES))

Mark = Callable[[Dataset, int, int], None]


def write_volumes(
    folder: Path, mark: Mark, *, numbers: tuple[int, ...] = SHUFFLED, lift_mm: float = 0.0
) -> None:
    """Slices whose every pixel names their volume, as ``mark(slice, volume, k)`` changes them."""
    for volume in range(N_VOLUMES):
        for k in range(N_SLICES):
            place = volume * N_SLICES + k
            slice_ = mr_slice(k)
            slice_.SOPInstanceUID = f"2.25.300.{place + 1}"
            slice_.InstanceNumber = numbers[place] + 1
            slice_.ImagePositionPatient = [-10, -20, 30 + 5 * k + lift_mm * volume]
            set_pixels(slice_, np.full((ROWS, COLUMNS), 10 + volume, np.int16))
            mark(slice_, volume, k)
            write(slice_, folder / f"{place:03d}.dcm")


def values_of(series: Series) -> set[float]:
    return set(np.unique(load(series).data).tolist())


def assert_each_volume_alone(folder: Path) -> list[Series]:
    found = list(index_all(folder).series)
    assert sorted(map(sorted, map(values_of, found))) == [[10.0], [11.0], [12.0]]
    return found


def temporal(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.TemporalPositionIdentifier = volume + 1


def acquisition(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.AcquisitionNumber = volume + 1


def trigger(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.TriggerTime = str(500.0 * volume)


def clock(slice_: Dataset, volume: int, k: int) -> None:
    """Interleaved slices, each with a time of its own, that no volume shares."""
    slice_.AcquisitionTime = f"10{volume:02d}{10 * (k % 2) + k // 2:02d}.25"


def clock_of_volume(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.AcquisitionTime = f"10000{3 * volume}"


def midnight(slice_: Dataset, volume: int, k: int) -> None:
    slice_.AcquisitionDate = "20240305" if volume < 2 else "20240306"
    slice_.AcquisitionTime = f"23595{2 * volume}.{k}" if volume < 2 else f"000001.{k}"


def inversion(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.InversionTime = str(400 + 100 * volume)


def words(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "M", ("WATER", "FAT", "IN_PHASE")[volume]]


def label(slice_: Dataset, volume: int, _k: int) -> None:
    block = slice_.private_block(0x2005, "Philips MR Imaging DD 005", create=True)
    block.add_new(0x29, "CS", ("CONTROL", "LABEL", "NONE")[volume])


def gradient(slice_: Dataset, volume: int, _k: int) -> None:
    slice_.DiffusionBValue = 1000.0
    slice_.DiffusionGradientOrientation = [float(axis == volume) for axis in range(3)]


@pytest.mark.parametrize(
    "mark", [temporal, acquisition, trigger, clock, midnight, inversion, words, label, gradient]
)
def test_a_header_s_own_word_tells_volumes_apart_whatever_their_numbers(
    tmp_path: Path, mark: Mark
) -> None:
    write_volumes(tmp_path, mark)
    assert_each_volume_alone(tmp_path)


def test_directions_keep_their_gradients(tmp_path: Path) -> None:
    write_volumes(tmp_path, gradient)
    found = assert_each_volume_alone(tmp_path)
    assert {series.kind for series in found} == {SeriesKind.DIRECTION}
    assert {series.gradient for series in found} == {(1, 0, 0), (0, 1, 0), (0, 0, 1)}


def test_repetitions_of_directions_are_told_apart_within_each_direction(tmp_path: Path) -> None:
    def mark(slice_: Dataset, volume: int, k: int) -> None:
        gradient(slice_, min(volume, 1), k)
        slice_.TemporalPositionIdentifier = volume // 2 + 1

    write_volumes(tmp_path, mark)
    assert_each_volume_alone(tmp_path)


@pytest.mark.parametrize("order", ["by volume", "by position"])
def test_numbering_that_runs_strictly_is_believed(tmp_path: Path, order: str) -> None:
    places = [(volume, k) for volume in range(N_VOLUMES) for k in range(N_SLICES)]
    by_position = tuple(k * N_VOLUMES + volume for volume, k in places)
    numbers = tuple(range(len(places))) if order == "by volume" else by_position
    write_volumes(tmp_path, lambda *_: None, numbers=numbers)
    assert_each_volume_alone(tmp_path)


def test_numbering_that_is_shuffled_and_alone_is_refused(tmp_path: Path) -> None:
    write_volumes(tmp_path, lambda *_: None)
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.DUPLICATE_POSITION


def test_equal_instance_numbers_are_no_order(tmp_path: Path) -> None:
    numbers = tuple(range(N_SLICES)) * N_VOLUMES
    write_volumes(tmp_path, lambda *_: None, numbers=numbers)
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.DUPLICATE_POSITION


@pytest.mark.parametrize("mark", [acquisition, clock_of_volume])
@pytest.mark.parametrize("lift_mm", [0.4, 1.7, 2.5])
def test_a_head_that_moved_between_volumes_is_no_stack_of_thin_steps(
    tmp_path: Path, lift_mm: float, mark: Mark
) -> None:
    write_volumes(tmp_path, mark, lift_mm=lift_mm)
    assert_each_volume_alone(tmp_path)


def test_packages_of_one_volume_stay_one_volume(tmp_path: Path) -> None:
    for k in range(8):
        slice_ = mr_slice(k)
        slice_.AcquisitionNumber = 1 + k % 2
        write(slice_, tmp_path / f"{k}.dcm")
    series = only(index_all(tmp_path))
    assert series.refusal is None
    assert len(series.frames) == 8


def test_a_repetition_that_lacks_a_slice_takes_no_other_with_it(tmp_path: Path) -> None:
    write_volumes(tmp_path, temporal)
    (tmp_path / "005.dcm").unlink()
    found = index_all(tmp_path).series
    assert [series.refusal is None for series in found].count(True) == 2
    (broken,) = [series for series in found if series.refusal]
    assert refusal_of(broken).reason is ReasonCode.MISSING_SLICE


def stacked(change: Callable[[Dataset, int], None]) -> Dataset:
    """An enhanced object with two volumes at the same positions, frames in turn."""
    whole = enhanced_mr((0.0, 1000.0))
    whole.ImageType = ["ORIGINAL", "PRIMARY", "T2", "NONE"]
    for place, frame in enumerate(whole.PerFrameFunctionalGroupsSequence):
        del frame.MRDiffusionSequence
        content = Dataset()
        frame.FrameContentSequence = Sequence([content])
        change(content, place)
    return whole


def dimension_indices(content: Dataset, place: int) -> None:
    content.DimensionIndexValues = [1, 1 + place // 2, 1 + place % 2]


def temporal_index(content: Dataset, place: int) -> None:
    content.TemporalPositionIndex = 1 + place % 2


def stack_id(content: Dataset, place: int) -> None:
    content.StackID = str(1 + place % 2)


def frame_time(content: Dataset, place: int) -> None:
    content.FrameAcquisitionDateTime = f"202403051000{10 + 20 * (place % 2) + place:02d}"


@pytest.mark.parametrize("change", [dimension_indices, temporal_index, stack_id, frame_time])
def test_frames_of_an_enhanced_object_are_told_apart(
    tmp_path: Path, change: Callable[[Dataset, int], None]
) -> None:
    whole = stacked(change)
    pointers = [0x00209056, 0x00209057, 0x00209128]
    whole.DimensionIndexSequence = Sequence([])
    for pointer in pointers:
        item = Dataset()
        item.DimensionIndexPointer = pointer
        whole.DimensionIndexSequence.append(item)
    write(whole, tmp_path / "series.dcm")
    found = index_all(tmp_path).series
    assert [[frame.index for frame in series.frames] for series in found] == [
        [0, 2, 4, 6],
        [1, 3, 5, 7],
    ]


def test_stacks_that_stand_apart_are_parts_of_their_own(tmp_path: Path) -> None:
    whole = stacked(stack_id)
    for place, frame in enumerate(whole.PerFrameFunctionalGroupsSequence):
        x, y, z = frame.PlanePositionSequence[0].ImagePositionPatient
        frame.PlanePositionSequence[0].ImagePositionPatient = [x, y, z + 100 * (place % 2)]
    write(whole, tmp_path / "series.dcm")
    found = index_all(tmp_path).series
    assert [series.refusal for series in found] == [None, None]


def test_a_stack_number_for_each_slice_divides_nothing(tmp_path: Path) -> None:
    whole = enhanced_mr((0.0,))
    for place, frame in enumerate(whole.PerFrameFunctionalGroupsSequence):
        content = Dataset()
        content.StackID = str(place + 1)
        frame.FrameContentSequence = Sequence([content])
    write(whole, tmp_path / "series.dcm")
    assert len(only(index_all(tmp_path)).frames) == 4


def test_halves_that_are_left_of_two_volumes_are_no_volume(tmp_path: Path) -> None:
    """Volume 1 lost its upper slices and volume 2 its lower: as many are left as make two."""
    numbers = tuple(range(N_VOLUMES * N_SLICES))
    write_volumes(tmp_path, lambda *_: None, numbers=numbers)
    for place in (6, 7, 8, 9):
        (tmp_path / f"{place:03d}.dcm").unlink()
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.DUPLICATE_POSITION


def test_halves_of_two_volumes_with_a_clock_are_no_volume(tmp_path: Path) -> None:
    write_volumes(tmp_path, clock)
    for place in (6, 7, 8, 9):
        (tmp_path / f"{place:03d}.dcm").unlink()
    assert refusal_of(only(index_all(tmp_path))).reason is ReasonCode.DUPLICATE_POSITION
