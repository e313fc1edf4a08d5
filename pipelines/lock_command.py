"""``corelab lock``, ``unlock`` and ``verify`` on a terminal."""

from __future__ import annotations

from pathlib import Path

from corelab.errors import StoreError
from corelab.store.layout import Layout
from corelab.store.ledger import Signer, open_ledger
from corelab.store.users import unlock
from pipelines.cli import EXIT_PROBLEMS
from pipelines.holding import hold_out
from pipelines.lock_check import lock_differences
from pipelines.locking import LockRequest, lock, unlock_out
from pipelines.passphrase import known_passphrase
from pipelines.screen import counted, show_plain, standard_output
from pipelines.telling import told
from pipelines.users_command import Person


@told
def lock_command(request: LockRequest, manager: Person | None) -> int:
    """Lock OUT."""
    with hold_out(request.out, "lock"):
        made = lock(request, _signer(request.out, manager) if manager else None)
    console = standard_output()
    show_plain(console, f"locked: {made.n_files} files, lock {made.lock_id}")
    show_plain(console, f"leak audit {made.leak_audit}")
    console.print(f"tables and manifest  {made.folder}", highlight=False, soft_wrap=True)
    return 0


@told
def unlock_command(out: Path, reason: str, first: Person, second: Person) -> int:
    """Lift the lock of OUT."""
    if first.name == second.name:
        raise StoreError(f"a lock is lifted by two people, found {first.name} twice")
    with hold_out(out, "unlock"):
        lock_id = unlock_out(out, reason, _signer(out, first), _signer(out, second))
    show_plain(
        standard_output(),
        f"unlocked: {lock_id}, by {first.name} and {second.name}; its folder stays",
    )
    return 0


@told
def verify_command(place: Path) -> int:
    """Print what differs from a lock."""
    found = lock_differences(place)
    console = standard_output()
    for difference in found:
        show_plain(console, f"{difference.found}: {difference.path}")
    show_plain(console, f"{counted(len(found), 'difference')} from the locked state")
    return EXIT_PROBLEMS if found else 0


def _signer(out: Path, person: Person) -> Signer:
    path = Layout(out).ledger
    if not path.exists():
        raise StoreError(f"{person.name} is no user: OUT has none (corelab users add)")
    with open_ledger(path) as ledger:
        return unlock(ledger, person.name, known_passphrase(person.passphrase_file, person.name))
