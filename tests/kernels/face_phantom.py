"""A head whose brain and face are known in millimetres, laid on any grid in any pose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.face import Slices

Mask = NDArray[np.bool_]
Points = NDArray[np.float64]

BRAIN_MM = (66.0, 84.0, 60.0)
FRONT_POLE_MM = 0.0
"""Height of the brain's foremost point in the head's own millimetres."""

FACE = {
    "left eyelid": ((-32.0, 95.0, -44.0), 5.0),
    "right eyelid": ((32.0, 95.0, -44.0), 5.0),
    "nose": ((0.0, 112.0, -62.0), 10.0),
    "mouth": ((0.0, 98.0, -95.0), 12.0),
    "chin": ((0.0, 85.0, -120.0), 10.0),
}
KEPT = {
    "forehead": ((0.0, 92.0, 20.0), 6.0),
    "crown": ((0.0, 0.0, 68.0), 6.0),
    "occiput": ((0.0, -92.0, 0.0), 6.0),
    "left ear": ((-82.0, -15.0, -20.0), 8.0),
    "right ear": ((82.0, -15.0, -20.0), 8.0),
    "nape": ((0.0, -70.0, -90.0), 12.0),
}


@dataclass(frozen=True, kw_only=True)
class Pose:
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    middle_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def axes(self) -> NDArray[np.float64]:
        """Right, front and top of the head in the world, as rows."""
        yaw, pitch, roll = np.radians((self.yaw_deg, self.pitch_deg, self.roll_deg))
        about_top = _turn(yaw, 0, 1)
        about_right = _turn(pitch, 1, 2)
        about_front = _turn(roll, 2, 0)
        return (about_top @ about_right @ about_front).T

    def in_head(self, points: Points) -> Points:
        return np.asarray((points - np.array(self.middle_mm)) @ self.axes.T)


def _turn(angle: float, first: int, second: int) -> NDArray[np.float64]:
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first], matrix[first, second] = np.sin(angle), -np.sin(angle)
    return matrix


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A grid: shape and where its voxels lie."""

    shape: tuple[int, int, int]
    slices: Slices

    def points(self) -> Points:
        """World places of all voxels, (I, J, K, 3) mm."""
        i, j = np.indices(self.shape[:2])
        in_plane = np.stack([i, j], axis=-1) @ self.slices.steps_mm.T
        return np.asarray(in_plane[:, :, np.newaxis] + self.slices.origins_mm)

    def ball(self, pose: Pose, centre_mm: tuple[float, float, float], radius_mm: float) -> Mask:
        away = pose.in_head(self.points()) - np.array(centre_mm)
        return np.asarray(np.linalg.norm(away, axis=-1) <= radius_mm)

    def brain(self, pose: Pose) -> Mask:
        away = pose.in_head(self.points()) / np.array(BRAIN_MM)
        return np.asarray(np.linalg.norm(away, axis=-1) <= 1)


def stack_of(
    columns: NDArray[np.float64], shape: tuple[int, int, int], heights: Points | None = None
) -> Stack:
    """Grid around the world's origin; ``columns`` are the steps along i, j and k.

    ``heights`` are the slices' places along k, in steps; every whole one where left out.
    """
    steps = np.arange(shape[2], dtype=float) if heights is None else heights
    centre = columns @ np.array([(shape[0] - 1) / 2, (shape[1] - 1) / 2, steps.mean()])
    # The face hangs below the brain: the grid reaches further down than up.
    origin = -centre + np.array([0.0, 0.0, -30.0])
    return Stack(
        shape=shape,
        slices=Slices(columns[:, :2], origin + steps[:, np.newaxis] * columns[:, 2]),
    )


def axial(pixel_mm: float = 2.0, step_mm: float = 5.0, tilt_deg: float = 0.0) -> Stack:
    """Slices of 250 mm side, sheared by a gantry's tilt, from above the head to below the chin."""
    tilt = np.radians(tilt_deg)
    columns = np.array(
        [
            [pixel_mm, 0.0, 0.0],
            [0.0, pixel_mm * np.cos(tilt), 0.0],
            [0.0, pixel_mm * np.sin(tilt), step_mm / np.cos(tilt)],
        ]
    )
    side = round(250 / pixel_mm)
    height_mm = 210 + 250 * np.sin(tilt)
    return stack_of(columns, (side, side, round(height_mm / step_mm)))


def uneven() -> Stack:
    """Axial slices 4 mm apart below, 7 mm above."""
    heights = np.concatenate([np.arange(0, 120, 4.0), np.arange(120, 211, 7.0)])
    return stack_of(np.diag([2.5, 2.5, 1.0]), (100, 100, heights.size), heights)


def sagittal() -> Stack:
    """Slices from right to left, rows from front to back, columns from top to bottom."""
    columns = np.array([[0.0, 0.0, -5.0], [-2.5, 0.0, 0.0], [0.0, -2.5, 0.0]])
    return stack_of(columns, (100, 84, 50))


def coronal() -> Stack:
    """Slices of 4 mm from back to front, rows to the left, columns down."""
    columns = np.array([[-3.0, 0.0, 0.0], [0.0, 0.0, 4.0], [0.0, -1.5, 0.0]])
    return stack_of(columns, (84, 140, 63))
