"""One description of every column: what the tables hold and what ``volumes.json`` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from corelab.store.files import Json
from corelab.store.standout import FLAG_WORDS
from corelab.vocab import Hemisphere, Modality, Problem, QcFlag, Read, ReadStatus

Cell = str | float | int | None
MISSING_RULE = (
    "An empty cell is a value that could not be measured; problems.csv says why. "
    "0 is a measured value."
)
FLAG_SEPARATOR = ";"


class CellType(StrEnum):
    """Type of a column."""

    TEXT = "string"
    NUMBER = "number"
    INTEGER = "integer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of the volume table."""

    name: str
    label: str
    type: CellType
    definition: str
    value: Callable[[Read], Cell]
    unit: str | None = None
    allowed: tuple[str, ...] = ()


def _closed(words: Iterable[StrEnum]) -> tuple[str, ...]:
    return tuple(word.value for word in words)


VOLUME_COLUMNS: tuple[Column, ...] = (
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
        allowed=_closed(Modality),
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
            "count x |det(affine)| where slices are even. Rounded to 0.0001 mL."
        ),
        value=lambda read: read.measurement.infarct_volume_ml,
    ),
    Column(
        name="infarct_volume_low_ml",
        label="Infarct volume, low end of the sensitivity range",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "Smallest volume under the method's perturbed parameters. Not a confidence limit."
        ),
        value=lambda read: read.measurement.infarct_volume_low_ml,
    ),
    Column(
        name="infarct_volume_high_ml",
        label="Infarct volume, high end of the sensitivity range",
        type=CellType.NUMBER,
        unit="mL",
        definition=(
            "Largest volume under the method's perturbed parameters. Not a confidence limit."
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
        definition="Number of 26-connected pieces of the infarct mask.",
        value=lambda read: len(read.measurement.components),
    ),
    Column(
        name="hemisphere",
        label="Hemisphere",
        type=CellType.TEXT,
        definition="Side of the infarct, as the patient's own left and right.",
        allowed=_closed(Hemisphere),
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
        definition="Name and version of the segmentation method.",
        value=lambda read: read.method,
    ),
    Column(
        name="read_status",
        label="Read status",
        type=CellType.TEXT,
        definition="Who stands behind the volume.",
        allowed=_closed(ReadStatus),
        value=lambda read: read.read_status.value,
    ),
    Column(
        name="qc_flags",
        label="Reasons to look",
        type=CellType.TEXT,
        definition=f"Why a reader must look, joined by '{FLAG_SEPARATOR}'; empty for none. "
        + "; ".join(f"{flag}: {words}" for flag, words in FLAG_WORDS.items())
        + ".",
        allowed=_closed(QcFlag),
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
        name="endpoint_eligible",
        label="Eligible for the endpoint",
        type=CellType.TEXT,
        definition=(
            "Whether the volume may enter the endpoint: no when the measured image was ever "
            "compressed with loss (lossy_pixels in qc_flags) and the trial does not allow it."
        ),
        allowed=("yes", "no"),
        value=lambda read: "yes" if read.is_endpoint_eligible else "no",
    ),
)


def row_of(read: Read) -> dict[str, Cell]:
    """Row of the volume table for a read."""
    return {column.name: column.value(read) for column in VOLUME_COLUMNS}


def unmeasured_row(problem: Problem, trial_id: str) -> dict[str, Cell]:
    """Row of a case without a volume: its keys, everything else empty."""
    row: dict[str, Cell] = dict.fromkeys((column.name for column in VOLUME_COLUMNS), None)
    return row | {
        "trial_id": trial_id,
        "subject_code": problem.subject_code,
        "visit": problem.visit,
    }


def data_dictionary() -> dict[str, Json]:
    """Return what ``volumes.json`` holds: each column's meaning, in column order."""
    columns: list[Json] = []
    for column in VOLUME_COLUMNS:
        allowed: list[Json] = list(column.allowed)
        columns.append(
            {
                "name": column.name,
                "label": column.label,
                "type": column.type.value,
                "unit": column.unit,
                "definition": column.definition,
                "allowed_values": allowed or None,
            }
        )
    return {
        "table": "volumes",
        "row": "one case: one subject at one visit",
        "missing": MISSING_RULE,
        "columns": columns,
    }
