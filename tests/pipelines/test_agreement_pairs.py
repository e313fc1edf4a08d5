from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from corelab.reading.event import AmendmentStarted, CaseExcluded, Purpose
from corelab.store.comparison import Comparison, VolumePair
from corelab.store.layout import Layout
from corelab.trial import load_trial
from pipelines.agreement_pairs import reading_pairs
from pipelines.cli import app
from pipelines.reads import Planner
from tests.pipelines.reading_room import (
    SIGNERS,
    VOXEL_ML,
    add_case,
    furnish,
    labels_of,
    ledger_of,
    room_of,
    sign,
    trial_file,
    write,
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


def pairs_of(out: Path, comparison: Comparison) -> list[VolumePair]:
    return [pair for pair in reading_pairs(Layout(out)).pairs if pair.comparison is comparison]


def test_readers_are_paired_case_by_case_and_what_nobody_could_read_is_left_out(out: Path) -> None:
    found = pairs_of(out, Comparison.INTER_READER)

    assert [pair.subject_code for pair in found] == list(CODES[:3])
    for pair in found:
        assert (pair.first, pair.second) == ("ada", "ben")
        assert pair.first_ml == pytest.approx(200 * VOXEL_ML)
        assert pair.second_ml == pytest.approx(220 * VOXEL_ML)
        assert pair.dice == pytest.approx(2 * 200 / 420, abs=1e-4)
        assert pair.modality == "NCCT"


def test_a_hidden_repeat_is_paired_with_the_same_readers_first_read(out: Path) -> None:
    found = pairs_of(out, Comparison.INTRA_READER)

    assert found
    for pair in found:
        assert pair.first == pair.second
        assert pair.difference_ml == pytest.approx(10 * VOXEL_ML)


def test_the_accepted_mean_is_compared_with_the_automatic_volume_without_a_mask(out: Path) -> None:
    found = [
        p for p in reading_pairs(Layout(out)).pairs if p.comparison is Comparison.AUTO_ACCEPTED
    ]

    assert [pair.subject_code for pair in found] == list(CODES[:3])
    for pair in found:
        assert pair.first_ml == 12.5  # of the automatic read
        assert pair.second_ml == pytest.approx(210 * VOXEL_ML)
        assert pair.dice is None


def test_what_one_of_two_could_not_assess_is_counted(out: Path) -> None:
    left = reading_pairs(Layout(out)).left_out

    between = [one for one in left if one.comparison is Comparison.INTER_READER]
    (one,) = between
    assert (one.subject_code, one.first, one.second) == (CODES[3], "ada", "ben")
    assert (one.is_first_assessable, one.is_second_assessable) == (True, False)


def test_an_adjudicators_read_is_no_pair_of_readers(out: Path) -> None:
    (read,) = room_of(out).worklist("cleo")  # one found the scan not assessable
    sign(out, read, labels_of(230))

    assert {p.second for p in pairs_of(out, Comparison.INTER_READER)} == {"ben"}
    accepted = pairs_of(out, Comparison.AUTO_ACCEPTED)[3]
    assert (accepted.subject_code, accepted.second_ml) == (CODES[3], pytest.approx(11.5))
    assert accepted.dice == pytest.approx(2 * 230 / 480, abs=1e-4)


def test_an_excluded_case_gives_no_pair(out: Path) -> None:
    keys = {"subject_code": CODES[0], "visit": "fu24h"}
    write(out, "mia", CaseExcluded(**keys, reason="consent withdrawn"))

    found = reading_pairs(Layout(out))
    assert CODES[0] not in {one.subject_code for one in (*found.pairs, *found.left_out)}


def test_an_amended_read_counts_by_its_new_version_and_not_while_it_is_open(out: Path) -> None:
    read = room_of(out).worklist("ben")[0]
    write(out, "ben", AmendmentStarted(read_id=read.read_id, reason="a vessel was outlined"))
    assert read.case.subject_code not in {
        pair.subject_code for pair in pairs_of(out, Comparison.INTER_READER)
    }

    sign(out, room_of(out).read(read.read_id), labels_of(300))

    (pair,) = [
        pair
        for pair in pairs_of(out, Comparison.INTER_READER)
        if pair.subject_code == read.case.subject_code
    ]
    assert pair.second_ml == pytest.approx(300 * VOXEL_ML)


def test_reads_of_a_former_image_are_not_laid_upon_the_new_one(out: Path) -> None:
    add_case(out, CODES[0], image="sent again")

    (pair,) = [p for p in pairs_of(out, Comparison.INTER_READER) if p.subject_code == CODES[0]]
    assert pair.dice == pytest.approx(2 * 200 / 420, abs=1e-4)
    assert (pair.hd95_mm, pair.assd_mm) == (None, None)
    assert CODES[0] not in {p.subject_code for p in pairs_of(out, Comparison.AUTO_ACCEPTED)}


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
