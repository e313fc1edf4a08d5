from __future__ import annotations

import json
from pathlib import Path

import pytest

from corelab.store.exchange.dataset_json import to_dataset_json
from corelab.store.exchange.define_xml import Study, to_define_xml
from corelab.store.exchange.sheet import Sheet

STUDY = Study(trial_id="NCT0", software_version="0.1.0")


def dataset(sheet: Sheet) -> bytes:
    return to_dataset_json(sheet, study="NCT0", software_version="0.1.0")


def test_dataset_json_is_what_the_standard_knows_and_holds_every_cell(sheet: Sheet) -> None:
    model = pytest.importorskip("odmlib.dataset_json_1_1", reason="odmlib is not installed")

    known = model.DatasetJSON.from_json(dataset(sheet).decode())

    assert known.datasetJSONVersion == "1.1.0"
    assert [tuple(row) for row in known.rows] == list(sheet.rows)
    assert known.column_names == [variable.name for variable in sheet.variables]
    assert known.records == 3


def test_dataset_json_says_what_the_schema_wants_of_it(sheet: Sheet) -> None:
    content = json.loads(dataset(sheet))

    required = {
        "datasetJSONCreationDateTime",
        "datasetJSONVersion",
        "itemGroupOID",
        "records",
        "name",
        "label",
        "columns",
    }
    assert required <= content.keys()
    for column in content["columns"]:
        assert {"itemOID", "name", "label", "dataType"} <= column.keys()
        assert column["dataType"] in {"string", "double", "integer"}
    assert dataset(sheet) == dataset(sheet)


def test_define_xml_fits_its_published_schema(sheet: Sheet, tmp_path: Path) -> None:
    xmlschema = pytest.importorskip("xmlschema", reason="xmlschema is not installed")
    schemas = pytest.importorskip("odmlib.schema_manager", reason="odmlib is not installed")
    path = tmp_path / "define.xml"
    path.write_bytes(to_define_xml([sheet], STUDY))

    schema = xmlschema.XMLSchema(schemas.get_schema_path("define", "2.1"))

    assert [error.reason for error in schema.iter_errors(str(path))] == []


def test_define_xml_and_dataset_json_name_groups_and_items_alike(sheet: Sheet) -> None:
    define = to_define_xml([sheet], STUDY).decode()
    content = json.loads(dataset(sheet))

    assert f'OID="{content["itemGroupOID"]}"' in define
    for column in content["columns"]:
        assert define.count(f'OID="{column["itemOID"]}"') == 2  # its reference and its definition


def test_a_column_of_several_words_has_no_code_list(sheet: Sheet) -> None:
    define = to_define_xml([sheet], STUDY).decode()

    assert "CL.VOLUMES.hemisphere" in define
    assert "CL.VOLUMES.qc_flags" not in define
