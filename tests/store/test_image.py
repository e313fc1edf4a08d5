from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corelab.store.image import load_image, save_image
from corelab.store.layout import sidecar_of
from corelab.vocab import Acquisition, Contrast
from corelab.volume import Volume

PLAIN = Acquisition(contrast=Contrast.CT, kilovolts=120.0, slice_thickness_mm=5.0)


def image(acquisition: Acquisition) -> Volume:
    data = np.zeros((4, 4, 3), np.int16)
    return Volume(data=data, affine=np.diag([1.0, 1.0, 5.0, 1.0]), acquisition=acquisition)


@pytest.mark.parametrize(
    "acquisition",
    [
        PLAIN,
        replace(PLAIN, decoder="pyjpegls 1.5.1, agrees with SimpleITK 2.5.7", is_lossy=True),
        replace(PLAIN, decoder="numpy 2.3.1", has_bits_outside=True),
    ],
)
def test_how_an_image_was_acquired_comes_back(tmp_path: Path, acquisition: Acquisition) -> None:
    path = tmp_path / "x_ct.nii.gz"
    save_image(path, image(acquisition))
    assert load_image(path).acquisition == acquisition


def test_the_sidecar_names_decoder_and_loss_as_dicom_does(tmp_path: Path) -> None:
    path = tmp_path / "x_ct.nii.gz"
    save_image(path, image(replace(PLAIN, decoder="numpy 2.3.1", is_lossy=True)))
    content = json.loads(sidecar_of(path).read_text("utf-8"))
    assert content["Decoder"] == "numpy 2.3.1"
    assert content["LossyImageCompression"] == "01"
    save_image(path, image(PLAIN))
    content = json.loads(sidecar_of(path).read_text("utf-8"))
    assert content.keys().isdisjoint({"Decoder", "LossyImageCompression", "BitsOutsideStored"})
