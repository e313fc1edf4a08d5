from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.review.denial import DeniedError
from corelab.review.scene import load_scene
from corelab.store.image import load_image, save_image
from corelab.vocab import Contrast, Modality
from corelab.volume import Volume
from tests.review.conftest import BrowserOf
from tests.review.furnished import CT_CASE, MR_CASE, READS, Furnished, ellipsoid

MR_READ = f"/api/reads/{READS['ben', 1]}"


def pixels(content: bytes) -> NDArray[np.generic]:
    return np.asarray(nib.Nifti1Image.from_bytes(content).dataobj)


def test_a_ct_is_one_panel_in_hu_with_the_stroke_window(room: Furnished) -> None:
    scene = load_scene(CT_CASE, Modality.NCCT, room.layout)
    (panel,) = scene.panels
    assert (panel.name, panel.low, panel.high, panel.unit) == ("ct", 20.0, 60.0, "HU")
    assert panel.values().dtype == np.int16


def test_an_mr_shows_dwi_adc_b0_and_flair_on_one_grid(browser_of: BrowserOf) -> None:
    ben = browser_of.reader("ben")
    told = ben.get(MR_READ).json()
    assert [panel["name"] for panel in told["panels"]] == ["dwi", "adc", "b0", "flair"]
    for panel in told["panels"]:
        answer = ben.get(panel["url"])
        image = nib.Nifti1Image.from_bytes(answer.content)
        assert list(image.shape) == told["shape"]
        assert image.affine == pytest.approx(np.diag([*told["spacing_mm"], 1.0]))
        assert image.get_data_dtype() in {np.dtype(np.int16), np.dtype(np.float32)}


def test_an_adc_is_shown_in_one_unit_whatever_the_scanner_wrote(room: Furnished) -> None:
    panel = load_scene(MR_CASE, Modality.DWI, room.layout).panel("adc")
    assert panel is not None
    assert (panel.low, panel.high, panel.unit) == (0.0, 2000.0, "10⁻⁶ mm²/s")
    assert panel.values()[ellipsoid()] == pytest.approx(800, rel=1e-5)


def test_a_dwi_is_shown_up_to_the_brightest_of_its_brain(room: Furnished) -> None:
    scene = load_scene(MR_CASE, Modality.DWI, room.layout)
    panel = scene.panel("dwi")
    assert panel is not None
    assert 700 <= panel.high <= 709, "the infarct is 700 to 708"
    assert np.array_equal(panel.values(), scene.image.data), "as acquired, to the last voxel"


def test_a_b0_on_another_grid_is_not_shown(room: Furnished) -> None:
    path = room.layout.image(MR_CASE, Contrast.B0)
    b0 = load_image(path)
    affine = b0.affine.copy()
    affine[0, 3] += 3
    save_image(path, Volume(data=b0.data, affine=affine, acquisition=b0.acquisition))
    scene = load_scene(MR_CASE, Modality.DWI, room.layout)
    assert [panel.name for panel in scene.panels] == ["dwi", "adc", "flair"]


def test_an_adc_is_computed_where_none_was_delivered(room: Furnished) -> None:
    room.layout.image(MR_CASE, Contrast.ADC).unlink()
    panel = load_scene(MR_CASE, Modality.DWI, room.layout).panel("adc")
    assert panel is not None
    middle = panel.values()[12, 15, 5]
    assert middle == pytest.approx(np.log(900 / 404) * 1000, rel=0.02)


def test_a_flair_that_cannot_be_laid_on_the_dwi_is_refused_in_words(
    room: Furnished, browser_of: BrowserOf
) -> None:
    path = room.layout.image(MR_CASE, Contrast.FLAIR)
    flair = load_image(path)
    sheared = flair.affine @ np.array([[1, 0, 0, 0], [0, 1, 1.0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    save_image(path, Volume(data=flair.data, affine=sheared, acquisition=flair.acquisition))
    scene = load_scene(MR_CASE, Modality.DWI, room.layout)
    panel = scene.panel("flair")
    assert panel is not None
    with pytest.raises(DeniedError, match="cannot be laid"):
        panel.values()
    ben = browser_of.reader("ben")
    ben.get(MR_READ)
    assert ben.get(f"{MR_READ}/image/flair").json()["error"] == "not_aligned"


def test_wide_values_cross_as_real_numbers(room: Furnished) -> None:
    path = room.layout.image(CT_CASE, Contrast.CT)
    ct = load_image(path)
    wide = np.asarray(ct.data, np.int32) + 40_000
    save_image(path, Volume(data=wide, affine=ct.affine, acquisition=ct.acquisition))
    (panel,) = load_scene(CT_CASE, Modality.NCCT, room.layout).panels
    assert panel.values().dtype == np.float32
    assert np.array_equal(panel.values(), wide)


def test_a_panel_that_the_case_has_not_is_absent(browser_of: BrowserOf) -> None:
    ada = browser_of.reader("ada")
    ada.get(f"/api/reads/{READS['ada', 1]}")
    for name in ("dwi", "flair", "CT", "%2e%2e", "ct.nii"):
        url = f"/api/reads/{READS['ada', 1]}/image/{name}"
        assert ada.get(url).content == b"Not found\n"
