from __future__ import annotations

from collections import Counter
from itertools import product

import pytest

from benchmarks.accuracy.plan import Cut, Half, Kind, Plan, Vendor, plans
from corelab.vocab import Modality

MODALITIES = (Modality.NCCT, Modality.DWI)


@pytest.mark.parametrize("modality", MODALITIES)
def test_halves_are_disjoint_and_the_same_at_every_call(modality: Modality) -> None:
    tuning, reported = (plans(half, modality) for half in Half)
    assert not {plan.seed for plan in tuning} & {plan.seed for plan in reported}
    assert not {plan.lesions.volume_ml for plan in tuning if plan.lesions.volume_ml} & {
        plan.lesions.volume_ml for plan in reported
    }
    assert tuning == plans(Half.TUNING, modality)


def levels(plan: Plan) -> dict[str, object]:
    lesions, scan = plan.lesions, plan.scan
    return {
        "kind": lesions.kind,
        "thickness": scan.thickness_mm,
        "cut": scan.cut is Cut.WHOLE,
        "open skull": lesions.bulge_mm is not None,
        "bled": lesions.blood_share > 0,
        "blood elsewhere": lesions.outside_blood_ml > 0,
        "leukoaraiosis": lesions.leukoaraiosis_mm > 0,
        "old infarct": lesions.old_ml > 0,
        "tilted": scan.tilt_deg != 0,
        "vendor": scan.vendor,
        "b-value": scan.b_value_s_mm2,
        "b0": scan.has_b0,
    }


@pytest.mark.parametrize("modality", MODALITIES)
def test_both_halves_hold_every_level_as_often(modality: Modality) -> None:
    tuning, reported = ([levels(plan) for plan in plans(half, modality)] for half in Half)
    for factor in tuning[0]:
        found = [Counter(str(one[factor]) for one in half) for half in (tuning, reported)]
        assert found[0] == found[1], factor


def test_there_are_enough_heads_of_each_sort() -> None:
    kinds = {
        modality: Counter(p.lesions.kind for half in Half for p in plans(half, modality))
        for modality in MODALITIES
    }
    assert all(kinds[modality].total() >= 36 for modality in MODALITIES)
    assert all(kinds[modality][Kind.NONE] >= 6 for modality in MODALITIES)
    emboli = [p for p in plans(Half.REPORTED, Modality.DWI) if p.lesions.kind is Kind.EMBOLI]
    assert len(emboli) >= 10
    assert all(0.3 <= plan.lesions.volume_ml <= 1 for plan in emboli)


@pytest.mark.parametrize("half", Half)
def test_every_range_is_spread_to_its_ends(half: Half) -> None:
    ct, mr = (plans(half, modality) for modality in MODALITIES)
    depths = [plan.scan.depth_hu for plan in ct]
    tilts = [plan.scan.tilt_deg for plan in ct]
    assert 5 <= min(depths) < 6
    assert 15 < max(depths) <= 16
    assert max(map(abs, tilts)) <= 25
    assert min(tilts) < -5
    assert max(tilts) > 5
    assert max(abs(plan.scan.turn_deg[2]) for plan in (*ct, *mr)) <= 15
    assert {plan.scan.day for plan in (*ct, *mr)} == {1, 5}
    assert {plan.scan.b_value_s_mm2 for plan in mr} == {800, 1000, 1200, 1500}
    assert {plan.scan.vendor for plan in mr} == set(Vendor)


def test_names_are_one_folder_each() -> None:
    for half in Half:
        names = [plan.name for modality in MODALITIES for plan in plans(half, modality)]
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(("half", "modality"), list(product(Half, MODALITIES)))
def test_a_cut_never_takes_the_infarct(half: Half, modality: Modality) -> None:
    for plan in plans(half, modality):
        low = plan.lesions.kind in {Kind.CEREBELLAR, Kind.OCCIPITAL}
        assert not (low and plan.scan.cut is Cut.BASE)
