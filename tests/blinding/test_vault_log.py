from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from corelab.blinding.vault import Vault, open_vault
from corelab.blinding.vault_log import os_user


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    for command in ("run", "show", "export", "audit"):
        with open_vault(tmp_path / "vault", command=command, what="something"):
            pass
    return tmp_path / "vault"


def by_hand(vault: Path, statement: str) -> None:
    """Change the file as somebody with the rights and without scruples would."""
    with sqlite3.connect(vault / "vault.sqlite") as connection:
        connection.execute("DROP TRIGGER IF EXISTS log_is_not_changed")
        connection.execute("DROP TRIGGER IF EXISTS log_is_not_cut")
        connection.execute(statement)
    connection.close()


def fault(vault: Path) -> str | None:
    with open_vault(vault) as opened:
        return opened.ledger.fault_of_log()


def lines(opened: Vault) -> list[tuple[str, str]]:
    return [(access.os_user, access.command) for access in opened.ledger.log()]


def test_every_access_is_a_line(vault: Path) -> None:
    with open_vault(vault, command="query") as opened:
        log = opened.ledger.log()
        assert lines(opened) == [
            (os_user(), name) for name in ("run", "show", "export", "audit", "query")
        ]
    assert [access.number for access in log] == [1, 2, 3, 4, 5]
    assert all(access.at_utc.endswith("+00:00") for access in log)
    assert fault(vault) is None


@pytest.mark.parametrize(
    "statement", ["UPDATE log SET what = 'nothing'", "DELETE FROM log WHERE number = 2"]
)
def test_a_line_can_be_neither_changed_nor_deleted(vault: Path, statement: str) -> None:
    connection = sqlite3.connect(vault / "vault.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="never changed"):
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("UPDATE log SET command = 'show' WHERE number = 3", "line 3"),
        ("UPDATE log SET os_user = 'nobody' WHERE number = 1", "line 1"),
        ("DELETE FROM log WHERE number = 2", "line 2 is gone"),
        ("UPDATE log SET number = -number", "line 1 is gone"),
    ],
)
def test_what_was_changed_behind_the_triggers_is_named(
    vault: Path, statement: str, word: str
) -> None:
    by_hand(vault, statement)
    assert word in str(fault(vault))


def test_lines_cut_from_the_end_are_missed(vault: Path) -> None:
    by_hand(vault, "DELETE FROM log WHERE number >= 3")
    assert fault(vault) is not None
