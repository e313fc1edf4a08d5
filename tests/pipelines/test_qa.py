from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from corelab.store import qa_ratings
from corelab.store.layout import Layout
from corelab.store.qa_ratings import QaRating
from corelab.store.record import load_read
from corelab.vocab import QaReason, QaVerdict
from pipelines.cli import app
from tests.review.browser import PASSPHRASE
from tests.review.furnished import CT_CASE, TRIAL_ID, furnish
from tests.review.qa_furnished import VERSION, furnish_qa

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("furnished") / "out"
    furnish(out)
    furnish_qa(out)
    return out


@pytest.fixture
def out(furnished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(furnished, tmp_path / "out"))


@pytest.fixture
def run(out: Path, tmp_path: Path) -> Run:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)

    def bring(*ratings: QaRating, by: str = "quin", name: str = "mine.csv") -> Result:
        write = qa_ratings.to_json if name.endswith("json") else qa_ratings.to_csv
        (tmp_path / name).write_text(write(ratings))
        words = ["qa", "import", out, tmp_path / name, "--by", by, "--passphrase-file", secret]
        return CliRunner().invoke(app, [str(word) for word in words])

    return bring


def rating(out: Path) -> QaRating:
    read = load_read(Layout(out).read(CT_CASE))
    return QaRating(
        trial_id=TRIAL_ID,
        subject_code=CT_CASE.subject_code,
        visit=CT_CASE.visit,
        image_sha256=read.sha256_of("ct"),
        mask_sha256=read.sha256_of("infarct_mask"),
        rater="quin",
        rated_at_utc="2026-01-31T09:30:00.000Z",
        verdict=QaVerdict.FAIL,
        reasons=(QaReason.MASK_LEAK,),
        comment="into the sulcus",
        software_version=VERSION,
    )


@pytest.mark.parametrize("name", ["mine.csv", "mine.json"])
def test_ratings_go_from_a_file_into_the_ledger_once_and_out_again(
    out: Path, run: Run, name: str
) -> None:
    first = run(rating(out), name=name)
    assert (first.exit_code, first.output) == (0, "1 rating written to the ledger\n")
    again = run(rating(out), name=name)
    assert "0 ratings written" in again.output
    assert "1 older than what the ledger says: left out" in again.output
    done = CliRunner().invoke(app, ["qa", "export", str(out), "--format", name[5:]])
    read = qa_ratings.from_csv if name.endswith("csv") else qa_ratings.from_json
    (found,) = read(done.output, "export")
    assert replace(found, rated_at_utc=rating(out).rated_at_utc) == rating(out)


def test_nobody_signs_for_another(out: Path, run: Run) -> None:
    done = run(rating(out), replace(rating(out), rater="roe"))
    assert done.exit_code == 2
    assert "column rater: found 'roe', expected 'quin' alone" in done.output
    assert run(replace(rating(out), rater="ada"), by="ada").exit_code != 0, "a reader rates nothing"


def test_ratings_of_what_has_changed_are_left_out_and_told(out: Path, run: Run) -> None:
    done = run(replace(rating(out), image_sha256="0" * 64))
    assert done.exit_code == 1
    assert "1 of a scan or outline that has changed: left out" in done.output
    assert "0 ratings written" in done.output


def test_a_file_with_a_fault_is_named_with_line_and_column(out: Path, run: Run) -> None:
    done = run(replace(rating(out), comment="x" * 2000))
    assert done.exit_code == 2
    assert "mine.csv has 1 fault" in done.output
    assert "line 2, column comment: found '2000 characters'" in done.output
