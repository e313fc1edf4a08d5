from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corelab.kernels.measure import mask_volume_ml
from corelab.store.image import save_image
from corelab.store.nifti import load_mask, load_volume, save_volume
from corelab.vocab import Acquisition, Contrast, ValueScale
from corelab.volume import Volume
from pipelines.single import SegmentRequest, segment_file
from tests.kernels.ct_phantom import Recipe, build_ct_head
from tests.kernels.dwi_phantom import B_VALUE, SPACING_MM, Blob, Head, make_head


def save(path: Path, data: np.ndarray, spacing_mm: tuple[float, ...]) -> Path:
    save_volume(path, Volume(data=data, affine=np.diag([*spacing_mm, 1.0])))
    return path


def requested(folder: Path, head: Head, *, others: tuple[str, ...] = ("adc",)) -> SegmentRequest:
    paths = {
        name: save(folder / f"{name}.nii.gz", np.asarray(getattr(head, name)), SPACING_MM)
        for name in ("dwi", *others)
    }
    return SegmentRequest(
        image=paths["dwi"],
        out=folder / "out",
        adc=paths.get("adc"),
        b0=paths.get("b0"),
        b_value_s_mm2=B_VALUE,
    )


def told(folder: Path, stem: str) -> dict[str, dict[str, dict[str, float]]]:
    read = (folder / "out" / f"{stem}_desc-infarct_read.json").read_text("utf-8")
    return json.loads(read)  # type: ignore[no-any-return]


def test_a_ct_of_a_file_has_its_secondary_values_in_the_read(tmp_path: Path) -> None:
    head = build_ct_head(Recipe(lesion_ml=60.0))
    image = save(tmp_path / "ct.nii.gz", head.hu, head.spacing_mm)
    segment_file(
        SegmentRequest(image=image, out=tmp_path / "out", adc=None, b0=None, b_value_s_mm2=None)
    )
    swelling = told(tmp_path, "ct")["measurement"]["swelling"]
    # The window leaves out the darkest of an infarct of 21 HU with 3 HU of noise.
    assert swelling["nwu_unwindowed_percent"] == pytest.approx(100 * (1 - 21 / 31), abs=8)
    assert 15 < swelling["nwu_percent"] < swelling["nwu_unwindowed_percent"]
    assert swelling["nwu_window_hu"] == [20.0, 80.0]
    assert swelling["hemisphere_share_percent"] == pytest.approx(8.5, abs=2)


@pytest.mark.parametrize("other", ["adc", "b0"])
def test_a_dwi_of_a_file_has_them_with_a_delivered_or_a_computed_adc(
    tmp_path: Path, other: str
) -> None:
    head = make_head((Blob((30.0, 10.0, 5.0), (14.0, 14.0, 14.0)),))
    segment_file(requested(tmp_path, head, others=(other,)))
    swelling = told(tmp_path, "dwi")["measurement"]["swelling"]
    assert swelling["csf_ratio"] == pytest.approx(1.0, abs=0.2)
    assert swelling["midline_shift_mm"] == pytest.approx(0.0, abs=0.5)
    assert ["nwu_percent", "ct_only"] in swelling["absent"]


@pytest.mark.parametrize(("radius_mm", "is_small"), [(3.0, True), (5.0, False)])
def test_a_finding_below_detection_is_flagged(
    tmp_path: Path, radius_mm: float, *, is_small: bool
) -> None:
    embolus = Blob((35.0, 10.0, 3.0), (radius_mm,) * 3)
    found = segment_file(requested(tmp_path, make_head((embolus,))))
    assert found.measurement.infarct_volume_ml > 0
    assert ("below_detection" in found.flags) is is_small
    assert list(found.flags) == told(tmp_path, "dwi")["qc_flags"]


def test_uneven_slices_of_our_own_ct_keep_the_heights_that_its_sidecar_tells(
    tmp_path: Path,
) -> None:
    head = build_ct_head(Recipe(shape=(128, 144, 64), spacing_mm=(1.8, 1.8, 2.5), lesion_ml=60.0))
    kept = [*range(32), *range(32, 64, 4)]
    positions = np.array(kept) * 2.5
    affine = np.diag([1.8, 1.8, float(np.diff(positions).mean()), 1.0])
    acquisition = Acquisition(contrast=Contrast.CT)
    image = Volume(
        data=head.hu[:, :, kept],
        affine=affine,
        slice_positions_mm=positions,
        acquisition=acquisition,
    )
    save_image(tmp_path / "ct.nii.gz", image)
    request = SegmentRequest(
        image=tmp_path / "ct.nii.gz", out=tmp_path / "out", adc=None, b0=None, b_value_s_mm2=None
    )
    found = segment_file(request)
    assert "uneven_slices" in found.flags
    mask = load_mask(found.mask, image) > 0
    assert image.slab_heights_mm[5] < image.slab_heights_mm[-5]
    true_ml = mask_volume_ml(mask, image.voxel_volumes_mm3)
    assert found.measurement.infarct_volume_ml == pytest.approx(true_ml, abs=1e-3)
    assert true_ml == pytest.approx(60.0, rel=0.2)


@pytest.mark.parametrize(
    ("scale", "flag"),
    [(ValueScale.STORED, "adc_computed"), (ValueScale.FLOATING_POINT, "adc_absent")],
)
def test_a_b0_on_another_scale_than_the_trace_gives_no_adc(
    tmp_path: Path, scale: ValueScale, flag: str
) -> None:
    request = requested(
        tmp_path, make_head((Blob((30.0, 10.0, 5.0), (14.0,) * 3),)), others=("b0",)
    )
    for name, contrast, its_scale in (
        ("dwi", Contrast.DWI, ValueScale.STORED),
        ("b0", Contrast.B0, scale),
    ):
        plain = load_volume(tmp_path / f"{name}.nii.gz")
        acquisition = Acquisition(contrast=contrast, value_scale=its_scale, has_bits_outside=True)
        save_image(tmp_path / f"{name}.nii.gz", replace(plain, acquisition=acquisition))
    found = segment_file(request)
    assert flag in found.flags
    assert "bits_outside_stored" in found.flags


def test_a_sidecar_of_another_program_is_left_alone(tmp_path: Path) -> None:
    request = requested(tmp_path, make_head((Blob((30.0, 10.0, 5.0), (14.0,) * 3),)))
    before = segment_file(request)
    (tmp_path / "dwi.json").write_text('{"SliceTiming": [0.0], "SlicePositionsMm": [1]}')
    assert segment_file(request) == before
