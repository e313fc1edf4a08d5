from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from corelab.vocab import (
    Component,
    Hemisphere,
    Measurement,
    Modality,
    QcFlag,
    Read,
    ReadStatus,
    SubjectCode,
    VisitLabel,
)

READ = Read(
    trial_id="NCT0",
    subject_code=SubjectCode("KX4M7P"),
    visit=VisitLabel("fu24h"),
    reader="auto",
    modality=Modality.NCCT,
    measurement=Measurement(
        infarct_volume_ml=12.5,
        infarct_volume_low_ml=10.0,
        infarct_volume_high_ml=15.25,
        haemorrhage_in_infarct_ml=0.0,
        brain_volume_ml=1350.0,
        voxel_volume_mm3=1.19,
        slice_spacing_mm=5.0,
        components=(Component(volume_ml=12.5, centre_mm=(1.0, 2.0, 3.0)),),
        slice_areas_cm2=(0.0, 2.5),
    ),
    hemisphere=Hemisphere.LEFT,
    qc_flags=(QcFlag.GANTRY_TILT, QcFlag.UNEVEN_SLICES),
    read_status=ReadStatus.AUTO,
    method="ncct_mirror_ratio_1",
    parameters=(("ratio", 0.85),),
    adc_scale_to_mm2_s=None,
    digests=(),
    choice="NCCT: 28 slices",
    software_version="0.1.0",
    config_digest="f" * 16,
)


@pytest.fixture
def make_read() -> Callable[..., Read]:
    def make(code: str = "KX4M7P", volume_ml: float = 12.5) -> Read:
        measurement = dataclasses.replace(READ.measurement, infarct_volume_ml=volume_ml)
        return dataclasses.replace(READ, subject_code=SubjectCode(code), measurement=measurement)

    return make
