from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from corelab.phantom.identity import SITES, draw_person
from corelab.phantom.naming import SeriesPlace, series_paths


def place(*, study: int = 0, series: int = 0, number: int = 0) -> SeriesPlace:
    person = draw_person(np.random.default_rng(1), SITES[0])
    person = replace(person, patient_id=f"MRN-{number}")
    return SeriesPlace(person=person, modality="CT", day="2024-02-03", study=study, series=series)


@pytest.mark.parametrize("style", range(4))
def test_no_two_files_share_a_path(style: int) -> None:
    rng = np.random.default_rng(0)
    places = [
        place(study=study, series=series, number=number)
        for study, series, number in product(range(2), range(3), range(2))
    ]
    paths = [path for p in places for path in series_paths(p, 30, style=style, rng=rng)]
    assert len(set(paths)) == 360


@pytest.mark.parametrize("style", range(4))
def test_paths_stay_below_the_delivery(style: int) -> None:
    for path in series_paths(place(), 3, style=style, rng=np.random.default_rng(0)):
        assert not path.is_absolute()
        assert ".." not in path.parts


def test_some_names_carry_the_patient_and_some_no_extension() -> None:
    rng = np.random.default_rng(0)
    firsts = [series_paths(place(), 1, style=style, rng=rng)[0] for style in range(4)]
    family = place().person.plain_name.split("_")[0]
    assert any(family in path.as_posix() for path in firsts)
    assert {path.suffix for path in firsts} == {"", ".dcm"}
