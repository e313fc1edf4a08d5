from __future__ import annotations

from pathlib import Path

from corelab.store.layout import Layout
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.withdrawal import withdraw

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))


def test_what_is_moved_out_of_out_is_for_the_vaults_owner_alone(tmp_path: Path) -> None:
    layout, vault = Layout(tmp_path / "out"), tmp_path / "vault"
    (vault / "withdrawn").mkdir(parents=True)
    (vault / "withdrawn").chmod(0o755)
    layout.case_folder(CASE).mkdir(parents=True)
    withdraw(layout, CASE, vault)
    assert (vault / "withdrawn" / "sub-KX4M7P" / "ses-fu24h.1").is_dir()
    assert (vault / "withdrawn").stat().st_mode & 0o077 == 0
