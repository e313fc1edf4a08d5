from __future__ import annotations

from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from corelab.dicom.index import index
from corelab.dicom.kernel import is_sharp_kernel
from corelab.series import SeriesKind
from tests.dicom.tiny import ct_slice, mr_slice, write

K = SeriesKind


def kind_of(slice_: Dataset, folder: Path) -> SeriesKind:
    write(slice_, folder / "a.dcm")
    (series,) = index(folder).series
    return series.kind


def changed(slice_: Dataset, elements: dict[str, object]) -> Dataset:
    for keyword, value in elements.items():
        setattr(slice_, keyword, value)
    return slice_


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({}, K.CT),
        ({"ContrastBolusAgent": "IOMERON 350"}, K.CT_CONTRAST),
        ({"ContrastBolusAgent": "NONE"}, K.CT),
        ({"ContrastBolusAgent": ""}, K.CT),
        ({"SeriesDescription": "Head CTA 0.6"}, K.CT_CONTRAST),
        ({"SeriesDescription": "Head without contrast"}, K.CT),
        ({"SeriesDescription": "Head w/o contrast 5mm"}, K.CT),
        ({"SeriesDescription": "NON-CONTRAST HEAD"}, K.CT),
        ({"SeriesDescription": "Perfusion 4D"}, K.CT_CONTRAST),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, K.SCOUT),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MIP"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL"]}, K.CT),
        ({"ImageType": ["ORIGINAL", "SECONDARY", "AXIAL"]}, K.CT),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, K.NOT_AN_IMAGE),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.128"}, K.NOT_AN_IMAGE),
        ({"Manufacturer": "SIEMENS", "ConvolutionKernel": "H60s"}, K.CT_BONE_KERNEL),
        ({"Manufacturer": "SIEMENS", "ConvolutionKernel": ["Hr64f", "3"]}, K.CT_BONE_KERNEL),
        ({"Manufacturer": "SIEMENS", "ConvolutionKernel": ["Hr38f", "3"]}, K.CT),
    ],
)
def test_ct_kinds(tmp_path: Path, elements: dict[str, object], kind: SeriesKind) -> None:
    assert kind_of(changed(ct_slice(), elements), tmp_path) is kind


DIFFUSION = ["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"]


@pytest.mark.parametrize(
    ("elements", "kind"),
    [
        ({}, K.OTHER_MR),
        ({"SeriesDescription": "AX T2 FLAIR FS"}, K.FLAIR),
        ({"InversionTime": "2500", "EchoTime": "110"}, K.FLAIR),
        ({"InversionTime": "900", "EchoTime": "3"}, K.OTHER_MR),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "P", "ND"]}, K.OTHER_MR),
        ({"ImageType": DIFFUSION, "DiffusionBValue": 0.0}, K.B0),
        ({"ImageType": DIFFUSION, "DiffusionBValue": 1000.0}, K.TRACE),
        (
            {
                "ImageType": DIFFUSION,
                "DiffusionBValue": 1000.0,
                "DiffusionGradientOrientation": [0.0, 0.0, 1.0],
            },
            K.DIRECTION,
        ),
        (
            {
                "ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "TRACEW"],
                "DiffusionBValue": 1000.0,
                "DiffusionGradientOrientation": [0.0, 0.0, 1.0],
            },
            K.TRACE,
        ),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"]}, K.ADC),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "ADC_SE", "ADC", "SE"]}, K.ADC),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "FA"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "PRIMARY", "DIFFUSION", "TENSOR_B0"]}, K.DERIVED),
        (
            {
                "ImageType": ["DERIVED", "SECONDARY", "OTHER"],
                "ScanningSequence": "EP",
                "SeriesDescription": "Apparent Diffusion Coefficient (mm2/s)",
            },
            K.ADC,
        ),
        (
            {
                "ImageType": ["DERIVED", "SECONDARY", "OTHER"],
                "ScanningSequence": "EP",
                "SeriesDescription": "Exponential Apparent Diffusion Coefficient",
            },
            K.DERIVED,
        ),
        ({"ImageType": ["DERIVED", "SECONDARY", "PROJECTION IMAGE", "MIP"]}, K.DERIVED),
    ],
)
def test_mr_kinds(tmp_path: Path, elements: dict[str, object], kind: SeriesKind) -> None:
    assert kind_of(changed(mr_slice(), elements), tmp_path) is kind


@pytest.mark.parametrize(
    ("manufacturer", "kernel", "expected"),
    [
        ("SIEMENS", "H31s", False),
        ("SIEMENS", "H60s", True),
        ("SIEMENS", "B70s", True),
        ("Siemens Healthineers", "Hr68h", True),
        ("Siemens Healthineers", "Qr40", False),
        ("GE MEDICAL SYSTEMS", "STANDARD", False),
        ("GE MEDICAL SYSTEMS", "STD+", False),
        ("GE MEDICAL SYSTEMS", "SOFT", False),
        ("GE MEDICAL SYSTEMS", "DETAIL", False),
        ("GE MEDICAL SYSTEMS", "BONE", True),
        ("GE MEDICAL SYSTEMS", "BONEPLUS", True),
        ("GE MEDICAL SYSTEMS", "EDGE", True),
        ("Philips", "UB", False),
        ("Philips", "UA", False),
        ("Philips", "B", False),
        ("Philips", "YA", True),
        ("Philips", "D", True),
        ("TOSHIBA", "FC26", False),
        ("TOSHIBA", "FC68", False),
        ("TOSHIBA", "FC30", True),
        ("CANON_MEC", "FC81", True),
        ("Neusoft", "F20", False),
        ("Neusoft", "HEAD BONE", True),
        ("", "", False),
    ],
)
def test_sharp_kernels_by_vendor(manufacturer: str, kernel: str, *, expected: bool) -> None:
    assert is_sharp_kernel(kernel, manufacturer) is expected
