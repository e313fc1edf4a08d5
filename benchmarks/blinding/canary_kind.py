"""Kinds of canaries, as de-identifiers are judged by them."""

from __future__ import annotations

from enum import StrEnum

from benchmarks.blinding.canary import Canary, Form, Place


class Kind(StrEnum):
    """What a canary stands for; each has one."""

    DIRECT = "direct identifiers"
    TEXT = "top-level text"
    NESTED = "in sequences"
    PRIVATE = "private"
    UID = "UIDs"
    DATE = "dates, times, ages"
    ODD = "odd places"
    OUTSIDE = "names, times, archives"


_OUTSIDE = frozenset({Place.FILE_NAME, Place.FOLDER_NAME, Place.FILE_TIME, Place.ARCHIVE})
_PRIVATE = frozenset(
    {Place.PRIVATE, Place.PRIVATE_CREATOR, Place.PRIVATE_NESTED, Place.PRIVATE_OPAQUE}
)
_DIRECT = frozenset(
    {
        "AccessionNumber",
        "DeviceSerialNumber",
        "InstitutionAddress",
        "InstitutionName",
        "IssuerOfPatientID",
        "MedicalRecordLocator",
        "OtherPatientIDs",
        "PatientAddress",
        "PatientID",
        "PatientInsurancePlanCodeSequence",
        "PatientMotherBirthName",
        "PatientTelecomInformation",
        "PatientTelephoneNumbers",
        "PersonAddress",
        "PersonTelephoneNumbers",
        "ReferringPhysicianAddress",
        "ReferringPhysicianTelephoneNumbers",
        "StationName",
        "StudyID",
    }
)
_MOMENTS = frozenset({Form.DATE, Form.TIME, Form.MOMENT, Form.AGE})


def kind_of(canary: Canary) -> Kind:
    """Return the kind of a canary: by its place first, then by what it is."""
    if canary.place in {Place.TOP, Place.NESTED}:
        return _kind_of_attribute(canary)
    if canary.place in _OUTSIDE:
        return Kind.OUTSIDE
    return Kind.PRIVATE if canary.place in _PRIVATE else Kind.ODD


def _kind_of_attribute(canary: Canary) -> Kind:
    if canary.form is Form.UID:
        return Kind.UID
    if canary.form in _MOMENTS:
        return Kind.DATE
    if canary.place is Place.NESTED:
        return Kind.NESTED
    return Kind.DIRECT if canary.vr == "PN" or canary.name in _DIRECT else Kind.TEXT
