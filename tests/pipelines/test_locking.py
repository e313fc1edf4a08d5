from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from corelab.errors import LedgerError, StoreError
from corelab.reading.event import AmendmentStarted, PairCompared, QueryOpened
from corelab.stages.publish import publication_from, publish
from corelab.store.files import sha256_of
from corelab.store.layout import Layout
from corelab.store.ledger_file import is_locked
from corelab.store.ledger_mask import pack_mask
from corelab.store.nifti import load_volume, save_volume
from corelab.store.table import load_problems, write_tables
from corelab.trial import load_trial
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines import locking
from pipelines.cli import app
from pipelines.lock_check import lock_differences
from pipelines.locking import Locked, LockRequest, lock, unlock_out
from pipelines.reads import Planner
from tests.pipelines.reading_room import (
    SIGNERS,
    furnish,
    know_a_patient,
    labels_of,
    ledger_of,
    room_of,
    sign,
    sign_and_die,
    trial_file,
    write,
)

KEYS = {"subject_code": "AA11", "visit": "fu24h"}
CODES = ("AA11", "BB22")
CASE = Case(SubjectCode("AA11"), VisitLabel("fu24h"))


@pytest.fixture
def planned(tmp_path: Path) -> Path:
    """Two cases that two readers are to read, and a vault that knows one patient."""
    folder = tmp_path / "out"
    furnish(folder, *CODES)
    path = trial_file(tmp_path, 'names = ["ada", "ben"]\nrepeat_share = 0.0\n')
    with ledger_of(folder) as ledger:
        Planner(Layout(folder), ledger, SIGNERS["mia"]).plan(load_trial(path), path)
    know_a_patient(tmp_path / "vault")
    return folder


@pytest.fixture
def out(planned: Path) -> Path:
    """The same, read by both, who agree."""
    for name, count in {"ada": 200, "ben": 210}.items():
        for read in room_of(planned).worklist(name):
            sign(planned, read, labels_of(count))
    return planned


def locked(out: Path) -> Locked:
    request = LockRequest(out=out, reason="database lock", vault=out.parent / "vault")
    return lock(request, SIGNERS["mia"])


def told(place: Path) -> dict[str, str]:
    """What differs, by its place; several words of one place in their order."""
    found: dict[str, str] = {}
    for row in lock_differences(place):
        found[row.path] = f"{found[row.path]}; {row.found}" if row.path in found else row.found
    return found


def test_a_lock_holds_tables_in_every_form_manifest_and_signature(out: Path) -> None:
    made = locked(out)

    names = {path.name for path in (made.folder / "tables").iterdir()}
    assert {"volumes.csv", "volumes.xpt", "nv.json", "adinf.parquet", "define.xml"} <= names
    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert manifest["files"]["volumes.csv"] == sha256_of(out / "volumes.csv")
    assert manifest["leak_audit"].startswith("passed: ")
    assert (manifest["cases"], manifest["cases_with_volume"]) == (2, 2)
    assert json.loads((made.folder / "signature.json").read_text())["by"] == "mia"
    assert room_of(out).lock_id == made.lock_id
    assert told(out) == told(made.folder) == {}


def test_a_mask_that_is_not_as_it_was_signed_refuses_the_lock(out: Path) -> None:
    publish(Layout(out), (), publication_from(Layout(out)))
    mask = next(Layout(out).accepted_folder.iterdir())
    image = load_volume(mask)
    moved = np.array(image.data)
    moved.flat[0], moved.flat[-1] = 0, 1  # as large as before
    save_volume(mask, image.with_data(moved))

    with pytest.raises(StoreError, match=f"accepted/{mask.name}: not the mask that was signed"):
        locked(out)

    assert not Layout(out).locks.exists()


def test_an_image_that_is_not_the_measured_one_refuses_the_lock(out: Path) -> None:
    first, second = sorted(out.glob("sub-*/ses-*/*_ct.nii.gz"))
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)

    with pytest.raises(StoreError, match="its ct is not the one it was made of, and 1 more"):
        locked(out)


def test_an_overlap_that_masks_do_not_give_refuses_the_lock(planned: Path) -> None:
    for name, count in {"ada": 200, "ben": 210}.items():
        for read in room_of(planned).worklist(name):
            sign_and_die(planned, read, labels_of(count))
    masks = [pack_mask(labels_of(count)).sha256 for count in (200, 210)]
    write(
        planned,
        "ben",
        PairCompared(first_mask_sha256=masks[0], second_mask_sha256=masks[1], dice=0.9),
    )

    with pytest.raises(StoreError, match=r"says a Dice of 0\.9000, its masks 0\.9756"):
        locked(planned)


def test_without_its_ledger_an_out_that_people_read_is_not_locked(out: Path) -> None:
    Layout(out).ledger.unlink()

    with pytest.raises(StoreError, match=r"its ledger reads\.sqlite is gone"):
        lock(LockRequest(out=out, reason="database lock", vault=out.parent / "vault"))


def test_what_a_killed_lock_left_is_not_taken_on_trust(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(locking, "_append", lambda *_, **__: _raise(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            locked(out)
    (left,) = Layout(out).locks.iterdir()
    (left / "tables" / "volumes.csv").write_text("of somebody else")

    made = locked(out)

    assert made.folder == left
    assert told(out) == {}


def test_a_lock_holds_the_agreement_of_the_reads_that_it_locks(out: Path) -> None:
    assert CliRunner().invoke(app, ["agreement", str(out)]).exit_code == 0
    read = room_of(out).worklist("ben")[0]
    write(out, "ben", AmendmentStarted(read_id=read.read_id, reason="a vessel was outlined"))
    sign(out, room_of(out).read(read.read_id), labels_of(220))

    made = locked(out)

    assert ",11.0,1.0," in (out / "agreement" / "pairs.csv").read_text()
    for name in ("pairs.csv", "agreement.csv", "left_out.csv"):
        assert (made.folder / "tables" / name).read_bytes() == (
            out / "agreement" / name
        ).read_bytes()
    assert (made.folder / "tables" / "problems.csv").is_file()
    assert told(out) == {}


def test_what_an_earlier_lock_had_begun_is_taken_away(out: Path) -> None:
    part = Layout(out).locks / ".0123456789abcdef.part"
    (part / "tables").mkdir(parents=True)

    made = locked(out)

    assert list(Layout(out).locks.iterdir()) == [made.folder]


def test_without_readers_a_lock_is_audited_all_the_same(tmp_path: Path) -> None:
    write_tables(Layout(tmp_path / "out"), [], "NCT0")
    with pytest.raises(StoreError, match="--vault VAULT"):
        lock(LockRequest(out=tmp_path / "out", reason="database lock"))
    know_a_patient(tmp_path / "vault")
    (tmp_path / "out" / "note.txt").write_text("of Doe^Jane")
    request = LockRequest(out=tmp_path / "out", reason="database lock", vault=tmp_path / "vault")
    with pytest.raises(StoreError, match="identifying"):
        lock(request)
    (tmp_path / "out" / "note.txt").unlink()

    assert lock(request).leak_audit.startswith("passed: ")
    assert told(tmp_path / "out") == {}


def test_an_identifying_text_in_out_refuses_the_lock(out: Path) -> None:
    (out / "note.txt").write_text("of Doe^Jane")

    with pytest.raises(StoreError, match="identifying"):
        locked(out)

    assert not Layout(out).lock.exists()


def test_where_people_read_a_lock_needs_a_signer_and_the_vault(out: Path) -> None:
    with pytest.raises(StoreError, match="--vault VAULT"):
        lock(LockRequest(out=out, reason="database lock"), SIGNERS["mia"])
    with pytest.raises(StoreError, match="--by NAME"):
        lock(LockRequest(out=out, reason="database lock", vault=out.parent / "vault"))


def test_a_vault_that_is_not_there_is_said_and_not_made(out: Path) -> None:
    wrong = out.parent / "valut"

    with pytest.raises(StoreError, match="holds no vault"):
        lock(LockRequest(out=out, reason="database lock", vault=wrong), SIGNERS["mia"])

    assert not wrong.exists()


def test_only_a_data_manager_locks(out: Path) -> None:
    request = LockRequest(out=out, reason="database lock", vault=out.parent / "vault")

    with pytest.raises(LedgerError, match="data_manager"):
        lock(request, SIGNERS["quinn"])

    assert not Layout(out).lock.exists()


def test_a_volume_that_its_masks_do_not_give_is_named_cell_by_cell(out: Path) -> None:
    made = locked(out)
    (mask,) = [p for p in Layout(out).accepted_folder.iterdir() if "AA11" in p.name][:1]
    image = load_volume(mask)
    smaller = np.array(image.data)
    smaller[smaller.nonzero()[0][0]] = 0
    save_volume(mask, image.with_data(smaller))

    found = told(made.folder)

    assert found["volumes.csv: AA11 fu24h"].startswith("infarct_volume_ml is 10.25, its masks give")
    assert found[f"accepted/{mask.name}"] == "changed; not the mask that was signed"
    assert "volumes.csv: BB22 fu24h" not in found


def test_an_edited_cell_is_told_with_what_the_masks_give(out: Path) -> None:
    locked(out)
    table = Layout(out).volumes_csv
    table.write_text(table.read_text().replace(",10.25,", ",9.25,", 1))

    found = told(out)

    assert found["volumes.csv"] == "changed"
    assert found["volumes.csv: AA11 fu24h"] == ("infarct_volume_ml is 9.25, its masks give 10.2500")


def test_a_changed_table_or_manifest_of_the_lock_itself_is_told(out: Path) -> None:
    made = locked(out)
    place = f"lock/{made.lock_id}"
    (made.folder / "tables" / "nv.csv").write_text("changed")
    manifest = made.folder / "manifest.json"
    manifest.write_text(manifest.read_text().replace("database lock", "another word"))

    found = told(out)

    assert found[f"{place}/tables/nv.csv"] == "changed"
    assert found[f"{place}/manifest.json"] == "changed"
    with pytest.raises(StoreError, match="gives another id"):
        lock_differences(made.folder)


def test_two_people_of_two_roles_lift_a_lock_and_stand_in_the_ledger(out: Path) -> None:
    made = locked(out)

    assert unlock_out(out, "another scan", SIGNERS["mia"], SIGNERS["quinn"]) == made.lock_id

    assert not Layout(out).lock.exists()
    assert room_of(out).lock_id is None
    with ledger_of(out) as ledger:
        last = [(entry.kind, entry.author) for entry in ledger.entries()[-2:]]
    assert last == [("unlock_asked", "mia"), ("data_unlocked", "quinn")]
    assert (made.folder / "manifest.json").is_file()


@pytest.mark.parametrize("second", ["mia", "stan", "ada"])
def test_one_person_or_one_who_may_not_leaves_the_lock_as_it_is(out: Path, second: str) -> None:
    locked(out)

    with pytest.raises(LedgerError):
        unlock_out(out, "another scan", SIGNERS["mia"], SIGNERS[second])

    assert Layout(out).lock.exists()


def test_a_lock_that_is_killed_before_its_marker_can_be_made_again(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(locking, "put_in_place", lambda *_: _raise(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            locked(out)
    assert not Layout(out).lock.exists()

    made = locked(out)

    assert room_of(out).lock_id == made.lock_id
    assert told(out) == {}
    with ledger_of(out) as ledger:
        assert [entry.kind for entry in ledger.entries()].count("data_locked") == 1


@pytest.mark.parametrize("reason", ["", "     ", "ok"])
def test_neither_lock_nor_unlock_goes_without_a_reason(out: Path, reason: str) -> None:
    request = LockRequest(out=out, reason=reason, vault=out.parent / "vault")
    with pytest.raises(StoreError, match="reason"):
        lock(request, SIGNERS["mia"])
    assert not Layout(out).locks.exists()

    locked(out)
    with pytest.raises(StoreError, match="reason has"):
        unlock_out(out, reason, SIGNERS["mia"], SIGNERS["quinn"])
    assert Layout(out).lock.exists()


def test_an_out_whose_marker_is_lost_is_locked_all_the_same(out: Path) -> None:
    made = locked(out)
    Layout(out).lock.unlink()

    assert is_locked(Layout(out))
    with pytest.raises(StoreError, match="its ledger takes no more entries"):
        write(out, "quinn", QueryOpened(**KEYS, query_id="0" * 16, text="Is it late?"))
    done = CliRunner().invoke(app, ["tables", str(out)])
    assert (done.exit_code, "OUT is locked" in done.stderr) == (2, True)

    assert locked(out) == made
    assert told(out) == {}


def test_a_lost_marker_is_not_put_back_from_another_manifest(out: Path) -> None:
    made = locked(out)
    Layout(out).lock.unlink()
    path = made.folder / "manifest.json"
    path.write_text(path.read_text().replace("database lock", "another lock"))

    with pytest.raises(StoreError, match="by another manifest"):
        locked(out)


def test_a_lock_without_its_marker_is_lifted_by_two_people_as_any(out: Path) -> None:
    made = locked(out)
    Layout(out).lock.unlink()

    assert unlock_out(out, "another scan", SIGNERS["mia"], SIGNERS["quinn"]) == made.lock_id
    assert not is_locked(Layout(out))
    assert locked(out).lock_id != made.lock_id


def test_final_problems_need_a_reason_which_the_manifest_keeps(out: Path) -> None:
    problems = Layout(out).problems_csv
    problems.write_text(problems.read_text() + "CC33,fu24h,missing_slice,gap of 10 mm\n")
    assert len(load_problems(Layout(out))) == 1
    with pytest.raises(StoreError, match="--missing-reason"):
        locked(out)

    request = LockRequest(
        out=out,
        reason="database lock",
        missing_reason="the site has no other copy",
        vault=out.parent / "vault",
    )
    made = lock(request, SIGNERS["mia"])

    manifest = json.loads((made.folder / "manifest.json").read_text())
    assert (manifest["missing_reason"], manifest["problems"]) == ("the site has no other copy", 1)


def _raise(error: type[BaseException]) -> None:
    raise error
