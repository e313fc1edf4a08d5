from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from corelab.errors import ReasonCode, UnfitDataError
from corelab.kernels.swelling import MaskedHead, swelling_ct, swelling_dwi
from corelab.vocab import Absence, Hemisphere, Swelling
from tests.kernels.ct_phantom import Recipe
from tests.kernels.swollen_head import UPRIGHT, Swollen, adc_of, build

COMPARED = ("csf_ratio", "hemisphere_share_percent", "nwu_percent", "nwu_unwindowed_percent")


def reasons(found: Swelling) -> dict[str, Absence]:
    return dict(found.absent)


def test_an_infarct_22_percent_darker_than_its_mirror_took_up_22_percent_of_water() -> None:
    found = swelling_ct(*build(Swollen(infarct_hu=0.78 * 30)))
    assert found.nwu_percent == pytest.approx(22.0, abs=1e-4)
    assert found.nwu_unwindowed_percent == pytest.approx(22.0, abs=1e-4)
    assert found.nwu_window_hu == (20.0, 80.0)


def test_the_corrected_volume_is_the_volume_less_its_water() -> None:
    hu, head = build(Swollen(infarct_hu=0.78 * 30))
    found = swelling_ct(hu, head)
    infarct_ml = np.count_nonzero(head.infarct) * 5 / 1000
    assert found.oedema_corrected_volume_ml == pytest.approx(0.78 * infarct_ml, abs=1e-3)


def test_the_window_is_applied_to_one_value_only() -> None:
    hu, head = build(Swollen(infarct_hu=24.0))
    hu[head.infarct & (np.arange(hu.shape[1]) % 2 == 0)[:, None]] = 18.0
    mean_hu = float(hu[head.infarct].mean())
    found = swelling_ct(hu, head)
    assert found.nwu_percent == pytest.approx(20.0, abs=1e-3)
    assert found.nwu_unwindowed_percent == pytest.approx(100 * (1 - mean_hu / 30), abs=1e-3)
    assert 29 < 100 * (1 - mean_hu / 30) < 31


def test_neither_blood_nor_csf_counts_as_tissue() -> None:
    recipe = Swollen(infarct_hu=0.78 * 30)
    bloody = swelling_ct(*build(dataclasses.replace(recipe, blood_hu=45.0)))
    assert bloody.nwu_unwindowed_percent == pytest.approx(22.0, abs=1e-3)
    hu, head = build(recipe)
    cleft = np.zeros_like(head.infarct)
    cleft[:, 110:116] = True
    hu[head.infarct & cleft] = 5.0
    hu[head.infarct[::-1] & cleft] = 5.0
    wet = swelling_ct(hu, head)
    assert wet.nwu_percent == pytest.approx(22.0, abs=1.0)


def test_a_deep_infarct_is_not_taken_for_csf() -> None:
    found = swelling_ct(*build(Swollen(infarct_hu=12.0)))
    assert found.nwu_unwindowed_percent == pytest.approx(60.0, abs=0.5)
    assert reasons(found)["nwu_percent"] is Absence.TOO_LITTLE_TISSUE


@pytest.mark.parametrize("side", [Hemisphere.LEFT, Hemisphere.RIGHT])
def test_half_the_csf_of_the_healthy_side_is_a_ratio_of_a_half(side: Hemisphere) -> None:
    pockets = (1, 2) if side is Hemisphere.LEFT else (2, 1)
    recipe = Swollen(side=side, has_ventricles=False, pockets=pockets)
    hu, head = build(recipe)
    assert swelling_ct(hu, head).csf_ratio == pytest.approx(0.5, abs=1e-4)
    assert swelling_dwi(adc_of(hu), head).csf_ratio == pytest.approx(0.5, abs=1e-4)


def test_the_share_is_that_of_the_affected_half() -> None:
    hu, head = build(Swollen())
    share = 100 * np.count_nonzero(head.infarct) / (np.count_nonzero(head.brain) / 2)
    for found in (swelling_ct(hu, head), swelling_dwi(adc_of(hu), head)):
        assert found.hemisphere_share_percent == pytest.approx(share, rel=0.01)


def test_an_infarct_in_the_slices_beyond_the_last_whole_block_counts_like_any_other() -> None:
    slab = Recipe(shape=(145, 177, 26), spacing_mm=(1.0, 1.0, 0.625))
    hu, whole = build(Swollen(pose=slab, infarct_hu=0.78 * 30))
    at_the_end = np.arange(26) >= 24
    hu[whole.infarct & ~at_the_end] = 30.0
    head = whole._replace(infarct=whole.infarct & at_the_end)
    found = swelling_ct(hu, head)
    share = 100 * np.count_nonzero(head.infarct) / (np.count_nonzero(head.brain) / 2)
    assert found.hemisphere_share_percent == pytest.approx(share, rel=0.01)
    assert found.nwu_percent == pytest.approx(22.0, abs=1e-3)


def test_uneven_slices_weigh_by_their_height() -> None:
    hu, head = build(Swollen(has_ventricles=False, pockets=(2, 1)))
    heights = np.where(np.arange(30) < 15, 4.0, 6.0)
    even, uneven = swelling_ct(hu, head), swelling_ct(hu, head._replace(heights_mm=heights))
    assert uneven.csf_ratio == pytest.approx(0.5, abs=1e-4)
    assert uneven.hemisphere_share_percent != even.hemisphere_share_percent


def test_a_diffusion_scan_tells_the_shift_and_no_water_uptake() -> None:
    hu, head = build(Swollen(septum_mm=-6.0))
    found = swelling_dwi(adc_of(hu), head)
    assert found.midline_shift_mm == pytest.approx(-6.0, abs=0.1)
    assert found.nwu_percent is None
    assert found.nwu_window_hu is None
    assert reasons(found)["oedema_corrected_volume_ml"] is Absence.CT_ONLY


def test_without_an_adc_map_only_the_share_is_told() -> None:
    _, head = build(Swollen())
    found = swelling_dwi(None, head)
    assert found.hemisphere_share_percent is not None
    assert reasons(found)["midline_shift_mm"] is Absence.ADC_ABSENT
    assert reasons(found)["csf_ratio"] is Absence.ADC_ABSENT


def test_no_infarct_leaves_cells_empty_but_the_shift() -> None:
    found = swelling_ct(*build(Swollen(infarct_hu=None, septum_mm=6.0)))
    assert found.midline_shift_mm == pytest.approx(6.0, abs=0.1)
    assert all(reasons(found)[name] is Absence.NO_INFARCT for name in COMPARED)
    assert found.oedema_corrected_volume_ml is None


def test_infarcts_on_both_sides_have_no_healthy_side() -> None:
    hu, head = build(Swollen())
    found = swelling_ct(hu, head._replace(hemisphere=Hemisphere.BILATERAL))
    assert all(reasons(found)[name] is Absence.BILATERAL for name in COMPARED)
    assert found.midline_shift_mm is not None


def test_too_little_csf_makes_no_ratio() -> None:
    found = swelling_ct(*build(Swollen(has_ventricles=False)))
    assert found.csf_ratio is None
    assert reasons(found)["csf_ratio"] is Absence.TOO_LITTLE_CSF
    assert reasons(found)["midline_shift_mm"] is Absence.VENTRICLES_NOT_FOUND


def test_a_head_without_halves_is_not_compared() -> None:
    hu, head = build(Swollen())
    brain = head.brain.copy()
    brain[90:, :, 12:] = False
    found = swelling_ct(hu, head._replace(brain=brain, infarct=head.infarct & brain[::-1]))
    assert reasons(found)["midline_shift_mm"] is Absence.PLANE_MISMATCH


def test_every_missing_value_has_its_reason_and_no_other() -> None:
    hu, head = build(Swollen())
    for found in (swelling_ct(hu, head), swelling_dwi(None, head)):
        values = dataclasses.asdict(found)
        empty = {name for name in values if name not in ("nwu_window_hu", "absent")}
        assert {name for name in empty if values[name] is None} == set(reasons(found))


def test_inputs_stay_as_they_are() -> None:
    hu, head = build(Swollen())
    before = [hu.copy(), head.brain.copy(), head.infarct.copy()]
    swelling_ct(hu, head)
    for array, copy in zip((hu, head.brain, head.infarct), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_an_empty_brain_mask_is_refused() -> None:
    empty = np.zeros(UPRIGHT.shape, dtype=bool)
    head = MaskedHead(empty, empty, empty, Hemisphere.NONE, UPRIGHT.spacing_mm, np.full(30, 5.0))
    with pytest.raises(UnfitDataError) as caught:
        swelling_ct(np.zeros(UPRIGHT.shape, np.int16), head)
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND
