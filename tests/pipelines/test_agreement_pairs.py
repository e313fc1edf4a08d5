from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from corelab.reading.event import Purpose
from corelab.store.comparison import Comparison
from corelab.store.layout import Layout
from corelab.trial import load_trial
from pipelines.agreement_pairs import reading_pairs
from pipelines.cli import app
from pipelines.reads import Planner
from tests.pipelines.reading_room import (
    SIGNERS,
    VOXEL_ML,
    furnish,
    labels_of,
    ledger_of,
    room_of,
    sign,
    trial_file,
)

CODES = ("AA2BB3", "CC4DD5", "EE6FF7", "GG8HH9")
SIZES = {"ada": 200, "ben": 220}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Four cases read by two readers, one of them again, one found not assessable by one."""
    folder = tmp_path / "out"
    furnish(folder, *CODES)
    lines = 'names = ["ada", "ben"]\nadjudicators = ["cleo"]\nrepeat_share = 0.25\n'
    path = trial_file(tmp_path, lines)
    with ledger_of(folder) as ledger:
        Planner(Layout(folder), ledger, SIGNERS["mia"]).plan(load_trial(path), path)
    for name, n_voxels in SIZES.items():
        for read in room_of(folder).worklist(name):
            is_blank = name == "ben" and read.case.subject_code == CODES[3]
            more = 10 if read.purpose is Purpose.REPEAT else 0
            sign(folder, read, None if is_blank else labels_of(n_voxels + more))
    return folder


def test_readers_are_paired_case_by_case_and_what_nobody_could_read_is_left_out(out: Path) -> None:
    found = [p for p in reading_pairs(Layout(out)) if p.comparison is Comparison.INTER_READER]

    assert [pair.subject_code for pair in found] == list(CODES[:3])
    for pair in found:
        assert (pair.first, pair.second) == ("ada", "ben")
        assert pair.first_ml == pytest.approx(200 * VOXEL_ML)
        assert pair.second_ml == pytest.approx(220 * VOXEL_ML)
        assert pair.dice == pytest.approx(2 * 200 / 420, abs=1e-4)
        assert pair.modality == "NCCT"


def test_a_hidden_repeat_is_paired_with_the_same_readers_first_read(out: Path) -> None:
    found = [p for p in reading_pairs(Layout(out)) if p.comparison is Comparison.INTRA_READER]

    assert found
    for pair in found:
        assert pair.first == pair.second
        assert pair.difference_ml == pytest.approx(10 * VOXEL_ML)


def test_the_accepted_mean_is_compared_with_the_automatic_volume_without_a_mask(out: Path) -> None:
    found = [p for p in reading_pairs(Layout(out)) if p.comparison is Comparison.AUTO_ACCEPTED]

    assert [pair.subject_code for pair in found] == list(CODES[:3])
    for pair in found:
        assert pair.first_ml == 12.5  # of the automatic read
        assert pair.second_ml == pytest.approx(210 * VOXEL_ML)
        assert pair.dice is None


def test_the_report_of_the_reads_lands_in_out(out: Path) -> None:
    done = CliRunner().invoke(app, ["agreement", str(out)])

    assert done.exit_code == 0, done.output
    assert "two readers of one case" in done.output
    assert (out / "agreement" / "agreement.html").is_file()
    assert (out / "agreement" / "pairs.csv").read_text().count("inter_reader") == 3
    times = {path.stat().st_mtime for path in (out / "agreement").iterdir()}
    assert times == {(out / "problems.csv").stat().st_mtime}, "OUT tells no time of writing"


def test_without_reads_and_reference_the_command_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "volumes.csv").write_text("subject_code,visit,infarct_volume_ml\n")

    done = CliRunner().invoke(app, ["agreement", str(tmp_path)])

    assert done.exit_code == 2
    assert "--reference FILE" in done.stderr
