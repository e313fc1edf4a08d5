from __future__ import annotations

import numpy as np
import pytest

from benchmarks.accuracy.head import TrueHead
from benchmarks.accuracy.peers import adc_below_620, ct_z, dwi_z, otsu, ratio_085
from corelab.vocab import Contrast, Modality
from tests.benchmarks.small import box, brain, head_of


@pytest.fixture(scope="module")
def rng() -> np.random.Generator:
    return np.random.default_rng(8)


@pytest.fixture(scope="module")
def ct(rng: np.random.Generator) -> TrueHead:
    hu = np.where(brain(), 34.0, -1000.0)
    hu[box()] = 22.0
    hu += rng.normal(0, 1.5, hu.shape)
    return head_of({Contrast.CT: np.rint(hu).astype(np.int16)}, Modality.NCCT, box())


@pytest.fixture(scope="module")
def mr(rng: np.random.Generator) -> TrueHead:
    dwi = np.where(brain(), 100.0, 0.0) + 4 * rng.standard_normal(brain().shape) * brain()
    adc = np.where(brain(), 850.0, 0.0) + 20 * rng.standard_normal(brain().shape) * brain()
    dwi[box()], adc[box()] = 190.0, 520.0
    images = {Contrast.DWI: dwi.astype(np.int16), Contrast.ADC: adc.astype(np.int16)}
    return head_of(images, Modality.DWI, box())


@pytest.mark.parametrize("rule", [ratio_085, ct_z])
def test_a_dark_box_is_found_on_ct(ct: TrueHead, rule: object) -> None:
    found = rule(ct, brain())  # type: ignore[operator]  # one of the rules above
    assert found.shape == ct.truth.shape
    assert (found & ct.truth).sum() > 0.7 * ct.truth.sum()
    assert not found[24:].any()


@pytest.mark.parametrize("rule", [adc_below_620, otsu, dwi_z])
def test_a_bright_box_is_found_on_diffusion(mr: TrueHead, rule: object) -> None:
    found = rule(mr, brain())  # type: ignore[operator]  # one of the rules above
    # Opening by a cross takes the corners.
    assert not found[~mr.truth].any()
    assert found.sum() > 0.95 * mr.truth.sum()


def test_the_ratio_needs_a_mirror_that_differs(rng: np.random.Generator) -> None:
    hu = np.where(brain(), 34.0, -1000.0)
    hu[box() | box()[::-1]] = 22.0
    image = np.rint(hu + rng.normal(0, 1.0, hu.shape)).astype(np.int16)
    head = head_of({Contrast.CT: image}, Modality.NCCT, box())
    assert not ratio_085(head, brain()).any()


def test_a_normal_adc_is_not_found_below_620(mr: TrueHead) -> None:
    adc = np.where(brain(), 850, 0).astype(np.int16)
    adc[box()] = 700
    late = head_of(
        {**{c: v.data for c, v in mr.images.items()}, Contrast.ADC: adc}, mr.modality, box()
    )
    assert not adc_below_620(late, brain()).any()


def test_small_pieces_are_dropped(mr: TrueHead) -> None:
    dwi = np.where(brain(), 100, 0).astype(np.int16)
    dwi[20:22, 20:22, 2] = 300
    speck = head_of(
        {Contrast.DWI: dwi, Contrast.ADC: mr.images[Contrast.ADC].data}, mr.modality, box()
    )
    assert not dwi_z(speck, brain()).any()
