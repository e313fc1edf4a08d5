from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.layout import Layout
from corelab.store.renewal import renew, restore

CODES = ("ZZ2", "AA7", "MM4")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """Three cases, made in another order than their codes'."""
    for code in CODES:
        folder = tmp_path / "out" / f"sub-{code}" / "ses-fu24h"
        folder.mkdir(parents=True)
        (folder / f"sub-{code}_ct.json").write_text(code)
    return Layout(tmp_path / "out")


def content(layout: Layout) -> dict[str, str]:
    return {str(p.relative_to(layout.root)): p.read_text() for p in layout.root.rglob("*.json")}


def inodes(layout: Layout) -> set[int]:
    return {path.stat().st_ino for path in layout.root.rglob("sub-*")}


def test_every_file_and_folder_of_a_case_is_new_and_holds_the_same(layout: Layout) -> None:
    before, numbers = content(layout), inodes(layout)
    renew(layout, layout.root / ".work" / "renewal")
    assert content(layout) == before
    assert inodes(layout).isdisjoint(numbers)
    assert not (layout.root / ".work" / "renewal").exists()


def test_rights_stay_as_they_were(layout: Layout) -> None:
    path = next(layout.root.rglob("*.json"))
    path.chmod(0o640)
    renew(layout, layout.root / ".work" / "renewal")
    assert path.stat().st_mode & 0o777 == 0o640


def test_what_is_saved_into_a_case_meanwhile_is_kept(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy, mask = shutil.copy2, layout.root / "sub-MM4" / "ses-fu24h" / "drawn.json"

    def with_a_reader_at_work(source: str, target: str) -> None:
        copy(source, target)
        if "sub-ZZ2" in source:
            mask.write_text("a reader's own")

    monkeypatch.setattr(shutil, "copy2", with_a_reader_at_work)
    renew(layout, layout.root / ".work" / "renewal")
    assert mask.read_text() == "a reader's own"


def test_the_numbers_of_the_files_tell_no_order_of_receipt(layout: Layout) -> None:
    renew(layout, layout.root / ".work" / "renewal")
    made = [(path.stat().st_ctime_ns, path.name) for path in layout.root.rglob("*.json")]
    assert [name for _, name in sorted(made)] == sorted(name for _, name in made)


@pytest.mark.parametrize("is_new_in_place", [False, True])
def test_an_interrupted_renewal_loses_no_case(layout: Layout, *, is_new_in_place: bool) -> None:
    before, work = content(layout), layout.root / ".work" / "renewal"
    case = layout.root / "sub-MM4"
    (work / "old").mkdir(parents=True)
    copy = shutil.copytree(case, work / "new" / case.name)
    case.rename(work / "old" / case.name)
    if is_new_in_place:
        copy.rename(case)
    restore(layout, work)
    shutil.rmtree(work)
    assert content(layout) == before
    restore(layout, work)


def test_a_copy_that_cannot_be_made_leaves_out_as_it_was(layout: Layout) -> None:
    before = content(layout)
    work = layout.root / ".work" / "renewal"
    (work / "new" / "sub-AA7").mkdir(parents=True)
    with pytest.raises(StoreError, match="free as much room"):
        renew(layout, work)
    assert content(layout) == before
