from __future__ import annotations

from pathlib import Path

import pytest

from corelab.errors import StoreError
from corelab.store.layout import Layout
from corelab.store.manifest import LockStatement, differences, load_manifest, lock_out
from corelab.store.table import write_tables
from corelab.vocab import Problem


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    write_tables(layout, [], "NCT0")
    return layout


def test_a_lock_names_every_later_change(layout: Layout) -> None:
    lock_out(layout, LockStatement(reason="database lock"))
    assert differences(layout, load_manifest(layout)) == ()
    layout.volumes_csv.write_text("changed")
    layout.reads_csv.unlink()
    (layout.root / "new.txt").write_text("x")
    found = {
        difference.path: difference.found
        for difference in differences(layout, load_manifest(layout))
    }
    assert found == {"volumes.csv": "changed", "reads.csv": "removed", "new.txt": "added"}


def test_open_problems_refuse_the_lock(layout: Layout) -> None:
    problem = Problem(subject_code="A", visit="v", reason_code="x", message="y")
    write_tables(layout, [problem], "NCT0")
    with pytest.raises(StoreError, match="1 open problems"):
        lock_out(layout, LockStatement(reason="database lock"))


def test_a_lock_needs_a_reason_and_happens_once(layout: Layout) -> None:
    with pytest.raises(StoreError, match="reason"):
        lock_out(layout, LockStatement(reason="  "))
    lock_out(layout, LockStatement(reason="database lock"))
    with pytest.raises(StoreError, match="already"):
        lock_out(layout, LockStatement(reason="again"))
