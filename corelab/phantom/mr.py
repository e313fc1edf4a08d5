"""Diffusion-weighted and FLAIR images of a synthetic head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.planning import regridded
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.phantom.tissue import MAGNETIC, MagneticConstants, Tissue
from corelab.volume import Volume

Field = NDArray[np.float32]

# Air cells of the skull base and the face disturb the field; those below the palate do not.
_AIR_FLOOR_MM = -66.0
_AIR_REACH_NODES = 5.0
_AIR_GAIN = 5.0
_HALF = 0.5
_LEAST_SHIFT_MM = 0.02
# Infarcted white matter beside infarcted grey.
_WHITE_SHARE, _WHITE_DIFFUSION = 0.85, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class MrScan:
    """How the MR images look.

    Parameters
    ----------
    infarct_adc_mm2_s
        Diffusion coefficient in the infarct.
    infarct_b0, infarct_flair
        Its signal relative to grey matter: near 1 in the first hours, higher after a day.
    b_value_s_mm2
        Diffusion weighting of the trace image.
    grey_signal
        Stored value of grey matter in the b0 and FLAIR images.
    noise
        Standard deviation of the Gaussian noise in each channel, in stored units.
    background_noise
        Share of the noise left outside of the body; 0 for scanners that blank it.
    shading
        Root mean square of the coil's unevenness.
    distortion_mm
        Largest shift along the phase direction beside the sinuses.
    interpolation
        The acquired matrix is so many times smaller than the stored one; the rest of k-space
        is filled with zeros.
    ghost
        Share of the signal that appears half a field of view away.
    fat_b0
        Signal of fat where it is not well suppressed.
    texture
        Standard deviation of smooth differences inside the tissues, as a share of the signal.
    infarct_uneven
        The same inside the infarct, in the trace image alone: uneven diffusion.
    tract_excess
        How much brighter the corticospinal tracts are in the trace image, as a share.
    """

    infarct_adc_mm2_s: float = 0.52e-3
    infarct_b0: float = 1.35
    infarct_flair: float = 1.45
    b_value_s_mm2: float = 1000.0
    grey_signal: float = 140.0
    noise: float = 4.3
    background_noise: float = 0.6
    shading: float = 0.10
    distortion_mm: float = 9.0
    interpolation: int = 1
    ghost: float = 0.0
    fat_b0: float = MAGNETIC[Tissue.FAT].b0
    texture: float = 0.0
    infarct_uneven: float = 0.0
    tract_excess: float = 0.0


IDEAL_MR = MrScan(noise=0.0, shading=0.0, distortion_mm=0.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiffusionImages:
    """What a scanner delivers of one diffusion acquisition, all on one grid.

    Parameters
    ----------
    b0, trace
        Stored signal, int16.
    adc
        Diffusion coefficient in 1e-6 mm2/s, int16, 0 in the background.
    """

    b0: Volume
    trace: Volume
    adc: Volume


def scan_diffusion(
    head: Head, grid: AcquisitionGrid, scan: MrScan, rng: np.random.Generator
) -> DiffusionImages:
    """Images without and with diffusion weighting, and the ADC map made of them."""
    magnetic = _constants(scan)
    acquired = grid
    if scan.interpolation > 1:
        acquired = regridded(grid, matrix=grid.shape[0] // scan.interpolation)
    gain = _coil(acquired, scan, rng)
    uneven = _Unevenness(head, scan, rng)
    shift = _off_resonance(head, scan)
    signals = []
    for b_value, averages in ((0.0, 1), (scan.b_value_s_mm2, 6)):
        weights = {
            tissue: scan.grey_signal * m.b0 * float(np.exp(-b_value * m.adc_mm2_s))
            for tissue, m in magnetic.items()
        }
        density = uneven.applied(head.mixture(weights), weights, b_value)
        clean = sample(_distorted(density, shift), acquired) * gain
        if scan.ghost:
            clean += np.float32(scan.ghost) * np.roll(clean, clean.shape[1] // 2, axis=1)
        signals.append(_rician(clean, replace(scan, noise=scan.noise / np.sqrt(averages)), rng))
    adc = _adc_map(signals[0], signals[1], scan)
    stored = [grid.volume(np.rint(s).astype(np.int16)) for s in signals]
    return DiffusionImages(b0=stored[0], trace=stored[1], adc=grid.volume(adc))


def _constants(scan: MrScan) -> dict[Tissue, MagneticConstants]:
    infarct = replace(
        MAGNETIC[Tissue.INFARCT], b0=scan.infarct_b0, adc_mm2_s=scan.infarct_adc_mm2_s
    )
    return {
        **MAGNETIC,
        Tissue.INFARCT: infarct,
        Tissue.INFARCTED_WHITE: replace(
            infarct,
            b0=_WHITE_SHARE * scan.infarct_b0,
            adc_mm2_s=_WHITE_DIFFUSION * scan.infarct_adc_mm2_s,
        ),
        Tissue.FAT: replace(MAGNETIC[Tissue.FAT], b0=scan.fat_b0),
    }


class _Unevenness:
    """Differences of signal inside one kind of tissue."""

    def __init__(self, head: Head, scan: MrScan, rng: np.random.Generator) -> None:
        self._head = head
        self._scan = scan
        self._texture = _wave(rng, 6.0) if scan.texture else None
        self._infarct = _wave(rng, 10.0) if scan.infarct_uneven else None

    def applied(self, signal: Field, weights: dict[Tissue, float], b_value: float) -> Field:
        """Signal of one weighting, changed in place."""
        scan, head = self._scan, self._head
        weighting = np.float32(b_value / 1000)
        if self._infarct is not None and b_value:
            for tissue in (Tissue.INFARCT, Tissue.INFARCTED_WHITE):
                size = np.float32(scan.infarct_uneven * weights[tissue]) * weighting
                signal += size * head.fraction(tissue) * self._infarct
        if scan.tract_excess and b_value:
            white = np.float32(scan.tract_excess * weights[Tissue.WHITE]) * weighting
            signal += white * head.fraction(Tissue.WHITE) * domain.refine(_tracts(head.atlas_mm))
        if self._texture is not None:
            signal *= 1 + np.float32(scan.texture) * self._texture * (head.depth_mm > 0)
        return signal


def _wave(rng: np.random.Generator, knot_mm: float) -> Field:
    return domain.smooth_field(rng, shape=domain.SHAPE, step_mm=domain.STEPS_MM, knot_mm=knot_mm)


def _tracts(atlas_mm: Field) -> Field:
    """How far each second node lies in a corticospinal tract, 0 to 1."""
    x, y, z = atlas_mm
    height = np.clip((z + 20) / 50, 0, 1)
    middle = (10 + 15 * np.sqrt(height), -18 - 4 * height)
    away = np.hypot((np.abs(x) - middle[0]) / 4, (y - middle[1]) / 6)
    return np.asarray(np.exp(-(away**2)) * ((z > -40) & (z < 45)), dtype=np.float32)  # noqa: PLR2004 - atlas mm


def shown(field: Field, head: Head, grid: AcquisitionGrid, scan: MrScan) -> Field:
    """Mean of a field over each voxel of a diffusion image, where the distortion shows it.

    Parameters
    ----------
    field : (X, Y, Z) float32 array
        Share of something on the domain's nodes.
    head, grid, scan
        What was scanned, and how.
    """
    shift = _off_resonance(head, scan)
    return sample(field if shift is None else _read_aside(field, shift)[0], grid)


def scan_flair(head: Head, grid: AcquisitionGrid, scan: MrScan, rng: np.random.Generator) -> Volume:
    """FLAIR image of a head, int16."""
    weights = {tissue: scan.grey_signal * m.flair for tissue, m in MAGNETIC.items()}
    weights[Tissue.INFARCT] = scan.grey_signal * scan.infarct_flair
    weights[Tissue.INFARCTED_WHITE] = scan.grey_signal * scan.infarct_flair * _WHITE_SHARE
    clean = sample(head.mixture(weights), grid) * _coil(grid, scan, rng)
    return grid.volume(np.rint(_rician(clean, scan, rng)).astype(np.int16))


def _coil(grid: AcquisitionGrid, scan: MrScan, rng: np.random.Generator) -> Field:
    steps = np.linalg.norm(grid.affine[:3, :3], axis=0)
    step = (float(steps[0]), float(steps[1]), float(steps[2]))
    uneven = domain.smooth_field(rng, shape=grid.shape, step_mm=step, knot_mm=70.0)
    return np.asarray(1 + scan.shading * uneven, dtype=np.float32)


def _off_resonance(head: Head, scan: MrScan) -> Field | None:
    """Shift along y of the signal near air-filled bone, mm on the domain's nodes."""
    if not scan.distortion_mm:
        return None
    air = head.fraction(Tissue.AIR)[::2, ::2, ::2]
    filled = [ndimage.binary_fill_holes(air[:, :, k] < _HALF) for k in range(air.shape[2])]
    z = head.atlas_mm[2]
    cells = air * np.stack(filled, axis=2) * ((z > _AIR_FLOOR_MM) & (z < 0))
    spread = ndimage.gaussian_filter(cells.astype(np.float32), _AIR_REACH_NODES)
    # Small cells disturb nearly as much as large ones once they are near.
    strength = np.tanh(spread * (_AIR_GAIN / max(float(spread.max()), 1e-6)))
    return domain.refine(np.float32(scan.distortion_mm) * strength)


def _distorted(signal: Field, shift: Field | None) -> Field:
    """Signal read at shifted positions, piled up where positions crowd, lost where they tear."""
    if shift is None:
        return signal
    stretch = np.gradient(shift, axis=1)
    lost = np.exp(-((np.abs(np.gradient(shift, axis=2)) / 1.2) ** 2))
    moved, box = _read_aside(signal, shift)
    moved[box] = moved[box] * np.clip(1 + stretch[box], 0.1, 2.5) * lost[box]
    return moved


def _read_aside(signal: Field, shift: Field) -> tuple[Field, tuple[slice, ...]]:
    """Values at shifted positions, and the box where that changes any."""
    box = ndimage.find_objects((shift > _LEAST_SHIFT_MM).astype(np.uint8))[0]
    index = [np.arange(s.start, s.stop, dtype=np.float32) for s in box]
    grid = list(np.meshgrid(*index, indexing="ij"))
    grid[1] = grid[1] + shift[box]
    moved = signal.copy()
    moved[box] = ndimage.map_coordinates(signal, grid, order=1, mode="nearest", output=np.float32)
    return moved, box


def _rician(clean: Field, scan: MrScan, rng: np.random.Generator) -> Field:
    if not scan.noise:
        return _zero_filled(clean + 0j, scan.interpolation) if scan.interpolation > 1 else clean
    body = ndimage.gaussian_filter((clean > 4 * scan.noise).astype(np.float32), (1.5, 1.5, 0))
    size = scan.noise * (scan.background_noise + (1 - scan.background_noise) * body)
    real = clean + size * rng.standard_normal(clean.shape, dtype=np.float32)
    imaginary = size * rng.standard_normal(clean.shape, dtype=np.float32)
    if scan.interpolation > 1:
        return _zero_filled(real + 1j * imaginary, scan.interpolation)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


def _zero_filled(image: NDArray[np.complex64], factor: int) -> Field:
    """Magnitude on a finer grid of the same field of view, by zeros around k-space."""
    counts = image.shape[:2]
    waves = np.fft.fftshift(np.fft.fft2(image, axes=(0, 1)), axes=(0, 1))
    shift = (1 / factor - 1) / 2
    for axis, n in enumerate(counts):
        # The field's edge stays, so the first pixel's middle moves.
        phase = np.exp(2j * np.pi * shift * (np.arange(n) - n // 2) / n)
        waves *= np.expand_dims(phase, tuple(a for a in range(3) if a != axis))
    margins = [((factor - 1) * n // 2,) * 2 for n in counts]
    padded = np.pad(waves, (*margins, (0, 0)))
    fine = np.fft.ifft2(np.fft.ifftshift(padded, axes=(0, 1)), axes=(0, 1)) * factor**2
    return np.abs(fine).astype(np.float32)


def _adc_map(b0: Field, trace: Field, scan: MrScan) -> NDArray[np.int16]:
    signal = b0 > max(0.3 * scan.grey_signal, 5 * scan.noise)
    ratio = np.maximum(trace, 1) / np.maximum(b0, 1)
    adc = -np.log(ratio) / scan.b_value_s_mm2 * 1e6
    return np.where(signal, np.rint(np.clip(adc, 0, 4000)), 0).astype(np.int16)
