from __future__ import annotations

import dataclasses
import sqlite3
from pathlib import Path

import pytest

from corelab.blinding.vault import Vault, open_vault
from corelab.blinding.vault_file import FILE_NAME
from corelab.errors import StoreError
from corelab.series import CaseVersion, Outcome, SeriesVerdict, SourceVersion
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.factories import make_series

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
SOURCE = SourceVersion(
    study_uid="1.2.3", series_uid="1.2.3.1", part="ct as_delivered 0", number=1, digest="a"
)
VERSION = CaseVersion(
    number=1,
    sources=frozenset({SOURCE}),
    received=frozenset({("1.2.3", "1.2.3.1"), ("1.2.3", "1.2.3.2")}),
)


def measured(vault: Vault, *sources: SourceVersion) -> None:
    """Keep a study with two series as a run does that measures it."""
    series = [make_series(), make_series(series_uid="1.2.3.2")]
    vault.note_series(
        SeriesVerdict(series=part, case=CASE, outcome=Outcome.USED, why="as ct") for part in series
    )
    vault.note_source(sources)


def without_versions(folder: Path) -> None:
    """Make a vault of the layout before versions of it."""
    connection = sqlite3.connect(folder / FILE_NAME)
    connection.execute("DROP TABLE version")
    connection.execute("DROP TABLE memory")
    connection.execute("ALTER TABLE file DROP COLUMN pixels")
    connection.execute("PRAGMA user_version = 4")
    connection.commit()
    connection.close()


def test_a_version_is_given_back_as_it_was_noted(tmp_path: Path) -> None:
    second = dataclasses.replace(VERSION, number=2)
    with open_vault(tmp_path / "vault") as vault:
        vault.versions.note(CASE, second)
        vault.versions.note(CASE, VERSION)
        vault.versions.note(CASE, VERSION)
    with open_vault(tmp_path / "vault") as vault:
        assert vault.versions.of(CASE) == (VERSION, second)
        assert vault.versions.of(dataclasses.replace(CASE, visit=VisitLabel("baseline"))) == ()


def test_the_data_manager_sees_which_study_is_which_version(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        measured(vault, SOURCE)
        (unmeasured,) = vault.ledger.studies()
        for number in (1, 3):
            vault.versions.note(CASE, dataclasses.replace(VERSION, number=number))
        (study,) = vault.ledger.studies()
    assert (unmeasured.versions, study.versions) == ((), (1, 3))


def test_a_version_rests_on_what_it_was_measured_on_last(tmp_path: Path) -> None:
    other = dataclasses.replace(SOURCE, series_uid="1.2.3.2")
    with open_vault(tmp_path / "vault") as vault:
        vault.versions.note(CASE, VERSION)
        again = dataclasses.replace(
            VERSION, sources=frozenset({other}), received=frozenset({("1.2.3", "1.2.3.2")})
        )
        vault.versions.note(CASE, again)
        (found,) = vault.versions.of(CASE)
    assert found.sources == {other}
    assert found.received == VERSION.received


def test_no_uid_of_a_version_stands_in_plain_text(tmp_path: Path) -> None:
    planted = dataclasses.replace(SOURCE, study_uid="1.2.PLANTED", series_uid="1.2.PLANTED.1")
    with open_vault(tmp_path / "vault") as vault:
        vault.versions.note(CASE, dataclasses.replace(VERSION, sources=frozenset({planted})))
    content = b"".join(path.read_bytes() for path in (tmp_path / "vault").iterdir())
    assert b"PLANTED" not in content


def test_what_an_older_vault_knows_becomes_the_first_version(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        newer = dataclasses.replace(SOURCE, number=2, digest="b")
        measured(vault, SOURCE, newer)
    without_versions(tmp_path / "vault")
    for _ in range(2):
        with open_vault(tmp_path / "vault") as vault:
            (found,) = vault.versions.of(CASE)
            assert found == dataclasses.replace(VERSION, sources=frozenset({newer}))


def test_an_older_vault_without_its_key_gets_no_new_one(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        measured(vault, SOURCE)
    without_versions(tmp_path / "vault")
    (tmp_path / "vault.key").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="its key is not"), open_vault(tmp_path / "vault"):
        pass
