from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom import scenario
from corelab.phantom.anatomy import Head
from corelab.phantom.exam import BASELINE, FU24H, Exam, FileForm, Role
from corelab.phantom.scenario import draw_exams


@pytest.fixture(scope="module")
def growing(head: Head) -> list[Exam]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenario, "draw_head", lambda _: head)
        return list(draw_exams(3, np.random.default_rng(5)))


@pytest.fixture(scope="module")
def multiframe(head: Head) -> Exam:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scenario, "draw_head", lambda _: head)
        return next(draw_exams(12, np.random.default_rng(5)))


def test_an_infarct_grows_between_two_visits(growing: list[Exam]) -> None:
    first, second = growing
    assert (first.visit, second.visit) == (BASELINE, FU24H)
    assert first.hours == 0
    assert 20 <= second.hours <= 28
    assert second.truth.infarct_volume_ml > 1.3 * first.truth.infarct_volume_ml


def test_diffusion_images_share_a_grid_and_flair_has_its_own(growing: list[Exam]) -> None:
    images = {picture.role: picture.image for picture in growing[0].pictures}
    assert images[Role.TRACE].same_grid(images[Role.B0])
    assert images[Role.TRACE].same_grid(images[Role.ADC])
    assert images[Role.FLAIR].shape[:2] != images[Role.TRACE].shape[:2]


def test_the_fraction_on_the_image_holds_the_true_volume(growing: list[Exam]) -> None:
    fraction = growing[1].infarct_fraction()
    areas = np.asarray(fraction.data).sum(axis=(0, 1), dtype=np.float64)
    measured_ml = areas @ fraction.voxel_volumes_mm3 / 1000
    assert measured_ml == pytest.approx(growing[1].truth.infarct_volume_ml, rel=0.05)


def test_scenarios_take_turns(multiframe: Exam) -> None:
    assert multiframe.form is FileForm.MULTI_FRAME
    assert 5 <= multiframe.truth.infarct_volume_ml <= 15
