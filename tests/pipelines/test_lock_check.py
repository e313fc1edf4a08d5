"""What an attacker with every right on the files, and no key, changes: `corelab verify` says it."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from corelab.errors import StoreError
from corelab.store.files import json_text, read_json, sha256_of, write_json
from corelab.store.layout import Layout
from corelab.store.ledger import add_entry
from corelab.store.ledger_file import open_file
from corelab.store.manifest import lock_id_of
from corelab.store.nifti import load_volume, save_volume
from corelab.store.signing import signed_text
from corelab.trial import load_trial
from pipelines.lock_check import lock_differences
from pipelines.locking import LockRequest, lock
from pipelines.reads import Planner
from tests.pipelines.reading_room import (
    SIGNERS,
    furnish,
    know_a_patient,
    labels_of,
    ledger_of,
    room_of,
    sign,
    trial_file,
)


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cases that two readers have read and agree on, locked."""
    home = tmp_path_factory.mktemp("home")
    folder = home / "out"
    furnish(folder, "AA11", "BB22")
    path = trial_file(home, 'names = ["ada", "ben"]\nrepeat_share = 0.0\n')
    with ledger_of(folder) as ledger:
        Planner(Layout(folder), ledger, SIGNERS["mia"]).plan(load_trial(path), path)
    for name, count in {"ada": 200, "ben": 210}.items():
        for read in room_of(folder).worklist(name):
            sign(folder, read, labels_of(count, first=read.case.subject_code == "BB22"))
    know_a_patient(home / "vault")
    lock(LockRequest(out=folder, reason="database lock", vault=home / "vault"), SIGNERS["mia"])
    return folder


@pytest.fixture
def out(locked: Path, tmp_path: Path) -> Path:
    """A copy of it, to be tampered with."""
    return Path(shutil.copytree(locked, tmp_path / "copy"))


def told(place: Path) -> set[tuple[str, str]]:
    return {(row.path, row.found) for row in lock_differences(place)}


def folder_of(out: Path) -> Path:
    (folder,) = Layout(out).locks.iterdir()
    return folder


def masks_of(out: Path) -> list[Path]:
    return sorted(Layout(out).accepted_folder.iterdir())


def move_a_voxel(out: Path) -> None:
    path = masks_of(out)[0]
    mask = load_volume(path)
    labels = np.array(mask.data)
    labels.flat[5], labels.flat[-1] = 0, 1
    save_volume(path, mask.with_data(labels))


def exchange_two_masks(out: Path) -> None:
    first, *_, last = masks_of(out)
    one, other = first.read_bytes(), last.read_bytes()
    first.write_bytes(other)
    last.write_bytes(one)


def put_a_mask_on_another_grid(out: Path) -> None:
    path = masks_of(out)[0]
    mask = load_volume(path)
    affine = mask.affine.copy()
    affine[0, 0] = 2.5
    save_volume(path, replace(mask, affine=affine))


def cut_a_mask(out: Path) -> None:
    path = masks_of(out)[0]
    path.write_bytes(path.read_bytes()[:40])


def edit_a_cell(out: Path) -> None:
    table = Layout(out).volumes_csv
    table.write_text(table.read_text().replace(",10.25,", ",a few,", 1))


def put_a_table_behind_a_link(out: Path) -> None:
    table = Layout(out).volumes_csv
    table.rename(out.parent / "volumes.csv")
    table.symlink_to(out.parent / "volumes.csv")


def rewrite(out: Path, *statements: str) -> None:
    """Change the ledger behind its triggers."""
    connection = sqlite3.connect(Layout(out).ledger)
    for trigger in ("entry_is_not_changed", "entry_is_not_removed", "mask_is_not_changed"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


ATTACKS: dict[str, tuple[Callable[[Path], object], str]] = {
    "moved voxel": (move_a_voxel, "not the mask that was signed"),
    "exchanged masks": (exchange_two_masks, "not the mask that was signed"),
    "other grid": (put_a_mask_on_another_grid, "changed"),
    "cut mask": (cut_a_mask, "its mask cannot be measured"),
    "edited cell": (edit_a_cell, "infarct_volume_ml is a few, its masks give 10.2500"),
    "link in place of a table": (put_a_table_behind_a_link, "changed"),
    "link to nowhere": (lambda out: (out / "x").symlink_to("/nowhere"), "added"),
    "link to a folder": (lambda out: (out / "x").symlink_to("/etc"), "added"),
    "file in the lock": (lambda out: (folder_of(out) / "x").write_text("x"), "added"),
    "table in the lock": (lambda out: (folder_of(out) / "tables" / "x").write_text("x"), "added"),
    "no signature": (lambda out: (folder_of(out) / "signature.json").unlink(), "not of this"),
    "edited entry": (
        lambda out: rewrite(out, "UPDATE entry SET payload = replace(payload, '10.0', '11.0')"),
        "is not as it was written",
    ),
    "no entry of the lock": (
        lambda out: rewrite(out, "DELETE FROM entry WHERE kind = 'data_locked'"),
        "does not say that it was locked as",
    ),
    "no mask in the ledger": (lambda out: rewrite(out, "DELETE FROM mask"), "mask that is gone"),
    "no ledger": (lambda out: Layout(out).ledger.unlink(), "removed"),
    "no SQLite": (lambda out: Layout(out).ledger.write_bytes(b"x" * 5000), "cannot be read"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_told_from_out_and_from_the_lock_alike(out: Path, name: str) -> None:
    attack, expected = ATTACKS[name]
    attack(out)

    found = told(out)

    assert any(expected in words for _, words in found), found
    assert told(folder_of(out)) == found


def test_a_copy_at_another_place_and_with_other_rights_has_no_difference(out: Path) -> None:
    for path in out.rglob("*"):
        path.chmod(0o500 if path.is_dir() else 0o400)

    assert told(out) == told(folder_of(out)) == set()


def test_a_manifest_that_may_not_be_read_is_said(out: Path) -> None:
    Layout(out).lock.unlink()
    Layout(out).lock.mkdir()

    with pytest.raises(StoreError, match=r"lock\.json cannot be read"):
        lock_differences(out)


@pytest.mark.parametrize("name", ["by", "public_key_hex", "manifest_sha256", "signature_hex"])
def test_a_signature_that_says_anything_else_is_none(out: Path, name: str) -> None:
    path = folder_of(out) / "signature.json"
    other = {"by": "quinn", "public_key_hex": SIGNERS["ada"].public_key_hex}.get(name, "00")
    write_json(path, {**read_json(path), name: other})

    assert {words for _, words in told(out)} == {"not of this manifest"}


def test_a_manifest_made_fit_to_changed_files_has_another_id(out: Path) -> None:
    with Layout(out).reads_csv.open("a") as stream:
        stream.write("\n")
    content = json.loads(Layout(out).lock.read_text())
    content["files"]["reads.csv"] = sha256_of(Layout(out).reads_csv)
    for path in (Layout(out).lock, folder_of(out) / "manifest.json"):
        path.write_text(json_text(content))

    for place in (out, folder_of(out)):
        with pytest.raises(StoreError, match="gives another id"):
            lock_differences(place)


@pytest.mark.parametrize("signer", ["ada", "mia"])
def test_a_whole_lock_that_the_ledger_does_not_name_is_none(out: Path, signer: str) -> None:
    with Layout(out).reads_csv.open("a") as stream:
        stream.write("\n")
    content = json.loads(Layout(out).lock.read_text())
    content["files"]["reads.csv"] = sha256_of(Layout(out).reads_csv)
    content["lock_id"] = lock_id_of(content)
    folder = folder_of(out).rename(Layout(out).locks / content["lock_id"])
    for path in (Layout(out).lock, folder / "manifest.json"):
        path.write_text(json_text(content))
    digest, key = sha256_of(folder / "manifest.json"), SIGNERS[signer]
    signature = {
        "by": signer,
        "public_key_hex": key.public_key_hex,
        "manifest_sha256": digest,
        "signature_hex": key.sign(signed_text(digest)).hex(),
    }
    write_json(folder / "signature.json", signature)

    wanted = ("reads.sqlite", f"does not say that it was locked as {content['lock_id']}")
    assert wanted in told(out)


def test_a_manifest_without_a_ledger_does_not_hide_that_people_read(out: Path) -> None:
    content = json.loads(Layout(out).lock.read_text())
    content["ledger_head"] = ""
    content["lock_id"] = lock_id_of(content)
    folder = folder_of(out).rename(Layout(out).locks / content["lock_id"])
    for path in (Layout(out).lock, folder / "manifest.json"):
        path.write_text(json_text(content))
    Layout(out).ledger.unlink()

    assert ("reads.sqlite", "removed") in told(out)


def test_an_entry_that_was_written_into_a_locked_out_is_told(out: Path) -> None:
    file = open_file(Layout(out).ledger)
    query = {"query_id": "0" * 16, "text": "late?", "subject_code": "AA11", "visit": "fu24h"}
    with file.lifting() as rows:
        number = add_entry(rows, SIGNERS["quinn"], "query_opened", query).sequence
    file.close()

    assert told(out) == {("reads.sqlite", f"entry {number} was written into the locked OUT")}
