"""Diffusion-weighted and FLAIR images of a synthetic head."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from corelab.phantom import domain
from corelab.phantom.anatomy import Head
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.phantom.tissue import MAGNETIC, Tissue
from corelab.volume import Volume

Field = NDArray[np.float32]

# Air cells of the skull base and the face disturb the field; those below the palate do not.
_AIR_FLOOR_MM = -66.0
_AIR_REACH_NODES = 5.0
_AIR_GAIN = 5.0
_HALF = 0.5
_LEAST_SHIFT_MM = 0.02


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
    magnetic = dict(MAGNETIC)
    magnetic[Tissue.INFARCT] = replace(
        MAGNETIC[Tissue.INFARCT], b0=scan.infarct_b0, adc_mm2_s=scan.infarct_adc_mm2_s
    )
    gain = _coil(grid, scan, rng)
    shift = _off_resonance(head, scan)
    signals = []
    for b_value, averages in ((0.0, 1), (scan.b_value_s_mm2, 6)):
        weights = {
            tissue: scan.grey_signal * m.b0 * float(np.exp(-b_value * m.adc_mm2_s))
            for tissue, m in magnetic.items()
        }
        clean = sample(_distorted(head.mixture(weights), shift), grid) * gain
        signals.append(_rician(clean, replace(scan, noise=scan.noise / np.sqrt(averages)), rng))
    adc = _adc_map(signals[0], signals[1], scan)
    stored = [grid.volume(np.rint(s).astype(np.int16)) for s in signals]
    return DiffusionImages(b0=stored[0], trace=stored[1], adc=grid.volume(adc))


def scan_flair(head: Head, grid: AcquisitionGrid, scan: MrScan, rng: np.random.Generator) -> Volume:
    """FLAIR image of a head, int16."""
    weights = {tissue: scan.grey_signal * m.flair for tissue, m in MAGNETIC.items()}
    weights[Tissue.INFARCT] = scan.grey_signal * scan.infarct_flair
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
    box = ndimage.find_objects((shift > _LEAST_SHIFT_MM).astype(np.uint8))[0]
    index = [np.arange(s.start, s.stop, dtype=np.float32) for s in box]
    grid = list(np.meshgrid(*index, indexing="ij"))
    grid[1] = grid[1] + shift[box]
    moved = signal.copy()
    read = ndimage.map_coordinates(signal, grid, order=1, mode="nearest", output=np.float32)
    moved[box] = read * np.clip(1 + stretch[box], 0.1, 2.5) * lost[box]
    return moved


def _rician(clean: Field, scan: MrScan, rng: np.random.Generator) -> Field:
    if not scan.noise:
        return clean
    body = ndimage.gaussian_filter((clean > 4 * scan.noise).astype(np.float32), (1.5, 1.5, 0))
    size = scan.noise * (scan.background_noise + (1 - scan.background_noise) * body)
    real = clean + size * rng.standard_normal(clean.shape, dtype=np.float32)
    imaginary = size * rng.standard_normal(clean.shape, dtype=np.float32)
    return np.asarray(np.hypot(real, imaginary), dtype=np.float32)


def _adc_map(b0: Field, trace: Field, scan: MrScan) -> NDArray[np.int16]:
    signal = b0 > max(0.3 * scan.grey_signal, 5 * scan.noise)
    ratio = np.maximum(trace, 1) / np.maximum(b0, 1)
    adc = -np.log(ratio) / scan.b_value_s_mm2 * 1e6
    return np.where(signal, np.rint(np.clip(adc, 0, 4000)), 0).astype(np.int16)
