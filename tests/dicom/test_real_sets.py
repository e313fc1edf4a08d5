"""Real scans of many vendors: read right against an independent truth, or refused.

Where dcm2niix is right its values decide, by digest after turning to RAS; where it is known
to be wrong, and for geometry, what the headers say decides.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import nibabel as nib
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

from corelab.dicom.files import walk
from corelab.dicom.index import index
from corelab.dicom.pixels import load
from corelab.errors import ReasonCode
from corelab.series import Delivery, Series, SeriesKind
from corelab.vocab import ValueScale
from corelab.volume import Volume

R = ReasonCode
K = SeriesKind
READ = None

OUTCOMES: dict[str, dict[tuple[SeriesKind, ReasonCode | None], int]] = {
    "ct_ge_missing_slice": {(K.CT, R.MISSING_SLICE): 1},
    "ct_ge_tilt_variable": {(K.CT, READ): 1},
    "ct_philips_head_study": {
        (K.CT, READ): 2,
        (K.CT_BONE_KERNEL, READ): 1,
        (K.SCOUT, R.UNSUPPORTED_CLASS): 1,
        (K.NOT_AN_IMAGE, R.UNSUPPORTED_CLASS): 2,
    },
    "ct_siemens_notavolume": {(K.CT, R.DUPLICATE_POSITION): 1},
    "ct_siemens_tilt": {(K.CT, READ): 1},
    "ct_siemens_tilt_irregular": {(K.CT, R.MISSING_SLICE): 1},
    "mr_12bit": {(K.OTHER_MR, R.DUPLICATE_UID): 3},
    "mr_canon_dwi": {(K.B0, READ): 1, (K.DIRECTION, READ): 12},
    "mr_compressed_volumes": {(K.FLAIR, R.DUPLICATE_UID): 1},
    "mr_ge_dwi": {(K.B0, READ): 1, (K.DIRECTION, READ): 1, (K.OTHER_MR, READ): 5},
    "mr_hitachi_hyperfine": {(K.OTHER_MR, READ): 2},
    "mr_mixed_orientation": {(K.OTHER_MR, READ): 2},
    "mr_nibabel_siemens": {
        (K.DERIVED, R.UNSUPPORTED_CLASS): 1,
        (K.OTHER_MR, R.HEADER_CUT): 1,
        (K.OTHER_MR, READ): 1,
        # Two of the four files of this series hold too few tiles.
        (K.B0, R.UNSUPPORTED_LAYOUT): 1,
        (K.DIRECTION, R.UNSUPPORTED_LAYOUT): 1,
        (K.NOT_AN_IMAGE, R.UNSUPPORTED_LAYOUT): 1,
    },
    "mr_philips_classic_dwi": {
        (K.B0, READ): 2,
        (K.TRACE, READ): 3,
        (K.DIRECTION, READ): 3,
    },
    "mr_philips_dual_echo": {(K.OTHER_MR, READ): 4},
    "mr_philips_enhanced": {(K.B0, READ): 1, (K.DIRECTION, READ): 3, (K.OTHER_MR, READ): 5},
    "mr_siemens_mosaic_orient": {(K.OTHER_MR, READ): 6},
    "mr_siemens_xa30_dwi": {
        (K.B0, READ): 1,
        (K.DIRECTION, READ): 2,
        (K.TRACE, READ): 1,
        (K.ADC, READ): 1,
        (K.DERIVED, R.UNSUPPORTED_CLASS): 1,
        (K.NOT_AN_IMAGE, R.UNSUPPORTED_CLASS): 1,
    },
    "mr_slicecount": {(K.FLAIR, READ): 1},
    "mr_transfer_syntaxes": {(K.OTHER_MR, READ): 9},
    "mr_uih_dwi": {(K.B0, READ): 1, (K.DIRECTION, READ): 16},
}

PHILIPS_FLOATING_POINT = ("mr_philips_enhanced", "mr_philips_dual_echo")
VALUES_ALIKE = {
    "ct_philips_head_study": 3,
    "ct_siemens_tilt": 1,
    "mr_canon_dwi": 1,
    "mr_ge_dwi": 3,
    "mr_hitachi_hyperfine": 2,
    "mr_mixed_orientation": 2,
    "mr_philips_classic_dwi": 2,
    "mr_siemens_mosaic_orient": 3,
    "mr_siemens_xa30_dwi": 3,
    "mr_slicecount": 1,
    "mr_transfer_syntaxes": 1,
    "mr_uih_dwi": 1,
}
XA30_TRACE = ("mr_siemens_xa30_dwi", 12)  # dcm2niix writes no b-value beside a derived image
AFFINE_WRONG_IN_REFERENCE = {"ct_siemens_tilt", "ct_ge_tilt_variable"}
UNITS = {
    "mr_compressed_volumes": [
        "compressed_j2k",
        "compressed_jpeg",
        "compressed_jpegls",
        "compressed_rle",
    ],
    "mr_transfer_syntaxes": [f"{number}.dcm" for number in range(1, 10)],
    "mr_12bit": ["12bitSigned_0x0F0F.dcm", "12bitUnsigned.dcm", "12bitUnsigned_0x0F0F.dcm"],
}


class Output(TypedDict):
    ras_shape: list[int]
    ras_affine: list[list[float]]
    ras_sha256_float32_F: str
    bval: list[float]
    sum: float
    max: float


class Run(TypedDict):
    outputs: list[Output]


class Truth(TypedDict):
    SeriesNumber: str
    n_positions: int
    shear_deg: float
    uniform: bool
    normal_spacing_mm: float | list[float]
    true_voxel_volume_mm3: float


class Reference(TypedDict):
    runs: list[Run]
    dicom_truth: list[Truth]


@pytest.fixture(scope="module")
def scans(shared_data: Path) -> Path:
    return shared_data / "dicom"


def expected(scans: Path, name: str) -> Reference:
    found: Reference = json.loads((scans / name / "expected_dcm2niix.json").read_text("utf-8"))
    return found


def outputs(scans: Path, name: str) -> list[Output]:
    runs = expected(scans, name)["runs"]
    return [out for run in runs for out in run["outputs"] if out.get("ras_shape")]


def readable(delivery: Delivery) -> list[Series]:
    return [series for series in delivery.series if series.refusal is None]


def in_ras(series: Series) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    assert series.grid is not None
    data = np.asarray(load(series).data, dtype=np.float32)
    image = nib.as_closest_canonical(nib.Nifti1Image(data, np.array(series.grid.affine)))
    return np.asarray(image.dataobj), image.affine


def digests(volumes: Sequence[NDArray[np.float32]]) -> set[str]:
    """Of each volume, and of all as one 4-D image in order of acquisition."""
    found = {hashlib.sha256(volume.tobytes("F")).hexdigest() for volume in volumes}
    if len({volume.shape for volume in volumes}) == 1:
        found.add(hashlib.sha256(np.stack(volumes, axis=-1).tobytes("F")).hexdigest())
    return found


def by_series(delivery: Delivery) -> list[list[Series]]:
    groups: dict[tuple[str, int | None], list[Series]] = {}
    for series in readable(delivery):
        key = series.identity.series_uid, series.identity.series_number
        groups.setdefault(key, []).append(series)
    for group in groups.values():
        group.sort(key=lambda series: min((str(f.path), f.index) for f in series.frames))
    return list(groups.values())


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_series_is_read_or_refused_as_it_should(scans: Path, name: str) -> None:
    delivery = index(scans / name / "dicom")
    found = Counter(
        (series.kind, None if series.refusal is None else series.refusal.reason)
        for series in delivery.series
    )
    assert found == OUTCOMES[name]


@pytest.mark.parametrize("name", [*OUTCOMES, "odd_pydicom"])
def test_every_file_is_accounted_for(scans: Path, name: str) -> None:
    incoming = scans / name / "dicom"
    delivery = index(incoming)
    counted = sum(len(series.files) for series in delivery.series) + len(delivery.loose)
    assert delivery.n_files == counted + delivery.n_duplicates + delivery.n_ignored
    assert delivery.n_files == len(walk(incoming).files)


@pytest.mark.parametrize(("name", "count"), VALUES_ALIKE.items())
def test_values_and_affines_are_those_of_dcm2niix(scans: Path, name: str, count: int) -> None:
    reference = {out["ras_sha256_float32_F"]: out for out in outputs(scans, name)}
    seen = set()
    for group in by_series(index(scans / name / "dicom")):
        turned = [in_ras(series) for series in group]
        hits = digests([data for data, _ in turned]) & reference.keys()
        assert hits, group[0].identity.series_number
        seen |= hits
        if name not in AFFINE_WRONG_IN_REFERENCE:
            theirs = np.array(reference[hits.pop()]["ras_affine"])
            assert np.abs(theirs - turned[0][1]).max() < 2e-3
    assert len(seen) == count


@pytest.mark.parametrize(
    ("name", "unit"), [(name, unit) for name, units in UNITS.items() for unit in units]
)
def test_one_image_in_many_packings_is_exact(scans: Path, name: str, unit: str) -> None:
    reference = {out["ras_sha256_float32_F"] for out in outputs(scans, name)}
    (series,) = readable(index(scans / name / "dicom" / unit))
    assert digests([in_ras(series)[0]]) & reference


@pytest.mark.parametrize("name", PHILIPS_FLOATING_POINT)
def test_philips_values_are_the_floating_point_values_of_dcm2niix(scans: Path, name: str) -> None:
    sums = {(out["sum"], out["max"]) for out in outputs(scans, name)}
    groups = by_series(index(scans / name / "dicom"))
    if name == "mr_philips_dual_echo":
        groups = [[series] for group in groups for series in group]
    assert len(groups) == len(sums)
    for group in groups:
        assert {series.value_scale for series in group} == {ValueScale.FLOATING_POINT}
        values = np.stack([in_ras(series)[0] for series in group]).astype(np.float64)
        found = (values.sum(), values.max())
        # dcm2niix stretches a phase image to exactly -pi to pi, which its stored range just misses.
        tolerance = 1e-6 if values.min() >= 0 else 2e-4
        assert any(found == pytest.approx(expected, rel=tolerance) for expected in sums)


@pytest.mark.parametrize(
    "name",
    [
        "mr_canon_dwi",
        "mr_ge_dwi",
        "mr_philips_classic_dwi",
        "mr_philips_enhanced",
        "mr_siemens_xa30_dwi",
        "mr_uih_dwi",
    ],
)
def test_b_values_are_those_of_dcm2niix(scans: Path, name: str) -> None:
    theirs = sorted(
        b_value
        for run in expected(scans, name)["runs"]
        for out in run["outputs"]
        for b_value in out.get("bval", [])
    )
    ours = sorted(
        series.b_value_s_mm2
        for series in readable(index(scans / name / "dicom"))
        if series.b_value_s_mm2 is not None and (name, series.identity.series_number) != XA30_TRACE
    )
    assert ours == pytest.approx(theirs, abs=0.01)


@pytest.mark.parametrize("name", ["mr_canon_dwi", "mr_philips_classic_dwi", "mr_uih_dwi"])
def test_every_direction_has_a_gradient_of_its_own(scans: Path, name: str) -> None:
    series = readable(index(scans / name / "dicom"))
    gradients = [part.gradient for part in series if part.kind is K.DIRECTION]
    assert all(gradients)
    assert len(set(gradients)) == len(gradients)
    assert not any(part.gradient for part in series if part.kind is not K.DIRECTION)


@pytest.mark.parametrize("name", [name for name in OUTCOMES if name.startswith(("ct", "mr"))])
def test_geometry_is_what_the_headers_say(scans: Path, name: str) -> None:
    truths = {
        (str(truth["SeriesNumber"]), truth["n_positions"]): truth
        for truth in expected(scans, name)["dicom_truth"]
    }
    for series in readable(index(scans / name / "dicom")):
        grid = series.grid
        assert grid is not None
        truth = truths.get((str(series.identity.series_number), grid.shape[2]))
        if truth is None:
            continue
        assert grid.tilt_deg == pytest.approx(truth["shear_deg"], abs=0.06)
        if truth["uniform"]:
            mm3 = abs(np.linalg.det(np.array(grid.affine)[:3, :3]))
            assert mm3 == pytest.approx(truth["true_voxel_volume_mm3"], rel=1e-3)
            assert grid.slice_spacing_mm == pytest.approx(truth["normal_spacing_mm"], rel=1e-3)
        else:
            assert grid.slice_positions_mm is not None
            gaps = np.diff(grid.slice_positions_mm)
            assert gaps == pytest.approx(np.array(truth["normal_spacing_mm"]), abs=1e-3)


@pytest.mark.parametrize("name", ["ct_ge_tilt_variable", "ct_siemens_tilt"])
def test_tilted_slices_stand_where_their_headers_put_them(scans: Path, name: str) -> None:
    (series,) = index(scans / name / "dicom").series
    grid = series.grid
    assert grid is not None
    positions = grid.slice_positions_mm
    volume = Volume(
        data=load(series).data,
        affine=np.array(grid.affine),
        slice_positions_mm=None if positions is None else np.array(positions),
    )
    for k, frame in enumerate(series.frames):
        slice_ = pydicom.dcmread(frame.path)
        x, y, z = (float(part) for part in slice_.ImagePositionPatient)
        assert volume.slice_origin_mm(k) == pytest.approx([-x, -y, z], abs=0.05)
        stored = slice_.pixel_array.astype(np.int32)
        hounsfield = stored * int(slice_.RescaleSlope) + int(slice_.RescaleIntercept)
        assert np.array_equal(volume.data[:, :, k], np.maximum(hounsfield.T, -1024))


def test_ge_tilt_and_uneven_head_keeps_its_height(scans: Path) -> None:
    (series,) = index(scans / "ct_ge_tilt_variable" / "dicom").series
    grid = series.grid
    assert grid is not None
    assert grid.tilt_deg == pytest.approx(18.5, abs=0.05)
    assert grid.slice_positions_mm is not None
    assert grid.slice_positions_mm[-1] == pytest.approx(144.088, abs=1e-3)
    assert grid.coverage_mm == pytest.approx(144.088 + (4.002 + 6.999) / 2, abs=2e-3)


def test_odd_files_give_no_error_and_no_unasked_volume(scans: Path) -> None:
    for path in walk(scans / "odd_pydicom" / "dicom").files:
        assert readable(index(path)) == []
