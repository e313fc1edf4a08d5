from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from corelab.kernels.across import Across
from corelab.kernels.dwi_contrast import DwiContrast
from corelab.kernels.dwi_evidence import AdcEvidence, Evidence
from corelab.kernels.dwi_lesion import (
    Lesion,
    accept,
    grow,
    keep_joined,
    pieces_of,
    weight_of,
)
from corelab.kernels.dwi_mixture import find_core, find_mixture
from corelab.kernels.dwi_parameters import DEFAULTS, DwiParameters
from corelab.kernels.dwi_seeds import find_seeds, seed_margin
from corelab.kernels.midline import Midline

SHAPE = (24, 24, 5)
SPACING_MM = (2.0, 2.0, 5.0)
ACROSS = Across(SHAPE, SPACING_MM, Midline((1.0, 0.0, 0.0), 23.0, 0.0))
BRAIN = np.ones(SHAPE, dtype=bool)
NOWHERE = np.zeros(SHAPE, dtype=bool)
SIGMA = 0.15


def flat(value: float) -> NDArray[np.float32]:
    return np.full(SHAPE, value, dtype=np.float32)


def blob(*, signal: float, adc: float, size: int = 6) -> tuple[NDArray[np.float32], ...]:
    """Signal and ADC ratio maps with a square infarct of ``size`` voxels in one slice."""
    where = np.s_[4 : 4 + size, 4 : 4 + size, 2]
    maps = flat(1.0), flat(1.0)
    for image, value in zip(maps, (signal, adc), strict=True):
        image[where] = value
    return maps


def evidence_of(
    signal: NDArray[np.float32], adc: NDArray[np.float32] | None, *, wide_adc: float = 1.0
) -> Evidence:
    z = (signal - 1) / np.float32(SIGMA)
    return Evidence(
        z=z,
        excess=z,
        reference=flat(1),
        wide_z=flat(0),
        wide_excess=flat(0),
        adc=None if adc is None else AdcEvidence(adc, adc, adc, flat(wide_adc)),
        flair_ratio=None,
        opposite=flat(0),
        is_csf=NOWHERE,
        is_near_air=NOWHERE,
    )


def lesion_of(
    signal: NDArray[np.float32],
    evidence: Evidence,
    *,
    seeds: NDArray[np.bool_] | None = None,
    parameters: DwiParameters = DEFAULTS,
) -> Lesion:
    if seeds is None:
        seeds = find_seeds(evidence, BRAIN, parameters)
    contrast = DwiContrast(signal, SIGMA, None if evidence.adc is None else evidence.adc.across)
    core = find_core(contrast, seeds, ACROSS)
    mixture = find_mixture(contrast, evidence, core, brain=BRAIN, across=ACROSS)
    return Lesion(contrast, evidence, BRAIN, ACROSS, parameters, seeds, mixture)


def accepted(signal: NDArray[np.float32], evidence: Evidence) -> NDArray[np.bool_]:
    lesion = lesion_of(signal, evidence)
    return accept(lesion, grow(lesion, shift=0))


@pytest.mark.parametrize(
    ("signal", "adc", "is_seed"),
    [
        (1.6, 0.7, True),
        (1.6, 0.95, False),
        (1.6, 0.88, True),
        (1.2, 0.7, False),
        (2.1, 0.99, True),
        (2.1, 1.2, False),
    ],
    ids=["infarct", "shine-through", "embolus", "pale", "pseudo-normal", "old"],
)
def test_a_seed_is_bright_and_restricted_or_glaring(
    signal: float, adc: float, *, is_seed: bool
) -> None:
    evidence = evidence_of(*blob(signal=signal, adc=adc))
    assert find_seeds(evidence, BRAIN, DEFAULTS).any() == is_seed


def test_late_infarcts_need_no_low_adc() -> None:
    evidence = evidence_of(*blob(signal=1.7, adc=1.1))
    late = DEFAULTS._replace(hours_from_onset=120.0)
    assert not find_seeds(evidence, BRAIN, DEFAULTS).any()
    assert find_seeds(evidence, BRAIN, late).sum() == 36


def test_a_late_seed_with_a_flair_needs_brightness_there() -> None:
    evidence = evidence_of(*blob(signal=1.5, adc=1.1))
    late = DEFAULTS._replace(hours_from_onset=120.0)
    for ratio, count in ((1.3, 36), (1.05, 0)):
        with_flair = evidence._replace(flair_ratio=flat(ratio))
        assert find_seeds(with_flair, BRAIN, late).sum() == count
        assert not find_seeds(with_flair, BRAIN, DEFAULTS).any()


def test_the_height_asked_for_rises_with_adc_and_never_falls() -> None:
    heights = []
    for adc in (0.6, 0.85, 0.9, 0.95, 1.0):
        evidence = evidence_of(flat(1.6), flat(adc))
        heights.append(4.0 - float(seed_margin(evidence, DEFAULTS)[0, 0, 0]))
    np.testing.assert_allclose(heights, [1.5, 1.5, 3.0, 4.5, 6.0], atol=1e-5)


def test_brightness_alone_proves_nothing_near_air() -> None:
    evidence = evidence_of(*blob(signal=2.5, adc=0.95))
    assert not find_seeds(evidence._replace(is_near_air=BRAIN), BRAIN, DEFAULTS).any()


def test_without_adc_seeds_must_be_brighter() -> None:
    for signal, is_seed in ((1.5, False), (1.7, True)):
        evidence = evidence_of(blob(signal=signal, adc=1)[0], None)
        assert find_seeds(evidence, BRAIN, DEFAULTS).any() == is_seed


def test_border_lies_at_the_set_height_between_tissue_and_core() -> None:
    signal, adc = blob(signal=2.0, adc=0.6)
    signal[10, 4:10, 2] = 1.6
    signal[3, 4:10, 2] = 1.35
    adc[10, 4:10, 2] = 0.9
    adc[3, 4:10, 2] = 0.8
    mask = grow(lesion_of(signal, evidence_of(signal, adc)), shift=0)
    assert mask[10, 6, 2]
    assert not mask[3, 6, 2]


def test_stricter_border_lies_inside_and_a_generous_one_outside() -> None:
    signal, adc = blob(signal=2.0, adc=0.6)
    signal[10, 4:10, 2] = 1.5
    signal[3, 4:10, 2] = 1.44
    adc[10, 4:10, 2] = 0.8
    adc[3, 4:10, 2] = 0.82
    lesion = lesion_of(signal, evidence_of(signal, adc))
    strict, middle, generous = (grow(lesion, shift=shift) for shift in (1, 0, -1))
    assert strict.sum() < middle.sum() < generous.sum()
    assert not (strict & ~middle).any()
    assert not (middle & ~generous).any()


def test_emboli_of_three_voxels_stay_and_specks_go() -> None:
    for count, stays in ((3, True), (2, False)):
        signal, adc = flat(1), flat(1)
        signal[6 : 6 + count, 6, 2] = 1.9
        adc[6 : 6 + count, 6, 2] = 0.6
        assert accepted(signal, evidence_of(signal, adc)).any() == stays


def test_one_voxel_that_just_passes_is_no_embolus() -> None:
    signal, adc = flat(1), flat(1)
    signal[6:9, 6, 2], adc[6:9, 6, 2] = 1.3, 0.87
    assert find_seeds(evidence_of(signal, adc), BRAIN, DEFAULTS).sum() == 0
    signal[6, 6, 2], adc[6, 6, 2] = 1.45, 0.85
    evidence = evidence_of(signal, adc)
    assert find_seeds(evidence, BRAIN, DEFAULTS).sum() == 1
    assert not accepted(signal, evidence).any()


def test_dark_ganglia_in_a_restricted_surrounding_join_by_adc() -> None:
    signal, adc = blob(signal=2.0, adc=0.6)
    signal[7, 7, 2] = signal[4:10, 10, 2] = 1.02
    adc[4:10, 10, 2] = 0.6
    for wide_adc, reference, joins in ((0.7, 0.85, True), (0.95, 0.85, False), (0.7, 1, False)):
        evidence = evidence_of(signal, adc, wide_adc=wide_adc)._replace(reference=flat(reference))
        assert grow(lesion_of(signal, evidence), shift=0)[6, 10, 2] == joins


@given(
    mask=npst.arrays(bool, SHAPE, elements=st.booleans(), fill=st.just(value=False)),
    heights=npst.arrays(np.float32, SHAPE, elements=st.integers(0, 7), fill=st.just(np.float32(1))),
)
def test_weight_is_what_the_three_best_seeds_of_a_piece_exceed_what_is_asked_by(
    mask: NDArray[np.bool_], heights: NDArray[np.float32]
) -> None:
    signal = 1 + np.float32(SIGMA) * heights
    lesion = lesion_of(signal, evidence_of(signal, flat(0.7)), seeds=NOWHERE)
    pieces = pieces_of(mask)
    margin = heights - DEFAULTS.excess_seed
    margin[heights < DEFAULTS.z_seed] = 0
    expected = [
        sorted(np.maximum(margin[pieces.labels == label], 0))[-3:]
        for label in range(1, pieces.sizes.size)
    ]
    found = weight_of(lesion, pieces)[1:]
    np.testing.assert_allclose(found, [sum(best) for best in expected], atol=1e-4)


def test_what_leaked_far_beyond_its_seeds_is_dropped() -> None:
    signal, adc = blob(signal=1.8, adc=1.0, size=14)
    adc[10:12, 10:12, 2] = 0.7
    assert find_seeds(evidence_of(signal, adc), BRAIN, DEFAULTS).sum() == 4
    assert not accepted(signal, evidence_of(signal, adc)).any()


def test_choroid_plexus_hanging_in_liquor_is_dropped() -> None:
    signal, adc = blob(signal=1.9, adc=0.7, size=3)
    evidence = evidence_of(signal, adc)
    assert accepted(signal, evidence).any()
    around = NOWHERE.copy()
    around[2:9, 2:9, 2] = True
    assert not accepted(signal, evidence._replace(is_csf=around & (signal == 1))).any()


def test_noise_holes_are_filled_and_liquor_is_not() -> None:
    signal, adc = blob(signal=2.0, adc=0.6, size=12)
    signal[7, 7, 2] = signal[11, 11, 2] = 1.0
    is_csf = NOWHERE.copy()
    is_csf[11, 11, 2] = True
    mask = accepted(signal, evidence_of(signal, adc)._replace(is_csf=is_csf))
    assert mask[7, 7, 2]
    assert not mask[11, 11, 2]


@given(
    mask=npst.arrays(bool, (5, 4, 3), elements=st.booleans()),
    seeds=npst.arrays(bool, (5, 4, 3), elements=st.booleans()),
)
def test_joined_pieces_are_those_a_flood_from_the_seeds_reaches(
    mask: NDArray[np.bool_], seeds: NDArray[np.bool_]
) -> None:
    flood = mask & seeds
    while True:
        near = np.zeros_like(flood)
        for i, j, k in np.argwhere(flood):
            near[max(0, i - 1) : i + 2, max(0, j - 1) : j + 2, max(0, k - 1) : k + 2] = True
        grown = near & mask
        if np.array_equal(grown, flood):
            break
        flood = grown
    np.testing.assert_array_equal(keep_joined(mask, seeds), flood)
