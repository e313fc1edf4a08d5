from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corelab.errors import StoreError
from corelab.store.ledger import open_ledger
from corelab.store.ledger_check import Tampering, Verdict, head_from, verify
from corelab.store.ledger_entry import Content
from corelab.store.ledger_mask import unpack_mask
from tests.store.ledger_of_reads import ANNA, by_hand, mask, value_of, write, written

N_ENTRIES = 8
COLUMNS = ("at_utc", "author", "kind", "payload", "previous", "digest", "signature")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("whole") / "reads.sqlite"
    written(path)
    return path


@pytest.fixture
def path(tmp_path: Path, whole: Path) -> Path:
    return Path(shutil.copy(whole, tmp_path / "reads.sqlite"))


def found(path: Path) -> tuple[int, Tampering] | None:
    fault = verify(path).fault
    return (fault.sequence, fault.tampering) if fault else None


def test_a_ledger_as_it_was_written_is_sound(path: Path) -> None:
    with open_ledger(path) as ledger:
        head = ledger.head()
    assert verify(path) == Verdict(head=head, fault=None, set_back=())
    assert head.sequence == N_ENTRIES
    assert list(path.parent.iterdir()) == [path]


@given(data=st.data())
def test_any_change_of_any_entry_is_found_and_named(
    data: st.DataObject, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = Path(shutil.copy(whole, tmp_path_factory.mktemp("changed") / "reads.sqlite"))
    sequence = data.draw(st.integers(1, N_ENTRIES))
    column = data.draw(st.sampled_from(COLUMNS))
    place = data.draw(st.integers(0, 300))
    bit = data.draw(st.integers(0, 7))
    by_hand(path, _flipped(path, sequence, column, place, bit))
    expected = Tampering.UNSIGNED if column == "signature" else Tampering.EDITED
    assert found(path) == (sequence, expected)
    assert verify(path).head.sequence == sequence - 1


def _flipped(path: Path, sequence: int, column: str, place: int, bit: int) -> str:
    """Statement that flips one bit of one value."""
    value = bytearray(value_of(path, sequence, column))
    value[place % len(value)] ^= 1 << bit
    changed = f"CAST(x'{value.hex()}' AS TEXT)"
    return f"UPDATE entry SET {column} = {changed} WHERE sequence = {sequence}"


@pytest.mark.parametrize("sequence", range(1, N_ENTRIES))
def test_a_removed_entry_is_named(path: Path, sequence: int) -> None:
    by_hand(path, f"DELETE FROM entry WHERE sequence = {sequence}")
    assert found(path) == (sequence, Tampering.REMOVED)


@pytest.mark.parametrize("sequence", range(1, N_ENTRIES))
def test_a_removed_entry_is_named_also_where_the_others_were_numbered_anew(
    path: Path, sequence: int
) -> None:
    by_hand(
        path,
        f"DELETE FROM entry WHERE sequence = {sequence}",
        f"UPDATE entry SET sequence = -sequence WHERE sequence > {sequence}",
        "UPDATE entry SET sequence = -sequence - 1 WHERE sequence < 0",
    )
    assert found(path) == (sequence, Tampering.REMOVED)


@given(pair=st.lists(st.integers(1, N_ENTRIES), min_size=2, max_size=2, unique=True))
def test_entries_that_changed_places_are_named_by_the_first(
    pair: list[int], whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = Path(shutil.copy(whole, tmp_path_factory.mktemp("swapped") / "reads.sqlite"))
    first, second = pair
    by_hand(
        path,
        f"UPDATE entry SET sequence = 100 WHERE sequence = {first}",
        f"UPDATE entry SET sequence = {first} WHERE sequence = {second}",
        f"UPDATE entry SET sequence = {second} WHERE sequence = 100",
    )
    assert found(path) == (min(pair), Tampering.REORDERED)


def test_an_entry_by_somebody_without_a_key_is_found(path: Path) -> None:
    """The chain alone would hold: its digests are anybody's to compute."""
    with open_ledger(path) as ledger:
        head = ledger.head()
    for author, expected in (("anna", Tampering.UNSIGNED), ("eve", Tampering.UNKNOWN_AUTHOR)):
        forged = Content(
            at_utc="2026-01-01T00:00:00.000+00:00",
            author=author,
            kind="read_opened",
            payload_text="{}",
        )
        digest = forged.digest(N_ENTRIES + 1, head.digest)
        copy = Path(shutil.copy(path, path.with_name(f"{author}.sqlite")))
        by_hand(
            copy,
            f"INSERT INTO entry VALUES (9, '{forged.at_utc}', '{author}', 'read_opened', '{{}}',"
            f" '{head.digest.hex()}', '{digest.hex()}', '{bytes(64).hex()}')",
        )
        assert found(copy) == (9, expected)


def test_a_missing_mask_is_named_by_the_signature_that_rests_on_it(path: Path) -> None:
    by_hand(path, "DELETE FROM mask")
    assert found(path) == (6, Tampering.MASK_MISSING)


def test_an_altered_mask_is_named(path: Path) -> None:
    by_hand(path, f"UPDATE mask SET content = x'{mask(3).content.hex()}'")
    assert found(path) == (6, Tampering.MASK_ALTERED)
    assert verify(path).head.sequence == 5


def test_the_first_of_two_faults_is_named(path: Path) -> None:
    by_hand(path, "DELETE FROM mask", "UPDATE entry SET author = 'anna' WHERE sequence = 8")
    assert found(path) == (7, Tampering.MASK_MISSING)
    by_hand(path, "UPDATE entry SET author = 'ben' WHERE sequence = 2")
    assert found(path) == (2, Tampering.EDITED)


def test_the_mask_of_a_replaced_draft_is_not_missed_where_a_later_entry_is_at_fault(
    path: Path,
) -> None:
    by_hand(path, "UPDATE entry SET at_utc = '' WHERE sequence = 6")
    assert found(path) == (6, Tampering.EDITED)


def test_a_cut_end_shows_only_against_a_head_that_was_noted(path: Path) -> None:
    noted = verify(path).head
    by_hand(path, "DELETE FROM entry WHERE sequence >= 8")
    assert verify(path).is_sound
    fault = verify(path, noted).fault
    assert fault is not None
    assert (fault.sequence, fault.tampering) == (8, Tampering.REMOVED)


def test_a_noted_head_holds_while_the_ledger_grows(path: Path) -> None:
    noted = head_from(str(verify(path).head))
    with open_ledger(path) as ledger:
        write(ledger, ANNA, "read_opened", {"read_id": "r2"})
    assert verify(path, noted).is_sound


def test_a_ledger_written_anew_is_not_the_one_that_was_noted(path: Path, tmp_path: Path) -> None:
    noted = verify(path).head
    other = tmp_path / "other.sqlite"
    written(other)
    fault = verify(other, noted).fault
    assert fault is not None
    assert (fault.sequence, fault.tampering) == (8, Tampering.NOT_AS_NOTED)


@pytest.mark.parametrize("text", ["", "8", "8:ab", f"x:{'0' * 64}", f"8:{'G' * 64}"])
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(StoreError, match="expected SEQUENCE:DIGEST"):
        head_from(text)


@given(data=st.data())
def test_no_flipped_bit_of_the_file_gives_other_entries_that_pass(
    data: st.DataObject, whole: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = Path(shutil.copy(whole, tmp_path_factory.mktemp("flipped") / "reads.sqlite"))
    before = _told_by(whole)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(content)
    try:
        is_sound = verify(path).is_sound
    except StoreError:
        return
    if is_sound:
        assert _told_by(path) == before


def test_a_value_of_another_type_is_an_edited_entry(path: Path) -> None:
    """One bit of a row's head makes bytes of a text, which a strict table never takes."""
    by_hand(
        path,
        "CREATE TABLE loose AS SELECT * FROM entry",
        "DROP TABLE entry",
        "ALTER TABLE loose RENAME TO entry",
        "UPDATE entry SET kind = CAST(kind AS BLOB) WHERE sequence = 5",
    )
    assert found(path) == (5, Tampering.EDITED)
    by_hand(path, "UPDATE entry SET digest = NULL WHERE sequence = 4")
    assert found(path) == (4, Tampering.EDITED)


def _told_by(path: Path) -> tuple[object, bytes]:
    with open_ledger(path) as ledger:
        return ledger.entries(), unpack_mask(ledger.blob(mask(2).sha256)).tobytes()
