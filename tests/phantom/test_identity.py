from __future__ import annotations

import numpy as np
import pytest

from corelab.phantom.exam import Role
from corelab.phantom.identity import (
    SITES,
    Site,
    device_attributes,
    draw_person,
    person_attributes,
    technique_attributes,
)


def test_people_differ_and_repeat_for_a_seed() -> None:
    first, second = (draw_person(np.random.default_rng(seed), SITES[0]) for seed in (1, 2))
    assert first != second
    assert first == draw_person(np.random.default_rng(1), SITES[0])


def test_plain_names_suit_every_file_system() -> None:
    rng = np.random.default_rng(0)
    for _ in range(60):
        assert draw_person(rng, SITES[1]).plain_name.replace("_", "").isascii()


@pytest.mark.parametrize("site", SITES, ids=lambda site: site.institution)
def test_attributes_name_patient_staff_hospital_and_scanner(site: Site) -> None:
    person = draw_person(np.random.default_rng(3), site)
    told = dict(person_attributes(person, site)) | dict(device_attributes(site, site.ct))
    assert told["PatientName"] == person.name
    assert told["PatientID"] == person.patient_id
    assert told["InstitutionName"] == site.institution
    assert told["DeviceSerialNumber"] == site.ct.serial
    assert person.name.split("^")[0] in str(told["ImageComments"])


def test_only_ct_images_name_a_kernel() -> None:
    site = SITES[0]
    assert dict(technique_attributes(Role.CT, site.ct))["ConvolutionKernel"] == "STANDARD"
    assert dict(technique_attributes(Role.BONE, site.ct))["ConvolutionKernel"] == "BONE"
    assert "ConvolutionKernel" not in dict(technique_attributes(Role.TRACE, site.mr))
