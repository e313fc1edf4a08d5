from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy.head import load_head
from benchmarks.accuracy.heads import write_head
from benchmarks.accuracy.making import Made, make
from benchmarks.accuracy.plan import Cut, Half, Plan, plans
from corelab.vocab import Contrast, Modality

pytest.importorskip("nilearn", reason="the atlas ships in the nilearn package")


@pytest.fixture(scope="module")
def ct_plan() -> Plan:
    """A wedge without swelling, on few slices."""
    plan = next(p for p in plans(Half.TUNING, Modality.NCCT) if p.name == "ct_12_mca")
    scan = replace(plan.scan, cut=Cut.WHOLE, thickness_mm=8.0, tilt_deg=0.0)
    lesions = replace(plan.lesions, bulge_mm=None, shift_mm=0.0)
    return replace(plan, scan=scan, lesions=lesions)


@pytest.fixture(scope="module")
def straight(ct_plan: Plan) -> Made:
    return make(ct_plan)


@pytest.fixture(scope="module")
def mr_plan() -> Plan:
    plan = next(p for p in plans(Half.TUNING, Modality.DWI) if p.name == "dwi_06_emboli")
    return replace(plan, scan=replace(plan.scan, cut=Cut.WHOLE, has_b0=False, has_flair=False))


@pytest.fixture(scope="module")
def written(mr_plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_head(tmp_path_factory.mktemp("heads"), mr_plan)


def filled_ml(made: Made) -> float:
    percent = np.asarray(made.truth.data).sum(axis=(0, 1), dtype=np.float64)
    return float(percent @ made.truth.voxel_volumes_mm3) / 1e5


def test_the_true_volume_is_as_asked(ct_plan: Plan, straight: Made) -> None:
    assert straight.infarct_ml == pytest.approx(ct_plan.lesions.volume_ml, rel=1e-3)
    assert straight.blood_ml == pytest.approx(
        ct_plan.lesions.blood_share * straight.infarct_ml, rel=0.01
    )
    assert filled_ml(straight) == pytest.approx(straight.infarct_ml, rel=0.015)


def test_a_tilt_keeps_the_truth(ct_plan: Plan, straight: Made) -> None:
    tilted = make(replace(ct_plan, scan=replace(ct_plan.scan, tilt_deg=22.0)))
    assert tilted.images[Contrast.CT].tilt_deg == pytest.approx(22.0)
    assert tilted.infarct_ml == straight.infarct_ml
    assert filled_ml(tilted) == pytest.approx(tilted.infarct_ml, rel=0.015)


def test_a_head_comes_back_from_its_folder(mr_plan: Plan, written: Path) -> None:
    head = load_head(written)
    assert head.modality is Modality.DWI
    assert head.infarct_ml == pytest.approx(mr_plan.lesions.volume_ml, rel=1e-3)
    assert set(head.images) == {Contrast.DWI, Contrast.ADC}
    assert head.truth.any()
    assert head.tags["kind"] == mr_plan.lesions.kind.value
    assert head.b_value_s_mm2 == mr_plan.scan.b_value_s_mm2
    inside = np.asarray(head.images[Contrast.DWI].data, float)[head.truth].mean()
    brain = np.asarray(head.images[Contrast.DWI].data, float)
    assert inside > 1.3 * np.median(brain[brain > 0.2 * inside])


def test_a_head_of_the_same_plan_is_kept(mr_plan: Plan, written: Path) -> None:
    before = (written / "dwi.nii.gz").stat().st_mtime_ns
    assert write_head(written.parent, mr_plan) == written
    assert (written / "dwi.nii.gz").stat().st_mtime_ns == before
