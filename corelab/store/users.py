"""Users of the reading room: each signs with a key of its own, sealed under its passphrase."""

from __future__ import annotations

import re
from dataclasses import dataclass

from corelab.errors import StoreError
from corelab.store.files import Json
from corelab.store.ledger import Ledger, add_entry, keyring_of
from corelab.store.ledger_entry import Entry, OwnKind
from corelab.store.ledger_file import Rows
from corelab.store.signing import (
    SealedKey,
    Signer,
    new_private_key,
    seal,
    unseal,
)

SHORTEST_PASSPHRASE = 12
_NAME = re.compile(r"[a-z][a-z0-9_-]{1,19}")
_SHORTEST_REASON, _LONGEST_REASON = 3, 1000
_PLAIN = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")


class WrongPassphraseError(StoreError):
    """Name and passphrase do not open a key: which of the two is wrong is not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user, as the ledger names it."""

    name: str
    role: str
    is_active: bool


def users_of(ledger: Ledger) -> tuple[User, ...]:
    """Every user, in the order in which they were added."""
    return tuple(
        User(name=keeper.name, role=keeper.role, is_active=keeper.is_active)
        for keeper in ledger.keyring().keepers.values()
    )


def add_user(ledger: Ledger, name: str, role: str, passphrase: str, *, by: Signer | None) -> Entry:
    """Add a user with a new key.

    Parameters
    ----------
    ledger
        Where.
    name, role
        Of the user; names are never used twice.
    passphrase
        Opens the key; nobody can bring it back.
    by
        Data manager who adds the user; ``None`` for the first one, who adds itself.

    Raises
    ------
    StoreError
        When the name or passphrase cannot be used, or ``by`` may not add users.
    """
    check_name(name)
    check_passphrase(passphrase)
    private_key = new_private_key()
    added = Signer(name, private_key)
    payload: dict[str, Json] = {
        "name": name,
        "role": str(role),
        "public_key_hex": added.public_key_hex,
    }
    sealed = seal(private_key, passphrase, name)
    with ledger.writing() as rows:
        if by is None and keyring_of(rows).keepers:
            raise StoreError("the ledger has users: a data manager adds further ones")
        entry = add_entry(rows, by or added, OwnKind.USER_ADDED, payload)
        _put_key(rows, name, sealed)
        return entry


def unlock(ledger: Ledger, name: str, passphrase: str) -> Signer:
    """Open a user's key; as much work whether or not there is such a user.

    Raises
    ------
    WrongPassphraseError
        When there is no such user, it is disabled, or the passphrase is another.
    StoreError
        When the key is not the one that the ledger names.
    """
    return Signer(name, _opened(ledger, name, passphrase))


def change_passphrase(ledger: Ledger, name: str, passphrase: str, new_passphrase: str) -> None:
    """Seal a user's key under another passphrase; what was signed stays signed.

    Raises
    ------
    WrongPassphraseError
        As :func:`unlock` does.
    StoreError
        When the new passphrase cannot be used or the file not be written.
    """
    check_passphrase(new_passphrase)
    private_key = _opened(ledger, name, passphrase)
    with ledger.writing() as rows:
        _put_key(rows, name, seal(private_key, new_passphrase, name))


def disable_user(ledger: Ledger, name: str, reason: str, *, by: Signer) -> Entry:
    """Let a user sign nothing from now on.

    Raises
    ------
    StoreError
        When there is no such user, it is the last data manager, no reason is given, or ``by`` may
        not disable users.
    """
    _check_reason(reason)
    with ledger.writing() as rows:
        return add_entry(rows, by, OwnKind.USER_DISABLED, {"name": name, "reason": reason})


def check_passphrase(passphrase: str) -> None:
    """Refuse a passphrase that is too short.

    Raises
    ------
    StoreError
        When it is.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise StoreError(
            f"the passphrase has {len(passphrase)} characters, expected at least "
            f"{SHORTEST_PASSPHRASE}: four random words are good and easy to type"
        )


def check_name(name: str) -> None:
    """Refuse a name that is no plain word.

    Raises
    ------
    StoreError
        When it is none.
    """
    if not _NAME.fullmatch(name):
        raise StoreError(
            f"the user name {name!r} cannot be used: expected 2 to 20 of a-z, 0-9, dash and "
            "underscore, a letter first"
        )


def _check_reason(reason: str) -> None:
    is_long_enough = len(reason.strip()) >= _SHORTEST_REASON
    if not is_long_enough or len(reason) > _LONGEST_REASON or not _PLAIN.fullmatch(reason):
        raise StoreError(
            f"the reason has {len(reason)} characters, expected {_SHORTEST_REASON} to "
            f"{_LONGEST_REASON} of plain text"
        )


def _opened(ledger: Ledger, name: str, passphrase: str) -> bytes:
    """Private key of a user."""
    with ledger.reading() as rows:
        keeper, sealed = keyring_of(rows).keepers.get(name), _key_of(rows, name)
    private_key = unseal(sealed, passphrase, name)
    if private_key is None or keeper is None or not keeper.is_active:
        raise WrongPassphraseError("name and passphrase do not belong together")
    if Signer(name, private_key).public_key_hex != keeper.public_key_hex:
        raise StoreError(
            f"the key of {name} is not the one that the ledger names: the file was changed by "
            "hand; restore a copy of it"
        )
    return private_key


def _key_of(rows: Rows, name: str) -> SealedKey:
    """Sealed key of a user; one that nothing opens where there is no such user."""
    row = rows.execute("SELECT salt, sealed_key FROM user WHERE name = ?", (name,)).fetchone()
    if row:
        return SealedKey(salt=bytes.fromhex(row[0]), content=bytes.fromhex(row[1]))
    return SealedKey(salt=b"", content=b"")


def _put_key(rows: Rows, name: str, sealed: SealedKey) -> None:
    row = (name, sealed.salt.hex(), sealed.content.hex())
    rows.execute("INSERT OR REPLACE INTO user VALUES (?, ?, ?)", row)
