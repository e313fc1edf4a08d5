"""One description of every column: what the tables hold and what ``volumes.json`` says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields

from corelab.store.column import FLAG_SEPARATOR, Cell, CellType, Column, closed, described
from corelab.store.files import Json
from corelab.store.standout import FLAG_WORDS
from corelab.vocab import (
    Absence,
    AcceptedValue,
    CaseReading,
    EndpointReason,
    Hemisphere,
    HumanVersion,
    Modality,
    Problem,
    QaVerdict,
    QcFlag,
    Read,
    ReadStatus,
    Swelling,
    VerdictGiven,
)

MISSING_RULE = (
    "An empty cell is missing: missing_reason says why infarct_volume_ml is, and the message in "
    "problems.csv says more; secondary_missing says it of each secondary value. 0 is a measured "
    "value."
)
WHY_WORDS: dict[Absence, str] = {
    Absence.NO_INFARCT: "there is no infarct",
    Absence.BILATERAL: "infarct on both sides: no side is healthy",
    Absence.CT_ONLY: "defined on CT only",
    Absence.ADC_ABSENT: "there is no ADC map",
    Absence.PLANE_MISMATCH: "the two halves of the head are not alike enough to compare",
    Absence.VENTRICLES_NOT_FOUND: "no septum with ventricle on both sides was found",
    Absence.TOO_LITTLE_TISSUE: "less than 0.5 mL of tissue to compare on one side",
    Absence.TOO_LITTLE_CSF: "less than 2 mL of CSF on the healthy side",
    Absence.OLDER_VERSION: "measured by a version that did not know this value; run again",
    Absence.READ_BY_PEOPLE: "measured on the automatic mask alone, and a person's volume stands",
}
"""What the reasons for an empty secondary value mean, for people."""
REASON_WORDS: dict[EndpointReason, str] = {
    EndpointReason.LOSSY_PIXELS: "the image was ever compressed with loss",
    EndpointReason.READS_AWAITED: "not every independent read is signed",
    EndpointReason.AMENDMENT_AWAITED: "a reader has taken a signed read up again",
    EndpointReason.COMPARISON_AWAITED: "the readers' masks were not compared yet",
    EndpointReason.ADJUDICATION_AWAITED: "the readers disagree and nobody has judged yet",
    EndpointReason.IMAGE_CHANGED: "measured on another image than people read: plan reads again",
    EndpointReason.NOT_ASSESSABLE: "people read it and could not assess it",
    EndpointReason.QA_FAIL: "a QA reviewer failed it",
    EndpointReason.QA_NOT_ASSESSABLE: "a QA reviewer could not assess it",
    EndpointReason.QUERY_OPEN: "a query about it is not answered",
    EndpointReason.NOT_RELEASED: "nobody has released its images to readers",
    EndpointReason.EXCLUDED: "it was excluded",
    EndpointReason.LEDGER_BROKEN: "the ledger of reads is broken, so that no read is known",
}
"""What the reasons for leaving a volume out of the endpoint mean, for people."""


def _secondary(pick: Callable[[Swelling], Cell]) -> Callable[[Read], Cell]:
    """Cell of a secondary value; empty in records that are older than it."""

    def value(read: Read) -> Cell:
        swelling = read.measurement.swelling
        return None if swelling is None else pick(swelling)

    return value


def _range_text(limits: tuple[float, float] | None) -> str | None:
    return None if limits is None else f"{limits[0]:g} to {limits[1]:g}"


def _absent(read: Read) -> list[tuple[str, Absence]]:
    swelling = read.measurement.swelling
    if swelling is None:
        return [(name, Absence.OLDER_VERSION) for name in _secondary_names()]
    return list(swelling.absent)


def _absent_text(absent: Sequence[tuple[str, Absence]]) -> str:
    return FLAG_SEPARATOR.join(f"{name}:{reason}" for name, reason in absent)


def _secondary_names() -> list[str]:
    return sorted(field.name for field in fields(Swelling) if field.name not in _NO_VALUES)


_NO_VALUES = ("nwu_window_hu", "absent")
_WITHOUT_MASK = "midline_shift_mm"

AUTOMATIC_COLUMNS: tuple[Column[Read], ...] = (
    Column(
        name="trial_id",
        label="Trial identifier",
        type=CellType.TEXT,
        definition="Registry number of the trial, from the trial file.",
        value=lambda read: read.trial_id,
    ),
    Column(
        name="subject_code",
        label="Subject code",
        type=CellType.TEXT,
        definition="Blinded code of the subject: the only key of everything here.",
        value=lambda read: read.subject_code,
    ),
    Column(
        name="visit",
        label="Visit",
        type=CellType.TEXT,
        definition="Label of the protocol time point, from the trial file.",
        value=lambda read: read.visit,
    ),
    Column(
        name="modality",
        label="Modality measured on",
        type=CellType.TEXT,
        definition=(
            "Image that the infarct was segmented on. Volumes of different modalities are not "
            "interchangeable."
        ),
        allowed=closed(Modality),
        value=lambda read: read.modality.value,
    ),
    Column(
        name="infarct_volume_ml",
        label="Infarct volume",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "Sum over slices of infarct area x slab height, blood inside the infarct included; "
            "slab height is half the way to both neighbours along the slice normal. Equals voxel "
            "count x |det(affine)| where slices are even. Rounded to 0.0001 mL. The accepted "
            "value where people read the case, which read_status tells; else the automatic one."
        ),
        value=lambda read: read.measurement.infarct_volume_ml,
    ),
    Column(
        name="infarct_volume_low_ml",
        label="Infarct volume, low end of the sensitivity range",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "Smallest volume under the method's perturbed parameters. Not a confidence limit. "
            "Empty where a person's volume stands."
        ),
        value=lambda read: read.measurement.infarct_volume_low_ml,
    ),
    Column(
        name="infarct_volume_high_ml",
        label="Infarct volume, high end of the sensitivity range",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "Largest volume under the method's perturbed parameters. Not a confidence limit. "
            "Empty where a person's volume stands."
        ),
        value=lambda read: read.measurement.infarct_volume_high_ml,
    ),
    Column(
        name="haemorrhage_in_infarct_ml",
        label="Blood inside the infarct",
        type=CellType.NUMBER,
        unit="mL",
        definition="Part of infarct_volume_ml that is blood (mask label 2).",
        value=lambda read: read.measurement.haemorrhage_in_infarct_ml,
    ),
    Column(
        name="n_components",
        label="Connected pieces",
        type=CellType.INTEGER,
        definition=(
            "Number of 26-connected pieces of the infarct mask; empty for a mean of reads that "
            "differ in it."
        ),
        value=lambda read: len(read.measurement.components),
    ),
    Column(
        name="hemisphere",
        label="Hemisphere",
        type=CellType.TEXT,
        definition=(
            "Side of the infarct, as the patient's own left and right; empty for a mean of reads "
            "that differ in it."
        ),
        allowed=closed(Hemisphere),
        value=lambda read: read.hemisphere.value,
    ),
    Column(
        name="brain_volume_ml",
        label="Brain volume",
        type=CellType.NUMBER,
        unit="mL",
        definition="Volume of the brain mask (parenchyma and CSF inside it) as far as scanned.",
        value=lambda read: read.measurement.brain_volume_ml,
    ),
    Column(
        name="voxel_volume_mm3",
        label="Voxel volume",
        type=CellType.NUMBER,
        unit="mm3",
        definition="Volume of one voxel of the measured image; the median where slices are uneven.",
        value=lambda read: read.measurement.voxel_volume_mm3,
    ),
    Column(
        name="slice_spacing_mm",
        label="Slice spacing",
        type=CellType.NUMBER,
        unit="mm",
        definition="Distance of slices along their normal; the median where slices are uneven.",
        value=lambda read: read.measurement.slice_spacing_mm,
    ),
    Column(
        name="method",
        label="Method",
        type=CellType.TEXT,
        definition=(
            "Name and version of the segmentation method, whose mask is also the one that every "
            "reader began with."
        ),
        value=lambda read: read.method,
    ),
    Column(
        name="read_status",
        label="Read status",
        type=CellType.TEXT,
        definition=(
            "Who stands behind the volume: auto: the method alone; single: one reader; double: "
            "readers who agree; adjudicated: a third person, where readers disagreed."
        ),
        allowed=closed(ReadStatus),
        value=lambda read: read.read_status.value,
    ),
    Column(
        name="qc_flags",
        label="Reasons to look",
        type=CellType.TEXT,
        definition=f"Why a reader must look, joined by '{FLAG_SEPARATOR}'; empty for none. "
        + "; ".join(f"{flag}: {words}" for flag, words in FLAG_WORDS.items())
        + ".",
        allowed=closed(QcFlag),
        value=lambda read: FLAG_SEPARATOR.join(read.qc_flags),
    ),
    Column(
        name="software_version",
        label="Software version",
        type=CellType.TEXT,
        definition="Version of corelab that measured.",
        value=lambda read: read.software_version,
    ),
    Column(
        name="config_digest",
        label="Config digest",
        type=CellType.TEXT,
        definition="First 16 hexadecimal digits of the SHA-256 of the resolved trial settings.",
        value=lambda read: read.config_digest,
    ),
    Column(
        name="nwu_percent",
        label="Net water uptake, within a window of HU",
        type=CellType.NUMBER,
        unit="%",
        definition=(
            "100 x (1 - mean HU of the infarct / mean HU of its mirror image), voxels within "
            "nwu_window_hu on both sides, blood and CSF left out. Secondary. NCCT only."
        ),
        value=_secondary(lambda swelling: swelling.nwu_percent),
    ),
    Column(
        name="nwu_window_hu",
        label="Window of nwu_percent",
        type=CellType.TEXT,
        unit="HU",
        definition="Lowest and highest HU of the voxels that nwu_percent is made of.",
        value=_secondary(lambda swelling: _range_text(swelling.nwu_window_hu)),
    ),
    Column(
        name="nwu_unwindowed_percent",
        label="Net water uptake, without a window",
        type=CellType.NUMBER,
        unit="%",
        definition=(
            "As nwu_percent, of all voxels but blood and CSF: larger where an infarct is darker "
            "than the window. Secondary. NCCT only."
        ),
        value=_secondary(lambda swelling: swelling.nwu_unwindowed_percent),
    ),
    Column(
        name="oedema_corrected_volume_ml",
        label="Infarct volume less its water",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "infarct_volume_ml x (1 - nwu_percent / 100). Secondary: never a part of "
            "infarct_volume_ml. NCCT only."
        ),
        value=_secondary(lambda swelling: swelling.oedema_corrected_volume_ml),
    ),
    Column(
        name="csf_ratio",
        label="CSF of the affected over the healthy side",
        type=CellType.NUMBER,
        definition=(
            "Volume of CSF in the brain mask on the infarct's side of the mid-sagittal plane, the "
            "infarct left out, over that on the other side. CSF is below 12.5 HU on NCCT and above "
            "0.0015 mm2/s on DWI. Secondary."
        ),
        value=_secondary(lambda swelling: swelling.csf_ratio),
    ),
    Column(
        name="midline_shift_mm",
        label="Midline shift",
        type=CellType.NUMBER,
        unit="mm",
        definition=(
            "Distance of the septum between the lateral ventricles from the mid-sagittal plane, in "
            "the slice where it is largest; positive towards the patient's right. Secondary."
        ),
        value=_secondary(lambda swelling: swelling.midline_shift_mm),
    ),
    Column(
        name="hemisphere_share_percent",
        label="Share of the hemisphere that is infarct",
        type=CellType.NUMBER,
        unit="%",
        definition=(
            "infarct_volume_ml over the volume of the brain mask on the infarct's side of the "
            "mid-sagittal plane, as far as scanned. Secondary."
        ),
        value=_secondary(lambda swelling: swelling.hemisphere_share_percent),
    ),
    Column(
        name="secondary_missing",
        label="Why secondary values are missing",
        type=CellType.TEXT,
        definition=(
            f"'column:reason' for each secondary value that is empty, joined by "
            f"'{FLAG_SEPARATOR}'. "
            + "; ".join(f"{reason}: {words}" for reason, words in WHY_WORDS.items())
            + "."
        ),
        value=lambda read: _absent_text(_absent(read)),
    ),
    Column(
        name="hours_from_reference",
        label="Hours from the reference time",
        type=CellType.NUMBER,
        unit="h",
        definition=(
            "Hours from the trial's reference time (reference_time of the subjects file) to the "
            "first image of the measured study, to 0.1 h, by the site's clock; empty where "
            "either time is not known. Negative before the reference time."
        ),
        value=lambda read: read.hours_from_reference,
    ),
    Column(
        name="endpoint_eligible",
        label="Eligible for the endpoint",
        type=CellType.TEXT,
        definition=(
            "Whether the volume may enter the endpoint: no when the measured image was ever "
            "compressed with loss (lossy_pixels in qc_flags) and the trial does not allow it, or "
            "for any other reason of endpoint_reason."
        ),
        allowed=("yes", "no"),
        value=lambda read: "yes" if read.is_endpoint_eligible else "no",
    ),
    Column(
        name="version",
        label="Version of the read",
        type=CellType.INTEGER,
        definition=(
            "1 for the first sources that a case was measured on; one more each time that it is "
            "measured on others (another study, other series or re-sent pixels: qc_flags says "
            "which). The newest stands; reads.csv holds the earlier ones, whose files lie in "
            "the case's folder versions. New settings or software are no new version."
        ),
        value=lambda read: read.version,
    ),
)


ADDED_COLUMNS: tuple[Column[Read], ...] = (
    Column(
        name="endpoint_reason",
        label="Why it is not eligible",
        type=CellType.TEXT,
        definition=(
            f"Why endpoint_eligible is no, joined by '{FLAG_SEPARATOR}'; empty where it is yes. "
            + "; ".join(f"{reason}: {words}" for reason, words in REASON_WORDS.items())
            + "."
        ),
        allowed=closed(EndpointReason),
        value=lambda read: _reasons_text(_own_reasons(read)),
    ),
    Column(
        name="automatic_infarct_volume_ml",
        label="Infarct volume of the automatic method",
        type=CellType.NUMBER,
        unit="mL",
        definition="infarct_volume_ml of the automatic mask, whoever stands behind the volume.",
        value=lambda read: read.measurement.infarct_volume_ml,
    ),
    Column(
        name="missing_reason",
        label="Why the volume is missing",
        type=CellType.TEXT,
        definition=(
            f"Why infarct_volume_ml is empty, joined by '{FLAG_SEPARATOR}': "
            f"{EndpointReason.NOT_ASSESSABLE} where people read the case and could not assess it; "
            "else each reason_code that problems.csv has for the case. Empty where there is a "
            "volume."
        ),
        value=lambda _: None,
    ),
)
"""Columns that came after the automatic ones: always the last."""
VOLUME_COLUMNS = (*AUTOMATIC_COLUMNS, *ADDED_COLUMNS)

READ_COLUMNS: tuple[Column[HumanVersion], ...] = (
    Column(
        name="purpose",
        label="Why a person read it",
        type=CellType.TEXT,
        definition=(
            "independent, repeat (the same reader, unnoticed) or adjudication; empty for auto."
        ),
        allowed=("independent", "repeat", "adjudication"),
        value=lambda version: version.purpose,
    ),
    Column(
        name="result",
        label="What a person found",
        type=CellType.TEXT,
        definition="infarct, no_infarct or not_assessable; empty for auto.",
        allowed=("infarct", "no_infarct", "not_assessable"),
        value=lambda version: version.result,
    ),
    Column(
        name="result_reasons",
        label="Why it is not assessable",
        type=CellType.TEXT,
        definition=f"Coded reasons of not_assessable, joined by '{FLAG_SEPARATOR}'.",
        value=lambda version: FLAG_SEPARATOR.join(version.reasons),
    ),
    Column(
        name="accepted",
        label="Whether the accepted volume rests on it",
        type=CellType.TEXT,
        definition=(
            "yes where the volume of the case, or that it has none, rests on it; else no; empty "
            "for auto."
        ),
        allowed=("yes", "no"),
        value=lambda version: "yes" if version.is_accepted else "no",
    ),
    Column(
        name="read_id",
        label="Number of the read",
        type=CellType.TEXT,
        definition="Opaque number of a person's read, as in the ledger and in accepted masks.",
        value=lambda version: version.read_id,
    ),
    Column(
        name="image_sha256",
        label="Image that was read",
        type=CellType.TEXT,
        definition="SHA-256 of the image's file.",
        value=lambda version: version.image_sha256,
    ),
    Column(
        name="mask_sha256",
        label="Mask that was signed",
        type=CellType.TEXT,
        definition="SHA-256 of the mask as the ledger keeps it.",
        value=lambda version: version.mask_sha256,
    ),
)
"""What ``reads.csv`` says of people's reads alone."""


VERDICT_COLUMNS: tuple[Column[VerdictGiven], ...] = (
    Column(
        name="subject_code",
        label="Subject code",
        type=CellType.TEXT,
        definition="Blinded code of the subject.",
        value=lambda given: given.case.subject_code,
    ),
    Column(
        name="visit",
        label="Visit",
        type=CellType.TEXT,
        definition="Label of the protocol time point.",
        value=lambda given: given.case.visit,
    ),
    Column(
        name="rater",
        label="QA reviewer",
        type=CellType.TEXT,
        definition="Name of the reviewer.",
        value=lambda given: given.rater,
    ),
    Column(
        name="verdict",
        label="Verdict",
        type=CellType.TEXT,
        definition="What the reviewer says of scan and mask. Comments stay in the ledger.",
        allowed=closed(QaVerdict),
        value=lambda given: given.verdict.value,
    ),
    Column(
        name="verdict_reasons",
        label="Reasons of the verdict",
        type=CellType.TEXT,
        definition=f"Coded reasons, joined by '{FLAG_SEPARATOR}'.",
        value=lambda given: FLAG_SEPARATOR.join(given.reasons),
    ),
    Column(
        name="stands",
        label="Whether it stands",
        type=CellType.TEXT,
        definition="yes where it is the reviewer's last word on the image that counts.",
        allowed=("yes", "no"),
        value=lambda given: "yes" if given.stands else "no",
    ),
    Column(
        name="image_sha256",
        label="Image that was judged",
        type=CellType.TEXT,
        definition="SHA-256 of the image's file.",
        value=lambda given: given.image_sha256,
    ),
    Column(
        name="mask_sha256",
        label="Mask that was judged",
        type=CellType.TEXT,
        definition="SHA-256 of the mask's file.",
        value=lambda given: given.mask_sha256,
    ),
)


def row_of(read: Read, reading: CaseReading | None = None) -> dict[str, Cell]:
    """Row of the volume table for a case.

    Parameters
    ----------
    read
        Its automatic read.
    reading
        What people made of it.
    """
    row = {column.name: column.value(read) for column in VOLUME_COLUMNS}
    if reading is None:
        return row
    is_same = reading.image_sha256 in {None, *(digest.sha256 for digest in read.digests)}
    reasons = [*_own_reasons(read), *reading.reasons]
    if not is_same:
        reasons.append(EndpointReason.IMAGE_CHANGED)
    if reading.value and is_same:
        row |= _accepted_cells(reading.value, read)
    return row | {
        "endpoint_eligible": "no" if reasons else "yes",
        "endpoint_reason": _reasons_text(reasons),
    }


def human_row(version: HumanVersion, trial_id: str) -> dict[str, Cell]:
    """Row of the table of reads for a version of a person's read."""
    row: dict[str, Cell] = dict.fromkeys((column.name for column in VOLUME_COLUMNS), None)
    return {
        **row,
        "trial_id": trial_id,
        "subject_code": version.case.subject_code,
        "visit": version.case.visit,
        "modality": version.modality.value,
        "infarct_volume_ml": version.infarct_volume_ml,
        "haemorrhage_in_infarct_ml": version.haemorrhage_in_infarct_ml,
        "n_components": version.n_components,
        "hemisphere": version.hemisphere.value if version.hemisphere else None,
        "software_version": version.software_version,
        "version": version.version,
        "reader": version.reader,
        "stands": "yes" if version.stands else "no",
        **{column.name: column.value(version) for column in READ_COLUMNS},
    }


def _accepted_cells(value: AcceptedValue, read: Read) -> dict[str, Cell]:
    """Cells in which a person's word takes the place of the method's.

    What the method alone can say (its sensitivity range, and what it measured on its own mask)
    would be read as said of the person's mask: it is left out. The midline needs no mask.
    """
    lost = [name for name in _secondary_names() if name != _WITHOUT_MASK]
    kept = [pair for pair in _absent(read) if pair[0] == _WITHOUT_MASK]
    absent = [*((name, Absence.READ_BY_PEOPLE) for name in lost), *kept]
    return {
        "infarct_volume_ml": value.infarct_volume_ml,
        "infarct_volume_low_ml": None,
        "infarct_volume_high_ml": None,
        "haemorrhage_in_infarct_ml": value.haemorrhage_in_infarct_ml,
        "n_components": value.n_components,
        "hemisphere": value.hemisphere.value if value.hemisphere else None,
        "read_status": value.read_status.value,
        "missing_reason": (
            EndpointReason.NOT_ASSESSABLE.value if value.infarct_volume_ml is None else None
        ),
        **dict.fromkeys((*lost, "nwu_window_hu"), None),
        "secondary_missing": _absent_text(absent),
    }


def _own_reasons(read: Read) -> list[EndpointReason]:
    return [] if read.is_endpoint_eligible else [EndpointReason.LOSSY_PIXELS]


def _reasons_text(reasons: Sequence[EndpointReason]) -> str:
    return FLAG_SEPARATOR.join(dict.fromkeys(reasons))


def unmeasured_row(problems: Sequence[Problem], trial_id: str) -> dict[str, Cell]:
    """Row of a case that was not measured: its keys and all its problems, everything else empty."""
    row: dict[str, Cell] = dict.fromkeys((column.name for column in VOLUME_COLUMNS), None)
    reasons = dict.fromkeys(problem.reason_code for problem in problems)
    return row | {
        "trial_id": trial_id,
        "subject_code": problems[0].subject_code,
        "visit": problems[0].visit,
        "missing_reason": FLAG_SEPARATOR.join(reasons),
    }


def data_dictionary() -> dict[str, Json]:
    """Return what ``volumes.json`` holds: each column's meaning, in column order."""
    return {
        "table": "volumes",
        "row": "one case: one subject at one visit",
        "missing": MISSING_RULE,
        "columns": described(VOLUME_COLUMNS),
    }
