"""The box of space that a synthetic head fills, and smooth random fields on it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]

ORIGIN_MM = (-92.0, -128.0, -108.0)
SHAPE = (184, 236, 208)
COARSE_STEP_MM = 2
STEPS_MM = (1.0, 1.0, 1.0)
COARSE_STEPS_MM = (2.0, 2.0, 2.0)

# Root mean square of a tensor-product cubic B-spline field of unit normal coefficients:
# the mean of sum(B^2) over a knot interval is 151/315, once for each of three axes.
_SPLINE_RMS = (151 / 315) ** 1.5


def axis_mm(axis: int, *, step: int = 1) -> Field:
    """Positions of the domain's nodes along one axis, (N,) float32 RAS+ mm.

    Parameters
    ----------
    axis
        0, 1 or 2: right, front or up.
    step
        Keep every ``step``-th node.
    """
    nodes = np.arange(0, SHAPE[axis], step, dtype=np.float32)
    return np.asarray(nodes + np.float32(ORIGIN_MM[axis]), dtype=np.float32)


def node_grid_mm(*, step: int = 1) -> tuple[Field, Field, Field]:
    """Broadcastable x, y and z of the domain's nodes, RAS+ mm."""
    x, y, z = (axis_mm(axis, step=step) for axis in range(3))
    return x[:, None, None], y[None, :, None], z[None, None, :]


def refine(coarse: Field) -> Field:
    """Cubic interpolation of a coarse field (2 mm nodes) onto the 1 mm domain."""
    fine = coarse
    for axis in range(3):
        fine = _doubled(fine, axis)
    return fine


def smooth_field(
    rng: np.random.Generator,
    *,
    shape: tuple[int, int, int],
    step_mm: tuple[float, float, float],
    knot_mm: float,
) -> Field:
    """Random smooth field of zero mean and unit root mean square.

    Parameters
    ----------
    rng
        Source of the spline coefficients.
    shape, step_mm
        Grid that the field is wanted on.
    knot_mm
        Spacing of the cubic B-spline's knots: features are about twice as wide.

    Returns
    -------
    (I, J, K) float32 array
    """
    bases = [_spline_matrix(n, step, knot_mm) for n, step in zip(shape, step_mm, strict=True)]
    counts = [basis.shape[1] for basis in bases]
    coefficients = rng.standard_normal(counts).astype(np.float32) / np.float32(_SPLINE_RMS)
    return _along_axes(coefficients, bases)


def _doubled(values: Field, axis: int) -> Field:
    """Put a node half way between neighbours, by cubics, and one like the last beyond it."""
    shape = list(values.shape)
    shape[axis] *= 2
    fine = np.empty(shape, dtype=np.float32)
    source, target = np.moveaxis(values, axis, 0), np.moveaxis(fine, axis, 0)
    target[::2] = source
    between = target[1:-1:2]
    np.add(source[:-1], source[1:], out=between)
    between *= np.float32(9 / 16)
    between[1:-1] -= np.float32(1 / 16) * (source[:-3] + source[3:])
    between[[0, -1]] *= np.float32(8 / 9)
    target[-1] = source[-1]
    return fine


def _along_axes(values: Field, matrices: list[Field]) -> Field:
    first, second, third = matrices
    turned = (first @ values.reshape(values.shape[0], -1)).reshape(-1, *values.shape[1:])
    return np.asarray((second @ turned) @ third.T, dtype=np.float32)


def _spline_matrix(n: int, step_mm: float, knot_mm: float) -> Field:
    position = np.arange(n) * step_mm / knot_mm
    first = position.astype(int)
    t = position - first
    weights = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    matrix = np.zeros((n, int(first[-1]) + 4), dtype=np.float32)
    for offset in range(4):
        matrix[np.arange(n), first + offset] = weights[offset] / 6
    return matrix
