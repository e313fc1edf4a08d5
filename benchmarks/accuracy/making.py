"""From a plan to images, the share of infarct in each voxel, and the true volumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.plan import Cut, Kind, Lesions, Plan, Vendor
from corelab.phantom.anatomy import Head, build_head
from corelab.phantom.chronic import with_haematoma, with_leukoaraiosis, with_old_infarct
from corelab.phantom.craniectomy import Craniectomy, with_craniectomy
from corelab.phantom.ct import CtScan, scan_ct
from corelab.phantom.lesion import (
    BY_TISSUE,
    Emboli,
    Side,
    Wedge,
    truth_fraction,
    truth_of,
    with_blood,
    with_emboli,
    with_wedge,
)
from corelab.phantom.mr import MrScan, scan_diffusion, scan_flair, shown
from corelab.phantom.planning import CT_FIELD_MM, MrSlices, ct_grid, lying, mr_grid, slices_kept
from corelab.phantom.sampling import AcquisitionGrid, sample
from corelab.phantom.swelling import with_mass_effect
from corelab.phantom.territory import Place, Territory, with_territory
from corelab.phantom.tissue import HOUNSFIELD, Tissue
from corelab.phantom.warp import Asymmetry, Build, draw_build
from corelab.vocab import Contrast, Modality
from corelab.volume import Volume

Rng = np.random.Generator

_NARROW_MM = 178.0
_MM3_PER_ML = 1000.0
_WHOLLY = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Made:
    """A head as a trial would deliver it, and what is true of it.

    Parameters
    ----------
    images
        By contrast.
    truth
        Percent of each voxel that is infarct, uint8, blood inside included.
    infarct_ml, blood_ml
        Exact volumes of the infarct and of the blood in it; of what the field of view holds
        where it cuts the head.
    adc_unit_mm2_s
        What 1 in the ADC map means.
    """

    images: dict[Contrast, Volume]
    truth: Volume
    infarct_ml: float
    blood_ml: float
    adc_unit_mm2_s: float = 1e-6


def make(plan: Plan) -> Made:
    """Make the images and the truth of one planned head."""
    rng = np.random.default_rng(plan.seed)
    head = _head(plan.lesions, rng)
    return _ct(plan, head, rng) if plan.modality is Modality.NCCT else _mr(plan, head, rng)


def uneven_build(rng: Rng) -> Build:
    """Build of a patient whose two sides differ as those of people do."""
    build = draw_build(rng)
    left, right = build.ventricle_growth_mm
    lean = rng.normal(0, 1.4)
    return replace(
        build,
        lobe_warp_mm=rng.uniform(2.4, 3.6),
        gyrus_warp_mm=rng.uniform(0.9, 1.5),
        ventricle_growth_mm=(max(left + lean, 0.5), max(right - lean, 0.5)),
        asymmetry=Asymmetry(
            torque_mm=rng.normal(1.5, 1.2),
            bow_mm=rng.normal(0, 1.6),
            slide_mm=rng.uniform(3.5, 5.5),
            atrophy_spread=rng.uniform(0.25, 0.6),
        ),
    )


def _head(lesions: Lesions, rng: Rng) -> Head:
    """Build the head from birth to the scan: old changes, the infarct, swelling, surgery, blood."""
    head = build_head(uneven_build(rng), rng)
    side = Side(int(rng.choice([-1, 1])))
    if lesions.old_ml:
        where = Side(int(rng.choice([-1, 1])))
        head = with_old_infarct(with_wedge(head, _wedge(lesions.old_ml, where, rng)))
    if lesions.leukoaraiosis_mm:
        head = with_leukoaraiosis(head, lesions.leukoaraiosis_mm, rng)
    head = _FRESH[lesions.kind](head, lesions, side, rng)
    if lesions.shift_mm:
        head = with_mass_effect(head, lesions.shift_mm)
    if lesions.bulge_mm is not None:
        head = with_craniectomy(head, Craniectomy(side=side, bulge_mm=lesions.bulge_mm))
    if lesions.blood_share:
        head = with_blood(head, lesions.blood_share * truth_of(head).infarct_volume_ml, rng)
    if lesions.outside_blood_ml:
        head = with_haematoma(head, lesions.outside_blood_ml, rng)
    return head


def _wedge(volume_ml: float, side: Side, rng: Rng, effacement: float = 0.0) -> Wedge:
    return Wedge(
        volume_ml=volume_ml,
        side=side,
        rim_mm=rng.uniform(2, 4),
        shape_seed=int(rng.integers(2**31)),
        effacement=effacement,
    )


def _healthy(head: Head, _lesions: Lesions, _side: Side, _rng: Rng) -> Head:
    return head


def _mca(head: Head, lesions: Lesions, side: Side, rng: Rng) -> Head:
    effacement = 0.85 if lesions.shift_mm else rng.uniform(0.15, 0.6)
    return with_wedge(head, _wedge(lesions.volume_ml, side, rng, effacement), BY_TISSUE)


def _bilateral(head: Head, lesions: Lesions, side: Side, rng: Rng) -> Head:
    other = Side(-side.value)
    share = rng.uniform(0.55, 0.8)
    for one, volume_ml in ((side, share), (other, 1 - share)):
        wedge = _wedge(volume_ml * lesions.volume_ml, one, rng, 0.3)
        head = with_wedge(head, wedge, BY_TISSUE)
    return head


def _emboli(head: Head, lesions: Lesions, side: Side, rng: Rng) -> Head:
    most = {Kind.EMBOLI: 4}.get(lesions.kind, 12)
    count = int(np.clip(rng.integers(1, 4) * lesions.volume_ml / 0.4, 1, most))
    emboli = Emboli(
        volume_ml=lesions.volume_ml,
        side=side,
        count=count,
        rim_mm=1.6,
        shape_seed=int(rng.integers(2**31)),
    )
    return with_emboli(head, emboli, BY_TISSUE)


def _territory(place: Place) -> Callable[[Head, Lesions, Side, Rng], Head]:
    def infarct(head: Head, lesions: Lesions, side: Side, rng: Rng) -> Head:
        territory = Territory(
            place=place,
            volume_ml=lesions.volume_ml,
            side=side,
            rim_mm=rng.uniform(1.8, 3.2),
            shape_seed=int(rng.integers(2**31)),
        )
        return with_territory(head, territory, BY_TISSUE)

    return infarct


_FRESH: dict[Kind, Callable[[Head, Lesions, Side, Rng], Head]] = {
    Kind.NONE: _healthy,
    Kind.EMBOLI: _emboli,
    Kind.SHOWER: _emboli,
    Kind.MCA: _mca,
    Kind.LARGE_MCA: _mca,
    Kind.DEEP: _territory(Place.DEEP),
    Kind.OCCIPITAL: _territory(Place.OCCIPITAL),
    Kind.CEREBELLAR: _territory(Place.CEREBELLAR),
    Kind.MEDIAL: _territory(Place.FRONTAL_MEDIAL),
    Kind.BILATERAL: _bilateral,
}


def _ct(plan: Plan, head: Head, rng: Rng) -> Made:
    scan = plan.scan
    grid = ct_grid(
        head,
        rng,
        tilt_deg=scan.tilt_deg,
        step_mm=scan.thickness_mm,
        field_mm=_NARROW_MM if scan.cut is Cut.NARROW else CT_FIELD_MM + rng.uniform(-15, 15),
        pose=lying(scan.turn_deg, scan.lie_mm),
    )
    grid = _cut(grid, scan.cut)
    look = CtScan(
        infarct_hu=HOUNSFIELD[Tissue.GREY] - scan.depth_hu,
        infarct_white_hu=HOUNSFIELD[Tissue.WHITE] - scan.depth_hu,
        infarct_uneven_hu=0.12 * scan.depth_hu,
        noise_hu=scan.noise,
        noise_grain_mm=rng.uniform(0.5, 1.0),
        cupping_hu=rng.uniform(0.5, 4.0),
        streak_hu=rng.uniform(6, 18),
        texture_hu=rng.uniform(0.5, 1.1),
    )
    image = scan_ct(head, grid, look, rng)
    share = sample(truth_fraction(head), grid)
    return _made(plan, head, grid, share, images={Contrast.CT: image})


def _mr(plan: Plan, head: Head, rng: Rng) -> Made:
    scan = plan.scan
    is_blanked = scan.vendor is Vendor.BLANKED
    look = _mr_look(plan, rng)
    slices = MrSlices(
        matrix=int(rng.choice([128, 160, 192])) if is_blanked else 256,
        field_mm=rng.uniform(220, 240),
        thickness_mm=scan.thickness_mm,
        step_mm=scan.thickness_mm + (rng.choice([0.0, 0.5, 1.0, 1.5]) if is_blanked else 0.5),
    )
    pose = lying(scan.turn_deg, scan.lie_mm)
    grid = _cut(mr_grid(head, rng, slices=slices, pose=pose), scan.cut)
    found = scan_diffusion(head, grid, look, rng)
    images = {Contrast.DWI: found.trace, Contrast.ADC: found.adc}
    if scan.has_b0:
        images[Contrast.B0] = found.b0
    unit = 1e-6
    if not is_blanked:
        unit = 1e-3
        images[Contrast.ADC] = grid.volume(np.asarray(found.adc.data, np.float32) / 1000)
    if scan.has_flair:
        images[Contrast.FLAIR] = scan_flair(
            head, grid, replace(look, noise=0.02 * look.grey_signal, background_noise=0.0), rng
        )
    share = shown(truth_fraction(head), head, grid, look)
    made = _made(plan, head, grid, share, images=images)
    return replace(made, adc_unit_mm2_s=unit)


def _mr_look(plan: Plan, rng: Rng) -> MrScan:
    """Signal by age, faults by vendor: at day 5 diffusion is nearly normal again and T2 high."""
    scan = plan.scan
    is_late, is_blanked = scan.day > 1, scan.vendor is Vendor.BLANKED
    grey = float(rng.choice([140.0, 400.0])) if is_blanked else 900.0
    return MrScan(
        infarct_adc_mm2_s=rng.uniform(0.66e-3, 0.8e-3) if is_late else rng.uniform(0.42e-3, 0.6e-3),
        infarct_b0=rng.uniform(1.7, 2.1) if is_late else rng.uniform(1.2, 1.5),
        infarct_flair=rng.uniform(1.7, 2.1) if is_late else rng.uniform(1.3, 1.5),
        b_value_s_mm2=scan.b_value_s_mm2,
        grey_signal=grey,
        noise=grey * 0.03 * scan.noise * (1.0 if is_blanked else 1.3),
        background_noise=0.0 if is_blanked else 0.7,
        shading=rng.uniform(0.04, 0.09) if is_blanked else rng.uniform(0.10, 0.16),
        distortion_mm=rng.uniform(4, 8) if is_blanked else rng.uniform(7, 11),
        interpolation=1 if is_blanked else 2,
        ghost=0.0 if is_blanked else rng.uniform(0.01, 0.03),
        fat_b0=0.12 if is_blanked else 0.35,
        texture=rng.uniform(0.03, 0.05),
        infarct_uneven=rng.uniform(0.05, 0.12),
        tract_excess=rng.uniform(0.08, 0.22),
    )


def _cut(grid: AcquisitionGrid, cut: Cut) -> AcquisitionGrid:
    n = grid.shape[2]
    kept = {Cut.BASE: (round(0.3 * n), n), Cut.VERTEX: (0, round(0.88 * n))}
    return slices_kept(grid, *kept[cut]) if cut in kept else grid


def _made(
    plan: Plan,
    head: Head,
    grid: AcquisitionGrid,
    share: NDArray[np.float32],
    *,
    images: dict[Contrast, Volume],
) -> Made:
    exact = truth_of(head)
    infarct_ml, blood_ml = exact.infarct_volume_ml, exact.haemorrhage_in_infarct_ml
    if plan.scan.cut is not Cut.WHOLE:
        infarct_ml = _within_ml(truth_fraction(head), grid)
        blood_ml = _within_ml(head.fraction(Tissue.BLOOD), grid)
    truth = grid.volume(np.rint(share.clip(0, 1) * _WHOLLY).astype(np.uint8))
    return Made(images=images, truth=truth, infarct_ml=infarct_ml, blood_ml=blood_ml)


def _within_ml(field: NDArray[np.float32], grid: AcquisitionGrid) -> float:
    areas = sample(field, grid).sum(axis=(0, 1), dtype=np.float64)
    return float(areas @ grid.frame.voxel_volumes_mm3 / _MM3_PER_ML)
