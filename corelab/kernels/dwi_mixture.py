"""How much of a voxel is infarct, when the rest of it is tissue or liquor.

Signals of a mixture add up, both with and without diffusion weighting, so two of them tell two
shares. Brightness between tissue and core is the infarct's share where there is no liquor.
Liquor is dark on the trace and bright without weighting: what a voxel has of that beyond what
infarct explains is liquor, and the brightness that it took away is made up for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.dwi_contrast import HEALTHY_SIGNAL
from corelab.kernels.dwi_evidence import REFERENCE_SIGMA_MM
from corelab.kernels.morphology import dilate_disc, erode_disc
from corelab.kernels.ranks import median
from corelab.kernels.smoothing import share_within, smooth_within

if TYPE_CHECKING:
    from corelab.kernels.across import Across, Grid
    from corelab.kernels.dwi_contrast import DwiContrast
    from corelab.kernels.dwi_evidence import Evidence

Map = NDArray[np.float32]

CORE_SIGMA_MM = 6.0
"""How far around a place its lesion's core is looked for."""

CORE_RISE = 0.7
CORE_ROUNDS = 2
"""Seeds that rise above healthy tissue by less than this share of what the seeds around them do
are border, thinned by partial volume; told again among those that are left."""

CORE_GRID_MM = (2.0, 2.0, 2.0)
"""The means of cores are wide enough to be told on it."""

CORE_FILLED = 0.2
"""Share of seeds around a place from which its core is told by them alone. With fewer, partial
volume has thinned all of them, and the patient's usual core has a say where it is brighter."""

LEAST_RISE = 0.05
"""Least distance between core and tissue that a share is told in."""

LIQUOR_ADC_RATIO = 2.0
LIQUOR_INNER_MM = 6.0
LIQUOR_MIN_VOXELS = 50
LIQUOR_SLOPE = 0.25
LIQUOR_SLOPE_RANGE = (0.05, 0.6)
"""Where liquor shows how far the trace falls as the unweighted signal rises: deeper than the
brain's border, which holds bone. With fewer voxels of it, what physics gives at b = 1000."""

LIQUOR_LEAST = 0.2
"""Unexplained unweighted signal up to here is grey matter, or noise."""

BESIDE_MM = 3.0
"""Gap between a lesion and the tissue beside it: the width of a soft border."""

BESIDE_SHARE = 0.3
BESIDE_SIGNAL = (0.7, 1.4)
"""Share of such tissue around a place from which it alone tells the level, and that level's
limits; with less, the other side has a say."""

HALF = 0.5


class Core(NamedTuple):
    """What a lesion is like in its middle, around each place; 0 far from any seed.

    Attributes
    ----------
    signal : (I, J, K) float32 array
        Relative signal.
    unweighted : (I, J, K) float32 array or None
        The same without diffusion weighting; ``None`` without ADC.
    """

    signal: Map
    unweighted: Map | None


class Mixture(NamedTuple):
    """What each voxel consists of.

    Attributes
    ----------
    infarct : (I, J, K) float32 array
        Share of infarct, not clipped to 0 and 1; minus infinity far from any seed.
    lift : (I, J, K) float32 array
        Relative signal that liquor in the voxel took away.
    """

    infarct: Map
    lift: Map


def find_core(contrast: DwiContrast, seeds: NDArray[np.bool_], across: Across) -> Core:
    """Mean signals of the bright seeds around each place.

    Parameters
    ----------
    contrast
        Relative signals.
    seeds : (I, J, K) bool array
    across
        Geometry.
    """
    grid = across.grid(CORE_GRID_MM)
    signal, bright = contrast.signal, seeds
    near, filled = _around(signal, bright, grid, CORE_SIGMA_MM)
    for _ in range(CORE_ROUNDS):
        bright = seeds & (signal - 1 >= np.float32(CORE_RISE) * (grid.expand(near) - 1))
        near, filled = _around(signal, bright, grid, CORE_SIGMA_MM)
    usual = np.float32(median(grid.expand(near)[bright])) if bright.any() else np.float32(0)
    doubt = np.clip(1 - filled / np.float32(CORE_FILLED), 0, 1)
    lifted = np.where(near > 0, near + doubt * np.maximum(usual - near, 0), np.float32(0))
    if contrast.unweighted is None:
        return Core(grid.expand(lifted), None)
    plain, _ = _around(contrast.unweighted, bright, grid, CORE_SIGMA_MM)
    return Core(grid.expand(lifted), grid.expand(plain))


def find_mixture(
    contrast: DwiContrast,
    evidence: Evidence,
    core: Core,
    *,
    brain: NDArray[np.bool_],
    across: Across,
) -> Mixture:
    """Share of infarct in each voxel near seeds.

    Parameters
    ----------
    contrast, evidence
        Signals, and what healthy tissue is expected to show.
    core
        What infarct shows.
    brain : (I, J, K) bool array
        Where to look.
    across
        Geometry.
    """
    body = brain & (core.signal > 0)
    mixing = _Mixing(contrast, core, body, _liquor_slope(contrast, brain & ~body, across))
    first = mixing.over(evidence.reference)
    apart = ~dilate_disc(first.infarct >= HALF, BESIDE_MM, spacing_mm=across.spacing_mm)
    beside = brain & apart & ~evidence.is_csf & (np.abs(contrast.signal - 1) < HEALTHY_SIGNAL)
    return mixing.over(_level_beside(contrast.signal, beside, evidence.reference, across))


def _liquor_slope(contrast: DwiContrast, outside: NDArray[np.bool_], across: Across) -> float:
    """Fall of the trace for each rise of the unweighted signal, as liquor takes tissue's place."""
    if contrast.unweighted is None or contrast.adc_ratio is None:
        return 0.0
    inner = erode_disc(contrast.signal > 0, LIQUOR_INNER_MM, spacing_mm=across.spacing_mm)
    liquor = outside & inner & (contrast.adc_ratio > LIQUOR_ADC_RATIO) & (contrast.unweighted > 0)
    if np.count_nonzero(liquor) < LIQUOR_MIN_VOXELS:
        return LIQUOR_SLOPE
    fall = 1 - float(median(contrast.signal[liquor]))
    rise = float(median(contrast.unweighted[liquor])) - 1
    return float(np.clip(fall / max(rise, LEAST_RISE), *LIQUOR_SLOPE_RANGE))


def _level_beside(
    signal: Map,
    beside: NDArray[np.bool_],
    reference: Map,
    across: Across,
) -> Map:
    """Signal of the tissue beside the infarct, (I, J, K) float32 array."""
    grid = across.grid(CORE_GRID_MM)
    local, filled = _around(signal, beside, grid, REFERENCE_SIGMA_MM)
    trust = grid.expand(np.minimum(filled / np.float32(BESIDE_SHARE), 1))
    return reference + trust * (grid.expand(np.clip(local, *BESIDE_SIGNAL)) - reference)


def _around(image: Map, among: NDArray[np.bool_], grid: Grid, sigma_mm: float) -> tuple[Map, Map]:
    """Mean of an image around each place of a grid, and how much there is to tell it by."""
    share, mean = grid.reduce(image, among)
    filled = share_within(share, sigma_mm=sigma_mm, spacing_mm=grid.step_mm)
    near = smooth_within(mean, share, sigma_mm=sigma_mm, spacing_mm=grid.step_mm, share=filled)
    return near, filled


class _Mixing(NamedTuple):
    """What all voxels of one scan have in common: infarct, liquor, and where to look."""

    contrast: DwiContrast
    core: Core
    body: NDArray[np.bool_]
    slope: float

    def over(self, level: Map) -> Mixture:
        """Shares where tissue has this level around each voxel."""
        tissue = level[self.body]
        above = self.contrast.signal[self.body] - tissue
        rise = np.maximum(self.core.signal[self.body] - tissue, np.float32(LEAST_RISE))
        taken = self._taken(tissue, above, rise)
        infarct = np.full(self.body.shape, -np.inf, dtype=np.float32)
        lift = np.zeros(self.body.shape, dtype=np.float32)
        infarct[self.body] = (above + taken) / rise
        lift[self.body] = taken
        return Mixture(infarct, lift)

    def _taken(self, tissue: Map, above: Map, rise: Map) -> Map:
        """Signal that liquor took away, (N,) float32 array; 0 where ADC is not defined."""
        unweighted, core = self.contrast.unweighted, self.core.unweighted
        if unweighted is None or core is None:
            return np.zeros_like(above)
        plain, slope = unweighted[self.body], np.float32(self.slope)
        explained = (core[self.body] - tissue) / rise
        liquor = (plain - tissue - explained * above) / (1 + slope * explained)
        return np.where((plain > 0) & (liquor > LIQUOR_LEAST), slope * liquor, np.float32(0))
