from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from corelab.dicom.writer import (
    Packing,
    SeriesHeader,
    StudyHeader,
    write_dose_report,
    write_slices,
)
from corelab.dicom.writer_multiframe import FrameGroup, write_multiframe
from corelab.volume import Volume

MOMENT = datetime(2024, 3, 9, 14, 5, 6)  # noqa: DTZ001 - DICOM times are the site's own


@pytest.fixture
def study() -> StudyHeader:
    return StudyHeader(
        study_uid="2.25.11",
        frame_of_reference_uid="2.25.12",
        moment=MOMENT,
        character_set="ISO_IR 192",
        attributes=(("PatientName", "M\u00fchlfeld^Odette"), ("PatientID", "MRN-1")),
        nested=(("RequestAttributesSequence", (("RequestedProcedureDescription", "Head"),)),),
        private_texts=("ward 4B", "name=Muehlfeld"),
    )


@pytest.fixture
def series() -> SeriesHeader:
    return SeriesHeader(
        series_uid="2.25.13",
        number=4,
        modality="CT",
        moment=MOMENT,
        attributes=(("ImageType", ("ORIGINAL", "PRIMARY", "AXIAL")), ("KVP", 120)),
        packing=Packing.EXPLICIT,
        rescale_intercept=-1024,
    )


@pytest.fixture
def tilted() -> Volume:
    lean = np.radians(18.0)
    affine = np.eye(4)
    affine[:3, 0] = (-0.5, 0, 0)
    affine[:3, 1] = (0, -0.4 * np.cos(lean), -0.4 * np.sin(lean))
    affine[:3, 2] = (0, 0, 5 / np.cos(lean))
    affine[:3, 3] = (60.1234, 40.5, -20.25)
    values = np.random.default_rng(0).integers(-1000, 2000, (40, 48, 3))
    return Volume(data=values.astype(np.int16), affine=affine)


def write(
    image: Volume, study: StudyHeader, series: SeriesHeader, folder: Path
) -> list[pydicom.FileDataset]:
    paths = [folder / f"IM{k}" for k in range(image.shape[2])]
    thickness = [5.0] * len(paths)
    write_slices(image, study, series, thickness_mm=thickness, paths=paths)
    return [pydicom.dcmread(path) for path in paths]


@pytest.mark.parametrize("packing", Packing)
@pytest.mark.parametrize("is_signed", [False, True])
def test_every_packing_gives_back_every_value(
    tilted: Volume,
    study: StudyHeader,
    series: SeriesHeader,
    tmp_path: Path,
    packing: Packing,
    is_signed: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    bits = 16 if is_signed else 12
    stored = replace(series, packing=packing, is_signed=is_signed, bits_stored=bits)
    files = write(tilted, study, stored, tmp_path)
    for k, file in enumerate(files):
        assert str(file.file_meta.TransferSyntaxUID) == packing.value
        hounsfield = file.pixel_array.astype(int) + int(file.RescaleIntercept)
        assert np.array_equal(hounsfield.T, tilted.data[:, :, k])


def test_positions_and_directions_are_those_of_the_affine(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    for k, file in enumerate(write(tilted, study, series, tmp_path)):
        right, front, up = tilted.slice_origin_mm(k)
        assert np.allclose(
            [float(c) for c in file.ImagePositionPatient], [-right, -front, up], atol=1e-6
        )
        row, column = np.array(file.ImageOrientationPatient, dtype=float).reshape(2, 3)
        spacing = [float(c) for c in file.PixelSpacing]
        assert np.allclose(row * spacing[1] * [-1, -1, 1], tilted.affine[:3, 0], atol=1e-6)
        assert np.allclose(column * spacing[0] * [-1, -1, 1], tilted.affine[:3, 1], atol=1e-6)


def test_padding_fills_what_the_round_field_leaves_out(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    square = Volume(data=tilted.data[:, :40], affine=tilted.affine)
    padded = replace(series, is_signed=True, bits_stored=16, padding=-2000)
    file = write(square, study, padded, tmp_path)[0]
    assert file.PixelPaddingValue == -2000
    assert file.pixel_array[0, 0] == -2000
    assert file.pixel_array[20, 20] == int(square.data[20, 20, 0]) + 1024


def test_identifiers_stand_where_sites_put_them(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    file = write(tilted, study, series, tmp_path)[1]
    assert file.PatientName == "M\u00fchlfeld^Odette"
    assert file.RequestAttributesSequence[0].RequestedProcedureDescription == "Head"
    assert file[0x0009, 0x1001].value == "ward 4B"
    assert b"name=Muehlfeld" in file[0x0029, 0x1010].value
    assert file.StudyDate == "20240309"
    assert file.AcquisitionTime == "140506.000000"


def test_instances_have_their_own_uid_and_number(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    files = write(tilted, study, series, tmp_path)
    assert len({file.SOPInstanceUID for file in files}) == 3
    assert [file.InstanceNumber for file in files] == [1, 2, 3]
    assert {file.SeriesInstanceUID for file in files} == {"2.25.13"}


def test_same_image_gives_the_same_bytes(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tilted, study, replace(series, packing=Packing.JPEG_LS), tmp_path / name)
    assert (tmp_path / "a" / "IM1").read_bytes() == (tmp_path / "b" / "IM1").read_bytes()


@pytest.mark.parametrize("packing", [Packing.EXPLICIT, Packing.RLE, Packing.JPEG_2000])
def test_frames_carry_weighting_place_and_values(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path, packing: Packing
) -> None:
    b0 = tilted.with_data((np.asarray(tilted.data, dtype=np.int16) + 1000).astype(np.int16))
    trace = tilted.with_data((np.asarray(b0.data, dtype=np.int16) // 3).astype(np.int16))
    groups = [
        FrameGroup(
            image=b0,
            image_type=("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"),
            b_value_s_mm2=0.0,
            directionality="NONE",
        ),
        FrameGroup(
            image=trace,
            image_type=("ORIGINAL", "PRIMARY", "DIFFUSION", "TRACEW"),
            b_value_s_mm2=1000.0,
            directionality="ISOTROPIC",
        ),
    ]
    mr = replace(series, modality="MR", packing=packing, rescale_intercept=None, attributes=())
    path = tmp_path / "enhanced"
    write_multiframe(groups, study, mr, thickness_mm=5.0, path=path)
    file = pydicom.dcmread(path)
    frames = file.pixel_array
    items = file.PerFrameFunctionalGroupsSequence
    assert len(items) == len(frames) == file.NumberOfFrames == 6
    weights = [item.MRDiffusionSequence[0].DiffusionBValue for item in items]
    assert weights == [0.0, 1000.0] * 3
    for n, item in enumerate(items):
        k, group = divmod(n, 2)
        position = item.PlanePositionSequence[0].ImagePositionPatient
        expected = tilted.slice_origin_mm(k) * [-1, -1, 1]
        assert np.allclose([float(c) for c in position], expected, atol=1e-6)
        assert np.array_equal(frames[n].T, groups[group].image.data[:, :, k])
        content = item.FrameContentSequence[0]
        assert list(content.DimensionIndexValues) == [1, k + 1, group + 1]


def test_a_map_has_no_weighting(
    tilted: Volume, study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    adc = FrameGroup(
        image=tilted.with_data(np.full(tilted.shape, 800, dtype=np.int16)),
        image_type=("DERIVED", "PRIMARY", "DIFFUSION", "ADC"),
        b_value_s_mm2=None,
        directionality=None,
    )
    mr = replace(series, modality="MR", rescale_intercept=None, attributes=())
    write_multiframe([adc], study, mr, thickness_mm=5.0, path=tmp_path / "adc")
    file = pydicom.dcmread(tmp_path / "adc")
    assert all("MRDiffusionSequence" not in i for i in file.PerFrameFunctionalGroupsSequence)
    assert len(file.DimensionIndexSequence) == 2
    assert (file.pixel_array == 800).all()


def test_a_dose_report_is_text_without_pixels(
    study: StudyHeader, series: SeriesHeader, tmp_path: Path
) -> None:
    write_dose_report(
        study, replace(series, modality="SR"), lines=("DLP 871",), path=tmp_path / "sr"
    )
    file = pydicom.dcmread(tmp_path / "sr")
    assert file.ContentSequence[0].TextValue == "DLP 871"
    assert "PixelData" not in file
