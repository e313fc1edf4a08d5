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
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, K.CT_REFORMATTED),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "AVERAGE"]}, K.CT_REFORMATTED),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "CT_SOM5 MPR"]}, K.CT_REFORMATTED),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR", "CSA MPR THICK"]}, K.CT_REFORMATTED),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "MIP"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "SECONDARY", "REFORMATTED", "MIN IP"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, K.DERIVED),
        (
            {
                "ImageType": ["DERIVED", "SECONDARY", "MPR"],
                "ImageOrientationPatient": [1, 0, 0, 0, 0, -1],
            },
            K.DERIVED,
        ),
        (
            {"ImageType": ["DERIVED", "SECONDARY", "MPR"], "ContrastBolusAgent": "OMNIPAQUE 350"},
            K.CT_CONTRAST,
        ),
        (
            {
                "ImageType": ["DERIVED", "SECONDARY", "MPR"],
                "Manufacturer": "SIEMENS",
                "ConvolutionKernel": "H70h",
            },
            K.CT_BONE_KERNEL,
        ),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SEQ"]}, K.CT),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM7 SPI DUAL", "DET_MIX"]}, K.CT),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "MONO_E"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "PRIMARY", "VOLUME", "VMI"]}, K.DERIVED),
        ({"ImageType": ["DERIVED", "PRIMARY", "AXIAL", "CBF"]}, K.DERIVED),
        ({"SeriesDescription": "DE Mono+ 40 keV"}, K.DERIVED),
        ({"SeriesDescription": "DE VNC 5.0"}, K.DERIVED),
        ({"SeriesDescription": "Head native 70 kV"}, K.CT),
        ({"ContrastBolusAgent": "no IV contrast"}, K.CT),
        ({"ContrastBolusAgent": "N/A"}, K.CT),
        ({"ContrastBolusAgent": "ohne KM"}, K.CT),
        ({"ContrastBolusAgent": "0 ml"}, K.CT),
        ({"ContrastBolusAgent": "IV"}, K.CT_CONTRAST),
        ({"ContrastBolusAgent": "non-ionic 350"}, K.CT_CONTRAST),
        ({"ContrastBolusAgent": "CE"}, K.CT_CONTRAST),
        ({"ProtocolName": "Stroke CTA+CTP"}, K.CT_CONTRAST),
        ({"ProtocolName": "Stroke CTA+CTP", "SeriesDescription": "Native 5.0 J30s"}, K.CT),
        ({"ProtocolName": "Stroke CTA+CTP", "ContrastBolusAgent": "None"}, K.CT),
        ({"ProtocolName": "Head native", "SeriesDescription": "CTA 0.75"}, K.CT_CONTRAST),
        ({"SeriesDescription": "superficial head"}, K.CT),
        ({"SeriesDescription": "C-SPINE CTA"}, K.CT_CONTRAST),
        ({"SeriesDescription": "HEAD C- 5mm", "ProtocolName": "CTA"}, K.CT),
        ({"SeriesDescription": "Kopf Knochen 2.0"}, K.CT_BONE_KERNEL),
        ({"SeriesDescription": "Head bone", "ConvolutionKernel": "STANDARD"}, K.CT),
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
        ("SIEMENS", "I30s", False),
        ("SIEMENS", "J30s", False),
        ("SIEMENS", "J70h", True),
        ("SIEMENS", "H37s", False),
        ("Siemens Healthineers", "Hr40f", False),
        ("Siemens Healthineers", "Hc40f", False),
        ("", "H70s", True),
        ("", "FC81", True),
        ("", "H31s", False),
        ("", "FC26", False),
        ("GE MEDICAL SYSTEMS", "BONE+", True),
        ("GE MEDICAL SYSTEMS", "EDGE+", True),
        ("GE MEDICAL SYSTEMS", "STND", False),
        ("Philips", "UC", False),
        ("Philips", "C", False),
        ("Philips", "BRAIN STANDARD", False),
        ("TOSHIBA", "FC21", False),
        ("TOSHIBA", "FC64", False),
        ("CANON_MEC", "BRAIN", False),
        ("UIH", "H_SOFT_B", False),
        ("UIH", "H_VSHARP_C", True),
        ("Neusoft", "F20", False),
        ("Neusoft", "HEAD BONE", True),
        ("", "", False),
    ],
)
def test_sharp_kernels_by_vendor(manufacturer: str, kernel: str, *, expected: bool) -> None:
    assert is_sharp_kernel(kernel, manufacturer) is expected
