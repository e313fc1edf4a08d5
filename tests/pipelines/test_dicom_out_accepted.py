"""``corelab export-dicom`` where people read: what they signed comes back, and names nobody."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from corelab.reading.event import DraftSaved, ReadOpened, ReadSigned
from corelab.reading.records import HumanRead
from corelab.reading.result import Result, Unassessable
from corelab.review.keeper import RoomKeeper, Step
from corelab.stages.measure import infarct_numbers
from corelab.store.files import sha256_of
from corelab.store.image import load_image, save_image
from corelab.store.layout import Layout
from corelab.store.ledger import create_ledger
from corelab.store.ledger_mask import pack_mask
from corelab.store.nifti import load_mask
from corelab.store.record import load_read, save_read
from corelab.trial import load_trial
from corelab.vocab import Case, Digest, SubjectCode, VisitLabel
from corelab.volume import Volume
from pipelines.reads import Planner
from tests.dicom.seg_reading import masks_of, measured_in
from tests.pipelines.reading_room import (
    PEOPLE,
    SIGNERS,
    TRIAL_LINES,
    ledger_of,
    room_of,
    trial_file,
)
from tests.pipelines.test_dicom_out import (
    Batch,
    content,
    export,
    file_of,
    labels_of,
    measured_sample,
)

CODE, VISIT = "W8US6M", "fu24h"  # CT, with blood
CASE = Case(SubjectCode(CODE), VisitLabel(VISIT))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Batch:
    return measured_sample(tmp_path_factory.mktemp("batch"))


@pytest.fixture
def batch(measured: Batch, tmp_path: Path) -> Batch:
    """A copy of OUT with people, and reads that are planned."""
    out = Path(shutil.copytree(measured.out, tmp_path / "out"))
    with create_ledger(Layout(out).ledger) as ledger:
        for place, (name, role) in enumerate(PEOPLE.items()):
            added = {"name": name, "role": role, "public_key_hex": SIGNERS[name].public_key_hex}
            ledger.append(SIGNERS["mia"], "user_added", added, after=place)
    path = trial_file(tmp_path, TRIAL_LINES)
    with ledger_of(out) as ledger:
        Planner(Layout(out), ledger, SIGNERS["mia"]).plan(load_trial(path), path)
    return Batch(measured.incoming, out, measured.vault)


def automatic(out: Path) -> Volume:
    layout = Layout(out)
    image = load_image(layout.image(CASE, load_read(layout.read(CASE)).modality.contrast))
    return image.with_data(load_mask(layout.infarct_mask(CASE), image))


def less(out: Path, share: float) -> NDArray[np.uint8]:
    """The automatic mask without some of its voxels."""
    labels = np.array(automatic(out).data, dtype=np.uint8)
    places = np.flatnonzero(labels)
    labels.flat[places[: int(share * len(places))]] = 0
    return labels


def elsewhere(out: Path) -> NDArray[np.uint8]:
    """A mask of which nothing is the method's."""
    known = np.asarray(automatic(out).data)
    labels = np.zeros(known.shape, np.uint8)
    labels[5:40, 5:40, 2] = 1
    return labels * (known == 0)


def sign(out: Path, name: str, labels: NDArray[np.uint8] | None) -> HumanRead:
    """Open, draw and sign a person's read of the case, and all that follows."""
    read = next(read for read in room_of(out).worklist(name) if read.case == CASE)
    signer = SIGNERS[name]
    with ledger_of(out) as ledger:
        # Reads of other cases come first in the person's order.
        keeper = RoomKeeper(ledger)
        for before in room_of(out).worklist(name):
            if before.kind is read.kind and before.number < read.number and not before.version:
                opened = ReadOpened(read_id=before.read_id)
                keeper.write(signer, lambda _, event=opened: Step(event=event))
                event = signing(before, None, None)
                keeper.write(signer, lambda _, event=event: Step(event=event))
        keeper.write(signer, lambda _: Step(event=ReadOpened(read_id=read.read_id)))
        sha256 = None
        if labels is not None:
            packed = pack_mask(labels)
            sha256 = packed.sha256
            draft = DraftSaved(read_id=read.read_id, edition=1, mask_sha256=sha256)
            blobs = {sha256: packed.content}
            read = keeper.write(signer, lambda _: Step(event=draft, blobs=blobs)).read(read.read_id)
        volume = None if labels is None else automatic(out).with_data(labels)
        event = signing(read, sha256, volume)
        keeper.write(signer, lambda _: Step(event=event))
        keeper.follow(signer, CASE)
        return keeper.room().read(read.read_id)


def signing(read: HumanRead, sha256: str | None, volume: Volume | None) -> ReadSigned:
    numbers = infarct_numbers(volume) if volume else None
    return ReadSigned(
        read_id=read.read_id,
        version=1,
        edition=read.edition,
        result=Result.INFARCT if numbers else Result.NOT_ASSESSABLE,
        reasons=() if numbers else (Unassessable.MOTION,),
        comment="",
        mask_sha256=sha256,
        image_sha256=read.image_sha256,
        infarct_volume_ml=numbers.infarct_volume_ml if numbers else None,
        haemorrhage_in_infarct_ml=numbers.haemorrhage_in_infarct_ml if numbers else None,
        n_components=len(numbers.components) if numbers else None,
        hemisphere=None,
        software_version="0.1.0",
        meaning="I read this scan myself.",
    )


def signed_file(folder: Path, read: HumanRead, kind: str) -> Path:
    return folder / f"{CASE.stem}_desc-read{read.read_id}v1_{kind}.dcm"


def mask_in(out: Path, path: Path) -> NDArray[np.bool_]:
    labels, origins = labels_of(out, CODE, VISIT)
    i, j, k = labels.shape
    return masks_of(pydicom.dcmread(path), origins, (i, j, k))[1]


def words_of(report: Dataset) -> dict[str, str]:
    """Every code and name of a report, by what it is called."""
    found: dict[str, str] = {}
    for item in report.iterall():
        if item.keyword == "ConceptCodeSequence":
            found[item.value[0].CodeMeaning] = item.value[0].CodeValue
        if item.keyword == "PersonName":
            found["observer"] = str(item.value)
    return found


def test_what_two_readers_agree_on_is_written_as_both_masks_with_their_own_volumes(
    batch: Batch, tmp_path: Path
) -> None:
    masks = {"ada": less(batch.out, 0.05), "ben": less(batch.out, 0.1)}
    reads = {name: sign(batch.out, name, labels) for name, labels in masks.items()}
    done = export(batch, tmp_path / "dicom", CODE)
    assert done.exit_code == 0, done.output
    assert done.output.count("(double read)") == 2
    observers = set()
    for name, read in reads.items():
        segmentation = signed_file(tmp_path / "dicom", read, "seg")
        np.testing.assert_array_equal(mask_in(batch.out, segmentation), masks[name] != 0)
        report = pydicom.dcmread(signed_file(tmp_path / "dicom", read, "report"))
        assert read.standing
        assert measured_in(report)[0].volume == read.standing.infarct_volume_ml
        assert report.PreliminaryFlag == "FINAL"
        assert words_of(report)["Accepted by double read"] == "double"
        described = pydicom.dcmread(segmentation)
        assert described.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
        assert described.ContentDescription == "Infarct, double read, signed"
        assert str(described.ContentCreatorName) == words_of(report)["observer"]
        observers.add(words_of(report)["observer"])
        for whole in (described, report):
            texts = " ".join(str(item.value) for item in whole.iterall() if item.VR != "OB")
            assert not re.search(r"\b(ada|ben)\b", texts, re.IGNORECASE)
    assert len(observers) == 2, "one reader's masks are told from another's"
    assert not file_of(tmp_path / "dicom", CODE, VISIT, "seg").exists()


def test_a_judgement_is_written_alone_and_as_drawn_by_hand_where_nothing_is_the_methods(
    batch: Batch, tmp_path: Path
) -> None:
    sign(batch.out, "ada", less(batch.out, 0.0))
    sign(batch.out, "ben", less(batch.out, 0.9))
    third = sign(batch.out, "cleo", elsewhere(batch.out))
    done = export(batch, tmp_path / "dicom", CODE)
    assert "(adjudicated read)" in done.output
    assert len(list((tmp_path / "dicom").iterdir())) == 2
    described = pydicom.dcmread(signed_file(tmp_path / "dicom", third, "seg"))
    assert described.SegmentSequence[0].SegmentAlgorithmType == "MANUAL"
    assert "SegmentAlgorithmName" not in described.SegmentSequence[0]
    first = content(tmp_path / "dicom")
    assert export(batch, tmp_path / "again", CODE).exit_code == 0
    assert content(tmp_path / "again") == first


def test_where_nothing_is_accepted_yet_the_automatic_mask_is_written_and_said_to_be_it(
    batch: Batch, tmp_path: Path
) -> None:
    sign(batch.out, "ada", less(batch.out, 0.1))
    done = export(batch, tmp_path / "dicom", CODE)
    assert done.exit_code == 0
    assert "(automatic: reads awaited)" in done.output
    described = pydicom.dcmread(file_of(tmp_path / "dicom", CODE, VISIT, "seg"))
    assert described.SegmentSequence[0].SegmentAlgorithmType == "AUTOMATIC"
    assert described.ContentDescription == "Infarct, automatic, unverified"


def test_the_automatic_mask_is_written_where_it_is_asked_for_and_is_the_same_as_ever(
    batch: Batch, measured: Batch, tmp_path: Path
) -> None:
    for name in ("ada", "ben"):
        sign(batch.out, name, less(batch.out, 0.1))
    assert export(batch, tmp_path / "asked", CODE, "--mask", "automatic").exit_code == 0
    assert export(measured, tmp_path / "before", CODE).exit_code == 0
    assert content(tmp_path / "asked") == content(tmp_path / "before")


def test_what_people_found_not_assessable_has_no_mask_to_write(
    batch: Batch, tmp_path: Path
) -> None:
    for name in ("ada", "ben"):
        sign(batch.out, name, None)
    done = export(batch, tmp_path / "dicom", CODE)
    assert done.exit_code == 1
    assert "not assessable" in done.output
    assert "--mask automatic" in done.output
    assert list((tmp_path / "dicom").iterdir()) == []


def test_what_was_read_on_another_image_than_out_has_now_is_refused(
    batch: Batch, tmp_path: Path
) -> None:
    for name in ("ada", "ben"):
        sign(batch.out, name, less(batch.out, 0.1))
    layout = Layout(batch.out)
    read = load_read(layout.read(CASE))
    path = layout.image(CASE, read.modality.contrast)
    save_image(path, replace(load_image(path), data=np.asarray(load_image(path).data) + 1))
    changed = Digest(role=read.modality.contrast, sha256=sha256_of(path))
    others = (digest for digest in read.digests if digest.role != changed.role)
    save_read(layout.read(CASE), replace(read, digests=(changed, *others)))
    done = export(batch, tmp_path / "dicom", CODE)
    assert done.exit_code == 1
    assert "people read another image than it is measured on now" in done.output


def test_a_ledger_that_is_none_is_refused_before_anything_is_written(
    batch: Batch, tmp_path: Path
) -> None:
    Layout(batch.out).ledger.write_bytes(b"no ledger")
    done = export(batch, tmp_path / "dicom", CODE)
    assert done.exit_code == 2
    assert list((tmp_path / "dicom").iterdir()) == []
