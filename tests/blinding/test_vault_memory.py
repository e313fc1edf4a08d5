from __future__ import annotations

from pathlib import Path

from corelab.blinding.vault import open_vault
from corelab.blinding.vault_delivery import DeliveredFile, FileFate
from corelab.vocab import SubjectCode

TEXT = "Weidenhofer, and where it lies"


def test_a_text_is_kept_sealed_until_another_takes_its_place(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        assert vault.recall("audit") == ""
        vault.remember("audit", "before")
        vault.remember("audit", TEXT)
    with open_vault(tmp_path / "vault") as vault:
        assert vault.recall("audit") == TEXT
    for path in (tmp_path / "vault").iterdir():
        assert b"Weidenhofer" not in path.read_bytes()


def test_the_state_is_that_of_what_is_held_and_not_of_who_looks(tmp_path: Path) -> None:
    states = []
    for _ in range(2):
        with open_vault(tmp_path / "vault") as vault:
            vault.remember("audit", TEXT)
            vault.start_batch(("1", "T", "d"), tmp_path / "out")
            states.append(vault.state())
    with open_vault(tmp_path / "vault") as vault:
        vault.bind("PAT-1", SubjectCode("KX4M7P"))
        states.append(vault.state())
        file = DeliveredFile(path=Path("/in/a"), sha256="aa" * 32, stamp="1", fate=FileFate.USED)
        vault.note_delivery(Path("/in"), [file])
        states.append(vault.state())
    assert states[0] == states[1]
    assert len(set(states)) == 3


def test_what_others_write_is_told_from_what_is_written_here(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.remember("audit", TEXT)
        assert not vault.is_changed_by_others
        with open_vault(tmp_path / "vault"):
            pass
        assert vault.is_changed_by_others
