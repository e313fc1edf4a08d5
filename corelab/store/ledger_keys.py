"""Who may write into the ledger, as its own entries say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from corelab.errors import StoreError
from corelab.store.files import Json
from corelab.store.ledger_entry import OwnKind

DATA_MANAGER = "data_manager"
"""Role that adds and disables users, and that the first user has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keeper:
    """A user as the ledger knows one: role, public key, and whether it still signs."""

    name: str
    role: str
    public_key_hex: str
    is_active: bool = True

    @property
    def manages(self) -> bool:
        """Whether this user may add and disable users now."""
        return self.is_active and self.role == DATA_MANAGER


@dataclass(frozen=True, slots=True)
class Keyring:
    """Every user so far; :meth:`after` gives the one after an entry."""

    keepers: Mapping[str, Keeper] = field(default_factory=dict)

    def key_of(self, author: str, kind: str, payload: Mapping[str, Json]) -> str:
        """Public key that an entry of this author must be signed with.

        Raises
        ------
        StoreError
            When nobody of this name may write such an entry now.
        """
        if not self.keepers:
            return _first_key(author, kind, payload)
        known = self.keepers.get(author)
        if known is None:
            raise StoreError(f"the ledger knows no user {author}")
        if not known.is_active:
            raise StoreError(f"user {author} is disabled")
        if kind in _OF_MANAGERS and not known.manages:
            raise StoreError(
                f"user {author} is {known.role}: a {DATA_MANAGER} adds and disables users"
            )
        return known.public_key_hex

    def after(self, kind: str, payload: Mapping[str, Json]) -> Keyring:
        """Keyring after an entry.

        Raises
        ------
        StoreError
            When it adds a user twice, disables one that is not there or leaves none to manage.
        """
        if kind == OwnKind.USER_ADDED:
            return self._with_added(payload)
        if kind == OwnKind.USER_DISABLED:
            return self._with_disabled(_text(payload, "name"))
        return self

    def _with_added(self, payload: Mapping[str, Json]) -> Keyring:
        name = _text(payload, "name")
        if name.casefold() in {known.casefold() for known in self.keepers}:
            raise StoreError(f"there is a user {name} already; names are never used twice")
        key = _text(payload, "public_key_hex")
        added = Keeper(name=name, role=_text(payload, "role"), public_key_hex=key)
        return Keyring({**self.keepers, name: added})

    def _with_disabled(self, name: str) -> Keyring:
        known = self.keepers.get(name)
        if known is None or not known.is_active:
            raise StoreError(f"there is no user {name} to disable")
        left = {**self.keepers, name: replace(known, is_active=False)}
        if not any(keeper.manages for keeper in left.values()):
            raise StoreError(f"{name} is the last {DATA_MANAGER}: add another one first")
        return Keyring(left)


_OF_MANAGERS = frozenset({OwnKind.USER_ADDED.value, OwnKind.USER_DISABLED.value})


def _first_key(author: str, kind: str, payload: Mapping[str, Json]) -> str:
    """Key of whoever begins a ledger: a data manager, who adds itself."""
    is_own = kind == OwnKind.USER_ADDED and payload.get("name") == author
    if not is_own or payload.get("role") != DATA_MANAGER:
        raise StoreError(f"a ledger begins with a {DATA_MANAGER} who adds itself")
    return _text(payload, "public_key_hex")


def _text(payload: Mapping[str, Json], key: str) -> str:
    value = payload.get(key)
    if not isinstance(value, str):
        raise StoreError(f"an entry about a user has no {key}")
    return value
