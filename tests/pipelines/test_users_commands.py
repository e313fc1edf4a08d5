"""``corelab users`` as a data manager starts it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from corelab.store.ledger import open_ledger
from corelab.store.ledger_check import verify
from corelab.store.users import WrongPassphraseError, unlock

CORELAB = Path(sys.executable).parent / "corelab"
MANAGERS, READERS = "correct horse battery", "staple of the reader"


def users(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [CORELAB, "users", *words],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def private(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    path.chmod(0o600)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def managers(tmp_path: Path) -> Path:
    return private(tmp_path / "managers.txt", MANAGERS + "\n")


@pytest.fixture
def readers(tmp_path: Path) -> Path:
    return private(tmp_path / "readers.txt", READERS)


@pytest.fixture
def ledger(out: Path, managers: Path, readers: Path) -> Path:
    """A ledger of a data manager and a reader, as the commands make it."""
    first = ("add", out, "manager", "--role", "data_manager", "--passphrase-file", managers)
    second = ("add", out, "reader1", "--role", "reader", "--passphrase-file", readers)
    for words in (first, (*second, "--by", "manager", "--by-passphrase-file", managers)):
        done = users(*words)
        assert done.returncode == 0, done.stderr
    return out / "reads.sqlite"


def test_users_are_added_listed_and_disabled(ledger: Path, out: Path, managers: Path) -> None:
    by = ("--by", "manager", "--by-passphrase-file", managers)
    done = users("disable", out, "reader1", "--reason", "left the lab", *by)
    assert done.returncode == 0, done.stderr
    listed = users("list", out).stdout
    assert [line.split() for line in listed.splitlines() if "1" in line or "manager" in line] == [
        ["manager", "data_manager", "active"],
        ["reader1", "reader", "disabled"],
    ]
    assert "2 users" in listed
    assert verify(ledger).head.sequence == 3
    assert sorted(path.name for path in out.iterdir()) == ["reads.sqlite"]
    assert ledger.stat().st_mode & 0o777 == 0o600


def test_a_passphrase_is_changed(ledger: Path, out: Path, readers: Path, tmp_path: Path) -> None:
    new = private(tmp_path / "new.txt", "another long one")
    words = ("passphrase", out, "reader1", "--passphrase-file", readers)
    assert users(*words, "--new-passphrase-file", new).returncode == 0
    with open_ledger(ledger) as opened:
        assert unlock(opened, "reader1", "another long one")
        with pytest.raises(WrongPassphraseError):
            unlock(opened, "reader1", READERS)


def test_a_first_user_who_is_no_data_manager_is_refused_and_nothing_made(
    out: Path, readers: Path
) -> None:
    done = users("add", out, "reader1", "--role", "reader", "--passphrase-file", readers)
    assert done.returncode == 2
    assert "is added by a data manager" in done.stderr
    assert list(out.iterdir()) == []


def test_a_second_first_user_is_refused(ledger: Path, out: Path, managers: Path) -> None:
    before = ledger.read_bytes()
    words = ("add", out, "second", "--role", "data_manager", "--passphrase-file", managers)
    done = users(*words)
    assert done.returncode == 2
    assert "name the data manager with --by" in done.stderr
    assert ledger.read_bytes() == before


def test_a_wrong_passphrase_is_told_and_changes_nothing(
    ledger: Path, out: Path, readers: Path
) -> None:
    before = ledger.read_bytes()
    by = ("--by", "manager", "--by-passphrase-file", readers)
    done = users("add", out, "reader2", "--role", "qa", "--passphrase-file", readers, *by)
    assert done.returncode == 2
    assert done.stderr.strip() == "name and passphrase do not belong together"
    assert ledger.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("elevenchars", 0o600, "has 11 characters, expected at least 12"),
        (MANAGERS, 0o644, "open to other users"),
        ("", 0o600, "has 0 lines, expected one"),
        (f"{MANAGERS}\n{MANAGERS}\n", 0o600, "has 2 lines, expected one"),
    ],
)
def test_a_passphrase_file_that_cannot_be_used_is_told(
    out: Path, tmp_path: Path, text: str, mode: int, words: str
) -> None:
    file = private(tmp_path / "passphrase.txt", text)
    file.chmod(mode)
    done = users("add", out, "manager", "--role", "data_manager", "--passphrase-file", file)
    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert list(out.iterdir()) == []


def test_without_a_terminal_nothing_is_asked(out: Path) -> None:
    done = users("add", out, "manager", "--role", "data_manager")
    assert done.returncode == 2
    assert "no terminal to ask" in done.stderr


def typed(words: list[str | Path], answers: list[str]) -> tuple[int, str]:
    """Status and screen of a command whose questions are answered on a real terminal."""
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [CORELAB, *words], stdin=end, stdout=end, stderr=end, start_new_session=True
    ) as process:
        os.close(end)
        screen, waiting = b"", list(answers)
        while more := _read(terminal):
            screen += more
            if waiting and screen.endswith(b": "):
                os.write(terminal, waiting.pop(0).encode() + b"\n")
    os.close(terminal)
    return process.returncode, screen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1000)
    except OSError:  # the last process at the other end is gone
        return b""


def test_a_typed_passphrase_does_not_show(out: Path) -> None:
    words: list[str | Path] = ["users", "add", out, "manager", "--role", "data_manager"]
    status, screen = typed(words, [MANAGERS, MANAGERS])
    assert status == 0, screen
    assert "New passphrase of manager: " in screen
    assert "horse" not in screen
    with open_ledger(out / "reads.sqlite") as ledger:
        assert unlock(ledger, "manager", MANAGERS)


def test_a_passphrase_typed_in_two_ways_makes_nobody(out: Path) -> None:
    words: list[str | Path] = ["users", "add", out, "manager", "--role", "data_manager"]
    status, screen = typed(words, [MANAGERS, MANAGERS + "x"])
    assert (status, list(out.iterdir())) == (2, [])
    assert "typed in two ways" in screen
