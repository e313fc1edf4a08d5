"""CDISC Dataset-JSON 1.1: one data set a file, columns described, rows as arrays."""

from __future__ import annotations

import json

from corelab.store.column import CellType
from corelab.store.exchange.sheet import Sheet, Variable
from corelab.store.files import Json

FIXED_MOMENT = "1960-01-01T00:00:00Z"
"""Stands for the time of writing, which the format wants and no reader needs: the same sheet gives
the same bytes, and no file tells when a site's scans arrived."""
_TYPE = {CellType.TEXT: "string", CellType.NUMBER: "double", CellType.INTEGER: "integer"}


def item_group_oid(sheet: Sheet) -> str:
    """Give the identifier of a sheet, which the Define-XML beside it uses too."""
    return f"IG.{sheet.form.short_name}"


def item_oid(sheet: Sheet, variable: Variable) -> str:
    """Give the identifier of a variable, which the Define-XML beside it uses too."""
    return f"IT.{sheet.form.short_name}.{variable.name}"


def to_dataset_json(sheet: Sheet, *, study: str, software_version: str) -> bytes:
    """Bytes of a Dataset-JSON file, the same for the same sheet.

    Parameters
    ----------
    sheet
        The table; missing cells become ``null``.
    study
        Registry number of the trial.
    software_version
        Version of corelab that wrote the sheet's numbers.
    """
    columns: list[Json] = [_column(sheet, variable) for variable in sheet.variables]
    rows: list[Json] = [list(row) for row in sheet.rows]
    content: dict[str, Json] = {
        "datasetJSONCreationDateTime": FIXED_MOMENT,
        "datasetJSONVersion": "1.1.0",
        "fileOID": f"{study}.{sheet.form.short_name}",
        "originator": "corelab",
        "sourceSystem": {"name": "corelab", "version": software_version},
        "studyOID": study,
        "metaDataVersionOID": f"MDV.{study}",
        "metaDataRef": "define.xml",
        "itemGroupOID": item_group_oid(sheet),
        "records": len(sheet.rows),
        "name": sheet.form.short_name,
        "label": sheet.form.label,
        "columns": columns,
        "rows": rows,
    }
    return (json.dumps(content, indent=1, ensure_ascii=True) + "\n").encode()


def _column(sheet: Sheet, variable: Variable) -> dict[str, Json]:
    column: dict[str, Json] = {
        "itemOID": item_oid(sheet, variable),
        "name": variable.name,
        "label": variable.label,
        "dataType": _TYPE[variable.type],
    }
    if variable.type is CellType.TEXT:
        column["length"] = sheet.length(variable)
    if variable.key:
        column["keySequence"] = variable.key
    return column
