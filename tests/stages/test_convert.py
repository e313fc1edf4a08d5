"""From planned images to what readers get: values, sidecars and how each was made."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from scipy import ndimage

from corelab.errors import ReasonCode, UnfitDataError
from corelab.series import CasePlan
from corelab.stages.choose import choose
from corelab.stages.convert import Destination, convert, convert_series
from corelab.store.image import load_image, note_adc_scale
from corelab.store.layout import Layout, sidecar_of
from corelab.trial import Trial, load_trial
from corelab.vocab import Case, Contrast, Derivation, QcFlag, SubjectCode, ValueScale, VisitLabel
from tests.dicom.tiny import index_all, mr_slice, only, set_pixels, write

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
CONFIG = Path(__file__).parents[2] / "configs" / "nct07294391.toml"
N_SLICES = 25
SIGNALS = (200, 300, 400)
SIDE, STEP_MM, RADIUS_MM = 40, 5, 70
HEAD = np.hypot(*(np.mgrid[:SIDE, :SIDE] - SIDE // 2)) * STEP_MM < RADIUS_MM


@pytest.fixture(scope="module")
def trial() -> Trial:
    return load_trial(CONFIG)


NOISE = np.random.default_rng(4).integers(0, 4000, (SIDE, SIDE)).astype(np.int16)


def write_volume(folder: Path, place: int, signal: int, **more: object) -> None:
    for k in range(N_SLICES):
        slice_ = mr_slice(k)
        slice_.SOPInstanceUID = f"2.25.300.{place}.{k + 1}"
        slice_.InstanceNumber = place * N_SLICES + k + 1
        slice_.PixelSpacing = [STEP_MM, STEP_MM]
        is_adc = "ADC" in more.get("ImageType", ())  # type: ignore[operator]
        air = NOISE if is_adc else np.zeros_like(NOISE)
        set_pixels(slice_, np.where(HEAD, np.int16(signal), air))
        change(slice_, more)
        write(slice_, folder / f"{place}-{k:03d}.dcm")


def change(slice_: Dataset, more: dict[str, object]) -> None:
    slice_.ImageType = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]
    for keyword, value in more.items():
        setattr(slice_, keyword, value)


def write_directions(folder: Path) -> None:
    write_volume(folder, 0, 1000, DiffusionBValue=0.0)
    for place, signal in enumerate(SIGNALS):
        axis = [float(place == number) for number in range(3)]
        b_value = 995.0 + 5 * place
        more = {"DiffusionBValue": b_value, "DiffusionGradientOrientation": axis}
        write_volume(folder, place + 1, signal, **more)


def plan_of(folder: Path, trial: Trial) -> CasePlan:
    (plan,) = choose(index_all(folder).series, lambda _: CASE, trial).cases
    return plan


def test_a_trace_of_three_directions_is_their_geometric_mean(tmp_path: Path, trial: Trial) -> None:
    write_directions(tmp_path / "in")
    plan = plan_of(tmp_path / "in", trial)
    layout = Layout(tmp_path / "out")
    assert list(convert(plan, layout)) == [Contrast.DWI, Contrast.B0]
    image = load_image(layout.image(CASE, Contrast.DWI))
    expected = math.prod(SIGNALS) ** (1 / 3)
    np.testing.assert_allclose(image.data[HEAD.T], expected, rtol=1e-6)
    assert not image.data[~HEAD.T].any()
    assert image.acquisition is not None
    assert image.acquisition.derivation is Derivation.GEOMETRIC_MEAN_OF_DIRECTIONS
    assert image.acquisition.n_directions == 3
    assert image.acquisition.b_value_s_mm2 == pytest.approx(1000.0)


def test_a_computed_trace_is_flagged_and_told_in_the_choice(tmp_path: Path, trial: Trial) -> None:
    write_directions(tmp_path)
    plan = plan_of(tmp_path, trial)
    assert QcFlag.TRACE_COMPUTED in plan.flags
    assert "b 1000, geometric mean of 3 directions" in plan.choice
    assert len(plan.images[0].sources) == 3


def test_the_sidecar_of_a_delivered_image_says_so_and_its_scale(
    tmp_path: Path, trial: Trial
) -> None:
    write_volume(
        tmp_path / "in", 0, 500, DiffusionBValue=1000.0, DiffusionDirectionality="ISOTROPIC"
    )
    layout = Layout(tmp_path / "out")
    convert(plan_of(tmp_path / "in", trial), layout)
    path = layout.image(CASE, Contrast.DWI)
    content = json.loads(sidecar_of(path).read_text("utf-8"))
    assert content["Derivation"] == "as_delivered"
    assert content["ValueScale"] == "stored"
    assert "DiffusionDirections" not in content


def test_the_unit_of_an_adc_map_is_added_to_its_sidecar(tmp_path: Path, trial: Trial) -> None:
    write_volume(
        tmp_path / "in", 0, 500, DiffusionBValue=1000.0, DiffusionDirectionality="ISOTROPIC"
    )
    adc = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]
    write_volume(tmp_path / "in", 1, 800, ImageType=adc, RescaleSlope="2", RescaleIntercept="0")
    layout = Layout(tmp_path / "out")
    convert(plan_of(tmp_path / "in", trial), layout)
    path = layout.image(CASE, Contrast.ADC)
    before = path.read_bytes()
    note_adc_scale(path, 1e-6)
    image = load_image(path)
    assert image.acquisition is not None
    assert image.acquisition.adc_scale_to_mm2_s == 1e-6
    assert image.acquisition.value_scale is ValueScale.DISPLAYED
    assert path.read_bytes() == before


@pytest.mark.parametrize(("value", "told"), [(800, 1e-6), (30_000, None)])
def test_a_converted_adc_map_says_its_unit_only_where_it_is_told(
    tmp_path: Path, value: int, told: float | None
) -> None:
    adc = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]
    write_volume(tmp_path / "in", 0, value, ImageType=adc)
    image = tmp_path / "out" / "adc.nii.gz"
    destination = Destination(image=image, equidistant=None, remarks=())
    convert_series(only(index_all(tmp_path / "in")), destination)
    assert json.loads(sidecar_of(image).read_text()).get("AdcScaleToMm2PerS") == told


def write_case(folder: Path) -> None:
    """b0, trace and ADC on one grid; the air of the ADC map is noise."""
    trace = {"DiffusionBValue": 1000.0, "DiffusionDirectionality": "ISOTROPIC"}
    adc = ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]
    write_volume(folder, 0, 500, **trace)
    write_volume(folder, 1, 800, ImageType=adc)
    write_volume(folder, 2, 1000, DiffusionBValue=0.0)


def test_an_adc_map_is_cleared_around_the_head_of_its_b0(tmp_path: Path, trial: Trial) -> None:
    write_case(tmp_path / "in")
    layout = Layout(tmp_path / "out")
    convert(plan_of(tmp_path / "in", trial), layout)
    adc = load_image(layout.image(CASE, Contrast.ADC)).data
    assert (adc[HEAD.T] == 800).all()
    away = ndimage.distance_transform_edt(~HEAD) * STEP_MM > 25
    assert not adc[away.T].any()


def test_a_lone_adc_map_has_no_outline(tmp_path: Path) -> None:
    write_volume(tmp_path, 0, 800, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC"])
    series = only(index_all(tmp_path))
    destination = Destination(image=tmp_path / "adc.nii.gz", equidistant=None, remarks=())
    with pytest.raises(UnfitDataError) as caught:
        convert_series(series, destination, outline=series)
    assert caught.value.reason is ReasonCode.HEAD_NOT_FOUND
    assert not destination.image.exists()


def test_the_head_that_a_studys_parts_share_is_found_once(tmp_path: Path) -> None:
    write_directions(tmp_path / "in")
    b0, *directions = sorted(
        index_all(tmp_path / "in").series, key=lambda series: series.b_value_s_mm2 or 0
    )
    for number, series in enumerate(directions):
        image = tmp_path / f"{number}.nii.gz"
        destination = Destination(image=image, equidistant=None, remarks=())
        convert_series(series, destination, outline=b0)
        assert (load_image(image).data[HEAD.T] == SIGNALS[number]).all()
        for path in b0.files:
            path.unlink(missing_ok=True)
