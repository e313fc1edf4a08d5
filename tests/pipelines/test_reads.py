from __future__ import annotations

import os
from pathlib import Path

import pytest

from corelab.errors import ConfigError, StoreError
from corelab.reading.acceptance import Accepted
from corelab.reading.assignment import seed_digest
from corelab.reading.event import CaseReleased, UserDisabled
from corelab.reading.lifecycle import ReadState
from corelab.reading.planning import IMAGE_CHANGED, READER_LEFT
from corelab.reading.records import ReadKind
from corelab.reading.room import Room
from corelab.store.layout import Layout
from corelab.trial import load_trial
from corelab.vocab import Case, ReadStatus, SubjectCode, VisitLabel
from pipelines.order_seed import load_seed
from pipelines.reads import Planned, Planner, loads_of
from tests.pipelines.reading_room import (
    SIGNERS,
    add_case,
    digest_of,
    furnish,
    image_sha256,
    labels_of,
    ledger_of,
    room_of,
    sign,
    sign_and_die,
    trial_file,
    write,
)

CODES = ("AA11", "BB22", "CC33")
KEYS = {"subject_code": "AA11", "visit": "fu24h"}
CASE = Case(SubjectCode("AA11"), VisitLabel("fu24h"))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    furnish(tmp_path / "out", *CODES)
    return tmp_path / "out"


def plan(out: Path, *lines: str) -> Planned:
    path = trial_file(out.parent, "\n".join(lines)) if lines else trial_file(out.parent)
    with ledger_of(out) as ledger:
        return Planner(Layout(out), ledger, SIGNERS["mia"]).plan(load_trial(path), path)


def read_case(out: Path, first: int, second: int) -> Room:
    """Both readers sign all cases, this one with masks of so many voxels."""
    for name, n_voxels in (("ada", first), ("ben", second)):
        for read in room_of(out).worklist(name):
            if read.state is ReadState.ASSIGNED and read.kind is ReadKind.READ:
                sign(out, read, labels_of(n_voxels if read.case == CASE else 20))
    return room_of(out)


def test_a_plan_commits_the_seed_before_any_read_and_gives_each_case_its_readers(
    out: Path,
) -> None:
    found = plan(out)
    assert found.counts == {
        "rules_set": 1,
        "order_committed": 1,
        "case_offered": 3,
        "read_assigned": 6,
    }
    with ledger_of(out) as ledger:
        kinds = [entry.kind for entry in ledger.entries()]
    assert kinds.index("order_committed") < kinds.index("read_assigned")
    assert room_of(out).seed_sha256 == seed_digest(load_seed(Layout(out).order_seed))


def test_the_seed_is_for_its_owner_alone_and_stands_nowhere_else(out: Path) -> None:
    plan(out)
    path = Layout(out).order_seed
    assert path.stat().st_mode & 0o777 == 0o600
    seed = path.read_text().strip()
    others = [p for p in out.rglob("*") if p.is_file() and p != path]
    assert not [p for p in others if seed.encode() in p.read_bytes()]
    assert not [p for p in others if bytes.fromhex(seed) in p.read_bytes()]


def test_a_second_plan_writes_nothing(out: Path) -> None:
    plan(out)
    assert not plan(out).counts


def test_cases_that_arrive_later_join_behind_what_is_assigned(out: Path) -> None:
    plan(out)
    add_case(out, "DD44")
    found = plan(out)
    assert found.counts == {"case_offered": 1, "read_assigned": 2}
    numbers = [read.number for read in room_of(out).worklist("ada")]
    assert numbers == [1, 2, 3, 4]
    assert room_of(out).worklist("ada")[-1].case.subject_code == "DD44"


def test_a_changed_image_ends_its_reads_with_a_reason_and_is_read_anew(out: Path) -> None:
    plan(out)
    before = read_case(out, 20, 20)
    assert isinstance(before.accepted(CASE), Accepted)
    add_case(out, "AA11", image="sent again")
    found = plan(out)
    assert found.counts == {"case_offered": 1, "read_superseded": 2, "read_assigned": 2}
    room = room_of(out)
    ended = [read for read in room.reads.values() if not read.is_live]
    assert {read.reasons for read in ended} == {(IMAGE_CHANGED,)}
    assert all(read.signatures for read in ended)
    assert not isinstance(room.accepted(CASE), Accepted)


def test_a_plan_opens_the_adjudication_that_a_killed_server_did_not(out: Path) -> None:
    plan(out)
    for name, n_voxels in (("ada", 200), ("ben", 600)):
        first = room_of(out).worklist(name)[0]
        while first.case != CASE:
            sign(out, first, labels_of(20))
            first = next(r for r in room_of(out).worklist(name) if r.state is ReadState.ASSIGNED)
        sign_and_die(out, first, labels_of(n_voxels))
    assert room_of(out).worklist("cleo") == ()
    assert plan(out).counts == {"pair_compared": 1, "read_assigned": 1}
    (third,) = room_of(out).worklist("cleo")
    assert (third.case, third.kind) == (CASE, ReadKind.ADJUDICATION)


def test_disagreeing_reads_are_adjudicated_and_the_table_of_loads_says_so(out: Path) -> None:
    plan(out)
    room = read_case(out, 200, 600)
    (third,) = room.worklist("cleo")
    loads = {(load.reader, load.kind): load for load in loads_of(room)}
    assert loads["ada", ReadKind.READ].signed == 3
    assert loads["cleo", ReadKind.ADJUDICATION].waiting == 1
    sign(out, third, labels_of(500))
    accepted = room_of(out).accepted(CASE)
    assert isinstance(accepted, Accepted)
    assert (accepted.read_status, accepted.infarct_volume_ml) == (ReadStatus.ADJUDICATED, 25.0)


def test_without_a_free_adjudicator_the_plan_names_the_case(out: Path) -> None:
    lines = ('names = ["ada", "ben"]', "repeat_share = 0.0")
    plan(out, *lines)
    read_case(out, 200, 600)
    assert plan(out, *lines).stranded == (CASE,)
    assert plan(out).stranded == ()


def test_people_who_may_not_read_are_faults_by_name(out: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(out, 'names = ["ada", "eve", "quinn"]', 'adjudicators = ["stan"]')
    told = [(fault.key, fault.found) for fault in caught.value.faults]
    assert told == [
        ("reads.names", "'eve', who is no user of the reading room"),
        ("reads.names", "'quinn', who is qa"),
        ("reads.adjudicators", "'stan', who is statistician"),
    ]
    assert "corelab users add OUT eve --role reader" in str(caught.value)
    assert room_of(out).rules is None


def test_a_trial_that_names_nobody_is_a_fault(out: Path) -> None:
    with pytest.raises(ConfigError, match=r"reads\.names: found none, expected at least 2 names"):
        plan(out, "repeat_share = 0.0")


def test_another_trial_than_the_one_that_was_measured_is_a_fault(out: Path) -> None:
    path = trial_file(out.parent)
    path.write_text(path.read_text().replace("DEMO-0001", "DEMO-0002"))
    with (
        ledger_of(out) as ledger,
        pytest.raises(ConfigError, match=r"trial\.id: found 'DEMO-0002'"),
    ):
        Planner(Layout(out), ledger, SIGNERS["mia"]).plan(load_trial(path), path)


def test_a_reader_who_left_is_replaced_and_what_they_signed_stays(out: Path) -> None:
    plan(out)
    first = room_of(out).worklist("ada")[0]
    sign(out, first, labels_of(20))
    write(out, "mia", UserDisabled(name="ada", reason="left the lab"))
    found = plan(out, 'names = ["cleo", "ben"]', "repeat_share = 0.0")
    assert found.counts == {"rules_set": 1, "read_superseded": 2, "read_assigned": 2}
    room = room_of(out)
    assert room.read(first.read_id).state is ReadState.SIGNED
    assert {r.reasons for r in room.reads.values() if not r.is_live} == {(READER_LEFT,)}
    assert first.case not in {read.case for read in room.worklist("cleo")}


def test_unreleased_cases_wait_where_the_trial_asks_for_a_release(out: Path) -> None:
    lines = ('names = ["ada", "ben"]', "repeat_share = 0.0", "needs_release = true")
    assert "read_assigned" not in plan(out, *lines).counts
    with ledger_of(out) as ledger:
        Planner(Layout(out), ledger, SIGNERS["mia"]).release(CASE)
    assert plan(out, *lines).counts == {"read_assigned": 2}
    assert {read.case for read in room_of(out).reads.values()} == {CASE}


def test_an_excluded_case_loses_its_reads(out: Path) -> None:
    plan(out)
    with ledger_of(out) as ledger:
        planner = Planner(Layout(out), ledger, SIGNERS["mia"])
        planner.exclude(CASE, "consent withdrawn")
        with pytest.raises(StoreError, match="excluded already"):
            planner.exclude(CASE, "once more")
        with pytest.raises(StoreError, match="ZZ99 fu24h was not offered"):
            planner.exclude(Case(SubjectCode("ZZ99"), CASE.visit), "no such case")
    assert not plan(out).counts
    assert CASE not in {read.case for read in room_of(out).worklist("ada")}


def test_a_case_that_is_gone_from_out_is_named(out: Path) -> None:
    plan(out)
    Layout(out).read(CASE).unlink()
    assert plan(out).gone == (CASE,)


def test_a_read_that_says_not_what_it_was_measured_on_is_not_offered(out: Path) -> None:
    path = Layout(out).read(CASE)
    path.write_text(path.read_text().replace('"infarct_mask"', '"another_mask"'))
    with pytest.raises(StoreError, match="AA11 fu24h cannot be offered"):
        plan(out)


@pytest.mark.parametrize(
    ("content", "told"), [("beef\n", "holds no seed"), ("no hex at all\n", "holds no seed")]
)
def test_a_seed_that_is_none_is_refused(out: Path, content: str, told: str) -> None:
    plan(out)
    path = Layout(out).order_seed
    path.write_text(content)
    with pytest.raises(StoreError, match=told):
        plan(out)


def test_a_seed_that_is_gone_or_open_to_others_is_refused(out: Path) -> None:
    plan(out)
    path = Layout(out).order_seed
    os.chmod(path, 0o644)  # noqa: PTH101 - what the test is of
    with pytest.raises(StoreError, match="has the rights 644, expected 600"):
        plan(out)
    path.unlink()
    with pytest.raises(StoreError, match=r"reads\.seed is absent"):
        plan(out)


def test_another_seed_than_the_committed_one_is_refused(out: Path) -> None:
    plan(out)
    Layout(out).order_seed.write_text(digest_of("another") + "\n")
    with pytest.raises(StoreError, match="not the one that the ledger binds"):
        plan(out)


def test_a_release_names_the_image_that_was_looked_at(out: Path) -> None:
    plan(out)
    with ledger_of(out) as ledger:
        Planner(Layout(out), ledger, SIGNERS["mia"]).release(CASE)
        last = ledger.entries()[-1]
    image = image_sha256("AA11")
    assert last.payload["image_sha256"] == image
    assert CaseReleased.kind == last.kind
