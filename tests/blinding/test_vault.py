from __future__ import annotations

import dataclasses
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from corelab.blinding.vault import open_vault
from corelab.errors import ReasonCode, StoreError
from corelab.series import (
    Identifier,
    IdentifierKind,
    LooseFile,
    Outcome,
    Refusal,
    SeriesVerdict,
    SourceVersion,
)
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.factories import make_series

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))


def test_only_the_owner_may_open_it(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault"):
        pass
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "vault" / "vault.sqlite").stat().st_mode) == 0o600


def test_a_patient_keeps_its_code_over_reruns(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        code = vault.code_of("PAT-0077")
        assert vault.code_of("PAT-0078") != code
    with open_vault(tmp_path) as vault:
        assert vault.code_of("PAT-0077") == code


def test_every_version_of_every_source_is_kept(tmp_path: Path) -> None:
    first = SourceVersion(
        study_uid="2.25.1", series_uid="2.25.2", part="ct None", number=1, digest="a"
    )
    second = dataclasses.replace(first, number=2, digest="b")
    other = dataclasses.replace(first, part="b0 0.0")
    with open_vault(tmp_path) as vault:
        vault.note_source([first, other])
        vault.note_source([second])
        vault.note_source([second])
    with open_vault(tmp_path) as vault:
        assert set(vault.source_versions(["2.25.1", "2.25.3"])) == {first, second, other}


def test_when_pixels_were_first_measured_is_kept(tmp_path: Path) -> None:
    first = SourceVersion(study_uid="2.25.1", series_uid="2.25.2", part="ct", number=1, digest="a")
    with open_vault(tmp_path) as vault:
        vault.note_source([first])
        noted = vault.measured_at(first)
        assert noted is not None
        assert abs(datetime.now(UTC) - noted) < timedelta(minutes=10)
        assert vault.measured_at(dataclasses.replace(first, digest="b")) is None


def test_the_files_of_a_series_are_those_of_its_newest_delivery(tmp_path: Path) -> None:
    series = make_series()
    moved = dataclasses.replace(
        series,
        files=(tmp_path / "b" / "IM1",),
        frames=(dataclasses.replace(series.frames[0], path=tmp_path / "b" / "IM1"),),
    )
    key = series.identity.series_key
    with open_vault(tmp_path / "vault") as vault:
        assert vault.files_of_series(key) == ()
        for part in (series, moved):
            vault.note_series(
                [SeriesVerdict(series=part, case=CASE, outcome=Outcome.USED, why="as ct")]
            )
        assert vault.files_of_series(key) == (tmp_path / "b" / "IM1",)
        assert vault.files_of_series((key[0], "another series")) == ()


def test_an_archive_is_an_identifying_name_as_a_folder_is(tmp_path: Path) -> None:
    archive = tmp_path / "Doe_Jane.zip"
    archive.write_bytes(b"x")
    refusal = Refusal(reason=ReasonCode.NOT_DICOM, message="no DICOM")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_loose(tmp_path, [LooseFile(path=archive / "a" / "b" / "IM1", refusal=refusal)])
        assert Identifier("Doe_Jane.zip", IdentifierKind.FILE_NAME) in vault.identifiers()


def test_a_code_cannot_change_its_patient(tmp_path: Path) -> None:
    with open_vault(tmp_path) as vault:
        vault.bind("PAT-0077", SubjectCode("KX4M7P"))
        vault.bind("PAT-0077", SubjectCode("KX4M7P"))
        with pytest.raises(StoreError, match="another pair"):
            vault.bind("PAT-0078", SubjectCode("kx4m7p"))
        with pytest.raises(StoreError, match="another pair"):
            vault.bind("PAT-0077", SubjectCode("AB2CD3"))


def test_every_identifying_text_is_kept_for_the_audit(tmp_path: Path) -> None:
    verdict = SeriesVerdict(series=make_series(), case=CASE, outcome=Outcome.USED, why="as ct")
    loose = LooseFile(
        path=tmp_path / "Letter for Jane.txt",
        refusal=Refusal(reason=ReasonCode.NOT_DICOM, message="no DICOM"),
    )
    with open_vault(tmp_path) as vault:
        vault.note_series([verdict])
        vault.note_series([verdict])
        vault.note_loose(tmp_path, [loose])
        found = {known.text for known in vault.identifiers()}
    wanted = {"PAT-0077", "1.2.3", "1.2.3.1", "24h post EVT albumin", "Doe^Jane", "Doe_Jane"}
    assert wanted <= found
    assert "Letter for Jane.txt" in found


def test_a_file_that_is_no_vault_is_named(tmp_path: Path) -> None:
    (tmp_path / "vault.sqlite").write_bytes(b"not a database, certainly not one" * 40)
    with pytest.raises(StoreError, match="cannot be opened"), open_vault(tmp_path):
        pass
