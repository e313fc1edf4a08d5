from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.measure import mask_volume_ml
from corelab.stages.overlay import overlay
from corelab.store.image import save_image
from corelab.store.layout import Layout
from corelab.store.mosaic import MosaicRequest
from corelab.store.mosaic_request import panels_of, request_of
from corelab.store.nifti import save_volume
from corelab.vocab import Acquisition, Contrast
from corelab.volume import Volume
from tests.store.conftest import READ

SHAPE = (40, 40, 6)
AXIAL = np.diag([3.0, 3.0, 5.0, 1.0])
UPSIDE_DOWN = np.diag([3.0, 3.0, -5.0, 1.0])
# Slices along the patient's back to front, rows from foot to head.
CORONAL = np.array([[3.0, 0, 0, 0], [0, 0, 5.0, 0], [0, 3.0, 0, 0], [0, 0, 0, 1.0]])
UNEVEN_MM = np.array([0.0, 5.0, 10.0, 15.0, 25.0, 35.0])


def ct(affine: NDArray[np.float64], positions: NDArray[np.float64] | None = None) -> Volume:
    return Volume(
        data=np.full(SHAPE, 30, dtype=np.int16),
        affine=affine,
        slice_positions_mm=positions,
        acquisition=Acquisition(contrast=Contrast.CT),
    )


def labels_of(image: Volume) -> Volume:
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels[10:20, 10:20, 1] = 1
    labels[10:20, 10:15, 4] = 2
    return image.with_data(labels)


def request(image: Volume) -> MosaicRequest:
    brain = np.ones(SHAPE, dtype=np.uint8)
    return request_of(
        panels=panels_of(image, None, None, brain),
        labels=labels_of(image),
        brain=brain,
        title="KX4M7P  fu24h",
        texts=("infarct", "window", ""),
    )


def test_each_slice_of_the_picture_has_its_own_volume() -> None:
    # 100 voxels of 3 x 3 x 5 mm are 4.5 mL; half as many stand for 10 mm each: as much.
    assert request(ct(AXIAL)).slice_volumes_ml == pytest.approx([0, 4.5, 0, 0, 2.25, 0])
    uneven = request(ct(AXIAL, UNEVEN_MM)).slice_volumes_ml
    assert uneven == pytest.approx([0, 4.5, 0, 0, 4.5, 0])


def test_slices_are_counted_from_the_feet_whichever_way_they_were_stored() -> None:
    found = request(ct(UPSIDE_DOWN)).slice_volumes_ml
    assert found == pytest.approx([0, 2.25, 0, 0, 4.5, 0])


@pytest.mark.parametrize("affine", [AXIAL, UPSIDE_DOWN, CORONAL])
@pytest.mark.parametrize("positions", [None, UNEVEN_MM])
def test_the_slices_together_are_the_measured_volume(
    affine: NDArray[np.float64], positions: NDArray[np.float64] | None
) -> None:
    image = ct(affine, positions)
    measured = mask_volume_ml(np.asarray(labels_of(image).data) != 0, image.voxel_volumes_mm3)
    made = request(image)
    assert made.slice_volumes_ml.sum() == pytest.approx(measured)
    assert [bool(v) for v in made.slice_volumes_ml] == list(made.mask.any(axis=(0, 1)))


def test_a_case_has_its_picture_and_its_lines_in_files_of_their_own(tmp_path: Path) -> None:
    layout, image = Layout(tmp_path), ct(AXIAL)
    save_image(layout.image(READ.case, Contrast.CT), image)
    save_volume(layout.brain_mask(READ.case), image.with_data(np.ones(SHAPE, np.uint8)))
    save_volume(layout.infarct_mask(READ.case), labels_of(image))
    overlay(READ, layout)
    made = (layout.mosaic, layout.thumbnail, layout.outline)
    before = [path(READ.case).read_bytes() for path in made]
    assert [start[:4] for start in before] == [b"\x89PNG", b"RIFF", b"\x89PNG"]
    overlay(READ, layout)
    assert [path(READ.case).read_bytes() for path in made] == before
