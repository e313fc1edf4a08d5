from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.ledger import Ledger, create_ledger, open_ledger
from corelab.store.ledger_check import verify
from corelab.store.signing import is_signed
from corelab.store.users import (
    User,
    WrongPassphraseError,
    add_user,
    change_passphrase,
    disable_user,
    unlock,
    users_of,
)
from tests.store.ledger_of_reads import by_hand, write

MANAGERS, READERS = "correct horse battery", "staple of the reader"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with create_ledger(tmp_path / "reads.sqlite") as opened:
        add_user(opened, "manager", "data_manager", MANAGERS, by=None)
        manager = unlock(opened, "manager", MANAGERS)
        add_user(opened, "reader1", "reader", READERS, by=manager)
        yield opened


def test_a_user_signs_with_the_key_that_its_passphrase_opens(ledger: Ledger) -> None:
    signer = unlock(ledger, "reader1", READERS)
    assert write(ledger, signer, "read_opened", {"read_id": "r1"}) == 3
    entry = ledger.entries()[-1]
    assert entry.author == "reader1"
    key = ledger.entries()[1].payload["public_key_hex"]
    assert is_signed(entry.digest, entry.signature, str(key))
    assert verify(ledger.path).is_sound
    assert users_of(ledger) == (
        User(name="manager", role="data_manager", is_active=True),
        User(name="reader1", role="reader", is_active=True),
    )


@pytest.mark.parametrize(
    ("name", "passphrase"),
    [("reader1", MANAGERS), ("reader1", ""), ("nobody", READERS), ("manager", READERS)],
)
def test_name_and_passphrase_must_belong_together_and_which_is_wrong_is_not_told(
    ledger: Ledger, name: str, passphrase: str
) -> None:
    with pytest.raises(WrongPassphraseError, match=r"^name and passphrase do not belong together$"):
        unlock(ledger, name, passphrase)


def test_an_unknown_name_takes_as_long_as_a_wrong_passphrase(ledger: Ledger) -> None:
    def least_seconds(name: str) -> float:
        taken = []
        for _ in range(5):
            start = time.process_time()
            with pytest.raises(WrongPassphraseError):
                unlock(ledger, name, "no passphrase of anybody")
            taken.append(time.process_time() - start)
        return min(taken)

    known, unknown = least_seconds("reader1"), least_seconds("nobody")
    assert unknown > 0.5 * known
    assert known > 0.5 * unknown


def test_a_disabled_user_signs_nothing_and_its_name_is_never_used_again(ledger: Ledger) -> None:
    manager = unlock(ledger, "manager", MANAGERS)
    signer = unlock(ledger, "reader1", READERS)
    disable_user(ledger, "reader1", "left the lab", by=manager)
    with pytest.raises(WrongPassphraseError):
        unlock(ledger, "reader1", READERS)
    with pytest.raises(StoreError, match="reader1 is disabled"):
        write(ledger, signer, "read_opened", {"read_id": "r1"})
    with pytest.raises(StoreError, match="never used twice"):
        add_user(ledger, "reader1", "reader", READERS, by=manager)
    assert users_of(ledger)[1] == User(name="reader1", role="reader", is_active=False)
    assert verify(ledger.path).is_sound


def test_only_a_data_manager_adds_and_disables_users(ledger: Ledger) -> None:
    reader = unlock(ledger, "reader1", READERS)
    with pytest.raises(StoreError, match="reader1 is reader: a data_manager adds"):
        add_user(ledger, "reader2", "reader", READERS, by=reader)
    with pytest.raises(StoreError, match="reader1 is reader: a data_manager adds"):
        disable_user(ledger, "manager", "why not", by=reader)
    with pytest.raises(StoreError, match="a data manager adds further ones"):
        add_user(ledger, "other", "data_manager", MANAGERS, by=None)
    assert len(ledger.entries()) == 2


def test_the_last_data_manager_cannot_be_disabled(ledger: Ledger) -> None:
    manager = unlock(ledger, "manager", MANAGERS)
    with pytest.raises(StoreError, match="last data_manager"):
        disable_user(ledger, "manager", "left the lab", by=manager)
    add_user(ledger, "second", "data_manager", MANAGERS, by=manager)
    disable_user(ledger, "manager", "left the lab", by=manager)


def test_the_first_user_is_a_data_manager(tmp_path: Path) -> None:
    with (
        create_ledger(tmp_path / "reads.sqlite") as ledger,
        pytest.raises(StoreError, match="begins with a data_manager"),
    ):
        add_user(ledger, "reader1", "reader", READERS, by=None)


def test_a_changed_passphrase_opens_the_same_key(ledger: Ledger) -> None:
    before = unlock(ledger, "reader1", READERS).public_key_hex
    change_passphrase(ledger, "reader1", READERS, "another long one")
    assert unlock(ledger, "reader1", "another long one").public_key_hex == before
    with pytest.raises(WrongPassphraseError):
        unlock(ledger, "reader1", READERS)
    with pytest.raises(WrongPassphraseError):
        change_passphrase(ledger, "reader1", READERS, "another long one")


def test_a_passphrase_of_fewer_than_12_characters_is_refused(ledger: Ledger) -> None:
    manager = unlock(ledger, "manager", MANAGERS)
    for attempt in (
        lambda: add_user(ledger, "reader2", "reader", "elevenchars", by=manager),
        lambda: change_passphrase(ledger, "reader1", READERS, "elevenchars"),
    ):
        with pytest.raises(StoreError, match="has 11 characters, expected at least 12"):
            attempt()
    add_user(ledger, "reader2", "reader", "twelve chars", by=manager)


@pytest.mark.parametrize("name", ["", "a", "Anna", "1a", "a b", "ä-b", "a" * 21, "../a", "a\n"])
def test_a_name_that_is_no_plain_word_is_refused(ledger: Ledger, name: str) -> None:
    manager = unlock(ledger, "manager", MANAGERS)
    with pytest.raises(StoreError, match="cannot be used"):
        add_user(ledger, name, "reader", READERS, by=manager)


def test_letters_count_as_the_same_however_a_keyboard_composes_them(ledger: Ledger) -> None:
    change_passphrase(ledger, "reader1", READERS, "gr\u00f6\u00dfer als sonst")
    assert unlock(ledger, "reader1", "gro\u0308\u00dfer als sonst")


def test_a_key_put_in_by_hand_signs_nothing(tmp_path: Path) -> None:
    """Whoever may write the file can seal a key of their own under a passphrase of their own."""
    other = tmp_path / "other" / "reads.sqlite"
    other.parent.mkdir()
    with create_ledger(other) as ledger:
        add_user(ledger, "manager", "data_manager", "known to the forger", by=None)
    path = tmp_path / "reads.sqlite"
    with create_ledger(path) as ledger:
        add_user(ledger, "manager", "data_manager", MANAGERS, by=None)
    by_hand(
        path,
        f"ATTACH DATABASE '{other}' AS other",
        "UPDATE user SET (salt, sealed_key) = (SELECT salt, sealed_key FROM other.user)",
    )
    with open_ledger(path) as ledger:
        with pytest.raises(WrongPassphraseError):
            unlock(ledger, "manager", MANAGERS)
        with pytest.raises(StoreError, match="not the one that the ledger names"):
            unlock(ledger, "manager", "known to the forger")


def test_the_file_holds_no_passphrase_and_no_open_key(ledger: Ledger) -> None:
    signer = unlock(ledger, "reader1", READERS)
    assert "reader1" in repr(signer)
    files = list(ledger.path.parent.iterdir())
    content = b"".join(file.read_bytes() for file in files)
    assert READERS.encode() not in content
    secret = signer._key.private_bytes_raw()  # noqa: SLF001 - the secret itself
    assert secret not in content
    assert secret.hex().encode() not in content


@pytest.mark.parametrize("reason", ["", "  ", "no", "x" * 1001, "bell\a"])
def test_a_reason_is_a_few_plain_words(ledger: Ledger, reason: str) -> None:
    manager = unlock(ledger, "manager", MANAGERS)
    with pytest.raises(StoreError, match="expected 3 to 1000 of plain text"):
        disable_user(ledger, "reader1", reason, by=manager)
