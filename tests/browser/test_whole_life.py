"""From six measured scans to a table that rests on what people saw and signed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from corelab.reading.fold import fold
from corelab.reading.roles import Role
from corelab.stages.overlay import overlay
from corelab.stages.publish import publication_from, publish
from corelab.store.files import write_json
from corelab.store.layout import Layout
from corelab.store.ledger import read_ledger
from corelab.store.record import load_read, save_read
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines.cli import app
from tests.browser.desk import Desk
from tests.browser.heads import RULES, save_case
from tests.browser.overheard import overheard
from tests.browser.served import served
from tests.browser.test_signing import open_next, sign, switch_to
from tests.browser_qa.conftest import Reviewer
from tests.browser_qa.room import saved, sign_in
from tests.pipelines.reading_room import trial_file
from tests.review.browser import PASSPHRASE
from tests.review.qa_furnished import with_digests

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

VISIT = VisitLabel("fu24h")
CODES = ("QZ7XW1", "JV9KX2", "HW3TF3", "XK8PD4", "VB5RN5", "ZT6GQ6")
AGREED, PAINTED, ERASED, EMPTY, UNREADABLE, DISPUTED = CODES

SHAPE = (24, 30, 8)
AFFINE = np.diag([-5.0, -5.0, 8.0, 1.0])
VOXEL_ML = 5 * 5 * 8 / 1000
SLICE = 3

ROLES = {
    "mara": Role.DATA_MANAGER,
    "ada": Role.READER,
    "ben": Role.READER,
    "cleo": Role.READER,
    "quin": Role.QA,
}


def test_two_readers_a_judge_and_a_qa_reviewer_make_the_table(
    desk: Desk, context: BrowserContext, tmp_path: Path
) -> None:
    out, heard = tmp_path / "out", []
    measure(out)
    plan(out)
    with overheard(out, heard) as start_url:
        desk.sign_in(start_url, "ada")
        ids = read_all(desk, out, {PAINTED: paint})
        switch_to(desk, "ben")
        ids |= read_all(desk, out, {ERASED: erase, DISPUTED: find_nothing})
        switch_to(desk, "cleo")
        ids |= judge(desk)
    with served(out, role=Role.QA) as start_url:
        fail(Reviewer(context.new_page()), start_url, AGREED)

    assert corelab("tables", out) == (0, "tables and QA page rebuilt from 6 reads\n")
    assert volumes(out) == {
        AGREED: ("double", 48 * VOXEL_ML, "no", "qa_fail"),
        PAINTED: ("double", (52 + 48) / 2 * VOXEL_ML, "yes", ""),
        ERASED: ("double", (48 + 44) / 2 * VOXEL_ML, "yes", ""),
        EMPTY: ("double", 0.0, "yes", ""),
        UNREADABLE: ("double", None, "no", "not_assessable"),
        DISPUTED: ("adjudicated", 44 * VOXEL_ML, "yes", ""),
    }
    problems = rows(Layout(out).problems_csv)
    assert [(row["subject_code"], row["reason_code"]) for row in problems] == [
        (UNREADABLE, "not_assessable")
    ]
    status, told = corelab("status", out)
    assert status == 1
    assert "reading: 6 of 6 cases accepted" in told
    assert f"{AGREED} {VISIT}: qa_fail" in told
    status, told = corelab("ledger", "verify", out)
    assert status == 0
    assert "none changed, gone or moved" in told
    assert_blind(heard, ids)


def measure(out: Path) -> None:
    """Leave what a run leaves: cases with images, masks, reads and pictures, and tables."""
    layout = Layout(out)
    labels = np.zeros(SHAPE, np.uint8)
    labels[15:19, 12:18, SLICE : SLICE + 2] = 1
    assert labels.sum() == 48
    for code in CODES:
        save_case(layout, Case(SubjectCode(code), VISIT), labels, AFFINE)
    for path in layout.reads():
        read = with_digests(layout, load_read(path))
        save_read(path, read)
        overlay(read, layout)
    write_json(layout.batch, {"trial_id": RULES.trial_id, "software_version": "0.1.0"})
    publish(layout, [], publication_from(layout))


def plan(out: Path) -> None:
    """Add everybody and plan the reads, as a data manager does."""
    secret, trial = out.with_name("passphrase"), trial_file(out.parent)
    secret.write_text(PASSPHRASE + "\n", "utf-8")
    secret.chmod(0o600)
    trial.write_text(trial.read_text("utf-8").replace("DEMO-0001", RULES.trial_id), "utf-8")
    by: list[str | Path] = []
    for name, role in ROLES.items():
        added = corelab("users", "add", out, name, "--role", role, "--passphrase-file", secret, *by)
        assert added[0] == 0
        by = ["--by", "mara", "--by-passphrase-file", secret]
    status, told = corelab("reads", "plan", out, "--trial", trial, *by)
    assert status == 0
    assert "12 reads assigned" in told


def corelab(*words: str | Path) -> tuple[int, str]:
    """Run a command; its exit status and what it prints."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout


def read_all(desk: Desk, out: Path, acts: dict[str, Callable[[Desk], None]]) -> set[str]:
    """Read every case; those without an act of the reader's own as both readers do."""
    acts = {EMPTY: find_nothing, UNREADABLE: cannot_assess, **acts}
    ids = set()
    for _ in CODES:
        open_next(desk)
        read_id = desk.page.url.rsplit("/", 1)[-1]
        ids.add(read_id)
        acts.get(code_of(out, read_id), accept)(desk)
        desk.page.locator("#signed").wait_for()
        desk.page.click("#signed a")
    desk.wait_text("#count", "6 of 6 signed.")
    return ids


def code_of(out: Path, read_id: str) -> str:
    """Subject of a read: the screen does not say."""
    with read_ledger(Layout(out).ledger) as ledger:
        return fold(ledger.entries()).read(read_id).case.subject_code


def accept(desk: Desk) -> None:
    """Sign the automatic mask as it is."""
    sign(desk, "infarct")


def paint(desk: Desk) -> None:
    """Add a row of four voxels in front of the infarct."""
    stroke(desk, "b", v=20)
    sign(desk, "infarct")


def erase(desk: Desk) -> None:
    """Take away a row of four voxels within the infarct."""
    stroke(desk, "e", v=14)
    sign(desk, "infarct")


def find_nothing(desk: Desk) -> None:
    """Remove the one piece, and say that there is no infarct."""
    desk.go_to(SLICE)
    desk.press("x")
    desk.click(6, 14)
    sign(desk, "no_infarct")


def cannot_assess(desk: Desk) -> None:
    """Give motion as the reason."""
    desk.page.check("input[value=not_assessable]")
    desk.page.check("input[value=motion]")
    sign(desk, "not_assessable")


def stroke(desk: Desk, tool: str, *, v: int) -> None:
    """Draw along the infarct's whole width."""
    desk.go_to(SLICE)
    desk.use_brush(1)
    desk.press(tool)
    desk.drag([(5, v), (8, v)])


def judge(desk: Desk) -> set[str]:
    """Begin with the mask that is not empty, A or B, and erase a row of it."""
    open_next(desk)
    assert desk.text("#title") == "Judgement 1"
    full = desk.ask(
        "return ['A', 'B'].filter((name) => reading.others.get(name).some((label) => label > 0));"
    )
    assert len(full) == 1
    desk.page.click(f"[data-start={full[0]}]")
    assert desk.volume_ml == pytest.approx(48 * VOXEL_ML)
    erase(desk)
    desk.page.locator("#signed").wait_for()
    return {desk.page.url.rsplit("/", 1)[-1]}


def fail(reviewer: Reviewer, start_url: str, code: str) -> None:
    """Fail a case, because the mask leaks."""
    sign_in(reviewer, start_url)
    reviewer.page.click(f'a[href="#case-{code}-{VISIT}"] >> nth=0')
    reviewer.page.locator("#viewer-title", has_text=code).wait_for()
    reviewer.press("l", "3")
    saved(reviewer, "Saved: fail.")
    assert reviewer.errors == []


def volumes(out: Path) -> dict[str, tuple[str, float | None, str, str]]:
    """Whose volume stands for each case, and whether it counts."""
    return {
        row["subject_code"]: (
            row["read_status"],
            pytest.approx(float(row["infarct_volume_ml"])) if row["infarct_volume_ml"] else None,
            row["endpoint_eligible"],
            row["endpoint_reason"],
        )
        for row in rows(Layout(out).volumes_csv)
    }


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def assert_blind(heard: list[bytes], ids: set[str]) -> None:
    """Readers were told of each of their reads, and never whose scan it was."""
    assert [answer for answer in heard if answer.startswith(b"404")] == []
    told = b"\n".join(heard).lower()
    assert len(ids) == 2 * len(CODES) + 1
    assert [read_id for read_id in ids if read_id.encode() not in told] == []
    secrets = (*CODES, VISIT, RULES.trial_id)
    assert [secret for secret in secrets if secret.lower().encode() in told] == []
