"""A delivery with a canary in every public text attribute, and yet one that can be measured.

A CT and two diffusion studies of the synthetic sample, one of them of multi-frame objects, are
written anew. Each image carries some dozens of canaries, and all images together every attribute
at top level, in a sequence and in a private block.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path, PurePosixPath

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from benchmarks.blinding.canary import Canary, Place, value_of
from benchmarks.blinding.canary_attributes import (
    OF_FILE,
    OF_SERIES,
    OF_STUDY,
    ON_CT,
    ON_MR,
    UNPLANTED_IN_SEQUENCE,
    Attribute,
    byte_attributes,
    repeating_attributes,
    spread,
    text_attributes,
)
from benchmarks.blinding.canary_odd import (
    add_annotation,
    add_bytes,
    add_drawings,
    add_file_meta,
    add_private,
    comment_pixels,
    encapsulated_document,
    lengthen_native_pixels,
    secondary_capture,
)
from benchmarks.blinding.canary_planted import Planted
from benchmarks.blinding.canary_planter import YEARS_OF_FILES, Planter, set_time

_CONTAINERS = (
    ("RequestAttributesSequence",),
    ("ProcedureCodeSequence",),
    ("ReferencedStudySequence",),
    ("AnatomicRegionSequence", "AnatomicRegionModifierSequence"),
    ("OtherPatientIDsSequence",),
    ("PerformedProtocolCodeSequence", "ProtocolContextSequence"),
)
"""Where nested canaries stand: sequences that PS3.15 lists, and others, one and two deep."""
SEED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """A study of the sample that is planted, and what the trial calls it."""

    folder: str
    subject_code: str
    visit: str


STUDIES = (
    Study(folder="Soerbye_Ingeborg MRN-2225682", subject_code="LDJGHF", visit="fu24h"),
    Study(folder="Delacourt_Rosamund 009809779", subject_code="GYC4D4", visit="fu24h"),
    Study(folder="CD MRN-7113417 2024-06-24", subject_code="TPGCGY", visit="fu24h"),
)


@dataclass(frozen=True, slots=True)
class _Image:
    """One image on its way into the delivery."""

    dataset: Dataset
    file: PurePosixPath
    study: str
    series: str
    is_ct: bool


def plant_delivery(sample: Path, folder: Path, *, seed: int = SEED) -> Planted:
    """Write a planted delivery of loose files.

    Parameters
    ----------
    sample
        ``sample_data``.
    folder
        A new folder; the delivery's own name below it is a canary.
    seed
        Same seed, same canaries.
    """
    planter = Planter(seed)
    incoming = folder / planter.word(Place.FOLDER_NAME, "delivery", PurePosixPath())
    images = [image for study in STUDIES for image in _received(sample, study, planter)]
    _plant_top(images, planter)
    _plant_nested(images, planter)
    _plant_private(images, planter)
    _plant_odd(images, planter)
    for image in images:
        _write(incoming, image.dataset, image.file)
    _lengthen_file(incoming, images[1].file, planter)
    _write_beside(incoming, images, planter)
    for path in sorted(p for p in incoming.rglob("*") if p.is_file()):
        file = PurePosixPath(path.relative_to(incoming).as_posix())
        set_time(path, planter.day(Place.FILE_TIME, "modified", file, YEARS_OF_FILES))
    subjects = folder / "subjects.csv"
    subjects.write_text(_crosswalk(images), encoding="utf-8")
    return Planted(
        incoming=incoming,
        subjects_file=subjects,
        canaries=tuple(planter.canaries),
        images=tuple(image.file for image in images),
    )


def _received(sample: Path, study: Study, planter: Planter) -> Iterator[_Image]:
    """Images of a study of the sample, each under a name that is a canary."""
    top = sample / "incoming" / study.folder
    names: dict[Path, PurePosixPath] = {top: _folder(planter, PurePosixPath())}
    for path in sorted(p for p in top.rglob("*") if p.is_file()):
        if path.parent not in names:
            names[path.parent] = _folder(planter, names[top])
        word = planter.word(Place.FILE_NAME, "image", PurePosixPath())
        file = names[path.parent] / f"{word}.dcm"
        planter.canaries[-1] = replace(planter.canaries[-1], file=file)
        dataset = pydicom.dcmread(path)
        yield _Image(
            dataset, file, study.folder, str(dataset.SeriesInstanceUID), dataset.Modality == "CT"
        )


def _folder(planter: Planter, above: PurePosixPath) -> PurePosixPath:
    word = planter.word(Place.FOLDER_NAME, "folder", PurePosixPath())
    planter.canaries[-1] = replace(planter.canaries[-1], file=above / word)
    return above / word


def _plant_top(images: list[_Image], planter: Planter) -> None:
    attributes = text_attributes()
    for key, shared in (("study", OF_STUDY), ("series", OF_SERIES), ("file", OF_FILE)):
        groups: dict[str, list[_Image]] = {}
        for image in images:
            groups.setdefault(str(getattr(image, key)), []).append(image)
        for attribute in (a for a in attributes if a.keyword in shared):
            for group in groups.values():
                _set_on_all(group, attribute, planter)
    turns = {
        "ct": cycle([image for image in images if image.is_ct]),
        "mr": cycle([image for image in images if not image.is_ct]),
        "any": cycle(images),
    }
    for attribute in spread(attributes):
        image = next(turns[_carrier_of(attribute)])
        _set(image.dataset, attribute, planter.plant(Place.TOP, *_named(attribute), image.file))


def _carrier_of(attribute: Attribute) -> str:
    if attribute.keyword in ON_CT:
        return "ct"
    return "mr" if attribute.keyword in ON_MR else "any"


def _set_on_all(images: list[_Image], attribute: Attribute, planter: Planter) -> None:
    canary = planter.plant(Place.TOP, *_named(attribute), images[0].file)
    for image in images:
        _set(image.dataset, attribute, canary)


def _named(attribute: Attribute) -> tuple[str, str]:
    return attribute.keyword or f"{attribute.tag:08X}", attribute.vr


def _set(dataset: Dataset, attribute: Attribute, canary: Canary) -> None:
    value: str | list[str] = value_of(canary)
    if attribute.keyword == "ImageType":
        value = [*dataset.ImageType, canary.text]
    dataset[attribute.tag] = DataElement(attribute.tag, attribute.vr, value)
    if attribute.keyword == "SOPInstanceUID":
        dataset.file_meta.MediaStorageSOPInstanceUID = value


def _plant_nested(images: list[_Image], planter: Planter) -> None:
    attributes = [a for a in text_attributes() if a.keyword not in UNPLANTED_IN_SEQUENCE]
    containers = cycle(_CONTAINERS)
    for first, image in enumerate(images):
        item = Dataset()
        for attribute in attributes[first :: len(images)]:
            canary = planter.plant(Place.NESTED, *_named(attribute), image.file)
            _set_plain(item, attribute, canary)
        for keyword in reversed(next(containers)):
            outer = Dataset()
            setattr(outer, keyword, [item])
            item = outer
        image.dataset.update(item)


def _set_plain(item: Dataset, attribute: Attribute, canary: Canary) -> None:
    item[attribute.tag] = DataElement(attribute.tag, attribute.vr, value_of(canary))


def _plant_private(images: list[_Image], planter: Planter) -> None:
    attributes = text_attributes()
    for first, image in enumerate(images):
        mine = attributes[first :: len(images)]
        creator = planter.word(Place.PRIVATE_CREATOR, "creator", image.file)
        block = image.dataset.private_block(0x0011, creator, create=True)
        for offset, attribute in enumerate(mine, start=1):
            canary = planter.plant(Place.PRIVATE, *_named(attribute), image.file)
            block.add_new(offset, attribute.vr, value_of(canary))


def _plant_odd(images: list[_Image], planter: Planter) -> None:
    for number, image in enumerate(images):
        dataset, file = image.dataset, image.file
        add_private(dataset, file, planter)
        add_file_meta(dataset, file, planter)
        spoil_pixels = comment_pixels if number else lengthen_native_pixels
        spoil_pixels(dataset, file, planter)
        for attribute in byte_attributes()[number :: len(images)]:
            add_bytes(dataset, attribute, file, planter)
    for image in _first_of_each_series(images):
        add_annotation(image.dataset, image.file, planter)
        add_drawings(image.dataset, repeating_attributes(), image.file, planter)


def _first_of_each_series(images: list[_Image]) -> list[_Image]:
    return list({image.series: image for image in reversed(images)}.values())


def _write_beside(incoming: Path, images: list[_Image], planter: Planter) -> None:
    """Write what lies in a delivery beside its images, and is measured by nobody."""
    model = images[0].dataset
    for make in (encapsulated_document, secondary_capture):
        word = planter.word(Place.FILE_NAME, "object", PurePosixPath())
        file = images[0].file.parent / f"{word}.dcm"
        planter.canaries[-1] = replace(planter.canaries[-1], file=file)
        _write(incoming, make(model, file, planter), file)
    file = PurePosixPath("README.txt")
    note = planter.word(Place.OTHER_OBJECT, "text file", file)
    (incoming / file).write_text(f"images of {note}\n", encoding="utf-8")


def _write(incoming: Path, dataset: Dataset, file: PurePosixPath) -> None:
    path = incoming / file
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)


def _lengthen_file(incoming: Path, file: PurePosixPath, planter: Planter) -> None:
    """Bytes behind the last element, which are no element: some programs refuse the file."""
    word = planter.word(Place.BEHIND_PIXELS, "end of file", file)
    with (incoming / file).open("ab") as stream:
        stream.write(word.encode())


def _crosswalk(images: list[_Image]) -> str:
    lines = ["patient_id,subject_code,visit,study_instance_uid"]
    for study in STUDIES:
        dataset = next(image.dataset for image in images if image.study == study.folder)
        patient, uid = dataset.PatientID, dataset.StudyInstanceUID
        lines.append(f"{patient},{study.subject_code},{study.visit},{uid}")
    return "\n".join(lines) + "\n"
