from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from pydicom.config import RAISE
from pydicom.valuerep import validate_value

from benchmarks.accuracy.page import REPOSITORY, read_blocks
from benchmarks.blinding.canary import FORM_OF_VR, Canary, Form, Mint, Place, value_of
from benchmarks.blinding.canary_attributes import (
    OF_FILE,
    OF_SERIES,
    OF_STUDY,
    ON_CT,
    ON_MR,
    UNPLANTED_AT_TOP,
    command_attributes,
    meta_attributes,
    text_attributes,
)
from benchmarks.blinding.canary_kind import Kind, kind_of

FILE = PurePosixPath("image.dcm")


def canary(vr: str, place: Place, name: str = "any") -> Canary:
    form = FORM_OF_VR[vr]
    return Canary(text=Mint(3).draw(form), form=form, place=place, name=name, vr=vr, file=FILE)


@pytest.mark.parametrize("vr", sorted(FORM_OF_VR))
def test_what_is_drawn_is_legal_for_its_vr(vr: str) -> None:
    validate_value(vr, value_of(canary(vr, Place.TOP)), RAISE)


def test_no_text_is_drawn_twice_and_the_same_seed_draws_the_same() -> None:
    forms = [form for form in Form for _ in range(200)]
    one, two = Mint(1), Mint(1)
    texts = [one.draw(form) for form in forms]
    assert len(set(texts)) == len(texts)
    assert [two.draw(form) for form in forms] == texts


def test_all_1864_text_attributes_of_the_dictionary_are_accounted_for() -> None:
    held = 3  # class, instance and transfer syntax of the file meta information
    counts = [len(text_attributes()), len(meta_attributes()), len(command_attributes())]
    assert counts == [1826, 11, 24]
    assert sum(counts) + held == 1864


def test_every_attribute_with_a_rule_of_its_own_is_in_the_dictionary() -> None:
    named = OF_FILE | OF_STUDY | OF_SERIES | ON_CT | ON_MR | UNPLANTED_AT_TOP.keys()
    assert named <= {attribute.keyword for attribute in text_attributes()}


@pytest.mark.parametrize(
    ("vr", "place", "name", "kind"),
    [
        ("PN", Place.TOP, "ReviewerName", Kind.DIRECT),
        ("LO", Place.TOP, "PatientID", Kind.DIRECT),
        ("LO", Place.NESTED, "PatientID", Kind.NESTED),
        ("LO", Place.TOP, "StudyDescription", Kind.TEXT),
        ("UI", Place.NESTED, "StudyInstanceUID", Kind.UID),
        ("UI", Place.PRIVATE, "StudyInstanceUID", Kind.PRIVATE),
        ("AS", Place.TOP, "PatientAge", Kind.DATE),
        ("LO", Place.PREAMBLE, "preamble", Kind.ODD),
        ("LO", Place.FILE_NAME, "image", Kind.OUTSIDE),
    ],
)
def test_each_canary_is_of_one_kind(vr: str, place: Place, name: str, kind: Kind) -> None:
    assert kind_of(canary(vr, place, name)) is kind


def test_the_page_compares_each_tool_and_finds_nothing_of_corelab_s() -> None:
    table = read_blocks(REPOSITORY / "docs" / "blinding.md")["comparators"]
    rows = {line.split("|")[1].strip(): line for line in table.splitlines() if line[:2] == "| "}
    assert {"dicognito", "deid", "dicom-anonymizer"} <= {name.split(" ")[0] for name in rows}
    ours = {name.split("`")[1]: row for name, row in rows.items() if name.startswith("corelab ")}
    assert sorted(ours) == ["convert", "run"]
    assert [row.count(" 0/") for row in ours.values()] == [len(Kind) + 1] * 2
