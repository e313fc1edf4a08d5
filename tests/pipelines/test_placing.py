from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from corelab.errors import DiskError
from corelab.store.layout import Layout
from corelab.vocab import Case, SubjectCode, VisitLabel
from pipelines import placing
from pipelines.placing import (
    WORK_FOLDER,
    attempt_at,
    begin_work,
    end_work,
    put_in_place,
    work_emptied,
)

CASE = Case(SubjectCode("KX4M7P"), VisitLabel("fu24h"))


def built(work: Layout, text: str) -> Path:
    folder = work.case_folder(CASE)
    folder.mkdir(parents=True)
    (folder / "x.json").write_text(text)
    return folder


def test_a_case_takes_the_place_of_an_older_one_whole(tmp_path: Path) -> None:
    final = Layout(tmp_path).case_folder(CASE)
    for text in ("old", "new"):
        with attempt_at(CASE, tmp_path) as work:
            put_in_place(built(work, text), final, work.root)
    assert [path.read_text() for path in final.iterdir()] == ["new"]
    assert list((tmp_path / WORK_FOLDER).iterdir()) == []


def test_a_case_that_is_replaced_is_never_without_a_folder(tmp_path: Path) -> None:
    final = Layout(tmp_path).case_folder(CASE)
    with attempt_at(CASE, tmp_path) as work:
        put_in_place(built(work, "0"), final, work.root)
    other = tmp_path / "other"
    other.mkdir()
    if not placing._have_changed_places(other, final):  # noqa: SLF001 - whether it can here
        pytest.skip("this file system exchanges no folders")
    placing._have_changed_places(other, final)  # noqa: SLF001 - back again
    over, absent = threading.Event(), []

    def look() -> None:
        while not over.is_set():
            if not os.path.lexists(final / "x.json"):
                absent.append(1)

    watcher = threading.Thread(target=look)
    watcher.start()
    for number in range(1, 200):
        with attempt_at(CASE, tmp_path) as work:
            put_in_place(built(work, str(number)), final, work.root)
    over.set()
    watcher.join()
    assert absent == []
    assert (final / "x.json").read_text() == "199"


def test_a_case_takes_the_place_of_an_older_one_where_folders_cannot_be_exchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_have_changed_places", lambda *_: False)
    test_a_case_takes_the_place_of_an_older_one_whole(tmp_path)


@pytest.mark.parametrize("work", [WORK_FOLDER, f"{WORK_FOLDER}.0a1b2c3d"])
def test_a_case_that_a_killed_run_had_set_aside_gets_its_name_again(
    tmp_path: Path, work: str
) -> None:
    aside = tmp_path / work / "sub-KX4M7P_ses-fu_late.1a2b3c4d" / "replaced.5e6f7a8b"
    (aside / "versions" / "v1").mkdir(parents=True)
    (aside / "x.json").write_text("old")
    assert begin_work(tmp_path)
    final = tmp_path / "sub-KX4M7P" / "ses-fu_late"
    assert (final / "x.json").read_text() == "old"
    assert (final / "versions" / "v1").is_dir()


def test_an_attempt_that_another_run_took_away_puts_nothing_in_place(tmp_path: Path) -> None:
    begin_work(tmp_path)
    final = Layout(tmp_path).case_folder(CASE)
    with attempt_at(CASE, tmp_path) as work:
        built(work, "old")
        begin_work(tmp_path)  # the next run
        half = built(work, "half of it, written since")
        with pytest.raises(DiskError, match="another run began") as caught:
            put_in_place(half, final, work.root)
    assert caught.value.errno == errno.ECANCELED
    assert not final.exists()


def test_two_attempts_at_one_case_never_meet(tmp_path: Path) -> None:
    final = Layout(tmp_path).case_folder(CASE)
    with attempt_at(CASE, tmp_path) as lost, attempt_at(CASE, tmp_path) as again:
        late = built(lost, "1")
        put_in_place(built(again, "2"), final, again.root)
        put_in_place(late, final, lost.root)
    assert (final / "x.json").read_text() == "1"


def test_what_a_killed_run_left_is_gone_and_known(tmp_path: Path) -> None:
    assert not begin_work(tmp_path)
    (tmp_path / WORK_FOLDER / "sub-KX4M7P_ses-fu24h.1a2b3c4d").mkdir()
    (tmp_path / ".volumes.csv.4711.part").write_text("half")
    (tmp_path / "qa").mkdir()
    (tmp_path / "qa" / ".index.html.4711.part").write_text("half")
    assert begin_work(tmp_path)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")}
    assert left == {WORK_FOLDER, "qa"}
    end_work(tmp_path)
    assert not begin_work(tmp_path)


def test_a_run_that_fails_empties_its_work_and_loses_no_case_that_was_set_aside(
    tmp_path: Path,
) -> None:
    begin_work(tmp_path)
    aside = tmp_path / WORK_FOLDER / "renewal" / "old" / "sub-KX4M7P"
    aside.mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), work_emptied(tmp_path):
        raise KeyboardInterrupt
    assert (tmp_path / "sub-KX4M7P").is_dir()
    assert list((tmp_path / WORK_FOLDER).iterdir()) == []
    assert begin_work(tmp_path)
