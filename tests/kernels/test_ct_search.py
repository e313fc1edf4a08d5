from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from corelab.kernels.ct_parameters import CtParameters
from corelab.kernels.ct_search import Scan, find_regions, prepare_scan, suspected_at_the_base
from corelab.kernels.mirror_ratio import mirror_ratio

SPACING_MM = (1.5, 1.5, 5.0)
SHAPE = (96, 116, 12)
DEFAULT = CtParameters()


def a_scan(image: NDArray[np.float32]) -> Scan:
    i, j, _ = np.indices(SHAPE)
    brain = ((i - 47.5) / 44) ** 2 + ((j - 57.5) / 54) ** 2 <= 1
    rough = np.random.default_rng(4).normal(0, 2, SHAPE)
    noisy = np.where(brain, image + rough, -20).astype(np.float32)
    return prepare_scan(noisy, brain, SPACING_MM, DEFAULT, shear=0.0)


def plain() -> NDArray[np.float32]:
    image = np.full(SHAPE, 33, dtype=np.float32)
    image[42:54, 40:76, 4:8] = 7
    return image


def test_a_dark_block_is_one_region() -> None:
    image = plain()
    image[62:80, 45:70, 3:9] = 21
    findings = find_regions(a_scan(image), DEFAULT)
    assert len(findings.regions) == 1
    assert findings.union()[70, 57, 6]
    assert findings.union().sum() == pytest.approx(18 * 25 * 6, rel=0.15)
    assert findings.regions[0].core == pytest.approx(21 / 33, abs=0.04)


def test_a_plain_brain_has_no_region() -> None:
    findings = find_regions(a_scan(plain()), DEFAULT)
    assert findings.regions == []
    assert findings.ratio.spread < 0.05


def test_places_beside_fluid_bone_and_open_slices_are_not_deep() -> None:
    scan = a_scan(plain())
    assert scan.deep[25, 57, 6]
    assert not scan.deep[55, 57, 6]
    assert not scan.deep[48, 57, 3]
    assert not scan.deep[5, 57, 6]


def test_a_streaked_slice_starts_nothing() -> None:
    image = plain()
    image[:, :, 9] += np.random.default_rng(8).normal(0, 9, SHAPE[:2])
    scan = a_scan(image)
    assert list(np.flatnonzero(scan.streaked)) == [9]


def test_a_faint_small_region_is_not_believed() -> None:
    image = plain()
    image[66:76, 50:62, 5:8] = 27.5
    assert find_regions(a_scan(image), DEFAULT).regions == []


def test_a_small_region_with_few_seeds_is_not_believed() -> None:
    image = plain()
    image[62:76, 46:60, 4:8] = 20
    scan = a_scan(image)
    narrow = DEFAULT._replace(wide_rungs=(), small_min_ml=0.0)
    (region,) = find_regions(scan, narrow).regions
    seeds_ml, region_ml = (n * scan.tissue.voxel_ml for n in (region.seed_count, region.size))
    asked = narrow._replace(small_min_ml=seeds_ml + 0.1)
    assert find_regions(scan, asked._replace(small_ml=region_ml + 0.1)).regions == []
    assert find_regions(scan, asked._replace(small_ml=region_ml - 0.1)).regions


def test_a_small_region_on_a_ventricle_is_leukoaraiosis() -> None:
    image = plain()
    image[54:60, 45:70, 4:8] = 20
    scan = a_scan(image)
    assert scan.walls[54:56, 50:65, 4:8].all()
    assert not scan.walls[60:, :, :].any()
    assert find_regions(scan, DEFAULT).regions == []
    (region,) = find_regions(scan, DEFAULT._replace(wall_max_ml=0.0)).regions
    assert region.mask[58, 57, 6]


def test_a_flat_region_is_not_believed() -> None:
    image = plain()
    image[62:80, 40:75, 6] = 20
    assert find_regions(a_scan(image), DEFAULT).regions == []


def test_an_infarct_that_fills_a_cerebellar_side_is_not_taken_for_streaks() -> None:
    scan = a_scan(plain())
    ratio = np.ones(SHAPE, dtype=np.float32)
    ratio[60:78, 70:95, 1:4] = 0.75
    ratio[20:22, 70:72, 1] = 0.75
    scan = scan._replace(base=np.arange(SHAPE[2]) < 5)
    found = mirror_ratio(
        scan.tissue, scan.midline, lesion=np.zeros(SHAPE, dtype=bool), deep=scan.deep
    )
    suspected = suspected_at_the_base(scan, found._replace(seed=ratio))
    assert suspected[62:76, 72:93, 1:4].all()
    assert suspected[97 - 76 : 97 - 64, 72:93, 1:4].all()
    assert not suspected[:, 20:60].any()
