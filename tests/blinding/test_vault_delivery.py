from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from corelab.blinding.vault import Vault, open_vault
from corelab.blinding.vault_delivery import Batch, DeliveredFile, FileFate, KnownDigests
from corelab.errors import ReasonCode
from corelab.series import LooseFile, Outcome, Refusal, SeriesVerdict
from corelab.vocab import Case, SubjectCode, VisitLabel
from tests.factories import make_series

GAP = Refusal(reason=ReasonCode.MISSING_SLICE, message="a gap", evidence="where")
CUT = Refusal(reason=ReasonCode.HEADER_CUT, message="cut")
WHOSE = Refusal(reason=ReasonCode.SUBJECT_UNKNOWN, message="whose?")
CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))
A, B = "aa" * 32, "bb" * 32
BOTH = KnownDigests(sha256=A, pixels=B)


def delivered(root: Path, *names: str, digest: str = A, stamp: str = "1") -> list[DeliveredFile]:
    return [
        DeliveredFile(path=root / name, sha256=digest, stamp=stamp, fate=FileFate.USED)
        for name in names
    ]


def held_series(path: Path) -> SeriesVerdict:
    series = dataclasses.replace(make_series(), files=(path,), frames=())
    return SeriesVerdict(
        series=series, case=CASE, outcome=Outcome.QUARANTINED, why="a gap", refusal=GAP
    )


def reasons(vault: Vault) -> list[ReasonCode | None]:
    return [row.reason for row in vault.ledger.held_back()]


def test_the_same_files_again_or_elsewhere_are_the_same_delivery(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        for root in (Path("/in"), Path("/in"), Path("/moved")):
            assert vault.note_delivery(root, delivered(root, "a", "b")) == 1
        (row,) = vault.ledger.deliveries()
        assert (row.root, row.fates) == ("/moved", {"used": 2})
        assert [file.path for file in vault.ledger.files_of(1)] == ["/moved/a", "/moved/b"]


def test_one_file_more_or_one_byte_else_is_another_delivery(tmp_path: Path) -> None:
    root = Path("/in")
    with open_vault(tmp_path / "vault") as vault:
        assert vault.note_delivery(root, delivered(root, "a")) == 1
        assert vault.note_delivery(root, delivered(root, "a", "b")) == 2
        assert vault.note_delivery(root, delivered(root, "a", digest=B)) == 3
        assert [file.sha256 for file in vault.ledger.files_of(1)] == [A]
        assert [file.sha256 for file in vault.ledger.files_of(3)] == [B]


def test_an_unreadable_file_has_no_digest_and_is_listed(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_delivery(Path("/in"), delivered(Path("/in"), "a", digest=""))
        assert [file.sha256 for file in vault.ledger.files_of(1)] == [""]


@pytest.mark.parametrize(("stamp", "known"), [("1", {Path("/in/a"): BOTH}), ("2", {})])
def test_a_digest_is_known_as_long_as_nobody_touched_the_file(
    tmp_path: Path, stamp: str, known: dict[Path, KnownDigests]
) -> None:
    (file,) = delivered(Path("/in"), "a")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_delivery(Path("/in"), [dataclasses.replace(file, pixels=B)])
        assert vault.digests_known({Path("/in/a"): stamp, Path("/in/new"): "1"}) == known


def test_a_batch_says_when_it_ran_and_an_interrupted_one_has_no_end(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        first = vault.start_batch(("0.1", "NCT0", "abc"), tmp_path / "out")
        vault.start_batch(("0.1", "NCT0", "abc"), tmp_path / "out")
        number = vault.note_delivery(Path("/in"), delivered(Path("/in"), "a"))
        vault.end_batch(Batch(number=first, delivery=number, counts={"n_files": 1}))
        ended, open_ = vault.ledger.batches()
    assert ended.started_utc <= ended.finished_utc
    assert (ended.delivery, ended.counts, ended.config_digest) == (1, '{"n_files": 1}', "abc")
    assert (open_.finished_utc, open_.delivery) == ("", None)


def test_what_a_site_takes_back_waits_no_longer(tmp_path: Path) -> None:
    root, gap, letter = Path("/in"), Path("/in/gap"), Path("/in/letter")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([held_series(gap)])
        vault.note_loose(root, [LooseFile(path=letter, refusal=CUT)])
        vault.note_delivery(root, delivered(root, "gap", "letter"))
        assert reasons(vault) == [ReasonCode.HEADER_CUT, ReasonCode.MISSING_SLICE]
        vault.note_delivery(Path("/other"), delivered(Path("/other"), "c"))
        assert len(reasons(vault)) == 2
        vault.note_loose(root, [])
        vault.note_delivery(root, delivered(root, "new"))
        assert reasons(vault) == []


def test_a_folder_that_can_be_opened_at_last_waits_no_longer(tmp_path: Path) -> None:
    root = Path("/in")
    closed = Refusal(reason=ReasonCode.UNREADABLE, message="closed")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_loose(root, [LooseFile(path=root / "closed", refusal=closed)])
        vault.note_delivery(root, delivered(root, "a"))
        assert reasons(vault) == [ReasonCode.UNREADABLE]
        vault.note_loose(root, [])
        vault.note_delivery(root, delivered(root, "a"))
        assert reasons(vault) == []


def test_a_file_that_is_a_copy_of_another_now_waits_no_longer(tmp_path: Path) -> None:
    root = Path("/in")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_loose(root, [LooseFile(path=root / "a", refusal=CUT)])
        vault.note_delivery(root, delivered(root, "a"))
        vault.note_loose(root, [])
        vault.note_delivery(root, delivered(root, "a", "b"))
        assert reasons(vault) == []


def test_a_delivery_that_was_moved_waits_where_it_lies_now_and_only_there(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        for root, names in [("/a", "x"), ("/a", "xy"), ("/b", "xy"), ("/a", "xy")]:
            folder = Path(root)
            vault.note_loose(folder, [LooseFile(path=folder / "x", refusal=CUT)])
            vault.note_delivery(folder, delivered(folder, *names))
            (held,) = vault.ledger.held_back()
            assert held.paths == (f"{root}/x",)


def test_what_was_taken_back_before_a_delivery_was_moved_does_not_come_back(tmp_path: Path) -> None:
    first, second = Path("/a"), Path("/b")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([held_series(first / "gap")])
        vault.note_delivery(first, delivered(first, "gap", "x"))
        vault.note_delivery(first, delivered(first, "x"))
        assert reasons(vault) == []
        vault.note_delivery(second, delivered(second, "x"))
        assert reasons(vault) == []


def test_what_a_first_run_found_waits_though_it_was_interrupted(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_loose(Path("/in"), [LooseFile(path=Path("/in/x"), refusal=CUT)])
        vault.note_loose(Path("/other"), [])
        assert reasons(vault) == [ReasonCode.HEADER_CUT]


def test_a_series_that_was_sent_whole_at_last_waits_no_longer(tmp_path: Path) -> None:
    held = held_series(Path("/in/gap"))
    whole = dataclasses.replace(held, outcome=Outcome.USED, why="as ct", refusal=None)
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([held])
        vault.note_series([whole])
        assert reasons(vault) == []


def test_a_case_that_could_not_be_measured_waits_until_it_can(tmp_path: Path) -> None:
    held = held_series(Path("/in/IM1"))
    used = dataclasses.replace(held, outcome=Outcome.USED, why="as ct", refusal=None)
    failed = Refusal(reason=ReasonCode.HEAD_NOT_FOUND, message="no head", evidence="in IM1")
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([used])
        vault.note_case_problems([CASE], [(CASE, failed)])
        (row,) = vault.ledger.held_back()
        assert (row.reason, row.patient_id, row.evidence) == (failed.reason, "PAT-0077", "in IM1")
        assert (row.study_uid, row.paths) == ("1.2.3", ("/in/IM1",))
        vault.note_case_problems([CASE], [])
        assert reasons(vault) == []


def test_a_fault_of_a_series_is_not_told_twice(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([held_series(Path("/in/gap"))])
        vault.note_case_problems([CASE], [(CASE, GAP)])
        assert reasons(vault) == [ReasonCode.MISSING_SLICE]


def study_of(patient_id: str, *names: str, case: Case | None) -> SeriesVerdict:
    """Give a study of the one UID under a patient, measured where it is a case."""
    series = dataclasses.replace(make_series(patient_id), frames=(), files=tuple(map(Path, names)))
    if case:
        return SeriesVerdict(series=series, case=case, outcome=Outcome.USED, why="as ct")
    return SeriesVerdict(
        series=series, case=None, outcome=Outcome.QUARANTINED, why="whose?", refusal=WHOSE
    )


@pytest.mark.parametrize("place", ["/in/IM1", "/resent/IM1"])
def test_a_study_that_was_sent_again_under_its_patient_waits_no_longer(
    tmp_path: Path, place: str
) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([study_of("", "/in/IM1", case=None)])
        vault.note_delivery(Path("/in"), delivered(Path("/in"), "IM1"))
        assert (vault.unassigned(), reasons(vault)) == ((WHOSE,), [WHOSE.reason])
        vault.note_series([study_of("PAT-0077", place, case=CASE)])
        vault.note_delivery(Path(place).parent, delivered(Path(place).parent, "IM1", digest=B))
        assert (vault.unassigned(), reasons(vault)) == ((), [])
        (study,) = vault.ledger.studies()
        assert (study.patient_id, study.n_series_used) == ("PAT-0077", 1)


def test_a_study_that_was_sent_again_under_another_patient_gives_its_visit_back(
    tmp_path: Path,
) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([study_of("PAT-0076", "/in/IM1", case=CASE)])
        vault.note_series([study_of("PAT-0077", "/in/IM1", case=None)])
        assert vault.visits_of("PAT-0076") == {}
        assert vault.unassigned() == (WHOSE,)


def test_a_study_whose_names_another_one_takes_over_stays_where_it_has_a_case(
    tmp_path: Path,
) -> None:
    next_one = make_series("PAT-0078", "1.2.9", series_uid="1.2.9.1")
    next_one = dataclasses.replace(next_one, files=(Path("/in/IM1"),), frames=())
    other = Case(SubjectCode("AB2CD3"), CASE.visit)
    used = SeriesVerdict(series=next_one, case=other, outcome=Outcome.USED, why="as ct")
    for case, n_known in ((CASE, 2), (None, 1)):
        with open_vault(tmp_path / str(n_known)) as vault:
            vault.note_series([study_of("PAT-0077", "/in/IM1", case=case)])
            vault.note_series([used])
            assert len(vault.ledger.studies()) == n_known
            assert vault.unassigned() == ()


def test_a_study_that_came_twice_under_two_patients_waits_while_one_folder_holds_it(
    tmp_path: Path,
) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([study_of("PAT-0077", "/a/IM1", case=CASE)])
        vault.note_series([study_of("", "/b/IM1", case=None)])
        assert vault.unassigned() == (WHOSE,)
        assert vault.cases_of(["1.2.3"]) == {CASE}


def test_a_study_that_was_taken_back_is_asked_for_nowhere(tmp_path: Path) -> None:
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([study_of("", "/in/IM1", case=None)])
        vault.note_delivery(Path("/in"), delivered(Path("/in"), "IM1"))
        vault.note_delivery(Path("/in"), delivered(Path("/in"), "IM2"))
        assert (vault.unassigned(), reasons(vault)) == ((), [])


def test_parts_of_one_series_that_look_alike_are_all_kept(tmp_path: Path) -> None:
    paths: Sequence[Path] = (Path("/in/a"), Path("/in/b"))
    with open_vault(tmp_path / "vault") as vault:
        vault.note_series([held_series(path) for path in paths])
        vault.note_series([held_series(path) for path in paths])
        assert sorted(row.paths for row in vault.ledger.held_back()) == [("/in/a",), ("/in/b",)]
