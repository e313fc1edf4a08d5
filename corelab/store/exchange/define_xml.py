"""Define-XML 2.1: the dictionary of all sheets, in the form that submissions carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from corelab.store.column import CellType
from corelab.store.exchange.dataset_json import FIXED_MOMENT, item_group_oid, item_oid
from corelab.store.exchange.sheet import Sheet, Standard, Variable
from corelab.store.exchange.short_names import LISTS

_ODM = "http://www.cdisc.org/ns/odm/v1.3"
_DEF = "http://www.cdisc.org/ns/def/v2.1"
_XLINK = "http://www.w3.org/1999/xlink"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_TYPE = {CellType.TEXT: "text", CellType.NUMBER: "float", CellType.INTEGER: "integer"}
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
_NUMBER_LENGTH, _DECIMALS = 12, 6
"""Digits of a number: six decimals of a cube root are the most that are kept."""
_CLASS = {Standard.SDTM_FINDINGS: "FINDINGS", Standard.ADAM_BASIC: "BASIC DATA STRUCTURE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What the dictionary says of the trial and the program."""

    trial_id: str
    software_version: str


FileNameOf = Callable[[Sheet], str]
"""Gives the name of the file, beside the dictionary, that holds a sheet."""


def to_define_xml(sheets: Sequence[Sheet], study: Study, file_name_of: FileNameOf) -> bytes:
    """Bytes of a Define-XML 2.1 file that describes sheets, the same for the same sheets.

    Every variable's definition stands as a comment of it; a variable with a closed vocabulary
    has a code list, and one with a longer name elsewhere has that as an alias.

    Parameters
    ----------
    sheets
        As they were delivered: for SAS transport, with long texts continued.
    study
        What is said of the trial and the program.
    file_name_of
        In what file each was delivered.
    """
    for prefix, name in (("", _ODM), ("def", _DEF), ("xlink", _XLINK)):
        ET.register_namespace(prefix, name)
    root = ET.Element(
        _odm("ODM"),
        {
            "FileType": "Snapshot",
            "FileOID": f"{study.trial_id}.define",
            "CreationDateTime": FIXED_MOMENT,
            "ODMVersion": "1.3.2",
            "Originator": "corelab",
            "SourceSystem": "corelab",
            "SourceSystemVersion": study.software_version,
            _def("Context"): "Other",
        },
    )
    place = ET.SubElement(root, _odm("Study"), OID=study.trial_id)
    names = ET.SubElement(place, _odm("GlobalVariables"))
    for tag, text in (
        ("StudyName", study.trial_id),
        ("StudyDescription", "Blinded infarct volumes of an imaging core laboratory"),
        ("ProtocolName", study.trial_id),
    ):
        ET.SubElement(names, _odm(tag)).text = text
    _fill(_version(place, study), sheets, file_name_of)
    ET.indent(root)
    return f"{_DECLARATION}\n{ET.tostring(root, encoding='unicode')}\n".encode()


def _version(place: ET.Element, study: Study) -> ET.Element:
    return ET.SubElement(
        place,
        _odm("MetaDataVersion"),
        {
            "OID": f"MDV.{study.trial_id}",
            "Name": f"{study.trial_id}: tables of corelab {study.software_version}",
            _def("DefineVersion"): "2.1.0",
        },
    )


def _fill(version: ET.Element, sheets: Sequence[Sheet], file_name_of: FileNameOf) -> None:
    """Add groups, items, code lists and comments, in the order that the schema wants."""
    for sheet in sheets:
        _add_group(version, sheet, file_name_of(sheet))
    for sheet, variable in _variables(sheets):
        _add_item(version, sheet, variable)
    for sheet, variable in _variables(sheets):
        if _has_code_list(variable):
            _add_code_list(version, sheet, variable)
    for sheet, variable in _variables(sheets):
        comment = ET.SubElement(version, _def("CommentDef"), OID=_comment_oid(sheet, variable))
        unit = f" Unit: {variable.unit}." if variable.unit else ""
        _describe(comment, variable.definition + unit)


def _variables(sheets: Sequence[Sheet]) -> Iterator[tuple[Sheet, Variable]]:
    for sheet in sheets:
        for variable in sheet.variables:
            yield sheet, variable


def _add_group(version: ET.Element, sheet: Sheet, file_name: str) -> None:
    leaf, standard = f"LF.{sheet.form.short_name}", sheet.form.standard
    is_domain = standard is Standard.SDTM_FINDINGS
    group = ET.SubElement(
        version,
        _odm("ItemGroupDef"),
        {
            "OID": item_group_oid(sheet),
            **({"Domain": sheet.form.short_name} if is_domain else {}),
            "Name": sheet.form.short_name,
            "Repeating": "Yes",
            "IsReferenceData": "No",
            "SASDatasetName": sheet.form.short_name,
            "Purpose": "Analysis" if standard is Standard.ADAM_BASIC else "Tabulation",
            _def("Structure"): sheet.form.structure,
            _def("IsNonStandard"): "Yes",
            _def("ArchiveLocationID"): leaf,
        },
    )
    _describe(group, sheet.form.label)
    for number, variable in enumerate(sheet.variables, start=1):
        reference = {
            "ItemOID": item_oid(sheet, variable),
            "OrderNumber": str(number),
            "Mandatory": "Yes" if variable.key and None not in sheet.column(variable) else "No",
        }
        if variable.key:
            reference["KeySequence"] = str(variable.key)
        ET.SubElement(group, _odm("ItemRef"), reference)
    if standard in _CLASS:
        ET.SubElement(group, _def("Class"), Name=_CLASS[standard])
    file = ET.SubElement(group, _def("leaf"), {"ID": leaf, f"{{{_XLINK}}}href": file_name})
    ET.SubElement(file, _def("title")).text = file_name


def _add_item(version: ET.Element, sheet: Sheet, variable: Variable) -> None:
    item = ET.SubElement(
        version,
        _odm("ItemDef"),
        {
            "OID": item_oid(sheet, variable),
            "Name": variable.short,
            "SASFieldName": variable.short,
            "DataType": _TYPE[variable.type],
            **_size(sheet, variable),
            _def("CommentOID"): _comment_oid(sheet, variable),
        },
    )
    _describe(item, variable.short_label)
    if _has_code_list(variable):
        ET.SubElement(item, _odm("CodeListRef"), CodeListOID=_code_list_oid(sheet, variable))
    if variable.name != variable.short:
        ET.SubElement(item, _odm("Alias"), Context="column", Name=variable.name)


def _size(sheet: Sheet, variable: Variable) -> dict[str, str]:
    if variable.type is CellType.TEXT:
        return {"Length": str(sheet.length(variable))}
    if variable.type is CellType.NUMBER:
        return {"Length": str(_NUMBER_LENGTH), "SignificantDigits": str(_DECIMALS)}
    return {"Length": str(_NUMBER_LENGTH)}


def _add_code_list(version: ET.Element, sheet: Sheet, variable: Variable) -> None:
    codes = ET.SubElement(
        version,
        _odm("CodeList"),
        {
            "OID": _code_list_oid(sheet, variable),
            "Name": f"{sheet.form.name} {variable.name}",
            "DataType": "text",
            _def("IsNonStandard"): "Yes",
        },
    )
    for word in variable.allowed:
        ET.SubElement(codes, _odm("EnumeratedItem"), CodedValue=word)


def _has_code_list(variable: Variable) -> bool:
    return bool(variable.allowed) and variable.name not in LISTS


def _describe(element: ET.Element, text: str) -> None:
    description = ET.SubElement(element, _odm("Description"))
    words = ET.SubElement(description, _odm("TranslatedText"), {_LANGUAGE: "en"})
    words.text = text


def _comment_oid(sheet: Sheet, variable: Variable) -> str:
    return f"COM.{sheet.form.short_name}.{variable.name}"


def _code_list_oid(sheet: Sheet, variable: Variable) -> str:
    return f"CL.{sheet.form.short_name}.{variable.name}"


def _odm(tag: str) -> str:
    return f"{{{_ODM}}}{tag}"


def _def(tag: str) -> str:
    return f"{{{_DEF}}}{tag}"
