"""Density of the parenchyma against the same place on the other side of the head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.midline import Midline, mirror
from corelab.kernels.morphology import dilate_disc, keep_larger_than
from corelab.kernels.ranks import percentiles
from corelab.kernels.reduction import Factors, factors_for, interpolate, reduce_mean
from corelab.kernels.smoothing import gaussian, share_within, smooth_within
from corelab.kernels.tissue_ct import CtTissue, across_slices, even_depths, even_slices
from corelab.recall import recalled

BORDER_MM = 3.0
SEED_MM = 5.0
REFERENCE_MM = 5.0
"""Smoothing of the lesion's border, of its seeds, and of the mirrored side: a wider mirror
absorbs that the halves of a brain are not copies of each other."""

WIDE_MM = 8.0
"""Smoothing of both sides for lesions that only their size tells from uneven tissue."""

SHADING_GRID_MM = 9.0
SHADING_MM = 40.0
SHADING_MOST = 0.06
"""Smoothing of what passes for shading (cupping beside the middle, a beam filter that favours
a side), and what one place adds to it at most: 2 HU. No infarct is that wide."""

REFERENCE_GRID_MM = 3.0
BRIGHTEST_REFERENCE = 1.10
"""Grey over mixed tissue (37 / 33 HU): a mirror above it is beam hardening, not tissue."""

MOST_OF_MIRROR = 1.5
"""What a place may lack at most, over what it lacks of its mirror."""

PRIOR_WEIGHT = 0.02
"""Share of plain brain mixed into the reference, which counts only where nothing else is."""

LARGE_ML = 12.0
"""A known lesion this large is healed in the mirror that the other side is held against. What is
found in smaller pieces may be leukoaraiosis, which is no lesion because both sides have it."""

HALO_MM = 6.0
MIN_SLICE_VOXELS = 200
UNEVEN = 1.3
"""A slice this many times as uneven as the scan is believed in full."""


# Shares are the same whatever the lesion, and densities wherever the plane is moved to.
_smooth_again, _mirrored_again = recalled(last=8)(gaussian), recalled(last=8)(mirror)


class Coarse(NamedTuple):
    """Evened densities on a grid that wide smoothing allows.

    Attributes
    ----------
    total, share : (I, J, K) float32 array
        Density times its weight, and the weight.
    plane : Midline
        In the millimetres of this grid.
    spacing_mm : tuple of 3 float
    factors : tuple of 3 int
        Voxels joined along each axis.
    """

    total: NDArray[np.float32]
    share: NDArray[np.float32]
    plane: Midline
    spacing_mm: tuple[float, float, float]
    factors: Factors

    def lacking(self, local_mm: float, mirrored_mm: float) -> NDArray[np.float32]:
        """1 minus the geometric mean of what the density lacks of its mirror and its level."""
        smooth = self._smooth(local_mm)
        local = _mean(*smooth)
        mirrored = self._mean_mirrored(
            *(smooth if mirrored_mm == local_mm else self._smooth(mirrored_mm))
        )
        product = np.maximum(1 - local / mirrored, 0) * np.maximum(1 - local, 0)
        return np.asarray(1 - np.sqrt(product), dtype=np.float32)

    def lacking_locally(self, sigma_mm: float, deep: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the same at one scale, without what the sides differ by over half a head.

        Parameters
        ----------
        sigma_mm
            Of both sides.
        deep : (I, J, K) float32 array
            Share of each place that tells how the sides differ.
        """
        smooth = self._smooth(sigma_mm)
        local = _mean(*smooth)
        of_mirror = 1 - local / self._mean_mirrored(*smooth)
        of_mirror -= self._shading(of_mirror, deep)
        product = np.maximum(of_mirror, 0) * np.maximum(1 - local, 0)
        return np.asarray(1 - np.sqrt(product), dtype=np.float32)

    def _shading(
        self, of_mirror: NDArray[np.float32], deep: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        factors = factors_for(self.spacing_mm, (SHADING_GRID_MM,) * 3, deep.shape)
        step = [size * factor for size, factor in zip(self.spacing_mm, factors, strict=True)]
        share = reduce_mean(deep, factors)
        total = reduce_mean(np.clip(of_mirror, -SHADING_MOST, SHADING_MOST) * deep, factors)
        mean = np.zeros_like(total)
        np.divide(total, share, out=mean, where=share > 0)
        slow = smooth_within(mean, share, sigma_mm=SHADING_MM, spacing_mm=step)
        return interpolate(slow, factors, deep.shape)

    def below_expected(
        self, local_mm: float, mirrored_mm: float, mirror_share: float
    ) -> NDArray[np.float32]:
        """Return by how much the density lies below the level and a share of its mirror's own.

        Parameters
        ----------
        local_mm, mirrored_mm
            Smoothing of either side.
        mirror_share
            How much of what sets the mirror apart from the level is expected here, 0 to 1.
        """
        mirrored = np.minimum(self.mirrored(mirrored_mm), BRIGHTEST_REFERENCE)
        expected = 1 + np.float32(mirror_share) * (mirrored - 1)
        return np.asarray(expected - _mean(*self._smooth(local_mm)), dtype=np.float32)

    def mirrored(self, sigma_mm: float) -> NDArray[np.float32]:
        """Local mean on the other side of the plane; 1 where nothing is near."""
        return self._mean_mirrored(*self._smooth(sigma_mm))

    def _mean_mirrored(
        self, total: NDArray[np.float32], share: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        return _mean(
            mirror(total, self.plane, self.spacing_mm),
            _mirrored_again(share, self.plane, self.spacing_mm),
        )

    def _smooth(self, sigma_mm: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        sigma = across_slices(sigma_mm, self.spacing_mm)
        total = _smooth_again(self.total, sigma, spacing_mm=self.spacing_mm)
        share = _smooth_again(self.share, sigma, spacing_mm=self.spacing_mm)
        return total + PRIOR_WEIGHT, share + PRIOR_WEIGHT


class MirrorRatio(NamedTuple):
    """Local density over its mirror; 1 is healthy.

    Attributes
    ----------
    border : (I, J, K) float32 array
        1 minus the geometric mean of what the density lacks of its mirror and of its level,
        at the scale a border is set on; 1 where it lacks nothing of one.
    seed : (I, J, K) float32 array
        Ratio at the wider scale a lesion is found on; 1 outside the parenchyma.
    wide : (I, J, K) float32 array
        What ``border`` is at the scale that a large faint lesion is found on, without shading;
        on the grid of ``coarse``.
    level : (I, J, K) float32 array
        Density at the seed scale, over that of the slice's healthy parenchyma.
    coarse : Coarse
        Evened densities on a coarse grid.
    judged : (I, J, K) bool array
        Healthy deep parenchyma.
    spread : float
        Robust standard deviation of ``seed`` there.
    """

    border: NDArray[np.float32]
    seed: NDArray[np.float32]
    wide: NDArray[np.float32]
    level: NDArray[np.float32]
    coarse: Coarse
    judged: NDArray[np.bool_]
    spread: float


class Shares(NamedTuple):
    """How much of the tissue's weight is near each place: the same whatever the lesion.

    Attributes
    ----------
    border, seed : (I, J, K) float32 array
        At the scale that a border is set on, and at that of seeds.
    """

    border: NDArray[np.float32]
    seed: NDArray[np.float32]

    @classmethod
    def of(cls, tissue: CtTissue) -> Shares:
        """Shares of the weight of sorted tissues."""
        step = tissue.spacing_mm
        border, seed = (
            share_within(tissue.weight, sigma_mm=across_slices(mm, step), spacing_mm=step)
            for mm in (BORDER_MM, SEED_MM)
        )
        return cls(border, seed)


def mirror_ratio(
    tissue: CtTissue,
    midline: Midline,
    *,
    lesion: NDArray[np.bool_],
    deep: NDArray[np.bool_],
    shares: Shares | None = None,
) -> MirrorRatio:
    """Ratio of local to mirrored density, with levels and spread from outside the lesion.

    Parameters
    ----------
    tissue
        Sorted tissues.
    midline
        Mid-sagittal plane in the millimetres of the tissues' grid.
    lesion : (I, J, K) bool array
        What is known to be lesion so far; it and its mirror do not count as healthy.
    deep : (I, J, K) bool array
        Parenchyma away from fluid and skull, where the spread is taken.
    shares
        Of these tissues, where ratios are taken with several lesions.
    """
    step, shares = tissue.spacing_mm, shares or Shares.of(tissue)
    halo = dilate_disc(lesion, HALO_MM, spacing_mm=step) if lesion.any() else lesion
    healthy = ~halo
    if lesion.any():
        healthy &= mirror(halo, midline, step) < 0.5  # noqa: PLR2004 - half a voxel
    in_slice = even_slices(tissue, healthy)
    relative = even_depths(tissue, in_slice, healthy)
    coarse = _coarse(relative, tissue, midline)
    sound = _healed(coarse, relative, tissue, lesion)
    reference = np.minimum(sound.mirrored(REFERENCE_MM), BRIGHTEST_REFERENCE)
    reference = interpolate(reference, coarse.factors, relative.shape)
    parenchyma = tissue.brain & ~tissue.fluid
    seed = _over(_local(relative, tissue, SEED_MM, shares.seed), reference, parenchyma)
    judged = deep & healthy
    return MirrorRatio(
        border=_joint(_local(relative, tissue, BORDER_MM, shares.border), reference, parenchyma),
        seed=seed,
        wide=coarse.lacking_locally(WIDE_MM, reduce_mean(deep, coarse.factors)),
        level=_local(in_slice, tissue, SEED_MM, shares.seed),
        coarse=coarse,
        judged=judged,
        spread=_spread(seed[judged] if judged.any() else seed[deep]),
    )


def _healed(
    coarse: Coarse, relative: NDArray[np.float32], tissue: CtTissue, lesion: NDArray[np.bool_]
) -> Coarse:
    """Densities with large lesions brighter by what they lack, but not above the level.

    Opposite to a lesion the mirror would hide another. What is dark there by nature stays so.
    """
    large = keep_larger_than(lesion, LARGE_ML / tissue.voxel_ml)
    if not large.any():
        return coarse
    inside, healed = relative[large], relative.copy()
    healed[large] = np.maximum(inside, np.minimum(inside / np.median(inside), 1))
    return coarse._replace(total=reduce_mean(healed * tissue.weight, coarse.factors))


def distrust_uneven_slices(
    ratio: MirrorRatio,
    base: NDArray[np.bool_],
    deep: NDArray[np.bool_],
    suspected: NDArray[np.bool_],
) -> MirrorRatio:
    """Ratios drawn towards 1 in slices of the skull's base that are more uneven than the scan.

    Between the petrous bones healthy tissue is as uneven as an infarct is deep. Higher up
    nothing but a lesion makes a slice so uneven.

    Parameters
    ----------
    ratio
        Of the whole scan.
    base : (K,) bool array
        Slices through the base of the skull.
    deep : (I, J, K) bool array
        Parenchyma away from fluid and skull.
    suspected : (I, J, K) bool array
        What may be an infarct, which makes a slice uneven by itself. On the wide scale it
        counts as uneven, too: bone darkens whole lobes.
    """
    trust = _trust(ratio, base, deep & ~suspected)
    return ratio._replace(
        border=1 - trust * (1 - ratio.border),
        seed=1 - trust * (1 - ratio.seed),
        wide=1 - _trust(ratio, base, deep) * (1 - ratio.wide),
    )


def _trust(
    ratio: MirrorRatio, base: NDArray[np.bool_], judged: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """How far each slice is believed, (K,) float32 array, 0 to 1."""
    trust = np.ones(ratio.seed.shape[2], dtype=np.float32)
    for k in np.flatnonzero(base):
        ratios = ratio.seed[:, :, k][judged[:, :, k]]
        if ratios.size >= MIN_SLICE_VOXELS:
            trust[k] = min(1.0, UNEVEN * ratio.spread / max(_spread(ratios), 1e-6))
    return trust


def _local(
    relative: NDArray[np.float32],
    tissue: CtTissue,
    sigma_mm: float,
    share: NDArray[np.float32],
) -> NDArray[np.float32]:
    step = tissue.spacing_mm
    sigma = across_slices(sigma_mm, step)
    return smooth_within(relative, tissue.weight, sigma_mm=sigma, spacing_mm=step, share=share)


def _over(
    local: NDArray[np.float32], reference: NDArray[np.float32], parenchyma: NDArray[np.bool_]
) -> NDArray[np.float32]:
    ratio = np.ones_like(local)
    np.divide(local, reference, out=ratio, where=parenchyma & (local > 0))
    return ratio


def _joint(
    local: NDArray[np.float32], reference: NDArray[np.float32], parenchyma: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """1 minus the geometric mean of what ``local`` lacks of its mirror and of its level.

    Not much more than it lacks of its mirror: what is dark on both sides is no lesion.
    """
    known = parenchyma & (local > 0)
    of_mirror = np.maximum(1 - local / reference, 0)
    lacking = np.minimum(np.sqrt(of_mirror * np.maximum(1 - local, 0)), MOST_OF_MIRROR * of_mirror)
    return np.where(known, 1 - lacking, np.float32(1))


def _coarse(relative: NDArray[np.float32], tissue: CtTissue, midline: Midline) -> Coarse:
    step = np.array(tissue.spacing_mm)
    target = (REFERENCE_GRID_MM, REFERENCE_GRID_MM, 0.0)
    factors = factors_for(tissue.spacing_mm, target, relative.shape)
    i, j, k = step * factors
    return Coarse(
        total=reduce_mean(relative * tissue.weight, factors),
        share=reduce_mean(tissue.weight, factors),
        plane=midline.seen_from((np.array(factors) - 1) / 2 * step),
        spacing_mm=(float(i), float(j), float(k)),
        factors=factors,
    )


def _mean(total: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    mean = np.ones_like(total)
    np.divide(total, share, out=mean, where=share > PRIOR_WEIGHT / 2)
    return mean


def _spread(ratios: NDArray[np.float32]) -> float:
    """Robust standard deviation."""
    if ratios.size == 0:
        return 0.0
    lower, upper = percentiles(ratios, (25, 75))
    return float(upper - lower) / 1.349
