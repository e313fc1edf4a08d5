"""De-identifiers as their own documentation uses them, one file in and one file out."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pydicom
from deid.config import DeidRecipe
from deid.dicom import get_identifiers, replace_identifiers
from dicognito.anonymizer import Anonymizer
from dicomanonymizer import anonymize_dicom_file

Deidentify = Callable[[Path, Path], None]

_SEED = "corelab"
_NEW_UIDS = (
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
)
_KEPT = (
    "SOPClassUID",
    "Modality",
    "ImageType",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "KVP",
    "DiffusionBValue",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "PixelData",
)
"""What a reader of an image needs: the recipe that keeps these keeps nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One tool in one setting, and what it does not claim."""

    package: str
    setting: str
    deidentify: Deidentify
    disclaimer: str

    @property
    def title(self) -> str:
        """Name, version and setting."""
        return f"{self.package} {version(self.package)}, {self.setting}"


def _dicognito(source: Path, target: Path) -> None:
    dataset = pydicom.dcmread(source)
    _one_anonymizer().anonymize(dataset)
    dataset.save_as(target)


@cache
def _one_anonymizer() -> Anonymizer:
    """Return the one that keeps a patient the same in all files of a run."""
    return Anonymizer(seed=_SEED)


def _dicom_anonymizer(source: Path, target: Path) -> None:
    anonymize_dicom_file(str(source), str(target))


def _deid_default(source: Path, target: Path) -> None:
    _deid(source, target, recipe=None)


def _deid_keeping(source: Path, target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "deid.dicom"
        lines = ["FORMAT dicom", "", "%header", "", "REMOVE ALL", *(f"KEEP {k}" for k in _KEPT)]
        lines += [f"REPLACE {keyword} deid_func:pydicom_uuid" for keyword in _NEW_UIDS]
        recipe.write_text("\n".join(lines) + "\n", encoding="utf-8")
        _deid(source, target, recipe=recipe)


def _deid(source: Path, target: Path, *, recipe: Path | None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (written,) = replace_identifiers(
            dicom_files=[str(source)],
            ids=get_identifiers([str(source)]),
            deid=DeidRecipe(str(recipe) if recipe else None),
            save=True,
            output_folder=folder,
        )
        shutil.move(written, target)


PEERS = (
    Peer(
        package="dicognito",
        setting="default",
        deidentify=_dicognito,
        disclaimer="its page lists what is replaced or shifted; descriptions and private elements "
        "are not on the list, and PS3.15 is not claimed",
    ),
    Peer(
        package="deid",
        setting="default recipe",
        deidentify=_deid_default,
        disclaimer="claims best effort; private elements go only when asked, and a site is to "
        "write its own recipe",
    ),
    Peer(
        package="deid",
        setting="REMOVE ALL + KEEP",
        deidentify=_deid_keeping,
        disclaimer="an allow-list as a user can write it: our recipe keeps "
        f"{len(_KEPT)} attributes as they are, words of closed sets among them, and replaces "
        f"{len(_NEW_UIDS)} UIDs by deid's own function",
    ),
    Peer(
        package="dicom-anonymizer",
        setting="default",
        deidentify=_dicom_anonymizer,
        disclaimer="claims the elements that PS3.15's table names; what the table does not name is "
        "kept",
    ),
)
