"""How far a brain is swollen: water in the infarct, fluid that gave way, a shifted midline.

Secondary numbers beside an infarct volume, from the image and its masks alone, so that an
edited mask is measured in the same way. Each number is a value or the reason why there is
none; none is ever 0 for want of something to measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from corelab.kernels.measure import MM3_PER_ML, mask_volume_ml
from corelab.kernels.midline import Midline, find_midline, mirror, side_of
from corelab.kernels.tissue_ct import FLUID_HU, CtTissue, sort_tissue
from corelab.kernels.ventricles import Fluid, septum_shift_mm
from corelab.kernels.working_grid import HALF, HU_RANGE, WorkingGrid, working_grid
from corelab.vocab import Absence, Hemisphere, Swelling

if TYPE_CHECKING:
    Value = float | Absence

NWU_WINDOW_HU = (20.0, 80.0)
"""Tissue that is averaged on either side; the group that publishes net water uptake by
mirroring uses it on both (github.com/dharlabwustl/csfratio_nwu)."""

FLUID_MM2_S = 1500e-6
"""Parenchyma ends at some 1200e-6, free water has 3000e-6."""

PARENCHYMA_HU, CSF_HU = 32.0, 8.0
PARENCHYMA_MM2_S, CSF_MM2_S = 800e-6, 3000e-6
"""Levels between which a voxel counts as a mixture of tissue and fluid."""

ADC_RANGE_MM2_S = (0.0, 4e-3)
"""Divisions by noise must not outweigh a block's other voxels."""

DECIMALS = 4

HALVES_MISMATCH_MM = 4.0
"""A plane whose mirrored outline misses by more parts no head in halves; densities, which are
compared place by place, are doubted sooner."""

MIN_TISSUE_ML = 0.5
"""On either side: 100 voxels of 1 x 1 x 5 mm, whose mean is known to some 0.5 HU."""

MIN_CSF_ML = 2.0
"""On the healthy side; a ratio to less is noise (a hemisphere holds 20 to 100 mL)."""


class MaskedHead(NamedTuple):
    """Masks of a case on one grid in RAS+ order, and that grid.

    Attributes
    ----------
    brain, infarct, blood : (I, J, K) bool array
        ``infarct`` includes ``blood``.
    hemisphere : Hemisphere
        Side of the infarct.
    spacing_mm : tuple of 3 float
        Voxel size along i, along j and along the slices' normal.
    heights_mm : (K,) float64 array
        Height that each slice stands for.
    shear : float
        Shift of the slices along j, mm for each mm along their normal.
    """

    brain: NDArray[np.bool_]
    infarct: NDArray[np.bool_]
    blood: NDArray[np.bool_]
    hemisphere: Hemisphere
    spacing_mm: tuple[float, float, float]
    heights_mm: NDArray[np.float64]
    shear: float = 0.0

    def volume_ml(self, mask: NDArray[np.bool_]) -> float:
        """Volume of a mask on this grid, mL."""
        return mask_volume_ml(mask, self._voxel_volumes_mm3)

    def volume_of_shares_ml(self, shares: NDArray[np.float32]) -> float:
        """Volume of what fills these shares of the voxels, mL."""
        per_slice = shares.sum(axis=(0, 1), dtype=np.float64)
        return float(per_slice @ self._voxel_volumes_mm3) / MM3_PER_ML

    @property
    def _voxel_volumes_mm3(self) -> NDArray[np.float64]:
        return self.spacing_mm[0] * self.spacing_mm[1] * self.heights_mm


class _Scene(NamedTuple):
    """A head on the working grid, parted at its mid-sagittal plane."""

    head: MaskedHead
    image: NDArray[np.float32]
    midline: Midline
    ipsilateral: NDArray[np.bool_]
    infarct_ml: float
    hemisphere_ml: float

    @property
    def one_side(self) -> Absence | None:
        """Why the affected side cannot be compared with the healthy one, if it cannot."""
        if not self.infarct_ml or self.head.hemisphere is Hemisphere.NONE:
            return Absence.NO_INFARCT
        if self.head.hemisphere is Hemisphere.BILATERAL:
            return Absence.BILATERAL
        return self.plane

    @property
    def plane(self) -> Absence | None:
        """Why nothing can be told from the mid-sagittal plane, if nothing can."""
        return Absence.PLANE_MISMATCH if self.midline.mismatch_mm > HALVES_MISMATCH_MM else None


def swelling_ct(image_hu: NDArray[np.generic], head: MaskedHead) -> Swelling:
    """Swelling on a non-contrast head CT.

    Parameters
    ----------
    image_hu : (I, J, K) array, HU
        On the grid of the masks.
    head
        Masks.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.

    Notes
    -----
    Net water uptake is 1 - mean HU of the infarct / mean HU of its mirror image, CSF and blood
    left out on both sides; the infarct's parts whose mirror is infarct have no counterpart.
    """
    scene = _scene(image_hu, HU_RANGE, head)
    tissue = sort_tissue(scene.image, scene.head.brain, scene.head.spacing_mm)
    share = np.clip((PARENCHYMA_HU - tissue.hu) / (PARENCHYMA_HU - CSF_HU), 0, 1)
    ventricles = Fluid(
        share=np.where(scene.head.brain, share, np.float32(0)),
        mask=(tissue.hu < FLUID_HU) & ~scene.head.infarct,
    )
    windowed, unwindowed = _nwu_percent(scene, tissue)
    return _recorded(
        {
            "nwu_percent": windowed,
            "nwu_unwindowed_percent": unwindowed,
            "oedema_corrected_volume_ml": _corrected_ml(scene.infarct_ml, windowed),
            "csf_ratio": _csf_ratio(scene, tissue.fluid),
            "midline_shift_mm": _shift_mm(scene, ventricles),
            "hemisphere_share_percent": _share_percent(scene),
        }
    )


def swelling_dwi(adc_mm2_s: NDArray[np.float32] | None, head: MaskedHead) -> Swelling:
    """Swelling on a diffusion scan: from its fluid, so nothing of it without an ADC map.

    Parameters
    ----------
    adc_mm2_s : (I, J, K) float32 array or None
        On the grid of the masks; 0 where undefined.
    head
        Masks.

    Raises
    ------
    UnfitDataError
        ``head_not_found`` when the brain mask is empty.
    """
    is_there = adc_mm2_s is not None
    image = np.zeros(head.brain.shape, np.float32) if adc_mm2_s is None else adc_mm2_s
    scene = _scene(image, ADC_RANGE_MM2_S, head)
    mask = scene.head.brain & (scene.image > FLUID_MM2_S)
    share = np.clip((scene.image - PARENCHYMA_MM2_S) / (CSF_MM2_S - PARENCHYMA_MM2_S), 0, 1)
    fluid = Fluid(np.where(scene.head.brain, share, np.float32(0)), mask & ~scene.head.infarct)
    return _recorded(
        {
            "nwu_percent": Absence.CT_ONLY,
            "nwu_unwindowed_percent": Absence.CT_ONLY,
            "oedema_corrected_volume_ml": Absence.CT_ONLY,
            "csf_ratio": _csf_ratio(scene, mask) if is_there else Absence.ADC_ABSENT,
            "midline_shift_mm": _shift_mm(scene, fluid) if is_there else Absence.ADC_ABSENT,
            "hemisphere_share_percent": _share_percent(scene),
        }
    )


def _scene(
    image: NDArray[np.generic], value_range: tuple[float, float], head: MaskedHead
) -> _Scene:
    """Crop to the brain, go to the working grid and part the head."""
    grid = working_grid(head.brain, head.spacing_mm)
    share = grid.means_to_the_end(head.brain)
    brain = share > HALF
    coarse = head._replace(
        brain=brain,
        infarct=_in_blocks(grid, head.infarct, brain.shape),
        blood=_in_blocks(grid, head.blood, brain.shape),
        spacing_mm=grid.spacing_mm,
        heights_mm=grid.heights_to_the_end(head.heights_mm),
    )
    # Whole blocks only: the plane that the infarct was found with.
    whole = brain[:, :, : (grid.box[2].stop - grid.box[2].start) // grid.factors[2]]
    midline = find_midline(whole, grid.spacing_mm, shear=head.shear)
    side_mm = side_of(midline, brain.shape, grid.spacing_mm)
    ipsilateral = side_mm > 0 if head.hemisphere is Hemisphere.RIGHT else side_mm < 0
    return _Scene(
        head=coarse,
        image=grid.means_to_the_end(image, value_range),
        midline=midline,
        ipsilateral=ipsilateral,
        infarct_ml=head.volume_ml(head.infarct),
        hemisphere_ml=coarse.volume_of_shares_ml(np.where(ipsilateral, share, 0)),
    )


def _in_blocks(
    grid: WorkingGrid, mask: NDArray[np.bool_], shape: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Blocks of which more than half is in the mask; a thin scan's blood is rarely there."""
    if not mask.any():
        return np.zeros(shape, dtype=bool)
    return np.asarray(grid.means_to_the_end(mask) > HALF)


def _nwu_percent(scene: _Scene, tissue: CtTissue) -> tuple[Value, Value]:
    """Net water uptake within the window, and without one."""
    if scene.one_side:
        return scene.one_side, scene.one_side
    head = scene.head
    lesion = head.infarct & ~head.blood & ~tissue.bright
    lesion &= ~_fluid_in(lesion, tissue)
    mirrored = mirror(head.infarct, scene.midline, head.spacing_mm) > HALF
    healthy = mirrored & tissue.parenchyma & ~head.infarct
    low, high = NWU_WINDOW_HU
    window = (scene.image >= low) & (scene.image <= high)
    return (
        _uptake_percent(scene, lesion & window, healthy & window),
        _uptake_percent(scene, lesion, healthy),
    )


def _fluid_in(lesion: NDArray[np.bool_], tissue: CtTissue) -> NDArray[np.bool_]:
    """CSF in an infarct: a deep infarct's own density is not taken for it."""
    if not lesion.any():
        return lesion
    between_hu = (tissue.fluid_hu + float(np.median(tissue.hu[lesion]))) / 2
    return np.asarray(tissue.hu < min(FLUID_HU, between_hu))


def _uptake_percent(scene: _Scene, lesion: NDArray[np.bool_], healthy: NDArray[np.bool_]) -> Value:
    if min(scene.head.volume_ml(lesion), scene.head.volume_ml(healthy)) < MIN_TISSUE_ML:
        return Absence.TOO_LITTLE_TISSUE
    means = [float(scene.image[part].mean(dtype=np.float64)) for part in (lesion, healthy)]
    return 100 * (1 - means[0] / means[1])


def _corrected_ml(infarct_ml: float, nwu_percent: Value) -> Value:
    if isinstance(nwu_percent, Absence):
        return nwu_percent
    return infarct_ml * (1 - nwu_percent / 100)


def _csf_ratio(scene: _Scene, fluid: NDArray[np.bool_]) -> Value:
    """CSF of the affected over that of the healthy side, the infarct itself left out."""
    if scene.one_side:
        return scene.one_side
    csf = fluid & ~scene.head.infarct
    affected_ml = scene.head.volume_ml(csf & scene.ipsilateral)
    healthy_ml = scene.head.volume_ml(csf & ~scene.ipsilateral)
    return affected_ml / healthy_ml if healthy_ml >= MIN_CSF_ML else Absence.TOO_LITTLE_CSF


def _shift_mm(scene: _Scene, fluid: Fluid) -> Value:
    if scene.plane:
        return scene.plane
    head = scene.head
    shift = septum_shift_mm(fluid, head.brain, scene.midline, head.spacing_mm)
    return Absence.VENTRICLES_NOT_FOUND if shift is None else shift


def _share_percent(scene: _Scene) -> Value:
    if scene.one_side:
        return scene.one_side
    return 100 * scene.infarct_ml / scene.hemisphere_ml


def _recorded(values: dict[str, Value]) -> Swelling:
    """Round, and put the reasons beside what is missing."""
    told = {n: round(v, DECIMALS) + 0.0 for n, v in values.items() if not isinstance(v, Absence)}
    return Swelling(
        nwu_percent=told.get("nwu_percent"),
        nwu_unwindowed_percent=told.get("nwu_unwindowed_percent"),
        nwu_window_hu=NWU_WINDOW_HU if "nwu_percent" in told else None,
        oedema_corrected_volume_ml=told.get("oedema_corrected_volume_ml"),
        csf_ratio=told.get("csf_ratio"),
        midline_shift_mm=told.get("midline_shift_mm"),
        hemisphere_share_percent=told.get("hemisphere_share_percent"),
        absent=tuple((name, v) for name, v in sorted(values.items()) if isinstance(v, Absence)),
    )
