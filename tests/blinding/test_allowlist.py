from __future__ import annotations

import ast
import math
from dataclasses import fields
from enum import StrEnum
from pathlib import Path

import numpy as np
import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword

from corelab.blinding.allowlist import (
    AllowedNumber,
    AllowedSoftware,
    AllowedWord,
    allow_list,
    parse_allow_list,
)
from corelab.blinding.allowlist_table import FIRST_MARK, table_of, with_table
from corelab.dicom import syntax
from corelab.dicom.reading import Reading
from corelab.errors import ConfigError, ReasonCode, UnfitDataError
from corelab.stages.convert import _COPY_REMARKS
from corelab.vocab import Acquisition, Contrast, Derivation, ValueScale
from pipelines.deidentification import IDENTITY
from tests.conftest import REPOSITORY

ENTRIES = allow_list().entries
SOUND = """
[kilovolts]
form = "number"
attributes = { KVP = "0018,0060" }
unit = "kV"
minimum = 60.0
maximum = 160.0
sidecar = "KVP"
why = "HU depend on it"
clause = "PS3.3 C.8.2.1"
"""


def keywords_read() -> set[str]:
    """DICOM keywords that the code reads by name, sequences (which only hold others) left out."""
    found = set()
    for path in REPOSITORY.glob("corelab/dicom/*.py"):
        # What export-dicom reads goes to who knows the patient already, never into OUT.
        if path.name.startswith(("writer", "segmentation_object", "standin")):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = node.value if isinstance(node, ast.Constant) else None
            tag = tag_for_keyword(text) if isinstance(text, str) and text else None
            if tag is not None and dictionary_VR(tag) != "SQ":
                found.add(str(text))
    return found


@pytest.mark.parametrize(
    ("name", "words"),
    [("contrast", Contrast), ("value_scale", ValueScale), ("derivation", Derivation)],
)
def test_the_words_of_an_entry_are_those_of_its_enum(name: str, words: type[StrEnum]) -> None:
    entry = ENTRIES[name]
    assert isinstance(entry, AllowedWord)
    assert entry.words == tuple(word.value for word in words)


def test_the_words_of_a_decoder_are_our_decoders_and_readings() -> None:
    entry = ENTRIES["decoder"]
    assert isinstance(entry, AllowedSoftware)
    own = {*syntax.DECODERS.values(), "numpy", "SimpleITK", "pydicom"}
    assert set(entry.software) == own
    assert entry.readings == tuple(reading.value for reading in Reading)


def test_what_a_copy_says_of_itself_is_on_the_list() -> None:
    entry = ENTRIES["resampling"]
    assert isinstance(entry, AllowedWord)
    assert entry.words == (_COPY_REMARKS["Resampling"],)
    on_list = {entry.sidecar for entry in ENTRIES.values()}
    assert set(_COPY_REMARKS) <= on_list


def test_an_acquisition_has_no_field_that_the_list_does_not_name() -> None:
    assert {field.name for field in fields(Acquisition)} <= set(ENTRIES)


@pytest.mark.parametrize("name", ENTRIES)
def test_each_attribute_has_the_tag_that_the_dictionary_gives_it(name: str) -> None:
    entry = ENTRIES[name]
    for keyword, tag in {**entry.attributes, **entry.judged_from}.items():
        assert tag_for_keyword(keyword) == int(tag.replace(",", ""), 16)


def test_every_attribute_that_is_read_is_on_the_list_or_stays_in_the_vault() -> None:
    on_list = {k for entry in ENTRIES.values() for k in (*entry.attributes, *entry.judged_from)}
    assert keywords_read() == on_list | IDENTITY


def test_no_attribute_whose_value_crosses_is_a_text() -> None:
    crossing = {k for entry in ENTRIES.values() for k in entry.attributes}
    numeric = {"DS", "IS", "US", "FD"}
    texts = {k for k in crossing if dictionary_VR(k) not in numeric}
    assert texts == {"LossyImageCompression"}, "a code of two values, crossing as a flag"


@pytest.mark.parametrize("value", [59.9, 160.1, -120.0, 7113417.0, math.nan, math.inf])
def test_a_number_outside_its_bounds_is_refused_and_not_repeated(value: float) -> None:
    with pytest.raises(UnfitDataError, match="kilovolts lies outside 60 to 160 kV") as caught:
        allow_list().number("kilovolts", value)
    assert caught.value.reason is ReasonCode.OUTSIDE_ACQUISITION_LIMITS
    assert str(value) not in caught.value.message
    assert str(value) in caught.value.evidence


def test_a_number_crosses_with_no_more_decimals_than_the_list_gives_it() -> None:
    """A patient number behind the point of a tube voltage stays behind."""
    assert allow_list().number("kilovolts", 120.0711341) == 120.1
    assert allow_list().number("b_value_s_mm2", 1000.7113417) == 1001.0
    np.testing.assert_array_equal(
        allow_list().numbers("slice_positions_mm", np.array([0.0, 5.00000049])), [0.0, 5.0]
    )


def test_an_absent_number_stays_absent() -> None:
    assert allow_list().number("kilovolts", None) is None
    assert allow_list().whole("n_directions", None) is None


def test_a_word_outside_its_set_is_refused_and_not_repeated() -> None:
    with pytest.raises(UnfitDataError, match="contrast is none of its 9 words") as caught:
        allow_list().word("contrast", "Doe^Jane")
    assert "Doe" not in caught.value.message


def test_an_entry_admits_only_what_its_form_is() -> None:
    with pytest.raises(TypeError, match="kilovolts is a number"):
        allow_list().word("kilovolts", "120")


def test_a_sound_list_is_read() -> None:
    entry = parse_allow_list(SOUND).entries["kilovolts"]
    assert isinstance(entry, AllowedNumber)
    assert (entry.minimum, entry.maximum) == (60.0, 160.0)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("minimum = 60.0", "minimum = 160.0", "kilovolts: found these values together"),
        ("minimum = 60.0", "minimum = nan", "kilovolts.minimum: found nan"),
        ("minimum = 60.0", 'minimum = "60"', "kilovolts.minimum: found '60'"),
        ("minimum = 60.0", "", "kilovolts.minimum: found nothing"),
        ('unit = "kV"', 'unit = "kV"\nscrub = "yes"', "kilovolts.scrub: found an unknown key"),
        ('form = "number"', 'form = "text"', "kilovolts: found"),
        ("0018,0060", "0018-0060", "kilovolts.attributes.KVP: found '0018-0060'"),
        ('sidecar = "KVP"', "", "a key of the sidecar or a field"),
        ('clause = "PS3.3 C.8.2.1"', 'clause = "because"', "kilovolts.clause: found 'because'"),
        ("[kilovolts]", "[Kilovolts]", "Kilovolts"),
        ("[kilovolts]", "[kilovolts", "text that is not TOML"),
        ("[kilovolts]", "kilovolts = 3\n[volts]", "kilovolts"),
    ],
)
def test_each_fault_of_a_list_is_named(old: str, new: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_allow_list(SOUND.replace(old, new))
    assert fault in str(caught.value)


def test_every_fault_is_named_at_once() -> None:
    text = SOUND.replace("minimum = 60.0", "").replace("maximum = 160.0", "")
    with pytest.raises(ConfigError, match="has 2 faults"):
        parse_allow_list(text)


def test_two_entries_never_claim_one_key_of_the_sidecar() -> None:
    with pytest.raises(ConfigError, match="sidecar KVP: found several entries"):
        parse_allow_list(SOUND + SOUND.replace("[kilovolts]", "[volts]"))


def test_the_table_in_the_documents_is_what_the_list_says() -> None:
    page = Path(REPOSITORY, "docs", "blinding.md").read_text("utf-8")
    assert page == with_table(page, table_of(allow_list()))


def test_the_table_names_every_entry_once() -> None:
    table = table_of(allow_list())
    assert [line.split("`")[1] for line in table.splitlines()[2:]] == list(ENTRIES)
    assert FIRST_MARK not in table
