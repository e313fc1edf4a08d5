from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from corelab.errors import StoreError
from corelab.store import ledger as ledger_module
from corelab.store.ledger import Ledger, Signer, StaleError, create_ledger, open_ledger
from corelab.store.ledger_check import verify
from corelab.store.ledger_mask import name_of, pack_mask, unpack_mask
from tests.store.ledger_of_reads import (
    ANNA,
    BEN,
    MANAGER,
    added,
    begun,
    by_hand,
    mask,
    save_draft,
    sign,
    write,
    written,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reads.sqlite"


@pytest.fixture
def ledger(path: Path) -> Iterator[Ledger]:
    with begun(path) as opened:
        yield opened


def test_entries_come_back_as_they_were_written_also_after_reopening(path: Path) -> None:
    written(path)
    with open_ledger(path) as ledger:
        entries = ledger.entries()
        assert ledger.entries(after=6) == entries[6:]
    assert [entry.sequence for entry in entries] == list(range(1, 9))
    assert [entry.author for entry in entries[3:]] == ["anna"] * 4 + ["ben"]
    assert entries[6].payload["comment"] == "motion, größer als sonst"
    assert entries[6].payload["infarct_volume_ml"] == 12.3456
    assert entries[0].previous == bytes(32)
    assert all(b.previous == a.digest for a, b in pairwise(entries))
    assert all(datetime.fromisoformat(e.at_utc).utcoffset() == timedelta(0) for e in entries)


def test_a_writer_who_has_not_seen_the_last_entry_writes_nothing(ledger: Ledger) -> None:
    with pytest.raises(StaleError, match="3 entries, its writer knew 2"):
        ledger.append(ANNA, "read_opened", {"read_id": "r1"}, after=2)
    with pytest.raises(StaleError):
        ledger.append(ANNA, "read_opened", {"read_id": "r1"}, after=4)
    assert len(ledger.entries()) == 3


def test_an_entry_can_be_neither_changed_nor_removed_and_no_mask_changed(path: Path) -> None:
    written(path)
    with closing(sqlite3.connect(path)) as connection:
        for statement in (
            "UPDATE entry SET author = 'ben'",
            "DELETE FROM entry WHERE sequence = 8",
            "UPDATE mask SET content = x'00'",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="is never"):
                connection.execute(statement)


def test_only_users_who_are_known_and_not_disabled_write(ledger: Ledger) -> None:
    stranger = Signer("carl", bytes(31) + b"\4")
    with pytest.raises(StoreError, match="no user carl"):
        write(ledger, stranger, "read_opened", {"read_id": "r1"})
    with pytest.raises(StoreError, match="not the one that the ledger names"):
        write(ledger, Signer("anna", bytes(31) + b"\5"), "read_opened", {"read_id": "r1"})
    write(ledger, MANAGER, "user_disabled", {"name": "anna", "reason": "left"})
    with pytest.raises(StoreError, match="anna is disabled"):
        write(ledger, ANNA, "read_opened", {"read_id": "r1"})
    assert len(ledger.entries()) == 4


def test_a_ledger_begins_with_a_data_manager_who_adds_itself(path: Path) -> None:
    with create_ledger(path) as ledger:
        for signer, kind, payload in (
            (ANNA, "user_added", added(ANNA, "reader")),
            (MANAGER, "user_added", added(ANNA, "data_manager")),
            (MANAGER, "read_opened", {"read_id": "r1"}),
        ):
            with pytest.raises(StoreError, match="begins with a data_manager"):
                write(ledger, signer, kind, payload)
        assert write(ledger, MANAGER, "user_added", added(MANAGER, "data_manager")) == 1


def test_sequence_goes_on_when_the_clock_is_set_back_and_a_check_tells_where(
    ledger: Ledger, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Early(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]  # one zone is enough
            assert tz is UTC
            return datetime(2001, 1, 1, tzinfo=UTC)

    with monkeypatch.context() as clock:
        clock.setattr(ledger_module, "datetime", Early)
        assert write(ledger, ANNA, "read_opened", {"read_id": "r1"}) == 4
    assert write(ledger, ANNA, "read_opened", {"read_id": "r1"}) == 5
    found = verify(path)
    assert (found.is_sound, found.set_back) == (True, (4,))


def test_a_mask_is_kept_with_its_entry_or_neither_is(ledger: Ledger) -> None:
    packed = mask()
    wrong = {"ab" * 32: packed.content}
    for kind, name, blobs, words in (
        ("draft_saved", packed.sha256, {}, "which is not there"),
        ("draft_saved", "ab" * 32, wrong, "not what its name says"),
        ("draft_saved", packed.sha256, wrong, "does not name the mask"),
        ("read_opened", packed.sha256, {packed.sha256: packed.content}, "does not name the mask"),
    ):
        with pytest.raises(StoreError, match=words):
            ledger.append(ANNA, kind, {"mask_sha256": name}, after=3, blobs=blobs)
    assert len(ledger.entries()) == 3
    with pytest.raises(StoreError, match="no mask"):
        ledger.blob(packed.sha256)
    save_draft(ledger, ANNA, "r1", packed)
    assert ledger.blob(packed.sha256) == packed.content


def test_a_draft_replaces_the_former_one_of_its_read(ledger: Ledger, path: Path) -> None:
    save_draft(ledger, ANNA, "r1", mask(1))
    save_draft(ledger, ANNA, "r1", mask(2), drop=(mask(1).sha256,))
    with pytest.raises(StoreError, match="no mask"):
        ledger.blob(mask(1).sha256)
    assert ledger.blob(mask(2).sha256)
    save_draft(ledger, ANNA, "r1", mask(2), drop=(mask(2).sha256,))
    assert ledger.blob(mask(2).sha256)
    assert verify(path).is_sound


def test_a_signed_mask_is_never_dropped(ledger: Ledger, path: Path) -> None:
    save_draft(ledger, ANNA, "r1", mask(1))
    sign(ledger, ANNA, "r1", mask(1))
    save_draft(ledger, ANNA, "r1", mask(2), drop=(mask(1).sha256,))
    assert ledger.blob(mask(1).sha256)
    with pytest.raises(StoreError, match="drops no mask"):
        write(ledger, ANNA, "read_opened", {"read_id": "r1"}, drop=(mask(2).sha256,))
    assert verify(path).is_sound


def test_a_mask_that_another_read_has_as_well_stays(ledger: Ledger, path: Path) -> None:
    save_draft(ledger, ANNA, "r1", mask(1))
    save_draft(ledger, BEN, "r2", mask(1))
    save_draft(ledger, ANNA, "r1", mask(2), drop=(mask(1).sha256,))
    assert ledger.blob(mask(1).sha256)
    assert verify(path).is_sound


def test_a_mask_changed_by_hand_is_not_handed_out(path: Path) -> None:
    written(path)
    by_hand(path, f"UPDATE mask SET content = x'{mask(3).content.hex()}'")
    with open_ledger(path) as ledger, pytest.raises(StoreError, match="not as it was written"):
        ledger.blob(mask(2).sha256)


def test_two_empty_masks_of_different_shapes_are_two_masks() -> None:
    flat, tall = (pack_mask(np.zeros(shape, np.uint8)) for shape in ((2, 3, 4), (4, 3, 2)))
    assert flat.sha256 != tall.sha256
    assert unpack_mask(flat.content).shape == (2, 3, 4)


def test_a_mask_comes_back_whatever_its_order_in_memory_was() -> None:
    labels = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    packed = pack_mask(np.asfortranarray(labels))
    assert packed == pack_mask(labels)
    assert (unpack_mask(packed.content) == labels).all()


@pytest.mark.parametrize("broken", [b"", b"no gzip", mask().content[:-3], mask().content + b"x"])
def test_what_is_no_packed_mask_has_no_name(broken: bytes) -> None:
    assert name_of(broken) is None


@pytest.mark.parametrize("broken", [b"", b"no gzip", mask().content[:-3]])
def test_a_broken_mask_is_refused(broken: bytes) -> None:
    with pytest.raises(StoreError, match="broken"):
        unpack_mask(broken)


def test_half_a_character_is_refused_and_no_number_without_a_value_taken(ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="whole characters"):
        write(ledger, ANNA, "read_opened", {"comment": "\ud800"})
    with pytest.raises(ValueError, match="Out of range"):
        write(ledger, ANNA, "read_opened", {"infarct_volume_ml": float("nan")})
    assert len(ledger.entries()) == 3


def test_the_file_is_its_owners_alone(ledger: Ledger, path: Path) -> None:
    write(ledger, ANNA, "read_opened", {"read_id": "r1"})
    beside = sorted(path.parent.glob("reads.sqlite*"))
    assert [file.name for file in beside] == [
        "reads.sqlite",
        "reads.sqlite-shm",
        "reads.sqlite-wal",
    ]
    assert [stat.S_IMODE(file.stat().st_mode) for file in beside] == [0o600] * 3
    ledger.close()
    path.chmod(0o644)
    with pytest.raises(StoreError, match="open to every user"):
        open_ledger(path)
    path.chmod(0o660)
    open_ledger(path).close()


def test_a_second_ledger_never_takes_the_place_of_the_first(path: Path) -> None:
    written(path)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="there already"):
        create_ledger(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_what_is_no_ledger_is_refused(path: Path) -> None:
    with pytest.raises(StoreError, match="there is no ledger"):
        open_ledger(path)
    path.write_bytes(b"no database at all, but long enough to be looked at as one")
    path.chmod(0o600)
    with pytest.raises(StoreError, match="damaged"):
        open_ledger(path)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entry (sequence)")
    path.chmod(0o600)
    with pytest.raises(StoreError, match="no ledger of corelab"):
        open_ledger(path)


def test_a_ledger_of_a_newer_layout_is_refused(path: Path) -> None:
    written(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="layout 2, this corelab knows layout 1"):
        open_ledger(path)


def test_a_damaged_file_is_refused_on_opening(path: Path) -> None:
    written(path)
    content = bytearray(path.read_bytes())
    content[4096 + 8 : 4096 + 400] = bytes(392)
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged"):
        open_ledger(path)


def test_two_threads_of_one_process_write_one_chain(ledger: Ledger, path: Path) -> None:
    def write_ten(signer: Signer) -> None:
        for _ in range(10):
            while True:
                try:
                    write(ledger, signer, "read_opened", {"read_id": signer.name})
                    break
                except StaleError:
                    continue

    threads = [threading.Thread(target=write_ten, args=(signer,)) for signer in (ANNA, BEN)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.sequence for entry in ledger.entries()] == list(range(1, 24))
    assert verify(path).is_sound


def test_a_locked_out_takes_no_more_entries(ledger: Ledger, path: Path) -> None:
    path.with_name("lock.json").write_text("{}")
    with pytest.raises(StoreError, match="OUT is locked"):
        write(ledger, ANNA, "read_opened", {"read_id": "r1"})
    assert len(ledger.entries()) == 3


def test_a_copy_of_an_open_ledger_is_whole_and_its_owners_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    save_draft(ledger, ANNA, "r1", mask(1))
    copy = tmp_path / "backup" / "copy.sqlite"
    copy.parent.mkdir()
    ledger.copy_to(copy)
    write(ledger, ANNA, "read_opened", {"read_id": "r1"})
    assert verify(copy).head.sequence == 4
    assert list(copy.parent.iterdir()) == [copy]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with open_ledger(copy) as opened:
        assert opened.entries() == ledger.entries()[:4]
        assert opened.blob(mask(1).sha256) == ledger.blob(mask(1).sha256)


def test_a_copy_never_takes_the_place_of_another_file(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "copy.sqlite").write_text("older")
    with pytest.raises(StoreError, match="never written over"):
        ledger.copy_to(tmp_path / "copy.sqlite")
    assert (tmp_path / "copy.sqlite").read_text() == "older"
    with pytest.raises(StoreError, match="cannot be made: No such file"):
        ledger.copy_to(tmp_path / "nowhere" / "copy.sqlite")
