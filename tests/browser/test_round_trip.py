from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.browser.desk import Desk
from tests.browser.heads import READ_ID, READER, draft_of, make_out
from tests.browser.served import served

TILT = np.tan(np.radians(18.0))
GRIDS = {
    "lps": ((40, 36, 9), [[-5.0, 0, 0, 90], [0, -5.0, 0, 90], [0, 0, 6.0, -30], [0, 0, 0, 1]]),
    "oblique": (
        (40, 36, 9),
        [[4.9, 0.3, -0.9, -90], [-0.5, 4.6, 2.4, -80], [0.8, -1.9, 5.4, -30], [0, 0, 0, 1]],
    ),
    "sheared": (
        (40, 36, 9),
        [[-5.0, 0, 0, 90], [0, 5.0, -6.0 * TILT, -90], [0, 0, -6.0, 30], [0, 0, 0, 1]],
    ),
    "large": (
        (512, 512, 40),
        [[-0.45, 0, 0, 115], [0, -0.45, 0, 115], [0, 0, 5.0, -90], [0, 0, 0, 1]],
    ),
}


def scattered(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Labels without any symmetry, up to the corners."""
    labels = (
        np.random.default_rng(5).choice(3, size=shape, p=(0.997, 0.002, 0.001)).astype(np.uint8)
    )
    labels[0, 0, 0], labels[-1, -1, -1] = 1, 2
    return labels


@pytest.mark.parametrize("name", GRIDS)
def test_a_round_trip_changes_no_voxel(desk: Desk, tmp_path: Path, name: str) -> None:
    """A stroke that is taken back saves the mask as it came."""
    shape, rows = GRIDS[name]
    labels, affine = scattered(shape), np.array(rows)
    out = tmp_path / "out"
    make_out(out, labels, affine)
    with served(out) as start_url:
        desk.sign_in(start_url, READER)
        desk.open(READ_ID)
        shown = desk.ask("return [reading.mask.volumeMl, reading.mask.bloodMl];")
        middle = [n // 2 for n in shape]
        desk.go_to(middle[2])
        desk.use_brush(7)
        desk.click(middle[0], middle[1])
        desk.wait_saved()
        assert not np.array_equal(draft_of(out), labels)
        desk.press("u")
        desk.wait_saved()
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    assert shown == pytest.approx([(labels > 0).sum() * voxel_ml, (labels == 2).sum() * voxel_ml])
    assert np.array_equal(draft_of(out), labels)
