from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from corelab.store.exchange.dataset_json import to_dataset_json
from corelab.store.exchange.define_xml import Study, to_define_xml
from corelab.store.exchange.sheet import Sheet, Standard
from tests.sheets import FORM

STUDY = Study(trial_id="NCT0", software_version="0.1.0")
SCHEMA = Path(__file__).with_name("vendor") / "dataset.schema.json"


def in_xpt(sheet: Sheet) -> str:
    return f"{sheet.form.name}.xpt"


def dataset(sheet: Sheet) -> bytes:
    return to_dataset_json(sheet, study="NCT0", software_version="0.1.0")


def test_dataset_json_is_what_the_standard_knows_and_holds_every_cell(sheet: Sheet) -> None:
    model = pytest.importorskip("odmlib.dataset_json_1_1", reason="odmlib is not installed")

    known = model.DatasetJSON.from_json(dataset(sheet).decode())

    assert known.datasetJSONVersion == "1.1.0"
    assert [tuple(row) for row in known.rows] == list(sheet.rows)
    assert known.column_names == [variable.name for variable in sheet.variables]
    assert known.records == 3


def test_dataset_json_fits_its_published_schema_with_rows_and_without(sheet: Sheet) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is not installed")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    jsonschema.Draft201909Validator.check_schema(schema)
    validator = jsonschema.Draft201909Validator(schema)

    for one in (sheet, replace(sheet, rows=())):
        content = json.loads(dataset(one))
        assert [error.message for error in validator.iter_errors(content)] == []
        assert not validator.is_valid(content | {"columns": [{"name": "X"}]})
    assert dataset(sheet) == dataset(sheet)


def test_the_vendored_schema_is_the_one_that_its_note_names() -> None:
    digest = hashlib.sha256(SCHEMA.read_bytes()).hexdigest()

    assert digest in SCHEMA.with_name("README.md").read_text("utf-8")


def test_cells_of_dataset_json_are_of_the_type_that_their_column_names(sheet: Sheet) -> None:
    content = json.loads(dataset(sheet))
    kinds = {"string": str, "double": float, "integer": int}

    for row in content["rows"]:
        for column, cell in zip(content["columns"], row, strict=True):
            assert cell is None or isinstance(cell, kinds[column["dataType"]])


def test_define_xml_fits_its_published_schema(sheet: Sheet, tmp_path: Path) -> None:
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    schemas = pytest.importorskip("odmlib.schema_manager", reason="odmlib is not installed")
    path = tmp_path / "define.xml"
    forms = [
        replace(FORM, name=name, standard=one) for name, one in zip("abc", Standard, strict=True)
    ]
    path.write_bytes(to_define_xml([replace(sheet, form=form) for form in forms], STUDY, in_xpt))

    schema = xmlschema.XMLSchema(schemas.get_schema_path("define", "2.1"))

    assert [error.reason for error in schema.iter_errors(str(path))] == []


def test_define_xml_and_dataset_json_name_groups_and_items_alike(sheet: Sheet) -> None:
    define = to_define_xml([sheet], STUDY, in_xpt).decode()
    content = json.loads(dataset(sheet))

    assert f'OID="{content["itemGroupOID"]}"' in define
    for column in content["columns"]:
        assert define.count(f'OID="{column["itemOID"]}"') == 2  # its reference and its definition


def test_a_column_of_several_words_has_no_code_list(sheet: Sheet) -> None:
    define = to_define_xml([sheet], STUDY, in_xpt).decode()

    assert "CL.VOLUMES.hemisphere" in define
    assert "CL.VOLUMES.qc_flags" not in define


def test_an_analysis_set_and_a_domain_are_called_so(sheet: Sheet) -> None:
    told = {
        standard: to_define_xml([replace(sheet, form=form)], STUDY, in_xpt).decode()
        for standard in Standard
        for form in [replace(FORM, standard=standard)]
    }

    assert 'Purpose="Analysis"' in told[Standard.ADAM_BASIC]
    assert '<def:Class Name="BASIC DATA STRUCTURE"' in told[Standard.ADAM_BASIC]
    assert 'Domain="VOLUMES"' in told[Standard.SDTM_FINDINGS]
    assert '<def:Class Name="FINDINGS"' in told[Standard.SDTM_FINDINGS]
    assert "def:Class" not in told[Standard.OWN]
