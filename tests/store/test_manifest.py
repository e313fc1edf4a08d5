from __future__ import annotations

from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.layout import Layout
from corelab.store.manifest import (
    LockStatement,
    check_lockable,
    differences,
    load_manifest,
    manifest_of,
    put_in_place,
)
from corelab.store.table import write_tables
from corelab.vocab import Problem

LOCKED = LockStatement(reason="database lock")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    write_tables(layout, [], "NCT0")
    return layout


def test_a_lock_names_every_later_change(layout: Layout) -> None:
    put_in_place(layout, manifest_of(layout, LOCKED))
    assert differences(layout, load_manifest(layout)) == ()
    layout.volumes_csv.write_text("changed")
    layout.reads_csv.unlink()
    (layout.root / "new.txt").write_text("x")
    rows = differences(layout, load_manifest(layout))
    found = {difference.path: difference.found for difference in rows}
    assert found == {"volumes.csv": "changed", "reads.csv": "removed", "new.txt": "added"}


def test_open_problems_refuse_the_lock_until_somebody_calls_them_final(layout: Layout) -> None:
    problem = Problem(subject_code="A", visit="v", reason_code="x", message="y")
    write_tables(layout, [problem], "NCT0")
    with pytest.raises(StoreError, match="1 open problems"):
        check_lockable(layout, "database lock", "")
    check_lockable(layout, "database lock", "the site has no other copy")


def test_a_lock_needs_a_reason_and_happens_once(layout: Layout) -> None:
    with pytest.raises(StoreError, match="reason"):
        check_lockable(layout, "  ", "")
    check_lockable(layout, "database lock", "")
    put_in_place(layout, manifest_of(layout, LOCKED))
    with pytest.raises(StoreError, match="already"):
        check_lockable(layout, "again", "")


def test_the_id_of_a_lock_follows_from_what_it_holds(layout: Layout) -> None:
    one, same = manifest_of(layout, LOCKED), manifest_of(layout, LOCKED)
    other = manifest_of(layout, LockStatement(reason="another lock"))
    assert one.lock_id == same.lock_id != other.lock_id


def test_a_link_is_not_followed_into_a_lock(layout: Layout) -> None:
    (layout.root / "notes").symlink_to(layout.root.parent)

    with pytest.raises(StoreError, match="notes, which is a link"):
        manifest_of(layout, LOCKED)
