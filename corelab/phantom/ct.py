"""Non-contrast CT of a synthetic head, with a scanner's usual faults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.phantom.tissue import HOUNSFIELD, Tissue
from corelab.volume import Volume

Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class CtScan:
    """How a CT looks.

    Parameters
    ----------
    infarct_hu
        Density of the infarct: about 25 HU at one day falling to 15 in the first week.
    infarct_white_hu
        The same where infarcted white matter is a tissue of its own.
    infarct_uneven_hu
        Standard deviation of smooth differences inside the infarct.
    noise_hu
        Standard deviation of the noise in the brain.
    noise_grain_mm
        Width of the noise's correlation in the plane.
    cupping_hu
        Rise of the brain's values right below the skull.
    streak_hu
        Depth of the dark band between the petrous bones.
    texture_hu
        Standard deviation of smooth differences inside the tissues.
    """

    infarct_hu: float = 21.0
    infarct_white_hu: float = 15.0
    infarct_uneven_hu: float = 0.0
    noise_hu: float = 3.4
    noise_grain_mm: float = 0.7
    cupping_hu: float = 2.5
    streak_hu: float = 12.0
    texture_hu: float = 0.7


_HOLDER_FRONT_MM = -55.0
# What is left of the noise in air, where few photons are lost.
_AIR_NOISE = 0.03

IDEAL_SCAN = CtScan(noise_hu=0.0, cupping_hu=0.0, streak_hu=0.0, texture_hu=0.0)


def scan_ct(head: Head, grid: AcquisitionGrid, scan: CtScan, rng: np.random.Generator) -> Volume:
    """CT image of a head, int16 HU on the acquisition's grid."""
    densities = {
        **HOUNSFIELD,
        Tissue.INFARCT: scan.infarct_hu,
        Tissue.INFARCTED_WHITE: scan.infarct_white_hu,
    }
    density = head.mixture(densities)
    if scan.infarct_uneven_hu:
        wave = domain.smooth_field(rng, shape=domain.SHAPE, step_mm=(1.0,) * 3, knot_mm=12.0)
        dead = head.fraction(Tissue.INFARCT) + head.fraction(Tissue.INFARCTED_WHITE)
        density += np.float32(scan.infarct_uneven_hu) * wave * dead
    _add_inner_shading(density, head, scan, rng)
    image = sample(density, grid, outside=HOUNSFIELD[Tissue.AIR])
    _add_streaks(image, grid, scan, rng)
    _add_table(image, grid)
    image += scan.noise_hu * _noise(image, grid, scan, rng)
    return grid.volume(np.rint(np.clip(image, -1024, 3071)).astype(np.int16))


def scan_scout(head: Head) -> Volume:
    """Side view of a head as a scanner makes it to plan its slices, one int16 slice."""
    density = np.maximum(head.mixture(HOUNSFIELD) + 1000, 0).sum(axis=0)[::2, ::2]
    view = np.rint(density[::-1, ::-1] / 140 - 500).astype(np.int16)[:, :, None]
    _, front, top = (o + n - 2 for o, n in zip(domain.ORIGIN_MM, domain.SHAPE, strict=True))
    affine = np.array(
        [[0, 0, -1, 0], [-2, 0, 0, front], [0, -2, 0, top], [0, 0, 0, 1]], dtype=np.float64
    )
    return Volume(data=view, affine=affine)


def _add_inner_shading(density: Field, head: Head, scan: CtScan, rng: np.random.Generator) -> None:
    below = np.clip(head.depth_mm + np.float32(0.5), 0, 1)
    if scan.cupping_hu:
        density += np.float32(scan.cupping_hu) * below * np.exp(-np.maximum(head.depth_mm, 0) / 12)
    if scan.texture_hu:
        texture = domain.smooth_field(rng, shape=domain.SHAPE, step_mm=(1.0,) * 3, knot_mm=7.0)
        density += np.float32(scan.texture_hu) * below * texture


def _add_streaks(
    image: Field, grid: AcquisitionGrid, scan: CtScan, rng: np.random.Generator
) -> None:
    """Darken the rows whose rays cross much bone on both sides."""
    if not scan.streak_hu:
        return
    bone = np.clip(image - 400, 0, 900) / 900
    pixel_mm = float(np.linalg.norm(grid.affine[:3, 1]))
    passed = np.cumsum(bone, axis=0) * np.float32(pixel_mm)
    whole = passed[-1:]
    # Largest in the middle of thick bone on both sides, nothing outside of it.
    crossed = 4 * passed * (whole - passed) / np.maximum(whole, 1)
    rough = 1 + 1.2 * rng.standard_normal(grid.shape[1:], dtype=np.float32)
    rough = ndimage.gaussian_filter(rough, (1.5 / pixel_mm, 0))
    band = np.clip(crossed / 32 - np.float32(0.3), 0, 1.5) * rough
    band = ndimage.gaussian_filter(band, (2.0 / pixel_mm, 4.0 / pixel_mm, 0))
    image -= np.float32(scan.streak_hu) * band * (image > -150)  # noqa: PLR2004 - not in air


def _add_table(image: Field, grid: AcquisitionGrid) -> None:
    """Draw the head holder: a thin curved shell under and beside the head, padded."""
    i = np.arange(grid.shape[0])[:, None]
    j = np.arange(grid.shape[1])[None, :]
    for k in range(grid.shape[2]):
        origin = grid.frame.slice_origin_mm(k)
        x, y = (origin[a] + i * grid.affine[a, 0] + j * grid.affine[a, 1] for a in range(2))
        outside_mm = 112 * (np.hypot(x / 108, (y + 18) / 116) - 1)
        back = np.clip(_HOLDER_FRONT_MM - y, 0, 1)
        shell = np.clip(1.5 - np.abs(outside_mm - 2), 0, 1) * back
        foam = np.clip(-outside_mm, 0, 1) * np.clip(outside_mm + 8, 0, 1) * back
        holder = (900 * shell + 40 * foam).astype(np.float32)
        air = np.clip((-980 - image[:, :, k]) / 20, 0, 1)
        image[:, :, k] += holder * air


def _noise(image: Field, grid: AcquisitionGrid, scan: CtScan, rng: np.random.Generator) -> Field:
    """Noise of unit SD in the brain, grained in the plane, strongest amid the skull."""
    pixel_mm = float(np.linalg.norm(grid.affine[:3, 0]))
    sigma = scan.noise_grain_mm / pixel_mm
    white = rng.standard_normal(grid.shape, dtype=np.float32)
    grain = ndimage.gaussian_filter(white, (sigma, sigma, 0))
    # A scanner's ramp filter leaves no slow waves.
    grain -= ndimage.gaussian_filter(white, (3.5 * sigma, 3.5 * sigma, 0))
    grain /= grain.std()
    matter = ndimage.gaussian_filter((image > -300).astype(np.float32), (3, 3, 0))  # noqa: PLR2004
    return np.asarray(grain * (_AIR_NOISE + (1 - _AIR_NOISE) * matter), dtype=np.float32)
