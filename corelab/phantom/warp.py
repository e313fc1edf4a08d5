"""How one head differs from the average one: where each of its points lies in the atlas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.atlas import COARSE_MM, COARSE_ORIGIN_MM, Atlas
from corelab.phantom.sampling import rotation_matrix

Field = NDArray[np.float32]
Triple = tuple[float, float, float]

_SLIDE_KNOT_MM = 18.0
_FALX_REACH_MM = 14.0
_SURFACE_REACH_MM = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Asymmetry:
    """How the two sides of one head differ, beyond random bending of a symmetric atlas.

    Parameters
    ----------
    torque_mm
        How far the right side lies ahead of the left: a right frontal and a left occipital
        petalia when positive, as most people have.
    bow_mm
        How far the falx bows to the right at the forehead and at the back of the head.
    slide_mm
        Root mean square of the sulci's sliding along the brain's surface, so that no sulcus
        faces its own mirror image.
    atrophy_spread
        Standard deviation of atrophy over the lobes.
    """

    torque_mm: float
    bow_mm: float
    slide_mm: float
    atrophy_spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """Size, pose and shape of one head.

    Parameters
    ----------
    scale
        Size along x, y and z relative to MNI152, which is larger than most heads: 0.9 gives
        about 1400 mL within the skull.
    rotation_deg, shift_mm
        Pose in the scanner.
    head_warp_mm, lobe_warp_mm, gyrus_warp_mm
        Root mean square of the random bending at 45, 24 and 13 mm knots; skull and brain
        share the first, the brain alone has the others.
    ventricle_growth_mm
        How far the ventricle walls move out (left, right).
    atrophy
        Shift of the odds of CSF against brain in the sulci; 0 is the average of young adults.
    skull_mm, scalp_mm, csf_gap_mm
        Mean thicknesses: vault, scalp, and CSF between the brain's hull and the inner table.
    asymmetry
        How the sides differ; ``None`` leaves that to the random bending.
    """

    scale: Triple
    rotation_deg: Triple
    shift_mm: Triple
    head_warp_mm: float
    lobe_warp_mm: float
    gyrus_warp_mm: float
    ventricle_growth_mm: tuple[float, float]
    atrophy: float
    skull_mm: float
    scalp_mm: float
    csf_gap_mm: float
    asymmetry: Asymmetry | None = None


def draw_build(rng: np.random.Generator) -> Build:
    """Random build of a stroke patient: older, so that ventricles and sulci are wide."""
    size = rng.uniform(0.87, 0.94)
    growth = rng.uniform(1.5, 6.0)
    atrophy = rng.uniform(0.2, 1.3)
    return Build(
        scale=(
            size * rng.uniform(0.97, 1.03),
            size * rng.uniform(0.97, 1.03),
            size * rng.uniform(0.97, 1.03),
        ),
        rotation_deg=(rng.normal(0, 4.0), rng.normal(0, 2.0), rng.normal(0, 3.0)),
        shift_mm=(rng.normal(0, 2.0), rng.normal(0, 2.0), rng.normal(0, 2.0)),
        head_warp_mm=rng.uniform(2.4, 3.8),
        lobe_warp_mm=rng.uniform(1.6, 2.4),
        gyrus_warp_mm=rng.uniform(0.7, 1.1),
        ventricle_growth_mm=(growth + rng.normal(0, 0.5), growth + rng.normal(0, 0.5)),
        atrophy=atrophy,
        skull_mm=rng.uniform(5.5, 8.5),
        scalp_mm=rng.uniform(4.5, 7.0),
        csf_gap_mm=1.2 + 1.8 * atrophy,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Positions:
    """Where the nodes of a head lie in the atlas.

    Parameters
    ----------
    brain, skull : (3, I, J, K) float32 array
        Atlas position of every second node of the domain, MNI152 mm: the brain is bent
        further within the skull.
    """

    brain: Field
    skull: Field


def atlas_positions(atlas: Atlas, build: Build, rng: np.random.Generator) -> Positions:
    """Atlas positions of a head of given size and pose, bent at random."""
    x, y, z = domain.node_grid_mm(step=domain.COARSE_STEP_MM)
    x, y, z = (c - np.float32(s) for c, s in zip((x, y, z), build.shift_mm, strict=True))
    inverse = np.linalg.inv(_pose(build)).astype(np.float32)
    skull = np.stack([row[0] * x + row[1] * y + row[2] * z for row in inverse])
    _bend(skull, rng, knot_mm=45.0, size_mm=build.head_warp_mm)
    if build.asymmetry:
        _twist(skull, build.asymmetry)
    brain = skull.copy()
    if build.asymmetry:
        _slide(brain, sample_coarse(atlas.hull, skull), rng, build.asymmetry.slide_mm)
    _bend(brain, rng, knot_mm=24.0, size_mm=build.lobe_warp_mm)
    _bend(brain, rng, knot_mm=13.0, size_mm=build.gyrus_warp_mm)
    brain += _ventricle_growth(atlas, build, brain)
    return Positions(brain=brain, skull=skull)


def _bend(positions: Field, rng: np.random.Generator, *, knot_mm: float, size_mm: float) -> None:
    _, *counts = positions.shape
    shape = (counts[0], counts[1], counts[2])
    for axis in range(3):
        wave = domain.smooth_field(
            rng, shape=shape, step_mm=domain.COARSE_STEPS_MM, knot_mm=knot_mm
        )
        positions[axis] += np.float32(size_mm / np.sqrt(3)) * wave


def _twist(positions: Field, asymmetry: Asymmetry) -> None:
    x, y = positions[0], positions[1]
    ahead = np.float32(asymmetry.torque_mm) * np.tanh(x / 25)
    aside = np.float32(asymmetry.bow_mm) * np.tanh((y + 18) / 60) ** 2
    y -= ahead
    x -= aside


def _slide(positions: Field, hull_mm: Field, rng: np.random.Generator, size_mm: float) -> None:
    """Move what lies below the surface along it, and nothing across the surface or the falx."""
    wave = np.zeros_like(positions)
    _bend(wave, rng, knot_mm=_SLIDE_KNOT_MM, size_mm=size_mm)
    wave[0] *= 1 - np.exp(-((positions[0] / _FALX_REACH_MM) ** 2))
    normal = np.stack([np.gradient(hull_mm, axis=axis) for axis in range(3)])
    normal /= np.maximum(np.linalg.norm(normal, axis=0), 1e-6)
    near = np.exp(-np.abs(hull_mm) / _SURFACE_REACH_MM)
    positions += wave - near * (wave * normal).sum(axis=0) * normal


def sample_coarse(values: Field, positions: Field, *, order: int = 1) -> Field:
    """Values of a coarse atlas field at given atlas positions, edge values kept outside."""
    origin = np.array(COARSE_ORIGIN_MM, dtype=np.float32)[:, None, None, None]
    index = (positions - origin) / np.float32(COARSE_MM)
    return np.asarray(
        ndimage.map_coordinates(values, index, order=order, mode="nearest", output=np.float32)
    )


def _pose(build: Build) -> NDArray[np.float64]:
    return np.asarray(rotation_matrix(build.rotation_deg) @ np.diag(build.scale))


def _ventricle_growth(atlas: Atlas, build: Build, positions: Field) -> Field:
    # Reading the atlas nearer to the ventricles than the point itself makes them wider.
    left, right = build.ventricle_growth_mm
    share = 0.5 + 0.5 * np.tanh(positions[0] / 15)
    reach = left + (right - left) * share
    pull = np.stack([sample_coarse(part, positions) for part in atlas.ventricle_pull])
    return np.asarray(pull * reach, dtype=np.float32)
