from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corelab.stages.convert import straightened
from corelab.vocab import Acquisition, Contrast
from corelab.volume import Volume

SHAPE = (25, 24, 7)


def leaning(tilt_mm: float, steps: list[float], contrast: Contrast = Contrast.OTHER_MR) -> Volume:
    """A tilted, uneven, turned stack whose values are a plane in world coordinates."""
    turn = np.radians(20)
    affine = np.eye(4)
    affine[:3, 0] = -0.5 * np.array([np.cos(turn), np.sin(turn), 0])
    affine[:3, 1] = -0.5 * np.array([-np.sin(turn), np.cos(turn), 0])
    affine[:3, 2] = [0, tilt_mm, np.mean(steps)]
    affine[:3, 3] = [90, 110, -40]
    positions = np.concatenate([[0.0], np.cumsum(steps)])
    volume = Volume(data=np.zeros(SHAPE, np.float32), affine=affine, slice_positions_mm=positions)
    data = np.stack(
        [world(volume.slice_origin_mm(k), affine, SHAPE[:2]) for k in range(SHAPE[2])], axis=2
    )
    return Volume(
        data=data.astype(np.float32),
        affine=affine,
        slice_positions_mm=positions,
        acquisition=Acquisition(contrast=contrast),
    )


def world(origin: np.ndarray, affine: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    i, j = np.mgrid[: size[0], : size[1]]
    points = origin + i[..., None] * affine[:3, 0] + j[..., None] * affine[:3, 1]
    return np.asarray(500 + points @ np.array([1.0, 2.0, 3.0]))


@settings(deadline=None)
@given(
    tilt_mm=st.sampled_from([-1.5, 0.0, 0.4, 2.0]),
    steps=st.lists(st.sampled_from([2.0, 3.0, 4.5]), min_size=6, max_size=6),
)
def test_every_voxel_of_the_copy_stands_where_its_value_says(
    tilt_mm: float, steps: list[float]
) -> None:
    source = leaning(tilt_mm, steps)
    copy = straightened(source)
    assert copy.tilt_deg == pytest.approx(0, abs=1e-4)
    assert not copy.is_uneven
    assert copy.acquisition == source.acquisition
    height = source.slice_positions_mm[-1]  # type: ignore[index]
    n_inside = int(height / copy.slab_heights_mm[0] + 1e-6) + 1
    expected = np.stack(
        [world(copy.slice_origin_mm(k), copy.affine, copy.shape[:2]) for k in range(n_inside)],
        axis=2,
    )
    near = np.abs(np.asarray(copy.data)[:, :, :n_inside] - expected) < 0.02
    assert near[:, :, 0].sum() >= (SHAPE[0] - 1) * (SHAPE[1] - 1)
    assert near.any(axis=(0, 1)).all()


@pytest.mark.parametrize(
    ("contrast", "outside"),
    [(Contrast.CT, -1024), (Contrast.CT_BONE_KERNEL, -1024), (Contrast.DWI, 0)],
)
def test_where_no_slice_has_been_is_air_or_nothing(contrast: Contrast, outside: float) -> None:
    copy = straightened(leaning(4.0, [5.0] * 6, contrast))
    first, last = copy.data[:, :, 0], copy.data[:, :, -1]
    assert {first[0, 0], first[0, -1]} & {last[0, 0], last[0, -1]} == {outside}
