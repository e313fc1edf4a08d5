"""The commands over the reading room's users."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from corelab.errors import StoreError
from corelab.reading.roles import Role
from corelab.store.layout import Layout
from corelab.store.ledger import Ledger, Signer, create_ledger, open_ledger, read_ledger
from corelab.store.users import (
    add_user,
    change_passphrase,
    check_name,
    disable_user,
    unlock,
    users_of,
)
from pipelines.passphrase import known_passphrase, new_passphrase
from pipelines.screen import Column, Row, counted, show_plain, show_whole, standard_output, table_of
from pipelines.telling import told


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user by name, and the file with the passphrase where it is not typed."""

    name: str
    passphrase_file: Path | None


_COLUMNS = (Column(name="user"), Column(name="role"), Column(name="state"))


@told
def add_command(out: Path, user: Person, role: Role, manager: Person | None) -> int:
    """Add a user, and make the ledger for the first one."""
    check_name(user.name)
    if manager is None:
        return _add_first(out, user, role)
    with open_ledger(Layout(out).ledger) as ledger:
        by = _unlocked(ledger, manager)
        passphrase = new_passphrase(user.passphrase_file, user.name)
        add_user(ledger, user.name, role, passphrase, by=by)
    _say(f"{user.name} is added as {role}")
    return 0


@told
def list_command(out: Path) -> int:
    """Print every user."""
    with read_ledger(Layout(out).ledger) as ledger:
        users = users_of(ledger)
    rows = [
        Row(cells=(user.name, user.role, "active" if user.is_active else "disabled"))
        for user in users
    ]
    console = standard_output()
    if rows:
        show_whole(console, table_of(_COLUMNS, rows))
    _say(counted(len(rows), "user"))
    return 0


@told
def disable_command(out: Path, name: str, reason: str, manager: Person) -> int:
    """Disable a user."""
    with open_ledger(Layout(out).ledger) as ledger:
        disable_user(ledger, name, reason, by=_unlocked(ledger, manager))
    _say(f"{name} signs nothing from now on; what {name} signed stays")
    return 0


@told
def passphrase_command(out: Path, user: Person, new_file: Path | None) -> int:
    """Change a passphrase."""
    with open_ledger(Layout(out).ledger) as ledger:
        before = known_passphrase(user.passphrase_file, user.name)
        change_passphrase(ledger, user.name, before, new_passphrase(new_file, user.name))
    _say(f"the passphrase of {user.name} is changed")
    return 0


def _add_first(out: Path, user: Person, role: Role) -> int:
    path = Layout(out).ledger
    if not out.is_dir():
        raise StoreError(f"{out} is no folder: corelab run makes it")
    if role is not Role.DATA_MANAGER:
        raise StoreError(
            f"a {role} is added by a data manager: name one with --by. The first user of all is "
            f"added with --role {Role.DATA_MANAGER} and without --by"
        )
    if path.exists():
        with read_ledger(path) as ledger:
            if users_of(ledger):
                raise StoreError("the ledger has users: name the data manager with --by")
    passphrase = new_passphrase(user.passphrase_file, user.name)
    with open_ledger(path) if path.exists() else create_ledger(path) as ledger:
        add_user(ledger, user.name, role, passphrase, by=None)
    _say(f"{user.name} is added as {role}, the first user of {path}")
    return 0


def _unlocked(ledger: Ledger, person: Person) -> Signer:
    return unlock(ledger, person.name, known_passphrase(person.passphrase_file, person.name))


def _say(text: str) -> None:
    show_plain(standard_output(), text)
