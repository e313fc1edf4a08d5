"""A reading room over a small OUT: cases with real masks, a real ledger, people with keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from corelab.blinding.vault import open_vault
from corelab.reading.event import DraftSaved, Event, ReadOpened, ReadSigned, event_to_json
from corelab.reading.fold import fold
from corelab.reading.records import HumanRead
from corelab.reading.result import Result, Unassessable
from corelab.reading.room import Room
from corelab.review.keeper import RoomKeeper, Step
from corelab.series import Outcome, SeriesVerdict
from corelab.store.files import write_json
from corelab.store.image import save_image
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger, Signer, create_ledger, open_ledger
from corelab.store.ledger_mask import pack_mask
from corelab.store.nifti import pack_volume, save_volume
from corelab.store.record import save_read
from corelab.vocab import Acquisition, Case, Digest, Hemisphere, SubjectCode, VisitLabel
from corelab.volume import Volume
from tests.factories import make_series
from tests.store.conftest import READ

SHAPE = (12, 10, 6)
AFFINE = np.diag([2.0, 5.0, 5.0, 1.0])
VOXEL_ML = 0.05
PEOPLE = {
    "mia": "data_manager",
    "ada": "reader",
    "ben": "reader",
    "cleo": "reader",
    "quinn": "qa",
    "stan": "statistician",
}
SIGNERS = {name: Signer(name, bytes(31) + bytes([n])) for n, name in enumerate(PEOPLE, start=1)}
TRIAL_LINES = 'names = ["ada", "ben"]\nadjudicators = ["cleo"]\nrepeat_share = 0.0\n'
REPOSITORY = Path(__file__).parents[2]


def trial_file(folder: Path, lines: str = TRIAL_LINES) -> Path:
    """The demo trial with people of its own."""
    text = (REPOSITORY / "configs" / "demo.toml").read_text("utf-8")
    before, _, _ = text.partition("[reads]")
    rules = "[reads]\nreaders = 2\ndiscrepancy_ml = 5.0\ndiscrepancy_share = 0.2\n"
    path = folder / "trial.toml"
    path.write_text(before + rules + lines, "utf-8")
    return path


def digest_of(word: str) -> str:
    return hashlib.sha256(word.encode()).hexdigest()


def add_case(out: Path, code: str, *, image: str = "", visit: str = "fu24h") -> None:
    """A measured case: its record, its mask, and an image that another word makes another one."""
    volume_ml = READ.measurement.infarct_volume_ml
    mask = Volume(data=labels_of(round(volume_ml / VOXEL_ML)), affine=AFFINE)
    digests = (
        Digest(role="ct", sha256=image_sha256(code, image)),
        Digest(role="infarct_mask", sha256=hashlib.sha256(pack_volume(mask)).hexdigest()),
    )
    read = replace(
        READ,
        trial_id="DEMO-0001",
        subject_code=SubjectCode(code),
        visit=VisitLabel(visit),
        digests=digests,
    )
    layout = Layout(out)
    layout.case_folder(read.case).mkdir(parents=True, exist_ok=True)
    save_image(layout.image(read.case, read.modality.contrast), _image(code, image))
    save_volume(layout.infarct_mask(read.case), mask)
    save_read(layout.read(read.case), read)


def image_sha256(code: str, image: str = "") -> str:
    """Digest of the file of a case's image."""
    return hashlib.sha256(pack_volume(_image(code, image))).hexdigest()


def _image(code: str, image: str) -> Volume:
    seed = int(digest_of(f"image {code} {image}")[:8], 16)
    voxels = np.random.default_rng(seed).integers(0, 80, SHAPE).astype(np.int16)
    acquisition = Acquisition(contrast=READ.modality.contrast)
    return Volume(data=voxels, affine=AFFINE, acquisition=acquisition)


def furnish(out: Path, *codes: str) -> None:
    """An OUT with these cases, and a ledger with everybody in it."""
    out.mkdir()
    for code in codes:
        add_case(out, code)
    write_json(out / "batch.json", {"trial_id": "DEMO-0001", "visits": ["baseline", "fu24h"]})
    (out / "problems.csv").write_text("subject_code,visit,reason_code,message\n")
    (out / "volumes.csv").write_text("subject_code,visit\n")  # made anew by whatever needs it
    with create_ledger(Layout(out).ledger) as ledger:
        for place, (name, role) in enumerate(PEOPLE.items()):
            added = {"name": name, "role": role, "public_key_hex": SIGNERS[name].public_key_hex}
            ledger.append(SIGNERS["mia"], "user_added", added, after=place)


def know_a_patient(vault: Path) -> None:
    """A vault that has seen one series, of Jane Doe."""
    case = Case(SubjectCode("AA11"), VisitLabel("fu24h"))
    verdict = SeriesVerdict(series=make_series(), case=case, outcome=Outcome.USED, why="as ct")
    with open_vault(vault) as opened:
        opened.note_series([verdict])


@contextmanager
def ledger_of(out: Path) -> Iterator[Ledger]:
    with open_ledger(Layout(out).ledger) as ledger:
        yield ledger


def room_of(out: Path) -> Room:
    with ledger_of(out) as ledger:
        return fold(ledger.entries())


def labels_of(n_voxels: int, *, first: int = 0) -> NDArray[np.uint8]:
    """A mask of so many voxels, counted on from a place."""
    labels = np.zeros(SHAPE, dtype=np.uint8)
    labels.flat[first : first + n_voxels] = 1
    return labels


def sign(out: Path, read: HumanRead, labels: NDArray[np.uint8] | None) -> None:
    """Open, save and sign a read as the server does; ``None`` for one that nobody can read."""
    sign_and_die(out, read, labels)
    with ledger_of(out) as ledger:
        RoomKeeper(ledger).follow(SIGNERS[read.reader], read.case)


def sign_and_die(out: Path, read: HumanRead, labels: NDArray[np.uint8] | None) -> None:
    """The same, by a server that is killed before it writes what follows."""
    signer = SIGNERS[read.reader]
    with ledger_of(out) as ledger:
        keeper = RoomKeeper(ledger)
        opened = ReadOpened(read_id=read.read_id)
        keeper.write(signer, lambda _: Step(event=opened))
        current = read
        if labels is not None:
            packed = pack_mask(labels)
            draft = DraftSaved(
                read_id=read.read_id, edition=read.edition + 1, mask_sha256=packed.sha256
            )
            blobs = {packed.sha256: packed.content}
            room = keeper.write(signer, lambda _: Step(event=draft, blobs=blobs))
            current = room.read(read.read_id)
        signed = _signature(current, labels)
        keeper.write(signer, lambda _: Step(event=signed))


def _signature(read: HumanRead, labels: NDArray[np.uint8] | None) -> ReadSigned:
    if labels is None:
        result, reasons, volume_ml = Result.NOT_ASSESSABLE, (Unassessable.MOTION,), None
    else:
        volume_ml = round(float(np.count_nonzero(labels)) * VOXEL_ML, 4)
        result, reasons = (Result.INFARCT if volume_ml else Result.NO_INFARCT), ()
    side = Hemisphere.LEFT if volume_ml else Hemisphere.NONE
    return ReadSigned(
        read_id=read.read_id,
        version=read.version + 1,
        edition=read.edition,
        result=result,
        reasons=reasons,
        comment="",
        mask_sha256=read.draft_mask_sha256 if labels is not None else None,
        image_sha256=read.image_sha256,
        infarct_volume_ml=volume_ml,
        haemorrhage_in_infarct_ml=None if labels is None else 0.0,
        n_components=None if labels is None else int(bool(volume_ml)),
        hemisphere=None if labels is None else side,
        software_version="0.1.0",
        meaning="I read this scan myself.",
    )


def write(out: Path, author: str, *events: Event) -> None:
    """Append events of one author."""
    with ledger_of(out) as ledger:
        for event in events:
            after = ledger.head().sequence
            ledger.append(SIGNERS[author], event.kind, event_to_json(event), after=after)
