"""What a rerun measures: what is new or changed, what is asked for, what is picked."""

from __future__ import annotations

import csv
import dataclasses
import shutil
from collections import Counter
from pathlib import Path

import pydicom
import pytest
from typer.testing import CliRunner, Result

from corelab.blinding.vault import open_vault
from corelab.errors import ConfigError
from corelab.store.layout import Layout
from corelab.store.table import load_problems
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.case import Redo
from pipelines.case_key import Change
from pipelines.cli import app
from pipelines.engine import Engine
from pipelines.followup import BatchRequest, BatchResult, plan_delivery, run_batch
from pipelines.pending import load_pending
from pipelines.pick import EVERY_CASE, Pick, pick_of
from pipelines.progress import Silent
from pipelines.summary import forecast_line, measured_line, pending_line

REPOSITORY = Path(__file__).parents[2]
SAMPLE = REPOSITORY / "sample_data"
DEMO = REPOSITORY / "configs" / "demo.toml"
PEOPLE = (
    "Wintergreen_Leopold_01-04-1956_004500108",
    "Delacourt_Rosamund 009809779",
    "Pellegrew_Leopold_17-04-1954_MRN-1441951",
)
CT = ("W23926", "fu24h")
DWI = ("GYC4D4", "fu24h")
CUT = ("W8US6M", "fu_late")
ALL = [DWI, CT]
UNKNOWN_CODE = (
    "--only: found 'W23962', expected a subject code of this delivery: "
    "GYC4D4, W23926, W8US6M; did you mean 'W23926'?"
)
UNKNOWN_VISIT = (
    "--visit: found 'fu24', expected a visit of this delivery: fu24h, fu_late; "
    "did you mean 'fu24h'?"
)
NO_SUCH_CASE = "--visit: found 'fu_late', expected a visit of these subjects: fu24h"


def case(key: tuple[str, str]) -> Case:
    return Case(SubjectCode(key[0]), VisitLabel(key[1]))


@pytest.fixture(scope="module")
def incoming(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("delivery") / "incoming"
    for name in PEOPLE:
        shutil.copytree(SAMPLE / "incoming" / name, folder / name)
    for path in (folder / PEOPLE[2]).iterdir():
        if not pydicom.dcmread(path, stop_before_pixels=True).StudyInstanceUID.endswith("133540"):
            path.unlink()
    return folder


@pytest.fixture(scope="module")
def first(incoming: Path, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Home of a whole run."""
    home = tmp_path_factory.mktemp("first")
    result = run(incoming, home, engine)
    assert [(read.subject_code, read.visit) for read in result.reads] == ALL
    return home


@pytest.fixture
def home(first: Path, tmp_path: Path) -> Path:
    """Copy of that home, to run again in."""
    return shutil.copytree(first, tmp_path / "home")


@pytest.fixture(scope="module")
def other_trial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Name another number of the method on CT."""
    path = tmp_path_factory.mktemp("trial") / "trial.toml"
    path.write_text(DEMO.read_text("utf-8") + "\n[methods.ncct]\ncomponent_min_ml = 0.6\n")
    return path


def request(incoming: Path, home: Path, trial: Path = DEMO) -> BatchRequest:
    return BatchRequest(
        incoming=incoming,
        trial_file=trial,
        out=home / "out",
        subjects_file=SAMPLE / "subjects.csv",
        vault=home / "vault",
    )


def run(
    incoming: Path,
    home: Path,
    engine: Engine,
    *,
    trial: Path = DEMO,
    pick: Pick = EVERY_CASE,
    redo: Redo = Redo.CHANGED,
) -> BatchResult:
    asked = dataclasses.replace(request(incoming, home, trial), pick=pick, redo=redo)
    return run_batch(asked, engine, Silent())


def content(home: Path) -> dict[str, bytes]:
    out = home / "out"
    return {
        path.relative_to(out).as_posix(): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and path.name != "batch.json"
    }


def volumes(home: Path) -> dict[tuple[str, str], dict[str, str]]:
    with (home / "out" / "volumes.csv").open(encoding="utf-8", newline="") as stream:
        return {(row["subject_code"], row["visit"]): row for row in csv.DictReader(stream)}


def problems(home: Path) -> list[tuple[str, str]]:
    return [(p.subject_code, p.visit) for p in load_problems(Layout(home / "out"))]


def masks(home: Path) -> dict[tuple[str, str], float]:
    """Modification of each mask's folder entry: another number after the case was made anew."""
    layout = Layout(home / "out")
    return {key: layout.infarct_mask(case(key)).stat().st_ctime_ns for key in ALL}


def test_a_changed_ct_parameter_redoes_exactly_the_ct_case_as_a_fresh_run_would(
    incoming: Path, home: Path, other_trial: Path, engine: Engine, tmp_path: Path
) -> None:
    asked = request(incoming, home, other_trial)
    before = content(home)
    forecast = plan_delivery(asked, engine, Silent())
    assert content(home) == before
    again = run(incoming, home, engine, trial=other_trial)
    assert Counter(forecast.changes) == Counter(again.changes)
    assert dict(zip(ALL, again.changes, strict=True)) == {
        DWI: Change.UNCHANGED,
        CT: Change.SETTINGS,
    }
    assert "1 redone for changed settings, 1 unchanged since the last run" in measured_line(again)
    run(incoming, tmp_path / "fresh", engine, trial=other_trial)
    assert content(home) == content(tmp_path / "fresh")
    assert content(home) != before
    assert len({row["config_digest"] for row in volumes(home).values()} - {""}) == 1
    third = run(incoming, home, engine, trial=other_trial)
    assert set(third.changes) == {Change.UNCHANGED}


def test_fresh_redoes_all_with_the_same_bytes(incoming: Path, home: Path, engine: Engine) -> None:
    before, old = content(home), masks(home)
    again = run(incoming, home, engine, redo=Redo.ALL)
    assert Counter(again.changes) == {Change.ASKED: 2}
    assert all(masks(home)[key] != old[key] for key in ALL)
    assert content(home) == before


def test_cases_that_are_not_picked_are_pending_and_no_problems(
    incoming: Path, first: Path, engine: Engine, tmp_path: Path
) -> None:
    part = run(incoming, tmp_path, engine, pick=pick_of("GYC4D4", None))
    assert [(read.subject_code, read.visit) for read in part.reads] == [DWI]
    assert list(volumes(tmp_path)) == [DWI]
    assert problems(tmp_path) == []
    assert part.problems == ()
    assert [(c.subject_code, c.visit) for c in part.pending] == [CT, CUT]
    assert load_pending(tmp_path / "vault") == set(part.pending)
    assert pending_line(part).startswith("2 cases pending")
    with open_vault(tmp_path / "vault") as vault:
        (row,) = vault.ledger.deliveries()
        n_files = sum(path.is_file() for path in incoming.rglob("*"))
        assert sum(row.fates.values()) == part.counts.n_files == n_files
        assert all(file.sha256 for file in vault.ledger.files_of(1))

    late = run(incoming, tmp_path, engine, pick=pick_of(None, "fu_late"))
    assert late.reads == ()
    assert problems(tmp_path) == [CUT]
    assert list(volumes(tmp_path)) == [DWI, CUT]
    assert [(c.subject_code, c.visit) for c in late.pending] == [CT]

    rest = run(incoming, tmp_path, engine)
    assert Counter(rest.changes) == {Change.NEW: 1, Change.UNCHANGED: 1}
    assert rest.pending == ()
    assert load_pending(tmp_path / "vault") == frozenset()
    assert content(tmp_path) == content(first)


def test_cases_that_are_not_picked_keep_their_reads_and_rows(
    incoming: Path, home: Path, other_trial: Path, engine: Engine
) -> None:
    rows, before = volumes(home), content(home)
    part = run(incoming, home, engine, trial=other_trial, pick=pick_of("W23926", "fu24h"))
    assert part.changes == (Change.SETTINGS,)
    now = volumes(home)
    assert {key: now[key] for key in now if key != CT} == {
        key: rows[key] for key in rows if key != CT
    }
    assert now[CT]["config_digest"] != rows[CT]["config_digest"]
    assert problems(home) == [CUT]
    assert part.pending == ()
    mine = [name for name in before if name.startswith("sub-GYC4D4/")]
    assert mine
    assert [name for name in mine if content(home)[name] != before[name]] == []


def test_a_case_whose_study_became_another_case_is_withdrawn_though_it_is_not_picked(
    incoming: Path, home: Path, engine: Engine, tmp_path: Path
) -> None:
    text = (SAMPLE / "subjects.csv").read_text("utf-8")
    subjects = tmp_path / "subjects.csv"
    subjects.write_text(text.replace("009809779,GYC4D4,fu24h", "009809779,GYC4D4,baseline"))
    asked = dataclasses.replace(
        request(incoming, home), subjects_file=subjects, pick=pick_of("W23926", None)
    )
    result = run_batch(asked, engine, Silent())
    assert not Layout(home / "out").case_folder(case(DWI)).exists()
    assert result.pending == (case(("GYC4D4", "baseline")),)


@pytest.mark.parametrize(
    ("only", "visit", "told"),
    [
        ("GYC4D4,W23962", None, UNKNOWN_CODE),
        (None, "fu24", UNKNOWN_VISIT),
        ("GYC4D4", "fu_late", NO_SUCH_CASE),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    incoming: Path, home: Path, engine: Engine, only: str | None, visit: str | None, told: str
) -> None:
    before = content(home)
    with pytest.raises(ConfigError) as caught:
        run(incoming, home, engine, pick=pick_of(only, visit))
    assert told in str(caught.value)
    asked = dataclasses.replace(request(incoming, home), pick=pick_of(only, visit))
    with pytest.raises(ConfigError) as foreseen:
        plan_delivery(asked, engine, Silent())
    assert str(foreseen.value) == str(caught.value)
    assert content(home) == before


def call(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_dry_run_tells_what_the_picked_cases_would_be_redone_for(
    incoming: Path, home: Path, other_trial: Path
) -> None:
    command = ("run", incoming, "--subjects", SAMPLE / "subjects.csv", "--out", home / "out")
    command += ("--vault", home / "vault", "--workers", "1", "--dry-run", "--trial")
    done = call(*command, other_trial, "--only", "GYC4D4, W23926")
    assert done.exit_code == 0, done.output
    assert "1 case would be measured (1 redone for changed settings, 1 unchanged" in done.output
    assert "W23926" in done.output
    assert "W8US6M" not in done.output
    done = call(*command, DEMO, "--fresh", "--visit", "fu24h")
    assert "2 cases would be measured (2 redone as asked (--fresh))" in done.output


def test_a_forecast_of_nothing_is_said_plainly() -> None:
    assert forecast_line(()) == "0 cases would be measured. Nothing was written to OUT."
