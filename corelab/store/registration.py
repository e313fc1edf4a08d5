"""Another image of the same head on an image's grid (the SimpleITK door of the blinded side)."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk  # noqa: N813 - customary
from numpy.typing import NDArray
from scipy import ndimage

from corelab.kernels.reduction import factors_for, reduce_mean
from corelab.volume import Volume

RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
FIT_GRID_MM = (3.5, 3.5, 3.5)
"""Heads are rigid: a coarse image places them to a tenth of a voxel."""

BINS = 32
SMOOTH_MM = (6.0, 3.0)
STEPS = 50
FIRST_STEP_MM = 1.0
LAST_STEP_MM = 0.02
MAX_SHIFT_MM = 25.0
MAX_TURN_DEG = 15.0
"""Two scans of one visit lie closer together than this; what moved further did not fit."""

MAX_SHEAR = 1e-3


def onto_grid(moving: Volume, fixed: Volume) -> NDArray[np.float32] | None:
    """Bring an image of the same head to another's grid, moved rigidly to fit it.

    Parameters
    ----------
    moving
        What is brought: any contrast, in the same scanner coordinates but for motion.
    fixed
        Whose grid it is brought to.

    Returns
    -------
    (I, J, K) float32 array or None
        Values on ``fixed``'s grid, linear between voxels, 0 outside ``moving``. ``None`` where
        no plausible fit was found, or a grid is sheared or uneven.

    Notes
    -----
    Mattes mutual information (doi 10.1109/TMI.2003.809072) over a rigid transform, coarse to
    fine, on one thread and every voxel, so that the same images give the same values.
    """
    if any(volume.is_uneven or _shear(volume) > MAX_SHEAR for volume in (moving, fixed)):
        return None
    transform = _fit(_image(fixed), _image(moving))
    turn = np.array(transform.GetMatrix()).reshape(3, 3)
    angle_deg = np.degrees(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1)))
    if np.abs(_shift_mm(transform, fixed)).max() > MAX_SHIFT_MM or angle_deg > MAX_TURN_DEG:
        return None
    return _resampled(moving, fixed, _ras_matrix(transform))


def _image(volume: Volume) -> sitk.Image:
    factors = factors_for(volume.spacing_mm, FIT_GRID_MM, volume.shape)
    image = sitk.GetImageFromArray(reduce_mean(volume.data, factors).transpose(2, 1, 0))
    block = np.diag([*map(float, factors), 1.0])
    block[:3, 3] = (np.array(factors) - 1) / 2
    lps = RAS_TO_LPS @ volume.affine @ block
    steps = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing([float(step) for step in steps])
    image.SetDirection([float(part) for part in (lps[:3, :3] / steps).ravel()])
    image.SetOrigin([float(part) for part in lps[:3, 3]])
    return image


def _fit(fixed: sitk.Image, moving: sitk.Image) -> sitk.Euler3DTransform:
    method = sitk.ImageRegistrationMethod()
    method.SetNumberOfThreads(1)
    method.SetMetricAsMattesMutualInformation(BINS)
    method.SetMetricSamplingStrategy(method.NONE)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([1] * len(SMOOTH_MM))
    method.SetSmoothingSigmasPerLevel(SMOOTH_MM)
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetOptimizerAsRegularStepGradientDescent(FIRST_STEP_MM, LAST_STEP_MM, STEPS)
    method.SetOptimizerScalesFromPhysicalShift()
    start = sitk.Euler3DTransform()
    size = np.array(fixed.GetSize())
    start.SetCenter(fixed.TransformContinuousIndexToPhysicalPoint([float(n) for n in size / 2]))
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, moving)
    return start


def _shear(volume: Volume) -> float:
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    return float(np.abs(axes.T @ axes - np.eye(3)).max())


def _shift_mm(transform: sitk.Euler3DTransform, fixed: Volume) -> NDArray[np.float64]:
    """How far the middle of the fixed image moves."""
    middle = RAS_TO_LPS @ fixed.affine @ np.array([*np.array(fixed.shape) / 2, 1.0])
    moved = transform.TransformPoint([float(part) for part in middle[:3]])
    return np.asarray(np.array(moved) - middle[:3])


def _ras_matrix(transform: sitk.Euler3DTransform) -> NDArray[np.float64]:
    """Move from the fixed image's RAS+ mm to the moving one's, (4, 4) float64 array."""
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(transform.GetMatrix()).reshape(3, 3)
    centre = np.array(transform.GetCenter())
    matrix[:3, 3] = np.array(transform.GetTranslation()) + centre - matrix[:3, :3] @ centre
    return np.asarray(RAS_TO_LPS @ matrix @ RAS_TO_LPS)


def _resampled(moving: Volume, fixed: Volume, move: NDArray[np.float64]) -> NDArray[np.float32]:
    index = np.linalg.inv(moving.affine) @ move @ fixed.affine
    values: NDArray[np.float32] = ndimage.affine_transform(
        np.asarray(moving.data, dtype=np.float32),
        index[:3, :3],
        offset=index[:3, 3],
        output_shape=fixed.shape,
        order=1,
        mode="constant",
    )
    return values
