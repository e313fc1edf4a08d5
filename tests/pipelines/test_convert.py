"""Deliveries of tiny and of real scans to blinded NIfTI."""

from __future__ import annotations

import csv
import hashlib
import json
import stat
from dataclasses import replace
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from pydicom.dataset import Dataset
from typer.testing import CliRunner

from corelab.blinding.audit import audit
from corelab.errors import ReasonCode, StoreError
from corelab.series import Outcome
from corelab.store.image import load_image
from pipelines.cli import app
from pipelines.convert import (
    ConvertRequest,
    ConvertResult,
    Geometry,
    Surroundings,
    convert_delivery,
)
from pipelines.convert_list import write_list
from pipelines.engine import Engine
from pipelines.progress import Silent
from tests.dicom.test_real_sets import (
    AFFINE_WRONG_IN_REFERENCE,
    OUTCOMES,
    UNITS,
    VALUES_ALIKE,
    digests,
    in_ras,
    outputs,
)
from tests.dicom.tiny import Change, mr_slice, set_pixels, weighted, write, write_stack
from tests.kernels.ct_phantom import Recipe, build_ct_head

ROUNDING = 5e-5  # of each number in the reference's affines


def ask(incoming: Path, out: Path, geometry: Geometry = Geometry.KEEP) -> ConvertRequest:
    return ConvertRequest(
        incoming=incoming, out=out, subjects_file=None, list_file=None, geometry=geometry
    )


def of_series(number: int, **elements: object) -> Change:
    def change(slice_: Dataset, k: int) -> None:
        slice_.SeriesInstanceUID = f"2.25.2000{number}"
        slice_.SOPInstanceUID = f"2.25.3000{number}.{k + 1}"
        slice_.SeriesNumber = number
        for keyword, value in elements.items():
            setattr(slice_, keyword, value)

    return change


def files(out: Path) -> dict[str, bytes]:
    found = (path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found}


def names(out: Path) -> list[str]:
    return sorted(name.rpartition("/")[2] for name in files(out) if name.endswith(".nii.gz"))


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """CT, bone kernel, contrast CT, other MR, a scout, a copy, a text file, a cut file."""
    folder = tmp_path / "incoming"
    write_stack(folder / "ct", change=of_series(1))
    write_stack(folder / "bone", change=of_series(2, ConvolutionKernel="BONE"))
    write_stack(folder / "agent", change=of_series(3, ContrastBolusAgent="Iopamidol"))
    write_stack(folder / "mr", make=mr_slice, change=of_series(4))
    write_stack(folder / "scout", 1, change=of_series(5, ImageType=["ORIGINAL", "X", "LOCALIZER"]))
    (folder / "copy.dcm").write_bytes((folder / "ct" / "000.dcm").read_bytes())
    (folder / "readme.txt").write_text("sent by post")
    return folder


def test_every_kind_is_written_and_the_rest_is_accounted_for(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    result = convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    assert names(tmp_path / "out") == [
        "sub-001_ses-01_run-01_ct.nii.gz",
        "sub-001_ses-01_run-02_ctbone.nii.gz",
        "sub-001_ses-01_run-03_ctcontrast.nii.gz",
        "sub-001_ses-01_run-04_mr.nii.gz",
    ]
    counts = result.counts
    assert (counts.n_files, counts.n_used, counts.n_not_needed) == (23, 20, 1)
    assert (counts.n_duplicate, counts.n_quarantined) == (1, 1)
    assert (result.n_images, result.n_faults) == (4, 0)


def test_an_image_and_its_sidecar_say_what_a_reader_needs(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    path = tmp_path / "out" / "sub-001" / "ses-01" / "sub-001_ses-01_run-02_ctbone.nii.gz"
    volume = load_image(path)
    assert volume.spacing_mm == pytest.approx((0.4, 0.5, 5.0))
    assert volume.data.dtype == np.int16
    assert volume.data[1, 0, 2] == 1000 + 200 + 1 - 1024
    assert json.loads(path.with_name("sub-001_ses-01_run-02_ctbone.json").read_text()) == {
        "Contrast": "ctbone",
        "KVP": 120.0,
        "SliceThickness": 5.0,
        "SpacingBetweenSlices": 5.0,
        "ValueScale": "hounsfield",
        "Derivation": "as_delivered",
        "Decoder": f"numpy {np.__version__}",
        "ConversionSoftware": "corelab",
        "ConversionSoftwareVersion": "0.1.0",
    }
    described = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert described["BIDSVersion"]


def test_nothing_identifying_stands_in_any_file_or_name(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    result = convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    texts = {text for fate in result.fates for text in fate.series.identity.texts}
    known = {text.text for text in texts}
    assert {"Doe^Jane", "PAT-1", "2.25.100"} <= known
    assert {fate.series.identity.series_uid for fate in result.fates} <= known
    assert audit(tmp_path / "out", texts).is_clean


def test_a_second_conversion_elsewhere_or_again_gives_the_same_bytes(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    for out in ("a", "b", "a"):
        convert_delivery(ask(incoming, tmp_path / out), engine, Silent())
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_directions_carry_their_b_value_and_number_only(tmp_path: Path, engine: Engine) -> None:
    folder = tmp_path / "incoming"
    for n, b_value in enumerate((0.0, 1000.0, 1000.0, 2000.0, 2000.0)):
        write_stack(folder, start=100 * n, make=mr_slice, change=weighted(b_value))
    convert_delivery(ask(folder, tmp_path / "out"), engine, Silent())
    sidecars = [
        json.loads(path.read_text())
        for path in sorted((tmp_path / "out").rglob("sub-*_dwidirection.json"))
    ]
    found = [(s["DiffusionBValue"], s["DiffusionGradientNumber"]) for s in sidecars]
    assert found == [(1000.0, 1), (1000.0, 2), (2000.0, 1), (2000.0, 2)]
    assert len(names(tmp_path / "out")) == 5


LATE = {
    "outside_acquisition_limits": {"KVP": "20"},
    "rescale_invalid": {"RescaleIntercept": "40000"},
}


@pytest.mark.parametrize("reason", LATE)
def test_what_fails_in_the_worker_is_named_and_leaves_no_file(
    incoming: Path, tmp_path: Path, engine: Engine, reason: str
) -> None:
    out = tmp_path / "out"
    convert_delivery(ask(incoming, out), engine, Silent())
    write_stack(incoming / "bone", change=of_series(2, ConvolutionKernel="BONE", **LATE[reason]))
    result = convert_delivery(ask(incoming, out), engine, Silent())
    (fate,) = [fate for fate in result.fates if fate.outcome is Outcome.QUARANTINED]
    assert fate.refusal is not None
    assert fate.refusal.reason == reason
    assert result.n_faults == 1
    assert not list(out.rglob("*run-02*"))
    assert len(names(out)) == 3
    assert result.counts.n_quarantined == 6


def test_a_series_with_a_hole_is_refused_and_the_others_are_written(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    (incoming / "mr" / "002.dcm").unlink()
    result = convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    (fate,) = [fate for fate in result.fates if fate.outcome is Outcome.QUARANTINED]
    assert fate.refusal is not None
    assert fate.refusal.reason is ReasonCode.MISSING_SLICE
    assert result.n_images == 3


def test_files_of_an_earlier_conversion_go_and_what_people_added_stays(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    out = tmp_path / "out"
    convert_delivery(ask(incoming, out), engine, Silent())
    folder = out / "sub-001" / "ses-01"
    (folder / "sub-001_ses-01_run-04_mr_mask.nii.gz").write_bytes(b"drawn by hand")
    (folder / ".sub-001_ses-01_run-04_mr.nii.gz.77.part").write_bytes(b"killed")
    for path in (incoming / "mr").iterdir():
        path.unlink()
    result = convert_delivery(ask(incoming, out), engine, Silent())
    assert result.n_removed == 3
    assert sorted(path.name for path in folder.glob(".*")) == []
    assert sorted(path.name for path in folder.glob("*run-04*")) == [
        "sub-001_ses-01_run-04_mr_mask.nii.gz"
    ]


def test_a_folder_with_other_files_is_not_written_to(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").write_text("x")
    with pytest.raises(StoreError, match="folder of its own"):
        convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    assert sorted(files(tmp_path / "out")) == ["thesis.doc"]


def test_a_place_that_cannot_be_written_ends_the_conversion(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    out = tmp_path / "out"
    write_stack(tmp_path / "scout", 1)
    convert_delivery(ask(tmp_path / "scout", out), engine, Silent())
    (out / "sub-001").write_text("no folder")
    with pytest.raises(StoreError, match="cannot be written"):
        convert_delivery(ask(incoming, out), engine, Silent())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("incoming", "incoming/out"), "OUT must not lie inside INCOMING"),
        (("out/incoming", "out"), "INCOMING must not lie inside OUT"),
        (("incoming", "out", "--list", "out/list.csv"), "the list must not lie inside OUT"),
        (("incoming", "out", "--list", "out/../out/l.csv"), "the list must not lie inside OUT"),
        (("incoming", "out", "--list", "incoming/l.csv"), "the list must not lie inside INCOMING"),
        (("incoming", "out", "--subjects", "out/s.csv"), "the subjects file must not lie inside"),
    ],
)
def test_places_that_readers_would_see_are_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("incoming", "out/incoming"):
        (tmp_path / folder).mkdir(parents=True)
    done = CliRunner().invoke(app, ["convert", *words])
    assert done.exit_code == 2
    assert message in done.stderr
    assert files(tmp_path) == {}


def test_the_list_says_who_is_who_and_which_files_became_which_image(
    incoming: Path, tmp_path: Path, engine: Engine
) -> None:
    write_stack(incoming / "odd", change=of_series(6, SeriesDescription="=cmd", KVP="20"))
    request = replace(ask(incoming, tmp_path / "out"), list_file=tmp_path / "who.csv")
    write_list(tmp_path / "who.csv", convert_delivery(request, engine, Silent()), request)
    with (tmp_path / "who.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    ct, odd, loose = rows[0], rows[5], rows[6]
    assert ct["image"] == "sub-001/ses-01/sub-001_ses-01_run-01_ct.nii.gz"
    assert (ct["patient_id"], ct["series_number"], ct["n_files"]) == ("PAT-1", "1", "5")
    assert ct["files"].split(" | ")[1] in {"ct/000.dcm", "ct/001.dcm"}
    assert (odd["description"], odd["image"]) == ("'=cmd", "")
    assert odd["reason_code"] == "outside_acquisition_limits"
    assert (loose["files"], loose["reason_code"]) == ("readme.txt", "not_dicom")
    assert len(rows) == 7
    assert stat.S_IMODE((tmp_path / "who.csv").stat().st_mode) == 0o600


def test_only_tilted_and_uneven_stacks_get_a_straightened_copy(
    tmp_path: Path, engine: Engine
) -> None:
    folder = tmp_path / "incoming"
    write_stack(folder / "straight", change=of_series(1))

    def tilted(slice_: Dataset, k: int) -> None:
        of_series(2)(slice_, k)
        slice_.ImagePositionPatient = [-10, -20 + k, 30 + 5 * k]

    write_stack(folder / "tilted", change=tilted)
    result = convert_delivery(ask(folder, tmp_path / "out", Geometry.EQUIDISTANT), engine, Silent())
    assert names(tmp_path / "out") == [
        "sub-001_ses-01_rec-equidistant_run-02_ct.nii.gz",
        "sub-001_ses-01_run-01_ct.nii.gz",
        "sub-001_ses-01_run-02_ct.nii.gz",
    ]
    assert (result.n_images, result.n_copies) == (2, 1)
    sub = tmp_path / "out" / "sub-001" / "ses-01"
    raw = load_image(sub / "sub-001_ses-01_run-02_ct.nii.gz")
    copy = load_image(sub / "sub-001_ses-01_rec-equidistant_run-02_ct.nii.gz")
    assert raw.tilt_deg == pytest.approx(np.degrees(np.arctan(1 / 5)), abs=1e-3)
    assert copy.tilt_deg == 0
    assert copy.shape == (4, 6 + 8, 5)
    sidecar = json.loads((sub / "sub-001_ses-01_rec-equidistant_run-02_ct.json").read_text("utf-8"))
    assert sidecar["ForViewingOnly"] is True
    assert "not for numbers" in sidecar["Resampling"]


def test_a_folder_without_any_image_ends_with_status_1(tmp_path: Path) -> None:
    write(mr_slice(), tmp_path / "in" / "a.dcm")
    done = CliRunner().invoke(app, ["convert", str(tmp_path / "in"), str(tmp_path / "out")])
    assert done.exit_code == 1
    assert "1 file = 0 used + 1 not needed" in done.output


def written(result: ConvertResult) -> list[list[tuple[NDArray[np.float32], NDArray[np.float64]]]]:
    """Converted files as an independent reader sees them in RAS, by series, as acquired."""
    groups: dict[str, list[tuple[tuple[str, int], Path]]] = {}
    for fate in result.fates:
        if fate.destination:
            first = min((str(frame.path), frame.index) for frame in fate.series.frames)
            groups.setdefault(fate.series.identity.series_uid, []).append(
                (first, fate.destination.image)
            )
    return [[seen(path) for _, path in sorted(group)] for group in groups.values()]


def seen(path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    image = nib.as_closest_canonical(nib.load(path))
    return np.asarray(image.dataobj, dtype=np.float32), image.affine


def sha256(data: NDArray[np.float32]) -> str:
    return hashlib.sha256(data.tobytes("F")).hexdigest()


def farthest_mm(ours: NDArray[np.float64], theirs: NDArray[np.float64], shape: list[int]) -> float:
    corners = np.array(list(product(*((0, n - 1) for n in shape[:3]))))
    apart = ours - theirs
    return float(np.abs(corners @ apart[:3, :3].T + apart[:3, 3]).max())


@pytest.mark.parametrize(("name", "count"), VALUES_ALIKE.items())
def test_what_dcm2niix_has_right_is_among_the_converted_files(
    shared_data: Path, tmp_path: Path, engine: Engine, name: str, count: int
) -> None:
    scans = shared_data / "dicom"
    result = convert_delivery(ask(scans / name / "dicom", tmp_path / "out"), engine, Silent())
    reference = {out["ras_sha256_float32_F"]: out for out in outputs(scans, name)}
    place_of = {}
    for group in written(result):
        whole = dict.fromkeys(digests([data for data, _ in group]), group[0][1])
        each = {sha256(data): affine for data, affine in group}
        assert reference.keys() & (whole | each).keys()
        place_of |= whole | each
    found = reference.keys() & place_of.keys()
    assert len(found) == count
    for digest in found if name not in AFFINE_WRONG_IN_REFERENCE else ():
        shape = reference[digest]["ras_shape"]
        theirs = np.array(reference[digest]["ras_affine"])
        allowed = 0.01 + ROUNDING * (1 + sum(shape[:3]))
        assert farthest_mm(place_of[digest], theirs, shape) < allowed


@pytest.mark.parametrize("unit", UNITS["mr_compressed_volumes"])
def test_each_packing_of_one_volume_is_converted_alike(
    shared_data: Path, tmp_path: Path, engine: Engine, unit: str
) -> None:
    scans = shared_data / "dicom"
    incoming = scans / "mr_compressed_volumes" / "dicom" / unit
    result = convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    (((data, _),),) = written(result)
    reference = {o["ras_sha256_float32_F"] for o in outputs(scans, "mr_compressed_volumes")}
    assert sha256(data) in reference


@pytest.mark.parametrize("name", OUTCOMES)
def test_every_readable_series_of_every_set_is_written_as_read(
    shared_data: Path, tmp_path: Path, engine: Engine, name: str
) -> None:
    incoming = shared_data / "dicom" / name / "dicom"
    result = convert_delivery(ask(incoming, tmp_path / "out"), engine, Silent())
    n_readable = sum(count for (_, reason), count in OUTCOMES[name].items() if reason is None)
    assert result.n_images == len(names(tmp_path / "out")) == n_readable
    for fate in result.fates:
        if fate.destination:
            data, affine = seen(fate.destination.image)
            expected, place = in_ras(fate.series)
            np.testing.assert_array_equal(data, expected)
            assert farthest_mm(affine, place, list(data.shape)) < 0.001
    texts = {text for fate in result.fates for text in fate.series.identity.texts}
    assert audit(tmp_path / "out", texts).is_clean


def write_heads(folder: Path, *, text: str = "") -> None:
    """Two CT series of one head with its table; the second holds a text."""
    recipe = Recipe(shape=(256, 288, 6), spacing_mm=(0.9, 0.9, 5.0), has_table=True)
    hu = build_ct_head(recipe).hu

    def fill(number: int) -> Change:
        def change(slice_: Dataset, k: int) -> None:
            of_series(number, PixelSpacing=[0.9, 0.9])(slice_, k)
            plane = hu[:, :, k].T
            if number == 2:
                sheet = Image.new("1", plane.T.shape)
                ImageDraw.Draw(sheet).text((6, 6), text, fill=1)
                plane = np.where(sheet, np.int16(3071), plane)
            set_pixels(slice_, (plane + 1024).astype(np.int16))

        return change

    for number in (1, 2):
        write_stack(folder / str(number), 6, change=fill(number))


def test_only_the_head_is_written_where_that_is_asked(tmp_path: Path, engine: Engine) -> None:
    write_heads(tmp_path / "in")
    whole, cleared = tmp_path / "whole", tmp_path / "cleared"
    request = ask(tmp_path / "in", whole)
    convert_delivery(request, engine, Silent())
    request = replace(request, out=cleared, surroundings=Surroundings.CLEAR)
    convert_delivery(request, engine, Silent())
    assert names(whole) == names(cleared)
    for name in names(whole):
        before, after = (
            np.asarray(nib.load(next(out.rglob(name))).dataobj) for out in (whole, cleared)
        )
        is_kept = before == after
        assert (after[~is_kept] == -1024).all()
        assert (before[~is_kept] > 300).any(), "the table"
        assert is_kept[100:150, 100:180].all(), "the head"


def test_text_in_an_image_stops_its_series_and_no_other(tmp_path: Path, engine: Engine) -> None:
    write_heads(tmp_path / "in", text="DOE^JANE 24.06.2025")
    result = convert_delivery(ask(tmp_path / "in", tmp_path / "out"), engine, Silent())
    assert len(names(tmp_path / "out")) == 1
    (fate,) = (fate for fate in result.fates if fate.refusal)
    assert fate.outcome is Outcome.QUARANTINED
    assert fate.refusal is not None
    assert fate.refusal.reason is ReasonCode.BURNED_IN_TEXT
    assert "6 of 6 images hold text" in fate.why
