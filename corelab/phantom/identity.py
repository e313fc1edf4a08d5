"""Invented people, hospitals and scanners: a sample carries identifiers as deliveries do.

Attributes are pairs of a DICOM keyword and its value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from corelab.phantom.exam import Role

Attributes = tuple[tuple[str, str | float | int | tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A scanner: ``kernels`` are the soft and the bone one, empty for MR."""

    manufacturer: str
    model: str
    serial: str
    station: str
    software: str
    kernels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A hospital that does not exist.

    Parameters
    ----------
    institution, address, department
        Where it would be.
    id_pattern
        Format of its patient numbers, filled with one whole number.
    physicians, radiographers
        Staff, in DICOM's form of names.
    character_set
        Specific Character Set (0008,0005) of its files.
    ct, mr
        Its scanners.
    """

    institution: str
    address: str
    department: str
    id_pattern: str
    physicians: tuple[str, ...]
    radiographers: tuple[str, ...]
    character_set: str
    ct: Device
    mr: Device


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A patient who does not exist.

    ``name`` is in DICOM's form; ``plain_name`` has only letters that suit a file name.
    """

    name: str
    plain_name: str
    patient_id: str
    birth_date: date
    sex: str
    address: str
    phone: str


SITES = (
    Site(
        institution="St. Aldwyn General Hospital",
        address="14 Harbour Terrace, Northcliff NC4 7QX",
        department="Neuroradiology, Level 2",
        id_pattern="MRN-{:07d}",
        physicians=("Okonedo^Felicity^^Dr", "Brandreth^Tobias^^Prof"),
        radiographers=("Haldane^Moira", "Pike^Ansel"),
        character_set="ISO_IR 192",
        ct=Device(
            manufacturer="GE MEDICAL SYSTEMS",
            model="Optima CT660",
            serial="CT660-20417",
            station="ALDWYNCT2",
            software="18HW28.8",
            kernels=("STANDARD", "BONE"),
        ),
        mr=Device(
            manufacturer="Philips Medical Systems",
            model="Ingenia",
            serial="45127",
            station="ALDWYNMR1",
            software="5.6.1",
        ),
    ),
    Site(
        institution="Klinikum Birkental",
        address="Lindenring 88, 79999 Birkental",
        department="Institut Neuroradiologie",
        id_pattern="{:09d}",
        physicians=("Weidenh\u00f6fer^Ottilie^^Dr. med.", "Kr\u00e4henb\u00fchl^Arnulf^^Prof."),
        radiographers=("Zandt^Mareike", "Quast^Benno"),
        character_set="ISO_IR 100",
        ct=Device(
            manufacturer="SIEMENS",
            model="SOMATOM Definition AS",
            serial="66281",
            station="BIRKCT01",
            software="syngo CT VA48A",
            kernels=("J37s", "H70h"),
        ),
        mr=Device(
            manufacturer="SIEMENS",
            model="Skyra",
            serial="145093",
            station="BIRKMR01",
            software="syngo MR E11",
        ),
    ),
)

_FAMILY = (
    ("Thistlewood", "Thistlewood"),
    ("Vandermolen", "Vandermolen"),
    ("Ashgrove", "Ashgrove"),
    ("M\u00fchlfeld", "Muehlfeld"),
    ("Corrigan-Bell", "CorriganBell"),
    ("S\u00f8rbye", "Soerbye"),
    ("Pellegrew", "Pellegrew"),
    ("Okafor-Lind", "OkaforLind"),
    ("Wintergreen", "Wintergreen"),
    ("Delacourt", "Delacourt"),
    ("Brackenridge", "Brackenridge"),
    ("Havelka", "Havelka"),
)
_GIVEN = {
    "F": ("Rosamund", "Ingeborg", "Philippa", "Henrike", "Odette", "Wilhelmina"),
    "M": ("Barnaby", "Leopold", "Cornelius", "Friedhelm", "Ambrose", "Thaddeus"),
}
_STREETS = ("Quarry Lane", "Millrace Road", "Rosenweg", "Old Tannery Street", "Am Steinbruch")
_FIRST_BIRTH = date(1934, 1, 1)
_BIRTH_SPAN_DAYS = 14600


def draw_person(rng: np.random.Generator, site: Site) -> Person:
    """Invented patient of a site."""
    sex = str(rng.choice(["F", "M"]))
    family, plain = _FAMILY[int(rng.integers(len(_FAMILY)))]
    given = str(rng.choice(_GIVEN[sex]))
    house = int(rng.integers(2, 190))
    return Person(
        name=f"{family}^{given}",
        plain_name=f"{plain}_{given}",
        patient_id=site.id_pattern.format(int(rng.integers(1_000_000, 9_999_999))),
        birth_date=_FIRST_BIRTH + timedelta(days=int(rng.integers(_BIRTH_SPAN_DAYS))),
        sex=sex,
        address=f"{house} {rng.choice(_STREETS)}",
        phone=f"0{int(rng.integers(100, 999))} {int(rng.integers(100000, 999999))}",
    )


def person_attributes(person: Person, site: Site) -> Attributes:
    """Elements that name the patient and the staff."""
    family = person.name.split("^")[0]
    doctor, writer = site.physicians
    return (
        ("PatientName", person.name),
        ("PatientID", person.patient_id),
        ("PatientBirthDate", f"{person.birth_date:%Y%m%d}"),
        ("PatientSex", person.sex),
        ("PatientAddress", person.address),
        ("PatientTelephoneNumbers", person.phone),
        ("PatientComments", f"Next of kin {family}, same address"),
        ("AdditionalPatientHistory", f"{family}: sudden hemiparesis, thrombectomy by night team"),
        ("ImageComments", f"Pls compare with prior of {family}"),
        ("ReferringPhysicianName", doctor),
        ("RequestingPhysician", writer),
        ("NameOfPhysiciansReadingStudy", writer),
        ("OperatorsName", site.radiographers[len(family) % 2]),
    )


def device_attributes(site: Site, device: Device) -> Attributes:
    """Elements that name the hospital and its scanner."""
    return (
        ("InstitutionName", site.institution),
        ("InstitutionAddress", site.address),
        ("InstitutionalDepartmentName", site.department),
        ("Manufacturer", device.manufacturer),
        ("ManufacturerModelName", device.model),
        ("DeviceSerialNumber", device.serial),
        ("StationName", device.station),
        ("SoftwareVersions", device.software),
    )


def technique_attributes(role: Role, device: Device) -> Attributes:
    """Elements that say what an image is and how it was made."""
    common: Attributes = (("PatientPosition", "HFS"), ("BodyPartExamined", "HEAD"))
    return (*common, *_TECHNIQUE[role], *_kernel(role, device))


def _kernel(role: Role, device: Device) -> Attributes:
    place = {Role.CT: 0, Role.BONE: 1}.get(role)
    return () if place is None else (("ConvolutionKernel", device.kernels[place]),)


_XRAY: Attributes = (("KVP", 120), ("XRayTubeCurrent", 210))
_ECHO_PLANAR: Attributes = (
    ("ScanningSequence", "EP"),
    ("SequenceVariant", "SK"),
    ("MRAcquisitionType", "2D"),
    ("MagneticFieldStrength", 3),
    ("RepetitionTime", 5200),
    ("EchoTime", 88),
)
_TECHNIQUE: dict[Role, Attributes] = {
    Role.CT: (
        ("ImageType", ("ORIGINAL", "PRIMARY", "AXIAL")),
        ("SeriesDescription", "Head native ax"),
        *_XRAY,
    ),
    Role.BONE: (
        ("ImageType", ("ORIGINAL", "PRIMARY", "AXIAL")),
        ("SeriesDescription", "Head base BONE"),
        *_XRAY,
    ),
    Role.SCOUT: (
        ("ImageType", ("ORIGINAL", "PRIMARY", "LOCALIZER")),
        ("SeriesDescription", "Scout lat"),
        *_XRAY,
    ),
    Role.B0: (
        ("ImageType", ("ORIGINAL", "PRIMARY", "DIFFUSION", "NONE")),
        ("SeriesDescription", "ep2d_diff_b0_b1000"),
        ("DiffusionBValue", 0.0),
        ("DiffusionDirectionality", "NONE"),
        *_ECHO_PLANAR,
    ),
    Role.TRACE: (
        ("ImageType", ("ORIGINAL", "PRIMARY", "DIFFUSION", "TRACEW")),
        ("SeriesDescription", "ep2d_diff_b0_b1000"),
        ("DiffusionBValue", 1000.0),
        ("DiffusionDirectionality", "ISOTROPIC"),
        *_ECHO_PLANAR,
    ),
    Role.ADC: (
        ("ImageType", ("DERIVED", "PRIMARY", "DIFFUSION", "ADC")),
        ("SeriesDescription", "ep2d_diff_ADC"),
        *_ECHO_PLANAR,
    ),
    Role.FLAIR: (
        ("ImageType", ("ORIGINAL", "PRIMARY", "M", "ND")),
        ("SeriesDescription", "t2_tirm_tra_dark-fluid"),
        ("ScanningSequence", "IR"),
        ("SequenceVariant", "SK"),
        ("MRAcquisitionType", "2D"),
        ("MagneticFieldStrength", 3),
        ("RepetitionTime", 9000),
        ("EchoTime", 86),
        ("InversionTime", 2500),
    ),
}
